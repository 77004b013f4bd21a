/* Files and folders of a tmpfs. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static char buffer[1 << 16];

static int make(const char *path, const char *text)
{
	test_write_file(path, text);
	return open(path, O_RDWR);
}

TEST(read_write_and_seek)
{
	int fd = make("f", "0123456789");

	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	CHECK_EQ(read(fd, buffer, 3), 3);
	CHECK_EQ(memcmp(buffer, "456", 3), 0);
	CHECK_EQ(lseek(fd, -2, SEEK_END), 8);
	CHECK_EQ(read(fd, buffer, 100), 2);
	CHECK_EQ(read(fd, buffer, 100), 0);
	CHECK_EQ(pread(fd, buffer, 2, 1), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_ERR(pread(fd, buffer, 1, -1), EINVAL);
}

TEST(open_flags)
{
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK(open("f", O_RDWR | O_CREAT | O_EXCL, 0600) >= 0);
	CHECK_ERR(open("f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERR(open(".", O_WRONLY), EISDIR);
	CHECK_ERR(open(".", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERR(open("l", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERR(write(open("f", O_RDONLY), "x", 1), EBADF);
	CHECK_ERR(read(open("f", O_WRONLY), buffer, 1), EBADF);
}

TEST(append)
{
	int fd;

	make("f", "one");
	fd = open("f", O_WRONLY | O_APPEND);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "two", 3), 3);
	CHECK_EQ(strcmp(test_read_file("f"), "onetwo"), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE), O_APPEND | O_WRONLY);
}

TEST(holes)
{
	struct stat state;
	int fd = make("f", "");

	CHECK_EQ(pwrite(fd, "end", 3, 1 << 20), 3);
	CHECK_EQ(fstat(fd, &state), 0);
	CHECK_EQ(state.st_size, (1 << 20) + 3);
	CHECK(state.st_blocks < 64);
	CHECK_EQ(pread(fd, buffer, 100, 5000), 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(buffer[i], 0);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 1 << 20);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
}

TEST(truncate_both_ways)
{
	struct stat state;
	int fd = make("f", "0123456789");

	CHECK_EQ(ftruncate(fd, 4), 0);
	CHECK_EQ(ftruncate(fd, 8), 0);
	CHECK_EQ(pread(fd, buffer, 100, 0), 8);
	CHECK_EQ(memcmp(buffer, "0123\0\0\0\0", 8), 0);
	CHECK_EQ(truncate("f", 100000), 0);
	CHECK_EQ(stat("f", &state), 0);
	CHECK_EQ(state.st_size, 100000);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(ftruncate(open("f", O_RDONLY), 0), EINVAL);
	CHECK_EQ(close(open("f", O_WRONLY | O_TRUNC)), 0);
	CHECK_EQ(stat("f", &state), 0);
	CHECK_EQ(state.st_size, 0);
}

TEST(an_unlinked_file_lives_while_open)
{
	struct stat state;
	int fd = make("f", "alive");

	CHECK_EQ(unlink("f"), 0);
	CHECK_ERR(open("f", O_RDONLY), ENOENT);
	CHECK_EQ(fstat(fd, &state), 0);
	CHECK_EQ(state.st_nlink, 0);
	CHECK_EQ(read(fd, buffer, 10), 5);
	CHECK_EQ(write(fd, "more", 4), 4);
}

TEST(links)
{
	struct stat a, b;

	make("a", "x");
	CHECK_EQ(link("a", "b"), 0);
	CHECK_EQ(stat("a", &a), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 2);
	CHECK_ERR(link("a", "b"), EEXIST);
	CHECK_ERR(link("none", "c"), ENOENT);
	CHECK_ERR(link(".", "c"), EPERM);
	CHECK_EQ(symlink("a", "l"), 0);
	CHECK_EQ(readlink("l", buffer, 100), 1);
	CHECK_ERR(readlink("a", buffer, 100), EINVAL);
	CHECK_ERR(readlink("l", buffer, 0), EINVAL);
	CHECK_ERR(symlink("x", "l"), EEXIST);
	CHECK_ERR(symlink("", "m"), ENOENT);
	CHECK_EQ(lstat("l", &a), 0);
	CHECK(S_ISLNK(a.st_mode));
	CHECK_EQ(a.st_size, 1);
}

TEST(folders)
{
	struct stat state;

	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_ERR(mkdir("d", 0777), EEXIST);
	CHECK_EQ(stat("d", &state), 0);
	CHECK_EQ(state.st_mode, S_IFDIR | 0755);
	CHECK_EQ(state.st_nlink, 2);
	CHECK_EQ(mkdir("d/e", 0700), 0);
	CHECK_EQ(stat("d", &state), 0);
	CHECK_EQ(state.st_nlink, 3);
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(unlink("d/e"), EISDIR);
	CHECK_EQ(rmdir("d/e"), 0);
	make("f", "");
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(rmdir("."), EINVAL);
	CHECK_ERR(rmdir("d/.."), ENOTEMPTY);
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERR(rmdir("d"), ENOENT);
}

TEST(rename_replaces)
{
	make("a", "a");
	make("b", "b");
	CHECK_EQ(rename("a", "b"), 0);
	CHECK_EQ(strcmp(test_read_file("b"), "a"), 0);
	CHECK_ERR(rename("a", "c"), ENOENT);
	mkdir("d", 0755);
	mkdir("e", 0755);
	CHECK_ERR(rename("b", "d"), EISDIR);
	CHECK_ERR(rename("d", "b"), ENOTDIR);
	CHECK_EQ(rename("d", "e"), 0);
	make("e/f", "");
	mkdir("g", 0755);
	CHECK_ERR(rename("g", "e"), ENOTEMPTY);
	CHECK_ERR(rename("e", "e/sub"), EINVAL);
	CHECK_ERR(rename("e/f", "e/f/g"), ENOTDIR);
	CHECK_EQ(link("b", "same"), 0);
	CHECK_EQ(rename("b", "same"), 0);
	CHECK_EQ(access("b", F_OK), 0);
}

TEST(rename_flags)
{
	make("a", "a");
	make("b", "b");
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
	CHECK_EQ(strcmp(test_read_file("a"), "b"), 0);
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_EXCHANGE), ENOENT);
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 0x100), EINVAL);
}

TEST(a_moved_folder_keeps_its_parent_right)
{
	struct stat a, b;

	mkdir("x", 0755);
	mkdir("y", 0755);
	mkdir("x/d", 0755);
	CHECK_EQ(rename("x/d", "y/d"), 0);
	CHECK_EQ(stat("y/d/..", &a), 0);
	CHECK_EQ(stat("y", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(b.st_nlink, 3);
	CHECK_EQ(stat("x", &b), 0);
	CHECK_EQ(b.st_nlink, 2);
}

TEST(reading_a_folder)
{
	enum { MANY = 500 };
	int seen = 0, dots = 0;
	char name[16];
	DIR *folder;
	struct dirent *entry;

	mkdir("d", 0755);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	folder = opendir("d");
	CHECK(folder);
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.') {
			dots++;
			CHECK_EQ(entry->d_type, DT_DIR);
			continue;
		}
		CHECK_EQ(entry->d_type, DT_REG);
		seen++;
		snprintf(name, sizeof(name), "d/%.10s", entry->d_name);
		CHECK_EQ(unlink(name), 0);
	}
	CHECK_EQ(seen, MANY);
	CHECK_EQ(dots, 2);
	rewinddir(folder);
	readdir(folder);
	readdir(folder);
	CHECK(!readdir(folder));
	CHECK_ERR(syscall(SYS_getdents64, make("f", ""), buffer, 1000), ENOTDIR);
	CHECK_ERR(read(dirfd(folder), buffer, 10), EISDIR);
}

TEST(a_removed_folder_is_empty)
{
	int fd;

	mkdir("d", 0755);
	fd = open("d", O_RDONLY);
	CHECK_EQ(chdir("d"), 0);
	CHECK_EQ(rmdir("../d"), 0);
	CHECK_ERR(open("f", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_ERR(mkdirat(fd, "x", 0755), ENOENT);
	CHECK(!getcwd(buffer, 100));
	CHECK_EQ(errno, ENOENT);
}

TEST(relative_to_a_descriptor)
{
	struct stat state;
	int folder;

	mkdir("d", 0755);
	folder = open("d", O_PATH | O_DIRECTORY);
	CHECK(folder >= 0);
	CHECK(openat(folder, "f", O_CREAT | O_WRONLY, 0600) >= 0);
	CHECK_EQ(fstatat(folder, "f", &state, 0), 0);
	CHECK_EQ(fstatat(folder, "", &state, AT_EMPTY_PATH), 0);
	CHECK(S_ISDIR(state.st_mode));
	CHECK_EQ(unlinkat(folder, "f", 0), 0);
	CHECK_EQ(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
	CHECK_ERR(openat(999, "f", O_RDONLY), EBADF);
	CHECK_ERR(openat(make("g", ""), "f", O_RDONLY), ENOTDIR);
	CHECK_ERR(read(folder, buffer, 1), EBADF);
}

TEST(times_of_a_file)
{
	struct timespec times[2] = { { .tv_sec = 1000, .tv_nsec = 1 }, { .tv_nsec = UTIME_OMIT } };
	struct stat before, after;

	make("f", "x");
	CHECK_EQ(stat("f", &before), 0);
	CHECK_EQ(utimensat(AT_FDCWD, "f", times, 0), 0);
	CHECK_EQ(stat("f", &after), 0);
	CHECK_EQ(after.st_atim.tv_sec, 1000);
	CHECK_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
	test_sleep_ms(20);
	CHECK_EQ(write(open("f", O_WRONLY), "y", 1), 1);
	CHECK_EQ(stat("f", &after), 0);
	CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec
	      || after.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
	times[0].tv_nsec = 2000000000;
	CHECK_ERR(utimensat(AT_FDCWD, "f", times, 0), EINVAL);
}

TEST(modes_and_owners)
{
	struct stat state;
	int fd = make("f", "");

	CHECK_EQ(fchmod(fd, 04751), 0);
	CHECK_EQ(fstat(fd, &state), 0);
	CHECK_EQ(state.st_mode, S_IFREG | 04751);
	CHECK_EQ(chown("f", 12, 34), 0);
	CHECK_EQ(stat("f", &state), 0);
	CHECK_EQ(state.st_uid, 12);
	CHECK_EQ(state.st_gid, 34);
	CHECK_EQ(state.st_mode, S_IFREG | 0751);
	CHECK_EQ(chown("f", (uid_t)-1, 5), 0);
	CHECK_EQ(stat("f", &state), 0);
	CHECK_EQ(state.st_uid, 12);
}

TEST(descriptors)
{
	int fd = make("f", "abc"), other = dup(fd);

	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 2);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERR(dup3(fd, fd, 0), EINVAL);
	CHECK_ERR(dup2(999, 5), EBADF);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 100), 100);
	CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(close(100), 0);
	CHECK_ERR(close(100), EBADF);
	CHECK_ERR(fcntl(fd, 9999), EINVAL);
	CHECK_EQ(syscall(SYS_close_range, 50, 60, 0), 0);
}

TEST(vectors_at_a_place)
{
	struct iovec parts[] = { { "ab", 2 }, { "", 0 }, { "cd", 2 } };
	int fd = make("f", "0123456789");

	CHECK_EQ(pwritev(fd, parts, 3, 3), 4);
	CHECK_EQ(strcmp(test_read_file("f"), "012abcd789"), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

static void take_lock(void *fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	CHECK_ERR(fcntl(*(int *)fd, F_SETLK, &lock), EAGAIN);
	CHECK_EQ(fcntl(*(int *)fd, F_GETLK, &lock), 0);
	CHECK_EQ(lock.l_pid, getppid());
	CHECK_ERR(flock(open("f", O_RDWR), LOCK_EX | LOCK_NB), EWOULDBLOCK);
}

TEST(locks)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = make("f", "x");

	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK_EQ(flock(fd, LOCK_EX), 0);
	CHECK_EQ(test_child(take_lock, &fd), 0);
	CHECK_EQ(flock(fd, LOCK_UN), 0);
}

TEST(allocate_and_copy)
{
	struct stat state;
	int from = make("f", "0123456789"), to = make("g", "");
	off_t at = 2;

	CHECK_EQ(sendfile(to, from, &at, 4), 4);
	CHECK_EQ(at, 6);
	CHECK_EQ(strcmp(test_read_file("g"), "2345"), 0);
	CHECK_ERR(sendfile(-1, from, &at, 4), EBADF);
	CHECK_ERR(sendfile(-1, -1, (off_t *)1, 4), EFAULT);
	CHECK_ERR(sendfile(to, -1, (off_t *)1, 4), EFAULT);
	CHECK_EQ(copy_file_range(from, NULL, to, NULL, 3, 0), 3);
	CHECK_EQ(strcmp(test_read_file("g"), "2345012"), 0);
	CHECK_EQ(fallocate(to, 0, 0, 10000), 0);
	CHECK_EQ(fstat(to, &state), 0);
	CHECK_EQ(state.st_size, 10000);
	CHECK_EQ(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4), 0);
	CHECK_EQ(pread(to, buffer, 5, 0), 5);
	CHECK_EQ(memcmp(buffer, "\0\0\0\0" "0", 5), 0);
}

TEST(a_full_file_system)
{
	struct statfs state;
	int fd;
	ssize_t n = 0;

	mkdir("m", 0755);
	CHECK_EQ(syscall(SYS_mount, "none", "m", "tmpfs", 0, "size=256k,nr_inodes=10"), 0);
	CHECK_EQ(statfs("m", &state), 0);
	CHECK_EQ(state.f_blocks * (unsigned long)state.f_bsize, 256 << 10);
	CHECK_EQ(state.f_type, 0x01021994);
	fd = open("m/f", O_CREAT | O_WRONLY, 0600);
	for (ssize_t got; (got = write(fd, buffer, sizeof(buffer))) > 0;)
		n += got;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, 256 << 10);
	for (int i = 0; i < 20; i++)
		close(open((char[]) { 'm', '/', (char)('A' + i), 0 }, O_CREAT | O_WRONLY, 0600));
	CHECK_ERR(open("m/Z", O_CREAT | O_WRONLY, 0600), ENOSPC);
	close(fd);
	CHECK_EQ(syscall(SYS_umount2, "m", 0), 0);
}

TEST(special_files)
{
	struct stat state;
	int fd;

	CHECK_EQ(mknod("zero", S_IFCHR | 0600, (1 << 8) | 5), 0);
	CHECK_EQ(stat("zero", &state), 0);
	CHECK_EQ(state.st_rdev, (1 << 8) | 5);
	fd = open("zero", O_RDWR);
	CHECK_EQ(read(fd, buffer, 10), 10);
	CHECK_EQ(mknod("none", S_IFCHR | 0600, 250 << 8), 0);
	CHECK_ERR(open("none", O_RDWR), ENXIO);
	fd = open("/dev/full", O_WRONLY);
	CHECK_ERR(write(fd, "x", 1), ENOSPC);
}

static volatile sig_atomic_t exceeded;

static void exceed(int signal)
{
	exceeded += signal == SIGXFSZ;
}

TEST(room_past_the_limit_is_refused_with_a_signal)
{
	struct rlimit limit = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	CHECK(signal(SIGXFSZ, exceed) != SIG_ERR);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(fallocate(fd, 0, 0, 4096), 0);
	CHECK_EQ(exceeded, 0);
	CHECK_ERR(fallocate(fd, 0, 4096, 1), EFBIG);
	CHECK_EQ(exceeded, 1);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, 4096, 1), EFBIG);
	CHECK_EQ(exceeded, 2);
	CHECK_ERR(fallocate(fd, 0, 1, INT64_MAX), EFBIG);
	CHECK_EQ(exceeded, 2);
}
