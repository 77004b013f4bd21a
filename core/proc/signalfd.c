/* core/proc/signalfd.c
 *
 * The file itself holds only the set: what a read takes and a poll sees is what is pending on
 * the thread that asks, and on its process.
 */
#include "core/proc/signalfd.h"

#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "core/proc/thread.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"
#include "vfs/text.h"

struct signalfd {
	sigmask set;	/* [a] */
};

static_assert(sizeof(struct signalfd_siginfo) == 128, "the ABI's size");

/* Which fields a record has follows from its code, and for the codes of the kernel from the
 * signal. */
static void signalfd_fill_kernel(struct signalfd_siginfo *to, const struct signal_info *from)
{
	switch (from->si_signo) {
	case SIGCHLD:
		to->ssi_pid = (u32)from->si_pid;
		to->ssi_uid = from->si_uid;
		to->ssi_status = from->si_status;
		to->ssi_utime = (u64)from->si_utime;
		to->ssi_stime = (u64)from->si_stime;
		break;
	case SIGSYS:
		to->ssi_call_addr = (u64)from->si_call_addr;
		to->ssi_syscall = from->si_syscall;
		to->ssi_arch = from->si_arch;
		break;
	case SIGILL:
	case SIGFPE:
	case SIGSEGV:
	case SIGBUS:
	case SIGTRAP:
		to->ssi_addr = (u64)from->si_addr;
		break;
	default:
		to->ssi_band = (u32)from->si_band;
		to->ssi_fd = from->si_fd;
		break;
	}
}

static void signalfd_fill(struct signalfd_siginfo *to, const struct signal_info *from)
{
	*to = (struct signalfd_siginfo){.ssi_signo = (u32)from->si_signo,
					.ssi_errno = from->si_errno, .ssi_code = from->si_code};
	if (from->si_code > SI_USER && from->si_code < SI_KERNEL) {
		signalfd_fill_kernel(to, from);
	} else if (from->si_code == SI_TIMER) {
		to->ssi_tid = (u32)from->si_tid;
		to->ssi_overrun = (u32)from->si_overrun;
		to->ssi_ptr = (u64)from->si_ptr;
		to->ssi_int = from->si_int;
	} else {
		to->ssi_pid = (u32)from->si_pid;
		to->ssi_uid = from->si_uid;
		if (from->si_code < 0) {
			to->ssi_ptr = (u64)from->si_ptr;
			to->ssi_int = from->si_int;
		}
	}
}

struct signalfd_read {
	struct file_transfer;
	struct signal_info info;
	long done, err;
};

static bool signalfd_take(struct signalfd_read *f)
{
	const struct signalfd *s = f->file->private;

	return signal_take(thread_current(), atomic_load(&s->set), &f->info);
}

/* The whole record, or nothing: the user's page is missing. */
static bool signalfd_put(struct signalfd_read *f)
{
	struct uio start = *f->uio;
	struct signalfd_siginfo record;

	signalfd_fill(&record, &f->info);
	if (uio_copy_to(f->uio, &record, sizeof(record)) == sizeof(record))
		return true;
	*f->uio = start;
	return false;
}

static co_t signalfd_read(struct co *co, struct signalfd_read *f)
{
	CO_BEGIN;
	if (f->uio->left < sizeof(struct signalfd_siginfo))
		CO_RETURN(-EINVAL);
	while (f->uio->left >= sizeof(struct signalfd_siginfo)) {
		if (!signalfd_take(f)) {
			if (f->done)
				break;
			if (atomic_load_relaxed(&f->file->flags) & O_NONBLOCK)
				CO_RETURN(-EAGAIN);
			CO_WAIT(f->err, &thread_of_co(co)->process->signal_wait, signalfd_take(f));
			if (f->err)
				CO_RETURN(f->err);
		}
		while (!f->err && !signalfd_put(f))
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .write = true,
				 .n = sizeof(struct signalfd_siginfo));
		if (f->err)
			break;
		f->done += (long)sizeof(struct signalfd_siginfo);
	}
	CO_RETURN(f->done ? f->done : f->err);
	CO_END;
}

/* The queue is the process's, which lives as long as the thread that polls. */
static u32 signalfd_poll(struct file *file, struct poller *p)
{
	struct signalfd *s = file->private;
	struct thread *t = thread_current();

	poller_add(p, &t->process->signal_wait);
	return signal_pending_set(t) & atomic_load(&s->set) ? POLLIN : 0;
}

static void signalfd_closed(struct file *file)
{
	kfree(file->private);
}

static void signalfd_fdinfo(struct file *file, const struct pid_ns *ns, struct text *to)
{
	const struct signalfd *s = file->private;

	text_add(to, "sigmask:\t%016lx\n", atomic_load(&s->set));
}

static const struct file_ops signalfd_ops = {
	.read = CO_IMPLEMENTS(file_transfer, signalfd_read),
	.poll = signalfd_poll,
	.closed = signalfd_closed,
	.fdinfo = signalfd_fdinfo,
	.llseek = file_seek_nowhere,
	.stream = true,
	.unspliced = true,
};

int signalfd_make(sigmask set, u32 flags, const struct cred *cred, struct file **file)
{
	struct signalfd *s = kzalloc(sizeof(*s));
	struct inode *inode = s ? inode_new_loose(0600) : NULL;

	*file = inode ? file_new_loose(inode, "anon_inode:[signalfd]", &signalfd_ops,
				       O_RDWR | (flags & O_NONBLOCK), cred)
		      : NULL;
	if (!*file) {
		kfree(s);
		return -ENOMEM;
	}
	s->set = set & ~SIG_UNBLOCKABLE;
	(*file)->private = s;
	return 0;
}

int signalfd_set(struct file *file, sigmask set)
{
	struct signalfd *s = file->private;

	if (file->ops != &signalfd_ops)
		return -EINVAL;
	atomic_store(&s->set, set & ~SIG_UNBLOCKABLE);
	waitq_wake(&thread_current()->process->signal_wait);
	return 0;
}
