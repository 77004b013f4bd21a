/* NUMA policies on a machine of one node: kept as they were set, though every page satisfies them. */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul
#define WEIGHTED 6	/* MPOL_WEIGHTED_INTERLEAVE, younger than the headers */
#define STATIC_NODES   MPOL_F_STATIC_NODES
#define RELATIVE_NODES MPOL_F_RELATIVE_NODES
#define ANYWHERE (PROT_READ | PROT_WRITE), (MAP_PRIVATE | MAP_ANONYMOUS), -1, 0

static const unsigned long none, node0 = 1, node1 = 2, both = 3, far = 1ul << 20;

static long set_policy(int mode, const unsigned long *nodes, unsigned long max)
{
	return syscall(SYS_set_mempolicy, mode, nodes, max);
}

static long get_policy(int *mode, unsigned long *nodes, unsigned long max, void *at, unsigned long flags)
{
	return syscall(SYS_get_mempolicy, mode, nodes, max, at, flags);
}

static long bind_range(void *at, size_t len, int mode, const unsigned long *nodes, unsigned long max,
		       unsigned flags)
{
	return syscall(SYS_mbind, at, len, mode, nodes, max, flags);
}

static long home_node(void *at, size_t len, unsigned long node, unsigned long flags)
{
	return syscall(SYS_set_mempolicy_home_node, at, len, node, flags);
}

static char *pages(size_t n)
{
	char *at = mmap(NULL, n * PAGE, ANYWHERE);

	CHECK(at != MAP_FAILED);
	return at;
}

/* The policy of the thread, or of what is mapped at an address. */
static void expect_policy(int line, void *at, int mode, unsigned long nodes)
{
	unsigned long got_nodes = 99;
	int got = 99;
	long err = get_policy(&got, &got_nodes, 64, at, at ? MPOL_F_ADDR : 0);

	if (err || got != mode || got_nodes != nodes) {
		printf("# %ld: mode %x nodes %lx\n", err, got, got_nodes);
		test_failed(__FILE__, line, "policy", got, mode);
	}
}
#define POLICY(at, mode, nodes) expect_policy(__LINE__, at, mode, nodes)

/* What numa_maps says of what begins at an address, up to the next word's kind; "-": nothing does. */
static const char *numa_of(const void *at)
{
	static char line[512];
	FILE *file = fopen("/proc/self/numa_maps", "r");
	unsigned long start;
	int n;

	CHECK(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx %n", &start, &n) == 1 && start == (uintptr_t)at) {
			fclose(file);
			line[strcspn(line, "\n")] = 0;
			return line + n;
		}
	fclose(file);
	return "-";
}

static void numa_begins(int line, const void *at, const char *want)
{
	const char *got = numa_of(at);

	if (strncmp(got, want, strlen(want))) {
		printf("# got %s\n# want %s\n", got, want);
		test_failed(__FILE__, line, "numa_maps", 0, 0);
	}
}
#define NUMA(at, want) numa_begins(__LINE__, at, want)

