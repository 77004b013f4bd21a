/* vfs/xattr.h -- extended attributes: who may read and change which, and the lists of names.
 *
 * "user." is for files and directories, under their mode; "trusted." for who has
 * CAP_SYS_ADMIN; "security." is anybody's to read and CAP_SYS_ADMIN's to change
 * ("security.capability": CAP_SETFCAP's, and of a form that exec understands);
 * "system.posix_acl_*" are the access control lists (vfs/acl.h).
 *
 * Ownership  names and buffers are kernel memory, borrowed.
 * Units      bytes; names 1..XATTR_NAME_MAX without their NUL, values up to XATTR_SIZE_MAX.
 */
#ifndef VFS_XATTR_H
#define VFS_XATTR_H

#include <linux/capability.h>

#include <linux/limits.h>
#include <linux/xattr.h>

#include "core/cred/cred.h"
#include "vfs/path.h"

struct inode;

/* Names being collected, each with its NUL. */
struct xattr_names {
	char *to;	/* NULL: only counted */
	size_t size, used;
	bool trusted;	/* those of "trusted." too */
};
/* What does not fit is counted all the same. */
void xattr_names_add(struct xattr_names *names, const char *name, size_t len);
/* What follows a prefix in a name; NULL if the name has another. */
const char *xattr_after(const char *name, const char *prefix);

/* All of these wait. */

/* The value's length; size 0: only that. */
struct xattr_get {
	struct co_frame co;
	struct inode *inode;
	const struct cred *cred;
	const char *name;
	void *to;
	size_t size;
	long n;
};
co_t xattr_get(struct co *co, struct xattr_get *f);

/* value NULL: remove. flags: XATTR_CREATE, XATTR_REPLACE. */
struct xattr_set {
	struct co_frame co;
	const struct path *path;
	const struct cred *cred;
	const char *name;
	const void *value;
	size_t size;
	int flags;
	struct vfs_ns_cap_data caps;	/* instead of the value */
	long err;
};
co_t xattr_set(struct co *co, struct xattr_set *f);

/* The list's length, -ERANGE if it does not fit. */
struct xattr_list {
	struct co_frame co;
	struct inode *inode;
	struct xattr_names names;
	long err;
};
co_t xattr_list(struct co *co, struct xattr_list *f);

/* A value without asking who reads: for exec and copies between layers. As inode_getxattr. */
struct xattr_read {
	struct co_frame co;
	struct inode *inode;
	const char *name;
	void *to;
	size_t size;
	long n;
};
co_t xattr_read(struct co *co, struct xattr_read *f);

#endif
