/* core/proc/userfaultfd.c */
#include "core/proc/userfaultfd.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/ioctl.h>

#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "core/proc/thread.h"
#include "mem/space/uaccess.h"
#include "mem/space/userfault.h"
#include "vfs/fd.h"
#include "vfs/text.h"

#define API_IOCTLS                                                                          \
	(1ull << _UFFDIO_REGISTER | 1ull << _UFFDIO_UNREGISTER | 1ull << _UFFDIO_API)
#define RANGE_IOCTLS                                                                        \
	(1ull << _UFFDIO_WAKE | 1ull << _UFFDIO_COPY | 1ull << _UFFDIO_ZEROPAGE |           \
	 1ull << _UFFDIO_MOVE | 1ull << _UFFDIO_POISON)
#define MODES                                                                               \
	(UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR)

u32 userfaultfd_unprivileged;

static int make(struct userfault *u, const struct cred *cred, struct file **file);

static bool is_ready(struct userfault *u)
{
	return atomic_load(&u->features) & USERFAULT_READY;
}

/* --- reading --- */

static int tid_of(struct task *t)
{
	return thread_id(thread_of(t));
}

struct userfaultfd_read {
	struct file_transfer;
	struct userfault *child;	/* referenced: a fork is told of next */
	struct file *made;
	i64 n, done;
	long err;
};

static bool try_take(struct userfaultfd_read *f)
{
	f->n = userfault_take(f->file->private, f->uio, tid_of, &f->child, -1);
	return f->n != -EAGAIN;
}

/* A fork: the copy's context gets a descriptor of the reader, and the message names it. */
static void take_fork(struct co *co, struct userfaultfd_read *f)
{
	struct fd_table *fds = fd_current(co);
	int fd;

	f->n = make(f->child, cred_current(co), &f->made);
	if (f->n) {
		userfault_put(f->child);
		f->child = NULL;
		return;
	}
	fd = fd_reserve(fds, rlimit_get(process_of(co), RLIMIT_NOFILE));
	f->n = fd;
	if (fd >= 0) {
		f->n = userfault_take(f->file->private, f->uio, tid_of, &f->child, fd);
		fd_settle(fds, fd, f->n > 0 ? f->made : NULL, f->child->flags & O_CLOEXEC);
	}
	if (f->n < 0)
		file_put(f->made);
	f->child = NULL;	/* the file's */
}

static struct waitq *userfaultfd_readers(struct file *file)
{
	return &((struct userfault *)file->private)->readers;
}

static co_t userfaultfd_read(struct co *co, struct userfaultfd_read *f)
{
	CO_BEGIN;
	if (!is_ready(f->file->private))
		CO_RETURN(-EINVAL);
	for (;;) {
		if (f->uio->left < sizeof(struct uffd_msg))
			CO_RETURN(f->done ? f->done : -EINVAL);
		if (!try_take(f)) {
			if (f->done)
				CO_RETURN(f->done);
			if (atomic_load_relaxed(&f->file->flags) & O_NONBLOCK)
				CO_RETURN(-EAGAIN);
			CO_WAIT(f->err, userfaultfd_readers(f->file), try_take(f));
			if (f->err)
				CO_RETURN(f->err);
		}
		if (f->n == USERFAULT_FORK)
			take_fork(co, f);
		if (f->n == -EFAULT) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .write = true,
				 .n = sizeof(struct uffd_msg));
			if (f->err)
				CO_RETURN(f->done ? f->done : f->err);
		} else if (f->n > 0) {
			f->done += f->n;
		} else if (f->n != -EAGAIN) {
			CO_RETURN(f->done ? f->done : f->n);
		}
		CO_BREATHE;
	}
	CO_END;
}

static u32 userfaultfd_poll(struct file *file, struct poller *p)
{
	struct userfault *u = file->private;

	poller_add(p, &u->readers);
	/* Who polls must not wait in read: the fault may be gone by then. */
	if (!is_ready(u) || !(atomic_load_relaxed(&file->flags) & O_NONBLOCK))
		return POLLERR;
	return userfault_readable(u) ? POLLIN : 0;
}

