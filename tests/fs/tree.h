/* tests/fs/tree.h -- a file system as a list of lines, one per file: seen by the kernel on the
 * simulated machine, or by the build host. Equal lists: the kernel read all of it correctly.
 *
 *	/path type+mode uid gid links size seconds what
 *
 * `what` is a checksum of the contents, a link's target, or a device's number. Directories
 * have no links, size and seconds: they differ between file systems. For each extended attribute
 * there is a line "/path@name size checksum" more.
 */
#ifndef TREE_H
#define TREE_H

#include <stddef.h>

#include "hal/types.h"
#include "vfs/super.h"

/* Lies in memory that the run shares with the test. */
struct tree {
	size_t len;
	unsigned files, errors;
	bool full;
	bool brief;	/* no link counts and times: they differ after changes */
	char text[24u << 20];
};
struct tree *tree_new(void);
void tree_clear(struct tree *t);
void tree_sort(struct tree *t);
/* The first line that differs, for a failure's message; NULL: they are equal. */
const char *tree_difference(const struct tree *a, const struct tree *b);

/* What the build host sees below `folder`. */
void tree_of_host(struct tree *t, const char *folder);

/* Bring up what lies between the executor and file systems; once, in the run. */
void tree_boot(void);
/* A root file system (tmpfs) with these directories in it; the running task gets it, and all
 * rights. */
struct tree_root {
	struct co_frame co;
	const char *const *dirs;	/* ends with NULL */
	struct super *super;
	struct fs_type *fs;
	long err;
};
co_t tree_root(struct co *co, struct tree_root *f);

/* mount(2). */
struct tree_mount {
	struct co_frame co;
	const char *type, *at, *options;
	u32 dev;
	u32 flags;
	struct walk *walk;
	struct inode **root;	/* of what was mounted; borrowed */
	long err;
};
co_t tree_mount(struct co *co, struct tree_mount *f);


/* Mount by calling the file system, list everything below the root. A file that cannot be read
 * is a line with its error. The result is the mount's error. `made` (may be NULL) keeps the
 * super; otherwise it is let go of. */
struct tree_of_mount {
	struct co_frame co;
	const char *type, *options;
	u32 dev;
	struct tree *tree;
	struct super **made;
	struct super *super;
	struct fs_type *fs;
	long err;
};
co_t tree_of_mount(struct co *co, struct tree_of_mount *f);

/* List what lies below a directory (borrowed), with a limit on what a broken image may make. */
struct tree_of_inode {
	struct co_frame co;
	struct inode *root;
	struct tree *tree;
	struct tree_work *work, *todo;
	struct tree_name *name;
	struct inode *inode;
	struct page *page;
	char *path;
	u64 index;
	u32 crc;
	long err;
};
co_t tree_of_inode(struct co *co, struct tree_of_inode *f);

/* How many live instances of a kind of file system there are. */
unsigned tree_supers(const char *type);

/* umount2(at, flags), and wait until all of it is torn down. */
struct tree_umount {
	struct co_frame co;
	const char *at;
	unsigned flags;
	struct walk *walk;
	struct path path;
	long err;
};
co_t tree_umount(struct co *co, struct tree_umount *f);

#endif
