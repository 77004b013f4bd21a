/* syscalls/misc.c -- the machine's name and state, prctl, random bytes, rseq, membarrier. */
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/rseq.h>
#include <linux/securebits.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>

#include "core/base/log.h"
#include "core/base/random.h"
#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/proc/exit.h"
#include "core/proc/extra.h"
#include "core/proc/load.h"
#include "core/proc/pid_ns.h"
#include "core/proc/proc_event.h"
#include "core/proc/seccomp.h"
#include "core/proc/trace.h"
#include "core/proc/uts.h"
#include "hal/clock.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "coro/visit.h"
#include "mem/space/shm.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "syscalls/prctl_cred.h"
#include "syscalls/retry.h"
#include "syscalls/seccomp.h"
#include "vfs/page.h"

/* --- uname --- */

struct sys_uname {
	struct co_frame co;
	uptr to;
	struct new_utsname *name;
	long err;
};

static void uname_fill(struct new_utsname *n)
{
	string_copy(n->sysname, UTS_SYSNAME, sizeof(n->sysname));
	string_copy(n->release, UTS_RELEASE, sizeof(n->release));
	string_copy(n->version, UTS_VERSION, sizeof(n->version));
	string_copy(n->machine, UTS_MACHINE, sizeof(n->machine));
	uts_read(UTS_HOSTNAME, n->nodename);
	uts_read(UTS_DOMAINNAME, n->domainname);
}

