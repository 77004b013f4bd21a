/* fs/procfs/proc_system.c -- the machine in numbers: memory, CPUs, time, interrupts. */
#include "core/dev/blk.h"
#include "core/proc/clock.h"
#include "core/proc/load.h"
#include "coro/executor.h"
#include "fs/procfs/proc.h"
#include "hal/clock.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "mem/phys/buddy.h"
#include "mem/phys/shrink.h"
#include "mem/phys/slab.h"
#include "mem/space/commit.h"
#include "mem/space/fault.h"
#include "mem/space/shm.h"
#include "vfs/page.h"

#define TICK_NS 10000000ul	/* USER_HZ is 100 */
#define KIB(pages) ((pages) << (PAGE_SHIFT - 10))

/* --- memory --- */

static u64 slab_pages(void)
{
	struct slab_stats s;
	u64 pages = 0;

	for (unsigned n = 0; slab_stats(n, &s); n++)
		pages += s.pages;
	return pages;
}

static void show_meminfo(struct text *to, const struct phys_mapped *mapped)
{
	u64 total = buddy_total_pages(), free = buddy_free_pages(), dirty = page_total_dirty();
	u64 cached = page_total() + shm_total(), shm = page_total_kept() + shm_total();
	u64 slab = slab_pages();
	u64 available = min(total, free + (cached > dirty + shm ? cached - dirty - shm : 0));
	/* Only what is counted; there is no swap, so those zeros are true. */
	const struct {
		const char *name;
		u64 pages;
	} rows[] = {
		{"MemTotal:", total},	  {"MemFree:", free},	 {"MemAvailable:", available},
		{"Buffers:", 0},	  {"Cached:", cached},	 {"SwapCached:", 0},
		{"Unevictable:", 0},	  {"SwapTotal:", 0},	 {"SwapFree:", 0},
		{"Dirty:", dirty},	  {"AnonPages:", mapped->anon},
		{"Mapped:", mapped->file}, {"Shmem:", shm},	 {"Slab:", slab},
		{"SReclaimable:", 0},	  {"SUnreclaim:", slab},
		{"CommitLimit:", commit_limit()}, {"Committed_AS:", commit_total()},
	};

	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		text_add(to, "%-15s %8lu kB\n", rows[n].name, KIB(rows[n].pages));
	text_add(to, "HugePages_Total:       0\nHugePages_Free:        0\n"
		 "Hugepagesize:       2048 kB\n");
}

struct proc_meminfo {
	struct proc_generate;
	u64 at;
	struct phys_mapped mapped;
};
static co_t proc_meminfo(struct co *co, struct proc_meminfo *f)
{
	CO_BEGIN;
	while (!phys_page_mapped_some(&f->at, &f->mapped))
		CO_BREATHE;
	show_meminfo(f->text, &f->mapped);
	CO_RETURN(0);
	CO_END;
}
const struct proc_generate_op proc_meminfo_op = CO_IMPLEMENTS(proc_generate, proc_meminfo);

int proc_vmstat_show(const struct proc_subject *who, struct text *to)
{
	u64 minor = atomic_load_relaxed(&fault_stats.minor);
	u64 major = atomic_load_relaxed(&fault_stats.major), read = 0, written = 0;

	text_add(to, "nr_free_pages %lu\nnr_file_pages %lu\nnr_dirty %lu\nnr_shmem %lu\n",
		 buddy_free_pages(), page_total() + shm_total(), page_total_dirty(),
		 page_total_kept() + shm_total());
	text_add(to, "nr_slab_unreclaimable %lu\n", slab_pages());
	for (const struct blk_device *b = NULL; (b = blk_next(b));) {
		if (b->disk)
			continue;	/* it counts, too */
		read += atomic_load_relaxed(&b->counts[BLK_READ].sectors);
		written += atomic_load_relaxed(&b->counts[BLK_WRITE].sectors);
	}
	text_add(to, "pgpgin %lu\npgpgout %lu\npswpin 0\npswpout 0\npgfault %lu\npgmajfault %lu\n",
		 read / 2, written / 2, minor + major, major);
	return 0;
}

/* One zone: all memory. */
int proc_zoneinfo_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "Node 0, zone   Normal\n  per-node stats\n      nr_file_pages %lu\n"
		 "      nr_dirty     %lu\n", page_total() + shm_total(), page_total_dirty());
	text_add(to, "  pages free     %lu\n        present  %lu\n        managed  %lu\n",
		 buddy_free_pages(), buddy_total_pages(), buddy_total_pages());
	return 0;
}

