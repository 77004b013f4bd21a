/* syscalls/mempolicy.c -- NUMA policies, and where pages are: on node 0 (mem/space/policy.h). */
#include <linux/mempolicy.h>

#include "core/cred/cred.h"
#include "core/proc/extra.h"
#include "mem/space/space_policy.h"
#include "mem/space/uaccess.h"
#include "syscalls/mm.h"
#include "syscalls/syscall.h"

#define WORD_BITS     64ul
#define ALL_NODES     ((1ul << POLICY_NODES) - 1)
#define MASK_BITS_MAX (PAGE_SIZE * 8)

static bool may_move_all(struct co *co, u32 flags)
{
	return !(flags & MPOL_MF_MOVE_ALL) || cred_capable(cred_current(co), CAP_SYS_NICE);
}

/* --- masks of nodes: `max` is one more than they have bits --- */

/* Word by word from the end: bits that no node has must be 0, and the last word names nodes. */
struct nodes_from_user {
	struct co_frame co;
	uptr from;
	u64 max;
	u16 *nodes;
	u64 word, bits;
	long err;
};

static u64 low_bits(u64 n)
{
	return n % WORD_BITS ? (1ul << n % WORD_BITS) - 1 : ~0ul;
}

/* 0, -EFAULT, or -EINVAL for nodes that cannot be. */
static co_t nodes_from_user(struct co *co, struct nodes_from_user *f)
{
	CO_BEGIN;
	*f->nodes = 0;
	f->max--;
	if (!f->max || !f->from.raw)
		CO_RETURN(0);
	if (f->max > MASK_BITS_MAX)
		CO_RETURN(-EINVAL);
	while (f->max > POLICY_NODES) {
		f->bits = min(f->max, WORD_BITS);
		CO_COPY_FROM_USER(f->err, &f->word,
				  uptr_add(f->from, (f->max - 1) / WORD_BITS * sizeof(f->word)),
				  sizeof(f->word));
		if (f->err)
			CO_RETURN(f->err);
		f->word &= low_bits(f->bits);
		f->max -= f->bits;
		if (f->max < POLICY_NODES) {
			f->max = POLICY_NODES;
			f->word &= ~ALL_NODES;
		}
		if (f->word)
			CO_RETURN(-EINVAL);
	}
	CO_COPY_FROM_USER(f->err, &f->word, f->from, sizeof(f->word));
	if (!f->err)
		*f->nodes = (u16)(f->word & low_bits(f->max) & ALL_NODES);
	CO_RETURN(f->err);
	CO_END;
}

/* The one word there is, and zeros behind it. */
struct nodes_to_user {
	struct co_frame co;
	uptr to;
	u64 max;
	u64 word, bytes;
	long err;
};
static co_t nodes_to_user(struct co *co, struct nodes_to_user *f)
{
	CO_BEGIN;
	f->bytes = round_up(f->max - 1, WORD_BITS) / 8;
	if (f->bytes > PAGE_SIZE)
		CO_RETURN(-EINVAL);
	if (f->bytes > sizeof(f->word)) {
		CO_CLEAR_USER(f->err, uptr_add(f->to, sizeof(f->word)), f->bytes - sizeof(f->word));
		if (f->err)
			CO_RETURN(f->err);
	}
	if (f->bytes)
		CO_COPY_TO_USER(f->err, f->to, &f->word, sizeof(f->word));
	CO_RETURN(f->err);
	CO_END;
}

/* --- policies --- */