TEST(policy_of_a_thread)
{
	static const struct { int mode, kept; unsigned long nodes, told; } good[] = {
		{MPOL_PREFERRED, MPOL_PREFERRED, 1, 1},
		{MPOL_PREFERRED, MPOL_LOCAL, 0, 0},
		{MPOL_BIND, MPOL_BIND, 3, 1},
		{MPOL_INTERLEAVE, MPOL_INTERLEAVE, 1, 1},
		{MPOL_LOCAL, MPOL_LOCAL, 0, 0},
		{MPOL_PREFERRED_MANY, MPOL_PREFERRED_MANY, 3, 1},
		{WEIGHTED, WEIGHTED, 1, 1},
		{MPOL_BIND | STATIC_NODES, MPOL_BIND | STATIC_NODES, 5, 5},
		{MPOL_BIND | RELATIVE_NODES, MPOL_BIND | RELATIVE_NODES, 8, 8},
		{MPOL_PREFERRED | STATIC_NODES, MPOL_PREFERRED | STATIC_NODES, 3, 3},
		{MPOL_BIND | MPOL_F_NUMA_BALANCING, MPOL_BIND | MPOL_F_NUMA_BALANCING, 1, 1},
		{MPOL_BIND | MPOL_F_NUMA_BALANCING | STATIC_NODES,
		 MPOL_BIND | MPOL_F_NUMA_BALANCING | STATIC_NODES, 9, 9},
		{MPOL_DEFAULT, MPOL_DEFAULT, 0, 0},
		{MPOL_DEFAULT | STATIC_NODES, MPOL_DEFAULT, 0, 0},
	};

	POLICY(NULL, MPOL_DEFAULT, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_EQ(set_policy(good[i].mode, &good[i].nodes, 64), 0);
		POLICY(NULL, good[i].kept, good[i].told);
	}
	CHECK_EQ(set_policy(MPOL_PREFERRED, NULL, 0), 0);
	POLICY(NULL, MPOL_LOCAL, 0);
	CHECK_EQ(set_policy(MPOL_DEFAULT, NULL, 12345678), 0);
	POLICY(NULL, MPOL_DEFAULT, 0);
}

TEST(policies_that_are_refused)
{
	static const struct { int mode; unsigned long nodes; } bad[] = {
		{MPOL_DEFAULT, 1}, {MPOL_PREFERRED, 2}, {MPOL_BIND, 0}, {MPOL_BIND, 2},
		{MPOL_INTERLEAVE, 0}, {MPOL_INTERLEAVE, 4}, {MPOL_LOCAL, 1}, {MPOL_PREFERRED_MANY, 0},
		{WEIGHTED, 0}, {WEIGHTED, 2}, {7, 1}, {-1, 1}, {1 << 12, 1},
		{MPOL_BIND | STATIC_NODES | RELATIVE_NODES, 1},
		{MPOL_PREFERRED | STATIC_NODES, 0}, {MPOL_PREFERRED | RELATIVE_NODES, 0},
		{MPOL_LOCAL | STATIC_NODES, 0}, {MPOL_BIND | RELATIVE_NODES, 0},
		{MPOL_BIND | STATIC_NODES, 2},
		{MPOL_INTERLEAVE | MPOL_F_NUMA_BALANCING, 1}, {MPOL_DEFAULT | MPOL_F_NUMA_BALANCING, 0},
		{MPOL_PREFERRED | MPOL_F_NUMA_BALANCING, 1},
	};

	CHECK_EQ(set_policy(MPOL_BIND, &node0, 64), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_ERR(set_policy(bad[i].mode, &bad[i].nodes, 64), EINVAL);
		POLICY(NULL, MPOL_BIND, 1);
	}
	CHECK_ERR(set_policy(MPOL_BIND, (void *)8, 64), EFAULT);
	CHECK_ERR(set_policy(7, (void *)8, 64), EINVAL);
	CHECK_ERR(set_policy(MPOL_BIND, NULL, 64), EINVAL);
}

/* How many bits there are to read, and what those must be that no node has. */
TEST(lengths_of_masks)
{
	unsigned long words[3] = {1, 0, 0};
	static unsigned long many[513];

	CHECK_ERR(set_policy(MPOL_BIND, words, 0), EINVAL);
	CHECK_ERR(set_policy(MPOL_BIND, words, 1), EINVAL);
	CHECK_EQ(set_policy(MPOL_BIND, words, 2), 0);
	CHECK_EQ(set_policy(MPOL_BIND, words, 65), 0);
	CHECK_EQ(set_policy(MPOL_BIND, words, 193), 0);
	words[2] = 1;
	CHECK_EQ(set_policy(MPOL_BIND, words, 129), 0);
	CHECK_ERR(set_policy(MPOL_BIND, words, 130), EINVAL);
	words[0] = 1 | far;
	CHECK_EQ(set_policy(MPOL_BIND, words, 20), 0);
	CHECK_EQ(set_policy(MPOL_BIND, words, 21), 0);
	CHECK_ERR(set_policy(MPOL_BIND, words, 22), EINVAL);
	CHECK_ERR(set_policy(MPOL_BIND, words, 65), EINVAL);
	many[0] = 1;
	CHECK_EQ(set_policy(MPOL_BIND, many, PAGE * 8 + 1), 0);
	CHECK_ERR(set_policy(MPOL_BIND, many, PAGE * 8 + 2), EINVAL);
	CHECK_ERR(set_policy(MPOL_BIND, many, -1), EINVAL);
	POLICY(NULL, MPOL_BIND, 1);
}

