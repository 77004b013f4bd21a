/* tests/sim/sweep_written.c -- file systems on disks that are written to: an ext4 with a journal, an ext2,
 * one that a crash left. */
#include "written.h"

#define LONG_NAME "one-more-name-of-fifty-bytes-or-so-that-needs-a-block"

static void names_of(struct prog *p, enum written_disk disk)
{
	char longer[300];

	mounted(p, disk);
	open_at(p, "made", O_RDWR | O_CREAT | O_EXCL);
	SYS(p, __NR_fchmod, R(19), I(0600));
	SYS(p, __NR_fchown, R(19), I(5), I(6));
	closed(p);
	SYS(p, __NR_utimensat, I(AT_FDCWD), I(at(p, "made")), I(0), I(0));
	SYS(p, __NR_linkat, I(AT_FDCWD), I(at(p, "made")), I(AT_FDCWD), I(at(p, "linked")), I(0));
	SYS(p, __NR_symlinkat, I(prog_string(p, "made")), I(AT_FDCWD), I(at(p, "soft")));
	memset(longer, 'x', 200);
	longer[200] = 0;
	SYS(p, __NR_symlinkat, I(prog_string(p, longer)), I(AT_FDCWD), I(at(p, "slow")));
	SYS(p, __NR_readlinkat, I(AT_FDCWD), I(at(p, "slow")), I(MORE), I(300));
	SYS(p, __NR_mknodat, I(AT_FDCWD), I(at(p, "pipe")), I(010644), I(0));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "new")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "new/inner")), I(0755));
	renamed(p, "made", "moved", 0);
	renamed(p, "new", "newer", 0);
	renamed(p, "newer/inner", "new", 0);
	renamed(p, "new", "newer/inner", 0);
	open_at(p, "other", O_RDWR | O_CREAT);
	closed(p);
	renamed(p, "moved", "other", RENAME_EXCHANGE);
	renamed(p, "moved", "other", RENAME_NOREPLACE);
	renamed(p, "moved", "other", 0);
	renamed(p, "other", "moved", RENAME_WHITEOUT);
	/* Directories change places, and one takes that of an empty one. */
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "empty")), I(0755));
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "newer/other")), I(0755));
	renamed(p, "newer/other", "empty", RENAME_EXCHANGE);
	renamed(p, "newer/other", "empty", 0);
	open_at(p, "full/" LONG_NAME, O_RDWR | O_CREAT);
	closed(p);
	open_at(p, "indexed/" LONG_NAME, O_RDWR | O_CREAT);
	closed(p);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "d")), I(020040000 | O_RDWR), I(0600)); /* O_TMPFILE */
	WITH_FD(p) {
		SYS(p, __NR_linkat, R(19), I(prog_string(p, "")), I(AT_FDCWD), I(at(p, "nameless")),
		    I(AT_EMPTY_PATH));
		closed(p);
	}
	unmounted(p);
}

static void names(struct prog *p)
{
	names_of(p, WRITTEN);
}

static void names_old(struct prog *p)
{
	names_of(p, OLD);
}

/* A directory whose changes are waited for, one that is synced; files without a name, in a list. */
static void waited(struct prog *p)
{
	static const u32 at_once = 0x10000; /* FS_DIRSYNC_FL */

	mounted(p, OLD);
	SYS(p, __NR_openat, I(AT_FDCWD), I(at(p, "directory")), I(O_RDONLY | O_DIRECTORY));
	MOVE(p, 19, 0);
	SYS(p, __NR_ioctl, R(19), I(0x40086602), I(prog_data(p, &at_once, sizeof(at_once))));
	open_at(p, "directory/first", O_RDWR | O_CREAT);
	MOVE(p, 20, 19);
	open_at(p, "directory/second", O_RDWR | O_CREAT);
	MOVE(p, 21, 19);
	removed(p, "directory/first", false);
	removed(p, "directory/second", false);
	SYS(p, __NR_close, R(20));
	SYS(p, __NR_close, R(21));
	SYS(p, __NR_openat, I(AT_FDCWD), I(at(p, "directory")), I(O_RDONLY | O_DIRECTORY));
	MOVE(p, 19, 0);
	synced(p);
	closed(p);
	open_at(p, "large", O_RDWR | O_CREAT);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(0xc0000000));
	synced(p);
	closed(p);
	unmounted(p);
}

