/* fs/procfs/sysfs.c -- sysfs: as much as the C library and simple tools look for, the CPUs. The
 * rest of the tree is empty, which is true: there is nothing to tell yet. */
#include "fs/procfs/proc.h"

static int online_show(const struct proc_subject *who, struct text *to)
{
	if (hal_cpu_count() == 1)
		text_add(to, "0\n");
	else
		text_add(to, "0-%u\n", hal_cpu_count() - 1);
	return 0;
}

static int offline_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "\n");
	return 0;
}

static int kernel_max_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", HAL_MAX_CPUS - 1);
	return 0;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define DIR(name_, ...)		{.name = name_, .mode = S_IFDIR | 0555, __VA_ARGS__}

static const struct proc_entry cpu_entries[] = {
	FILE("kernel_max", 0444, .show = kernel_max_show),
	FILE("offline", 0444, .show = offline_show),
	FILE("online", 0444, .show = online_show),
	FILE("possible", 0444, .show = online_show),
	FILE("present", 0444, .show = online_show),
	{},
};
static const struct proc_entry system_entries[] = {DIR("cpu", .children = cpu_entries), {}};
static const struct proc_entry devices_entries[] = {
	DIR("system", .children = system_entries), {}
};
static const struct proc_entry fs_entries[] = {DIR("cgroup"), {}};

const struct proc_entry sysfs_entries[] = {
	DIR("block"),
	DIR("class"),
	DIR("devices", .children = devices_entries),
	DIR("fs", .children = fs_entries),
	DIR("kernel"),
	{},
};
