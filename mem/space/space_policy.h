/* mem/space/space_policy.h -- the policies of ranges of memory, and where pages are.
 *
 * The policy of shared memory belongs to the mapping here, not to the object.
 *
 * Units    bytes; addresses and lengths as system calls have them, addr page-aligned.
 * Locking  all are coroutines and take the space's lock.
 */
#ifndef SPACE_SPACE_POLICY_H
#define SPACE_SPACE_POLICY_H

#include "mem/space/policy.h"
#include "mem/space/space.h"

/* mbind: give what is mapped in [addr, addr + len) this policy. -EFAULT if there are holes, but
 * for no policy, which only wants something there; -EIO if pages are not on `nodes` and
 * MPOL_MF_STRICT (of `flags`) wants that; -ENOMEM. */
struct space_bind {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	struct policy policy;
	u16 nodes;
	u32 flags;		/* MPOL_MF_* */
	u64 at, end;
	bool stuck;		/* pages that cannot be moved were found */
	long err;
};
co_t space_bind(struct co *co, struct space_bind *f);

/* set_mempolicy_home_node to node 0: -ENOENT if nothing has a policy there, -EOPNOTSUPP behind
 * the first whose policy has no home. */
struct space_go_home {
	struct co_frame co;
	struct space *space;
	u64 addr, len;
	u64 at, end;
	long err;
};
co_t space_go_home(struct co *co, struct space_go_home *f);

/* The policy of what is mapped at addr: 0 or -EFAULT. */
struct space_policy_at {
	struct co_frame co;
	struct space *space;
	u64 addr;
	struct policy *to;
};
co_t space_policy_at(struct co *co, struct space_policy_at *f);

/* The node of the page at addr; -EFAULT if nothing is mapped or it is the zero page, -ENOENT if
 * it is not there. */
struct space_node_of {
	struct co_frame co;
	struct space *space;
	u64 addr;
};
co_t space_node_of(struct co *co, struct space_node_of *f);

#endif
