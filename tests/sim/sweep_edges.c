/* tests/sim/sweep_edges.c -- file systems that are written to, at the edges of their forms (make_edges.py):
 * nodes that are full, groups that nobody used, attributes that are shared, no room, pieces of room;
 * what a crash left of orphans; and memory that ends, at each allocation in turn.
 */
#include "written.h"

#define BLOCK 1024ul
#define RUN 34ul	/* blocks of /large, the last of which is a hole */
#define LONG_NAME "one-more-name-of-fifty-bytes-or-so-that-needs-a-block"
#define LEAF 2618ul	/* where its second leaf begins, and */
#define LEAF_END 5292ul

/* Leaves that are full are split, one that is empty goes; so many blocks that it takes more than one
 * transaction. */
static void large(struct prog *p)
{
	mounted(p, EDGES);
	open_at(p, "large", O_RDWR);
	for (unsigned i = 1; i < 4; i++)
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I((i * 3 * RUN - 1) * BLOCK));
	synced(p);
	punched(p, LEAF * BLOCK, (LEAF_END - LEAF) * BLOCK);
	SYS(p, NR_FTRUNCATE, R(19), I(100));
	EXPECT(p, 0, 0);
	closed(p);
	unmounted(p);
}

/* All its leaves move: to the left, over what is removed; to the right, which cuts a run in two. */
static void moved(struct prog *p)
{
	mounted(p, EDGES);
	open_at(p, "large", O_RDWR);
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_COLLAPSE_RANGE), I(5 * BLOCK), I(40 * BLOCK));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_INSERT_RANGE), I(7 * BLOCK), I(16 * BLOCK));
	EXPECT(p, 0, 0);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(4000), I(9 * BLOCK));
	synced(p);
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_COLLAPSE_RANGE), I(BLOCK), I(11000 * BLOCK));
	EXPECT(p, 0, 0);
	closed(p);
	unmounted(p);
	mounted(p, OLD);
	open_at(p, "file", O_RDWR | O_CREAT);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(9000), I(0));
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_COLLAPSE_RANGE), I(0), I(4096));
	EXPECT(p, 0, -EOPNOTSUPP);
	closed(p);
	unmounted(p);
}

/* The root of an index is full. */
static void names(struct prog *p)
{
	char name[260];

	mounted(p, EDGES);
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "names/%u%0239u", i, i);
		open_at(p, name, O_RDWR | O_CREAT);
		EXPECT_OK(p, 0);
		closed(p);
	}
	unmounted(p);
}

/* Blocks that lie backwards; directories in groups that had none. */
static void places(struct prog *p)
{
	mounted(p, EDGES);
	open_at(p, "apart", O_RDWR);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(16384), I(0));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(4096), I(16384));
	synced(p);
	EXPECT(p, 0, 0);
	closed(p);
	for (unsigned i = 0; i < 6; i++) {
		char name[20];

		snprintf(name, sizeof(name), "fresh%u", i);
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, name)), I(0755));
		EXPECT(p, 0, 0);
	}
	unmounted(p);
}

/* A block of attributes that two have: one gets its own, the other leaves it. */
static void shared(struct prog *p)
{
	mounted(p, EDGES);
	SYS(p, __NR_setxattr, I(at(p, "one")), I(prog_string(p, "user.other")), I(BUFFER), I(300), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_removexattr, I(at(p, "two")), I(prog_string(p, "user.shared")));
	EXPECT(p, 0, 0);
	unmounted(p);
	mounted(p, EDGES);
	SYS(p, __NR_removexattr, I(at(p, "two")), I(prog_string(p, "user.shared")));
	EXPECT(p, 0, 0);
	removed(p, "one", false);
	unmounted(p);
}

/* All is taken; a page that is stored to through a mapping has room when there is some. */
static void filled(struct prog *p)
{
	mounted(p, EDGES);
	open_at(p, "fill", O_RDWR | O_CREAT);
	SYS(p, __NR_fallocate, R(19), I(0), I(0), I(20000 * BLOCK));
	EXPECT(p, 0, -ENOSPC);
	closed(p);
	open_at(p, "hole", O_RDWR | O_CREAT);
	SYS(p, NR_FTRUNCATE, R(19), I(0x8000));
	SYS(p, NR_MMAP, I(0), I(0x8000), I(3), I(1), R(19), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 20, 0);
	/* What the last file left free goes first. */
	CHILD(p) {
		for (unsigned i = 1; i < 8; i++)
			STORE(p, 8, 20, 20, i * 0x1000);
		work_exit(p, 0);
	}
	MOVE(p, 21, 0);
	SYS(p, __NR_wait4, R(21), I(STATUS), I(0), I(0));
	removed(p, "fill", false);
	STORE(p, 8, 20, 20, 0);
	closed(p);
	unmounted(p);
}

