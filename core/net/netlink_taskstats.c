/* core/net/netlink_taskstats.c -- taskstats: what a thread or a process has used, when asked and,
 * for who registers, as it ends (linux/taskstats.h).
 *
 * Delays are not measured here, nor memory over time: these stay 0. What was read and written is
 * the process's, for each of its threads.
 */
#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/taskstats.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/netlink.h"
#include "core/proc/clock.h"
#include "core/proc/exit.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"

#define TASKSTATS_ID	   19u	/* the first that are given away */
#define TASKSTATS_MASK_MAX 256u	/* of a list of CPUs, as text */
#define NS_PER_US	   1000ul
#define NS_PER_S	   1000000000ul

/* Who is told of those that end on some CPUs. */
struct taskstats_listener {
	struct list link;
	u32 port;
	u32 cpus;
};

static struct list taskstats_listeners GUARDED_BY(&netlink_lock) = LIST_INIT(taskstats_listeners);
static u32 taskstats_counts[HAL_MAX_CPUS];	/* [a] told by each CPU so far */

/* --- figures --- */

static void taskstats_times(struct taskstats *to, const struct process_usage *u, u64 start_ns)
{
	u64 age_ns = hal_clock_ns() - start_ns;

	to->version = TASKSTATS_VERSION;
	to->ac_etime = age_ns / NS_PER_US;
	to->ac_utime = u->user_ns / NS_PER_US;
	to->ac_stime = u->system_ns / NS_PER_US;
	to->nvcsw = u->voluntary;
	to->nivcsw = u->involuntary;
	to->cpu_count = u->voluntary + u->involuntary;
	to->cpu_run_real_total = to->cpu_run_virtual_total = u->user_ns + u->system_ns;
}

static void taskstats_memory(struct taskstats *to, struct process *p)
{
	struct space *s = process_space(p);

	if (!s)
		return;
	to->hiwater_rss = atomic_load_relaxed(&s->rss_peak) << (PAGE_SHIFT - 10);
	to->hiwater_vm = atomic_load_relaxed(&s->pages_total) << (PAGE_SHIFT - 10);
	space_put(s);
}

/* Of one thread; it ends, or status is 0. */
static void taskstats_thread(struct taskstats *to, struct thread *t, int status, bool last)
{
	struct process *p = t->process;
	struct cred *cred = thread_cred(t);
	u64 age_ns = hal_clock_ns() - t->start_ns;
	struct process_usage u;
	int parent;
	bool execed;

	spin_lock(&proc_tree_lock);
	parent = p->parent ? process_pid(p->parent) : 0;
	execed = p->has_execed;
	thread_usage(t, &u);
	spin_unlock(&proc_tree_lock);
	*to = (struct taskstats){
		.ac_exitcode = (u32)status,
		.ac_flag = (u8)((execed ? 0 : AFORK) | (status & 0x80 ? ACORE : 0) |
				(status & 0x7f ? AXSIG : 0) | (last ? AGROUP : 0)),
		.ac_nice = (u8)t->task.sched.nice,
		.ac_sched = t->task.sched.policy,
		.ac_uid = cred_shown_uid(cred->uid),
		.ac_gid = cred_shown_gid(cred->gid),
		.ac_pid = (u32)thread_id(t),
		.ac_tgid = (u32)process_pid(p),
		.ac_ppid = (u32)parent,
		.ac_minflt = u.minor_faults,
		.ac_majflt = u.major_faults,
		.read_char = atomic_load_relaxed(&p->io.bytes[0]),
		.write_char = atomic_load_relaxed(&p->io.bytes[1]),
		.read_syscalls = atomic_load_relaxed(&p->io.calls[0]),
		.write_syscalls = atomic_load_relaxed(&p->io.calls[1]),
		.read_bytes = atomic_load_relaxed(&p->io.disk[0]),
		.write_bytes = atomic_load_relaxed(&p->io.disk[1]),
		.ac_tgetime = (hal_clock_ns() - p->start_ns) / NS_PER_US,
	};
	cred_put(cred);
	taskstats_times(to, &u, t->start_ns);
	to->ac_btime64 = (clock_wall_ns() - age_ns) / NS_PER_S;
	to->ac_btime = (u32)min(to->ac_btime64, (u64)UINT32_MAX);
	to->ac_utimescaled = to->ac_utime;
	to->ac_stimescaled = to->ac_stime;
	string_copy(to->ac_comm, t->task.name, sizeof(to->ac_comm));
	taskstats_memory(to, p);
}

