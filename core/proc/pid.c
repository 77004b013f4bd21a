/* core/proc/pid.c -- the tables of numbers, one for each namespace. */
#include "core/proc/pid.h"

#include "core/base/bits.h"
#include "core/base/errno.h"
#include "core/proc/pidfd.h"
#include "core/proc/thread.h"
#include "mem/phys/slab.h"

spinlock proc_tree_lock = SPINLOCK_INIT(RANK_PROC_TREE);
struct pid_ns pid_ns_first = {.id = 1, .users = &user_ns_first};

/* --- one table --- */

struct pid *pid_lookup_in(const struct pid_ns *ns, int nr)
{
	struct pid **leaf;

	if (nr <= 0 || nr >= PID_MAX)
		return NULL;
	leaf = ns->leaves[nr / PID_LEAF];
	return leaf ? leaf[nr % PID_LEAF] : NULL;
}

struct pid *pid_lookup(int nr)
{
	return pid_lookup_in(pid_ns_here(), nr);
}

/* A free number after the last one given; -1: all are taken. Whoever is first is number 1, though
 * another was to be and failed. */
static int pid_choose(const struct pid_ns *ns) REQUIRES(proc_tree_lock)
{
	int nr = ns->first ? ns->last_given : 0;

	for (int tries = 0; tries < PID_MAX; tries++) {
		if (++nr >= PID_MAX)
			nr = PID_RESERVED;
		if (!pid_lookup_in(ns, nr))
			return nr;
	}
	return -1;
}

/* Enter pid under a fresh number, or the one that is wanted: that, or an error. */
static int pid_enter(struct pid_ns *ns, struct pid *pid, const int *wanted)
	REQUIRES(proc_tree_lock)
{
	int nr = wanted ? *wanted : pid_choose(ns);
	struct pid **leaf;

	if (wanted && (nr < 1 || nr >= PID_MAX || (nr != 1 && !ns->first)))
		return -EINVAL;
	if (ns->closed)
		return -ENOMEM;
	if (nr < 0)
		return -EAGAIN;
	if (pid_lookup_in(ns, nr))
		return -EEXIST;
	leaf = ns->leaves[nr / PID_LEAF];
	if (!leaf) {
		leaf = kcalloc(PID_LEAF, sizeof(*leaf));
		if (!leaf)
			return -ENOMEM;
		ns->leaves[nr / PID_LEAF] = leaf;
	}
	leaf[nr % PID_LEAF] = pid;
	ns->in_leaf[nr / PID_LEAF]++;
	if (!wanted)
		atomic_store_relaxed(&ns->last_given, nr);
	return nr;
}

static void pid_leave(struct pid_ns *ns, int nr) REQUIRES(proc_tree_lock)
{
	unsigned at = (unsigned)nr / PID_LEAF;

	ns->leaves[at][nr % PID_LEAF] = NULL;
	if (--ns->in_leaf[at])
		return;
	kfree(ns->leaves[at]);
	ns->leaves[at] = NULL;
}

/* --- all of them that a record is in --- */

/* Where its number in ns, which it has one in, is kept. */
static u16 *pid_place(struct pid *pid, const struct pid_ns *ns)
{
	return ns->level ? &pid->below[ns->level - 1] : &pid->nr;
}

/* Out of the tables of its own and those above it, but not of `upto` and further up. */
static void pid_leave_all(struct pid *pid, const struct pid_ns *upto) REQUIRES(proc_tree_lock)
{
	for (struct pid_ns *ns = pid->ns; ns != upto; ns = ns->parent)
		pid_leave(ns, *pid_place(pid, ns));
}

static int pid_enter_all(struct pid *pid, const int *wanted, unsigned count)
	REQUIRES(proc_tree_lock)
{
	unsigned n = 0;
	int nr;

	for (struct pid_ns *ns = pid->ns; ns; ns = ns->parent, n++) {
		nr = pid_enter(ns, pid, n < count ? &wanted[n] : NULL);
		if (nr < 0) {
			pid_leave_all(pid, ns);
			return nr;
		}
		*pid_place(pid, ns) = (u16)nr;
	}
	pid->own = *pid_place(pid, pid->ns);
	return 0;
}

