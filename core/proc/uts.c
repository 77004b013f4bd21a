/* core/proc/uts.c */
#include "core/proc/uts.h"

#include "core/base/errno.h"
#include "core/base/spinlock.h"
#include "core/cred/cred.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"

static spinlock uts_lock = SPINLOCK_INIT(RANK_PROC_OTHER);
static u64 uts_last GUARDED_BY(&uts_lock) = 1;	/* id given */
static struct uts uts_one = {
	.refs = {1}, .id = 1, .users = &user_ns_first, .names = {"lichen", "(none)"}
};

struct uts *uts_first(void)
{
	return &uts_one;
}

void uts_get(struct uts *uts)
{
	ref_get(&uts->refs);
}

void uts_put(struct uts *uts)
{
	if (!uts || !ref_put(&uts->refs))
		return;
	user_ns_put(uts->users);
	kfree(uts);
}

bool uts_renew(struct uts **uts, struct user_ns *users)
{
	struct uts *new = kmalloc(sizeof(*new)), *old = *uts;

	if (!new)
		return false;
	ref_init(&new->refs);
	new->users = users;
	user_ns_get(users);
	spin_lock(&uts_lock);
	new->id = ++uts_last;
	memcpy(new->names, old->names, sizeof(new->names));
	spin_unlock(&uts_lock);
	*uts = new;
	uts_put(old);
	return true;
}

/* A kernel worker is in the first. */
static struct uts *uts_mine(void)
{
	if (task_current()->user)
		return process_uts(process_current());
	uts_get(&uts_one);
	return &uts_one;
}

bool uts_may_set(void)
{
	struct uts *uts = uts_mine();
	bool may = cred_capable_in(task_current()->cred, uts->users, CAP_SYS_ADMIN);

	uts_put(uts);
	return may;
}

size_t uts_read(enum uts_name which, char *to)
{
	struct uts *uts = uts_mine();

	spin_lock(&uts_lock);
	memcpy(to, uts->names[which], UTS_MAX + 1);
	spin_unlock(&uts_lock);
	uts_put(uts);
	return strlen(to);
}

int uts_set(enum uts_name which, const char *name, size_t len)
{
	struct uts *uts;

	if (len > UTS_MAX)
		return -EINVAL;
	uts = uts_mine();
	spin_lock(&uts_lock);
	memset(uts->names[which], 0, UTS_MAX + 1);
	memcpy(uts->names[which], name, len);
	spin_unlock(&uts_lock);
	uts_put(uts);
	return 0;
}
