/* core/proc/extra.c */
#include "core/proc/extra.h"

#include "mem/phys/slab.h"

struct thread_extra *extra_need(struct thread *t)
{
	struct thread_extra *made, *old = atomic_load(&t->extra);

	if (old)
		return old;
	made = kzalloc(sizeof(*made));
	if (!made)
		return NULL;
	made->slack_ns = made->usual_slack_ns = EXTRA_SLACK_NS;
	if (atomic_cas(&t->extra, &old, made))
		return made;
	kfree(made);
	return old;
}

void extra_free(struct thread *t)
{
	kfree(t->extra);
}

int extra_inherit(struct thread *child, const struct thread *maker)
{
	const struct thread_extra *from = atomic_load(&maker->extra);
	u64 slack = from ? atomic_load_relaxed(&from->slack_ns) : EXTRA_SLACK_NS;
	struct thread_extra *to;

	if (!from || (slack == EXTRA_SLACK_NS && !policy_is_set(from->policy)))
		return 0;
	to = extra_need(child);
	if (!to)
		return -ENOMEM;
	to->policy = from->policy;
	to->slack_ns = to->usual_slack_ns = slack;
	return 0;
}

struct policy extra_policy(struct thread *t)
{
	const struct thread_extra *e = atomic_load(&t->extra);
	struct policy policy = {};

	if (!e)
		return policy;
	spin_lock(&t->process->sig_lock);
	policy = e->policy;
	spin_unlock(&t->process->sig_lock);
	return policy;
}

int extra_set_policy(struct thread *t, struct policy policy)
{
	struct thread_extra *e = policy_is_set(policy) ? extra_need(t) : atomic_load(&t->extra);

	if (!e)
		return policy_is_set(policy) ? -ENOMEM : 0;
	spin_lock(&t->process->sig_lock);
	e->policy = policy;
	spin_unlock(&t->process->sig_lock);
	return 0;
}

static bool extra_is_rt(const struct thread *t)
{
	u8 policy = atomic_load(&t->task.sched.policy);

	return policy == SCHED_TASK_FIFO || policy == SCHED_TASK_RR ||
	       policy == SCHED_TASK_DEADLINE;
}

u64 extra_slack(const struct thread *t)
{
	const struct thread_extra *e = atomic_load(&t->extra);

	if (extra_is_rt(t))
		return 0;
	return e ? atomic_load_relaxed(&e->slack_ns) : EXTRA_SLACK_NS;
}

void extra_reset_slack(struct thread *t)
{
	struct thread_extra *e = atomic_load(&t->extra);

	if (e && extra_is_rt(t))
		atomic_store(&e->slack_ns, e->usual_slack_ns);
}

int extra_set_slack(struct thread *t, u64 ns)
{
	struct thread_extra *e;

	if (extra_is_rt(t))
		return 0;
	e = ns && ns != EXTRA_SLACK_NS ? extra_need(t) : atomic_load(&t->extra);
	if (e)
		atomic_store(&e->slack_ns, ns ? ns : e->usual_slack_ns);
	else if (ns && ns != EXTRA_SLACK_NS)
		return -ENOMEM;
	return 0;
}
