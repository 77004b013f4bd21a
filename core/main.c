/* core/main.c -- where the layers are connected, and the way from power-on to the first task.
 *
 * boot: CPU 0 brings up memory, the executor and the tables, starts the other CPUs, and
 * leaves the rest to a worker (core/start.h), which may wait.
 */
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/proc/hwdebug.h"
#include "core/proc/nsfs.h"
#include "core/proc/process.h"
#include "core/proc/thread.h"
#include "core/report.h"
#include "core/start.h"
#include "coro/executor.h"
#include "hal/clock.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "sched/eevdf.h"
#include "syscalls/syscall.h"
#include "syscalls/uring.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/reaper.h"
#include "vfs/writeback.h"
#include "vfs/secretmem.h"
#include "vfs/super.h"

#define MAIN_TRACE 24

/* The kernel's own address range in a backtrace, for whoever has the symbols. */
static void main_print_stack(const struct hal_user *regs)
{
	u64 pcs[MAIN_TRACE];
	unsigned n = hal_backtrace(regs, pcs, MAIN_TRACE);

	panic_print("called from:");
	for (unsigned i = 0; i < n; i++)
		panic_print(" %lx", pcs[i]);
	panic_print("\n");
}

static void main_report(void)
{
	main_print_stack(NULL);
	report_panic();
}

static void main_died(const char *what, const struct hal_user *regs) __attribute__((noreturn));
static void main_died(const char *what, const struct hal_user *regs)
{
	for (unsigned i = 0; i < 31; i++)
		panic_print("x%-2u %016lx%s", i, regs->x[i], i % 4 == 3 ? "\n" : "  ");
	panic_print("\nsp  %016lx  pc  %016lx  pstate %lx\n", regs->sp, regs->pc, regs->pstate);
	main_print_stack(regs);
	panic("%s", what);
}

static void main_start_cpus(void)
{
	for (unsigned i = 1; i < hal_cpu_count(); i++)
		if (hal_cpu_start(i))
			log_err("cpu %u does not start", i);
}

static struct hal_user *main_boot(const struct hal_machine *m)
{
	panic_set_report(main_report);
	boot_init();
	buddy_init();
	slab_init();
	log_info("Lichen on %u %s, %lu MiB", hal_cpu_count(), m->cpu_name,
		 buddy_total_pages() >> (20 - PAGE_SHIFT));
	log_info("command line: %s", m->cmdline);
	random_init();
	space_init();
	executor_init(&eevdf_runq_ops);
	sample_setup();
	watchdog_init(report_stuck);
	reaper_setup();
	writeback_setup();
	super_setup();
	inode_setup();
	page_setup();
	dentry_init();
	mount_init();
	process_init();
	secretmem_init();
	nsfs_setup();
	uring_set_ops(uring_table, IORING_OP_LAST);
	start_spawn();
	main_start_cpus();
	return executor_run();
}

static struct hal_user *main_cpu_up(void)
{
	executor_init(&eevdf_runq_ops);
	return executor_run();
}

const struct hal_upcalls hal_upcalls = {
	.boot = main_boot,
	.cpu_up = main_cpu_up,
	.syscall = dispatch_syscall,
	.fault = thread_fault,
	.interrupted = thread_interrupted,
	.timer = executor_timer,
	.kicked = executor_kicked,
	.debug = hwdebug_of,
	.died = main_died,
};