TEST(what_is_asked)
{
	unsigned long words[4] = {7, 7, 7, 7}, *bad = (void *)8;
	char *at = pages(2);
	int mode = 77;

	CHECK_EQ(get_policy(NULL, NULL, 0, NULL, 0), 0);
	CHECK_EQ(get_policy(&mode, NULL, 0, NULL, 0), 0);
	CHECK_EQ(mode, MPOL_DEFAULT);
	CHECK_ERR(get_policy(&mode, words, 0, NULL, 0), EINVAL);
	CHECK_EQ(get_policy(&mode, words, 1, NULL, 0), 0);
	CHECK_EQ(words[0], 7);
	CHECK_EQ(get_policy(&mode, words, 2, NULL, 0), 0);
	CHECK_EQ(words[0], 0);
	CHECK_EQ(words[1], 7);
	CHECK_EQ(get_policy(&mode, words, 129, NULL, MPOL_F_MEMS_ALLOWED), 0);
	CHECK_EQ(mode, 0);
	CHECK_EQ(words[0], 1);
	CHECK_EQ(words[1], 0);
	CHECK_EQ(words[2], 7);
	CHECK_ERR(get_policy(&mode, words, PAGE * 8 + 65, NULL, 0), EINVAL);
	CHECK_ERR(get_policy(&mode, words, 64, NULL, 8), EINVAL);
	CHECK_ERR(get_policy(&mode, words, 64, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE), EINVAL);
	CHECK_ERR(get_policy(&mode, words, 64, NULL, MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR), EINVAL);
	CHECK_ERR(get_policy(&mode, words, 64, at, 0), EINVAL);
	CHECK_ERR(get_policy(&mode, words, 64, NULL, MPOL_F_NODE), EINVAL);
	CHECK_ERR(get_policy(&mode, words, 64, NULL, MPOL_F_ADDR), EFAULT);
	CHECK_ERR(get_policy((void *)8, NULL, 0, NULL, 0), EFAULT);
	CHECK_ERR(get_policy(NULL, bad, 64, NULL, 0), EFAULT);
	CHECK_EQ(get_policy(NULL, bad, 1, NULL, 0), 0);
	mode = 77;
	CHECK_EQ(get_policy(&mode, words, 64, at, MPOL_F_ADDR | MPOL_F_NODE), 0);
	CHECK_EQ(mode, 0);
	CHECK_EQ(mprotect(at, PAGE, PROT_NONE), 0);
	CHECK_ERR(get_policy(&mode, NULL, 0, at, MPOL_F_ADDR | MPOL_F_NODE), EFAULT);
	CHECK_EQ(set_policy(MPOL_INTERLEAVE, &node0, 64), 0);
	mode = 77;
	CHECK_EQ(get_policy(&mode, NULL, 0, NULL, MPOL_F_NODE), 0);
	CHECK_EQ(mode, 0);
	/* A mapping's own, or the usual one: not the thread's. */
	POLICY(at + PAGE, MPOL_DEFAULT, 0);
}

static void look_at_policy(void)
{
	POLICY(NULL, MPOL_BIND | STATIC_NODES, 3);
}

static void *look_in_thread(void *arg)
{
	look_at_policy();
	CHECK_EQ(set_policy(MPOL_LOCAL, NULL, 0), 0);
	return arg;
}

