/* fs/procfs/sysfs.c -- sysfs: as much as the C library and simple tools look for, the CPUs and
 * the block devices. The rest of the tree is empty, which is true: there is nothing to tell
 * yet. */
#include "core/dev/blk.h"
#include "core/dev/chardev.h"
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

/* --- block devices --- */

static const struct blk_device *block(int n)
{
	const struct blk_device *b = NULL;

	do
		b = blk_next(b);
	while (b && n--);
	return b;
}

bool sysfs_block_name(int n, bool number, char to[16])
{
	const struct blk_device *b = block(n);

	if (b && number)
		format(to, 16, "%u:%u", CHARDEV_MAJOR(b->number), CHARDEV_MINOR(b->number));
	else if (b)
		string_copy(to, b->name, 16);
	return b;
}

static int block_dev_show(const struct proc_subject *who, struct text *to)
{
	const struct blk_device *b = block(who->fd);

	text_add(to, "%u:%u\n", CHARDEV_MAJOR(b->number), CHARDEV_MINOR(b->number));
	return 0;
}

static int block_size_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", block(who->fd)->sectors);
	return 0;
}

static int block_ro_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", block(who->fd)->read_only);
	return 0;
}

static int block_removable_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "0\n");
	return 0;
}

static int block_link(const struct proc_subject *who, char *to, size_t size)
{
	return (int)format(to, size, "../../block/%s", block(who->fd)->name);
}

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
static const struct proc_entry block_entries[] = {
	FILE("dev", 0444, .show = block_dev_show),
	FILE("removable", 0444, .show = block_removable_show),
	FILE("ro", 0444, .show = block_ro_show),
	FILE("size", 0444, .show = block_size_show),
	{},
};
const struct proc_entry sysfs_block_dir = {.mode = S_IFDIR | 0555, .children = block_entries};
const struct proc_entry sysfs_block_link = {.mode = S_IFLNK | 0777, .link = block_link};
static const struct proc_entry dev_entries[] = {
	DIR("block", .kind = PROC_BLOCK_NUMBERS), {}
};
static const struct proc_entry fs_entries[] = {DIR("cgroup"), {}};

const struct proc_entry sysfs_entries[] = {
	DIR("block", .kind = PROC_BLOCKS),
	DIR("class"),
	DIR("dev", .children = dev_entries),
	DIR("devices", .children = devices_entries),
	DIR("fs", .children = fs_entries),
	DIR("kernel"),
	{},
};
