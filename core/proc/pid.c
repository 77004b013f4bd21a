/* core/proc/pid.c -- the table of numbers: two levels, leaves made when first used and freed
 * with the last number in them. */
#include "core/proc/pid.h"

#include "core/base/bits.h"
#include "core/base/errno.h"
#include "core/proc/pidfd.h"
#include "mem/phys/slab.h"

#define LEAF_SIZE 512

spinlock proc_tree_lock = SPINLOCK_INIT(RANK_PROC_TREE);

/* Under proc_tree_lock. */
static struct pid **leaves[PID_MAX / LEAF_SIZE];
static u16 in_leaf[PID_MAX / LEAF_SIZE];
static int last_given;

struct pid *pid_lookup(int nr)
{
	struct pid **leaf;

	if (nr <= 0 || nr >= PID_MAX)
		return NULL;
	leaf = leaves[nr / LEAF_SIZE];
	return leaf ? leaf[nr % LEAF_SIZE] : NULL;
}

/* A free number after the last one given; -1: all are taken. */
static int pid_choose(void) REQUIRES(proc_tree_lock)
{
	int nr = last_given;

	for (int tries = 0; tries < PID_MAX; tries++) {
		if (++nr >= PID_MAX)
			nr = PID_RESERVED;
		if (!pid_lookup(nr))
			return nr;
	}
	return -1;
}

/* Enter pid under a fresh number, or the one that is wanted. */
static int pid_enter(struct pid *pid, int wanted) REQUIRES(proc_tree_lock)
{
	int nr = wanted ? wanted : pid_choose();
	struct pid **leaf;

	if (nr < 0)
		return -EAGAIN;
	if (pid_lookup(nr))
		return -EEXIST;
	leaf = leaves[nr / LEAF_SIZE];
	if (!leaf) {
		leaf = kcalloc(LEAF_SIZE, sizeof(*leaf));
		if (!leaf)
			return -ENOMEM;
		leaves[nr / LEAF_SIZE] = leaf;
	}
	leaf[nr % LEAF_SIZE] = pid;
	in_leaf[nr / LEAF_SIZE]++;
	pid->nr = (u16)nr;
	pid->listed = true;
	if (!wanted)
		last_given = nr;
	return 0;
}

int pid_new(int wanted, struct pid **to)
{
	struct pid *pid = kzalloc(sizeof(*pid));
	int err;

	if (!pid)
		return -ENOMEM;
	ref_init(&pid->refs);
	list_init(&pid->group);
	spin_lock(&proc_tree_lock);
	err = pid_enter(pid, wanted);
	spin_unlock(&proc_tree_lock);
	if (err)
		kfree(pid);
	else
		*to = pid;
	return err;
}

void pid_get(struct pid *pid)
{
	ref_get(&pid->refs);
}

void pid_put(struct pid *pid)
{
	if (!pid || !ref_put(&pid->refs))
		return;
	pidfd_forget(pid);
	kfree(pid);
}

void pid_unname(struct pid *pid)
{
	if (!pid->listed || pid->thread || pid->process || pid->session || !list_empty(&pid->group))
		return;
	pid->listed = false;
	leaves[pid->nr / LEAF_SIZE][pid->nr % LEAF_SIZE] = NULL;
	if (--in_leaf[pid->nr / LEAF_SIZE])
		return;
	kfree(leaves[pid->nr / LEAF_SIZE]);
	leaves[pid->nr / LEAF_SIZE] = NULL;
}

struct pid *pid_next_process(int nr)
{
	for (nr = max(nr, 1); nr < PID_MAX; nr++) {
		struct pid **leaf = leaves[nr / LEAF_SIZE];

		if (!leaf)
			nr |= LEAF_SIZE - 1;
		else if (leaf[nr % LEAF_SIZE] && leaf[nr % LEAF_SIZE]->process)
			return leaf[nr % LEAF_SIZE];
	}
	return NULL;
}

int pid_last(void)
{
	return __atomic_load_n(&last_given, __ATOMIC_RELAXED);
}