static co_t sys_uname(struct co *co, struct sys_uname *f)
{
	CO_BEGIN;
	f->name = kzalloc(sizeof(*f->name));
	if (!f->name)
		CO_RETURN(-ENOMEM);
	uname_fill(f->name);
	CO_COPY_TO_USER(f->err, f->to, f->name, sizeof(*f->name));
	kfree(f->name);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(uname, to);

static long misc_set_name(struct task *t, enum uts_name which, uptr from, int len)
{
	char name[UTS_MAX + 1];

	if (!uts_may_set())
		return -EPERM;
	if (len < 0 || len > UTS_MAX)
		return -EINVAL;
	if (!user_get(t, name, from, (size_t)len))
		return SYS_MUST_WAIT;
	return uts_set(which, name, (size_t)len);
}

static long sys_sethostname(struct task *t, uptr from, int len)
{
	return misc_set_name(t, UTS_HOSTNAME, from, len);
}
SYSCALL_RETRY(sethostname, uptr, int);

static long sys_setdomainname(struct task *t, uptr from, int len)
{
	return misc_set_name(t, UTS_DOMAINNAME, from, len);
}
SYSCALL_RETRY(setdomainname, uptr, int);

static long sys_sysinfo(struct task *t, uptr to)
{
	struct sysinfo info = {
		.uptime = (long)((hal_clock_ns() + 999999999) / 1000000000),
		.totalram = buddy_total_pages() << PAGE_SHIFT,
		.freeram = buddy_free_pages() << PAGE_SHIFT,
		.sharedram = (page_total_kept() + shm_total()) << PAGE_SHIFT,
		.procs = (u16)process_thread_total(),
		.mem_unit = 1,
	};
	u64 average[3];

	load_get(average);
	for (unsigned i = 0; i < 3; i++)
		info.loads[i] = average[i] << (SI_LOAD_SHIFT - LOAD_SHIFT);
	return user_put(t, to, &info, sizeof(info)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(sysinfo, uptr);

/* --- random bytes --- */

#define RANDOM_PART 256ul

struct sys_getrandom {
	struct co_frame co;
	uptr to;
	u64 len;
	u32 flags;
	u64 done;
	u8 *part;
	long err;
};
static co_t sys_getrandom(struct co *co, struct sys_getrandom *f)
{
	CO_BEGIN;
	if (f->flags & ~(u32)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (f->flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		CO_RETURN(-EINVAL);
	f->len = min(f->len, (u64)INT32_MAX);
	f->part = kmalloc(RANDOM_PART);
	if (!f->part)
		CO_RETURN(-ENOMEM);
	while (f->done < f->len) {
		random_bytes(f->part, min(RANDOM_PART, f->len - f->done));
		CO_COPY_TO_USER(f->err, uptr_add(f->to, f->done), f->part,
				min(RANDOM_PART, f->len - f->done));
		if (f->err)
			break;
		f->done += min(RANDOM_PART, f->len - f->done);
		if (signal_pending(thread_of_co(co)))
			break;
		CO_BREATHE;
	}
	kfree(f->part);
	CO_RETURN(f->done ? (long)f->done : f->err);
	CO_END;
}
SYSCALL_CO(getrandom, to, len, flags);

/* --- rseq --- */

static long sys_rseq(struct task *t, uptr area, u32 len, int flags, u32 sig)
{
	struct thread *thread = thread_of(t);
	u32 uninitialised[2] = {0, (u32)RSEQ_CPU_ID_UNINITIALIZED};

	if (flags & RSEQ_FLAG_UNREGISTER) {
		if (flags & ~RSEQ_FLAG_UNREGISTER || !thread->rseq.raw ||
		    thread->rseq.raw != area.raw || thread->rseq_len != len)
			return -EINVAL;
		if (thread->rseq_sig != sig)
			return -EPERM;
		if (!user_put(t, area, uninitialised, sizeof(uninitialised)))
			return SYS_MUST_WAIT;
		thread->rseq = uptr_of(0);
		return 0;
	}
	if (flags)
		return -EINVAL;
	if (thread->rseq.raw) {
		if (thread->rseq.raw != area.raw || thread->rseq_len != len)
			return -EINVAL;
		return thread->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (len < 32 || area.raw % 32)
		return -EINVAL;
	if (area.raw >= HAL_USER_END || len > HAL_USER_END - area.raw)
		return -EFAULT;
	thread->rseq = area;
	thread->rseq_len = len;
	thread->rseq_sig = sig;
	thread->rseq_cpu = UINT32_MAX;
	/* Its fields are filled in on the way to user mode. */
	atomic_or(&t->flags, (u32)TASK_WORK);
	return 0;
}
SYSCALL_RETRY(rseq, uptr, u32, int, u32);

/* --- membarrier --- */

/* Every other CPU has passed through its executor since: registers were saved and loaded, so
 * each of its threads saw a barrier, and a restartable sequence that one was in has been
 * aborted. */
struct sys_membarrier {
	struct co_frame co;
	int cmd;
	u32 flags;
	int cpu;
	long result;
};

enum {
	BARRIER_GLOBAL = MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |
			 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
	BARRIER_PRIVATE = MEMBARRIER_CMD_PRIVATE_EXPEDITED |
			  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |
			  MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |
			  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
			  MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ |
			  MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
};

/* As commands that register. Each private kind counts as the plain one too, as on Linux. */
static long barrier_registrations(u32 registered)
{
	u32 commands = registered << 1;

	if (commands & (MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
			MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ))
		commands |= MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	return commands;
}

/* Registering, asking: what needs no other CPU. 1: go on. */
static long barrier_check(struct co *co, struct sys_membarrier *f)
{
	u32 *registered = &co_task(co)->space->membarrier;

	if (f->flags && (f->cmd != MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ ||
			 f->flags != MEMBARRIER_CMD_FLAG_CPU))
		return -EINVAL;
	switch (f->cmd) {
	case MEMBARRIER_CMD_QUERY:
		return BARRIER_GLOBAL | BARRIER_PRIVATE | MEMBARRIER_CMD_GET_REGISTRATIONS;
	case MEMBARRIER_CMD_GET_REGISTRATIONS:
		return barrier_registrations(atomic_load(registered));
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
		/* The command to use later is the bit before the one that registers. */
		atomic_or(registered, (u32)f->cmd >> 1);
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
		return atomic_load(registered) & (u32)f->cmd ? 1 : -EPERM;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		return 1;
	default:
		return -EINVAL;
	}
}

static co_t sys_membarrier(struct co *co, struct sys_membarrier *f)
{
	CO_BEGIN;
	f->result = barrier_check(co, f);
	if (f->result != 1)
		CO_RETURN(f->result);
	/* Being switched to on a CPU is the barrier there. */
	CO_AWAIT(f->result, visit_cpus, .one = f->flags, .cpu = f->cpu);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(membarrier, cmd, flags, cpu);

/* --- the end of the machine --- */

/* In a namespace below the first that is the end of it, and how its first process seems to end
 * says how: as if by SIGHUP to start again, by SIGINT to stay off. */
static long reboot_namespace(struct task *t, u32 cmd)
{
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		pid_ns_reboot(pid_ns_here(), SIGHUP);
		break;
	case LINUX_REBOOT_CMD_POWER_OFF:
	case LINUX_REBOOT_CMD_HALT:
		pid_ns_reboot(pid_ns_here(), SIGINT);
		break;
	default:
		return -EINVAL;
	}
	/* Who asked does not come back. */
	signal_group_exit(thread_of(t)->process, 0);
	return 0;
}

static long sys_reboot(struct task *t, u32 magic1, u32 magic2, u32 cmd)
{
	if (!cred_capable_in(t->cred, pid_ns_here()->users, CAP_SYS_BOOT))
		return -EPERM;
	if (magic1 != LINUX_REBOOT_MAGIC1 ||
	    (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
	     magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	if (pid_ns_here()->level)
		return reboot_namespace(t, cmd);
	switch (cmd) {
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;
	case LINUX_REBOOT_CMD_POWER_OFF:
	case LINUX_REBOOT_CMD_HALT:
		hal_power_off();
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		hal_reset();
	default:
		return -EINVAL;
	}
}
SYSCALL_PLAIN(reboot, u32, u32, u32);

/* --- prctl; what concerns rights is in prctl_cred.c --- */

static long prctl_set_name(struct task *t, uptr from)
{
	char name[16] = {0};
	char byte;
	i64 n;

	/* The byte that was missing is there by now, or has to be waited for. */
	while ((n = hal_string_from_user(name, from, sizeof(name) - 1)) < 0)
		if (!user_get(t, &byte, uptr_add(from, (u64)(-1 - n)), 1))
			return SYS_MUST_WAIT;
	name[sizeof(name) - 1] = 0;
	string_copy(t->name, name, sizeof(t->name));
	proc_event_thread(thread_of(t), PROC_EVENT_COMM);
	return 0;
}

static long prctl_put_int(struct task *t, u64 to, int value)
{
	return user_put(t, uptr_of(to), &value, sizeof(value)) ? 0 : SYS_MUST_WAIT;
}

static long prctl_process(struct task *t, int op, u64 a)
{
	struct process *p = thread_of(t)->process;

	switch (op) {
	case PR_SET_PDEATHSIG:
		if (a > 64)
			return -EINVAL;
		atomic_store(&p->pdeath_signal, (int)a);
		return 0;
	case PR_GET_PDEATHSIG:
		return prctl_put_int(t, a, p->pdeath_signal);
	case PR_SET_DUMPABLE:
		if (a > 1)
			return -EINVAL;
		atomic_store(&t->space->dumpable, (u8)a);
		return 0;
	case PR_GET_DUMPABLE:
		return atomic_load(&t->space->dumpable);
	case PR_SET_PTRACER:
		return trace_allow(p, (int)a);
	case PR_SET_CHILD_SUBREAPER:
		exit_set_reaper(p, a);
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return prctl_put_int(t, a, p->subreaper);
	default:
		return -EINVAL;
	}
}

/* Linux notes that something was set before it looks at what. */
static long prctl_memory_failure(struct thread *t, u64 what, u64 policy, u64 c, u64 d)
{
	if (c || d)
		return -EINVAL;
	if (what == PR_MCE_KILL_CLEAR && !policy) {
		t->failure_set = false;
		return 0;
	}
	if (what != PR_MCE_KILL_SET)
		return -EINVAL;
	t->failure_set = policy != PR_MCE_KILL_DEFAULT;
	if (policy > PR_MCE_KILL_DEFAULT)
		return -EINVAL;
	t->failure_early = policy == PR_MCE_KILL_EARLY;
	return 0;
}

static long prctl_get_memory_failure(const struct thread *t, u64 a, u64 b, u64 c, u64 d)
{
	if (a || b || c || d)
		return -EINVAL;
	if (!t->failure_set)
		return PR_MCE_KILL_DEFAULT;
	return t->failure_early ? PR_MCE_KILL_EARLY : PR_MCE_KILL_LATE;
}

static long sys_prctl(struct task *t, int op, u64 a, u64 b, u64 c, u64 d)
{
	u64 tid_address;

	switch (op) {
	case PR_SET_NAME:
		return prctl_set_name(t, uptr_of(a));
	case PR_GET_NAME:
		return user_put(t, uptr_of(a), t->name, sizeof(t->name)) ? 0 : SYS_MUST_WAIT;
	case PR_SET_NO_NEW_PRIVS:
	case PR_GET_NO_NEW_PRIVS:
	case PR_CAPBSET_READ:
	case PR_CAPBSET_DROP:
	case PR_GET_SECUREBITS:
	case PR_SET_SECUREBITS:
	case PR_SET_KEEPCAPS:
	case PR_GET_KEEPCAPS:
	case PR_CAP_AMBIENT:
		return prctl_cred(t, op, a, b, c, d);
	case PR_GET_SECCOMP:
		return seccomp_mode(thread_of(t));
	case PR_SET_SECCOMP:
		if (a == SECCOMP_MODE_STRICT)
			return seccomp_set_strict(thread_of(t));
		return a == SECCOMP_MODE_FILTER ? SYS_MUST_WAIT : -EINVAL;
	case PR_MCE_KILL:
		return prctl_memory_failure(thread_of(t), a, b, c, d);
	case PR_MCE_KILL_GET:
		return prctl_get_memory_failure(thread_of(t), a, b, c, d);
	case PR_GET_TIMERSLACK:
		return (long)min(extra_slack(thread_of(t)), (u64)INT64_MAX);
	case PR_SET_TIMERSLACK:
		return extra_set_slack(thread_of(t), a);
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_GET_TID_ADDRESS:
		tid_address = thread_of(t)->clear_tid.raw;
		return user_put(t, uptr_of(a), &tid_address, sizeof(tid_address)) ? 0
										    : SYS_MUST_WAIT;
	default:
		return prctl_process(t, op, a);
	}
}
SYSCALL_PLAIN(prctl, int, u64, u64, u64, u64);

co_t begin_prctl(struct co *co, const u64 *a);
co_t begin_prctl(struct co *co, const u64 *a)
{
	if ((int)a[0] == PR_SET_SECCOMP)
		return co_begin(co, seccomp_set_filter, .from = uptr_of(a[2]));
	return co_begin(co, retry_call, .plain = plain_prctl, .a = a);
}