/* The whole of it is so mounted. */
static void all_waited(struct prog *p)
{
	fresh_disks(p);
	mount_disk(p, WRITTEN, MS_SYNCHRONOUS, NULL);
	EXPECT(p, 0, 0);
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_write, R(19), I(BUFFER), I(5000));
	SYS(p, NR_FTRUNCATE, R(19), I(700));
	SYS(p, __NR_fsetxattr, R(19), I(prog_string(p, "user.small")), I(BUFFER), I(10), I(0));
	EXPECT(p, 0, 0);
	closed(p);
	removed(p, "file", false);
	unmounted(p);
}

/* More names than a block takes, then fewer. */
static void many(struct prog *p)
{
	char name[100];

	mounted(p, WRITTEN);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "indexed/another-name-of-fifty-bytes-that-fills-blocks-%u", i);
		open_at(p, name, O_RDWR | O_CREAT);
		closed(p);
	}
	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "indexed/another-name-of-fifty-bytes-that-fills-blocks-%u", i);
		removed(p, name, false);
	}
	unmounted(p);
}

static void data_of(struct prog *p, enum written_disk disk)
{
	mounted(p, disk);
	removed(p, "data", false);
	open_at(p, "data", O_RDWR | O_CREAT);
	SYS(p, __NR_write, R(19), I(BUFFER), I(12000));
	synced(p);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(3000), I(5000));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(2000), I(400000));
	SYS(p, __NR_fdatasync, R(19));
	SYS(p, __NR_fallocate, R(19), I(0), I(20000), I(30000));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(1000), I(30000));
	synced(p);
	punched(p, 1024, 6000);
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_ZERO_RANGE), I(500), I(9000));
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_KEEP_SIZE), I(500000), I(9000));
	SYS(p, __NR_fallocate, R(19), I(0), I(500000), I(9000));
	SYS(p, NR_LSEEK, R(19), I(0), I(SEEK_HOLE));
	SYS(p, NR_LSEEK, R(19), I(0), I(SEEK_DATA));
	SYS(p, NR_FTRUNCATE, R(19), I(700));
	SYS(p, NR_FTRUNCATE, R(19), I(90000));
	SYS(p, NR_MMAP, I(0), I(0x4000), I(3), I(1), R(19), I(0x2000));
	IF(p, 0, GE, 0) {
		MOVE(p, 20, 0);
		STORE(p, 8, 20, 20, 0x1000);
		SYS(p, __NR_msync, R(20), I(0x4000), I(4));
	}
	SYS(p, __NR_sync, I(0));
	SYS(p, __NR_syncfs, R(19));
	drop_caches(p);
	SYS(p, __NR_pread64, R(19), I(MORE), I(9000), I(0));
	removed(p, "data", false);
	SYS(p, __NR_write, R(19), I(BUFFER), I(100));
	closed(p);
	open_at(p, "data", O_RDWR | O_CREAT | 04010000); /* O_SYNC */
	SYS(p, __NR_write, R(19), I(BUFFER), I(5000));
	closed(p);
	unmounted(p);
}

static void data(struct prog *p)
{
	data_of(p, WRITTEN);
}

static void data_old(struct prog *p)
{
	data_of(p, OLD);
}

