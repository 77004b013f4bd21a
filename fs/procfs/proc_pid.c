/* fs/procfs/proc_pid.c -- the table of /proc/<pid>, and its smaller files. */
#include "core/cred/cred.h"
#include "core/proc/extra.h"
#include "core/proc/oom.h"
#include "core/proc/proc_event.h"
#include "core/proc/thread.h"
#include "coro/executor.h"
#include "fs/procfs/proc.h"
#include "mem/space/space.h"
#include "vfs/fs_context.h"
#include "vfs/mount_ns.h"

static int main_tid(const struct proc_subject *who)
{
	return who->tid ? who->tid : pid_nr(who->process->pid, who->ns);
}

/* --- names --- */

static int comm_show(const struct proc_subject *who, struct text *to)
{
	struct process_info i;

	if (!process_thread_info(who->process, who->ns, main_tid(who), &i))
		process_info(who->process, who->ns, &i);
	text_add(to, "%s\n", i.name);
	return 0;
}

static int comm_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct task *t;

	if (who->process != process_current())
		return -EINVAL;
	t = process_task(who->process, who->ns, main_tid(who));
	if (!t)
		return -ESRCH;
	if (len && text[len - 1] == '\n')
		len--;
	string_copy(t->name, text, min(len + 1, sizeof(t->name)));
	proc_event_thread(thread_of(t), PROC_EVENT_COMM);
	task_put(t);
	return 0;
}

static int exe_jump(const struct proc_subject *who, struct path *to)
{
	struct file *file = process_exe(who->process);

	if (!file)
		return -ENOENT;
	*to = file->path;
	path_get(to);
	file_put(file);
	return 0;
}

static int cwd_jump(const struct proc_subject *who, struct path *to)
{
	struct fs_context *fs = process_fs(who->process);

	if (!fs)
		return -ENOENT;
	fs_context_cwd(fs, to);
	fs_context_put(fs);
	return 0;
}

static int root_jump(const struct proc_subject *who, struct path *to)
{
	struct fs_context *fs = process_fs(who->process);

	if (!fs)
		return -ENOENT;
	fs_context_root(fs, to);
	fs_context_put(fs);
	return 0;
}

/* --- mounts --- */

static bool show_mount(void *arg, const struct mount_info *i)
{
	/* The super's options begin with a rw or ro that the mount's have, too. */
	text_add(arg, "%s %s %s %.*s%s%s%s 0 0\n", i->source, i->point, i->type, 2, i->options,
		 i->synced, i->options + 2, i->super_options + 2);
	return true;
}

static bool show_mountinfo(void *arg, const struct mount_info *i)
{
	text_add(arg, "%u %u %u:%u %s %s %s%s - %s %s %.*s%s%s\n", i->id, i->parent_id,
		 i->dev >> 20, i->dev & 0xfffff, i->root, i->point, i->options, i->shares, i->type,
		 i->source, 2, i->super_options, i->synced, i->super_options + 2);
	return true;
}

static bool show_mountstats(void *arg, const struct mount_info *i)
{
	text_add(arg, "device %s mounted on %s with fstype %s\n", i->source, i->point, i->type);
	return true;
}

static int each_mount(const struct proc_subject *who, struct text *to,
		      bool (*show)(void *arg, const struct mount_info *i))
{
	struct fs_context *fs = process_fs(who->process);
	struct mount_ns *ns;
	struct path root;
	int err;

	if (!fs)
		return -EINVAL;
	ns = fs_context_ns(fs);
	fs_context_root(fs, &root);
	fs_context_put(fs);
	err = mount_each(ns, &root, show, to);
	path_put(&root);
	mount_ns_put(ns);
	return err;
}

static int mounts_show(const struct proc_subject *who, struct text *to)
{
	return each_mount(who, to, show_mount);
}

static int mountinfo_show(const struct proc_subject *who, struct text *to)
{
	return each_mount(who, to, show_mountinfo);
}

static int mountstats_show(const struct proc_subject *who, struct text *to)
{
	return each_mount(who, to, show_mountstats);
}

/* --- where it waits --- */

static void show_frame(void *arg, const struct co_point *at)
{
	text_add(arg, "[<0>] %s %s:%u\n", at->func, at->file, at->line);
}

/* A task's frames may only be looked at while it cannot run. A parked one is claimed as if it
 * had been woken, looked at, and then really woken: one poll for nothing, which every wait
 * expects. False: it is running, or about to. */