struct sys_set_mempolicy {
	struct co_frame co;
	int mode;
	uptr from;
	u64 max;
	u16 nodes;
	struct policy policy;
	long err;
};
static co_t sys_set_mempolicy(struct co *co, struct sys_set_mempolicy *f)
{
	CO_BEGIN;
	f->err = policy_check_mode(f->mode);
	if (!f->err)
		CO_AWAIT(f->err, nodes_from_user, .from = f->from, .max = f->max,
			 .nodes = &f->nodes);
	if (!f->err)
		f->err = policy_make(&f->policy, f->mode, f->nodes);
	if (!f->err)
		f->err = extra_set_policy(thread_of_co(co), f->policy);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(set_mempolicy, mode, from, max);

struct sys_mbind {
	struct co_frame co;
	u64 addr, len;
	u64 mode;
	uptr from;
	u64 max;
	u32 flags;
	u16 nodes;
	struct policy policy;
	long err;
};

static long check_bind(struct co *co, struct sys_mbind *f)
{
	if (f->flags & ~(u32)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if (!may_move_all(co, f->flags))
		return -EPERM;
	if (f->addr & ~PAGE_MASK || f->addr + PAGE_UP(f->len) < f->addr)
		return -EINVAL;
	return 0;
}

static co_t sys_mbind(struct co *co, struct sys_mbind *f)
{
	CO_BEGIN;
	f->addr = mm_untag(f->addr);
	f->err = policy_check_mode((int)f->mode);
	if (!f->err)
		CO_AWAIT(f->err, nodes_from_user, .from = f->from, .max = f->max,
			 .nodes = &f->nodes);
	if (!f->err)
		f->err = check_bind(co, f);
	if (f->err || !PAGE_UP(f->len))
		CO_RETURN(f->err);
	f->err = policy_make(&f->policy, (int)f->mode, f->nodes);
	if (f->err)
		CO_RETURN(f->err);
	if (!policy_is_set(f->policy))
		f->flags &= ~(u32)MPOL_MF_STRICT;
	CO_AWAIT(f->err, space_bind, .space = space_current(co), .addr = f->addr, .len = f->len,
		 .policy = f->policy, .nodes = f->nodes, .flags = f->flags);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(mbind, addr, len, mode, from, max, flags);

struct sys_set_mempolicy_home_node {
	struct co_frame co;
	u64 addr, len, node, flags;
	long err;
};
static co_t sys_set_mempolicy_home_node(struct co *co, struct sys_set_mempolicy_home_node *f)
{
	CO_BEGIN;
	f->addr = mm_untag(f->addr);
	if (f->addr & ~PAGE_MASK || f->flags || f->node)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, space_go_home, .space = space_current(co), .addr = f->addr,
		 .len = f->len);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(set_mempolicy_home_node, addr, len, node, flags);

struct sys_get_mempolicy {
	struct co_frame co;
	uptr mode_to, nodes_to;
	u64 max, addr, flags;
	struct policy policy;
	int mode;
	u16 nodes;
	long err;
};

static long check_get(const struct sys_get_mempolicy *f)
{
	if (f->nodes_to.raw && !f->max)
		return -EINVAL;
	if (f->flags & ~(u64)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if ((f->flags & MPOL_F_MEMS_ALLOWED) && f->flags != MPOL_F_MEMS_ALLOWED)
		return -EINVAL;
	return f->flags == MPOL_F_ADDR || f->flags == (MPOL_F_ADDR | MPOL_F_NODE) ||
	       f->flags == MPOL_F_MEMS_ALLOWED || !f->addr ? 0 : -EINVAL;
}

static co_t sys_get_mempolicy(struct co *co, struct sys_get_mempolicy *f)
{
	CO_BEGIN;
	f->addr = mm_untag(f->addr);
	f->err = check_get(f);
	if (f->err)
		CO_RETURN(f->err);
	if (f->flags & MPOL_F_ADDR)
		CO_AWAIT(f->err, space_policy_at, .space = space_current(co), .addr = f->addr,
			 .to = &f->policy);
	else
		f->policy = extra_policy(thread_of_co(co));
	/* The node of the page there, which may have to be fetched; or the one that is next. */
	if (!f->err && f->flags == (MPOL_F_ADDR | MPOL_F_NODE))
		CO_AWAIT(f->err, user_fault_in, .addr = uptr_of(f->addr), .n = 1);
	else if (f->flags == MPOL_F_NODE && !policy_interleaves(f->policy))
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	f->mode = f->flags & (MPOL_F_NODE | MPOL_F_MEMS_ALLOWED) ? 0 : policy_mode(f->policy);
	f->nodes = f->flags & MPOL_F_MEMS_ALLOWED ? POLICY_NODE0 : f->policy.nodes;
	if (f->mode_to.raw)
		CO_COPY_TO_USER(f->err, f->mode_to, &f->mode, sizeof(f->mode));
	if (!f->err && f->nodes_to.raw)
		CO_AWAIT(f->err, nodes_to_user, .to = f->nodes_to, .max = f->max,
			 .word = f->nodes);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(get_mempolicy, mode_to, nodes_to, max, addr, flags);

/* --- pages of a process --- */

/* A thread's process, or a dead one, with a reference. */
static struct process *process_of_tid(int tid)
{
	struct thread *t = thread_find(tid);
	struct process *p;

	if (!t)
		return process_find(tid);
	p = t->process;
	process_get(p);
	task_put(&t->task);
	return p;
}

/* Its space, with a reference, if the caller may look at it; 0 for his own. */
static long space_of(struct co *co, int tid, struct space **to)
{
	struct process *p;
	long err;

	if (!tid) {
		*to = space_current(co);
		space_get(*to);
		return 0;
	}
	p = process_of_tid(tid);
	if (!p)
		return -ESRCH;
	err = process_may_inspect(p);
	if (err != -EPERM) {
		*to = process_space(p);
		err = *to ? 0 : -EINVAL;
	}
	process_put(p);
	return err;
}

struct sys_migrate_pages {
	struct co_frame co;
	int pid;
	u64 max;
	uptr from, to;
	u16 old, new;
	struct space *space;
	long err;
};

/* They are where they may be. */
static co_t sys_migrate_pages(struct co *co, struct sys_migrate_pages *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, nodes_from_user, .from = f->from, .max = f->max, .nodes = &f->old);
	if (!f->err)
		CO_AWAIT(f->err, nodes_from_user, .from = f->to, .max = f->max, .nodes = &f->new);
	if (f->err)
		CO_RETURN(f->err);
	f->err = space_of(co, f->pid, &f->space);
	if (f->space)
		space_put(f->space);
	if (f->err && f->err != -EINVAL)
		CO_RETURN(f->err);
	if ((f->new & ~POLICY_NODE0) && !cred_capable(cred_current(co), CAP_SYS_NICE))
		CO_RETURN(-EPERM);
	CO_RETURN(f->new & POLICY_NODE0 ? f->err : -EINVAL);
	CO_END;
}
SYSCALL_CO(migrate_pages, pid, max, from, to);

struct sys_move_pages {
	struct co_frame co;
	int pid;
	u64 count;
	uptr pages, nodes, statuses;
	u32 flags;
	struct space *space;
	u64 at, addr;
	int node, status;
	long err;
};
static co_t sys_move_pages(struct co *co, struct sys_move_pages *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		CO_RETURN(-EINVAL);
	if (!may_move_all(co, f->flags))
		CO_RETURN(-EPERM);
	f->err = space_of(co, f->pid, &f->space);
	for (f->at = 0; !f->err && f->at < f->count; f->at++) {
		CO_COPY_FROM_USER(f->err, &f->addr,
				  uptr_add(f->pages, f->at * sizeof(f->addr)), sizeof(f->addr));
		if (!f->err && f->nodes.raw)
			CO_COPY_FROM_USER(f->err, &f->node,
					  uptr_add(f->nodes, f->at * sizeof(f->node)),
					  sizeof(f->node));
		if (!f->err && f->node)
			f->err = -ENODEV;
		if (f->err)
			break;
		CO_AWAIT(f->status, space_node_of, .space = f->space, .addr = mm_untag(f->addr));
		CO_COPY_TO_USER(f->err, uptr_add(f->statuses, f->at * sizeof(f->status)),
				&f->status, sizeof(f->status));
		CO_BREATHE;
	}
	if (f->space)
		space_put(f->space);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(move_pages, pid, count, pages, nodes, statuses, flags);
