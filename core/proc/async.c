/* core/proc/async.c */
#include "core/proc/async.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/internal.h"
#include "core/proc/pid.h"
#include "mem/phys/slab.h"
#include "vfs/async.h"

#define ASYNC_AT_ONCE  64u	/* files told of in one go */
#define ASYNC_MESSAGES 64u	/* signals for one file in one go */

/* What to tell: a bit per si_code (POLL_IN..POLL_HUP), and one for SIGURG. */
#define ASYNC_BIT(code) (1u << (code))
#define ASYNC_URGENT	ASYNC_BIT(0)

struct async_owner {
	struct pid *pid;	/* owned; NULL: nobody */
	int type;		/* F_OWNER_* */
	u32 uid, euid;		/* of who said so */
	int sig;		/* 0: SIGIO without a record */
	int fd;
};

struct async_place {
	struct waiter waiter;
	struct file_async *of;
};

struct file_async {
	struct file *file;	/* [I] borrowed: it is the file's */
	struct async_owner owner; /* under async_lock */
	u32 notes;		/* under async_lock: ASYNC_BIT() */
	u32 messages;		/* under async_lock: how many of POLL_MSG, each a signal */
	struct list told;	/* under async_lock: in async_files while there are notes */
	struct async_place places[POLL_QUEUES]; /* under async_switching */
	unsigned used;
};

static spinlock async_lock = SPINLOCK_INIT(RANK_READY);
static struct list async_files GUARDED_BY(&async_lock) = LIST_INIT(async_files);
/* Held while signals are sent, so that who comes second knows that they have been. */
static spinlock async_sending = SPINLOCK_INIT(RANK_ASYNC);
static spinlock async_switching = SPINLOCK_INIT(RANK_NONE);
static struct waitq async_work;		/* the worker's */
u32 async_pending;

/* --- the record --- */

/* The file's, made if it is not there; NULL without memory. */
static struct file_async *async_of(struct file *file)
{
	struct file_async *a = atomic_load(&file->async), *there = NULL;

	if (a)
		return a;
	a = kzalloc(sizeof(*a));
	if (!a)
		return NULL;
	a->file = file;
	a->owner.type = F_OWNER_PID;
	list_init(&a->told);
	if (atomic_cas(&file->async, &there, a))
		return a;
	kfree(a);
	return there;
}

static void async_gone(struct file *file)
{
	struct file_async *a = file->async;

	for (unsigned i = 0; i < a->used; i++)
		waitq_leave(&a->places[i].waiter);
	spin_lock(&async_lock);
	file->async = NULL;
	if (a->notes)
		atomic_sub(&async_pending, 1u);
	list_remove(&a->told);
	spin_unlock(&async_lock);
	if (a->owner.pid)
		pid_put(a->owner.pid);
	kfree(a);
}

/* --- owners --- */

/* A reference of what a number names, whatever that is, or NULL. */
static struct pid *async_find(int nr)
{
	struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_lookup(nr);
	if (pid)
		pid_get(pid);
	spin_unlock(&proc_tree_lock);
	return pid;
}

/* Takes the reference over. `force`: also from another owner. False: there is one. */
static bool async_own(struct file_async *a, int type, struct pid *pid, bool force)
{
	const struct cred *me = task_current()->cred;
	struct pid *old = pid;
	bool own;

	spin_lock(&async_lock);
	own = force || !a->owner.pid;
	if (own) {
		old = a->owner.pid;
		a->owner.pid = pid;
		a->owner.type = type;
		a->owner.uid = pid ? me->uid : 0;
		a->owner.euid = pid ? me->euid : 0;
	}
	spin_unlock(&async_lock);
	if (old)
		pid_put(old);
	return own;
}

int async_set_owner(struct file *file, int type, int nr)
{
	struct file_async *a;
	struct pid *pid = NULL;

	if (nr) {
		pid = async_find(nr);
		if (!pid)
			return -ESRCH;
	}
	a = async_of(file);
	if (!a) {
		if (pid)
			pid_put(pid);
		return -ENOMEM;
	}
	async_own(a, type, pid, true);
	return 0;
}

