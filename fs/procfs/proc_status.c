/* fs/procfs/proc_status.c -- a process in numbers: stat, status, statm, limits. */
#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "core/dev/tty.h"
#include "core/proc/rlimit.h"
#include "core/proc/session.h"
#include "fs/procfs/proc.h"
#include "mem/space/space.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"

#define TICK_NS		 10000000ul	/* USER_HZ is 100 */
#define FLAG_RANDOMIZE	 0x00400000u	/* PF_RANDOMIZE */
#define FLAG_FORKNOEXEC	 0x00000040u	/* PF_FORKNOEXEC */

static u64 ticks(u64 ns)
{
	return ns / TICK_NS;
}

/* What the subject is: a thread's own numbers, or the process's. */
static bool info_of(const struct proc_subject *who, struct process_info *to)
{
	if (who->tid)
		return process_thread_info(who->process, who->ns, who->tid, to);
	process_info(who->process, who->ns, to);
	return true;
}

/* What a space says of itself in pages; zeros without one. */
struct sizes {
	u64 total, anon, file, shm, peak, data, stack, exec, locked, tables;
	u64 code_start, code_end, data_start, data_end, stack_start, brk_start;
	u64 arg_start, arg_end, env_start, env_end;
};
static struct sizes sizes_of(struct process *p)
{
	struct space *s = process_space(p);
	struct sizes to = {};

	if (!s)
		return to;
	/* One word each; they need not be of one moment. */
	to = (struct sizes){
		.total = atomic_load_relaxed(&s->pages_total),
		.anon = atomic_load_relaxed(&s->rss_anon),
		.file = atomic_load_relaxed(&s->rss_file),
		.shm = atomic_load_relaxed(&s->rss_shm),
		.peak = atomic_load_relaxed(&s->rss_peak),
		.data = atomic_load_relaxed(&s->pages_data),
		.stack = atomic_load_relaxed(&s->pages_stack),
		.exec = atomic_load_relaxed(&s->pages_exec),
		.locked = atomic_load_relaxed(&s->pages_locked),
		.tables = atomic_load_relaxed(&s->tables),
		.code_start = s->code_start, .code_end = s->code_end,
		.data_start = s->data_start, .data_end = s->data_end,
		.stack_start = s->stack_start, .brk_start = s->brk_start,
		.arg_start = s->arg_start, .arg_end = s->arg_end,
		.env_start = s->env_start, .env_end = s->env_end,
	};
	space_put(s);
	return to;
}

/* The terminal's device number as stat(2) encodes it, and its foreground group. */
static u32 terminal_of(struct process *p, const struct pid_ns *ns, i32 *group)
{
	struct session *s = session_of(p);
	struct tty *t = s ? session_tty(s) : NULL;
	u32 number = 0, minor;

	*group = -1;
	if (t) {
		minor = CHARDEV_MINOR(t->number);
		number = (minor & 0xff) | CHARDEV_MAJOR(t->number) << 8 | (minor & ~0xffu) << 12;
		(void)tty_job_get_group(t, true, ns, group);
		tty_put(t);
	}
	if (s)
		session_put(s);
	return number;
}

int proc_priority(const struct process_info *i)
{
	if (i->level < -20)
		return i->level + 19;
	return 20 + (i->level == SCHED_FAIR ? i->nice : i->level);
}

