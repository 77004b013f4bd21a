/* fs/ext4/xattr.h -- extended attributes and access control lists: read and changed.
 *
 * Locking    inode.lock, for reading or writing.
 */
#ifndef EXT4_XATTR_H
#define EXT4_XATTR_H

#include "fs/ext4/ext4.h"
#include "fs/journal/journal.h"

struct acl;

/* --- xattr.c --- */

/* A table of entries: [first, end), values counted from `base`. */
struct ext4_xattr_table {
	const u8 *first, *base, *end;
	bool hashed;		/* entries' hashes are to be checked */
};

struct ext4_getxattr {
	struct inode_getxattr;
	long n;
};
co_t ext4_getxattr(struct co *co, struct ext4_getxattr *f);

struct ext4_listxattr {
	struct inode_listxattr;
	struct ext4_xattr_table table;
	struct page *page;
	unsigned step;
	long err;
};
co_t ext4_listxattr(struct co *co, struct ext4_listxattr *f);
#define EXT4_XATTR_OPS                                              \
	.getxattr = CO_IMPLEMENTS(inode_getxattr, ext4_getxattr),   \
	.listxattr = CO_IMPLEMENTS(inode_listxattr, ext4_listxattr)

/* Does the inode at `data` have some behind it? */
bool ext4_xattr_inside(const struct ext4 *fs, const u8 *data);
/* A fresh inode gets its access control lists and INODE_CAPS. disk: where it lies. */
struct ext4_xattr_load {
	struct co_frame co;
	struct ext4_inode *inode;
	const u8 *disk;
	u8 *value;
	unsigned which;
	long n;
};
co_t ext4_xattr_load(struct co *co, struct ext4_xattr_load *f);

const struct ext4_xattr_entry *ext4_xattr_next(const struct ext4_xattr_entry *e);
bool ext4_xattr_is_end(const struct ext4_xattr_entry *e);
const struct ext4_xattr_entry *ext4_xattr_find(const struct ext4_xattr_table *t, u8 index,
					       const char *name);
/* The whole table is sound. */
bool ext4_xattr_valid(const struct ext4_xattr_table *t);
/* The table behind an inode's fields: true if there is one. data: the inode on disk. */
bool ext4_xattr_of_inode(const struct ext4 *fs, const u8 *data, struct ext4_xattr_table *t);
/* What is wrong with a block of attributes, or NULL and its table. */
const char *ext4_xattr_of_block(const struct ext4 *fs, u64 block, const u8 *data,
				struct ext4_xattr_table *t);
u32 ext4_xattr_checksum(const struct ext4 *fs, u64 block, const u8 *data);
u32 ext4_xattr_hash(const struct ext4_xattr_entry *e, const u8 *value);
/* The number of a name's prefix, and what follows that; 0: nobody may set such a one. */
u8 ext4_xattr_index(const char *name, const char **rest);

/* --- xattr_write.c --- */

/* Blocks that a change of one attribute touches at most. */
#define EXT4_XATTR_CREDITS 16u

/* As inode_setxattr, and lists of access by index with an empty name; under a handle; writes the
 * inode. */
struct ext4_xattr_set {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	u8 index;		/* EXT4_XATTR_* */
	const char *name;	/* what follows the prefix */
	const void *value;
	size_t size;		/* [a] an inode's, not this */
	int flags;
	struct ext4_xattr_work *work;
	long err;
};
co_t ext4_xattr_set(struct co *co, struct ext4_xattr_set *f);
/* An access control list into its attribute; NULL: none. */
struct ext4_acl_store {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	bool is_default;
	const struct acl *acl;
	u8 *value;
	long err;
};
co_t ext4_acl_store(struct co *co, struct ext4_acl_store *f);
/* The inode goes: its block of attributes, too. 4 credits. */
struct ext4_xattr_drop {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	struct buffer *buffer;
	long err;
};
co_t ext4_xattr_drop(struct co *co, struct ext4_xattr_drop *f);
struct ext4_setxattr {
	struct inode_setxattr;
	long err;
};
co_t ext4_setxattr(struct co *co, struct ext4_setxattr *f);
/* "security.capability" is gone from now on; it leaves the disk when the inode is written, by the
 * second. */
void ext4_drop_caps(struct inode *inode);
struct ext4_caps_remove {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	long err;
};
co_t ext4_caps_remove(struct co *co, struct ext4_caps_remove *f);

#endif
