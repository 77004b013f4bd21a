/* fs/procfs/sysfs_loop.c -- what a loop device says of itself in sysfs. */
#include "core/dev/loop.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"

#define FILE(name_, show_) {.name = name_, .mode = S_IFREG | 0444, .show = show_}

/* The loop a directory is about; NULL: it is about something else. */
static struct loop *loop_subject(const struct proc_subject *who)
{
	struct blk_device *dev = who->fd >= 0 ? blk_find_id((u32)who->fd) : NULL;

	return dev ? loop_of(dev) : NULL;
}

bool sysfs_has_loop(const struct proc_subject *who)
{
	struct loop *lo = loop_subject(who);
	struct file *file = lo ? loop_file(lo) : NULL;

	file_put(file);
	return file;
}

static int backing_file_show(const struct proc_subject *who, struct text *to)
{
	struct file *file = loop_file(loop_subject(who));
	char *page = file ? kmalloc(PAGE_SIZE) : NULL, *start;

	if (page && path_text(&file->path, NULL, page, PAGE_SIZE, true, &start, NULL) >= 0)
		text_add(to, "%s\n", start);
	kfree(page);
	file_put(file);
	return 0;
}

static int offset_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", atomic_load_relaxed(&loop_subject(who)->offset));
	return 0;
}

static int limit_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", atomic_load_relaxed(&loop_subject(who)->limit));
	return 0;
}

static void flag_show(const struct proc_subject *who, u32 flag, struct text *to)
{
	text_add(to, "%d\n", !!(atomic_load_relaxed(&loop_subject(who)->flags) & flag));
}

static int autoclear_show(const struct proc_subject *who, struct text *to)
{
	flag_show(who, LO_FLAGS_AUTOCLEAR, to);
	return 0;
}

static int partscan_show(const struct proc_subject *who, struct text *to)
{
	flag_show(who, LO_FLAGS_PARTSCAN, to);
	return 0;
}

static int dio_show(const struct proc_subject *who, struct text *to)
{
	flag_show(who, LO_FLAGS_DIRECT_IO, to);
	return 0;
}

const struct proc_entry sysfs_loop_entries[] = {
	FILE("autoclear", autoclear_show),
	FILE("backing_file", backing_file_show),
	FILE("dio", dio_show),
	FILE("offset", offset_show),
	FILE("partscan", partscan_show),
	FILE("sizelimit", limit_show),
	{},
};