int proc_slabinfo_show(const struct proc_subject *who, struct text *to)
{
	struct slab_stats s;

	text_add(to, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> "
		 "<objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> "
		 "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned n = 0; slab_stats(n, &s); n++) {
		u64 per_page = max(PAGE_SIZE / s.size, 1ul);

		text_add(to, "%-17s %6lu %6lu %6lu %4lu %4d : tunables    0    0    0 : slabdata "
			 "%6lu %6lu      0\n", s.name, s.objects, s.pages * per_page, s.size,
			 per_page, 1, s.pages, s.pages);
	}
	return 0;
}

/* --- CPUs --- */

static const char *const features[64] = {
	"fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp",
	"asimdhp", "cpuid", "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4",
	"asimddp", "sha512", "sve", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "sb",
	"paca", "pacg",
};
static const char *const features2[64] = {
	"dcpodp", "sve2", "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2",
	"frint", "svei8mm", "svef32mm", "svef64mm", "svebf16", "i8mm", "bf16", "dgh", "rng",
	"bti", "mte", "ecv", "afp", "rpres", "mte3",
};

static void show_features(struct text *to, u64 bits, const char *const names[64])
{
	for (unsigned n = 0; n < 64; n++)
		if ((bits >> n & 1) && names[n])
			text_add(to, " %s", names[n]);
}

int proc_cpuinfo_show(const struct proc_subject *who, struct text *to)
{
	const struct hal_machine *m = &hal_machine;
	u64 hz = hal_clock_hz();

	for (unsigned n = 0; n < hal_cpu_count(); n++) {
		text_add(to, "processor\t: %u\nBogoMIPS\t: %lu.%02lu\nFeatures\t:", n,
			 hz / 500000, hz / 5000 % 100);
		show_features(to, m->hwcap, features);
		show_features(to, m->hwcap2, features2);
		text_add(to, "\nCPU implementer\t: 0x%02x\nCPU architecture: 8\n"
			 "CPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
			 (unsigned)(m->midr >> 24 & 0xff), (unsigned)(m->midr >> 20 & 0xf),
			 (unsigned)(m->midr >> 4 & 0xfff), (unsigned)(m->midr & 0xf));
	}
	return 0;
}

static u64 idle_ns(unsigned cpu)
{
	struct sample_times t;

	sample_cpu(cpu, &t);
	return t.idle_ns;
}

/* Waiting for a disk counts as idle; time in interrupt handlers is their victim's. */
static void show_cpu(struct text *to, const char *name, const struct sample_times *t)
{
	text_add(to, "%s %lu %lu %lu %lu 0 0 0 0 0 0\n", name, t->spent_ns[SAMPLE_USER] / TICK_NS,
		 t->spent_ns[SAMPLE_NICE] / TICK_NS, t->spent_ns[SAMPLE_SYSTEM] / TICK_NS,
		 t->idle_ns / TICK_NS);
}

static u64 interrupts_of(unsigned irq)
{
	u64 sum = 0;

	for (unsigned n = 0; n < hal_cpu_count(); n++)
		sum += hal_irq_count(irq, n);
	return sum;
}

/* All, then each by its number. */
static void show_interrupts(struct text *to)
{
	u64 sum = 0;

	for (unsigned i = 0; i < hal_irq_max(); i++)
		sum += interrupts_of(i);
	text_add(to, "intr %lu", sum);
	for (unsigned i = 0; i < hal_irq_max(); i++)
		text_add(to, " %lu", interrupts_of(i));
	text_add(to, "\n");
}

int proc_softirqs_show(const struct proc_subject *who, struct text *to)
{
	static const char *const names[] = {
		"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED",
		"HRTIMER", "RCU",
	};

	text_add(to, "%*s", 20, "");
	for (unsigned n = 0; n < hal_cpu_count(); n++)
		text_add(to, "CPU%-8u", n);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		text_add(to, "\n%12s:", names[i]);
		for (unsigned n = 0; n < hal_cpu_count(); n++)
			text_add(to, " %10u", 0);
	}
	text_add(to, "\n");
	return 0;
}

