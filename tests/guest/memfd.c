/* Files that only memory has (memfd_create), and the seals that keep them as they are. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096
#define TMPFS 0x01021994

static int sealable(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0);
	return fd;
}

static const char *through(int fd)
{
	static char text[40];

	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	return text;
}

static void *map(int fd, int prot, int flags)
{
	return mmap(NULL, PAGE, prot, flags, fd, 0);
}

static int add(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals);
}

static int seals_of(int fd)
{
	return fcntl(fd, F_GET_SEALS);
}

TEST(a_file_of_memory)
{
	int fd = memfd_create("some name", 0);
	char text[100];
	struct statfs fs;
	struct stat st;
	ssize_t n;

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | 0400000);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0777);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(fstatfs(fd, &fs), 0);
	CHECK_EQ(fs.f_type, TMPFS);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(lseek(fd, 2 * PAGE, SEEK_SET), 2 * PAGE);
	CHECK_EQ(write(fd, "world", 5), 5);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 2 * PAGE + 5);
	CHECK_EQ(st.st_blocks, 16);
	CHECK_EQ(pread(fd, text, 5, 0), 5);
	CHECK(!memcmp(text, "hello", 5));
	n = readlink(through(fd), text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = 0;
	CHECK(!strcmp(text, "/memfd:some name (deleted)"));
	CHECK_ERR(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH), EXDEV);
	CHECK_EQ(fchmod(fd, 0640), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(fallocate(fd, 0, 0, 3 * PAGE), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 3 * PAGE);
	CHECK_EQ(st.st_blocks, 24);
}

TEST(names)
{
	char name[260];
	int a, b;
	struct stat sa, sb;

	memset(name, 'n', sizeof(name));
	name[249] = 0;
	CHECK(memfd_create(name, 0) >= 0);
	name[249] = 'n';
	name[250] = 0;
	CHECK_ERR(memfd_create(name, 0), EINVAL);
	CHECK_ERR(memfd_create((const char *)8, 0), EFAULT);
	a = memfd_create("same", 0);
	b = memfd_create("same", 0);
	CHECK_EQ(fstat(a, &sa), 0);
	CHECK_EQ(fstat(b, &sb), 0);
	CHECK(sa.st_ino != sb.st_ino);
	CHECK_EQ(sa.st_dev, sb.st_dev);
	CHECK(memfd_create("", 0) >= 0);
	CHECK(memfd_create("with/slash", 0) >= 0);
}

TEST(flags)
{
	struct stat st;
	int fd;

	CHECK_ERR(memfd_create("x", 0x20), EINVAL);
	CHECK_ERR(memfd_create("x", 0x80000000), EINVAL);
	CHECK_ERR(memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL), EINVAL);
	CHECK_ERR(memfd_create("x", 21u << 26), EINVAL);
	fd = memfd_create("x", MFD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(seals_of(fd), F_SEAL_SEAL);
	fd = memfd_create("x", MFD_EXEC);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0777);
	CHECK_EQ(seals_of(fd), F_SEAL_SEAL);
	fd = memfd_create("x", MFD_EXEC | MFD_ALLOW_SEALING);
	CHECK_EQ(seals_of(fd), 0);
	fd = memfd_create("x", MFD_NOEXEC_SEAL);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0666);
	CHECK_EQ(seals_of(fd), F_SEAL_EXEC);
	CHECK_ERR(fchmod(fd, 0700), EPERM);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(add(fd, F_SEAL_SEAL), 0);
	CHECK_EQ(seals_of(fd), F_SEAL_SEAL | F_SEAL_EXEC);
}

TEST(setting_seals)
{
	int fd = sealable("x"), ro, ends[2];
	char path[] = "/tmp/seal-XXXXXX";
	int plain = mkstemp(path);

	CHECK_EQ(seals_of(fd), 0);
	CHECK_ERR(add(fd, 0x40), EINVAL);
	CHECK_ERR(add(fd, -1), EINVAL);
	CHECK_EQ(add(fd, 0), 0);
	CHECK_EQ(add(fd, F_SEAL_GROW), 0);
	CHECK_EQ(add(fd, F_SEAL_SHRINK), 0);
	CHECK_EQ(seals_of(fd), F_SEAL_GROW | F_SEAL_SHRINK);
	ro = open(through(fd), O_RDONLY);
	CHECK(ro >= 0);
	CHECK_EQ(seals_of(ro), F_SEAL_GROW | F_SEAL_SHRINK);
	CHECK_ERR(add(ro, F_SEAL_WRITE), EPERM);
	CHECK_EQ(add(fd, F_SEAL_SEAL), 0);
	CHECK_ERR(add(fd, F_SEAL_WRITE), EPERM);
	CHECK_ERR(add(fd, 0), EPERM);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(seals_of(ends[0]), EINVAL);
	CHECK_ERR(add(ends[1], F_SEAL_SEAL), EINVAL);
	CHECK_ERR(seals_of(99), EBADF);
	CHECK_ERR(add(open(through(fd), O_PATH), 0), EBADF);
	unlink(path);
	CHECK(plain >= 0);
}

/* A regular file of a tmpfs has the seal that says that it has no others. */
TEST(files_of_tmpfs)
{
	int fd, folder;

	CHECK_EQ(mkdir("t", 0755), 0);
	fd = open("/dev/shm/sealed", O_CREAT | O_RDWR, 0600);
	if (fd < 0)
		fd = open("/run/sealed", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	unlink("/dev/shm/sealed");
	unlink("/run/sealed");
	CHECK_EQ(seals_of(fd), F_SEAL_SEAL);
	CHECK_ERR(add(fd, F_SEAL_GROW), EPERM);
	CHECK_ERR(add(fd, 0x40), EINVAL);
	folder = open("/run", O_RDONLY | O_DIRECTORY);
	CHECK(folder >= 0);
	CHECK_ERR(seals_of(folder), EINVAL);
}

TEST(no_shrinking)
{
	int fd = sealable("x"), again;

	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(add(fd, F_SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, PAGE), EPERM);
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_ERR(truncate(through(fd), 0), EPERM);
	CHECK_ERR(open(through(fd), O_RDWR | O_TRUNC), EPERM);
	again = open(through(fd), O_RDWR);
	CHECK(again >= 0);
	CHECK_EQ(write(again, "text", 4), 4);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
}

TEST(no_growing)
{
	int fd = sealable("x");
	static char bytes[3 * PAGE];

	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(add(fd, F_SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 3 * PAGE), EPERM);
	CHECK_ERR(fallocate(fd, 0, PAGE, 2 * PAGE), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_KEEP_SIZE, PAGE, 2 * PAGE), EPERM);
	CHECK_EQ(fallocate(fd, 0, 0, 2 * PAGE), 0);
	CHECK_EQ(pwrite(fd, bytes, 2 * PAGE, 0), 2 * PAGE);
	CHECK_ERR(pwrite(fd, bytes, 1, 2 * PAGE), EPERM);
	CHECK_ERR(pwrite(fd, bytes, 2 * PAGE, PAGE), EPERM);
	CHECK_ERR(pwrite(fd, bytes, 3 * PAGE, 0), EPERM);
	CHECK_EQ(ftruncate(fd, PAGE + 100), 0);
	CHECK_ERR(pwrite(fd, bytes, 200, PAGE), EPERM);
	CHECK_EQ(pwrite(fd, bytes, 100, PAGE), 100);
	CHECK_ERR(pwrite(fd, bytes, PAGE + 200, 0), EPERM);
	CHECK_ERR(pwrite(fd, bytes, 20, PAGE + 90), EPERM);
	CHECK_EQ(lseek(fd, 0, SEEK_END), PAGE + 100);
}

