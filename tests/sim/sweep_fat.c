/* tests/sim/sweep_fat.c -- FAT file systems of 12 and 32 bits. */
#include <linux/msdos_fs.h>

#include "written.h"

#define ALIKE "A long name that has a tail "

static void made(struct prog *p, const char *name)
{
	open_at(p, name, O_RDWR | O_CREAT);
	closed(p);
}

static void made_dir(struct prog *p, const char *name)
{
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(at(p, name)), I(0755));
}

static void listed(struct prog *p, const char *name)
{
	open_at(p, name, O_RDONLY | O_DIRECTORY);
	LOOP(p, 24, 4)
		SYS(p, __NR_getdents64, R(19), I(work_fresh(p)), I(1000));
	closed(p);
}

static void all_synced(struct prog *p)
{
	SYS(p, __NR_sync, I(0));
}

/* Names of all kinds, a directory that grows, tails until they are random ones. */
static void names_of(struct prog *p, enum written_disk disk)
{
	char name[100];

	mounted(p, disk);
	made_dir(p, "directory");
	made_dir(p, "directory/inner");
	made(p, "SHORT.TXT");
	made(p, "Made with a longer name");
	SYS(p, __NR_faccessat, I(AT_FDCWD), I(at(p, "MADEWI~1")), I(0));
	SYS(p, __NR_faccessat, I(AT_FDCWD), I(at(p, "nothing~1")), I(0));
	SYS(p, __NR_faccessat, I(AT_FDCWD), I(at(p, "made WITH a longer name")), I(0));
	made(p, "a?b");
	made_dir(p, "new");
	made_dir(p, "new/inner");
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "new/" ALIKE "%d", i);
		made(p, name);
	}
	listed(p, "new");
	drop_caches(p);
	SYS(p, __NR_faccessat, I(AT_FDCWD), I(at(p, "directory/inner")), I(0));
	listed(p, "directory");
	removed(p, "new", true);
	removed(p, "new/inner", true);
	removed(p, "new/" ALIKE "3", false);
	all_synced(p);
	unmounted(p);
}

static void names(struct prog *p)
{
	names_of(p, FAT12);
}

static void names_large(struct prog *p)
{
	names_of(p, FAT32);
}

static void renames_of(struct prog *p, enum written_disk disk)
{
	mounted(p, disk);
	made_dir(p, "directory");
	made_dir(p, "directory/inner");
	made_dir(p, "d1");
	made_dir(p, "d2");
	made(p, "d1/one");
	made(p, "d2/another");
	renamed(p, "d1/one", "d1/Two with a longer name", 0);
	renamed(p, "d1/two with a longer name", "d2/three", 0);
	renamed(p, "d2/three", "d2/another", 0);
	renamed(p, "file", "d2/another", RENAME_EXCHANGE);
	renamed(p, "d1", "d2/moved", 0);
	renamed(p, "d2/moved", "directory/inner", 0);
	renamed(p, "directory/inner", "directory", RENAME_EXCHANGE);
	renamed(p, "directory", "d2", 0);
	made_dir(p, "d3");
	renamed(p, "d3", "d2/d3", 0);
	made_dir(p, "d4");
	renamed(p, "d4", "d2/d3", RENAME_EXCHANGE);
	renamed(p, "d4", "directory/inner", RENAME_EXCHANGE);
	renamed(p, "file", "x?", 0);
	unmounted(p);
}

static void renames(struct prog *p)
{
	renames_of(p, FAT12);
	renames_of(p, FAT32);
}

/* With some bytes in it, on the disk. */
static void made_full(struct prog *p, const char *name)
{
	open_at(p, name, O_RDWR | O_CREAT);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(1000), I(0));
	synced(p);
	closed(p);
}