/* Room in pieces of a block; then all is taken but for what is freed by what has not committed. */
static void in_pieces(struct prog *p)
{
	mounted(p, OLD);
	open_at(p, "fill", O_RDWR | O_CREAT);
	LOOP(p, 24, 160)
		SYS(p, __NR_write, R(19), I(BUFFER), I(16384));
	synced(p);
	for (unsigned i = 0; i < 16; i++)
		punched(p, 2 * i * BLOCK, BLOCK);
	SYS(p, __NR_sync, I(0));
	MOVE(p, 20, 19);
	open_at(p, "other", O_RDWR | O_CREAT);
	EXPECT_OK(p, 0);
	SYS(p, __NR_write, R(19), I(BUFFER), I(12000));
	synced(p);
	EXPECT(p, 0, 0);
	SYS(p, __NR_write, R(19), I(BUFFER), I(12000));
	synced(p);
	SYS(p, NR_FTRUNCATE, R(20), I(64 * BLOCK));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(4000), I(40000));
	synced(p);
	closed(p);
	SYS(p, __NR_close, R(20));
	unmounted(p);
}

/* A list of orphans that is broken ends where it is; those of the file are finished. */
static void orphans(struct prog *p)
{
	fresh_disks(p);
	mount_disk(p, ORPHANS, 0, "errors=continue");
	EXPECT(p, 0, 0);
	SYS(p, __NR_openat, I(AT_FDCWD), I(at(p, "cut")), I(O_RDONLY));
	MOVE(p, 19, 0);
	SYS(p, __NR_read, R(19), I(BUFFER), I(2000));
	EXPECT(p, 0, 1000);
	closed(p);
	unmounted(p);
	fresh_disks(p);
	mount_disk(p, ORPHANS, MS_RDONLY, NULL);
	EXPECT(p, 0, 0);
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(MS_REMOUNT), I(0));
	EXPECT(p, 0, 0);
	unmounted(p);
}

/* Two mount one device at once: one of them finds it, the other what the first made. */
static void at_once(struct prog *p)
{
	fresh_disks(p);
	LOOP(p, 24, 2) {
		CHILD(p) {
			mount_disk(p, WRITTEN, 0, NULL);
			work_exit(p, 0);
		}
	}
	LOOP(p, 24, 2)
		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
	unmounted(p);
	unmounted(p);
}

/* --- memory ends: x24 counts down, and the x24-th allocation fails --- */

static void refuse(struct prog *p)
{
	work_hook(p, WORK_REFUSE);
}

static void refused(struct prog *p)
{
	work_hook(p, WORK_REFUSED);
}

static void refused_mounts(struct prog *p)
{
	work_needs(p, "-1000");
	LOOP(p, 24, 40) {
		fresh_disks(p);
		refuse(p);
		mount_disk(p, ORPHANS, 0, NULL);
		refused(p);
		unmounted(p);
	}
}

static void refused_remounts(struct prog *p)
{
	work_needs(p, "-1000");
	LOOP(p, 24, 40) {
		fresh_disks(p);
		mount_disk(p, ORPHANS, MS_RDONLY, NULL);
		EXPECT(p, 0, 0);
		refuse(p);
		SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(MS_REMOUNT), I(0));
		refused(p);
		unmounted(p);
	}
}

/* What is begun anew each time, as the journal may be given up: what `change` does of it is refused
 * something. */
static void refused_change(struct prog *p, enum written_disk disk, unsigned times, work_fn *prepare,
			   work_fn *change)
{
	work_needs(p, "-1000");
	LOOP(p, 24, times) {
		mounted(p, disk);
		prepare(p);
		refuse(p);
		change(p);
		refused(p);
		closed(p);
		unmounted(p);
	}
}

static void nothing(struct prog *p)
{
	SET(p, 19, -1);
}

/* Directories whose next name takes another block. */
static void make_names(struct prog *p)
{
	open_at(p, "full/" LONG_NAME, O_RDWR | O_CREAT);
}

static void move_names(struct prog *p)
{
	renamed(p, "file", "indexed/" LONG_NAME, RENAME_WHITEOUT);
}

static void refused_names(struct prog *p)
{
	refused_change(p, WRITTEN, 30, nothing, make_names);
	refused_change(p, WRITTEN, 40, nothing, move_names);
}

/* What is removed goes in the end: it waits for memory. */
static void forget(struct prog *p)
{
	drop_caches(p);
	SET(p, 19, -1);
}

static void remove_file(struct prog *p)
{
	removed(p, "file", false);
}