/* Pieces far apart: the tree of extents, or the levels of pointers, get deeper, and go again. */
static void pieces_of(struct prog *p, enum written_disk disk)
{
	mounted(p, disk);
	removed(p, "pieces", false);
	open_at(p, "pieces", O_RDWR | O_CREAT);
	for (unsigned i = 0; i < 7; i++) {
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(i * 8192));
		synced(p);
	}
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(300 * 1024));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(70000 * 1024));
	synced(p);
	drop_caches(p);
	punched(p, 8192, 16384);
	SYS(p, NR_FTRUNCATE, R(19), I(20000));
	/* Many, then only the last of them. */
	SET(p, 21, 0);
	LOOP(p, 24, 120) {
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), R(21));
		ADD(p, 21, 21, 8192);
	}
	synced(p);
	punched(p, 0, 90 * 8192);
	closed(p);
	removed(p, "pieces", false);
	unmounted(p);
}

static void pieces(struct prog *p)
{
	pieces_of(p, WRITTEN);
}

static void pieces_old(struct prog *p)
{
	pieces_of(p, OLD);
}

/* Attributes in the inode, in a block, gone again; lists; flags. */
static void attributes(struct prog *p)
{
	u64 file, small, large;

	mounted(p, WRITTEN);
	file = at(p, "file");
	small = prog_string(p, "user.small");
	large = prog_string(p, "user.large");
	SYS(p, __NR_setxattr, I(file), I(small), I(BUFFER), I(10), I(0));
	SYS(p, __NR_setxattr, I(file), I(large), I(BUFFER), I(600), I(0));
	SYS(p, __NR_setxattr, I(file), I(small), I(BUFFER), I(90), I(0));
	SYS(p, __NR_setxattr, I(file), I(prog_string(p, "user.huge")), I(BUFFER), I(4000), I(0));
	SYS(p, __NR_removexattr, I(file), I(large));
	SYS(p, __NR_setxattr, I(file), I(large), I(BUFFER), I(600), I(0));
	SYS(p, __NR_removexattr, I(file), I(small));
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_ioctl, R(19), I(0x80086601), I(BUFFER + 0x2000));	/* FS_IOC_GETFLAGS */
	SYS(p, __NR_ioctl, R(19), I(0x40086602), I(BUFFER + 0x2000));	/* and as it is */
	closed(p);
	removed(p, "file", false);
	unmounted(p);
}

/* Lists of who may do what: a directory's become those of what is made in it. Capabilities of a
 * program go when it is written to. */
static void lists(struct prog *p)
{
	static const struct {
		u32 version;
		struct { u16 tag, perm; u32 id; } entries[5];
	} list = {2, {{1, 7, ~0u}, {2, 5, 1000}, {4, 5, ~0u}, {0x10, 5, ~0u}, {0x20, 0, ~0u}}};
	static const u32 caps[5] = {0x02000001, 1 << 10};
	u64 directory, access, usual;

	mounted(p, WRITTEN);
	removed(p, "directory/in", false);
	removed(p, "directory/below", true);
	directory = at(p, "directory");
	access = prog_string(p, "system.posix_acl_access");
	usual = prog_string(p, "system.posix_acl_default");
	SYS(p, __NR_setxattr, I(directory), I(usual), I(prog_data(p, &list, sizeof(list))), I(sizeof(list)),
	    I(0));
	SYS(p, __NR_setxattr, I(directory), I(access), I(prog_data(p, &list, sizeof(list))), I(sizeof(list)),
	    I(0));
	open_at(p, "directory/in", O_RDWR | O_CREAT);
	closed(p);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "directory/below")), I(0755));
	SYS(p, __NR_openat, I(AT_FDCWD), I(directory), I(020040000 | O_RDWR), I(0600));
	WITH_FD(p)
		closed(p);
	SYS(p, __NR_fchmodat, I(AT_FDCWD), I(directory), I(0750));
	SYS(p, __NR_removexattr, I(directory), I(access));
	SYS(p, __NR_removexattr, I(directory), I(usual));
	SYS(p, __NR_setxattr, I(at(p, "file")), I(prog_string(p, "security.capability")),
	    I(prog_data(p, caps, sizeof(caps))), I(sizeof(caps)), I(0));
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(10), I(0));
	SYS(p, __NR_fsync, R(19));
	closed(p);
	unmounted(p);
}

