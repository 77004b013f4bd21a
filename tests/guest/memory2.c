/* Locking, sealing and advising memory, and what the calls of machines with more say here. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul

static char *map(unsigned long pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* A number of /proc/self/status in kB. */
static long status_of(const char *name)
{
	const char *line = strstr(test_read_file("/proc/self/status"), name);

	CHECK(line);
	return atol(line + strlen(name) + 1);
}

static int resident(char *p)
{
	unsigned char in = 9;

	CHECK_EQ(mincore(p, PAGE, &in), 0);
	return in & 1;
}

static sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

/* The signal that reading there gives; 0: none. */
static int touch(volatile char *p)
{
	int sig = sigsetjmp(back, 1);

	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (!sig)
		(void)*p;
	return sig;
}

/* --- locking --- */

TEST(locked_ranges)
{
	char *p = map(8, MAP_PRIVATE);
	long before = status_of("VmLck");

	CHECK_EQ(mlock(p + PAGE + 1, PAGE), 0);
	CHECK_EQ(status_of("VmLck") - before, 8);
	CHECK_EQ(resident(p + PAGE), 1);
	CHECK_EQ(resident(p), 0);
	CHECK_ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p + PAGE, PAGE, MADV_FREE), EINVAL);
	p[PAGE] = 1;
	CHECK_EQ(madvise(p + PAGE, PAGE, MADV_DONTNEED_LOCKED), 0);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(munlock(p, 8 * PAGE), 0);
	CHECK_EQ(status_of("VmLck") - before, 0);
	CHECK_EQ(mlock2(p + 4 * PAGE, PAGE, MLOCK_ONFAULT), 0);
	CHECK_EQ(resident(p + 4 * PAGE), 0);
	CHECK_EQ(status_of("VmLck") - before, 4);
	CHECK_ERR(mlock2(p, PAGE, 2), EINVAL);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_ERR(mlock(p, 3 * PAGE), ENOMEM);
	CHECK_ERR(munlock(p, 3 * PAGE), ENOMEM);
}

TEST(everything_locked)
{
	char *p = map(4, MAP_PRIVATE), *q;
	pid_t child;

	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(MCL_ONFAULT), EINVAL);
	CHECK_ERR(mlockall(8), EINVAL);
	CHECK_EQ(mlockall(MCL_CURRENT), 0);
	CHECK_EQ(resident(p), 1);
	CHECK(status_of("VmLck") >= 16);
	q = map(4, MAP_PRIVATE);
	CHECK_EQ(resident(q), 0);
	CHECK_EQ(mlockall(MCL_FUTURE), 0);
	q = map(4, MAP_PRIVATE);
	CHECK_EQ(resident(q), 1);
	child = fork();
	if (!child) {
		CHECK_EQ(status_of("VmLck"), 0);
		CHECK_EQ(resident(map(1, MAP_PRIVATE)), 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(status_of("VmLck"), 0);
	CHECK_EQ(resident(map(4, MAP_PRIVATE)), 0);
	CHECK_EQ(mlockall(MCL_FUTURE | MCL_ONFAULT), 0);
	CHECK_EQ(resident(map(4, MAP_PRIVATE)), 0);
	CHECK_EQ(status_of("VmLck"), 16);
}

static void locks_little(void *)
{
	struct rlimit limit = { 4 * PAGE, 4 * PAGE };
	char *p = map(8, MAP_PRIVATE);

	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	CHECK_ERR(mlock(p, 5 * PAGE), ENOMEM);
	CHECK_EQ(mlock(p, 4 * PAGE), 0);
	CHECK_EQ(mlock(p, 4 * PAGE), 0);
	CHECK_ERR(mlock(p + 4 * PAGE, PAGE), ENOMEM);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED,
			     -1, 0), EAGAIN);
	CHECK_ERR((long)mremap(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE), EAGAIN);
	CHECK_ERR(mlockall(MCL_CURRENT), ENOMEM);
	CHECK_EQ(munlock(p, 8 * PAGE), 0);
	CHECK_EQ(mlockall(MCL_FUTURE), 0);
	CHECK_ERR((long)mmap(NULL, 5 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		  EAGAIN);
	CHECK_EQ(resident(map(4, MAP_PRIVATE)), 1);
	CHECK_EQ((long)sbrk(5 * PAGE), -1);
	CHECK_EQ(munlockall(), 0);
	limit.rlim_cur = limit.rlim_max = 0;
	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	CHECK_ERR(mlock(p, PAGE), EPERM);
	CHECK_ERR(mlockall(MCL_CURRENT), EPERM);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED,
			     -1, 0), EPERM);
	CHECK_EQ(munlock(p, PAGE), 0);
}