/* And of a process: times only. */
static void taskstats_process(struct taskstats *to, struct process *p)
{
	struct process_usage u;

	process_cpu_time(p, &u);
	*to = (struct taskstats){0};
	taskstats_times(to, &u, p->start_ns);
}

static void taskstats_add(struct netlink_answer *a, bool process, u32 nr,
			  const struct taskstats *stats)
{
	u32 start = netlink_nest(a, process ? TASKSTATS_TYPE_AGGR_TGID : TASKSTATS_TYPE_AGGR_PID);

	netlink_add_u32(a, process ? TASKSTATS_TYPE_TGID : TASKSTATS_TYPE_PID, nr);
	netlink_add(a, TASKSTATS_TYPE_STATS, stats, sizeof(*stats));
	netlink_nest_end(a, start);
}

/* --- asking --- */

static int taskstats_fill(const struct nlattr *tid, const struct nlattr *tgid,
			  struct netlink_answer *a)
{
	struct taskstats stats;
	struct process *p;
	struct thread *t;
	u32 nr, start, len;

	memcpy(&nr, netlink_value(tid ? tid : tgid, &len), sizeof(nr));
	if (tid) {
		t = thread_find((int)min(nr, (u32)INT32_MAX));
		if (!t)
			return -ESRCH;
		taskstats_thread(&stats, t, 0, false);
		task_put(&t->task);
	} else {
		p = process_find((int)min(nr, (u32)INT32_MAX));
		if (!p)
			return -ESRCH;
		taskstats_process(&stats, p);
		process_put(p);
	}
	start = netlink_generic_begin(a, &netlink_taskstats, TASKSTATS_CMD_NEW, 0);
	taskstats_add(a, !tid, nr, &stats);
	netlink_end(a, start);
	return 0;
}

static const char *taskstats_number(const char *at, const char *end, u32 *n)
{
	const char *start = at;

	for (*n = 0; at < end && *at >= '0' && *at <= '9'; at++)
		*n = min(*n * 10 + (u32)(*at - '0'), UINT16_MAX + 0u);
	return at > start ? at : NULL;
}

/* Numbers and ranges of CPUs, with commas between: 0, -EINVAL, -ERANGE. */
static int taskstats_parse(const struct nlattr *list, u32 *cpus)
{
	u32 len, first, last;
	const char *at = netlink_value(list, &len), *end = at + strnlen(at, len);

	if (!len || len > TASKSTATS_MASK_MAX)
		return len ? -E2BIG : -ERANGE;
	for (*cpus = 0; at < end; at += at < end) {
		at = taskstats_number(at, end, &first);
		last = first;
		if (at && at < end && *at == '-')
			at = taskstats_number(at + 1, end, &last);
		if (!at || (at < end && *at != ',' && *at != '\n') || last < first)
			return -EINVAL;
		if (last >= hal_cpu_count())
			return -ERANGE;
		for (; first <= last; first++)
			*cpus |= 1u << first;
	}
	return 0;
}

static struct taskstats_listener *taskstats_find(u32 port) REQUIRES(netlink_lock)
{
	struct taskstats_listener *l;

	list_each(l, &taskstats_listeners, link)
		if (l->port == port)
			return l;
	return NULL;
}

static void taskstats_drop(struct taskstats_listener *l) REQUIRES(netlink_lock)
{
	list_remove(&l->link);
	kfree(l);
	atomic_sub(&exit_listeners, 1u);
}

