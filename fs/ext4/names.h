/* fs/ext4/names.h -- changing directories, inodes and their attributes: what the files that do it
 * share beside fs/ext4/write.h.
 *
 * What is changed is changed under a handle, with the directory's lock held for writing. A
 * change finds and allocates what it needs first. If it fails when it has begun, what the handle
 * changed so far would not make sense: the journal is aborted (ext4_give_up).
 *
 * Ownership  a frame's pointers are borrowed until it is done; a buffer that is handed out is
 *            put by who asked for it.
 */
#ifndef EXT4_NAMES_H
#define EXT4_NAMES_H

#include "fs/ext4/write.h"
#include "fs/ext4/xattr.h"


/* A change failed halfway: nothing is written any more. Returns err. */
long ext4_give_up(struct ext4 *fs, const char *what, long err);

/* --- dir.c --- */

/* Where an entry lies. */
struct ext4_place {
	u32 ino;	/* 0: there is none */
	u32 block;	/* of the directory */
	u16 offset;	/* in the block */
};
struct ext4_dir_find {
	struct co_frame co;
	struct inode *dir;
	const char *name;
	size_t len;
	struct ext4_place *place;
	struct ext4_index *path;
	long err;
};
co_t ext4_dir_find(struct co *co, struct ext4_dir_find *f);

/* After a change of a block of dir: its checksum. */
void ext4_dir_seal(struct inode *dir, u8 *block);

/* --- dir_write.c --- */

struct ext4_entry {
	const char *name;
	size_t len;
	u32 ino;
	u32 mode;	/* its type */
};

/* Bytes that an entry takes. */
static inline u32 ext4_dirent_size(size_t len)
{
	return (u32)round_up(EXT4_DIRENT_HEAD + len, 4);
}
/* Where the entries of a leaf end. */
static inline u32 ext4_leaf_end(const struct ext4 *fs)
{
	return fs->block_size -
	       (fs->checksums ? (u32)sizeof(struct ext4_dirent_tail) : 0);
}

/* An entry that is empty, or has room behind its name, for `size` bytes; NULL. */
struct ext4_dirent *ext4_dirent_room(const struct ext4 *fs, u8 *block, u32 size);
/* Put an entry there. */
void ext4_dirent_put(const struct ext4 *fs, struct ext4_dirent *room, const struct ext4_entry *new);
/* Put one into a leaf that has room. */
void ext4_leaf_put(struct inode *dir, u8 *block, const struct ext4_entry *new);
/* A leaf without entries. */
void ext4_leaf_clear(const struct ext4 *fs, u8 *block);

/* Block `block` of dir, to be changed: *buffer. */
struct ext4_dir_access {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	u32 block;
	struct buffer **buffer;
	struct page *page;
	u8 *data;
	struct ext4_run run;
	long err;
};
co_t ext4_dir_access(struct co *co, struct ext4_dir_access *f);
/* One more block at dir's end, cleared (ext4_leaf_clear): *buffer, to be changed. */
struct ext4_dir_append {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	struct buffer **buffer;
	u32 block;
	struct page *page;
	u64 start;
	long err;
};
co_t ext4_dir_append(struct co *co, struct ext4_dir_append *f);

/* Blocks that an entry's addition changes at most. */
u32 ext4_entry_credits(struct inode *dir);
/* Add an entry whose name is not there. -ENOSPC. */
struct ext4_entry_add {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	const struct ext4_entry *entry;
	u32 block;
	bool room;
	struct page *page;
	u8 *data;
	struct buffer *buffer;
	long err;
};
co_t ext4_entry_add(struct co *co, struct ext4_entry_add *f);
/* Have the entry at `place` name `ino`; with 0 it goes. 1 credit. */
struct ext4_entry_set {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	const struct ext4_place *place;
	u32 ino, mode;
	struct buffer *buffer;
	long err;
};
co_t ext4_entry_set(struct co *co, struct ext4_entry_set *f);

/* The first block of a new directory. */
struct ext4_dir_make {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir, *parent;
	struct buffer *buffer;
	long err;
};
co_t ext4_dir_make(struct co *co, struct ext4_dir_make *f);
/* Its ".." leads to `parent` from now on. 1 credit. */
struct ext4_dir_reparent {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir, *parent;
	struct buffer *buffer;
	long err;
};
co_t ext4_dir_reparent(struct co *co, struct ext4_dir_reparent *f);
/* 0, or -ENOTEMPTY. */
struct ext4_dir_check_empty {
	struct co_frame co;
	struct inode *dir;
	u32 block;
	struct page *page;
	u8 *data;
	bool full;
	long err;
};
co_t ext4_dir_check_empty(struct co *co, struct ext4_dir_check_empty *f);

/* --- htree_write.c --- */

/* Add an entry to a hashed directory. -ENOSPC: the index has no more levels. */
struct ext4_index_add {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	const struct ext4_entry *entry;
	struct ext4_index path;
	u32 hash;
	unsigned rounds;
	/* One step: a node or leaf of level `level`, the node above it, the new one. */
	unsigned level;
	struct buffer *old, *above, *new;
	u32 new_block;
	long err;
};
co_t ext4_index_add(struct co *co, struct ext4_index_add *f);
/* A directory of one block gets an index and a second block. */
struct ext4_index_make {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	struct ext4_leaf_work *work;
	struct buffer *root, *leaf;
	long err;
};
co_t ext4_index_make(struct co *co, struct ext4_index_make *f);