TEST(locking_is_limited)
{
	CHECK_EQ(test_child_as(1000, locks_little, NULL), 0);
}

TEST(syncing)
{
	char *p = map(2, MAP_SHARED);

	CHECK_EQ(msync(p, 2 * PAGE, MS_INVALIDATE), 0);
	CHECK_EQ(msync(p, PAGE, MS_ASYNC), 0);
	CHECK_EQ(mlock(p, PAGE), 0);
	CHECK_ERR(msync(p, 2 * PAGE, MS_INVALIDATE | MS_SYNC), EBUSY);
	CHECK_EQ(msync(p, 2 * PAGE, MS_SYNC), 0);
	CHECK_ERR(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_ERR(msync(p, 2 * PAGE, MS_ASYNC), ENOMEM);
}

/* --- sealing --- */

static int seal(void *p, unsigned long len, unsigned long flags)
{
	return (int)syscall(462, p, len, flags);
}

TEST(sealed_mappings)
{
	char *p = map(8, MAP_PRIVATE);

	CHECK_ERR(seal(p, PAGE, 1), EINVAL);
	CHECK_ERR(seal(p + 1, PAGE, 0), EINVAL);
	CHECK_EQ(seal(p, 0, 0), 0);
	CHECK_EQ(seal(p + PAGE, 2 * PAGE, 0), 0);
	CHECK_EQ(seal(p + PAGE, 2 * PAGE, 0), 0);
	CHECK_ERR(munmap(p, 8 * PAGE), EPERM);
	CHECK_ERR(mprotect(p + PAGE, PAGE, PROT_READ), EPERM);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p + PAGE, PAGE, PROT_READ, -1), EPERM);
	CHECK_ERR((long)mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EPERM);
	CHECK_ERR((long)mremap(p + PAGE, 2 * PAGE, PAGE, 0), EPERM);
	CHECK_ERR((long)mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EPERM);
	CHECK_ERR((long)mmap(p + 2 * PAGE, PAGE, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EPERM);
	p[PAGE] = 7;
	CHECK_EQ(madvise(p + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(mlock(p + PAGE, PAGE), 0);
	CHECK_EQ(mprotect(p + 4 * PAGE, PAGE, PROT_READ), 0);
	p[5 * PAGE] = 7;
	CHECK_EQ(mprotect(p + 5 * PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(seal(p + 5 * PAGE, PAGE, 0), 0);
	CHECK_ERR(madvise(p + 5 * PAGE, PAGE, MADV_DONTNEED), EPERM);
	CHECK_ERR(madvise(p + 5 * PAGE, PAGE, MADV_FREE), EPERM);
	CHECK_ERR(madvise(p + 5 * PAGE, PAGE, MADV_DONTFORK), EPERM);
	CHECK_EQ(p[5 * PAGE], 7);
	CHECK_EQ(munmap(p + 6 * PAGE, 2 * PAGE), 0);
	CHECK_ERR(seal(p + 5 * PAGE, 2 * PAGE, 0), ENOMEM);
}

TEST(protection_keys)
{
	char *p = map(1, MAP_PRIVATE);

	CHECK_ERR(syscall(SYS_pkey_alloc, 0, 0), ENOSPC);
	CHECK_ERR(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_alloc, 0, 16), EINVAL);
	CHECK_EQ(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1), 0);
	CHECK_EQ(syscall(SYS_pkey_mprotect, p, PAGE, PROT_NONE, 0), 0);
	CHECK_EQ(touch(p), SIGSEGV);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 1), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_free, 1), EINVAL);
	CHECK_EQ(syscall(SYS_pkey_free, 0), 0);
	CHECK_ERR(syscall(SYS_pkey_free, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 0), EINVAL);
}

/* --- advice --- */

TEST(holes_in_shared_memory)
{
	char *p = map(4, MAP_SHARED), *ro;
	int fd;

	memset(p, 'x', 4 * PAGE);
	CHECK_EQ(madvise(p + PAGE, 2 * PAGE, MADV_REMOVE), 0);
	CHECK_EQ(p[PAGE - 1], 'x');
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE - 1], 0);
	CHECK_EQ(p[3 * PAGE], 'x');
	CHECK_ERR(madvise(map(1, MAP_PRIVATE), PAGE, MADV_REMOVE), EINVAL);
	CHECK_EQ(mlock(p, PAGE), 0);
	CHECK_ERR(madvise(p, PAGE, MADV_REMOVE), EINVAL);
	CHECK_EQ(mkdir("t", 0755) + mount("none", "t", "tmpfs", 0, NULL), 0);
	fd = open("t/file", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ro = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, open("t/file", O_RDONLY), 0);
	memset(p, 'y', 2 * PAGE);
	CHECK_EQ(madvise(p, PAGE, MADV_REMOVE), 0);
	CHECK_EQ(ro[0], 0);
	CHECK_EQ(ro[PAGE], 'y');
	CHECK_ERR(madvise(ro, PAGE, MADV_REMOVE), EACCES);
	umount2("t", MNT_DETACH);
}

