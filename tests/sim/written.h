/* tests/sim/written.h -- the beginnings and ends of parts that write to a disk's file system: the disks
 * from SIM_FRESH on. Whatever a part makes is gone at the next one's beginning.
 *
 * Registers: 19 a file, 20 to 22 within a few lines.
 */
#ifndef SIM_WRITTEN_H
#define SIM_WRITTEN_H

#include <linux/falloc.h>
#include <linux/fs.h>

#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

/* make_disk.py, make_edges.py, make_fat.py. */
enum written_disk { WRITTEN, OLD, LEFT, EDGES, ORPHANS, FAT12, FAT32, WRITTEN_DISKS };

/* A path below where it is mounted. */
static inline u64 at(struct prog *p, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "d/%s", name);
	return prog_string(p, path);
}

/* Without another look at what comes of it. */
static inline void mount_disk(struct prog *p, enum written_disk disk, unsigned flags, const char *options)
{
	static const char *const disks[WRITTEN_DISKS] = {"/dev/vdc", "/dev/vdd", "/dev/vde", "/dev/vdf",
							 "/dev/vdg", "/dev/vdh", "/dev/vdi"};
	u64 data = options ? prog_string(p, options) : 0;

	SYS(p, __NR_mount, I(prog_string(p, disks[disk])), I(prog_string(p, "d")),
	    I(prog_string(p, disk >= FAT12 ? "vfat" : "ext4")), I(flags), I(data));
}

static inline void fresh_disks(struct prog *p)
{
	work_hook(p, WORK_FRESH_DISKS);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "d")), I(0755));
}

static inline void mounted(struct prog *p, enum written_disk disk)
{
	fresh_disks(p);
	mount_disk(p, disk, 0, NULL);
	EXPECT(p, 0, 0);
}

static inline void unmounted(struct prog *p)
{
	SYS(p, __NR_umount2, I(prog_string(p, "d")), I(0));
}

static inline void open_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(at(p, name)), I(flags), I(0644));
	MOVE(p, 19, 0);
}

static inline void closed(struct prog *p)
{
	SYS(p, __NR_close, R(19));
}

static inline void removed(struct prog *p, const char *name, bool directory)
{
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(at(p, name)), I(directory ? AT_REMOVEDIR : 0));
}

static inline void renamed(struct prog *p, const char *from, const char *to, unsigned flags)
{
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(at(p, from)), I(AT_FDCWD), I(at(p, to)), I(flags));
}

static inline void synced(struct prog *p)
{
	SYS(p, __NR_fsync, R(19));
}

static inline void drop_caches(struct prog *p)
{
	MOVE(p, 25, 19);	/* work_sleep leaves it alone */
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/sys/vm/drop_caches")), I(O_WRONLY));
	WITH_FD(p) {
		SYS(p, __NR_write, R(19), I(prog_string(p, "3")), I(1));
		SYS(p, __NR_close, R(19));
	}
	work_sleep(p);
	MOVE(p, 19, 25);
}

static inline void punched(struct prog *p, u64 from, u64 len)
{
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), I(from), I(len));
}

#endif