/* Written, cut, seeked past the end, with room made in advance; mapped. */
static void data_of(struct prog *p, enum written_disk disk)
{
	mounted(p, disk);
	open_at(p, "longer", O_RDWR);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(3000), I(100));
	synced(p);
	closed(p);
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_read, R(19), I(work_fresh(p)), I(9000));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(16384), I(9000));
	synced(p);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(100), I(60001));
	/* The end that was, in the middle of a sector, is written after what lies behind it. */
	SYS(p, __NR_sync_file_range, R(19), I(60000), I(200), I(7));
	SYS(p, NR_FTRUNCATE, R(19), I(70001));
	synced(p);
	SYS(p, NR_FTRUNCATE, R(19), I(90000));
	synced(p);
	closed(p);
	all_synced(p);
	drop_caches(p);
	removed(p, "longer", false);
	all_synced(p);
	drop_caches(p);
	made_full(p, "of a table that is not in memory");
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_pread64, R(19), I(work_fresh(p)), I(9000), I(20000));
	SYS(p, NR_FTRUNCATE, R(19), I(3001));
	SYS(p, NR_FTRUNCATE, R(19), I(0));
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_KEEP_SIZE), I(0), I(5000));
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(100), I(0));
	SYS(p, __NR_fallocate, R(19), I(0), I(0), I(2000));
	punched(p, 0, 100);
	SYS(p, __NR_fallocate, R(19), I(FALLOC_FL_KEEP_SIZE), I(0), I(1ul << 31));
	SYS(p, NR_FTRUNCATE, R(19), I(1ul << 31));
	SYS(p, __NR_fchmod, R(19), I(0444));
	SYS(p, __NR_fchown, R(19), I(7), I(7));
	closed(p);
	open_at(p, "file", O_RDWR | O_TRUNC);
	SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(5000), I(100));
	SYS(p, NR_MMAP, I(0), I(0x1000), I(3), I(1), R(19), I(0));
	IF(p, 0, GE, 0)
		STORE(p, 8, 0, 0, 0x100);
	removed(p, "file", false);
	closed(p);
	all_synced(p);
	unmounted(p);
}

static void data(struct prog *p)
{
	data_of(p, FAT12);
}

static void data_large(struct prog *p)
{
	data_of(p, FAT32);
}

/* No room for files, for directories, in the root. */
static void full(struct prog *p)
{
	mounted(p, FAT12);
	open_at(p, "fill", O_RDWR | O_CREAT);
	LOOP(p, 24, 20)
		SYS(p, __NR_write, R(19), I(BUFFER), I(16384));
	synced(p);
	made_dir(p, "no-room");
	made(p, "directory/" ALIKE ALIKE ALIKE ALIKE ALIKE "1");
	made(p, "directory/" ALIKE ALIKE ALIKE ALIKE ALIKE "2");
	made(p, "directory/" ALIKE ALIKE ALIKE ALIKE ALIKE "3");
	for (int i = 0; i < 8; i++) {
		char name[300];

		snprintf(name, sizeof(name), "%d" ALIKE ALIKE ALIKE ALIKE ALIKE ALIKE ALIKE, i);
		made(p, name);
	}
	closed(p);
	unmounted(p); /* again, if that was refused */
	unmounted(p);
	fresh_disks(p); /* it used the cluster that something broken has */
}

/* A free cluster is looked for far behind where the last one was, and before that. */
static void looked_for(struct prog *p)
{
	mounted(p, FAT32);
	removed(p, "file", false);
	open_at(p, "fill", O_RDWR | O_CREAT);
	LOOP(p, 24, 62)
		SYS(p, __NR_write, R(19), I(BUFFER), I(16384));
	LOOP(p, 24, 40)
		SYS(p, __NR_write, R(19), I(BUFFER), I(512));
	synced(p);
	SYS(p, NR_FTRUNCATE, R(19), I(980000));
	MOVE(p, 20, 19);
	for (int i = 0; i < 6; i++) {
		char name[20];

		snprintf(name, sizeof(name), "f%d", i);
		open_at(p, name, O_RDWR | O_CREAT);
		SYS(p, __NR_write, R(19), I(BUFFER), I(16384));
		synced(p);
		closed(p);
		SYS(p, NR_FTRUNCATE, R(20), I(960000 - 20000 * i));
	}
	SYS(p, __NR_close, R(20));
	unmounted(p); /* again, if that was refused */
	unmounted(p);
	fresh_disks(p); /* it used the cluster that something broken has */
}