/* --- requests --- */

union uffd_args {
	struct uffdio_api api;
	struct uffdio_register reg;
	struct uffdio_range range;
	struct uffdio_copy copy;	/* uffdio_move is the same */
	struct uffdio_zeropage zero;	/* uffdio_continue and uffdio_poison are the same */
	struct uffdio_writeprotect protect;
};

struct userfaultfd_ioctl {
	struct file_ioctl;
	union uffd_args args;
	struct userfault *on;
	u64 wake;		/* bytes */
	i64 n;
	long err;
};

static long check_range(u64 start, u64 len)
{
	if ((start | len) & ~PAGE_MASK || !len || start < SPACE_MIN_ADDR || start >= HAL_USER_END ||
	    len > HAL_USER_END - start)
		return -EINVAL;
	return 0;
}

/* 0: enabled, and *to says what there is. */
static long set_api(struct userfault *u, struct uffdio_api *api, const struct cred *cred)
{
	u64 none = 0, features = api->features;

	if (api->api != UFFD_API || features & ~(u64)USERFAULT_FEATURES)
		return -EINVAL;
	if (features & UFFD_FEATURE_EVENT_FORK && !cred_capable(cred, CAP_SYS_PTRACE))
		return -EPERM;
	if (!atomic_cas(&u->features, &none, features | USERFAULT_READY))
		return -EINVAL;
	api->features = USERFAULT_FEATURES;
	api->ioctls = API_IOCTLS;
	return 0;
}

struct uffd_api {
	struct co_frame co;
	struct userfaultfd_ioctl *up;
	long err, copied;
};
static co_t uffd_api(struct co *co, struct uffd_api *f)
{
	struct userfaultfd_ioctl *up = f->up;

	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &up->args.api, uptr_of(up->arg), sizeof(up->args.api));
	if (f->err)
		CO_RETURN(f->err);
	f->err = set_api(up->on, &up->args.api, cred_current(co));
	if (f->err)
		up->args.api = (struct uffdio_api){};
	CO_COPY_TO_USER(f->copied, uptr_of(up->arg), &up->args.api, sizeof(up->args.api));
	CO_RETURN(f->copied ? f->copied : f->err);
	CO_END;
}

struct uffd_register {
	struct co_frame co;
	struct userfaultfd_ioctl *up;
	bool on;
	long err;
};
static co_t uffd_register(struct co *co, struct uffd_register *f)
{
	struct userfaultfd_ioctl *up = f->up;
	struct uffdio_register *a = &f->up->args.reg;

	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, a, uptr_of(up->arg),
			  f->on ? offsetof(struct uffdio_register, ioctls) : sizeof(a->range));
	if (!f->err && f->on && (!a->mode || a->mode & ~MODES))
		f->err = -EINVAL;
	if (!f->err)
		f->err = check_range(a->range.start, a->range.len);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, userfault_register, .on = up->on, .start = a->range.start,
		 .len = a->range.len, .mode = f->on ? a->mode : 0);
	if (f->err || !f->on)
		CO_RETURN(f->err);
	a->ioctls = RANGE_IOCTLS;
	if (a->mode & UFFDIO_REGISTER_MODE_WP)
		a->ioctls |= 1ull << _UFFDIO_WRITEPROTECT;
	if (a->mode & UFFDIO_REGISTER_MODE_MINOR)
		a->ioctls |= 1ull << _UFFDIO_CONTINUE;
	CO_COPY_TO_USER(f->err, uptr_of(up->arg + offsetof(struct uffdio_register, ioctls)),
			&a->ioctls, sizeof(a->ioctls));
	CO_RETURN(f->err);
	CO_END;
}

