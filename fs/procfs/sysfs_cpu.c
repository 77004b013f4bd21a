/* fs/procfs/sysfs_cpu.c -- /sys/devices/system: the CPUs, the memory, and the one node that both
 * belong to. All CPUs are cores of one cluster, each with one thread. */
#include "core/base/bits.h"
#include "fs/procfs/proc.h"
#include "hal/machine.h"
#include "mem/phys/buddy.h"

#define MEMORY_BLOCK_SHIFT 27	/* 128 MiB, as on Linux */

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define DIR(name_, ...)		{.name = name_, .mode = S_IFDIR | 0555, __VA_ARGS__}
#define LINK(name_, ...)	{.name = name_, .mode = S_IFLNK | 0777, __VA_ARGS__}

/* --- numbers --- */

static int zero_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "0\n");
	return 0;
}

static int one_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "1\n");
	return 0;
}

static int empty_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "\n");
	return 0;
}

static int all_list_show(const struct proc_subject *who, struct text *to)
{
	if (hal_cpu_count() == 1)
		text_add(to, "0\n");
	else
		text_add(to, "0-%u\n", hal_cpu_count() - 1);
	return 0;
}

/* As many digits as all CPUs need. */
static void show_mask(struct text *to, u64 mask)
{
	text_add(to, "%0*lx\n", (int)(hal_cpu_count() + 3) / 4, mask);
}

static int all_mask_show(const struct proc_subject *who, struct text *to)
{
	show_mask(to, (1ul << hal_cpu_count()) - 1);
	return 0;
}

static int own_mask_show(const struct proc_subject *who, struct text *to)
{
	show_mask(to, 1ul << who->fd);
	return 0;
}

static int own_number_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", who->fd);
	return 0;
}

static int kernel_max_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", HAL_MAX_CPUS - 1);
	return 0;
}

/* --- CPUs --- */

static int node_link(const struct proc_subject *who, char *to, size_t size)
{
	return (int)format(to, size, "../../node/node0");
}

static const struct proc_entry topology_entries[] = {
	FILE("cluster_cpus", 0444, .show = all_mask_show),
	FILE("cluster_cpus_list", 0444, .show = all_list_show),
	FILE("cluster_id", 0444, .show = zero_show),
	FILE("core_cpus", 0444, .show = own_mask_show),
	FILE("core_cpus_list", 0444, .show = own_number_show),
	FILE("core_id", 0444, .show = own_number_show),
	FILE("core_siblings", 0444, .show = all_mask_show),
	FILE("core_siblings_list", 0444, .show = all_list_show),
	FILE("package_cpus", 0444, .show = all_mask_show),
	FILE("package_cpus_list", 0444, .show = all_list_show),
	FILE("physical_package_id", 0444, .show = zero_show),
	FILE("thread_siblings", 0444, .show = own_mask_show),
	FILE("thread_siblings_list", 0444, .show = own_number_show),
	{},
};

static const struct proc_entry one_cpu_entries[] = {
	LINK("node0", .link = node_link),
	FILE("online", 0444, .show = one_show),
	DIR("topology", .children = topology_entries),
	{},
};
const struct proc_entry sysfs_cpu_dir = {.mode = S_IFDIR | 0555, .children = one_cpu_entries};

static const struct proc_entry cpu_entries[] = {
	FILE("enabled", 0444, .show = all_list_show),
	FILE("isolated", 0444, .show = empty_show),
	FILE("kernel_max", 0444, .show = kernel_max_show),
	FILE("offline", 0444, .show = empty_show),
	FILE("online", 0444, .show = all_list_show),
	FILE("possible", 0444, .show = all_list_show),
	FILE("present", 0444, .show = all_list_show),
	{},
};

/* --- memory: blocks by their number, which the subject's fd is --- */

/* The n-th block in which memory lies; -1 past the last. Regions are apart, and in order. */
static int memory_block(int n)
{
	u64 next = 0;

	for (unsigned i = 0; i < hal_machine.memory_count; i++) {
		const struct hal_region *r = &hal_machine.memory[i];
		u64 first = max(r->base.raw >> MEMORY_BLOCK_SHIFT, next);
		u64 end = ((r->base.raw + r->size - 1) >> MEMORY_BLOCK_SHIFT) + 1;

		if (first >= end)
			continue;
		if ((u64)n < end - first)
			return (int)(first + (u64)n);
		n -= (int)(end - first);
		next = end;
	}
	return -1;
}

static int block_size_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lx\n", 1ul << MEMORY_BLOCK_SHIFT);
	return 0;
}

static int phys_index_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%08x\n", memory_block(who->fd));
	return 0;
}

static int online_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "online\n");
	return 0;
}

static const struct proc_entry one_block_entries[] = {
	LINK("node0", .link = node_link),
	FILE("online", 0444, .show = one_show),
	FILE("phys_device", 0444, .show = zero_show),
	FILE("phys_index", 0444, .show = phys_index_show),
	/* None can be taken away. */
	FILE("removable", 0444, .show = zero_show),
	FILE("state", 0444, .show = online_show),
	{},
};
const struct proc_entry sysfs_memory_dir = {
	.mode = S_IFDIR | 0555, .children = one_block_entries
};

static const struct proc_entry memory_entries[] = {
	FILE("block_size_bytes", 0444, .show = block_size_show),
	{},
};

bool sysfs_system_name(enum proc_kind kind, int n, char to[16])
{
	int block;

	if (kind == PROC_CPUS) {
		format(to, 16, "cpu%d", n);
		return (unsigned)n < hal_cpu_count();
	}
	block = memory_block(n);
	format(to, 16, "memory%d", block);
	return block >= 0;
}

/* --- the node --- */

static int distance_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "10\n");
	return 0;
}

static int node_meminfo_show(const struct proc_subject *who, struct text *to)
{
	u64 kib = PAGE_SIZE / 1024, total = buddy_total_pages() * kib;
	u64 free = buddy_free_pages() * kib;

	text_add(to, "Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\n"
		 "Node 0 MemUsed:        %8lu kB\n", total, free, total - min(free, total));
	return 0;
}

static const struct proc_entry node0_entries[] = {
	FILE("cpulist", 0444, .show = all_list_show),
	FILE("cpumap", 0444, .show = all_mask_show),
	FILE("distance", 0444, .show = distance_show),
	FILE("meminfo", 0444, .show = node_meminfo_show),
	{},
};

static const struct proc_entry node_entries[] = {
	FILE("has_cpu", 0444, .show = zero_show),
	FILE("has_memory", 0444, .show = zero_show),
	FILE("has_normal_memory", 0444, .show = zero_show),
	DIR("node0", .children = node0_entries),
	FILE("online", 0444, .show = zero_show),
	FILE("possible", 0444, .show = zero_show),
	{},
};

const struct proc_entry sysfs_system_entries[] = {
	DIR("cpu", .kind = PROC_CPUS, .children = cpu_entries),
	DIR("memory", .kind = PROC_MEMORY, .children = memory_entries),
	DIR("node", .children = node_entries),
	{},
};