/* What a crash left is made whole when it is mounted, its orphans when it is written to. */
static void left(struct prog *p)
{
	fresh_disks(p);
	mount_disk(p, LEFT, MS_RDONLY, NULL);
	EXPECT(p, 0, 0);
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32), I(0)); /* MS_REMOUNT */
	open_at(p, "cut", O_RDONLY);
	SYS(p, __NR_read, R(19), I(MORE), I(2000));
	EXPECT(p, 0, 1000);
	closed(p);
	unmounted(p);
}

static void left_written(struct prog *p)
{
	fresh_disks(p);
	mount_disk(p, LEFT, 0, NULL);
	EXPECT(p, 0, 0);
	open_at(p, "removed", O_RDONLY);
	EXPECT(p, 0, -ENOENT);
	unmounted(p);
	mount_disk(p, WRITTEN, MS_RDONLY, NULL);
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32), I(0));
	unmounted(p);
}

/* No room is left. */
static void full(struct prog *p)
{
	mounted(p, OLD);
	removed(p, "fill", false);
	open_at(p, "fill", O_RDWR | O_CREAT);
	SYS(p, __NR_fallocate, R(19), I(0), I(0), I(1024 * 1024));
	SYS(p, __NR_fallocate, R(19), I(0), I(0), I(3 * 1024 * 1024));
	LOOP(p, 24, 160)
		SYS(p, __NR_write, R(19), I(BUFFER), I(16384));
	synced(p);
	for (unsigned i = 0; i < 8; i++) {
		char name[20];

		snprintf(name, sizeof(name), "none%u", i);
		SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, name)), I(0755));
	}
	EXPECT(p, 0, -ENOSPC);
	/* Something is freed, and can be had at once. */
	removed(p, "file", false);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, "some")), I(0755));
	removed(p, "some", true);
	closed(p);
	removed(p, "fill", false);
	unmounted(p);
}

/* So much of memory is dirty that a writer waits. */
static void much_is_dirty(struct prog *p)
{
	mounted(p, WRITTEN);
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/dev/vdb")), I(O_RDWR));
	MOVE(p, 20, 0);
	SET(p, 21, 0);
	LOOP(p, 24, 380) {	/* as they are */
		SYS(p, __NR_pread64, R(20), I(BUFFER), I(16384), R(21));
		SYS(p, __NR_pwrite64, R(20), I(BUFFER), I(16384), R(21));
		ADD(p, 21, 21, 16384);
	}
	open_at(p, "file", O_RDWR);
}

static void held_up(struct prog *p)
{
	much_is_dirty(p);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(16384), I(0));
	closed(p);
	removed(p, "file", false);
	unmounted(p);
}

static void held_up_mapped(struct prog *p)
{
	much_is_dirty(p);
	SYS(p, NR_MMAP, I(0), I(0x1000), I(3), I(1), R(19), I(0));
	IF(p, 0, GE, 0)
		STORE(p, 8, 0, 0, 0x100);
	closed(p);
	unmounted(p);
}

/* Read-only and back, with something not on the disk yet. */
static void again(struct prog *p)
{
	mounted(p, WRITTEN);
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(100), I(50));
	closed(p);
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32 | 1), I(0)); /* MS_REMOUNT, MS_RDONLY */
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32), I(0));
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(100), I(50));
	closed(p);
	SYS(p, __NR_umount2, I(prog_string(p, "d")), I(2));
}

work_fn *const sweep_written[] = {names, names_old, waited, all_waited, many, data, data_old, pieces, pieces_old, attributes,
				  lists, left, left_written,
				  full, held_up, held_up_mapped, again, NULL};
