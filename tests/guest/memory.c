/* Mappings: private, shared, of files; brk, mprotect, mremap, the stack. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { PAGE = 4096 };

static char *map(size_t size, int protection, int flags, int fd)
{
	char *at = mmap(NULL, size, protection, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

static char *anonymous(size_t size)
{
	return map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int file_of(const char *path, size_t size)
{
	static char line[PAGE];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	for (size_t at = 0; at < size; at += PAGE) {
		memset(line, 'a' + (int)(at / PAGE % 26), PAGE);
		CHECK_EQ(write(fd, line, size - at < PAGE ? size - at : PAGE),
			 size - at < PAGE ? size - at : PAGE);
	}
	return fd;
}

static sigjmp_buf away;

static void jump(int signal)
{
	siglongjmp(away, signal);
}

/* The signal that touching a byte raises, or 0. */
static int touch(char *at, bool write)
{
	int got;

	signal(SIGSEGV, jump);
	signal(SIGBUS, jump);
	got = sigsetjmp(away, 1);
	if (got)
		return got;
	if (write)
		*(volatile char *)at = 1;
	else
		(void)*(volatile char *)at;
	return 0;
}

TEST(anonymous_memory_is_zero)
{
	char *at = anonymous(64 * PAGE);

	for (int i = 0; i < 64 * PAGE; i += 512)
		CHECK_EQ(at[i], 0);
	memset(at, 1, 64 * PAGE);
	CHECK_EQ(munmap(at, 64 * PAGE), 0);
	CHECK_EQ(touch(at, false), SIGSEGV);
}

TEST(fork_copies_on_write)
{
	char *at = anonymous(16 * PAGE);
	pid_t pid;

	memset(at, 'p', 16 * PAGE);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(at[5 * PAGE], 'p');
		memset(at, 'c', 16 * PAGE);
		_exit(at[9 * PAGE] != 'c');
	}
	at[PAGE] = 'q';
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(at[0], 'p');
	CHECK_EQ(at[PAGE], 'q');
}