/* A long write ends where the last whole piece of 2 MiB in the file does. */
TEST(no_growing_by_a_long_write)
{
	const size_t mib = 1u << 20;
	char *bytes = calloc(1, 5 * mib);
	int fd = sealable("x");

	CHECK(bytes);
	CHECK_EQ(ftruncate(fd, (off_t)(4 * mib + PAGE)), 0);
	CHECK_EQ(add(fd, F_SEAL_GROW), 0);
	CHECK_EQ(pwrite(fd, bytes, 5 * mib, 0), 4 * mib);
	CHECK_EQ(pwrite(fd, bytes, 3 * mib, (off_t)(2 * mib - PAGE)), 2 * mib + PAGE);
	CHECK_ERR(pwrite(fd, bytes, 3 * mib, (off_t)(4 * mib)), EPERM);
}

TEST(no_writing)
{
	int fd = sealable("x"), ro, other;
	char *shared, *private;
	char byte;

	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(pwrite(fd, "text", 4, 0), 4);
	shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(shared != MAP_FAILED);
	CHECK_ERR(add(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(shared, PAGE), 0);
	/* One that may become writable is no better. */
	shared = map(fd, PROT_READ, MAP_SHARED);
	CHECK_ERR(add(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(shared, PAGE), 0);
	private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(private != MAP_FAILED);
	ro = open(through(fd), O_RDONLY);
	shared = map(ro, PROT_READ, MAP_SHARED);
	CHECK(shared != MAP_FAILED);
	CHECK_EQ(add(fd, F_SEAL_WRITE), 0);
	CHECK_ERR(write(fd, "more", 4), EPERM);
	CHECK_ERR(pwrite(fd, "more", 4, 10 * PAGE), EPERM);
	CHECK_EQ(write(fd, "", 0), 0);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	CHECK_ERR(madvise(shared, PAGE, MADV_REMOVE), EACCES);
	CHECK_EQ(fallocate(fd, 0, 0, 3 * PAGE), 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED && errno == EPERM);
	CHECK_ERR(mprotect(shared, PAGE, PROT_READ | PROT_WRITE), EACCES);
	strcpy(private, "mine");
	CHECK_EQ(pread(fd, &byte, 1, 0), 1);
	CHECK_EQ(byte, 't');
	CHECK_EQ(shared[0], 't');
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE) != MAP_FAILED);
	CHECK(map(ro, PROT_READ, MAP_SHARED) != MAP_FAILED);
	other = sealable("y");
	CHECK_EQ(write(other, "text", 4), 4);
	CHECK_EQ(lseek(other, 0, SEEK_SET), 0);
	CHECK_ERR(copy_file_range(other, NULL, fd, NULL, 4, 0), EPERM);
	CHECK_ERR(sendfile(fd, other, NULL, 4), EPERM);
}