int async_get_owner(struct file *file, int *type)
{
	struct file_async *a = atomic_load(&file->async);
	struct pid *pid = NULL;
	bool there;
	int nr;

	*type = F_OWNER_PID;
	if (!a)
		return 0;
	spin_lock(&async_lock);
	*type = a->owner.type;
	pid = a->owner.pid;
	if (pid)
		pid_get(pid);
	spin_unlock(&async_lock);
	if (!pid)
		return 0;
	spin_lock(&proc_tree_lock);
	there = *type == F_OWNER_PGRP ? !list_empty(&pid->group)
		: *type == F_OWNER_TID ? pid->thread != NULL
				       : pid->process != NULL;
	nr = there ? pid_nr_here(pid) : 0;
	spin_unlock(&proc_tree_lock);
	pid_put(pid);
	return nr;
}

int async_set_number(struct file *file, int nr)
{
	if (nr == INT32_MIN)
		return -EINVAL;
	return nr < 0 ? async_set_owner(file, F_OWNER_PGRP, -nr)
		      : async_set_owner(file, F_OWNER_PID, nr);
}

int async_get_number(struct file *file)
{
	int type, nr = async_get_owner(file, &type);

	return type == F_OWNER_PGRP ? -nr : nr;
}

void async_get_uids(struct file *file, u32 uids[2])
{
	struct file_async *a = atomic_load(&file->async);

	uids[0] = uids[1] = 0;
	if (!a)
		return;
	spin_lock(&async_lock);
	uids[0] = a->owner.uid;
	uids[1] = a->owner.euid;
	spin_unlock(&async_lock);
}

int async_set_signal(struct file *file, int sig)
{
	struct file_async *a;

	if (sig < 0 || sig > 64)
		return -EINVAL;
	a = async_of(file);
	if (!a)
		return -ENOMEM;
	spin_lock(&async_lock);
	a->owner.sig = sig;
	spin_unlock(&async_lock);
	return 0;
}

int async_get_signal(struct file *file)
{
	struct file_async *a = atomic_load(&file->async);

	return a ? atomic_load_relaxed(&a->owner.sig) : 0;
}

static int async_adopt(struct file *file, int fd)
{
	struct file_async *a = async_of(file);
	struct pid *me = process_current()->pid;

	if (!a)
		return -ENOMEM;
	spin_lock(&async_lock);
	a->owner.fd = fd;
	spin_unlock(&async_lock);
	pid_get(me);
	return async_own(a, F_OWNER_PID, me, false);
}

static void async_disown(struct file *file)
{
	struct file_async *a = atomic_load(&file->async);

	if (!a)
		return;
	async_set_signal(file, 0);
	async_own(a, F_OWNER_PID, NULL, true);
}

/* --- what happens --- */

/* The file may be on its way out: async_gone takes the lock too. */
static void async_note(struct file *file, u32 notes)
{
	struct task *t = task_current();
	struct file_async *a;
	bool fresh, told;

	spin_lock(&async_lock);
	a = file->async;
	told = a && a->owner.pid;
	fresh = told && !a->notes;
	if (told)
		a->notes |= notes;
	if (told && (notes & ASYNC_BIT(POLL_MSG)))
		a->messages = min(a->messages + 1, ASYNC_MESSAGES);
	if (fresh) {
		list_add_back(&async_files, &a->told);
		atomic_add(&async_pending, 1u);
	}
	spin_unlock(&async_lock);
	if (told && t && t->user)
		atomic_or(&t->flags, (u32)TASK_RETURN);
	if (fresh)
		waitq_wake(&async_work);
}