TEST(advice_about_fork)
{
	char *p = map(3, MAP_PRIVATE);
	pid_t child;

	memset(p, 'x', 3 * PAGE);
	CHECK_EQ(madvise(p, PAGE, MADV_WIPEONFORK), 0);
	CHECK_EQ(madvise(p + PAGE, PAGE, MADV_DONTFORK), 0);
	CHECK_ERR(madvise(map(1, MAP_SHARED), PAGE, MADV_WIPEONFORK), EINVAL);
	child = fork();
	if (!child) {
		CHECK_EQ(p[0], 0);
		CHECK_EQ(p[2 * PAGE], 'x');
		CHECK_EQ(touch(p + PAGE), SIGSEGV);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(madvise(p, 3 * PAGE, MADV_KEEPONFORK), 0);
	CHECK_EQ(madvise(p, 3 * PAGE, MADV_DOFORK), 0);
	child = fork();
	if (!child)
		_exit(p[0] == 'x' && p[PAGE] == 'x' ? 0 : 1);
	CHECK_EQ(test_wait(child), 0);
}

TEST(bringing_in)
{
	char *p = map(4, MAP_PRIVATE);

	CHECK_EQ(madvise(p, PAGE, MADV_POPULATE_READ), 0);
	CHECK_EQ(madvise(p + PAGE, PAGE, MADV_POPULATE_WRITE), 0);
	CHECK_EQ(resident(p + PAGE), 1);
	CHECK_EQ(mprotect(p + 2 * PAGE, PAGE, PROT_READ), 0);
	CHECK_ERR(madvise(p + 2 * PAGE, PAGE, MADV_POPULATE_WRITE), EINVAL);
	CHECK_EQ(munmap(p + 3 * PAGE, PAGE), 0);
	CHECK_ERR(madvise(p, 4 * PAGE, MADV_POPULATE_READ), ENOMEM);
	p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK_EQ(resident(p + 3 * PAGE), 1);
}

TEST(advice_that_is_taken)
{
	static const int any[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTDUMP, MADV_DODUMP, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_COLD, MADV_PAGEOUT };
	char *p = map(2, MAP_PRIVATE);

	*p = 'x';
	for (unsigned i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		CHECK_EQ(madvise(p, PAGE, any[i]), 0);
		CHECK_EQ(*p, 'x');
	}
	CHECK_ERR(madvise(p, PAGE, 5), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 77), EINVAL);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_ERR(madvise(p, 2 * PAGE, MADV_NORMAL), ENOMEM);
}

/* --- moving --- */

TEST(moving_without_unmapping)
{
	char *p = map(2, MAP_PRIVATE), *q;

	p[0] = 'x';
	q = (char *)syscall(SYS_mremap, p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
			    0);
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[0], 'x');
	CHECK_EQ(p[0], 0);
	CHECK_ERR((long)mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), EINVAL);
	CHECK_ERR((long)mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP), EINVAL);
	CHECK_ERR(syscall(SYS_mremap, p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 1), EINVAL);
	p[0] = 'y';
	q = (char *)syscall(SYS_mremap, p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
			    0x70000000);
	CHECK_EQ(q, 0x70000000);
	CHECK_EQ(*(volatile char *)q, 'y');
}

