/* vfs/xattr.c */
#include "vfs/xattr.h"

#include <linux/capability.h>
#include <linux/stat.h>

#include "core/base/errno.h"
#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/fileattr.h"
#include "vfs/inotify.h"
#include "vfs/mount.h"
#include "vfs/super.h"

enum xattr_kind {
	XATTR_USER,
	XATTR_TRUSTED,
	XATTR_SECURITY,
	XATTR_ACL_ACCESS,
	XATTR_ACL_DEFAULT,
	XATTR_SYSTEM,
	XATTR_OTHER,
};

void xattr_names_add(struct xattr_names *names, const char *name, size_t len)
{
	if (!names->trusted && len >= XATTR_TRUSTED_PREFIX_LEN &&
	    !memcmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN))
		return;
	if (names->to && names->used + len + 1 <= names->size) {
		memcpy(names->to + names->used, name, len);
		names->to[names->used + len] = 0;
	}
	names->used += len + 1;
}

const char *xattr_after(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) ? NULL : name + len;
}

/* The kind, and whether anything follows the prefix. */
static enum xattr_kind xattr_kind_of(const char *name, bool *whole)
{
	static const char *const prefixes[] = {
		[XATTR_USER] = XATTR_USER_PREFIX,
		[XATTR_TRUSTED] = XATTR_TRUSTED_PREFIX,
		[XATTR_SECURITY] = XATTR_SECURITY_PREFIX,
	};

	*whole = true;
	if (!strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS))
		return XATTR_ACL_ACCESS;
	if (!strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT))
		return XATTR_ACL_DEFAULT;
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++) {
		const char *rest = xattr_after(name, prefixes[i]);

		if (rest) {
			*whole = *rest;
			return (enum xattr_kind)i;
		}
	}
	return xattr_after(name, XATTR_SYSTEM_PREFIX) ? XATTR_SYSTEM : XATTR_OTHER;
}

/* Who may, apart from what the file system has. */
static long xattr_may(struct inode *inode, const struct cred *cred, enum xattr_kind kind,
		      bool write)
{
	const long refused = write ? -EPERM : -ENODATA;

	if (write && fileattr_fixed(inode))
		return -EPERM;
	if (kind == XATTR_SECURITY || kind == XATTR_SYSTEM)
		return 0;
	if (kind == XATTR_TRUSTED)
		return cred_capable(cred, CAP_SYS_ADMIN) ? 0 : refused;
	if (kind == XATTR_USER) {
		if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
			return refused;
		if (write && S_ISDIR(inode->mode) && (inode->mode & S_ISVTX) &&
		    !cred_owns(cred, inode->uid))
			return -EPERM;
	}
	return inode_permission(inode, cred, write ? CRED_WRITE : CRED_READ);
}

/* --- file capabilities: their two forms --- */

static u32 xattr_caps_form(const void *value, size_t size)
{
	u32 magic;

	if (size < sizeof(magic))
		return 0;
	memcpy(&magic, value, sizeof(magic));
	magic &= ~(u32)VFS_CAP_FLAGS_EFFECTIVE;
	if ((magic == VFS_CAP_REVISION_2 && size == XATTR_CAPS_SZ_2) ||
	    (magic == VFS_CAP_REVISION_3 && size == XATTR_CAPS_SZ_3))
		return magic;
	return 0;
}

