/* vfs/mount.h -- where file systems hang in a namespace's tree (vfs/mount_ns.h).
 *
 * Ownership  mount_get/mount_put; the tree holds one reference of an attached mount, each open
 *            path another. A detached mount dies with its last reference.
 * Locking    mount_lock guards the tree, and dentry_lock too where it is changed, so a path
 *            walk, which holds that, may read it.
 */
#ifndef VFS_MOUNT_H
#define VFS_MOUNT_H

#include "vfs/dentry.h"
#include "vfs/super.h"

#define MOUNT_MAX 10000u	/* attached at a time in a namespace */

/* A mount's flags: MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME,
 * MS_RELATIME, MS_NOSYMFOLLOW as in <linux/mount.h>. */
struct mount_ns;

/* What else others say who are more in the kernel's confidence; vfs/mount_users.c. */
#define MOUNT_LOCK_PLACE (1u << 30)	/* it is not to be taken away from where it is */
#define MOUNT_LOCK_ATIME (1u << 31)	/* when access times change stays */

struct mount {
	refcount refs;		/* [a] */
	struct super *super;	/* [I] owned */
	struct dentry *root;	/* [I] owned: what of the super is seen */
	struct mount *parent;	/* itself: the root, or detached */
	struct dentry *point;	/* owned: where on the parent; NULL for a root */
	struct mount_ns *ns;	/* in whose tree it is attached; NULL: it is not */
	u32 flags;		/* [a] */
	u32 locked;		/* those of them that stay, and MOUNT_LOCK_*; under mount_lock */
	u32 id;			/* [I] */
	bool loose;		/* the root of a tree that is nowhere, and a descriptor's */
	bool expiring;		/* [a] MNT_EXPIRE was asked for, and nobody came since */
	struct list children, child;
	struct list all;	/* the namespace's in order of mounting, for /proc/mounts */
	bool unbindable;
	struct mount_group *group, *master;	/* vfs/mount_share.h */
	struct list peer, slave;		/* among the group's members, the master's slaves */
	struct list heard;			/* while something spreads */
	char *source;		/* [I] owned: what mount(2) was given */
};

void mount_init(void);
void mount_get(struct mount *m);
void mount_put(struct mount *m);
/* By who did not use it, and so does not keep it from expiring. */
void mount_put_unused(struct mount *m);

/* The root of the first namespace, with references; a cleared path before there is one. */
void mount_root(struct path *to);
/* Make `super` (a reference, taken over) its root: the kernel's first mount. */
int mount_set_root(struct super *super, const char *source);

/* If something is mounted on p, go to its root (repeatedly): true if it moved. p holds no
 * references here. */
bool mount_cross_locked(struct path *p) REQUIRES(dentry_lock);

/* Is it in the current task's namespace? What is not is not to be changed (-EINVAL). */
bool mount_is_here(const struct mount *m);

/* May the current task change what is mounted in its namespace? */
bool mount_may_change(void);
/* May it mount a file system of that type, and of what user namespace is that then (borrowed)? */
bool mount_may_make(const struct fs_type *type);
struct user_ns *mount_type_users(const struct fs_type *type);
/* Do the current task's programs get rights from the files they are in? */
bool mount_may_suid(const struct mount *m);
bool mount_may_open_device(const struct mount *m);
/* -EPERM: it would show what is hidden in the current namespace. */
int mount_check_revealing(struct mount *m);

/* Writing through this mount: 0 or -EROFS. */
int mount_may_write(const struct mount *m);

/* Attach a new mount of super (reference taken over in any case) on `at`. */
struct mount *mount_new(struct super *super, struct dentry *root, u32 flags, const char *source);
int mount_attach(struct mount *m, const struct path *at);

/* mount(2) of an existing tree. */
/* -EINVAL, -ENOMEM, -EPERM. */
int mount_bind(const struct path *from, const struct path *at, bool recursive);
/* A tree that is nowhere yet becomes attached. -EINVAL, -ELOOP. */
int mount_move(const struct path *from, const struct path *at);
/* A copy that is attached nowhere: its root, the caller's reference. -EINVAL, -ENOMEM. */
int mount_clone(const struct path *from, bool recursive, struct mount **to);
/* Nobody has such a tree any more: it goes, unless it was attached. The reference stays. */
void mount_dissolve(struct mount *m);
/* Flags to set and clear (MS_*), of all below too; and how it shares what is mounted on it, 0:
 * as before. -EINVAL if it is no mount's root, -ENOMEM, -EPERM if a lock is against it. */
int mount_set_attr(const struct path *at, u32 set, u32 clear, u32 share, bool recursive);
/* `to`, a private mount of the same file system, joins the group and master of `from`, which shows
 * as much or more of it: -EINVAL, -EPERM, -ENOMEM. */
int mount_join(const struct path *from, const struct path *to);
/* The mount's own flags (MS_BIND | MS_REMOUNT): -EINVAL, -EPERM. */
int mount_set_flags(const struct path *at, u32 flags);
/* flags: MNT_DETACH, MNT_EXPIRE, MNT_FORCE (ignored), UMOUNT_NOFOLLOW (the walk's). */
int mount_umount(const struct path *at, unsigned flags);
/* new_root's mount takes the place of root's, which goes to put_old. -EINVAL, -EBUSY. */
int mount_pivot(const struct path *root, const struct path *new_root,
		const struct path *put_old);

/* A new file system's mount, attached nowhere. */
struct mount_make {
	struct co_frame co;
	struct fs_type *type;
	u32 dev;
	const char *source, *options;	/* never NULL */
	u32 flags;			/* MS_*, with SUPER_SYNCED */
	struct mount **made;
	struct super *super;
	bool shared;
	long err;
};
co_t mount_make(struct co *co, struct mount_make *f);
/* The same mounted on `at`. */
struct mount_fs {
	struct co_frame co;
	const struct path *at;
	struct fs_type *type;
	u32 dev;
	const char *source, *options;
	u32 flags;
	struct mount *mount;
	long err;
};
co_t mount_fs(struct co *co, struct mount_fs *f);

/* For /proc/mounts and mountinfo: call show for each mount of a namespace whose mount point lies
 * below root (of a process's fs context), oldest first. Paths are as text; `options` is the
 * complete list, "rw,nosuid,size=4k". Stops when show returns false. Never waits. */
struct mount_info {
	u32 id, parent_id, dev;
	const char *source, *type;
	const char *root, *point;	/* escaped as Linux does (\040) */
	const char *options;		/* the mount's: "rw,relatime" */
	const char *super_options;	/* the super's: "rw,size=..." */
	const char *synced;		/* that, too: ",sync,dirsync", or empty */
	const char *shares;		/* " shared:1 master:2", or empty */
};
int mount_each(struct mount_ns *ns, const struct path *root,
	       bool (*show)(void *arg, const struct mount_info *i), void *arg);

#endif
