/* syscalls/mount_stat.c -- statmount, listmount. */
#include "vfs/mount_stat.h"

#include "core/cred/cred.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/open.h"
#include "vfs/fs_context.h"
#include "vfs/mount_ns.h"

#define LIST_MOST 1000000ul	/* numbers asked for at once */
#define STAT_TEXTS (STATMOUNT_FS_TYPE | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT | \
		    STATMOUNT_MNT_OPTS)

/* Can so many bytes there be the user's at all? */
static bool mount_stat_room(uptr to, u64 n)
{
	return n <= HAL_USER_END && to.raw <= HAL_USER_END - n;
}

/* The one of that number, 0: the caller's own. Another is only for who may change it. */
static struct mount_ns *mount_stat_ns(struct co *co, u64 id)
{
	struct mount_ns *own = fs_context_ns(fs_current(co));

	if (!id || id == own->id)
		return own;
	mount_ns_put(own);
	own = mount_ns_find(id);
	if (own && !cred_capable_in(cred_current(co), own->users, CAP_SYS_ADMIN)) {
		mount_ns_put(own);
		own = NULL;
	}
	return own;
}

/* Where its paths begin, for the caller; references. */
static void mount_stat_root(struct co *co, struct mount_ns *ns, struct path *to)
{
	if (ns == mount_ns_current())
		fs_context_root(fs_current(co), to);
	else
		mount_ns_root(ns, to);
}

/* The user's struct mnt_id_req, and the namespace it is about, with a reference. */
struct mount_request {
	struct co_frame co;
	uptr from;
	struct mnt_id_req *to;
	struct mount_ns **ns;
	u32 size;
	long err;
};
static co_t mount_request(struct co *co, struct mount_request *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->size, f->from, sizeof(f->size));
	if (f->err)
		CO_RETURN(f->err);
	if (f->size > PAGE_SIZE)
		CO_RETURN(-E2BIG);
	if (f->size < MNT_ID_REQ_SIZE_VER0)
		CO_RETURN(-EINVAL);
	if (f->size > sizeof(*f->to))
		CO_AWAIT(f->err, open_check_rest, .from = uptr_add(f->from, sizeof(*f->to)),
			 .n = f->size - sizeof(*f->to));
	if (!f->err)
		CO_COPY_FROM_USER(f->err, f->to, f->from, min((size_t)f->size, sizeof(*f->to)));
	if (f->err)
		CO_RETURN(f->err);
	if (f->to->mnt_ns_fd || f->to->mnt_id <= MOUNT_STAT_FIRST)
		CO_RETURN(-EINVAL);
	*f->ns = mount_stat_ns(co, f->to->mnt_ns_id);
	CO_RETURN(*f->ns ? 0 : -ENOENT);
	CO_END;
}

/* May the caller know of m, from his root? */
static bool mount_stat_may(struct co *co, const struct mount_ns *ns, const struct mount *m,
			   const struct path *root)
{
	return mount_stat_is_below(m, root) ||
	       cred_capable_in(cred_current(co), ns->users, CAP_SYS_ADMIN);
}

struct sys_statmount {
	struct co_frame co;
	uptr from, to;
	u64 room;
	u32 flags;
	struct mnt_id_req request;
	struct mount_ns *ns;
	struct path root;
	struct mount *mount;
	struct statmount *stat;
	struct text strings;
	long err;
};

/* Fill f->stat and f->strings in; 0 or an error. */
static long statmount_fill(struct co *co, struct sys_statmount *f)
{
	long err;

	if (!mount_stat_may(co, f->ns, f->mount, &f->root))
		return -EPERM;
	if ((f->request.param & STAT_TEXTS) && f->room <= sizeof(*f->stat))
		return -EOVERFLOW;
	err = mount_stat(f->mount, &f->root, f->request.param, f->stat, &f->strings);
	if (!err && f->strings.len && f->strings.len >= f->room - sizeof(*f->stat))
		err = -EOVERFLOW;
	f->stat->size = (u32)(min(f->room, sizeof(*f->stat)) + f->strings.len);
	return err;
}

static co_t sys_statmount(struct co *co, struct sys_statmount *f)
{
	CO_BEGIN;
	if (f->flags)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, mount_request, .from = f->from, .to = &f->request, .ns = &f->ns);
	if (!f->err && !mount_stat_room(f->to, f->room))
		f->err = -EFAULT;
	if (f->err)
		goto out;
	f->err = -ENOMEM;
	f->stat = kzalloc(sizeof(*f->stat));
	if (!f->stat)
		goto out;
	f->mount = mount_stat_find(f->ns, f->request.mnt_id);
	mount_stat_root(co, f->ns, &f->root);
	f->err = f->mount ? statmount_fill(co, f) : -ENOENT;
	if (!f->err && f->strings.len)
		CO_COPY_TO_USER(f->err, uptr_add(f->to, sizeof(*f->stat)), f->strings.data,
				f->strings.len);
	if (!f->err)
		CO_COPY_TO_USER(f->err, f->to, f->stat, min(f->room, sizeof(*f->stat)));
	text_free(&f->strings);
	mount_put(f->mount);
	path_put(&f->root);
	kfree(f->stat);
out:
	mount_ns_put(f->ns);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(statmount, from, to, room, flags);

struct sys_listmount {
	struct co_frame co;
	uptr from, to;
	u64 count;
	u32 flags;
	struct mnt_id_req request;
	struct mount_ns *ns;
	struct path top;
	struct mount *mount;
	u64 id, done;
	long err;
};

/* Where the listing is of: f->top gets references. */
static long listmount_top(struct co *co, struct sys_listmount *f)
{
	struct path root;
	long err = 0;

	mount_stat_root(co, f->ns, &root);
	if (f->request.mnt_id == LSMT_ROOT) {
		f->top = root;
		return 0;
	}
	f->mount = mount_stat_find(f->ns, f->request.mnt_id);
	if (!f->mount)
		err = -ENOENT;
	else if (!mount_stat_may(co, f->ns, f->mount, &root))
		err = -EPERM;
	if (!err) {
		f->top = (struct path){f->mount, f->mount->root};
		path_get(&f->top);
	}
	mount_put(f->mount);
	path_put(&root);
	return err;
}

static co_t sys_listmount(struct co *co, struct sys_listmount *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)LISTMOUNT_REVERSE)
		CO_RETURN(-EINVAL);
	if (f->count > LIST_MOST)
		CO_RETURN(-EOVERFLOW);
	if (!mount_stat_room(f->to, f->count * sizeof(f->id)))
		CO_RETURN(-EFAULT);
	CO_AWAIT(f->err, mount_request, .from = f->from, .to = &f->request, .ns = &f->ns);
	if (!f->err)
		f->err = listmount_top(co, f);
	if (f->err) {
		mount_ns_put(f->ns);
		CO_RETURN(f->err);
	}
	f->id = f->request.param;
	while (!f->err && f->done < f->count) {
		f->mount = mount_stat_next(f->ns, &f->top, f->id, f->flags & LISTMOUNT_REVERSE,
					   f->request.mnt_id);
		if (!f->mount)
			break;
		f->id = mount_stat_id(f->mount);
		mount_put(f->mount);
		CO_COPY_TO_USER(f->err, uptr_add(f->to, f->done * sizeof(f->id)), &f->id,
				sizeof(f->id));
		f->done++;
		CO_BREATHE;
	}
	path_put(&f->top);
	mount_ns_put(f->ns);
	CO_RETURN(f->err ? f->err : (long)f->done);
	CO_END;
}
SYSCALL_CO(listmount, from, to, count, flags);