static bool each_frame(struct task *t, void (*show)(void *arg, const struct co_point *at),
		       void *arg)
{
	u8 idle = TASK_IDLE;

	if (t == task_current()) {
		co_backtrace(&t->co, show, arg);
		return true;
	}
	/* One without frames does not wait: it may be new, and not ready to be started. */
	if (!atomic_load(&t->co.leaf) || !atomic_cas(&t->state, &idle, (u8)TASK_QUEUED))
		return false;
	co_backtrace(&t->co, show, arg);
	executor_enqueue(t, true);
	return true;
}

static int stack_show(const struct proc_subject *who, struct text *to)
{
	struct task *t = process_task(who->process, who->ns, main_tid(who));

	if (!t)
		return 0;
	(void)each_frame(t, show_frame, to);
	task_put(t);
	return 0;
}

struct leaf {
	const char *func;
};
static void take_leaf(void *arg, const struct co_point *at)
{
	struct leaf *leaf = arg;

	if (!leaf->func)
		leaf->func = at->func;
}

static int wchan_show(const struct proc_subject *who, struct text *to)
{
	struct task *t = NULL;
	struct leaf leaf = {};

	if (!process_may_inspect(who->process))
		t = process_task(who->process, who->ns, main_tid(who));
	if (t) {
		if (t != task_current())
			(void)each_frame(t, take_leaf, &leaf);
		task_put(t);
	}
	text_add(to, "%s", leaf.func ? leaf.func : "0");
	return 0;
}

static int syscall_show(const struct proc_subject *who, struct text *to)
{
	struct task *task = process_task(who->process, who->ns, main_tid(who));
	struct thread *t;

	if (!task)
		return -ESRCH;
	t = thread_of(task);
	if (task != task_current() && atomic_load(&task->state) != TASK_IDLE)
		text_add(to, "running\n");
	else if (t->syscall < 0)
		text_add(to, "-1 0x%lx 0x%lx\n", t->user.sp, t->user.pc);
	else
		text_add(to, "%d 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", t->syscall,
			 t->orig_x0, t->user.x[1], t->user.x[2], t->user.x[3], t->user.x[4],
			 t->user.x[5], t->user.sp, t->user.pc);
	task_put(task);
	return 0;
}

/* --- small numbers --- */

static int auxv_show(const struct proc_subject *who, struct text *to)
{
	struct space *s = process_space(who->process);

	if (!s)
		return 0;
	text_put(to, s->auxv, min(s->auxv_words, 64u) * sizeof(u64));
	space_put(s);
	return 0;
}

static int cgroup_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "0::/\n");
	return 0;
}

static int personality_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%08x\n", atomic_load(&who->process->personality));
	return 0;
}

static int oom_score_adj_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", atomic_load(&who->process->oom_score_adj));
	return 0;
}

static int oom_score_adj_store(const struct proc_subject *who, const char *text, size_t len)
{
	bool negative = *text == '-', privileged;
	const char *end;
	u64 n;
	int value;

	if (!string_to_u64(text + negative, &end, 10, &n) || n > 1000 || (*end && *end != '\n'))
		return -EINVAL;
	value = negative ? -(int)n : (int)n;
	privileged = cred_capable(task_current()->cred, CAP_SYS_RESOURCE);
	if (value < atomic_load(&who->process->oom_score_adj_min) && !privileged)
		return -EACCES;
	atomic_store(&who->process->oom_score_adj, value);
	if (privileged)
		atomic_store(&who->process->oom_score_adj_min, value);
	return 0;
}

static int oom_score_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", oom_score(who->process));
	return 0;
}

/* What of its memory a core file holds; nothing without memory. */
static int coredump_filter_show(const struct proc_subject *who, struct text *to)
{
	struct space *s = process_space(who->process);

	if (!s)
		return 0;
	text_add(to, "%08x\n", atomic_load(&s->dump_filter));
	space_put(s);
	return 0;
}

#define DUMP_FILTER_BITS 0x1ffu

static int coredump_filter_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct space *s;
	const char *end;
	u64 n;

	if (!string_to_u64(text, &end, 0, &n) || (*end && *end != '\n'))
		return -EINVAL;
	if (n > UINT32_MAX)
		return -ERANGE;
	s = process_space(who->process);
	if (!s)
		return 0;
	atomic_store(&s->dump_filter, (u32)n & DUMP_FILTER_BITS);
	space_put(s);
	return 0;
}

/* The thread whose slack it is, if the caller may know and change it. */
static int slack_thread(const struct proc_subject *who, struct task **to)
{
	struct task *t = process_task(who->process, who->ns, main_tid(who));

	if (!t)
		return -ESRCH;
	if (t != task_current() && !cred_capable(task_current()->cred, CAP_SYS_NICE)) {
		task_put(t);
		return -EPERM;
	}
	*to = t;
	return 0;
}