int proc_stat_show(const struct proc_subject *who, struct text *to)
{
	bool may = !process_may_inspect(who->process);
	u64 limit = rlimit_get(who->process, RLIMIT_RSS);
	struct process_info i;
	struct sizes z = sizes_of(who->process);
	i32 group;
	u32 tty;

	if (!info_of(who, &i))
		return -ESRCH;
	tty = terminal_of(who->process, who->ns, &group);
	text_add(to, "%d (%s) %c %d %d %d %u %d %u", who->tid ? who->tid : i.pid, i.name, i.state,
		 i.ppid, i.pgrp, i.session, tty, group,
		 FLAG_RANDOMIZE | (who->process->has_execed ? 0 : FLAG_FORKNOEXEC));
	text_add(to, " %lu %lu %lu %lu %lu %lu %ld %ld", i.own.minor_faults,
		 i.children.minor_faults, i.own.major_faults, i.children.major_faults,
		 ticks(i.own.user_ns), ticks(i.own.system_ns), ticks(i.children.user_ns),
		 ticks(i.children.system_ns));
	text_add(to, " %d %d %u 0 %lu %lu %lu %lu", proc_priority(&i), i.nice, i.threads,
		 ticks(i.start_ns), z.total << PAGE_SHIFT, z.anon + z.file + z.shm, limit);
	text_add(to, " %lu %lu %lu 0 0", may ? z.code_start : z.total ? 1ul : 0,
		 may ? z.code_end : z.total ? 1ul : 0, may ? z.stack_start : 0);
	text_add(to, " %lu %lu %lu %lu %u 0 0 %d %u %u %u 0 0 0",
		 (i.pending_thread | i.pending_shared) & 0x7fffffff, i.blocked & 0x7fffffff,
		 i.ignored & 0x7fffffff, i.caught & 0x7fffffff, i.state == 'S' || i.state == 'D',
		 i.exit_signal, i.cpu, i.rt_priority, i.policy);
	if (!may)
		z = (struct sizes){};
	text_add(to, " %lu %lu %lu %lu %lu %lu %lu %d\n", z.data_start, z.data_end, z.brk_start,
		 z.arg_start, z.arg_end, z.env_start, z.env_end, may ? i.exit_status : 0);
	return 0;
}

int proc_statm_show(const struct proc_subject *who, struct text *to)
{
	struct sizes z = sizes_of(who->process);
	u64 text_pages = (PAGE_UP(z.code_end) - PAGE_DOWN(z.code_start)) >> PAGE_SHIFT;

	text_add(to, "%lu %lu %lu %lu 0 %lu 0\n", z.total, z.anon + z.file + z.shm,
		 z.file + z.shm, text_pages, z.data + z.stack);
	return 0;
}

/* --- status --- */

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "tracing stop";
	case 'Z':
		return "zombie";
	default:
		return "sleeping";
	}
}

/* What `of` is called in each namespace from the reader's down to pid's own. */
static void show_levels(struct text *to, const char *name, const struct pid *of,
			const struct pid *pid, const struct pid_ns *from)
{
	text_add(to, "%s:", name);
	for (unsigned level = from->level; level <= pid->ns->level; level++)
		text_add(to, "\t%d", of ? pid_nr(of, pid_ns_above(pid->ns, level)) : 0);
	text_add(to, "\n");
}

static void show_numbers(const struct proc_subject *who, struct text *to)
{
	const struct process *p = who->process;
	const struct pid *thread;

	spin_lock(&proc_tree_lock);
	thread = who->tid ? pid_lookup_in(who->ns, who->tid) : p->pid;
	show_levels(to, "NStgid", p->pid, p->pid, who->ns);
	show_levels(to, "NSpid", thread, p->pid, who->ns);
	show_levels(to, "NSpgid", p->group, p->pid, who->ns);
	show_levels(to, "NSsid", p->session ? p->session->pid : NULL, p->pid, who->ns);
	spin_unlock(&proc_tree_lock);
}

static void show_ids(const struct proc_subject *who, const struct process_info *i,
		     struct text *to)
{
	struct cred *c = process_cred(who->process);
	struct fd_table *fds = process_fds(who->process);
	struct fs_context *fs = process_fs(who->process);

	text_add(to, "Name:\t%s\n", i->name);
	if (fs)
		text_add(to, "Umask:\t%04o\n", atomic_load(&fs->umask));
	text_add(to, "State:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		 i->state, state_name(i->state), i->pid, who->tid ? who->tid : i->pid, i->ppid,
		 i->tracer);
	if (c) {
		text_add(to, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", cred_shown_uid(c->uid),
			 cred_shown_uid(c->euid), cred_shown_uid(c->suid), cred_shown_uid(c->fsuid),
			 cred_shown_gid(c->gid), cred_shown_gid(c->egid), cred_shown_gid(c->sgid),
			 cred_shown_gid(c->fsgid));
	}
	text_add(to, "FDSize:\t%u\nGroups:\t", fds ? fd_table_size(fds) : 0);
	for (u32 n = 0; c && n < c->group_count; n++)
		text_add(to, n ? " %u" : "%u", cred_shown_gid(c->groups[n]));
	text_add(to, " \n");
	show_numbers(who, to);
	text_add(to, "Kthread:\t0\n");
	if (c)
		cred_put(c);
	fd_table_put(fds);
	fs_context_put(fs);
}

