/* vfs/acl.h -- POSIX access control lists: who beside owner, group and others may do what.
 *
 * A list never changes once an inode points at it: another one takes its place. Its text form
 * is the value of "system.posix_acl_access" and "system.posix_acl_default" (a directory's, for
 * what is made in it): <linux/posix_acl_xattr.h>.
 *
 * Ownership  acl_get/acl_put; an inode owns one reference of each of its lists.
 * Locking    an inode's `acl` and `default_acl` are under its attr_lock. Nothing here waits.
 */
#ifndef VFS_ACL_H
#define VFS_ACL_H

#include <linux/posix_acl.h>

#include "core/base/atomic.h"
#include "core/cred/cred.h"
#include "vfs/inode.h"

struct acl_entry {
	u16 tag, perm;	/* ACL_USER_OBJ...; bits as in access(2) */
	u32 id;		/* of ACL_USER and ACL_GROUP */
};

struct acl {
	refcount refs;	/* [a] */
	u32 count;	/* all [I] once published */
	struct acl_entry entries[];
};

/* Room for `count` entries with one reference; NULL without memory. */
struct acl *acl_new(u32 count);
void acl_get(struct acl *a);
void acl_put(struct acl *a);	/* NULL is ignored */

/* From an attribute's value, with ids of the current task's: 0 and *to (NULL for an empty one),
 * -EINVAL, -EOPNOTSUPP for another version, -ENOMEM. Checked but for acl_valid. */
int acl_parse(const void *value, size_t size, struct acl **to);
/* Its value's size for the current task, and the value if it fits; -ERANGE if not. size 0: only
 * the size. */
long acl_text(const struct acl *a, void *to, size_t size);
/* Are the entries in their order, and complete? */
bool acl_valid(const struct acl *a);
/* The permission bits it stands for; true if they say all of it. */
bool acl_mode(const struct acl *a, u32 *mode);

/* One of the inode's lists with a reference, or NULL. */
struct acl *acl_of(struct inode *inode, bool is_default);
/* Publish (a reference is taken over; NULL: none). */
void acl_set(struct inode *inode, bool is_default, struct acl *a);
/* `to` gets what `from` has. */
void acl_share(struct inode *to, struct inode *from);

/* The names of those it has, into a list. */
void acl_list(struct inode *inode, struct xattr_names *to);

/* The rules for an inode that has one: 0 or -EACCES. */
int acl_permission(struct inode *inode, const struct cred *cred, unsigned want);

/* The access list after chmod to `mode`: *to, referenced, NULL if there is none. -ENOMEM. */
int acl_chmod(struct inode *inode, u32 mode, struct acl **to);

/* Something with *mode is made in dir: without a default list the umask applies; with one *acl
 * and *default_acl (referenced, may be NULL) are the new one's. -ENOMEM. */
int acl_inherit(struct inode *dir, u32 umask, u32 *mode, struct acl **acl,
		struct acl **default_acl);

#endif