static int timerslack_show(const struct proc_subject *who, struct text *to)
{
	struct task *t;
	int err = slack_thread(who, &t);

	if (err)
		return err;
	text_add(to, "%lu\n", extra_slack(thread_of(t)));
	task_put(t);
	return 0;
}

static int timerslack_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct task *t;
	const char *end;
	int err;
	u64 n;

	if (!string_to_u64(text, &end, 10, &n) || (*end && *end != '\n'))
		return -EINVAL;
	err = slack_thread(who, &t);
	if (err)
		return err;
	err = extra_set_slack(thread_of(t), n);
	task_put(t);
	return err;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define DIR(name_, mode_, ...)	{.name = name_, .mode = S_IFDIR | (mode_), __VA_ARGS__}
#define LINK(name_, ...)	{.name = name_, .mode = S_IFLNK | 0777, __VA_ARGS__}

const struct proc_entry proc_pid_entries[] = {
	DIR("task", 0555, .kind = PROC_TASKS, .needs = PROC_PROCESS_ONLY),
	DIR("fd", 0500, .kind = PROC_FDS),
	DIR("fdinfo", 0555, .kind = PROC_FDINFOS),
	DIR("ns", 0511, .children = proc_ns_entries),
	DIR("net", 0555, .children = proc_net_entries),
	FILE("auxv", 0400, .needs = PROC_INSPECT, .show = auxv_show),
	FILE("status", 0444, .show = proc_status_show),
	FILE("personality", 0400, .needs = PROC_INSPECT, .show = personality_show),
	FILE("mem", 0600, .ops = &proc_mem_ops),
	FILE("pagemap", 0400, .ops = &proc_pagemap_ops),
	FILE("limits", 0444, .show = proc_limits_show),
	FILE("comm", 0644, .show = comm_show, .store = comm_store),
	FILE("syscall", 0400, .needs = PROC_INSPECT, .show = syscall_show),
	FILE("cmdline", 0444, .generate = &proc_cmdline_op),
	FILE("environ", 0400, .needs = PROC_INSPECT, .generate = &proc_environ_op),
	FILE("maps", 0444, .needs = PROC_INSPECT, .generate = &proc_maps_op),
	FILE("numa_maps", 0444, .needs = PROC_INSPECT, .generate = &proc_numa_op),
	FILE("smaps", 0444, .needs = PROC_INSPECT, .generate = &proc_smaps_op),
	FILE("smaps_rollup", 0444, .needs = PROC_INSPECT, .generate = &proc_rollup_op),
	FILE("children", 0444, .needs = PROC_THREAD_ONLY, .show = proc_children_show),
	FILE("io", 0400, .needs = PROC_INSPECT, .show = proc_io_show),
	FILE("uid_map", 0644, .ops = &proc_uid_map_ops),
	FILE("gid_map", 0644, .ops = &proc_gid_map_ops),
	FILE("setgroups", 0644, .ops = &proc_setgroups_ops),
	FILE("loginuid", 0444, .show = proc_loginuid_show),
	FILE("sched", 0444, .show = proc_sched_show),
	FILE("schedstat", 0444, .show = proc_schedstat_show),
	FILE("stat", 0444, .show = proc_stat_show),
	FILE("statm", 0444, .show = proc_statm_show),
	LINK("cwd", .jump = cwd_jump),
	LINK("root", .jump = root_jump),
	LINK("exe", .jump = exe_jump),
	FILE("mounts", 0444, .show = mounts_show),
	FILE("mountinfo", 0444, .show = mountinfo_show),
	FILE("mountstats", 0400, .needs = PROC_PROCESS_ONLY, .show = mountstats_show),
	FILE("wchan", 0444, .show = wchan_show),
	FILE("stack", 0400, .needs = PROC_ADMIN, .show = stack_show),
	FILE("cgroup", 0444, .show = cgroup_show),
	FILE("coredump_filter", 0644, .needs = PROC_PROCESS_ONLY, .show = coredump_filter_show,
	     .store = coredump_filter_store),
	FILE("timers", 0444, .needs = PROC_PROCESS_ONLY, .generate = &proc_timers_op),
	FILE("timerslack_ns", 0666, .needs = PROC_PROCESS_ONLY, .show = timerslack_show,
	     .store = timerslack_store),
	FILE("oom_score", 0444, .show = oom_score_show),
	FILE("oom_score_adj", 0644, .show = oom_score_adj_show, .store = oom_score_adj_store),
	{},
};
