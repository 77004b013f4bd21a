/* fs/procfs/proc_root.c -- the table of /proc, and its smaller files. */
#include "core/base/log.h"
#include "core/dev/blk.h"
#include "core/dev/chardev.h"
#include "core/dev/console.h"
#include "core/proc/thread.h"
#include "core/proc/uts.h"
#include "fs/procfs/proc.h"
#include "hal/machine.h"

/* --- self --- */

static int self_link(const struct proc_subject *who, char *to, size_t size)
{
	int nr = pid_nr(process_current()->pid, who->ns);

	return nr ? (int)format(to, size, "%d", nr) : -ENOENT;
}

static int thread_self_link(const struct proc_subject *who, char *to, size_t size)
{
	int nr = pid_nr(process_current()->pid, who->ns);

	return nr ? (int)format(to, size, "%d/task/%d", nr,
				pid_nr(thread_current()->tid, who->ns)) : -ENOENT;
}

static int net_link(const struct proc_subject *who, char *to, size_t size)
{
	return (int)format(to, size, "self/net");
}

static int mounts_link(const struct proc_subject *who, char *to, size_t size)
{
	return (int)format(to, size, "self/mounts");
}

/* --- the kernel --- */

static int version_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%s version %s (lichen@lichen) (clang) %s\n", UTS_SYSNAME, UTS_RELEASE,
		 UTS_VERSION);
	return 0;
}

static int cmdline_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%s\n", hal_machine.cmdline);
	return 0;
}

static int filesystems_show(const struct proc_subject *who, struct text *to)
{
	const struct fs_type *t;

	for (unsigned n = 0; (t = fs_nth(n)); n++)
		text_add(to, "%s\t%s\n", t->needs_device ? "" : "nodev", t->name);
	return 0;
}

static int execdomains_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "0-0\tLinux           \t[kernel]\n");
	return 0;
}

static int modules_show(const struct proc_subject *who, struct text *to)
{
	return 0;	/* there are none */
}

/* --- devices --- */

static int devices_show(const struct proc_subject *who, struct text *to)
{
	const struct chardev *d;
	static const struct {
		u32 major;
		const char *name;
	} kinds[] = {
		{BLK_MAJOR_RAM, "ramdisk"}, {BLK_MAJOR_LOOP, "loop"},
		{BLK_MAJOR_VIRTIO, "virtblk"}, {BLK_MAJOR_EXT, "blkext"},
	};

	text_add(to, "Character devices:\n");
	for (unsigned n = 0; (d = chardev_nth(n)); n++)
		if (d->name)
			text_add(to, "%3u %s\n", d->major, d->name);
	text_add(to, "\nBlock devices:\n");
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct blk_device *b = NULL;

		while ((b = blk_next(b)) && CHARDEV_MAJOR(b->number) != kinds[i].major)
			;
		if (b || kinds[i].major == BLK_MAJOR_EXT)
			text_add(to, "%3u %s\n", kinds[i].major, kinds[i].name);
	}
	return 0;
}

static int partitions_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "major minor  #blocks  name\n\n");
	for (const struct blk_device *b = NULL; (b = blk_next(b));)
		if (b->sectors)
			text_add(to, "%4u  %7u %10lu %s\n", CHARDEV_MAJOR(b->number),
				 CHARDEV_MINOR(b->number), b->sectors / 2, b->name);
	return 0;
}

static int diskstats_show(const struct proc_subject *who, struct text *to)
{
	u64 of[BLK_STATISTICS];

	for (const struct blk_device *b = NULL; (b = blk_next(b));) {
		text_add(to, "%4u %7u %s", CHARDEV_MAJOR(b->number), CHARDEV_MINOR(b->number),
			 b->name);
		blk_statistics(b, of);
		for (int i = 0; i < BLK_STATISTICS; i++)
			text_add(to, " %lu", of[i]);
		text_add(to, "\n");
	}
	return 0;
}

static int swaps_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	return 0;
}

static int consoles_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%-21s-W- (EC  p a)  204:64\n", console_tty()->name);
	return 0;
}

static int tty_drivers_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
		 "/dev/console         /dev/console    5       1 system:console\n"
		 "/dev/ptmx            /dev/ptmx       5       2 system\n"
		 "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
		 "pty_master           /dev/ptm      128 0-1048575 pty:master\n"
		 "ttyAMA               /dev/ttyAMA   204      64 serial\n");
	return 0;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define DIR(name_, ...)		{.name = name_, .mode = S_IFDIR | 0555, __VA_ARGS__}
#define LINK(name_, ...)	{.name = name_, .mode = S_IFLNK | 0777, __VA_ARGS__}

static const struct proc_entry tty_entries[] = {
	FILE("drivers", 0444, .show = tty_drivers_show),
	{},
};

const struct proc_entry proc_root_entries[] = {
	LINK("self", .link = self_link),
	LINK("thread-self", .link = thread_self_link),
	LINK("mounts", .link = mounts_link),
	LINK("net", .link = net_link),
	FILE("cmdline", 0444, .show = cmdline_show),
	FILE("consoles", 0444, .show = consoles_show),
	FILE("cpuinfo", 0444, .show = proc_cpuinfo_show),
	FILE("devices", 0444, .show = devices_show),
	FILE("diskstats", 0444, .show = diskstats_show),
	FILE("execdomains", 0444, .show = execdomains_show),
	FILE("executor", 0644, .show = proc_executor_show, .store = proc_executor_store),
	FILE("filesystems", 0444, .show = filesystems_show),
	FILE("interrupts", 0444, .show = proc_interrupts_show),
	FILE("loadavg", 0444, .show = proc_loadavg_show),
	FILE("locks", 0444, .show = proc_locks_show),
	FILE("meminfo", 0444, .generate = &proc_meminfo_op),
	FILE("modules", 0444, .show = modules_show),
	FILE("partitions", 0444, .show = partitions_show),
	FILE("slabinfo", 0400, .show = proc_slabinfo_show),
	FILE("softirqs", 0444, .show = proc_softirqs_show),
	FILE("stat", 0444, .show = proc_stat_all_show),
	FILE("swaps", 0444, .show = swaps_show),
	DIR("sys", .children = proc_sys_entries),
	DIR("sysvipc", .children = proc_sysvipc_entries),
	DIR("tty", .children = tty_entries),
	FILE("uptime", 0444, .show = proc_uptime_show),
	FILE("version", 0444, .show = version_show),
	FILE("vmstat", 0444, .show = proc_vmstat_show),
	FILE("zoneinfo", 0444, .show = proc_zoneinfo_show),
	{},
};
