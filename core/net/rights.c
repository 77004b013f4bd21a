/* core/net/rights.c */
#include "core/net/rights.h"

#include "core/cred/cred.h"
#include "core/net/unix.h"
#include "core/proc/process.h"
#include "core/proc/rlimit.h"
#include "mem/phys/slab.h"

spinlock rights_lock = SPINLOCK_INIT(RANK_NET_RIGHTS);
static struct list rights_sockets GUARDED_BY(&rights_lock) = LIST_INIT(rights_sockets);

/* Sockets in flight may refer to each other in a circle. Without that nothing is ever lost. */
static bool rights_cyclic;	/* [a] changed under rights_lock */

static spinlock rights_drop_lock = SPINLOCK_INIT(RANK_NET_LEAF);
static struct list rights_dropped GUARDED_BY(&rights_drop_lock) = LIST_INIT(rights_dropped);
static struct waitq rights_work = WAITQ_INIT(rights_work);
static bool rights_collecting;	/* [a] somebody asked the collector */

struct rights *rights_new(u32 count)
{
	struct rights *r = kzalloc(sizeof(*r) + count * sizeof(struct file *));

	if (r)
		list_init(&r->drop);
	return r;
}

static struct unix_socket *rights_socket(const struct file *file)
{
	struct socket *s = socket_of(file);

	return s && s->family == AF_UNIX ? unix_of(s) : NULL;
}

int rights_fly(struct rights *r, struct socket *to)
{
	struct task *t = task_current();
	struct process *p = process_current();
	struct user_counts *user = p->user;

	if (atomic_load_relaxed(&user->in_flight) > rlimit_get(p, RLIMIT_NOFILE) &&
	    !cred_capable(t->cred, CAP_SYS_RESOURCE) && !cred_capable(t->cred, CAP_SYS_ADMIN)) {
		rights_collect();
		return -ETOOMANYREFS;
	}
	user_counts_get(user);
	r->user = user;
	r->counted = true;
	atomic_add(&user->in_flight, r->count);
	spin_lock(&rights_lock);
	for (u32 i = 0; i < r->count; i++) {
		struct unix_socket *u = rights_socket(r->files[i]);

		if (u && !u->flights++)
			list_add_back(&rights_sockets, &u->flying);
	}
	/* The last step of a cycle is into a queue whose socket is in flight itself, or may be
	 * one of a listener that is. */
	if (unix_of(to)->flights || !atomic_load(&to->file))
		atomic_store(&rights_cyclic, true);
	spin_unlock(&rights_lock);
	return 0;
}

void rights_land(struct rights *r)
{
	if (!r->counted)
		return;
	r->counted = false;
	spin_lock(&rights_lock);
	for (u32 i = 0; i < r->count; i++) {
		struct unix_socket *u = rights_socket(r->files[i]);

		if (u && !--u->flights)
			list_remove(&u->flying);
	}
	if (list_empty(&rights_sockets))
		atomic_store(&rights_cyclic, false);
	spin_unlock(&rights_lock);
	atomic_sub(&r->user->in_flight, r->count);
	user_counts_put(r->user);
	r->user = NULL;
}

struct rights *rights_copy(const struct rights *r)
{
	struct rights *copy = rights_new(r->count);

	if (!copy)
		return NULL;
	copy->count = r->count;
	for (u32 i = 0; i < r->count; i++) {
		copy->files[i] = r->files[i];
		file_get(copy->files[i]);
	}
	return copy;
}

void rights_drop(struct rights *r)
{
	rights_land(r);
	spin_lock(&rights_drop_lock);
	list_add_back(&rights_dropped, &r->drop);
	spin_unlock(&rights_drop_lock);
	waitq_wake(&rights_work);
}

void rights_collect(void)
{
	if (!atomic_load(&rights_cyclic))
		return;
	atomic_store(&rights_collecting, true);
	waitq_wake(&rights_work);
}

/* --- the collector --- */

/* Call fn for every UNIX socket in flight in the queue of s. */
static void rights_each_queued(struct socket *s,
			       void (*fn)(struct unix_socket *held, struct list *to),
			       struct list *to) REQUIRES(rights_lock)
{
	struct packet *p;