/* What is kept: whose root they count for is said, unless it is the file system's, by its word. */
static long xattr_caps_taken(struct xattr_set *f, const struct inode *inode)
{
	const struct user_ns *users = inode->super->users;
	u32 form = xattr_caps_form(f->value, f->size), root;

	if (!form)
		return -EINVAL;
	if (!cred_capable_of(f->cred, inode->uid, inode->gid, CAP_SETFCAP))
		return -EPERM;
	if (form == VFS_CAP_REVISION_2 && cred_capable_in(f->cred, users, CAP_SETFCAP))
		return 0;
	f->caps = (struct vfs_ns_cap_data){};
	memcpy(&f->caps, f->value, f->size);
	root = user_ns_into(f->cred->ns, USER_UIDS, f->caps.rootid);
	if (root == USER_NONE || !user_ns_has(users, USER_UIDS, root))
		return -EINVAL;
	f->caps.magic_etc = VFS_CAP_REVISION_3 | (f->caps.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
	f->caps.rootid = user_ns_from(users, USER_UIDS, root);
	f->value = &f->caps;
	f->size = sizeof(f->caps);
	return 0;
}

static long xattr_may_secure(struct xattr_set *f, const struct inode *inode)
{
	if (strcmp(f->name, XATTR_NAME_CAPS))
		return cred_capable_in(f->cred, inode->super->users, CAP_SYS_ADMIN) ? 0 : -EPERM;
	if (f->value && f->size)
		return xattr_caps_taken(f, inode);
	return cred_capable_of(f->cred, inode->uid, inode->gid, CAP_SETFCAP) ? 0 : -EPERM;
}

/* One whose root is ours, or of a namespace above, shows in the form without a root; another's by
 * his id here, if he has one. */
static long xattr_caps_shown(const struct inode *inode, void *value, long n, size_t size)
{
	struct vfs_ns_cap_data *caps = value;
	u32 root, shown;

	if (!size)
		return n == XATTR_CAPS_SZ_3 ? (long)XATTR_CAPS_SZ_2 : n;
	if (xattr_caps_form(value, (size_t)n) != VFS_CAP_REVISION_3)
		return n;
	root = user_ns_into(inode->super->users, USER_UIDS, caps->rootid);
	shown = user_ns_from(cred_ns(), USER_UIDS, root);
	if (shown && shown != USER_NONE) {
		caps->rootid = shown;
		return n;
	}
	if (!user_ns_has_root(cred_ns(), root))
		return -EOVERFLOW;
	caps->magic_etc = VFS_CAP_REVISION_2 | (caps->magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
	return XATTR_CAPS_SZ_2;
}

/* --- reading --- */

co_t xattr_read(struct co *co, struct xattr_read *f)
{
	CO_BEGIN;
	if (!f->inode->ops->getxattr.step)
		CO_RETURN(-EOPNOTSUPP);
	CO_READ_LOCK(&f->inode->lock);
	CO_AWAIT_OP(f->n, f->inode->ops->getxattr, .inode = f->inode, .name = f->name,
		    .to = f->to, .size = f->size);
	rwlock_unlock_read(&f->inode->lock);
	CO_RETURN(f->n);
	CO_END;
}

static long xattr_get_acl(struct inode *inode, bool is_default, void *to, size_t size)
{
	struct acl *a;
	long n;

	if (!inode->super->acls || S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	a = acl_of(inode, is_default);
	n = a ? acl_text(a, to, size) : -ENODATA;
	acl_put(a);
	return n;
}

co_t xattr_get(struct co *co, struct xattr_get *f)
{
	enum xattr_kind kind;
	bool whole;

	CO_BEGIN;
	kind = xattr_kind_of(f->name, &whole);
	if (kind == XATTR_ACL_ACCESS || kind == XATTR_ACL_DEFAULT)
		CO_RETURN(xattr_get_acl(f->inode, kind == XATTR_ACL_DEFAULT, f->to, f->size));
	f->n = xattr_may(f->inode, f->cred, kind, false);
	if (!f->n && (kind == XATTR_SYSTEM || kind == XATTR_OTHER ||
		      !f->inode->ops->getxattr.step))
		f->n = -EOPNOTSUPP;
	if (!f->n && !whole)
		f->n = -EINVAL;
	if (f->n)
		CO_RETURN(f->n);
	CO_AWAIT(f->n, xattr_read, .inode = f->inode, .name = f->name, .to = f->to,
		 .size = f->size);
	if (f->n > 0 && !strcmp(f->name, XATTR_NAME_CAPS))
		f->n = xattr_caps_shown(f->inode, f->to, f->n, f->size);
	CO_RETURN(f->n);
	CO_END;
}

co_t xattr_list(struct co *co, struct xattr_list *f)
{
	CO_BEGIN;
	if (!f->inode->ops->listxattr.step)
		CO_RETURN(0);
	CO_READ_LOCK(&f->inode->lock);
	CO_AWAIT_OP(f->err, f->inode->ops->listxattr, .inode = f->inode, .to = &f->names);
	rwlock_unlock_read(&f->inode->lock);
	if (f->err)
		CO_RETURN(f->err);
	CO_RETURN(f->names.to && f->names.used > f->names.size ? -ERANGE : (long)f->names.used);
	CO_END;
}

/* --- changing --- */

struct xattr_set_acl {
	struct co_frame co;
	struct xattr_set *set;
	bool is_default;
	struct inode *inode;
	struct inode_attr *attr;
	struct acl *acl;
	long err;
};

/* Is the list one, and may he set it? */
static long xattr_check_acl(struct xattr_set_acl *f)
{
	const struct xattr_set *set = f->set;
	long err = acl_parse(set->value, set->value ? set->size : 0, &f->acl);

	if (err)
		return err;
	if (!f->inode->super->acls || S_ISLNK(f->inode->mode) || !f->inode->ops->setacl.step)
		return -EOPNOTSUPP;
	if (f->is_default && !S_ISDIR(f->inode->mode))
		return f->acl ? -EACCES : 0;
	if (fileattr_fixed(f->inode) || !cred_owns(set->cred, f->inode->uid))
		return -EPERM;
	return !f->acl || acl_valid(f->acl) ? 0 : -EINVAL;
}

/* With the lock held: what an access list makes of the mode. One that says no more than that is
 * not kept. */
static void xattr_fit_mode(struct xattr_set_acl *f)
{
	const struct cred *cred = f->set->cred;
	u32 mode = f->inode->mode & 07777;

	*f->attr = (struct inode_attr){.valid = ATTR_CTIME, .ctime = inode_now()};
	if (f->is_default || !f->acl)
		return;
	if (acl_mode(f->acl, &mode)) {
		acl_put(f->acl);
		f->acl = NULL;
	}
	if (!cred_in_group(cred, f->inode->gid) &&
	    !cred_capable_of(cred, f->inode->uid, f->inode->gid, CAP_FSETID))
		mode &= ~(u32)S_ISGID;
	f->attr->valid |= ATTR_MODE;
	f->attr->mode = mode;
}

static co_t xattr_set_acl(struct co *co, struct xattr_set_acl *f)
{
	CO_BEGIN;
	f->inode = f->set->path->dentry->inode;
	f->err = xattr_check_acl(f);
	if (f->err || (f->is_default && !S_ISDIR(f->inode->mode)))
		goto out;
	f->err = -ENOMEM;
	f->attr = kzalloc(sizeof(*f->attr));
	if (!f->attr)
		goto out;
	CO_WRITE_LOCK(&f->inode->lock);
	xattr_fit_mode(f);
	CO_AWAIT_OP(f->err, f->inode->ops->setacl, .inode = f->inode,
		    .is_default = f->is_default, .acl = f->acl, .attr = f->attr);
	rwlock_unlock_write(&f->inode->lock);
out:
	kfree(f->attr);
	acl_put(f->acl);
	CO_RETURN(f->err);
	CO_END;
}

co_t xattr_set(struct co *co, struct xattr_set *f)
{
	struct inode *inode;
	enum xattr_kind kind;
	bool whole;

	CO_BEGIN;
	inode = f->path->dentry->inode;
	f->err = mount_may_write(f->path->mount);
	if (f->err)
		CO_RETURN(f->err);
	kind = xattr_kind_of(f->name, &whole);
	if (kind == XATTR_ACL_ACCESS || kind == XATTR_ACL_DEFAULT) {
		CO_AWAIT(f->err, xattr_set_acl, .set = f,
			 .is_default = kind == XATTR_ACL_DEFAULT);
		goto told;
	}
	f->err = xattr_may(inode, f->cred, kind, true);
	if (!f->err && kind == XATTR_SECURITY)
		f->err = xattr_may_secure(f, inode);
	if (!f->err && (kind == XATTR_SYSTEM || kind == XATTR_OTHER ||
			!inode->ops->setxattr.step))
		f->err = -EOPNOTSUPP;
	if (!f->err && !whole)
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	CO_WRITE_LOCK(&f->path->dentry->inode->lock);
	inode = f->path->dentry->inode;
	CO_AWAIT_OP(f->err, inode->ops->setxattr, .inode = inode, .name = f->name,
		    .value = f->value, .size = f->size, .flags = f->flags);
	rwlock_unlock_write(&f->path->dentry->inode->lock);
told:
	if (!f->err)
		inotify_tell(f->path->dentry, IN_ATTRIB);
	CO_RETURN(f->err);
	CO_END;
}