/* The requests that give pages: where they are described and which modes they know. */
static const struct uffd_filling {
	unsigned cmd;
	u8 how;			/* enum userfault_how */
	bool two;		/* it has a source: struct uffdio_copy */
	u8 dontwake, protect, holes;
} fillings[] = {
	{UFFDIO_COPY, USERFAULT_COPY, true, UFFDIO_COPY_MODE_DONTWAKE, UFFDIO_COPY_MODE_WP, 0},
	{UFFDIO_ZEROPAGE, USERFAULT_ZERO, false, UFFDIO_ZEROPAGE_MODE_DONTWAKE, 0, 0},
	{UFFDIO_CONTINUE, USERFAULT_CONTINUE, false, UFFDIO_CONTINUE_MODE_DONTWAKE,
	 UFFDIO_CONTINUE_MODE_WP, 0},
	{UFFDIO_POISON, USERFAULT_POISON, false, UFFDIO_POISON_MODE_DONTWAKE, 0, 0},
	{UFFDIO_MOVE, USERFAULT_MOVE, true, UFFDIO_MOVE_MODE_DONTWAKE, 0,
	 UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES},
};

static const struct uffd_filling *filling_of(unsigned cmd)
{
	for (size_t i = 0; i < ARRAY_SIZE(fillings); i++)
		if (fillings[i].cmd == cmd)
			return &fillings[i];
	return NULL;
}

struct uffd_fill {
	struct co_frame co;
	struct userfaultfd_ioctl *up;
	const struct uffd_filling *what;
	u64 start, len, src, mode;
	i64 n;
	long err;
};

static long fill_check(struct uffd_fill *f)
{
	const struct uffd_filling *w = f->what;
	const union uffd_args *a = &f->up->args;
	long err;
	u64 end;

	f->start = w->two ? a->copy.dst : a->zero.range.start;
	f->len = w->two ? a->copy.len : a->zero.range.len;
	f->mode = w->two ? a->copy.mode : a->zero.mode;
	f->src = w->two ? a->copy.src : 0;
	err = check_range(f->start, f->len);
	if (!err && w->how == USERFAULT_MOVE)
		err = check_range(f->src, f->len);
	if (!err && (f->mode & ~(u64)(w->dontwake | w->protect | w->holes) ||
		     add_overflows(f->src, f->len, &end)))
		err = -EINVAL;
	return err;
}

static co_t uffd_fill(struct co *co, struct uffd_fill *f)
{
	struct userfaultfd_ioctl *up = f->up;
	u64 at;

	CO_BEGIN;
	if (atomic_load(&up->on->changing)) {
		f->n = -EAGAIN;
	} else {
		CO_COPY_FROM_USER(f->err, &up->args, uptr_of(up->arg),
				  f->what->two ? offsetof(struct uffdio_copy, copy)
						: offsetof(struct uffdio_zeropage, zeropage));
		if (!f->err)
			f->err = fill_check(f);
		if (f->err)
			CO_RETURN(f->err);
		CO_AWAIT(f->n, userfault_fill, .on = up->on, .start = f->start, .len = f->len,
			 .src = f->src, .how = f->what->how,
			 .protect = f->mode & f->what->protect,
			 .holes = f->mode & f->what->holes);
		if (f->n == -ESRCH)
			CO_RETURN(-ESRCH);
	}
	at = f->what->two ? offsetof(struct uffdio_copy, copy)
			   : offsetof(struct uffdio_zeropage, zeropage);
	CO_COPY_TO_USER(f->err, uptr_add(uptr_of(up->arg), at), &f->n, sizeof(f->n));
	if (f->err)
		CO_RETURN(f->err);
	if (f->n < 0)
		CO_RETURN(f->n);
	if (!(f->mode & f->what->dontwake))
		userfault_wake(up->on, f->start, (u64)f->n);
	CO_RETURN((u64)f->n == f->len ? 0 : -EAGAIN);
	CO_END;
}

#define PROTECT_MODES (UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE)