static int taskstats_register(u32 port, u32 cpus, bool on)
{
	struct taskstats_listener *made = on ? kzalloc(sizeof(*made)) : NULL, *l;

	if (on && !made)
		return -ENOMEM;
	spin_lock(&netlink_lock);
	l = taskstats_find(port);
	if (!l && made) {
		l = made;
		made = NULL;
		l->port = port;
		list_add_back(&taskstats_listeners, &l->link);
		atomic_add(&exit_listeners, 1u);
	}
	if (l && on)
		l->cpus |= cpus;
	else if (l)
		l->cpus &= ~cpus;
	if (l && !l->cpus)
		taskstats_drop(l);
	spin_unlock(&netlink_lock);
	kfree(made);
	return 0;
}

static void taskstats_closed(struct netlink_socket *n) REQUIRES(netlink_lock)
{
	struct taskstats_listener *l = n->port ? taskstats_find(n->port) : NULL;

	if (l)
		taskstats_drop(l);
}

static int taskstats_get(struct netlink_socket *n, const struct nlmsghdr *h,
			 struct netlink_answer *a)
{
	const struct nlattr *on =
		netlink_generic_attribute(h, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK);
	const struct nlattr *off =
		netlink_generic_attribute(h, TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK);
	const struct nlattr *tid = netlink_generic_attribute(h, TASKSTATS_CMD_ATTR_PID);
	const struct nlattr *tgid = netlink_generic_attribute(h, TASKSTATS_CMD_ATTR_TGID);
	u32 cpus;
	int err;

	if ((tid && tid->nla_len < NLA_HDRLEN + sizeof(u32)) ||
	    (tgid && tgid->nla_len < NLA_HDRLEN + sizeof(u32)))
		return -ERANGE;
	if (on || off) {
		err = taskstats_parse(on ? on : off, &cpus);
		return err ? err : taskstats_register(a->port, cpus, on);
	}
	return tid || tgid ? taskstats_fill(tid, tgid, a) : -EINVAL;
}

/* --- telling --- */

/* Does p, whose last thread ends, have another that has yet to go, or had it one? */
static bool taskstats_had_others(struct process *p)
{
	bool had;

	spin_lock(&proc_tree_lock);
	had = p->thread_count > 1 || p->dead_usage.user_ns + p->dead_usage.system_ns;
	spin_unlock(&proc_tree_lock);
	return had;
}

/* t ends, the last of its process or not. */
static void taskstats_exit(struct thread *t, int status, bool last)
{
	u32 cpu = hal_cpu_self()->id, start;
	struct process *p = t->process;
	struct taskstats_listener *l;
	struct netlink_answer a = {.room = 2 * sizeof(struct taskstats) + 128};
	struct taskstats stats;

	a.data = kmalloc(a.room);
	if (!a.data)
		return;		/* as for who has no room */
	a.seq = atomic_add_relaxed(&taskstats_counts[cpu], 1u);
	start = netlink_generic_begin(&a, &netlink_taskstats, TASKSTATS_CMD_NEW, 0);
	taskstats_thread(&stats, t, status, last);
	taskstats_add(&a, false, (u32)thread_id(t), &stats);
	if (last && taskstats_had_others(p)) {
		taskstats_process(&stats, p);
		taskstats_add(&a, true, (u32)process_pid(p), &stats);
	}
	netlink_end(&a, start);
	spin_lock(&netlink_lock);
	list_each(l, &taskstats_listeners, link)
		if (l->cpus & 1u << cpu)
			netlink_tell_port(&netlink_generic, l->port, a.data, a.len);
	spin_unlock(&netlink_lock);
	kfree(a.data);
}

void netlink_taskstats_init(void)
{
	exit_tell = taskstats_exit;
}

static const struct generic_op taskstats_ops[] = {
	{TASKSTATS_CMD_GET, GENL_ADMIN_PERM | GENL_CMD_CAP_DO | GENL_CMD_CAP_HASPOL, taskstats_get},
};

const struct generic_family netlink_taskstats = {
	.name = TASKSTATS_GENL_NAME, .id = TASKSTATS_ID, .version = TASKSTATS_GENL_VERSION,
	.ops = taskstats_ops, .count = ARRAY_SIZE(taskstats_ops), .closed = taskstats_closed,
};