	spin_lock(&s->lock);
	list_each(p, &s->queue, link)
		for (u32 i = 0; p->rights && i < p->rights->count; i++) {
			struct unix_socket *held = rights_socket(p->rights->files[i]);

			if (held && held->lost)
				fn(held, to);
		}
	spin_unlock(&s->lock);
}

/* The same for all that u leads to: its own queue, and those of connections nobody accepted. */
static void rights_each(struct unix_socket *u,
			void (*fn)(struct unix_socket *held, struct list *to), struct list *to)
	REQUIRES(rights_lock)
{
	struct socket *s = &u->socket, *child = NULL, *next;

	rights_each_queued(s, fn, to);
	while ((next = unix_next_pending(s, child))) {
		if (child)
			socket_put(child);
		child = next;
		rights_each_queued(child, fn, to);
	}
	if (child)
		socket_put(child);
}

static void rights_found_inside(struct unix_socket *held, struct list *to)
{
	held->outside--;
}

static void rights_found_reachable(struct unix_socket *held, struct list *to)
{
	held->lost = false;
	list_remove(&held->flying);
	list_add_back(to, &held->flying);
}

/* Move the sockets in flight that nobody can reach to `lost`, with a reference of their files:
 * first those whose every reference is in flight, then less those that are referred to from
 * elsewhere than from each other's queues, then less what those lead to. */
static void rights_find(struct list *lost) REQUIRES(rights_lock)
{
	struct list reachable = LIST_INIT(reachable);
	struct unix_socket *u, *next;

	list_each(u, &rights_sockets, flying) {
		u->outside = u->flights;
		u->lost = u->socket.file && atomic_load(&u->socket.file->refs.n) == u->flights;
	}
	list_each(u, &rights_sockets, flying)
		if (u->lost)
			rights_each(u, rights_found_inside, NULL);
	list_each_safe(u, next, &rights_sockets, flying)
		if (!u->lost || u->outside) {
			u->lost = false;
			list_remove(&u->flying);
			list_add_back(&reachable, &u->flying);
		}
	/* The list grows at its end while it is walked. */
	list_each(u, &reachable, flying)
		rights_each(u, rights_found_reachable, &reachable);
	list_each(u, &rights_sockets, flying) {
		file_get(u->socket.file);
		list_add_back(lost, &u->lost_link);
	}
	list_splice_back(&rights_sockets, &reachable);
}

/* Their queues go, and with them the references that held them. */
static void rights_collect_now(void)
{
	struct list lost = LIST_INIT(lost);
	struct unix_socket *u, *next;

	spin_lock(&rights_lock);
	rights_find(&lost);
	spin_unlock(&rights_lock);
	list_each_safe(u, next, &lost, lost_link) {
		struct file *file = u->socket.file;

		list_remove(&u->lost_link);
		unix_purge(u);
		file_put(file);
	}
}

/* --- the worker --- */

static struct rights *rights_next(void)
{
	struct rights *r = NULL;

	spin_lock(&rights_drop_lock);
	if (!list_empty(&rights_dropped)) {
		r = list_first(&rights_dropped, struct rights, drop);
		list_remove(&r->drop);
	}
	spin_unlock(&rights_drop_lock);
	return r;
}

struct rights_loop {
	struct co_frame co;
	struct rights *rights;
	u32 i;
	bool collect;
};
static co_t rights_loop(struct co *co, struct rights_loop *f)
{
	CO_BEGIN;
	for (;;) {
		/* First what was dropped: it may be what would be looked for. */
		CO_WAIT_IO(&rights_work,
			   (f->rights = rights_next()) ||
				   (f->collect = atomic_swap(&rights_collecting, false)));
		if (f->collect)
			rights_collect_now();
		f->collect = false;
		if (f->rights) {
			for (f->i = 0; f->i < f->rights->count; f->i++) {
				file_put(f->rights->files[f->i]);
				CO_BREATHE;
			}
			kfree(f->rights);
			f->rights = NULL;
		}
		CO_BREATHE;
	}
	CO_END;
}

int rights_start(void)
{
	struct task *t;

	CO_SPAWN(t, "rights", rights_loop);
	if (!t)
		return -ENOMEM;
	task_put(t);
	return 0;
}
