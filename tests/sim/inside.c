/* tests/sim/inside.c */
#include "inside.h"

#include "core/proc/thread.h"
#include "core/report.h"
#include "coro/executor.h"
#include "hal/host/host.h"
#include "mem/phys/buddy.h"
#include "mem/phys/fail.h"
#include "mem/phys/shrink.h"
#include "mem/phys/slab.h"
#include "syscalls/syscall.h"
#include "vfs/dentry.h"
#include "work.h"

struct findings *findings;

/* --- looking on --- */

static u64 points(void)
{
	return (u64)(co_points_end - co_points_start);
}

void inside_finishing(void)
{
	for (u64 i = 0; i < points() && i < INSIDE_POINTS; i++)
		__atomic_fetch_add(&findings->hits[i], __atomic_load_n(&co_points_start[i].hits, __ATOMIC_RELAXED),
				   __ATOMIC_RELAXED);
}

void inside_left_user(const struct hal_user *u)
{
	u32 nr = (u32)u->x[8];

	co_high_water(&task_current()->co);
	if (nr < INSIDE_CALLS)
		__atomic_fetch_add(&findings->calls[nr], 1, __ATOMIC_RELAXED);
}

/* The frames since the last entry were for the call whose number x8 still holds; a fault's
 * are counted with the call before it. */
void inside_entering_user(const struct hal_user *u)
{
	struct task *t = task_current();
	u32 nr = (u32)u->x[8], high;

	if (!t || t->user != u)
		host_fail("user mode entered for a task that is not current");
	high = co_high_water(&t->co);
	if (nr < INSIDE_CALLS && high > __atomic_load_n(&findings->high[nr], __ATOMIC_RELAXED))
		__atomic_store_n(&findings->high[nr], high, __ATOMIC_RELAXED);
}

/* --- memory, before and after --- */

#define CACHES 64

/* Objects of each slab cache, and all pages that are free, with every cache given back. */
struct memory {
	u64 objects[CACHES], pages;
};

static void memory_now(struct memory *m)
{
	struct slab_stats s;

	for (unsigned i = 0; i < 20; i++)
		shrink_run(1u << 20);
	dentry_shrink_super(NULL);
	slab_drain();
	buddy_drain();
	m->pages = buddy_free_pages();
	for (unsigned i = 0; i < CACHES && slab_stats(i, &s); i++)
		m->objects[i] = s.objects;
}

static void memory_compare(const struct memory *was, const struct memory *is)
{
	struct slab_stats s;

	for (unsigned i = 0; i < CACHES && slab_stats(i, &s); i++)
		if (is->objects[i] != was->objects[i])
			host_fail("%lu objects of %s, %lu before", is->objects[i], s.name,
				  was->objects[i]);
	if (is->pages != was->pages)
		host_fail("%lu pages free, %lu before", is->pages, was->pages);
}

void inside_hook(struct hal_user *u, i64 what)
{
	static struct memory before, after;

	switch (what) {
	case WORK_QUIET:
		memory_now(&before);
		break;
	case WORK_FAIL:
		if (!findings->fail_nth)
			break;
		host_lenient = true;
		fault_at(findings->fail_nth);
		break;
	case WORK_FAILED:
		findings->fault_hit = fault_hit();
		fault_at(0);
		host_lenient = false;
		break;
	case WORK_REFUSE:
		fault_at(u->x[24]);
		break;
	case WORK_REFUSED:
		fault_at(0);
		break;
	case WORK_BAD_DISK:
		host_disk_fails((unsigned)u->x[23], 1024);
		break;
	case WORK_GOOD_DISK:
		host_disk_fails((unsigned)u->x[23], 0);
		break;
	case WORK_FRESH_DISKS:
		for (unsigned i = SIM_FRESH; i < HOST_DISKS; i++)
			host_disk_restore(i);
		break;
	case WORK_SAME:
		memory_now(&after);
		memory_compare(&before, &after);
		break;
	}
}

void inside_explain(void)
{
	report_panic(); /* waits for no lock */
}

/* --- the figures --- */

static void print_stacks(void)
{
	printf("frame stack per system call, bytes at most (of %d inline + %lu lent):\n",
	       CO_INLINE_SIZE, CO_CHUNK_SIZE);
	for (u32 nr = 0; nr < SYSCALL_MAX && nr < INSIDE_CALLS; nr++)
		if (findings->high[nr])
			printf("  %-18s %5u\n", syscall_table[nr].name ? syscall_table[nr].name : "?",
			       findings->high[nr]);
}

static u64 missed_points(void)
{
	u64 missed = 0;

	for (u64 i = 0; i < points(); i++)
		missed += !findings->hits[i];
	return missed;
}

unsigned inside_reached(void)
{
	return (unsigned)((points() - missed_points()) * 100 / points());
}

static void print_points(void)
{
	u64 n = points();

	printf("awaits: %lu in all, %lu never resumed at:\n", n, missed_points());
	for (u64 i = 0; i < n; i++)
		if (!findings->hits[i])
			printf("  %s:%u %s\n", co_points_start[i].file, co_points_start[i].line,
			       co_points_start[i].func);
}

void inside_print(void)
{
	print_stacks();
	print_points();
}
