/* core/dev/tty_job.c -- job control: which session a terminal belongs to, and which of its
 * groups is in the foreground.
 *
 * A terminal and a session point at each other; both ends change together under tty_job_lock,
 * which lies outside of core/proc's locks.
 */
#include "core/dev/tty.h"

#include "core/cred/cred.h"
#include "core/proc/thread.h"

static spinlock tty_job_lock = SPINLOCK_INIT(RANK_TTY_JOB);

/* The lock's other half of t->session and t->group. */
static void detach(struct tty *t) REQUIRES(tty_job_lock)
{
	if (t->session) {
		(void)session_set_tty(t->session, NULL);
		session_put(t->session);
	}
	if (t->group)
		pid_put(t->group);
	t->session = NULL;
	t->group = NULL;
}

/* The current process's session becomes t's. 0 or -EPERM. */
static int attach(struct tty *t, struct session *s) REQUIRES(tty_job_lock)
{
	int err = session_set_tty(s, t);

	if (err)
		return err;
	session_get(s);
	t->session = s;
	t->group = group_of(process_current());
	return 0;
}

void tty_job_signal(struct tty *t, int sig)
{
	spin_lock(&tty_job_lock);
	if (t->group)
		(void)group_signal(t->group, sig);
	spin_unlock(&tty_job_lock);
}

struct tty *tty_job_current(void)
{
	struct session *s = session_of(process_current());
	struct tty *t;

	if (!s)
		return NULL;
	t = session_tty(s);
	session_put(s);
	return t;
}

bool tty_job_is_current(struct tty *t)
{
	struct tty *mine = tty_job_current();

	tty_put(mine);
	return mine == t;
}

/* Is the current process of t's session, but in another group than the foreground's? */
static bool in_background(struct tty *t, struct pid *group)
{
	struct session *s = session_of(process_current());
	bool yes;

	spin_lock(&tty_job_lock);
	yes = s && t->session == s && t->group && t->group != group;
	spin_unlock(&tty_job_lock);
	if (s)
		session_put(s);
	return yes;
}

struct pid *tty_job_owner(struct file *file)
{
	struct tty *t = tty_file_of(file)->tty;
	struct pid *group;

	spin_lock(&tty_job_lock);
	group = t->group;
	if (group)
		pid_get(group);
	spin_unlock(&tty_job_lock);
	return group;
}

int tty_job_check(struct tty *t, int sig)
{
	struct thread *self = thread_current();
	struct pid *group = group_of(process_current());
	int err = 0;

	if (!group)
		return 0;
	if (in_background(t, group)) {
		if (signal_is_ignored(self, sig) || signal_is_blocked(self, sig)) {
			err = sig == SIGTTIN ? -EIO : 0;
		} else if (group_is_orphaned(group)) {
			err = -EIO;
		} else {
			(void)group_signal(group, sig);
			err = -ERESTARTSYS;
		}
	}
	pid_put(group);
	return err;
}

void tty_job_adopt(struct tty *t)
{
	struct process *p = process_current();
	struct session *s = session_of(p);

	if (!s)
		return;
	spin_lock(&tty_job_lock);
	if (session_is_leader(p) && !t->session)
		(void)attach(t, s);	/* it may have another terminal: then not */
	spin_unlock(&tty_job_lock);
	session_put(s);
}

int tty_job_claim(struct tty *t, bool steal, bool may_read)
{
	struct process *p = process_current();
	struct session *s = session_of(p);
	bool privileged = cred_capable(task_current()->cred, CAP_SYS_ADMIN);
	int err = -EPERM;

	if (!s)
		return -EPERM;
	spin_lock(&tty_job_lock);
	if (!session_is_leader(p))
		goto out;
	err = 0;
	if (t->session == s)
		goto out;
	err = -EPERM;
	if (s->tty || (t->session && !(steal && privileged)) || !(may_read || privileged))
		goto out;
	detach(t);
	err = attach(t, s);
out:
	spin_unlock(&tty_job_lock);
	session_put(s);
	return err;
}

int tty_job_release(struct tty *t)
{
	if (!tty_job_is_current(t))
		return -ENOTTY;
	/* A single process that leaves would need a terminal of its own to forget. */
	if (!session_is_leader(process_current()))
		return -EOPNOTSUPP;
	tty_job_signal(t, SIGHUP);
	tty_job_signal(t, SIGCONT);
	tty_job_disconnect(t, false);
	return 0;
}

int tty_job_get_group(struct tty *t, bool any_process, const struct pid_ns *ns, i32 *nr)
{
	if (!any_process && !tty_job_is_current(t))
		return -ENOTTY;
	spin_lock(&tty_job_lock);
	*nr = t->group ? pid_nr(t->group, ns) : 0;
	spin_unlock(&tty_job_lock);
	return 0;
}

int tty_job_get_session(struct tty *t, bool any_process, i32 *nr)
{
	int err = 0;

	if (!any_process && !tty_job_is_current(t))
		return -ENOTTY;
	spin_lock(&tty_job_lock);
	if (t->session)
		*nr = session_id(t->session);
	else
		err = -ENOTTY;
	spin_unlock(&tty_job_lock);
	return err;
}

int tty_job_set_group(struct tty *t, i32 nr)
{
	struct session *s;
	struct pid *group;
	int err = tty_job_check(t, SIGTTOU);

	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (nr < 0)
		return -EINVAL;
	if (!tty_job_is_current(t))
		return -ENOTTY;
	s = session_of(process_current());
	if (!s)
		return -ENOTTY;
	group = group_find(nr, s);
	if (!group) {
		bool exists;

		spin_lock(&proc_tree_lock);
		exists = pid_lookup(nr);
		spin_unlock(&proc_tree_lock);
		session_put(s);
		return exists ? -EPERM : -ESRCH;
	}
	spin_lock(&tty_job_lock);
	if (t->session == s) {
		struct pid *old = t->group;

		t->group = group;
		group = old;
	} else {
		err = -ENOTTY;
	}
	spin_unlock(&tty_job_lock);
	if (group)
		pid_put(group);
	session_put(s);
	return err;
}

void tty_job_disconnect(struct tty *t, bool hangup)
{
	spin_lock(&tty_job_lock);
	if (hangup && t->session) {
		session_signal_leader(t->session, SIGHUP);
		session_signal_leader(t->session, SIGCONT);
	}
	detach(t);
	spin_unlock(&tty_job_lock);
}

void tty_job_closed(struct tty *t)
{
	bool unused;

	spin_lock(&tty_job_lock);
	spin_lock(&t->lock);
	unused = !t->opens;
	spin_unlock(&t->lock);
	if (unused)
		detach(t);
	spin_unlock(&tty_job_lock);
}

static void leader_exited(struct session *s, void *tty)
{
	struct tty *t = tty;

	tty_job_signal(t, SIGHUP);
	if (t->ops->is_pty)
		tty_job_disconnect(t, false);
	else
		tty_hangup(t);
	tty_put(t);
}

static void get(void *tty)
{
	tty_get(tty);
}

static const struct session_ops session_ops = {
	.leader_exited = leader_exited,
	.tty_get = get,
};

void tty_job_init(void)
{
	session_set_ops(&session_ops);
}
