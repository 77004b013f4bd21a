/* tests/sim/sweep_memory.c -- mappings, and what happens when memory runs short. */
#include "base.h"

#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) I((n) * 4096ul)

/* An anonymous mapping, in x19. */
static void map(struct prog *p, u64 pages, int flags)
{
	SYS(p, NR_MMAP, I(0), PAGES(pages), I(RW), I(flags | MAP_ANONYMOUS), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
}

/* Write to every page from x19 on. */
static void touch(struct prog *p, u64 pages)
{
	MOVE(p, 22, 19);
	SET(p, 23, 1);
	LOOP(p, 24, pages) {
		STORE(p, 8, 23, 22, 0);
		ADD(p, 22, 22, 4096);
	}
}

static void moving(struct prog *p)
{
	map(p, 20, MAP_PRIVATE);
	touch(p, 20);
	SYS(p, __NR_mremap, R(19), PAGES(20), PAGES(10), I(0), I(0));
	EXPECT_REG(p, 0, 19);
	SYS(p, __NR_mremap, R(19), PAGES(10), PAGES(30), I(1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	ADD(p, 20, 19, 0x10000000);
	SYS(p, __NR_mremap, R(19), PAGES(30), PAGES(12), I(3), R(20)); /* FIXED */
	SYS(p, __NR_mremap, R(20), PAGES(12), PAGES(12), I(5), I(0)); /* DONTUNMAP */
	SYS(p, __NR_mremap, R(20), PAGES(12), PAGES(1u << 26), I(1), I(0));
	EXPECT(p, 0, -ENOMEM);
	map(p, 12, MAP_SHARED);
	touch(p, 12);
	SYS(p, __NR_mremap, R(19), I(0), PAGES(12), I(1), I(0));
	SYS(p, __NR_mremap, R(19), PAGES(12), PAGES(40), I(1), I(0));
	EXPECT_OK(p, 0);
}

static void protection(struct prog *p)
{
	map(p, 40, MAP_PRIVATE | MAP_POPULATE);
	ADD(p, 20, 19, 4096);
	SYS(p, __NR_mprotect, R(20), PAGES(3), I(PROT_READ));
	EXPECT(p, 0, 0);
	ADD(p, 20, 19, 10 * 4096);
	SYS(p, __NR_mprotect, R(20), PAGES(5), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mprotect, R(19), PAGES(40), I(RW));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mlock2, R(19), PAGES(4), I(1));
	SYS(p, __NR_mlock, R(19), PAGES(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_munlock, R(19), PAGES(8));
	EXPECT(p, 0, 0);
	SYS(p, __NR_madvise, R(19), PAGES(40), I(3)); /* WILLNEED */
	SYS(p, __NR_madvise, R(19), PAGES(40), I(4));
	SYS(p, __NR_madvise, R(19), PAGES(10), I(22)); /* POPULATE_READ */
	SYS(p, __NR_madvise, R(19), PAGES(10), I(23));
	SYS(p, __NR_madvise, R(19), PAGES(40), I(8)); /* FREE */
	SYS(p, __NR_mincore, R(19), PAGES(40), I(BUFFER));
	EXPECT(p, 0, 0);
	SYS(p, __NR_msync, R(19), PAGES(40), I(4));
	EXPECT(p, 0, 0);
	SYS(p, __NR_munmap, R(19), PAGES(2));
	SYS(p, __NR_munmap, R(20), PAGES(1));
	SYS(p, __NR_madvise, R(19), PAGES(40), I(4));
	EXPECT(p, 0, -ENOMEM);
	SYS(p, __NR_brk, I(0));
	ADD(p, 20, 0, 300000);
	SYS(p, __NR_brk, R(20));
}

/* A file of a tmpfs, mapped and cut short; a private one that is written to. */
static void files(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "mapped")), I(O_RDWR | O_CREAT), I(0600));
	EXPECT_OK(p, 0);
	MOVE(p, 25, 0);
	SYS(p, NR_FTRUNCATE, R(25), PAGES(30));
	SYS(p, NR_MMAP, I(0), PAGES(30), I(RW), I(MAP_SHARED), R(25), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	touch(p, 30);
	SYS(p, NR_FTRUNCATE, R(25), PAGES(12));
	EXPECT(p, 0, 0);
	SYS(p, __NR_fallocate, R(25), I(3), PAGES(2), PAGES(4));
	SYS(p, __NR_madvise, R(19), PAGES(12), I(9)); /* REMOVE */
	SYS(p, __NR_msync, R(19), PAGES(12), I(4));
	SYS(p, NR_MMAP, I(0), PAGES(12), I(RW), I(MAP_PRIVATE), R(25), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	touch(p, 12);
	CHILD(p) {
		touch(p, 12);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	touch(p, 12);
	work_wait(p);
	EXPECT(p, 21, 0);
	/* Behind the end. */
	CHILD(p) {
		SYS(p, NR_FTRUNCATE, R(25), I(0));
		SET(p, 23, 1);
		LOAD(p, 8, 21, 19, 11 * 4096);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
}

/* More than there is: whoever takes it is killed, and nobody else. */
static void too_much(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY));
	WITH_FD(p) {
		LOOP(p, 24, 20)
			SYS(p, __NR_read, R(19), I(BUFFER), I(8192));
		SYS(p, __NR_close, R(19));
	}
	CHILD(p) {
		static const char text[] = "1000";

		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/proc/self/oom_score_adj")),
		    I(O_WRONLY));
		MOVE(p, 19, 0);
		SYS(p, __NR_write, R(19), I(prog_string(p, text)), I(4));
		map(p, 7000, MAP_PRIVATE | MAP_NORESERVE);
		touch(p, 7000);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, SIGKILL);
}

/* Far below where it ends: more than is mapped to begin with. */
static void stack_grows(struct prog *p)
{
	EMIT(p, {.op = HOST_OP_SP, .d = 22});
	STORE(p, 8, 22, 22, -0x40000);
	LOAD(p, 8, 21, 22, -0x40000);
	EXPECT_REG(p, 21, 22);
}

work_fn *const sweep_memory[] = {stack_grows, moving, protection, files, too_much, NULL};