static void remove_large(struct prog *p)
{
	removed(p, "large", false);
}

static void refused_removals(struct prog *p)
{
	refused_change(p, EDGES, 30, forget, remove_large);
	refused_change(p, WRITTEN, 40, forget, remove_file);
	refused_change(p, OLD, 40, forget, remove_file);
	refused_change(p, FAT32, 20, forget, remove_file);
}

static void make_directory(struct prog *p)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "directory")), I(0755));
}

static void make_inner(struct prog *p)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "directory/one more")), I(0755));
}

static void refused_making(struct prog *p)
{
	refused_change(p, FAT32, 30, forget, make_directory);
	refused_change(p, FAT12, 30, forget, make_inner);
}

/* Five extents, which an inode has no room for; the same as blocks behind tables. */
static void write_pieces(struct prog *p)
{
	open_at(p, "pieces", O_RDWR | O_CREAT);
	for (unsigned i = 0; i < 5; i++)
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(i * 300 * BLOCK));
}

static void sync_pieces(struct prog *p)
{
	synced(p);
}

static void refused_pieces(struct prog *p)
{
	refused_change(p, WRITTEN, 30, write_pieces, sync_pieces);
	refused_change(p, OLD, 30, write_pieces, sync_pieces);
}

static void open_file(struct prog *p)
{
	open_at(p, "file", O_RDWR);
}

static void cut_file(struct prog *p)
{
	SYS(p, NR_FTRUNCATE, R(19), I(0));
}

/* The inode is not changed before its blocks go. */
static void punch_file(struct prog *p)
{
	punched(p, 0, 8192);
}

static void refused_cut(struct prog *p)
{
	refused_change(p, WRITTEN, 20, open_file, punch_file);
	refused_change(p, WRITTEN, 20, open_file, cut_file);
	refused_change(p, OLD, 20, open_file, cut_file);
}

/* Two that write back, and neither has the memory for it: there is one spare. */
static void one_spare(struct prog *p)
{
	work_needs(p, "-1000");
	mounted(p, WRITTEN);
	open_at(p, "first", O_RDWR | O_CREAT);
	MOVE(p, 20, 19);
	open_at(p, "second", O_RDWR | O_CREAT);
	LOOP(p, 24, 4) {
		SYS(p, __NR_pwrite64, R(20), I(BUFFER), I(9000), I(0));
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(9000), I(0));
		CHILD(p) {
			refuse(p);
			SYS(p, __NR_fdatasync, R(20));
			work_exit(p, 0);
		}
		MOVE(p, 21, 0);
		SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 1000}, 16)), I(0));
		refuse(p);
		SYS(p, __NR_fdatasync, R(19));
		refused(p);
		SYS(p, __NR_wait4, R(21), I(STATUS), I(0), I(0));
	}
	closed(p);
	SYS(p, __NR_close, R(20));
	unmounted(p);
}

/* The disk fails in a commit: nothing is written to it any more, and what was changed is not kept. */
static void failing(struct prog *p)
{
	mounted(p, WRITTEN);
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_fchmod, R(19), I(0600));
	SET(p, 23, SIM_FRESH + WRITTEN);
	work_hook(p, WORK_BAD_DISK);
	synced(p);
	EXPECT(p, 0, -EIO);
	work_hook(p, WORK_GOOD_DISK);
	SYS(p, __NR_fchmod, R(19), I(0644));
	EXPECT(p, 0, -EROFS);
	closed(p);
	unmounted(p);
}

/* Memory ends while something is dirty: that is written, and waited for, before somebody has to go. */
static void dirty(struct prog *p)
{
	work_needs(p, "-1000");
	mounted(p, WRITTEN);
	open_at(p, "dirty", O_RDWR | O_CREAT);
	CHILD(p) {
		work_needs(p, "1000");
		SYS(p, NR_MMAP, I(0), I(24ul << 20), I(3), I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), I(-1),
		    I(0));
		LOOP(p, 24, 5300) {
			STORE(p, 8, 24, 0, 0);
			ADD(p, 0, 0, 0x1000);
		}
		SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 300000000}, 16)), I(0));
	LOOP(p, 24, 60)
		SYS(p, __NR_write, R(19), I(BUFFER), I(16384));
	SYS(p, __NR_kill, R(20), I(SIGKILL));
	work_wait(p);
	closed(p);
	unmounted(p);
}

work_fn *const sweep_edges[] = {large, moved, names, places, shared, filled, in_pieces, orphans, at_once,
				refused_mounts, refused_remounts, refused_names, refused_removals, refused_making, refused_pieces, refused_cut,
				one_spare, failing, dirty, NULL};