/* --- orphan.c --- */

/* When it was deleted, or, of an orphan in the list, the next one's number. 1 credit; writes all of
 * the inode. */
struct ext4_inode_set_dtime {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u32 dtime;
	struct buffer *buffer;
	u32 offset;
	long err;
};
co_t ext4_inode_set_dtime(struct co *co, struct ext4_inode_set_dtime *f);

/* Before the mount, and after the last inode is gone. */
void ext4_orphans_init(struct ext4 *fs);
void ext4_orphans_free(struct ext4 *fs);

/* Without the disk: it is in no list of memory's any more. */
struct ext4_orphan_forget {
	struct co_frame co;
	struct inode *inode;
};
co_t ext4_orphan_forget(struct co *co, struct ext4_orphan_forget *f);

/* Set features that are ro_compat (EXT4_RO_*) in the super block. 1 credit, 0 if they are there. */
struct ext4_feature_add {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u32 ro_compat;
	long err;
};
co_t ext4_feature_add(struct co *co, struct ext4_feature_add *f);

/* --- ialloc.c --- */

void ext4_inodes_init(struct ext4 *fs);
void ext4_inodes_free(struct ext4 *fs);

/* --- namei.c --- */

/* vfs/super.h: an inode without links whose last reference is gone. */
struct ext4_evict {
	struct super_evict;
	unsigned tries;
	long err, ignored;
};
co_t ext4_evict(struct co *co, struct ext4_evict *f);

struct ext4_create {
	struct inode_create;
	long err;
};
co_t ext4_create(struct co *co, struct ext4_create *f);
struct ext4_tmpfile {
	struct inode_create;
	long err;
};
co_t ext4_tmpfile(struct co *co, struct ext4_tmpfile *f);
struct ext4_link {
	struct inode_link;
	long err;
};
co_t ext4_link(struct co *co, struct ext4_link *f);
struct ext4_unlink {
	struct inode_unlink;
	struct handle handle;
	struct ext4_place place;
	long err, ignored;
};
co_t ext4_unlink(struct co *co, struct ext4_unlink *f);

/* --- rename.c --- */

struct ext4_rename {
	struct inode_rename;
	long err;
};
co_t ext4_rename(struct co *co, struct ext4_rename *f);

/* The number of links of a directory as that of those in it changes by n; it may be full. */
bool ext4_dir_links_full(struct inode *dir);
void ext4_dir_link(struct inode *dir, int n);
/* An inode lost a name: orphan if that was the last. 4 credits. Writes it. */
struct ext4_drop_link {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	long err;
};
co_t ext4_drop_link(struct co *co, struct ext4_drop_link *f);
/* A directory's entries changed: its times; writes it. 1 credit. */
struct ext4_dir_changed {
	struct co_frame co;
	struct handle *handle;
	struct inode *dir;
	long err;
};
co_t ext4_dir_changed(struct co *co, struct ext4_dir_changed *f);
/* End the handle, and wait for the disk if the directory is of those that want it. */
struct ext4_names_stop {
	struct co_frame co;
	struct handle *handle;
	const struct inode *dir;
	struct journal *journal;
	u32 tid;
	long err;
};
co_t ext4_names_stop(struct co *co, struct ext4_names_stop *f);

/* A new inode with all that belongs to it, but no name: *inode, NULL on an error. */
struct ext4_make {
	struct co_frame co;
	struct handle *handle;
	const struct inode_create *how;
	struct inode **inode;
	struct inode *made;
	long err, ignored;
};
co_t ext4_make(struct co *co, struct ext4_make *f);
/* It was made in vain: it goes, after the handle. Takes the reference. */
struct ext4_unmake {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	long err;
};
co_t ext4_unmake(struct co *co, struct ext4_unmake *f);

/* --- attr.c --- */

struct ext4_setattr {
	struct inode_setattr;
	struct handle handle;
	struct acl *acl;
	bool open;
	long err;
};
co_t ext4_setattr(struct co *co, struct ext4_setattr *f);
struct ext4_setacl {
	struct inode_setacl;
	long err;
};
co_t ext4_setacl(struct co *co, struct ext4_setacl *f);
struct ext4_setflags {
	struct inode_setflags;
	struct handle handle;
	long err;
};
co_t ext4_setflags(struct co *co, struct ext4_setflags *f);
u32 ext4_getflags(const struct inode *inode);
/* What an inode's EXT4_*_FL say to the vfs (INODE_*). */
void ext4_flags_apply(struct ext4_inode *e);
/* What a new one of `mode` has of its directory's. */
u32 ext4_flags_inherited(u32 dir_flags, u32 mode);

#define EXT4_INODE_OPS                                              \
	EXT4_XATTR_OPS,                                             \
	.setxattr = CO_IMPLEMENTS(inode_setxattr, ext4_setxattr),   \
	.setattr = CO_IMPLEMENTS(inode_setattr, ext4_setattr),      \
	.setacl = CO_IMPLEMENTS(inode_setacl, ext4_setacl),         \
	.getflags = ext4_getflags,                                  \
	.setflags = CO_IMPLEMENTS(inode_setflags, ext4_setflags),   \
	.drop_caps = ext4_drop_caps

#endif