TEST(cutting_off_several_mappings)
{
	char *p = map(6, MAP_PRIVATE);

	CHECK_EQ(mprotect(p + 2 * PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(mremap(p, 6 * PAGE, PAGE, 0), p);
	CHECK_EQ(touch(p), 0);
	CHECK_EQ(touch(p + PAGE), SIGSEGV);
	CHECK_EQ(touch(p + 5 * PAGE), SIGSEGV);
}

TEST(a_second_mapping_of_the_same)
{
	char *p = map(2, MAP_SHARED), *q;

	p[0] = 'x';
	q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	q[1] = 'y';
	CHECK_EQ(p[1], 'y');
	CHECK_EQ(q[0], 'x');
	CHECK_ERR((long)mremap(map(1, MAP_PRIVATE), 0, PAGE, MREMAP_MAYMOVE), EINVAL);
}

TEST(pages_of_a_file_in_another_order)
{
	volatile char *p = map(4, MAP_SHARED);

	for (int i = 0; i < 4; i++)
		p[i * PAGE] = (char)('a' + i);
	CHECK_EQ(remap_file_pages((void *)p, PAGE, 0, 3, 0), 0);
	CHECK_EQ(p[0], 'd');
	p[0] = 'z';
	CHECK_EQ(p[3 * PAGE], 'z');
	CHECK_EQ(remap_file_pages((void *)p + 3 * PAGE, PAGE, 0, 0, 0), 0);
	CHECK_EQ(p[3 * PAGE], 'a');
	CHECK_ERR(remap_file_pages((void *)p, PAGE, 1, 0, 0), EINVAL);
	CHECK_ERR(remap_file_pages((void *)p, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(remap_file_pages(map(1, MAP_PRIVATE), PAGE, 0, 0, 0), EINVAL);
	CHECK_ERR(remap_file_pages((void *)p, PAGE << 20, 0, 0, 0), EINVAL);
	CHECK_EQ(remap_file_pages((void *)p, PAGE, 0, 9, 0), 0);
	CHECK_EQ(touch(p), SIGBUS);
}

/* --- growing --- */

TEST(a_mapping_that_grows_down)
{
	char *room = map(300, MAP_PRIVATE), *p = room + 280 * PAGE;

	CHECK_EQ(munmap(room, 300 * PAGE), 0);
	CHECK_EQ(mmap(p, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1, 0), p);
	p[-1] = 'x';
	p[-(long)(3 * PAGE)] = 'y';
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN), 0);
	CHECK_EQ(p[-1], 'x');
	CHECK_ERR(mprotect(map(1, MAP_PRIVATE), PAGE, PROT_READ | PROT_GROWSDOWN), EINVAL);
	CHECK_ERR(mprotect(p, PAGE, PROT_READ | PROT_GROWSUP), EINVAL);
	CHECK_ERR((long)mmap(p, PAGE, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
}

TEST(the_break_is_limited)
{
	struct rlimit limit = { 64 * PAGE, RLIM_INFINITY };
	char *was = sbrk(0);

	CHECK_EQ(brk(was + 2 * PAGE + 1), 0);
	was[2 * PAGE] = 'x';
	CHECK_EQ(brk(was + PAGE), 0);
	CHECK_EQ(brk(was + 2 * PAGE + 1), 0);
	CHECK_EQ(was[2 * PAGE], 0);
	CHECK_EQ((long)syscall(SYS_brk, 0), (long)(was + 2 * PAGE + 1));
	CHECK_EQ((long)syscall(SYS_brk, 1), (long)(was + 2 * PAGE + 1));
	CHECK_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
	CHECK_ERR(brk(was + (1 << 30)), ENOMEM);
	CHECK_EQ(brk(was), 0);
}

/* --- another process's --- */

static long advise(int fd, void *at, size_t len, int advice, unsigned flags)
{
	struct iovec one = { at, len };

	return syscall(SYS_process_madvise, fd, &one, 1, advice, flags);
}

static int others;
static void *other_memory;

static void advises_a_stranger(void *)
{
	CHECK_ERR(advise(others, other_memory, PAGE, MADV_COLD, 0), EACCES);
}

TEST(advice_for_another_process)
{
	char *p = map(4, MAP_PRIVATE);
	int me = (int)syscall(SYS_pidfd_open, getpid(), 0);
	pid_t child = fork();

	if (!child)
		_exit(pause());
	others = (int)syscall(SYS_pidfd_open, child, 0);
	other_memory = p;
	CHECK(me >= 0 && others >= 0);
	CHECK_EQ(advise(others, p, 2 * PAGE, MADV_COLD, 0), 2 * PAGE);
	CHECK_EQ(advise(others, p, PAGE, MADV_WILLNEED, 0), PAGE);
	CHECK_EQ(advise(me, p, PAGE, MADV_PAGEOUT, 0), PAGE);
	CHECK_ERR(advise(others, p, PAGE, MADV_DONTNEED, 0), EINVAL);
	CHECK_ERR(advise(others, p, PAGE, MADV_COLD, 1), EINVAL);
	CHECK_ERR(advise(others, p + 1, PAGE, MADV_COLD, 0), EINVAL);
	CHECK_ERR(advise(0, p, PAGE, MADV_COLD, 0), EBADF);
	CHECK_ERR(syscall(SYS_process_madvise, others, (void *)1, 1, MADV_COLD, 0), EFAULT);
	CHECK_EQ(test_child_as(1000, advises_a_stranger, NULL), 0);
	kill(child, SIGKILL);
	test_wait(child);
	CHECK_ERR(advise(others, p, PAGE, MADV_COLD, 0), ESRCH);
}
