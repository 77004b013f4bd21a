/* fs/procfs/sysfs.c -- sysfs: as much as the C library and simple tools look for, the CPUs and
 * the block devices. The rest of the tree is empty, which is true: there is nothing to tell
 * yet. */
#include "core/dev/blk.h"
#include "core/dev/chardev.h"
#include "fs/procfs/proc.h"

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

static int zero_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "0\n");
	return 0;
}

static int block_stat_show(const struct proc_subject *who, struct text *to)
{
	u64 of[BLK_STATISTICS];

	blk_statistics(block(who->fd), of);
	for (int i = 0; i < BLK_STATISTICS; i++)
		text_add(to, "%s%8lu", i ? " " : "", of[i]);
	text_add(to, "\n");
	return 0;
}

static int sector_size_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", block(who->fd)->block_size);
	return 0;
}

static int scheduler_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "[none]\n");
	return 0;
}

static int block_link(const struct proc_subject *who, char *to, size_t size)
{
	return (int)format(to, size, "../../block/%s", block(who->fd)->name);
}

static int class_link(const struct proc_subject *who, char *to, size_t size)
{
	return (int)format(to, size, "../../block/%s", block(who->fd)->name);
}

static const struct proc_entry devices_entries[] = {
	DIR("system", .children = sysfs_system_entries), {}
};
static const struct proc_entry queue_entries[] = {
	FILE("hw_sector_size", 0444, .show = sector_size_show),
	FILE("logical_block_size", 0444, .show = sector_size_show),
	FILE("minimum_io_size", 0444, .show = sector_size_show),
	FILE("optimal_io_size", 0444, .show = zero_show),
	FILE("physical_block_size", 0444, .show = sector_size_show),
	FILE("rotational", 0444, .show = zero_show),
	FILE("scheduler", 0444, .show = scheduler_show),
	{},
};
static const struct proc_entry block_entries[] = {
	FILE("alignment_offset", 0444, .show = zero_show),
	FILE("dev", 0444, .show = block_dev_show),
	FILE("hidden", 0444, .show = zero_show),
	DIR("holders"),
	DIR("queue", .children = queue_entries),
	FILE("removable", 0444, .show = zero_show),
	FILE("ro", 0444, .show = block_ro_show),
	FILE("size", 0444, .show = block_size_show),
	DIR("slaves"),
	FILE("stat", 0444, .show = block_stat_show),
	{},
};
const struct proc_entry sysfs_block_dir = {.mode = S_IFDIR | 0555, .children = block_entries};
const struct proc_entry sysfs_class_link = {.mode = S_IFLNK | 0777, .link = class_link};
const struct proc_entry sysfs_block_link = {.mode = S_IFLNK | 0777, .link = block_link};
static const struct proc_entry dev_entries[] = {
	DIR("block", .kind = PROC_BLOCK_NUMBERS), {}
};
static const struct proc_entry class_entries[] = {
	DIR("block", .kind = PROC_CLASS_BLOCKS), {}
};
static const struct proc_entry fs_entries[] = {DIR("cgroup"), {}};

const struct proc_entry sysfs_entries[] = {
	DIR("block", .kind = PROC_BLOCKS),
	DIR("class", .children = class_entries),
	DIR("dev", .children = dev_entries),
	DIR("devices", .children = devices_entries),
	DIR("fs", .children = fs_entries),
	DIR("kernel"),
	{},
};
