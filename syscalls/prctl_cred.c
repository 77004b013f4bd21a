/* syscalls/prctl_cred.c */
#include "syscalls/prctl_cred.h"

#include <linux/prctl.h>
#include <linux/securebits.h>

#include "core/cred/cred.h"
#include "core/proc/seccomp.h"
#include "core/proc/thread.h"

/* What is to be changed, published at the end; NULL without memory. */
static struct cred *prctl_edit(struct task *t)
{
	return cred_clone(t->cred);
}

static long prctl_publish(struct task *t, struct cred *new)
{
	thread_set_cred(thread_of(t), new);
	return 0;
}

static long prctl_no_new_privs(struct task *t)
{
	struct cred *new;

	if (t->cred->no_new_privs)
		return 0;
	new = prctl_edit(t);
	if (!new)
		return -ENOMEM;
	new->no_new_privs = true;
	return prctl_publish(t, new);
}

static long prctl_drop_bound(struct task *t, u64 cap)
{
	struct cred *new;

	if (!cred_capable_own(t->cred, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	new = prctl_edit(t);
	if (!new)
		return -ENOMEM;
	new->bounding &= ~(1ul << cap);
	return prctl_publish(t, new);
}

static long prctl_store_bits(struct task *t, u32 bits)
{
	struct cred *new = prctl_edit(t);

	if (!new)
		return -ENOMEM;
	new->securebits = bits;
	return prctl_publish(t, new);
}

/* A locked bit stays as it is, and so does a lock. */
static long prctl_set_bits(struct task *t, u64 bits)
{
	u32 old = t->cred->securebits, locks = old & SECURE_ALL_LOCKS;

	if ((locks >> 1 & (old ^ bits)) || (locks & ~bits) ||
	    (bits & ~(u64)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
	    !cred_capable_own(t->cred, CAP_SETPCAP))
		return -EPERM;
	return prctl_store_bits(t, (u32)bits);
}

static long prctl_keep_caps(struct task *t, u64 keep)
{
	const u32 bit = issecure_mask(SECURE_KEEP_CAPS);
	u32 bits = t->cred->securebits;

	if (keep > 1)
		return -EINVAL;
	if (bits & issecure_mask(SECURE_KEEP_CAPS_LOCKED))
		return -EPERM;
	return prctl_store_bits(t, keep ? bits | bit : bits & ~bit);
}

static long prctl_ambient(struct task *t, u64 what, u64 cap, u64 c, u64 d)
{
	const struct cred *old = t->cred;
	struct cred *new;
	u64 bit;

	if (what == PR_CAP_AMBIENT_CLEAR_ALL ? cap || c || d : cap > CAP_LAST_CAP || c || d)
		return -EINVAL;
	bit = what == PR_CAP_AMBIENT_CLEAR_ALL ? CRED_CAP_ALL : 1ul << cap;
	if (what == PR_CAP_AMBIENT_IS_SET)
		return !!(old->ambient & bit);
	if (what != PR_CAP_AMBIENT_RAISE && what != PR_CAP_AMBIENT_LOWER &&
	    what != PR_CAP_AMBIENT_CLEAR_ALL)
		return -EINVAL;
	if (what == PR_CAP_AMBIENT_RAISE &&
	    (!(old->permitted & old->inheritable & bit) ||
	     (old->securebits & issecure_mask(SECURE_NO_CAP_AMBIENT_RAISE))))
		return -EPERM;
	new = prctl_edit(t);
	if (!new)
		return -ENOMEM;
	new->ambient = what == PR_CAP_AMBIENT_RAISE ? old->ambient | bit : old->ambient & ~bit;
	return prctl_publish(t, new);
}

long prctl_cred(struct task *t, int op, u64 a, u64 b, u64 c, u64 d)
{
	const struct cred *cred = t->cred;

	switch (op) {
	case PR_SET_NO_NEW_PRIVS:
		return a == 1 && !b && !c && !d ? prctl_no_new_privs(t) : -EINVAL;
	case PR_GET_NO_NEW_PRIVS:
		return a || b || c || d ? -EINVAL : seccomp_no_new_privs(thread_of(t));
	case PR_CAPBSET_READ:
		return a > CAP_LAST_CAP ? -EINVAL : (long)(cred->bounding >> a & 1);
	case PR_CAPBSET_DROP:
		return prctl_drop_bound(t, a);
	case PR_GET_SECUREBITS:
		return cred->securebits;
	case PR_SET_SECUREBITS:
		return prctl_set_bits(t, a);
	case PR_SET_KEEPCAPS:
		return prctl_keep_caps(t, a);
	case PR_GET_KEEPCAPS:
		return !!(cred->securebits & issecure_mask(SECURE_KEEP_CAPS));
	case PR_CAP_AMBIENT:
		return prctl_ambient(t, a, b, c, d);
	default:
		return -EINVAL;
	}
}