struct uffd_protect {
	struct co_frame co;
	struct userfaultfd_ioctl *up;
	bool protect;
	long err;
};
static co_t uffd_protect(struct co *co, struct uffd_protect *f)
{
	struct uffdio_writeprotect *a = &f->up->args.protect;

	CO_BEGIN;
	if (atomic_load(&f->up->on->changing))
		CO_RETURN(-EAGAIN);
	CO_COPY_FROM_USER(f->err, a, uptr_of(f->up->arg), sizeof(*a));
	if (!f->err)
		f->err = check_range(a->range.start, a->range.len);
	if (!f->err && (a->mode & ~PROTECT_MODES || a->mode == PROTECT_MODES))
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	f->protect = a->mode & UFFDIO_WRITEPROTECT_MODE_WP;
	CO_AWAIT(f->err, userfault_protect, .on = f->up->on, .start = a->range.start,
		 .len = a->range.len, .protect = f->protect);
	if (!f->err && !a->mode)
		userfault_wake(f->up->on, a->range.start, a->range.len);
	CO_RETURN(f->err);
	CO_END;
}

static co_t userfaultfd_ioctl(struct co *co, struct userfaultfd_ioctl *f)
{
	CO_BEGIN;
	f->on = f->file->private;
	if (f->cmd != UFFDIO_API && !is_ready(f->on))
		CO_RETURN(-EINVAL);
	if (f->cmd == UFFDIO_API) {
		CO_AWAIT(f->err, uffd_api, .up = f);
	} else if (f->cmd == UFFDIO_REGISTER || f->cmd == UFFDIO_UNREGISTER) {
		CO_AWAIT(f->err, uffd_register, .up = f, .on = f->cmd == UFFDIO_REGISTER);
	} else if (f->cmd == UFFDIO_WRITEPROTECT) {
		CO_AWAIT(f->err, uffd_protect, .up = f);
	} else if (filling_of(f->cmd)) {
		CO_AWAIT(f->err, uffd_fill, .up = f, .what = filling_of(f->cmd));
	} else if (f->cmd == UFFDIO_WAKE) {
		CO_COPY_FROM_USER(f->err, &f->args.range, uptr_of(f->arg), sizeof(f->args.range));
		if (!f->err)
			f->err = check_range(f->args.range.start, f->args.range.len);
		if (!f->err)
			userfault_wake(f->on, f->args.range.start, f->args.range.len);
	} else {
		f->err = -EINVAL;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- the file --- */

static void userfaultfd_closed(struct file *file)
{
	struct userfault *u = file->private;

	if (atomic_load(&u->answered))
		userfault_release(u);
	userfault_put(u);
}

static void userfaultfd_fdinfo(struct file *file, const struct pid_ns *ns, struct text *to)
{
	struct userfault *u = file->private;
	u32 pending, total;

	userfault_count(u, &pending, &total);
	text_add(to, "pending:\t%u\ntotal:\t%u\n", pending, total);
	text_add(to, "API:\t%lx:%lx:%lx\n", (u64)UFFD_API,
		 (atomic_load(&u->features) & UINT32_MAX) | 1ul << 31,
		 (u64)(API_IOCTLS | RANGE_IOCTLS |
			1ull << _UFFDIO_WRITEPROTECT | 1ull << _UFFDIO_CONTINUE));
}

static const struct file_ops userfaultfd_ops = {
	.read = CO_IMPLEMENTS(file_transfer, userfaultfd_read),
	.ioctl = CO_IMPLEMENTS(file_ioctl, userfaultfd_ioctl),
	.poll = userfaultfd_poll,
	.closed = userfaultfd_closed,
	.fdinfo = userfaultfd_fdinfo,
	.llseek = file_seek_nowhere,
	.stream = true,
	.unspliced = true,
};

/* Takes over the reference of the context if it works. */
static int make(struct userfault *u, const struct cred *cred, struct file **file)
{
	struct inode *inode = inode_new_loose(0600);

	*file = inode ? file_new_loose(inode, "anon_inode:[userfaultfd]", &userfaultfd_ops,
				       O_RDONLY | (u->flags & O_NONBLOCK), cred)
		      : NULL;
	if (!*file)
		return -ENOMEM;
	(*file)->private = u;
	return 0;
}

int userfaultfd_make(u32 flags, const struct cred *cred, struct file **file)
{
	struct userfault *u = userfault_new(task_current()->space, flags);
	int err = u ? make(u, cred, file) : -ENOMEM;

	if (err)
		userfault_put(u);
	else
		atomic_store(&u->answered, true);
	return err;
}
