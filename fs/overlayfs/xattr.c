/* fs/overlayfs/xattr.c -- extended attributes: those of the real inode; a change copies up.
 *
 * Names under "trusted.overlay." are the overlay's own in its layers and not shown. One that a
 * user sets gets that prefix twice below, so overlays can lie on overlays.
 */
#include "fs/overlayfs/overlay.h"
#include "vfs/acl.h"

#define OWN_PREFIX "trusted.overlay."
#define OWN_TWICE  "trusted.overlay.overlay."

/* The name in the layers of one that is the overlay's own otherwise; NULL if it is the same. */
static long name_below(const char *name, char **below)
{
	const char *rest = xattr_after(name, OWN_PREFIX);
	size_t room;

	*below = NULL;
	if (!rest)
		return 0;
	room = sizeof(OWN_TWICE) + strlen(rest);
	if (room > XATTR_NAME_MAX + 1)
		return -ERANGE;
	*below = kmalloc(room);
	if (!*below)
		return -ENOMEM;
	format(*below, room, OWN_TWICE "%s", rest);
	return 0;
}

co_t overlay_getxattr(struct co *co, struct overlay_getxattr *f)
{
	CO_BEGIN;
	f->n = name_below(f->name, &f->name_below);
	if (f->n)
		CO_RETURN(f->n);
	CO_AWAIT(f->n, xattr_read, .inode = overlay_real(f->inode),
		 .name = f->name_below ? f->name_below : f->name, .to = f->to, .size = f->size);
	kfree(f->name_below);
	CO_RETURN(f->n);
	CO_END;
}

void overlay_share_rights(struct inode *inode, struct inode *real)
{
	acl_share(inode, real);
	if (atomic_load(&real->flags) & INODE_CAPS)
		atomic_or(&inode->flags, (u32)INODE_CAPS);
	else
		atomic_and(&inode->flags, ~(u32)INODE_CAPS);
}

co_t overlay_setxattr(struct co *co, struct overlay_setxattr *f)
{
	CO_BEGIN;
	OVERLAY_COPY_UP(f->err, f->inode);
	if (f->err)
		CO_RETURN(f->err);
	if (!overlay_upper(f->inode)->ops->setxattr.step)
		CO_RETURN(-EOPNOTSUPP);
	f->err = name_below(f->name, &f->name_below);
	if (f->err)
		CO_RETURN(f->err);
	CO_WRITE_LOCK(&overlay_upper(f->inode)->lock);
	CO_AWAIT_OP(f->err, overlay_upper(f->inode)->ops->setxattr,
		    .inode = overlay_upper(f->inode),
		    .name = f->name_below ? f->name_below : f->name, .value = f->value,
		    .size = f->size, .flags = f->flags);
	rwlock_unlock_write(&overlay_upper(f->inode)->lock);
	kfree(f->name_below);
	if (!f->err) {
		overlay_share_rights(f->inode, overlay_upper(f->inode));
		inode_touch(f->inode, ATTR_CTIME);
	}
	CO_RETURN(f->err);
	CO_END;
}

void overlay_drop_caps(struct inode *inode)
{
	struct inode *upper = overlay_upper(inode);

	if (upper && upper->ops->drop_caps)
		upper->ops->drop_caps(upper);
	atomic_and(&inode->flags, ~(u32)INODE_CAPS);
}

co_t overlay_setacl(struct co *co, struct overlay_setacl *f)
{
	CO_BEGIN;
	OVERLAY_COPY_UP(f->err, f->inode);
	if (f->err)
		CO_RETURN(f->err);
	if (!overlay_upper(f->inode)->ops->setacl.step)
		CO_RETURN(-EOPNOTSUPP);
	CO_WRITE_LOCK(&overlay_upper(f->inode)->lock);
	CO_AWAIT_OP(f->err, overlay_upper(f->inode)->ops->setacl,
		    .inode = overlay_upper(f->inode), .is_default = f->is_default,
		    .acl = f->acl, .attr = f->attr);
	rwlock_unlock_write(&overlay_upper(f->inode)->lock);
	if (!f->err) {
		inode_apply(f->inode, f->attr);
		overlay_share_rights(f->inode, overlay_upper(f->inode));
	}
	CO_RETURN(f->err);
	CO_END;
}

