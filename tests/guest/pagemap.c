/* The pages of a process: one by one, as /proc/<pid>/pagemap tells, and where, as numa_maps. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define PAGE	 4096ul
#define PRESENT	 (1ul << 63)
#define NOT_ANON (1ul << 61)
#define ALONE	 (1ul << 56)
#define FRAME	 ((1ul << 55) - 1)
#define KNOWN	 (PRESENT | NOT_ANON | ALONE)
#define END	 (long)((1ul << 48) / PAGE * 8)

static unsigned long word_of(int fd, const void *at)
{
	unsigned long word;

	CHECK_EQ(pread(fd, &word, 8, (off_t)((unsigned long)at / PAGE * 8)), 8);
	return word;
}

static int own(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);

	CHECK(fd >= 0);
	return fd;
}

static char *map(int flags, int fd, int pages)
{
	char *at = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

	CHECK(at != MAP_FAILED);
	return at;
}

TEST(what_is_there)
{
	volatile char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 6);
	int fd = own();
	unsigned long words[6], frame;

	at[0] = 1;
	(void)at[2 * PAGE];	/* only read: zeros that all share */
	at[5 * PAGE] = 1;
	CHECK_EQ(lseek(fd, (off_t)((unsigned long)at / PAGE * 8), SEEK_SET),
		 (off_t)((unsigned long)at / PAGE * 8));
	CHECK_EQ(read(fd, words, sizeof(words)), sizeof(words));
	CHECK_EQ(words[0] & ~FRAME, PRESENT | ALONE);
	CHECK_EQ(words[1], 0);
	CHECK_EQ(words[2] & ~FRAME, PRESENT);
	CHECK_EQ(words[3], 0);
	CHECK_EQ(words[4], 0);
	CHECK_EQ(words[5] & ~FRAME, PRESENT | ALONE);
	CHECK((words[0] & FRAME) && (words[2] & FRAME) && (words[5] & FRAME));
	CHECK((words[0] & FRAME) != (words[5] & FRAME));
	/* Without rights it is there all the same; given back it is not. */
	frame = words[0] & FRAME;
	CHECK_EQ(mprotect((void *)at, PAGE, PROT_NONE), 0);
	CHECK_EQ(word_of(fd, (void *)at), PRESENT | ALONE | frame);
	CHECK_EQ(madvise((void *)(at + 5 * PAGE), PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(word_of(fd, (void *)(at + 5 * PAGE)), 0);
	CHECK_EQ(munmap((void *)at, 6 * PAGE), 0);
	CHECK_EQ(word_of(fd, (void *)at), 0);
}

static void in_child(void *argument)
{
	char **at = argument;
	int fd = own();
	unsigned long was = word_of(fd, *at);

	CHECK_EQ(was & ~FRAME, PRESENT);
	**at = 2;
	CHECK_EQ(word_of(fd, *at) & ~FRAME, PRESENT | ALONE);
	CHECK((word_of(fd, *at) & FRAME) != (was & FRAME));
}

TEST(a_page_of_two_processes)
{
	char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
	int fd = own();

	*at = 1;
	CHECK_EQ(word_of(fd, at) & ~FRAME, PRESENT | ALONE);
	CHECK_EQ(test_child(in_child, &at), 0);
	CHECK_EQ(word_of(fd, at) & ~FRAME, PRESENT | ALONE);
}

TEST(shared_memory_and_files)
{
	char *shared = map(MAP_SHARED | MAP_ANONYMOUS, -1, 2), *one, *two;
	int fd = own(), file;

	shared[PAGE] = 1;
	CHECK_EQ(word_of(fd, shared), 0);
	CHECK_EQ(word_of(fd, shared + PAGE) & ~FRAME, PRESENT | NOT_ANON | ALONE);
	test_write_file("f", "content");
	file = open("f", O_RDWR);
	one = map(MAP_PRIVATE, file, 1);
	two = map(MAP_SHARED, file, 1);
	CHECK_EQ(*(volatile char *)one, 'c');
	CHECK_EQ(word_of(fd, one) & ~FRAME, PRESENT | NOT_ANON | ALONE);
	CHECK_EQ(*(volatile char *)two, 'c');
	CHECK_EQ(word_of(fd, one) & KNOWN, PRESENT | NOT_ANON);
	CHECK_EQ(word_of(fd, two), word_of(fd, one));
	*one = 'd';
	CHECK_EQ(word_of(fd, one) & ~FRAME, PRESENT | ALONE);
	CHECK_EQ(word_of(fd, two) & ~FRAME, PRESENT | NOT_ANON | ALONE);
}

TEST(what_cannot_be_read)
{
	unsigned long words[8] = { 0 };
	char *hole = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 2);
	struct stat st;
	int fd = own();

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0400);
	CHECK_EQ(munmap(hole + PAGE, PAGE), 0);
	CHECK_EQ(read(fd, words, 0), 0);
	CHECK_ERR(read(fd, words, 7), EINVAL);
	CHECK_ERR(pread(fd, words, 8, 4), EINVAL);
	CHECK_EQ(pread(fd, words, 64, END - 32), 32);
	CHECK_EQ(pread(fd, words, 64, END), 0);
	CHECK_EQ(pread(fd, words, 8, (off_t)0x7ffffffffffffff0), 0);
	CHECK_ERR(pread(fd, (void *)8, 8, 0), EFAULT);
	CHECK_ERR(pread(fd, hole + PAGE - 16, 64, 0), EFAULT);
	CHECK_ERR(lseek(fd, 0, SEEK_END), EINVAL);
	CHECK_EQ(lseek(fd, 16, SEEK_SET), 16);
	CHECK_EQ(lseek(fd, 8, SEEK_CUR), 24);
	CHECK_ERR(open("/proc/self/task/1/pagemap", O_RDONLY), ENOENT);
}