TEST(policies_are_inherited)
{
	char *at = pages(1);
	pthread_t thread;
	pid_t child;

	CHECK_EQ(set_policy(MPOL_BIND | STATIC_NODES, &both, 64), 0);
	CHECK_EQ(bind_range(at, PAGE, MPOL_PREFERRED, &node0, 64, 0), 0);
	child = fork();
	if (!child) {
		look_at_policy();
		POLICY(at, MPOL_PREFERRED, 1);
		CHECK_EQ(set_policy(MPOL_DEFAULT, NULL, 0), 0);
		CHECK_EQ(bind_range(at, PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
		POLICY(at, MPOL_DEFAULT, 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	look_at_policy();
	POLICY(at, MPOL_PREFERRED, 1);
	CHECK_EQ(pthread_create(&thread, NULL, look_in_thread, NULL), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	look_at_policy();
}

/* The mappings of the next program show it. */
TEST(policies_outlive_exec)
{
	int ends[2];
	char text[64] = "";
	pid_t child;

	CHECK_EQ(set_policy(MPOL_INTERLEAVE, &node0, 64), 0);
	CHECK_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		dup2(ends[1], 1);
		execl("/bin/sh", "sh", "-c", "exec cat /proc/self/numa_maps", NULL);
		_exit(1);
	}
	close(ends[1]);
	CHECK(read(ends[0], text, sizeof(text) - 1) > 30);
	CHECK(strstr(text, " interleave:0 file=/") != NULL);
	close(ends[0]);
	CHECK((unsigned)test_wait(child) != 1u << 8);
}

TEST(policies_split_mappings)
{
	char *at = pages(8);

	POLICY(at, MPOL_DEFAULT, 0);
	CHECK_EQ(bind_range(at + 2 * PAGE, 2 * PAGE, MPOL_BIND, &node0, 64, 0), 0);
	POLICY(at + PAGE, MPOL_DEFAULT, 0);
	POLICY(at + 2 * PAGE, MPOL_BIND, 1);
	POLICY(at + 3 * PAGE + 5, MPOL_BIND, 1);
	POLICY(at + 4 * PAGE, MPOL_DEFAULT, 0);
	NUMA(at + 2 * PAGE, "bind:0");
	NUMA(at + 4 * PAGE, "default");
	NUMA(at + 3 * PAGE, "-");
	CHECK_EQ(bind_range(at + 4 * PAGE, 1, MPOL_BIND, &node0, 64, 0), 0);
	NUMA(at + 4 * PAGE, "-");
	NUMA(at + 5 * PAGE, "default");
	CHECK_EQ(bind_range(at + 4 * PAGE, PAGE, MPOL_BIND | STATIC_NODES, &both, 64, 0), 0);
	NUMA(at + 4 * PAGE, "bind=static:0");
	POLICY(at + 4 * PAGE, MPOL_BIND | STATIC_NODES, 3);
	CHECK_EQ(bind_range(at, 8 * PAGE, MPOL_PREFERRED, &node0, 64, 0), 0);
	NUMA(at + 2 * PAGE, "-");
	NUMA(at + 4 * PAGE, "-");
	POLICY(at + 7 * PAGE, MPOL_PREFERRED, 1);
	CHECK_EQ(mprotect(at + PAGE, PAGE, PROT_READ), 0);
	NUMA(at + PAGE, "prefer:0");
	NUMA(at + 2 * PAGE, "prefer:0");
	CHECK_EQ(mremap(at + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at), at);
	POLICY(at, MPOL_PREFERRED, 1);
}

TEST(policies_in_numa_maps)
{
	static const struct { int mode; unsigned long nodes; const char *text; } all[] = {
		{MPOL_PREFERRED, 1, "prefer:0"}, {MPOL_LOCAL, 0, "local"},
		{MPOL_INTERLEAVE, 1, "interleave:0"}, {WEIGHTED, 1, "weighted interleave:0"},
		{MPOL_PREFERRED_MANY, 1, "prefer (many):0"},
		{MPOL_BIND | RELATIVE_NODES, 4, "bind=relative:0"},
		{MPOL_BIND | MPOL_F_NUMA_BALANCING, 1, "bind=balancing:0"},
		{MPOL_BIND | MPOL_F_NUMA_BALANCING | STATIC_NODES, 1, "bind=static|balancing:0"},
	};
	char *at = pages(3);

	CHECK_EQ(mprotect(at, PAGE, PROT_NONE), 0);
	CHECK_EQ(mprotect(at + 2 * PAGE, PAGE, PROT_NONE), 0);
	at += PAGE;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		CHECK_EQ(bind_range(at, PAGE, all[i].mode, &all[i].nodes, 64, 0), 0);
		NUMA(at, all[i].text);
	}
	*at = 1;
	NUMA(at, "bind=static|balancing:0 anon=1 dirty=1");
	CHECK_EQ(bind_range(at, PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
	NUMA(at, "default anon=1");
	/* What has none of its own has the thread's. */
	CHECK_EQ(set_policy(MPOL_INTERLEAVE, &node0, 64), 0);
	NUMA(at, "interleave:0 anon=1");
}

TEST(ranges_that_are_refused)
{
	char *at = pages(4);

	CHECK_EQ(munmap(at + 2 * PAGE, PAGE), 0);
	CHECK_ERR(bind_range(at + 1, PAGE, MPOL_BIND, &node0, 64, 0), EINVAL);
	CHECK_ERR(bind_range(at, PAGE, MPOL_BIND, &node0, 64, 8), EINVAL);
	CHECK_ERR(bind_range(at, PAGE, 9, &node0, 64, 8), EINVAL);
	CHECK_ERR(bind_range(at, PAGE, MPOL_BIND, (void *)8, 64, 8), EFAULT);
	CHECK_ERR(bind_range(at, PAGE, MPOL_BIND, &node1, 64, 0), EINVAL);
	CHECK_ERR(bind_range(at, -PAGE, MPOL_BIND, &node0, 64, 0), EINVAL);
	CHECK_EQ(bind_range(at, -1, MPOL_BIND, &node0, 64, 0), 0);
	CHECK_EQ(bind_range(at, 0, MPOL_BIND, &none, 64, 0), 0);
	CHECK_ERR(bind_range(at, 3 * PAGE, MPOL_BIND, &node0, 64, 0), EFAULT);
	POLICY(at, MPOL_DEFAULT, 0);
	CHECK_ERR(bind_range(at, 4 * PAGE, MPOL_BIND, &node0, 64, 0), EFAULT);
	CHECK_ERR(bind_range(at + 2 * PAGE, PAGE, MPOL_BIND, &node0, 64, 0), EFAULT);
	CHECK_ERR(bind_range(at + 2 * PAGE, PAGE, MPOL_DEFAULT, NULL, 0, 0), EFAULT);
	CHECK_EQ(bind_range(at, 4 * PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
	CHECK_EQ(bind_range(at, 3 * PAGE, MPOL_DEFAULT, NULL, 0, MPOL_MF_STRICT), 0);
	CHECK_ERR(bind_range((void *)(1ul << 60), PAGE, MPOL_BIND, &node0, 64, 0), EFAULT);
}

/* Pages on the wrong node: all are on node 0, which the mask that was given need not name. */
TEST(pages_elsewhere)
{
	char *at = pages(2);

	CHECK_EQ(bind_range(at, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_STRICT), 0);
	CHECK_EQ(bind_range(at, PAGE, MPOL_LOCAL, NULL, 0, MPOL_MF_STRICT), 0);
	POLICY(at, MPOL_LOCAL, 0);
	*at = 1;
	CHECK_EQ(bind_range(at, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_STRICT), 0);
	CHECK_ERR(bind_range(at, PAGE, MPOL_LOCAL, NULL, 0, MPOL_MF_STRICT), EIO);
	POLICY(at, MPOL_BIND, 1);
	CHECK_ERR(bind_range(at, PAGE, MPOL_BIND | RELATIVE_NODES, &node1, 64, MPOL_MF_STRICT), EIO);
	CHECK_EQ(bind_range(at, PAGE, MPOL_BIND | RELATIVE_NODES, &node1, 64,
			    MPOL_MF_STRICT | MPOL_MF_MOVE), 0);
	POLICY(at, MPOL_BIND | RELATIVE_NODES, 2);
	CHECK_EQ(bind_range(at, PAGE, MPOL_BIND, &node0, 64,
			    MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL), 0);
	CHECK_EQ(*at, 1);
}

TEST(home_nodes)
{
	char *at = pages(3);

	CHECK_ERR(home_node(at, 3 * PAGE, 0, 0), ENOENT);
	CHECK_EQ(bind_range(at + PAGE, PAGE, MPOL_BIND, &node0, 64, 0), 0);
	CHECK_EQ(home_node(at, 3 * PAGE, 0, 0), 0);
	POLICY(at + PAGE, MPOL_BIND, 1);
	POLICY(at, MPOL_DEFAULT, 0);
	/* Another home is another policy. */
	CHECK_EQ(bind_range(at + 2 * PAGE, PAGE, MPOL_BIND, &node0, 64, 0), 0);
	NUMA(at + 2 * PAGE, "bind:0");
	CHECK_EQ(home_node(at + 2 * PAGE, PAGE, 0, 0), 0);
	NUMA(at + 2 * PAGE, "-");
	CHECK_EQ(bind_range(at, PAGE, MPOL_INTERLEAVE, &node0, 64, 0), 0);
	CHECK_ERR(home_node(at, 3 * PAGE, 0, 0), EOPNOTSUPP);
	CHECK_ERR(home_node(at, PAGE, 1, 0), EINVAL);
	CHECK_ERR(home_node(at, PAGE, -1, 0), EINVAL);
	CHECK_ERR(home_node(at, PAGE, 0, 1), EINVAL);
	CHECK_ERR(home_node(at + 1, PAGE, 0, 0), EINVAL);
	CHECK_ERR(home_node(at, -PAGE, 0, 0), EINVAL);
	CHECK_EQ(home_node(at, 0, 0, 0), 0);
}

/* --- pages of a process --- */

static long move(pid_t pid, size_t n, void **at, const int *nodes, int *status, int flags)
{
	return syscall(SYS_move_pages, pid, n, at, nodes, status, flags);
}

TEST(where_pages_are)
{
	char *there = pages(3);
	void *at[5] = {there, there + PAGE + 5, there + 2 * PAGE, (void *)8, (void *)(1ul << 60)};
	int status[5], nodes[5] = {0};

	*there = 1;
	CHECK_EQ(*(volatile char *)(there + PAGE), 0);
	CHECK_EQ(move(0, 5, at, NULL, status, 0), 0);
	CHECK_EQ(status[0], 0);
	CHECK_EQ(status[1], -EFAULT);	/* the zero page */
	CHECK_EQ(status[2], -ENOENT);
	CHECK_EQ(status[3], -EFAULT);
	CHECK_EQ(status[4], -EFAULT);
	memset(status, 99, sizeof(status));
	CHECK_EQ(move(getpid(), 5, at, nodes, status, MPOL_MF_MOVE), 0);
	CHECK_EQ(status[0], 0);
	CHECK_EQ(status[1], -EFAULT);
	CHECK_EQ(status[2], -ENOENT);
	CHECK_EQ(status[3], -EFAULT);
	CHECK_EQ(move(0, 0, NULL, NULL, NULL, 0), 0);
}

TEST(moves_that_are_refused)
{
	char *there = pages(3);
	void *at[2] = {there, there + PAGE};
	int status[2] = {99, 99}, nodes[2] = {0, 1};

	*there = 1;
	CHECK_ERR(move(0, 2, at, NULL, status, 1), EINVAL);
	CHECK_ERR(move(0, 2, at, NULL, status, 8), EINVAL);
	CHECK_ERR(move(99999999, 2, at, NULL, status, 0), ESRCH);
	CHECK_ERR(move(-1, 2, at, NULL, status, 0), ESRCH);
	CHECK_ERR(move(0, 2, (void *)8, NULL, status, 0), EFAULT);
	CHECK_ERR(move(0, 2, at, NULL, (void *)8, 0), EFAULT);
	CHECK_ERR(move(0, 2, at, (void *)8, status, 0), EFAULT);
	CHECK_ERR(move(0, 2, at, nodes, status, MPOL_MF_MOVE), ENODEV);
	CHECK_EQ(status[0], 0);
	CHECK_EQ(status[1], 99);
	nodes[1] = -1;
	CHECK_ERR(move(0, 2, at, nodes, status, 0), ENODEV);
	nodes[1] = 1000;
	CHECK_ERR(move(0, 2, at, nodes, status, MPOL_MF_MOVE_ALL), ENODEV);
}

static long migrate(pid_t pid, unsigned long max, const unsigned long *from, const unsigned long *to)
{
	return syscall(SYS_migrate_pages, pid, max, from, to);
}

TEST(processes_migrate)
{
	CHECK_EQ(migrate(0, 64, &node0, &node0), 0);
	CHECK_EQ(migrate(getpid(), 64, &both, &both), 0);
	CHECK_EQ(migrate(getppid(), 64, &node1, &node0), 0);
	CHECK_ERR(migrate(0, 64, &node0, &node1), EINVAL);
	CHECK_ERR(migrate(0, 64, &node0, NULL), EINVAL);
	CHECK_EQ(migrate(0, 64, NULL, &node0), 0);
	CHECK_ERR(migrate(0, 64, &far, &node0), EINVAL);
	CHECK_ERR(migrate(0, 64, (void *)8, &far), EFAULT);
	CHECK_ERR(migrate(0, 64, &node0, (void *)8), EFAULT);
	CHECK_ERR(migrate(99999999, 64, &node0, &node0), ESRCH);
	CHECK_ERR(migrate(99999999, 64, &node0, &far), EINVAL);
	CHECK_ERR(migrate(-5, 64, &node0, &node0), ESRCH);
}

static void without_privilege(void *arg)
{
	char *at = pages(1);
	void *page = at;
	int status;

	(void)arg;
	CHECK_ERR(bind_range(at, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_MOVE_ALL), EPERM);
	CHECK_ERR(bind_range(at, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_MOVE_ALL | 8), EINVAL);
	CHECK_EQ(bind_range(at, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_MOVE), 0);
	CHECK_ERR(move(0, 1, &page, NULL, &status, MPOL_MF_MOVE_ALL), EPERM);
	CHECK_ERR(move(1, 1, &page, NULL, &status, 0), EPERM);
	CHECK_ERR(migrate(1, 64, &node0, &node0), EPERM);
	/* Changing who one is makes one's memory root's: until the next program. */
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK_EQ(migrate(0, 64, &node0, &node0), 0);
	CHECK_ERR(migrate(0, 64, &node0, &both), EPERM);
	CHECK_EQ(set_policy(MPOL_BIND, &node0, 64), 0);
}

TEST(privileges)
{
	CHECK_EQ(test_child_as(1000, without_privilege, NULL), 0);
}

TEST(a_zombie_has_no_pages)
{
	pid_t child = fork();
	siginfo_t info;
	void *at = &child;
	int status;

	if (!child)
		_exit(0);
	CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	CHECK_ERR(move(child, 1, &at, NULL, &status, 0), EINVAL);
	CHECK_ERR(migrate(child, 64, &node0, &node0), EINVAL);
	CHECK_EQ(test_wait(child), 0);
}