/* What Linux calls what happened, by the events of a wake. */
static u32 async_code(const struct file *file, u32 events)
{
	bool socket = S_ISSOCK(file->inode->mode);

	if (!events)		/* everything: an error, where there is one to be had */
		return socket ? ASYNC_BIT(POLL_ERR) : 0;
	if (socket && (events & (POLLHUP | POLLRDHUP)))
		return ASYNC_BIT(POLL_HUP);
	if (events & POLLIN)
		return ASYNC_BIT(POLL_IN);
	if (events & POLLOUT)
		return ASYNC_BIT(POLL_OUT);
	if (events & POLLHUP)
		return ASYNC_BIT(POLL_HUP);
	return events & POLLERR ? ASYNC_BIT(POLL_ERR) : 0;
}

/* A queue of the file was woken; its lock is held. */
static bool async_notify(struct waiter *w, u32 events)
{
	struct file_async *a = container_of(w, struct async_place, waiter)->of;
	u32 notes = async_code(a->file, events);

	w->woken = false;
	if (notes)
		async_note(a->file, notes);
	return false;
}

void async_urgent(struct file *file)
{
	async_note(file, ASYNC_URGENT | ASYNC_BIT(POLL_PRI));
}

static void async_message(struct file *file)
{
	async_note(file, ASYNC_BIT(POLL_MSG));
}

struct async_enlist {
	struct poller poller;
	struct file_async *async;
};

static void async_add_queue(struct poller *p, struct waitq *q)
{
	struct file_async *a = container_of(p, struct async_enlist, poller)->async;
	struct async_place *place;

	assert(a->used < ARRAY_SIZE(a->places));
	place = &a->places[a->used++];
	*place = (struct async_place){.waiter.notify = async_notify, .of = a};
	waitq_enlist(q, &place->waiter);
}

int async_switch(struct file *file, int fd, bool on)
{
	struct async_enlist enlist = {.poller.add = async_add_queue};
	struct file_async *a;
	struct pid *owner;

	if (!file->ops->async)
		return 0;
	a = enlist.async = async_of(file);
	if (!a)
		return -ENOMEM;
	if (on) {
		spin_lock(&async_lock);
		a->owner.fd = fd;
		spin_unlock(&async_lock);
	}
	spin_lock(&async_switching);
	if (on)
		atomic_or(&file->flags, (u32)FASYNC);
	else
		atomic_and(&file->flags, ~(u32)FASYNC);
	if (on && !a->used)
		file_poll(file, &enlist.poller);
	while (!on && a->used)
		waitq_leave(&a->places[--a->used].waiter);
	spin_unlock(&async_switching);
	owner = on && file->ops->async_owner ? file->ops->async_owner(file) : NULL;
	if (owner)
		async_own(a, F_OWNER_PGRP, owner, false);
	else if (on && file->ops->async_owner)
		return min(async_adopt(file, fd), 0);
	return 0;
}

/* --- sending --- */

/* May who set the owner signal p? */
static bool async_may(const struct async_owner *o, struct process *p)
{
	struct cred *they = process_cred(p);
	bool may;

	if (!they)
		return true;
	may = !o->euid || o->euid == they->suid || o->euid == they->uid || o->uid == they->suid ||
	      o->uid == they->uid;
	cred_put(they);
	return may;
}

static void async_send_to(const struct async_owner *o, struct process *p, struct thread *t, int sig,
			  const struct signal_info *info)
{
	int err;

	if (!async_may(o, p))
		return;
	err = t ? signal_thread(t, sig, info) : signal_process(p, sig, info);
	/* A queue that is full: then at least that something happened. */
	if (err && info)
		async_send_to(o, p, t, SIGIO, NULL);
}

static void async_send(const struct async_owner *o, int sig, const struct signal_info *info)
{
	struct process *p;

	spin_lock(&proc_tree_lock);
	if (o->type == F_OWNER_PGRP)
		list_each(p, &o->pid->group, in_group)
			async_send_to(o, p, NULL, sig, info);
	else if (o->type == F_OWNER_TID && o->pid->thread)
		async_send_to(o, o->pid->thread->process, o->pid->thread, sig, info);
	else if (o->type == F_OWNER_PID && o->pid->process)
		async_send_to(o, o->pid->process, NULL, sig, info);
	spin_unlock(&proc_tree_lock);
}

