/* vfs/dentry.h -- names: a cache of what directories contain, and of what they do not.
 *
 * A dentry is a name in a directory and the inode it stands for; without one it is negative:
 * the name is known to be absent. All of the cache is under one spinlock, dentry_lock, taken
 * once for as much of a path walk as is cached.
 *
 * Ownership  dentry_get/dentry_put. A dentry owns a reference of its parent and of its inode.
 *            Unused ones (refs 0) that are still hashed stay in the LRU until reclaim.
 * Locking    dentry_lock: all fields unless marked. A positive dentry somebody holds keeps its
 *            inode as long as it is held, so `inode` of a held dentry may be read freely.
 *            Names and parents change under it (rename).
 */
#ifndef VFS_DENTRY_H
#define VFS_DENTRY_H

#include "vfs/inode.h"

#define DENTRY_NAME_MAX	   255
#define DENTRY_INLINE_NAME 40

enum {
	DENTRY_HASHED = 1u << 0, /* found by name; cleared when it is removed */
	DENTRY_ROOT = 1u << 1,	 /* of its super */
	DENTRY_FOLDS = 1u << 2,	 /* names in it are compared by super_ops.fold */
};

struct dentry {
	refcount refs;		/* [a]; 0 -> 1 and 1 -> 0 only under dentry_lock */
	u32 flags;
	u32 mounts;		/* mounts on it; not removed while there are any */
	u32 hash, len;
	struct dentry *parent;	/* itself for a root */
	struct inode *inode;	/* NULL: negative */
	struct super *super;	/* [I] */
	struct list bucket;
	struct list lru;
	struct list children, child;
	char *name;		/* NUL-terminated: inline_name or kmalloc'ed */
	char inline_name[DENTRY_INLINE_NAME];
};

extern spinlock dentry_lock;

void dentry_init(void);	/* at boot, after slab_init */

void dentry_get(struct dentry *d);
void dentry_get_locked(struct dentry *d) REQUIRES(dentry_lock);
void dentry_put(struct dentry *d);	/* NULL is ignored; never waits */

/* A cached name of the inode, with a reference, among some of the cache: *slot is where to go on,
 * 0 after the last. Without one NULL. */
struct dentry *dentry_of(const struct inode *inode, unsigned *slot);

/* The root of a super; takes the inode reference over, also when it returns NULL. */
struct dentry *dentry_new_root(struct super *s, struct inode *root);
/* One that no directory holds (pipes, sockets): takes the inode over as above. */
struct dentry *dentry_new_loose(struct super *s, struct inode *inode, const char *name);

/* One that its directory does not hold and nobody finds (O_TMPFILE). Takes the inode over. */
struct dentry *dentry_new_hidden(struct dentry *parent, struct inode *inode, const char *name);

u32 dentry_hash(const struct dentry *parent, const char *name, size_t len);
/* The cached child, without a reference, or NULL. */
struct dentry *dentry_find_locked(struct dentry *parent, const char *name, size_t len)
	REQUIRES(dentry_lock);
/* The same with a reference. */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len);

/* Enter what a directory holds under this name (inode NULL: nothing): a referenced dentry, the
 * one that is there already if another task was first, NULL without memory. Takes the inode
 * reference over in any case. The directory's lock is held. */
struct dentry *dentry_add(struct dentry *parent, const char *name, size_t len,
			  struct inode *inode);

/* A negative dentry becomes positive (create, link); takes the inode reference over. */
void dentry_fill(struct dentry *d, struct inode *inode);
/* The entry is gone: no longer found by name. Who has it open keeps it. */
void dentry_drop(struct dentry *d);
/* The same for everything cached below d. */
void dentry_drop_children(struct dentry *d);
/* Rename: d takes the place of `to` (which is dropped) below its parent. Under both
 * directories' locks. -ENOMEM before anything changed. */
int dentry_move(struct dentry *d, struct dentry *to);
int dentry_exchange(struct dentry *a, struct dentry *b);

/* Is d `above` or below it? */
bool dentry_is_below(const struct dentry *d, const struct dentry *above);
bool dentry_is_below_locked(const struct dentry *d, const struct dentry *above)
	REQUIRES(dentry_lock);

/* Free unused entries of the LRU, about n; how many. */
u64 dentry_shrink(u64 n);
/* All unused ones of a super (umount), or of all (NULL). */
void dentry_shrink_super(struct super *s);
u64 dentry_unused(void);

#endif