int proc_stat_all_show(const struct proc_subject *who, struct text *to)
{
	struct sample_times of[HAL_MAX_CPUS], all = {0};
	u64 switches = 0;
	char name[16];

	for (unsigned n = 0; n < hal_cpu_count(); n++) {
		sample_cpu(n, &of[n]);
		for (int i = 0; i < SAMPLE_MODES; i++)
			all.spent_ns[i] += of[n].spent_ns[i];
		all.idle_ns += of[n].idle_ns;
		switches += atomic_load_relaxed(&executor_nth(n)->stats.switches);
	}
	show_cpu(to, "cpu ", &all);
	for (unsigned n = 0; n < hal_cpu_count(); n++) {
		format(name, sizeof(name), "cpu%u", n);
		show_cpu(to, name, &of[n]);
	}
	show_interrupts(to);
	text_add(to, "ctxt %lu\nbtime %lu\nprocesses %lu\nprocs_running %u\n"
		 "procs_blocked %u\n", switches, clock_boot_wall_seconds(), process_forks(),
		 max(executor_runnable(), 1u), blk_waiting());
	/* Nothing is put off to the end of an interrupt. */
	text_add(to, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	return 0;
}

int proc_uptime_show(const struct proc_subject *who, struct text *to)
{
	u64 now = hal_clock_ns() / TICK_NS, idle = 0;

	for (unsigned n = 0; n < hal_cpu_count(); n++)
		idle += idle_ns(n);
	idle /= TICK_NS;
	text_add(to, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
	return 0;
}

/* --- load --- */

int proc_loadavg_show(const struct proc_subject *who, struct text *to)
{
	u32 running = max(executor_runnable(), 1u);
	u64 now[3];

	load_get(now);
	for (unsigned i = 0; i < 3; i++) {
		u64 rounded = now[i] + LOAD_ONE / 200;

		text_add(to, "%lu.%02lu ", rounded / LOAD_ONE,
			 rounded % LOAD_ONE * 100 / LOAD_ONE);
	}
	text_add(to, "%u/%u %d\n", running, process_thread_total(), pid_last(pid_ns_here()));
	return 0;
}

/* --- interrupts, executors --- */

static void show_interrupt(struct text *to, const char *kind, unsigned irq)
{
	text_add(to, "%s%*u:", kind, 3 - (int)strlen(kind), irq);
	for (unsigned n = 0; n < hal_cpu_count(); n++)
		text_add(to, " %10lu", hal_irq_count(irq, n));
}

/* Each that somebody waits for, those between CPUs last. */
int proc_interrupts_show(const struct proc_subject *who, struct text *to)
{
	struct hal_irq irq;

	text_add(to, "%*s", 11, "");
	for (unsigned n = 0; n < hal_cpu_count(); n++)
		text_add(to, "CPU%-8u", n);
	text_put(to, "\n", 1);
	for (unsigned i = 0; i < hal_irq_max(); i++)
		if (hal_irq_info(i, &irq) && irq.controller) {
			show_interrupt(to, "", i);
			text_add(to, "    %s %3u %-5s     %s\n", irq.controller, i,
				 irq.edge ? "Edge" : "Level", irq.name);
		}
	for (unsigned i = 0; i < hal_irq_max(); i++)
		if (hal_irq_info(i, &irq) && !irq.controller) {
			show_interrupt(to, "IPI", i);
			text_add(to, "      %s\n", irq.name);
		}
	return 0;
}

/* Each CPU's polls: how many, how long they took, and where the longest ended. */
int proc_executor_show(const struct proc_subject *who, struct text *to)
{
	for (unsigned n = 0; n < hal_cpu_count(); n++) {
		const struct executor_stats *s = &executor_nth(n)->stats;
		const struct co_point *at = s->longest_at;

		text_add(to, "cpu %u\npolls %lu\nwakes %lu\nsteals %lu\nswitches %lu\n"
			 "idle_ns %lu\n", n, s->polls, s->wakes, s->steals, s->switches,
			 idle_ns(n));
		text_add(to, "longest_ns %lu", s->longest_ns);
		if (at)
			text_add(to, " %s %s:%u", at->func, at->file, at->line);
		text_add(to, " %s\nlate_ns %lu\nhistogram_ns", s->longest_ns ? s->longest_name : "",
			 s->late_ns);
		for (unsigned b = 0; b < EXECUTOR_BUCKETS; b++)
			if (s->histogram[b])
				text_add(to, " %lu:%lu", b ? 64ul << b : 0, s->histogram[b]);
		text_add(to, "\n");
	}
	return 0;
}

/* Whatever is written: the longest and the latest are those from now on. */
int proc_executor_store(const struct proc_subject *who, const char *text, size_t len)
{
	executor_poll_forget();
	return 0;
}
