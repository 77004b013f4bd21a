/* tests/sim/sweep_refused.c -- calls that run out of memory, at each of their allocations in turn: what
 * is waited for on the way back.
 */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) I((n) * 4096ul)
#define NAME 24 /* bytes */

/* What follows is done so many times, x24 counts down; after refuse() the x24-th allocation fails. */
static void refuse(struct prog *p)
{
	work_hook(p, WORK_REFUSE);
}

static void refused(struct prog *p)
{
	work_hook(p, WORK_REFUSED);
}

/* Names by number, format_ with 0 .. 39. */
static u64 names(struct prog *p, const char *format_)
{
	char all[40][NAME];

	memset(all, 0, sizeof(all));
	for (unsigned i = 0; i < 40; i++)
		snprintf(all[i], NAME, format_, i);
	return prog_data(p, all, sizeof(all));
}

/* x[reg]: that of the number in x24. */
static void name(struct prog *p, unsigned reg, u64 all)
{
	EMIT(p, {.op = HOST_OP_MUL, .d = (u8)reg, .a = 24, .imm = NAME});
	ADD(p, reg, reg, all);
}

/* There is something to be given back: pages that were only read. */
static void fill_caches(struct prog *p)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY));
	WITH_FD(p) {
		SYS(p, __NR_read, R(19), I(MORE), I(30000));
		SYS(p, __NR_close, R(19));
	}
}

static void forks(struct prog *p)
{
	work_needs(p, "-1000");
	SYS(p, NR_MMAP, I(0), PAGES(40), I(RW), I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE), I(-1), I(0));
	EXPECT_OK(p, 0);
	LOOP(p, 24, 60) {
		fill_caches(p);
		refuse(p);
		CHILD(p) {
			refused(p);
			work_exit(p, 0);
		}
		refused(p);
		IF(p, 0, GE, 1) {
			MOVE(p, 20, 0);
			work_wait(p);
		}
	}
}

/* Tables were made where nothing has come to be: they go at the end. */
static void moves(struct prog *p)
{
	work_needs(p, "-1000");
	LOOP(p, 25, 3) {
		CHILD(p) {
			SYS(p, NR_MMAP, I(0), I(400ul << 21), I(RW),
			    I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), I(-1), I(0));
			EXPECT_OK(p, 0);
			MOVE(p, 19, 0);
			MOVE(p, 20, 0);
			SET(p, 23, 1);
			LOOP(p, 24, 400) {
				STORE(p, 8, 23, 20, 0);
				ADD(p, 20, 20, 1u << 21);
			}
			ADD(p, 20, 19, -0x1000000000);
			EMIT(p, {.op = HOST_OP_MUL, .d = 24, .a = 25, .imm = 120});
			refuse(p);
			SYS(p, __NR_mremap, R(19), I(400ul << 21), I(400ul << 21), I(3), R(20));
			refused(p);
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		work_wait(p);
		EXPECT(p, 21, 0);
	}
}

static void faults(struct prog *p)
{
	work_needs(p, "-1000");
	LOOP(p, 24, 6) {
		fill_caches(p);
		SYS(p, __NR_madvise, I(MORE + 0x8000), I(4096), I(4));
		SET(p, 22, MORE + 0x8000);
		refuse(p);
		STORE(p, 8, 22, 22, 0);
		refused(p);
	}
}

/* With descriptors that are shared: it wants a table of its own, when all else is done. */
static void execs(struct prog *p)
{
	u64 program = prog_string(p, "/true"), none = prog_data(p, (const u64[]){0}, 8);

	work_needs(p, "-1000");
	LOOP(p, 24, 60) {
		SYS(p, __NR_clone, I(CLONE_FILES | SIGCHLD));
		IF(p, 0, EQ, 0) {
			refuse(p);
			SYS(p, __NR_execve, I(program), I(none), I(none));
			refused(p);
			work_exit(p, 0);
		}
		MOVE(p, 20, 0);
		work_wait(p);
		refused(p);
	}
}

static void copies_up(struct prog *p)
{
	u64 entries = names(p, "/over/directory/entry%u");

	work_needs(p, "-1000");
	LOOP(p, 24, 39) {
		name(p, 20, entries);
		refuse(p);
		SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR));
		refused(p);
		IF(p, 0, GE, 0)
			SYS(p, __NR_close, R(0));
	}
}

/* Where a whiteout is: made elsewhere, and put in its place. */
static void makes_hidden(struct prog *p)
{
	u64 entries = names(p, "/over/directory/entry%u");

	work_needs(p, "-1000");
	LOOP(p, 24, 39) {
		name(p, 20, entries);
		SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
		refuse(p);
		SYS(p, __NR_openat, I(AT_FDCWD), R(20), I(O_RDWR | O_CREAT), I(0600));
		refused(p);
		IF(p, 0, GE, 0)
			SYS(p, __NR_close, R(0));
	}
}

static void links_hidden(struct prog *p)
{
	u64 entries = names(p, "/over/directory/entry%u");

	work_needs(p, "-1000");
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/over/first")), I(O_RDWR | O_CREAT), I(0600));
	EXPECT_OK(p, 0);
	LOOP(p, 24, 39) {
		name(p, 20, entries);
		SYS(p, __NR_unlinkat, I(AT_FDCWD), R(20), I(0));
		refuse(p);
		SYS(p, __NR_linkat, I(AT_FDCWD), I(prog_string(p, "/over/first")), I(AT_FDCWD), R(20), I(0));
		refused(p);
	}
}

work_fn *const sweep_refused[] = {forks, moves, faults, execs, copies_up, makes_hidden, links_hidden, NULL};