struct given {
	int fd;
	char *at;
};

static void unprivileged(void *argument)
{
	const struct given *given = argument;
	char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
	int fd;

	*at = 1;
	CHECK_ERR(open("/proc/1/pagemap", O_RDONLY), EACCES);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	fd = own();
	CHECK_EQ(word_of(fd, at), PRESENT | ALONE);
	/* Who opened it is asked, and whose memory it was then is shown: the parent's. */
	CHECK(word_of(given->fd, given->at) & FRAME);
	CHECK_EQ(word_of(given->fd, at), 0);
}

TEST(frames_are_for_administrators)
{
	struct given given = { own(), map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 1) };

	*given.at = 1;
	CHECK_EQ(test_child_as(1000, unprivileged, &given), 0);
}

/* What numa_maps says of what is mapped at an address, behind that; "" if nothing is there. */
static const char *numa_of(const void *at)
{
	static char line[512];
	FILE *file = fopen("/proc/self/numa_maps", "r");
	char start[32];
	bool found = false;

	CHECK(file);
	snprintf(start, sizeof(start), "%08lx ", (unsigned long)at);
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, start, strlen(start));
	fclose(file);
	return found ? line + strlen(start) : "";
}

static void sharing(void *argument)
{
	CHECK(strstr(numa_of(argument), " anon=2 dirty=2 mapmax=2 "));
}

static void stranger(void *argument)
{
	(void)argument;
	CHECK_ERR(open("/proc/1/numa_maps", O_RDONLY), EACCES);
	CHECK_ERR(open("/proc/1/mountstats", O_RDONLY), EACCES);
}

TEST(where_pages_are)
{
	char *at = map(MAP_PRIVATE | MAP_ANONYMOUS, -1, 5), *file;
	int fd;

	/* Neighbours would be one with it. */
	CHECK_EQ(munmap(at, PAGE) | munmap(at + 4 * PAGE, PAGE), 0);
	at += PAGE;
	CHECK_EQ(strcmp(numa_of(at), "default\n"), 0);
	at[0] = at[2 * PAGE] = 1;
	CHECK(!strncmp(numa_of(at), "default anon=2 dirty=2 ", 23));
	CHECK(!strstr(numa_of(at), "mapmax") && !strstr(numa_of(at), "mapped"));
	CHECK(strstr(numa_of(at), " N0=2 kernelpagesize_kB=4\n"));
	CHECK_EQ(test_child(sharing, at), 0);
	test_write_file("a b=c", "content");
	fd = open("a b=c", O_RDONLY);
	file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK_EQ(*(volatile char *)file, 'c');
	CHECK(strstr(numa_of(file), "/a\\040b\\075c "));
	CHECK(strstr(numa_of(file), " N0=1 kernelpagesize_kB=4\n"));
	unlink("a b=c");
	CHECK(strstr(numa_of(file), "/a\\040b\\075c\\040(deleted) "));
	CHECK(strstr(test_read_file("/proc/self/numa_maps"), " default stack anon="));
	CHECK_EQ(test_child_as(1000, stranger, NULL), 0);
}

TEST(mounts_with_their_kinds)
{
	const char *text = test_read_file("/proc/self/mountstats");

	CHECK(strstr(text, "device proc mounted on /proc with fstype proc\n"));
	CHECK(strstr(text, " mounted on / with fstype "));
}