/* The names there are, on the heap; names.to stays NULL if there are none. */
struct overlay_names {
	struct co_frame co;
	struct inode *real;
	struct xattr_names *names;
	long n;
};
static co_t overlay_names(struct co *co, struct overlay_names *f)
{
	CO_BEGIN;
	*f->names = (struct xattr_names){};
	CO_AWAIT(f->n, xattr_list, .inode = f->real, .names = {.trusted = true});
	if (f->n <= 0)
		CO_RETURN(f->n);
	f->names->size = (size_t)f->n;
	f->names->trusted = true;
	f->names->to = kmalloc(f->names->size);
	if (!f->names->to)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->n, xattr_list, .inode = f->real, .names = *f->names);
	f->names->used = f->n > 0 ? (size_t)f->n : 0;
	CO_RETURN(f->n);
	CO_END;
}

co_t overlay_listxattr(struct co *co, struct overlay_listxattr *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, overlay_names, .real = overlay_real(f->inode), .names = &f->below);
	for (size_t at = 0; at < f->below.used; at += strlen(f->below.to + at) + 1) {
		const char *name = f->below.to + at, *twice = xattr_after(name, OWN_TWICE);

		if (twice) {
			/* Once, written over the second one, which ends where the rest begins. */
			name = twice - (sizeof(OWN_PREFIX) - 1);
			memcpy(f->below.to + (name - f->below.to), OWN_PREFIX,
			       sizeof(OWN_PREFIX) - 1);
			at = (size_t)(name - f->below.to);
		}
		if (twice || !xattr_after(name, OWN_PREFIX))
			xattr_names_add(f->to, name, strlen(name));
	}
	kfree(f->below.to);
	CO_RETURN(min(f->n, 0l));
	CO_END;
}

/* --- copies --- */

/* One value from inode to inode. */
struct overlay_copy_xattr {
	struct co_frame co;
	struct inode *from, *to;
	const char *name;
	void *value;
	long n;
};
static co_t overlay_copy_xattr(struct co *co, struct overlay_copy_xattr *f)
{
	CO_BEGIN;
	f->value = kmalloc(XATTR_SIZE_MAX);
	if (!f->value)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->n, xattr_read, .inode = f->from, .name = f->name, .to = f->value,
		 .size = XATTR_SIZE_MAX);
	if (f->n >= 0) {
		CO_WRITE_LOCK(&f->to->lock);
		CO_AWAIT_OP(f->n, f->to->ops->setxattr, .inode = f->to, .name = f->name,
			    .value = f->value, .size = (size_t)f->n);
		rwlock_unlock_write(&f->to->lock);
	}
	kfree(f->value);
	CO_RETURN(f->n);
	CO_END;
}

static bool is_copied(const char *name)
{
	return !xattr_after(name, OWN_PREFIX) && strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) &&
	       strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT);
}

co_t overlay_copy_xattrs(struct co *co, struct overlay_copy_xattrs *f)
{
	CO_BEGIN;
	acl_share(f->to, f->from);
	if (!f->to->ops->setxattr.step)
		CO_RETURN(0);
	CO_AWAIT(f->n, overlay_names, .real = f->from, .names = &f->names);
	for (f->at = 0; f->n >= 0 && f->at < f->names.used;
	     f->at += strlen(f->names.to + f->at) + 1) {
		if (is_copied(f->names.to + f->at))
			CO_AWAIT(f->n, overlay_copy_xattr, .from = f->from, .to = f->to,
				 .name = f->names.to + f->at);
		CO_BREATHE;
	}
	kfree(f->names.to);
	CO_RETURN(min(f->n, 0l));
	CO_END;
}
