/* fs/fat/namei.h -- what making, removing and renaming have in common. */
#ifndef FAT_NAMEI_H
#define FAT_NAMEI_H

#include "fs/fat/dir.h"

/* With MS_SYNCHRONOUS or MS_DIRSYNC a change is waited for. */
struct fat_namei_settle {
	struct co_frame co;
	struct inode *a, *b;	/* directories; b may be NULL or a */
	long err;
};
co_t fat_namei_settle(struct co *co, struct fat_namei_settle *f);

/* Its times. */
void fat_dir_changed(struct inode *dir);
/* Parse a name that is to be made into s->name: 0, or Linux's errors. */
long fat_create_name(struct fat_scan *s, const char *name, size_t len);
/* The inode has no name any more. */
void fat_lost_link(struct inode *dir, struct inode *inode);

struct fat_rename {
	struct inode_rename;
	struct fat_scan *scan;
	/* The pages with the two entries and of the directories whose ".." changes: held. */
	struct page *held[4];
	u32 offset;		/* of the old entry */
	u8 slots;
	long err, ignored;
};
co_t fat_rename(struct co *co, struct fat_rename *f);

#endif
