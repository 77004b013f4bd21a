/* tests/guest/fat.c -- what programs see of a FAT file system: it is on /dev/vdb, freshly made, of 12,
 * 16 or 32 bits (tests/fs/fat_test.py). */
#include <dirent.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/msdos_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "test.h"

#define AT "/tmp/fat/"

static void mounted_as(const char *type, const char *options)
{
	mkdir("/tmp/fat", 0755);
	umask(022);
	CHECK_EQ(mount("/dev/vdb", "/tmp/fat", type, 0, options), 0);
}

static void mounted(void)
{
	mounted_as("vfat", NULL);
}

static void unmounted(void)
{
	CHECK_EQ(umount("/tmp/fat"), 0);
}

static void again(void)
{
	unmounted();
	mounted();
}

static void make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
}

static long size_of(const char *path)
{
	struct stat st;

	CHECK_EQ(stat(path, &st), 0);
	return (long)st.st_size;
}

/* Is it listed, in just these letters? */
static bool is_listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	CHECK(d);
	while ((e = readdir(d)))
		found |= !strcmp(e->d_name, name);
	closedir(d);
	return found;
}

TEST(case_does_not_count)
{
	mounted();
	make(AT "Written So.txt");
	CHECK_EQ(access(AT "WRITTEN SO.TXT", F_OK), 0);
	CHECK(is_listed(AT, "Written So.txt"));
	CHECK_ERR(open(AT "written so.txt", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERR(mkdir(AT "written SO.txt", 0700), EEXIST);
	/* What was looked for in vain before is made as it is asked for. */
	CHECK_ERR(access(AT "LATER", F_OK), ENOENT);
	make(AT "Later");
	CHECK(is_listed(AT, "Later"));
	CHECK_EQ(access(AT "later", F_OK), 0);
	CHECK_EQ(unlink(AT "LATER"), 0);
	CHECK_ERR(access(AT "Later", F_OK), ENOENT);
	CHECK_EQ(unlink(AT "written so.TXT"), 0);
	CHECK_ERR(access(AT "Written So.txt", F_OK), ENOENT);
	unmounted();
}

TEST(short_names)
{
	mounted();
	CHECK_ERR(access(AT "ALONGN~1.TEX", F_OK), ENOENT);
	make(AT "a long name.text");
	make(AT "a long name too.text");
	CHECK_EQ(access(AT "ALONGN~1.TEX", F_OK), 0);
	CHECK_EQ(access(AT "alongn~2.tex", F_OK), 0);
	CHECK_EQ(unlink(AT "ALONGN~1.TEX"), 0);
	CHECK_ERR(access(AT "a long name.text", F_OK), ENOENT);
	CHECK_EQ(access(AT "a long name too.text", F_OK), 0);
	CHECK_EQ(mkdir(AT "a directory with a long name", 0755), 0);
	make(AT "ADIREC~1/file");
	CHECK_EQ(access(AT "a directory with a long name/file", F_OK), 0);
	CHECK_EQ(unlink(AT "a directory with a long name/file"), 0);
	CHECK_ERR(access(AT "ADIREC~1/file", F_OK), ENOENT);
	CHECK_EQ(rmdir(AT "ADIREC~1"), 0);
	CHECK_EQ(unlink(AT "a long name too.text"), 0);
	unmounted();
}

TEST(names_that_cannot_be)
{
	static const char *const bad[] = {"a?", "a*", "a:b", "a<", "a>", "a|", "a\"", "a\\b", "end ", "\001"};
	char name[300];

	mounted();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(name, sizeof(name), AT "%s", bad[i]);
		CHECK_ERR(access(name, F_OK), ENOENT);
		CHECK_ERR(open(name, O_CREAT | O_RDWR, 0600), EINVAL);
		CHECK_ERR(mkdir(name, 0700), EINVAL);
	}
	CHECK_ERR(open(AT "...", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(open(AT "\xff\xfe", O_CREAT | O_RDWR, 0600), EINVAL);
	make(AT "dots at the end...");
	CHECK_EQ(access(AT "dots at the end", F_OK), 0);
	CHECK(is_listed(AT, "dots at the end"));
	CHECK_EQ(unlink(AT "dots at the end."), 0);
	strcpy(name, AT);
	memset(name + strlen(AT), 'n', 255);
	name[strlen(AT) + 255] = 0;
	make(name);
	CHECK_EQ(unlink(name), 0);
	strcat(name, "n");
	CHECK_ERR(open(name, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	make(AT "日本語 äöü 🎵");
	CHECK(is_listed(AT, "日本語 äöü 🎵"));
	again();
	CHECK(is_listed(AT, "日本語 äöü 🎵"));
	CHECK_EQ(unlink(AT "日本語 äöü 🎵"), 0);
	unmounted();
}

TEST(what_there_is_not)
{
	mounted();
	make(AT "file");
	CHECK_ERR(link(AT "file", AT "other"), EPERM);
	CHECK_ERR(symlink("file", AT "other"), EPERM);
	CHECK_ERR(mkfifo(AT "other", 0600), EPERM);
	CHECK_ERR(mknod(AT "other", S_IFCHR | 0600, 0x103), EPERM);
	CHECK_ERR(setxattr(AT "file", "user.x", "y", 1, 0), EOPNOTSUPP);
	CHECK_ERR(open(AT, O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP);
	CHECK_ERR(access(AT "other", F_OK), ENOENT);
	CHECK_EQ(unlink(AT "file"), 0);
	unmounted();
}

TEST(modes_and_owners)
{
	struct stat st;

	mounted_as("vfat", "fmask=0133,dmask=022,uid=7,gid=8");
	make(AT "file");
	CHECK_EQ(stat(AT "file", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(st.st_gid, 8);
	CHECK_EQ(chown(AT "file", 7, 8), 0);
	CHECK_ERR(chown(AT "file", 0, 8), EPERM);
	CHECK_ERR(chmod(AT "file", 04644), EPERM);
	/* What cannot be kept is not, and nobody says so. */
	CHECK_EQ(chmod(AT "file", 0600), 0);
	CHECK_EQ(stat(AT "file", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(chmod(AT "file", 0444), 0);
	unmounted();
	mounted_as("vfat", "fmask=0133,dmask=022,uid=7,gid=8");
	CHECK_EQ(stat(AT "file", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0444);
	CHECK_EQ(chmod(AT "file", 0644), 0);
	CHECK_EQ(mkdir(AT "dir", 0700), 0);
	CHECK_EQ(chmod(AT "dir", 0555), 0);
	CHECK_EQ(stat(AT "dir", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	CHECK_EQ(rmdir(AT "dir"), 0);
	CHECK_EQ(unlink(AT "file"), 0);
	unmounted();
}

TEST(times)
{
	struct timespec t[2] = {{1000000001, 7}, {1000000001, 999999999}};
	struct stat st;

	mounted();
	make(AT "file");
	CHECK_EQ(utimensat(AT_FDCWD, AT "file", t, 0), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(stat(AT "file", &st), 0);
		CHECK_EQ(st.st_mtim.tv_sec, 1000000000);
		CHECK_EQ(st.st_mtim.tv_nsec, 0);
		CHECK_EQ(st.st_ctim.tv_sec, 1000000000);
		CHECK_EQ(st.st_atim.tv_sec, 1000000000 / 86400 * 86400);
		again();
	}
	t[0].tv_sec = t[1].tv_sec = 5;
	CHECK_EQ(utimensat(AT_FDCWD, AT "file", t, 0), 0);
	CHECK_EQ(stat(AT "file", &st), 0);
	CHECK_EQ(st.st_mtim.tv_sec, 315532800);
	t[0].tv_sec = t[1].tv_sec = 4500000000;
	CHECK_EQ(utimensat(AT_FDCWD, AT "file", t, 0), 0);
	CHECK_EQ(stat(AT "file", &st), 0);
	CHECK_EQ(st.st_mtim.tv_sec, 4354819198);
	CHECK_EQ(unlink(AT "file"), 0);
	unmounted();
}

TEST(directories)
{
	struct statfs fs;
	struct stat st;

	mounted();
	CHECK_EQ(statfs(AT, &fs), 0);
	CHECK_EQ(fs.f_type, 0x4d44);
	CHECK_EQ(fs.f_namelen, 1530);
	CHECK_EQ(fs.f_files, 0);
	CHECK_EQ(stat(AT, &st), 0);
	CHECK_EQ(st.st_ino, 1);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_EQ(st.st_mtim.tv_sec, 0);
	CHECK_EQ(mkdir(AT "one", 0755), 0);
	CHECK_EQ(mkdir(AT "one/two", 0755), 0);
	CHECK_EQ(stat(AT, &st), 0);
	CHECK_EQ(st.st_nlink, 3);
	CHECK_EQ(stat(AT "one", &st), 0);
	CHECK_EQ(st.st_nlink, 3);
	CHECK_EQ(st.st_size, fs.f_bsize);
	CHECK_EQ(st.st_blocks * 512, fs.f_bsize);
	CHECK_ERR(rmdir(AT "one"), ENOTEMPTY);
	CHECK_ERR(unlink(AT "one"), EISDIR);
	CHECK_EQ(mkdir(AT "other", 0755), 0);
	CHECK_EQ(rename(AT "one/two", AT "other/two"), 0);
	CHECK_EQ(stat(AT "one", &st), 0);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_EQ(stat(AT "other/two/..", &st), 0);
	CHECK_EQ(st.st_nlink, 3);
	CHECK_ERR(rename(AT "one", AT "other"), ENOTEMPTY);
	CHECK_EQ(rename(AT "one", AT "other/two"), 0);
	again();
	CHECK_EQ(rmdir(AT "other/two"), 0);
	CHECK_EQ(rmdir(AT "other"), 0);
	unmounted();
}

TEST(renames)
{
	mounted();
	make(AT "a");
	make(AT "b");
	CHECK_ERR(renameat2(AT_FDCWD, AT "a", AT_FDCWD, AT "b", RENAME_NOREPLACE), EEXIST);
	CHECK_ERR(renameat2(AT_FDCWD, AT "a", AT_FDCWD, AT "c", RENAME_WHITEOUT), EINVAL);
	CHECK_ERR(renameat2(AT_FDCWD, AT "a", AT_FDCWD, AT "c", RENAME_EXCHANGE), ENOENT);
	CHECK_EQ(truncate(AT "a", 5), 0);
	CHECK_EQ(renameat2(AT_FDCWD, AT "a", AT_FDCWD, AT "B", RENAME_EXCHANGE), 0);
	CHECK_EQ(size_of(AT "b"), 5);
	CHECK_EQ(rename(AT "b", AT "A"), 0);
	again();
	CHECK_EQ(size_of(AT "a"), 5);
	CHECK_ERR(access(AT "b", F_OK), ENOENT);
	CHECK_ERR(rename(AT "a", AT "?"), EINVAL);
	CHECK_EQ(rename(AT "a", AT "A longer name"), 0);
	CHECK(is_listed(AT, "A longer name"));
	CHECK_EQ(unlink(AT "A longer name"), 0);
	unmounted();
}

TEST(gaps_are_zeros)
{
	static char got[70000];
	int fd;

	mounted();
	fd = open(AT "file", O_RDWR | O_CREAT, 0600);
	memset(got, 'x', sizeof(got));
	CHECK_EQ(pwrite(fd, got, 5001, 0), 5001);
	CHECK_EQ(ftruncate(fd, 1234), 0);
	CHECK_EQ(pwrite(fd, "end", 3, 60000), 3);
	CHECK_EQ(ftruncate(fd, 65000), 0);
	CHECK_EQ(fsync(fd), 0);
	close(fd);
	again();
	fd = open(AT "file", O_RDWR);
	CHECK_EQ(read(fd, got, sizeof(got)), 65000);
	for (int i = 0; i < 65000; i++)
		CHECK_EQ(got[i], i < 1234 ? 'x' : i >= 60000 && i < 60003 ? "end"[i - 60000] : 0);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100), EOPNOTSUPP);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 80000), 0);
	CHECK_EQ(size_of(AT "file"), 65000);
	CHECK_EQ(fallocate(fd, 0, 0, 66000), 0);
	CHECK_EQ(size_of(AT "file"), 66000);
	CHECK_ERR(ftruncate(fd, 1l << 32), EFBIG);
	CHECK_ERR(pwrite(fd, "x", 1, (1l << 32) - 1), EFBIG);
	close(fd);
	CHECK_EQ(unlink(AT "file"), 0);
	unmounted();
}

TEST(mapped)
{
	char *p;
	int fd;

	mounted();
	fd = open(AT "file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(ftruncate(fd, 10000), 0);
	p = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = p[9999] = 'm';
	munmap(p, 10000);
	close(fd);
	again();
	fd = open(AT "file", O_RDONLY);
	p = mmap(NULL, 10000, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_EQ(p[0], 'm');
	CHECK_EQ(p[5000], 0);
	CHECK_EQ(p[9999], 'm');
	munmap(p, 10000);
	close(fd);
	CHECK_EQ(unlink(AT "file"), 0);
	unmounted();
}

TEST(open_and_removed)
{
	struct statfs before, after;
	char got[3];
	int fd;

	mounted();
	sync();
	CHECK_EQ(statfs(AT, &before), 0);
	fd = open(AT "file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(unlink(AT "file"), 0);
	make(AT "file");
	CHECK_EQ(pread(fd, got, 3, 0), 3);
	CHECK_EQ(ftruncate(fd, 50000), 0);
	close(fd);
	CHECK_EQ(unlink(AT "file"), 0);
	sync();
	CHECK_EQ(statfs(AT, &after), 0);
	CHECK_EQ(after.f_bfree, before.f_bfree);
	unmounted();
}

TEST(full)
{
	static char block[65536];
	struct statfs fs;
	long n, all = 0;
	int fd;

	mounted();
	fd = open(AT "fill", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(statfs(AT, &fs), 0);
	while ((n = write(fd, block, sizeof(block))) > 0)
		all += n;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(fsync(fd), 0);
	CHECK(all <= (long)(fs.f_bfree * (unsigned long)fs.f_bsize));
	CHECK(all + 4096 > (long)(fs.f_bfree * (unsigned long)fs.f_bsize));
	close(fd);
	CHECK_EQ(unlink(AT "fill"), 0);
	make(AT "room");
	CHECK_EQ(unlink(AT "room"), 0);
	unmounted();
}

TEST(positions)
{
	char name[40];
	struct dirent *e;
	long where;
	int n = 0;
	DIR *d;

	mounted();
	CHECK_EQ(mkdir(AT "many", 0755), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), AT "many/entry number %d", i);
		make(name);
	}
	d = opendir(AT "many");
	for (int i = 0; i < 50; i++)
		CHECK(readdir(d));
	where = telldir(d);
	e = readdir(d);
	strcpy(name, e->d_name);
	/* What was read goes: the rest is where it was. */
	for (int i = 0; i < 20; i++) {
		char gone[60];

		snprintf(gone, sizeof(gone), AT "many/entry number %d", i);
		CHECK_EQ(unlink(gone), 0);
	}
	seekdir(d, where);
	CHECK(!strcmp(readdir(d)->d_name, name));
	while (readdir(d))
		n++;
	CHECK_EQ(n, 51);
	closedir(d);
	for (int i = 20; i < 100; i++) {
		snprintf(name, sizeof(name), AT "many/entry number %d", i);
		CHECK_EQ(unlink(name), 0);
	}
	CHECK_EQ(rmdir(AT "many"), 0);
	unmounted();
}

TEST(ioctls)
{
	struct __fat_dirent both[2];
	unsigned value = 0;
	int fd, n, found = 0;

	mounted();
	make(AT "With a long name");
	fd = open(AT "With a long name", O_RDWR);
	CHECK_EQ(ioctl(fd, FAT_IOCTL_GET_ATTRIBUTES, &value), 0);
	CHECK_EQ(value, ATTR_ARCH);
	value = ATTR_HIDDEN | ATTR_SYS | ATTR_DIR;
	CHECK_EQ(ioctl(fd, FAT_IOCTL_SET_ATTRIBUTES, &value), 0);
	CHECK_EQ(ioctl(fd, FAT_IOCTL_GET_ATTRIBUTES, &value), 0);
	CHECK_EQ(value, ATTR_HIDDEN | ATTR_SYS);
	CHECK_EQ(ioctl(fd, FAT_IOCTL_GET_VOLUME_ID, &value), 0);
	CHECK_ERR(ioctl(fd, VFAT_IOCTL_READDIR_BOTH, both), ENOTTY);
	close(fd);
	fd = open(AT, O_RDONLY);
	value = ATTR_HIDDEN;
	CHECK_ERR(ioctl(fd, FAT_IOCTL_SET_ATTRIBUTES, &value), EINVAL);
	while ((n = ioctl(fd, VFAT_IOCTL_READDIR_BOTH, both)) > 0)
		if (!strcmp(both[1].d_name, "With a long name")) {
			CHECK(!strcmp(both[0].d_name, "WITHAL~1"));
			CHECK_EQ(both[0].d_reclen, 8);
			CHECK_EQ(both[1].d_reclen, 16);
			found++;
		}
	CHECK_EQ(n, 0);
	CHECK_EQ(found, 1);
	close(fd);
	CHECK_EQ(unlink(AT "With a long name"), 0);
	unmounted();
}

TEST(read_only)
{
	int fd;

	mounted();
	make(AT "file");
	fd = open(AT "file", O_RDWR);
	CHECK_ERR(mount(NULL, AT, NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	CHECK_EQ(write(fd, "abc", 3), 3);
	close(fd);
	CHECK_EQ(mount(NULL, AT, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	CHECK_ERR(unlink(AT "file"), EROFS);
	CHECK_ERR(open(AT "other", O_CREAT | O_RDWR, 0600), EROFS);
	unmounted();
	mounted();
	CHECK_EQ(size_of(AT "file"), 3);
	CHECK_EQ(unlink(AT "file"), 0);
	unmounted();
}

TEST(options)
{
	static const char *const bad[] = {"bogus", "check=x", "umask=8", "utf8=7", "shortname=x", "tz=utc",
					  "iocharset=none", "errors=x", "time_offset=9999", "dots"};

	mkdir("/tmp/fat", 0755);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_ERR(mount("/dev/vdb", "/tmp/fat", "vfat", 0, bad[i]), EINVAL);
	mounted_as("vfat", "uni_xlate,shortname=winnt,tz=UTC,quiet");
	make(AT "lower.txt");
	make(AT ":00e9");
	unmounted();
	mounted_as("msdos", NULL);
	CHECK(is_listed(AT, "lower.txt"));
	CHECK_ERR(open(AT ".hidden", O_CREAT | O_RDWR, 0600), EINVAL);
	CHECK_EQ(unlink(AT "LOWER.TXT"), 0);
	make(AT "longer than eight.text");
	CHECK(is_listed(AT, "longer t.tex"));
	CHECK_EQ(unlink(AT "longer than eight.text"), 0);
	unmounted();
	mounted();
	CHECK_EQ(unlink(AT "é"), 0);
	unmounted();
}