static void show_memory(struct process *p, struct text *to)
{
	struct sizes z = sizes_of(p);
	u64 kib = PAGE_SIZE / 1024, rss = z.anon + z.file + z.shm;
	u64 exe = (PAGE_UP(z.code_end) - PAGE_DOWN(z.code_start)) >> PAGE_SHIFT;
	const struct {
		const char *name;
		u64 pages;
	} rows[] = {
		{"VmPeak", z.total},   {"VmSize", z.total},  {"VmLck", z.locked},
		{"VmPin", 0},	       {"VmHWM", max(z.peak, rss)}, {"VmRSS", rss},
		{"RssAnon", z.anon},   {"RssFile", z.file},  {"RssShmem", z.shm},
		{"VmData", z.data},    {"VmStk", z.stack},   {"VmExe", exe},
		{"VmLib", z.exec > exe ? z.exec - exe : 0},  {"VmPTE", z.tables},
		{"VmSwap", 0},
	};

	if (!z.total)
		return;
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		text_add(to, "%s:\t%8lu kB\n", rows[n].name, rows[n].pages * kib);
	text_add(to, "HugetlbPages:\t%8u kB\nCoreDumping:\t%d\nTHP_enabled:\t0\n", 0,
		 atomic_load(&p->core) != NULL);
}

/* CPUs as a list of ranges, "0-1,3". */
static void show_cpu_list(struct text *to, u64 mask)
{
	bool first = true;

	for (unsigned n = 0; n < 64; n++) {
		unsigned start = n;

		if (!(mask >> n & 1))
			continue;
		while (n < 63 && (mask >> (n + 1) & 1))
			n++;
		text_add(to, start == n ? "%s%u" : "%s%u-%u", first ? "" : ",", start, n);
		first = false;
	}
}

static void show_cpus(const struct proc_subject *who, const struct process_info *i,
		      struct text *to)
{
	struct task *t = process_task(who->process, who->ns, who->tid ? who->tid : i->pid);
	u64 mask = (1ul << hal_cpu_count()) - 1;

	if (t) {
		mask &= atomic_load(&t->affinity);
		task_put(t);
	}
	text_add(to, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", mask);
	show_cpu_list(to, mask);
	text_add(to, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

int proc_status_show(const struct proc_subject *who, struct text *to)
{
	struct process_info i;
	struct cred *c;

	if (!info_of(who, &i))
		return -ESRCH;
	show_ids(who, &i, to);
	show_memory(who->process, to);
	text_add(to, "Threads:\t%u\nSigQ:\t%u/%lu\n", i.threads, i.queued_signals,
		 rlimit_get(who->process, RLIMIT_SIGPENDING));
	text_add(to, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\n"
		 "SigCgt:\t%016lx\n", i.pending_thread, i.pending_shared, i.blocked, i.ignored,
		 i.caught);
	c = process_cred(who->process);
	if (c) {
		text_add(to, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n"
			 "CapBnd:\t%016lx\nCapAmb:\t%016lx\n", c->inheritable, c->permitted,
			 c->effective, c->bounding, c->ambient);
		cred_put(c);
	}
	text_add(to, "NoNewPrivs:\t%d\nSeccomp:\t%u\nSeccomp_filters:\t%u\n",
		 i.no_new_privs, i.filter_mode, i.filters);
	show_cpus(who, &i, to);
	text_add(to, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		 i.own.voluntary, i.own.involuntary);
	return 0;
}

/* --- limits --- */

static void show_limit(struct text *to, u64 value)
{
	if (value == ~0ul)
		text_add(to, "%-20s ", "unlimited");
	else
		text_add(to, "%-20lu ", value);
}

int proc_limits_show(const struct proc_subject *who, struct text *to)
{
	static const struct {
		const char *name, *unit;
	} names[RLIMIT_COUNT] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", NULL},
		[RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	struct rlimits limits;

	spin_lock(&who->process->sig_lock);
	limits = who->process->limits;
	spin_unlock(&who->process->sig_lock);
	text_add(to, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned n = 0; n < RLIMIT_COUNT; n++) {
		text_add(to, "%-25s ", names[n].name);
		show_limit(to, limits.of[n].rlim_cur);
		show_limit(to, limits.of[n].rlim_max);
		if (names[n].unit)
			text_add(to, "%-10s\n", names[n].unit);
		else
			text_put(to, "\n", 1);
	}
	return 0;
}