TEST(a_sealed_file_is_mapped_to_be_read)
{
	int fd = sealable("x");
	char *shared;

	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(add(fd, F_SEAL_WRITE), 0);
	shared = map(fd, PROT_READ, MAP_SHARED);
	CHECK(shared != MAP_FAILED);
	CHECK_ERR(mprotect(shared, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

TEST(no_new_writing)
{
	int fd = sealable("x");
	char *old, *new;

	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	old = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(old != MAP_FAILED);
	CHECK_EQ(add(fd, F_SEAL_FUTURE_WRITE), 0);
	CHECK_ERR(write(fd, "more", 4), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED && errno == EPERM);
	new = map(fd, PROT_READ, MAP_SHARED);
	CHECK(new != MAP_FAILED);
	CHECK_ERR(mprotect(new, PAGE, PROT_READ | PROT_WRITE), EACCES);
	strcpy(old, "still written");
	CHECK(!strcmp(new, "still written"));
	CHECK_EQ(mprotect(old, PAGE, PROT_READ), 0);
	CHECK_EQ(mprotect(old, PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_ERR(add(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(munmap(old, PAGE), 0);
	CHECK_EQ(add(fd, F_SEAL_WRITE), 0);
}

TEST(no_more_running)
{
	int fd = memfd_create("x", MFD_EXEC | MFD_ALLOW_SEALING);

	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(add(fd, F_SEAL_EXEC), 0);
	/* What can be run stays what it is. */
	CHECK_EQ(seals_of(fd), F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			       F_SEAL_FUTURE_WRITE);
	CHECK_ERR(fchmod(fd, 0666), EPERM);
	CHECK_EQ(fchmod(fd, 0555), 0);
	CHECK_ERR(write(fd, "x", 1), EPERM);
	fd = memfd_create("x", MFD_EXEC | MFD_ALLOW_SEALING);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(add(fd, F_SEAL_EXEC), 0);
	CHECK_EQ(seals_of(fd), F_SEAL_EXEC);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_ERR(fchmod(fd, 0755), EPERM);
}

/* Run what was copied into memory: its own descriptor for writing is no hindrance. */
TEST(programs)
{
	int from = open("/bin/true", O_RDONLY), fd = memfd_create("true", MFD_CLOEXEC), again;
	char *argv[] = {"true", NULL};
	pid_t child;
	struct stat st;

	CHECK(from >= 0);
	CHECK_EQ(fstat(from, &st), 0);
	while (copy_file_range(from, NULL, fd, NULL, (size_t)st.st_size, 0) > 0)
		;
	if (!lseek(fd, 0, SEEK_CUR)) {
		static char bytes[PAGE];
		ssize_t n;

		while ((n = read(from, bytes, sizeof(bytes))) > 0)
			CHECK_EQ(write(fd, bytes, (size_t)n), n);
	}
	child = fork();
	if (!child) {
		fexecve(fd, argv, environ);
		_exit(errno == EACCES ? 77 : 78);
	}
	CHECK_EQ(test_wait(child), 0);
	again = open(through(fd), O_RDWR);
	CHECK(again >= 0);
	CHECK_EQ(fchmod(fd, 0666), 0);
	child = fork();
	if (!child) {
		fexecve(fd, argv, environ);
		_exit(errno == EACCES ? 77 : 78);
	}
	CHECK_EQ(test_wait(child), 77 << 8);
}

TEST(in_the_list_of_mappings)
{
	int fd = memfd_create("shown", 0);
	static char maps[65536];
	char *at;
	int file;
	ssize_t n = 0, more;

	CHECK_EQ(ftruncate(fd, PAGE), 0);
	at = map(fd, PROT_READ, MAP_SHARED);
	CHECK(at != MAP_FAILED);
	file = open("/proc/self/maps", O_RDONLY);
	while ((more = read(file, maps + n, sizeof(maps) - 1 - (size_t)n)) > 0)
		n += more;
	maps[n] = 0;
	CHECK(strstr(maps, " /memfd:shown (deleted)\n"));
}

static void as_another(void *unused)
{
	int fd = sealable("x");
	struct stat st;

	(void)unused;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(add(fd, F_SEAL_SEAL), 0);
}

TEST(without_privilege)
{
	CHECK_EQ(test_child_as(1000, as_another, NULL), 0);
}
