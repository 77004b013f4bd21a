/* mem/space/policy.h -- NUMA policies: from which nodes memory shall come.
 *
 * There is one node, 0. A policy can only be set if it names a node that there is, so that each is
 * satisfied by every page: it is kept for who asks for it, and nothing else looks at it. That is
 * also what Linux makes of them on such a machine.
 *
 * Threads have policies and so have ranges of memory, which go before the thread's. All zero is
 * no policy (MPOL_DEFAULT).
 */
#ifndef SPACE_POLICY_H
#define SPACE_POLICY_H

#include "hal/types.h"

/* So many nodes a mask may name, as on Debian's Linux; there is one. */
#define POLICY_NODES 16
#define POLICY_NODE0 ((u16)1)

/* Packed, so that it fits into a VMA's record. */
struct [[gnu::packed]] policy {
	u8 how;		/* its mode and what goes with it: policy.c */
	u16 nodes;	/* as they are told */
};

/* Could this be a mode, with its flags? 0 or -EINVAL. */
int policy_check_mode(int mode);
/* Of a mode that could be one: 0 or -EINVAL. */
int policy_make(struct policy *to, int mode, u16 nodes);

static inline bool policy_is_set(struct policy p)
{
	return p.how;
}
static inline bool policy_equal(struct policy a, struct policy b)
{
	return a.how == b.how && a.nodes == b.nodes;
}
/* The mode with its flags, as programs set it. */
int policy_mode(struct policy p);
/* Does it take nodes in turn? */
bool policy_interleaves(struct policy p);
/* With a home node, which is 0: false if it cannot have one. */
bool policy_go_home(struct policy *p);

#endif
