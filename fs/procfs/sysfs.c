/* fs/procfs/sysfs.c -- sysfs: as much as the C library and simple tools look for, the CPUs and
 * the block devices. The rest of the tree is empty, which is true: there is nothing to tell
 * yet. */
#include "core/dev/blk.h"
#include "core/dev/chardev.h"
#include "fs/procfs/proc.h"

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define DIR(name_, ...)		{.name = name_, .mode = S_IFDIR | 0555, __VA_ARGS__}

/* --- block devices --- */

static const struct blk_device *block(int id)
{
	return blk_find_id((u32)id);
}

bool sysfs_has_block(const struct proc_subject *who)
{
	return !atomic_load(&block(who->fd)->absent);
}

/* Is it in that directory? */
static bool block_is_in(const struct blk_device *b, enum proc_kind kind,
			const struct proc_subject *who)
{
	switch (kind) {
	case PROC_BLOCKS:
		return !b->disk;
	case PROC_PARTITIONS:
		return b->disk == block(who->fd);
	case PROC_BLOCK_NUMBERS:
	case PROC_CLASS_BLOCKS:
		return true;
	default:
		return false;
	}
}

int sysfs_block_name(enum proc_kind kind, const struct proc_subject *who, int n, char to[16])
{
	const struct blk_device *b = NULL;

	do
		b = blk_next(b);
	while (b && (!block_is_in(b, kind, who) || n--));
	if (!b)
		return -1;
	if (kind == PROC_BLOCK_NUMBERS)
		format(to, 16, "%u:%u", CHARDEV_MAJOR(b->number), CHARDEV_MINOR(b->number));
	else
		string_copy(to, b->name, 16);
	return (int)b->id;
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
	const struct blk_device *b = block(who->fd);

	if (b->disk)
		return (int)format(to, size, "../../block/%s/%s", b->disk->name, b->name);
	return (int)format(to, size, "../../block/%s", b->name);
}

static int part_number_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", block(who->fd)->partition);
	return 0;
}

static int part_start_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", atomic_load(&block(who->fd)->first));
	return 0;
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
	DIR("loop", .children = sysfs_loop_entries, .needs = PROC_LOOP_ONLY),
	DIR("queue", .children = queue_entries),
	FILE("removable", 0444, .show = zero_show),
	FILE("ro", 0444, .show = block_ro_show),
	FILE("size", 0444, .show = block_size_show),
	DIR("slaves"),
	FILE("stat", 0444, .show = block_stat_show),
	{},
};
static const struct proc_entry part_entries[] = {
	FILE("alignment_offset", 0444, .show = zero_show),
	FILE("dev", 0444, .show = block_dev_show),
	DIR("holders"),
	FILE("partition", 0444, .show = part_number_show),
	FILE("ro", 0444, .show = block_ro_show),
	FILE("size", 0444, .show = block_size_show),
	FILE("start", 0444, .show = part_start_show),
	FILE("stat", 0444, .show = block_stat_show),
	{},
};
const struct proc_entry sysfs_block_dir = {
	.mode = S_IFDIR | 0555, .kind = PROC_PARTITIONS, .needs = PROC_DEVICE_ONLY,
	.children = block_entries,
};
const struct proc_entry sysfs_part_dir = {
	.mode = S_IFDIR | 0555, .needs = PROC_DEVICE_ONLY, .children = part_entries,
};
const struct proc_entry sysfs_block_link = {
	.mode = S_IFLNK | 0777, .needs = PROC_DEVICE_ONLY, .link = block_link,
};
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