TEST(shared_anonymous_memory)
{
	char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	pid_t pid = fork();

	if (pid == 0) {
		strcpy(at, "from the child");
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(strcmp(at, "from the child"), 0);
}

TEST(private_file_mapping)
{
	int fd = file_of("f", 3 * PAGE);
	char byte, *at = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

	CHECK_EQ(at[2 * PAGE], 'c');
	at[PAGE] = 'X';
	CHECK_EQ(pread(fd, &byte, 1, PAGE), 1);
	CHECK_EQ(byte, 'b');
	CHECK_EQ(pwrite(fd, "Z", 1, 0), 1);
	CHECK_EQ(at[0], 'Z');
}

TEST(shared_file_mapping)
{
	int fd = file_of("f", 2 * PAGE);
	char byte, *at = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	char *again = map(2 * PAGE, PROT_READ, MAP_SHARED, fd);

	at[PAGE + 1] = 'X';
	CHECK_EQ(again[PAGE + 1], 'X');
	CHECK_EQ(pread(fd, &byte, 1, PAGE + 1), 1);
	CHECK_EQ(byte, 'X');
	CHECK_EQ(pwrite(fd, "Y", 1, 5), 1);
	CHECK_EQ(at[5], 'Y');
	/* The first part alone, then all. */
	CHECK_EQ(msync(at, PAGE, MS_SYNC), 0);
	CHECK_EQ(msync(at, 2 * PAGE, MS_SYNC), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(at[PAGE], 'b');
}

TEST(shared_mapping_between_processes)
{
	int fd = file_of("f", PAGE);
	char *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	pid_t pid = fork();

	if (pid == 0) {
		at[7] = 'C';
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(at[7], 'C');
}

TEST(beyond_the_end_of_a_file)
{
	int fd = file_of("f", PAGE + 100);
	char *at = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	CHECK_EQ(at[PAGE + 99], 'b');
	CHECK_EQ(at[PAGE + 100], 0);
	CHECK_EQ(touch(at + 2 * PAGE, false), SIGBUS);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(touch(at + 2 * PAGE, true), 0);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(touch(at, false), SIGBUS);
}

TEST(file_mapping_rights)
{
	int fd;

	close(file_of("f", PAGE));
	fd = open("f", O_RDONLY);
	CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open("f", O_WRONLY), 0) == MAP_FAILED);
	CHECK_EQ(errno, EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0) == MAP_FAILED);
	CHECK_EQ(errno, EBADF);
	CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	CHECK(mmap(NULL, (size_t)1 << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
	      == MAP_FAILED);
	CHECK_EQ(errno, ENOMEM);
}

TEST(fixed_mappings)
{
	char *at = anonymous(4 * PAGE);

	memset(at, 'x', 4 * PAGE);
	CHECK(mmap(at + PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at + PAGE);
	CHECK_EQ(at[0], 'x');
	CHECK_EQ(at[PAGE], 0);
	CHECK_EQ(at[2 * PAGE], 'x');
	CHECK(mmap(at + PAGE, PAGE, PROT_READ, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, EEXIST);
}

TEST(protection)
{
	char *at = anonymous(4 * PAGE);

	at[PAGE] = 'x';
	CHECK_EQ(mprotect(at + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(touch(at + PAGE, true), SIGSEGV);
	CHECK_EQ(touch(at + 2 * PAGE, true), 0);
	CHECK_EQ(mprotect(at + PAGE, PAGE, PROT_NONE), 0);
	CHECK_EQ(touch(at + PAGE, false), SIGSEGV);
	CHECK_EQ(mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(at[PAGE], 'x');
	CHECK_EQ(touch(at + PAGE, true), 0);
	CHECK_ERR(mprotect(at + 1, PAGE, PROT_READ), EINVAL);
	CHECK_EQ(munmap(at + PAGE, PAGE), 0);
	CHECK_ERR(mprotect(at, 3 * PAGE, PROT_READ), ENOMEM);
}

TEST(code_made_at_run_time)
{
	static const unsigned code[] = { 0x52800540, 0xd65f03c0 };	/* mov w0, #42; ret */
	char *at = anonymous(PAGE);

	memcpy(at, code, sizeof(code));
	CHECK_EQ(mprotect(at, PAGE, PROT_READ | PROT_EXEC), 0);
	__builtin___clear_cache(at, at + PAGE);
	CHECK_EQ(((int (*)(void))at)(), 42);
}

TEST(unmap_in_the_middle)
{
	char *at = anonymous(3 * PAGE);

	CHECK_EQ(munmap(at + PAGE, PAGE), 0);
	CHECK_EQ(touch(at, true), 0);
	CHECK_EQ(touch(at + PAGE, true), SIGSEGV);
	CHECK_EQ(touch(at + 2 * PAGE, true), 0);
	CHECK_EQ(munmap(at, 3 * PAGE), 0);
	CHECK_ERR(munmap(at + 1, PAGE), EINVAL);
}

TEST(growing_and_moving)
{
	char *at = anonymous(2 * PAGE), *to;

	strcpy(at, "kept");
	strcpy(at + PAGE, "too");
	to = mremap(at, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	CHECK(to != MAP_FAILED);
	CHECK_EQ(strcmp(to, "kept"), 0);
	CHECK_EQ(strcmp(to + PAGE, "too"), 0);
	CHECK_EQ(to[63 * PAGE], 0);
	CHECK(mremap(to, 64 * PAGE, PAGE, 0) == to);
	CHECK_EQ(touch(to + PAGE, false), SIGSEGV);
	CHECK(mremap((char *)PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, EFAULT);
}

TEST(moving_to_a_place)
{
	char *at = anonymous(PAGE), *place = anonymous(PAGE);

	strcpy(at, "moved");
	CHECK(mremap(at, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	CHECK_EQ(strcmp(place, "moved"), 0);
	CHECK_EQ(touch(at, false), SIGSEGV);
}

TEST(break_moves)
{
	char *end = sbrk(0);

	CHECK(sbrk(10 * PAGE) == end);
	memset(end, 'x', 10 * PAGE);
	CHECK(sbrk(0) == end + 10 * PAGE);
	CHECK_EQ(brk(end), 0);
	CHECK(sbrk(0) == end);
	CHECK(sbrk(PAGE) == end);
	CHECK_EQ(end[0], 0);
}

TEST(advice)
{
	char *at = anonymous(4 * PAGE);
	int fd = file_of("f", PAGE);
	char *file = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

	memset(at, 'x', 4 * PAGE);
	CHECK_EQ(madvise(at + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(at[PAGE], 0);
	CHECK_EQ(at[0], 'x');
	file[0] = 'X';
	CHECK_EQ(madvise(file, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(file[0], 'a');
	CHECK_EQ(madvise(at, 4 * PAGE, MADV_WILLNEED), 0);
	CHECK_ERR(madvise(at, PAGE, 999), EINVAL);
	CHECK_ERR(madvise(at + 1, PAGE, MADV_NORMAL), EINVAL);
}

static long deep(int level)
{
	volatile char room[1024];

	room[0] = (char)level;
	return level ? deep(level - 1) + room[0] - (char)level : 0;
}

TEST(the_stack_grows)
{
	CHECK_EQ(deep(6000), 0);
}

TEST(resident_pages)
{
	unsigned char in[4];
	char *at = anonymous(4 * PAGE);

	at[PAGE] = 1;
	CHECK_EQ(mincore(at, 4 * PAGE, in), 0);
	CHECK_EQ(in[1] & 1, 1);
	CHECK_EQ(in[3] & 1, 0);
}

TEST(a_large_sparse_mapping)
{
	size_t size = (size_t)8 << 30;
	char *at = map(size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	for (size_t i = 0; i < size; i += size / 16)
		at[i] = (char)(i >> 29);
	for (size_t i = 0; i < size; i += size / 16)
		CHECK_EQ(at[i], (char)(i >> 29));
	CHECK_EQ(munmap(at, size), 0);
}

TEST(a_write_from_a_mapping_of_the_same_file)
{
	int fd = file_of("f", 4 * PAGE);
	char *at = map(4 * PAGE, PROT_READ, MAP_SHARED, fd);

	CHECK_EQ(pwrite(fd, at + PAGE, 2 * PAGE, 0), 2 * PAGE);
	CHECK_EQ(at[0], 'b');
	CHECK_EQ(pwrite(fd, at, PAGE, 0), PAGE);
	CHECK_EQ(pread(fd, at, 10, 0) == -1 ? errno : 0, EFAULT);
}

TEST(bad_pointers_are_refused)
{
	int fd = file_of("f", PAGE);
	char *at = anonymous(2 * PAGE);

	CHECK_EQ(munmap(at + PAGE, PAGE), 0);
	CHECK_ERR(pwrite(fd, (char *)16, 100, 0), EFAULT);
	CHECK_ERR(pwrite(fd, (char *)-4096, 100, 0), EFAULT);
	CHECK_ERR(pread(fd, (char *)0xffff000000000000, 100, 0), EFAULT);
	CHECK_EQ(pread(fd, at + PAGE - 10, 100, 0), 10);
	CHECK_ERR(open(at + PAGE, O_RDONLY), EFAULT);
	memset(at + PAGE - 8, 'n', 8);
	CHECK_ERR(open(at + PAGE - 8, O_RDONLY), EFAULT);
}