/* What is broken is an error, and the end of writing, if that is asked for. */
static void broken_of(struct prog *p, enum written_disk disk, const char *options)
{
	fresh_disks(p);
	mount_disk(p, disk, 0, options);
	for (int i = 0; i < 3; i++) {
		open_at(p, i == 0 ? "broken" : i == 1 ? "short" : "nowhere", O_RDWR);
		SYS(p, __NR_read, R(19), I(work_fresh(p)), I(9000));
		SYS(p, __NR_pwrite64, R(19), I(BUFFER), I(1000), I(8000));
		synced(p);
		SYS(p, NR_FTRUNCATE, R(19), I(600));
		closed(p);
	}
	removed(p, "broken", false);
	removed(p, "short", false);
	made(p, "another");
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32), I(0));
	unmounted(p);
}

static void broken(struct prog *p)
{
	broken_of(p, FAT12, "errors=continue");
	broken_of(p, FAT32, NULL);
	unmounted(p);
	fresh_disks(p);
}

static void ioctls(struct prog *p)
{
	static const u32 attributes = 0x21; /* read-only, archive */

	mounted(p, FAT12);
	open_at(p, "directory", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 3; i++)
		SYS(p, __NR_ioctl, R(19), I(VFAT_IOCTL_READDIR_BOTH), I(work_fresh(p)));
	synced(p);
	closed(p);
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_ioctl, R(19), I(FAT_IOCTL_GET_ATTRIBUTES), I(MORE));
	SYS(p, __NR_ioctl, R(19), I(FAT_IOCTL_GET_VOLUME_ID), I(MORE + 0x1000));
	SYS(p, __NR_ioctl, R(19), I(FAT_IOCTL_SET_ATTRIBUTES), I(work_fresh(p)));
	SYS(p, __NR_ioctl, R(19), I(FAT_IOCTL_SET_ATTRIBUTES),
	    I(prog_data(p, &attributes, sizeof(attributes))));
	closed(p);
	unmounted(p);
}

/* Every change is waited for; options; read-only and back; mounted twice; msdos. */
static void mounts(struct prog *p)
{
	fresh_disks(p);
	mount_disk(p, FAT32, 16, "flush,uid=5,usefree"); /* MS_SYNCHRONOUS */
	made_dir(p, "new");
	made(p, "new/file");
	renamed(p, "new/file", "file", 0);
	open_at(p, "file", O_RDWR);
	SYS(p, __NR_write, R(19), I(BUFFER), I(9000));
	closed(p);
	removed(p, "file", false);
	made_dir(p, "e");
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vdi")), I(at(p, "e")), I(prog_string(p, "vfat")), I(0), I(0));
	SYS(p, __NR_umount2, I(at(p, "e")), I(0));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vdi")), I(at(p, "e")), I(prog_string(p, "msdos")), I(0), I(0));
	open_at(p, "directory", O_RDONLY);
	SYS(p, __NR_utimensat, I(AT_FDCWD), I(at(p, "directory")), I(0), I(0));
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32 | 1), I(0)); /* MS_REMOUNT, MS_RDONLY */
	closed(p);
	SYS(p, __NR_mount, I(0), I(prog_string(p, "d")), I(0), I(32), I(0));
	unmounted(p);
	mount_disk(p, FAT32, 0, "bogus");
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vdc")), I(prog_string(p, "d")), I(prog_string(p, "vfat")), I(0), I(0));
	SYS(p, __NR_mount, I(prog_string(p, "/dev/vdh")), I(prog_string(p, "d")), I(prog_string(p, "msdos")), I(0), I(0));
	made(p, "loud.txt");
	removed(p, "LOUD.txt", false);
	listed(p, "directory");
	unmounted(p);
}

work_fn *const sweep_fat[] = {names, names_large, renames, data, data_large, full, looked_for, broken, ioctls, mounts, NULL};
