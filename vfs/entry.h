/* vfs/entry.h -- changing what directories contain: make, link, remove, rename. Permission,
 * read-only mounts, locks and the dentry cache are seen to here; the file system's operation
 * does the rest.
 *
 * Names are kernel memory, NUL-terminated, borrowed. All of these wait.
 */
#ifndef VFS_ENTRY_H
#define VFS_ENTRY_H

#include "vfs/walk.h"

/* mknod, mkdir (mode S_IFDIR), symlink (S_IFLNK with target). umask is applied here. */
struct entry_make {
	struct co_frame co;
	int dirfd;
	const char *name;
	u32 mode, rdev;
	const char *target;
	struct path *place;	/* NULL, or gets where it is, with references */
	struct walk walk;
	struct dentry *d;
	struct inode *made;
	bool locked;
	long err;
};
co_t entry_make(struct co *co, struct entry_make *f);

/* In a directory whose lock is held for writing: make what d (negative) names, permission to
 * write the directory included. For entry_make and open. */
struct entry_create {
	struct co_frame co;
	struct path *dir;
	struct dentry *d;
	u32 mode, rdev;
	const char *target;
	const struct cred *cred;
	struct acl *acl, *default_acl;	/* [a] owned */
	struct inode *made;
	long err;
};
co_t entry_create(struct co *co, struct entry_create *f);

/* A file without a name on the file system of `dir`, whose permission it takes: *to becomes its
 * place, with references. */
struct entry_tmpfile {
	struct co_frame co;
	const struct path *dir;
	u32 mode;
	const struct cred *cred;
	bool linkable;
	struct path *to;
	struct acl *acl, *default_acl;	/* [a] owned */
	struct inode *made;
	long err;
};
co_t entry_tmpfile(struct co *co, struct entry_tmpfile *f);

/* linkat: `from` is the walked source (borrowed). */
struct entry_link {
	struct co_frame co;
	const struct path *from;
	int dirfd;
	const char *name;
	struct walk walk;
	struct dentry *d;
	bool locked;
	long err;
};
co_t entry_link(struct co *co, struct entry_link *f);

/* unlinkat: `directory` is AT_REMOVEDIR. */
struct entry_remove {
	struct co_frame co;
	int dirfd;
	const char *name;
	bool directory;
	struct walk walk;
	struct dentry *d;
	struct inode *victim;
	bool locked, victim_locked;
	long err, ignored;
};
co_t entry_remove(struct co *co, struct entry_remove *f);

/* renameat2: flags RENAME_*. */
struct entry_rename {
	struct co_frame co;
	int old_dirfd, new_dirfd;
	const char *old_name, *new_name;
	unsigned flags;
	struct walk *old, *new;	/* on the heap: frames stay small */
	struct dentry *from, *to;
	struct inode *victim;
	u8 locked;
	long err, ignored;
};
co_t entry_rename(struct co *co, struct entry_rename *f);

/* Without waiting: may cred add to, or take d out of, this directory? */
int entry_may_create(const struct path *dir, const struct cred *cred);
int entry_may_delete(const struct path *dir, const struct dentry *d, bool directory,
		     const struct cred *cred);

#endif
