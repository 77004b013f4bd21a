/* mem/space/policy.c */
#include "mem/space/policy.h"

#include <linux/mempolicy.h>

#include "core/base/errno.h"

/* Younger than the headers. */
#define POLICY_WEIGHTED 6
#define POLICY_MODES	7

/* policy.how: the mode below, then these. */
#define POLICY_MODE	 0x07u
#define POLICY_STATIC	 0x08u
#define POLICY_RELATIVE	 0x10u
#define POLICY_BALANCING 0x20u
#define POLICY_HOME	 0x40u

#define POLICY_FLAGS (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING)

int policy_check_mode(int mode)
{
	u32 flags = (u32)mode & POLICY_FLAGS, plain = (u32)mode & ~(u32)POLICY_FLAGS;

	if (plain >= POLICY_MODES)
		return -EINVAL;
	if ((flags & MPOL_F_STATIC_NODES) && (flags & MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	if ((flags & MPOL_F_NUMA_BALANCING) && plain != MPOL_BIND && plain != MPOL_PREFERRED_MANY)
		return -EINVAL;
	return 0;
}

int policy_make(struct policy *to, int mode, u16 nodes)
{
	u32 flags = (u32)mode & POLICY_FLAGS, plain = (u32)mode & ~(u32)POLICY_FLAGS;
	bool own = flags & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);

	*to = (struct policy){};
	if (plain == MPOL_DEFAULT)
		return nodes ? -EINVAL : 0;
	if (plain == MPOL_PREFERRED && !nodes)
		plain = MPOL_LOCAL;
	if (plain == MPOL_LOCAL && (nodes || own))
		return -EINVAL;
	/* Relative ones are counted round among those there are. */
	if (plain != MPOL_LOCAL &&
	    !(flags & MPOL_F_RELATIVE_NODES ? nodes : nodes & POLICY_NODE0))
		return -EINVAL;
	to->how = (u8)(plain | (flags & MPOL_F_STATIC_NODES ? POLICY_STATIC : 0) |
		       (flags & MPOL_F_RELATIVE_NODES ? POLICY_RELATIVE : 0) |
		       (flags & MPOL_F_NUMA_BALANCING ? POLICY_BALANCING : 0));
	to->nodes = own ? nodes : nodes & POLICY_NODE0;
	return 0;
}

int policy_mode(struct policy p)
{
	return (int)((p.how & POLICY_MODE) | (p.how & POLICY_STATIC ? MPOL_F_STATIC_NODES : 0) |
		     (p.how & POLICY_RELATIVE ? MPOL_F_RELATIVE_NODES : 0) |
		     (p.how & POLICY_BALANCING ? MPOL_F_NUMA_BALANCING : 0));
}

bool policy_interleaves(struct policy p)
{
	u32 mode = p.how & POLICY_MODE;

	return mode == MPOL_INTERLEAVE || mode == POLICY_WEIGHTED;
}

bool policy_go_home(struct policy *p)
{
	u32 mode = p->how & POLICY_MODE;

	if (mode != MPOL_BIND && mode != MPOL_PREFERRED_MANY)
		return false;
	p->how |= POLICY_HOME;
	return true;
}