/* Signals whose records have codes of their own. */
static bool async_sig_has_codes(int sig)
{
	return sig == SIGILL || sig == SIGFPE || sig == SIGSEGV || sig == SIGBUS ||
	       sig == SIGTRAP || sig == SIGCHLD || sig == SIGSYS;
}

static void async_tell(const struct async_owner *o, int code)
{
	static const u16 bands[] = {
		[POLL_IN] = POLLIN | POLLRDNORM,
		[POLL_OUT] = POLLOUT | POLLWRNORM | POLLWRBAND,
		[POLL_MSG] = POLLIN | POLLRDNORM | POLLMSG,
		[POLL_ERR] = POLLERR,
		[POLL_PRI] = POLLPRI | POLLRDBAND,
		[POLL_HUP] = POLLHUP | POLLERR,
	};
	struct signal_info info = {.si_signo = o->sig, .si_code = code, .si_fd = o->fd};

	if (!o->sig) {
		async_send(o, SIGIO, NULL);
		return;
	}
	if (async_sig_has_codes(o->sig))
		info.si_code = SI_SIGIO;
	info.si_band = bands[code];
	async_send(o, o->sig, &info);
}

struct async_news {
	struct async_owner owner;
	u32 notes, messages;
};

/* The next file that has notes, off the list; its owner's reference is the caller's. */
static bool async_take(struct async_news *news)
{
	struct file_async *a;
	bool any = false;

	spin_lock(&async_lock);
	while (!any && !list_empty(&async_files)) {
		a = list_first(&async_files, struct file_async, told);
		list_remove(&a->told);
		*news = (struct async_news){a->owner, a->notes, a->messages};
		/* That it is no more ready for O_ASYNC does not concern leases and SIGURG. */
		if (!(atomic_load_relaxed(&a->file->flags) & FASYNC))
			news->notes &= ASYNC_URGENT | ASYNC_BIT(POLL_MSG);
		a->notes = a->messages = 0;
		any = news->notes && news->owner.pid;
		if (any)
			pid_get(news->owner.pid);
		else
			atomic_sub(&async_pending, 1u);
	}
	spin_unlock(&async_lock);
	return any;
}

void async_deliver(void)
{
	struct async_news news;

	spin_lock(&async_sending);
	for (unsigned n = 0; n < ASYNC_AT_ONCE && async_take(&news); n++) {
		if (news.notes & ASYNC_URGENT)
			async_send(&news.owner, SIGURG, NULL);
		for (int code = POLL_IN; code <= POLL_HUP; code++)
			if (code != POLL_MSG && (news.notes & ASYNC_BIT(code)))
				async_tell(&news.owner, code);
		for (u32 i = 0; i < news.messages; i++)
			async_tell(&news.owner, POLL_MSG);
		atomic_sub(&async_pending, 1u);
		pid_put(news.owner.pid);
	}
	spin_unlock(&async_sending);
}

struct async_loop {
	struct co_frame co;
};
static co_t async_loop(struct co *co, struct async_loop *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WAIT_IO(&async_work, atomic_load(&async_pending));
		async_deliver();
		CO_YIELD;
	}
	CO_END;
}

static const struct async_ops async_file_ops = {
	.gone = async_gone,
	.adopt = async_adopt,
	.disown = async_disown,
	.message = async_message,
};

int async_start(void)
{
	struct task *t;

	waitq_init(&async_work);
	/* Woken with another queue's lock held. */
	spin_init(&async_work.lock, RANK_NONE);
	async_ops = &async_file_ops;
	CO_SPAWN(t, "async", async_loop);
	if (!t)
		return -ENOMEM;
	task_put(t);
	return 0;
}