int pid_new(struct pid_ns *ns, const int *wanted, unsigned count, struct pid **to)
{
	struct pid *pid;
	int err;

	if (count > ns->level + 1u)
		return -EINVAL;
	pid = kzalloc(sizeof(*pid) + ns->level * sizeof(pid->below[0]));
	if (!pid)
		return -ENOMEM;
	ref_init(&pid->refs);
	list_init(&pid->group);
	pid->ns = ns;
	spin_lock(&proc_tree_lock);
	err = pid_enter_all(pid, wanted, count);
	spin_unlock(&proc_tree_lock);
	if (err) {
		kfree(pid);
		return err;
	}
	pid_ns_get(ns);
	*to = pid;
	return 0;
}

void pid_unname(struct pid *pid)
{
	if (pid->thread || pid->process || pid->session || !list_empty(&pid->group))
		return;
	/* It may have given them back before. */
	if (pid_lookup_in(&pid_ns_first, pid->nr) == pid)
		pid_leave_all(pid, NULL);
}

const struct pid_ns *pid_ns_above(const struct pid_ns *ns, unsigned level)
{
	while (ns->level > level)
		ns = ns->parent;
	return ns;
}

int pid_nr_below(const struct pid *pid, const struct pid_ns *ns)
{
	return pid_ns_above(pid->ns, ns->level) == ns ? pid->below[ns->level - 1] : 0;
}

struct pid *pid_next_process(const struct pid_ns *ns, int nr)
{
	for (nr = max(nr, 1); nr < PID_MAX; nr++) {
		struct pid **leaf = ns->leaves[nr / PID_LEAF];

		if (!leaf)
			nr |= PID_LEAF - 1;
		else if (leaf[nr % PID_LEAF] && leaf[nr % PID_LEAF]->process)
			return leaf[nr % PID_LEAF];
	}
	return NULL;
}

int pid_translate_locked(int nr, const struct pid_ns *ns)
{
	const struct pid *pid = ns->level ? pid_lookup_in(&pid_ns_first, nr) : NULL;

	return !ns->level ? nr : pid ? pid_nr_below(pid, ns) : 0;
}

int pid_translate(int nr, const struct pid_ns *ns)
{
	if (!ns->level)
		return nr;
	spin_lock(&proc_tree_lock);
	nr = pid_translate_locked(nr, ns);
	spin_unlock(&proc_tree_lock);
	return nr;
}

int pid_last(const struct pid_ns *ns)
{
	return atomic_load_relaxed(&ns->last_given);
}

void pid_set_last(struct pid_ns *ns, int nr)
{
	spin_lock(&proc_tree_lock);
	atomic_store_relaxed(&ns->last_given, nr);
	spin_unlock(&proc_tree_lock);
}

/* --- references --- */

void pid_get(struct pid *pid)
{
	ref_get(&pid->refs);
}

void pid_put(struct pid *pid)
{
	if (!pid || !ref_put(&pid->refs))
		return;
	pidfd_forget(pid);
	pid_ns_put(pid->ns);
	kfree(pid);
}

void pid_ns_get(struct pid_ns *ns)
{
	if (ns->level)
		ref_get(&ns->refs);
}

void pid_ns_put(struct pid_ns *ns)
{
	struct pid_ns *parent;

	for (; ns && ns->level && ref_put(&ns->refs); ns = parent) {
		parent = ns->parent;
		user_ns_put(ns->users);
		kfree(ns);
	}
}

struct pid_ns *pid_ns_here(void)
{
	const struct task *t = task_current();

	return t && t->user ? process_current()->pid->ns : &pid_ns_first;
}
