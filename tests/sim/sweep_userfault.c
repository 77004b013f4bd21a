/* tests/sim/sweep_userfault.c -- faults that a program settles itself, and changes of its memory that it
 * hears of: one thread makes them, the first one reads of them.
 *
 * Registers: 19 the descriptor, 20 the memory, 21 a second one; 9 and 10 within one line.
 */
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define ARGS (PROG_SPACE + 0x18000)
#define MSG  (PROG_SPACE + 0x19000)
#define RW (PROT_READ | PROT_WRITE)
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
#define PAGE 4096ul
/* Newer than some hosts' header. */
#define TO_POISON _IOWR(UFFDIO, 0x08, u64[4])
#define TO_MOVE	  _IOWR(UFFDIO, 0x05, u64[5])
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define BIG (40ul << 20)	/* a half of it has more tables than are looked at at once */

/* The request with these words. */
static void request(struct prog *p, u64 cmd, const struct prog_arg *words, unsigned n)
{
	SET(p, 9, ARGS);
	for (unsigned i = 0; i < n; i++) {
		if (words[i].is_reg)
			MOVE(p, 10, words[i].v);
		else
			SET(p, 10, words[i].v);
		STORE(p, 8, 10, 9, i * 8);
	}
	SYS(p, __NR_ioctl, R(19), I(cmd), I(ARGS));
}
#define REQUEST(p, cmd, ...)                                                      \
	request((p), (cmd), (const struct prog_arg[]){__VA_ARGS__},               \
		sizeof((const struct prog_arg[]){__VA_ARGS__}) / sizeof(struct prog_arg))

static void open_one(struct prog *p, u64 features)
{
	SYS(p, __NR_userfaultfd, I(O_CLOEXEC));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	REQUEST(p, UFFDIO_API, I(UFFD_API), I(features), I(0));
	EXPECT(p, 0, 0);
}

static void map(struct prog *p, unsigned reg, u64 len, int flags)
{
	SYS(p, NR_MMAP, I(0), I(len), I(RW), I(flags | MAP_NORESERVE), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, reg, 0);
}

static void enroll(struct prog *p, unsigned reg, u64 len, u64 mode)
{
	REQUEST(p, UFFDIO_REGISTER, R(reg), I(len), I(mode), I(0));
	EXPECT(p, 0, 0);
}

/* Another thread; what follows is what it does, and ends with done(). */
#define ANOTHER(p)                                              \
	SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0)); \
	IF(p, 0, EQ, 0)

static void done(struct prog *p)
{
	SYS(p, __NR_exit, I(0));
}

static void read_one(struct prog *p, u64 to)
{
	SYS(p, __NR_read, R(19), I(to), I(sizeof(struct uffd_msg)));
	EXPECT(p, 0, sizeof(struct uffd_msg));
}

static void copy(struct prog *p, unsigned reg, u64 offset)
{
	ADD(p, 10, reg, offset);
	REQUEST(p, UFFDIO_COPY, R(10), I(BUFFER), I(PAGE), I(0), I(0));
	EXPECT(p, 0, 0);
}

static void zero(struct prog *p, unsigned reg, u64 offset)
{
	ADD(p, 10, reg, offset);
	REQUEST(p, UFFDIO_ZEROPAGE, R(10), I(PAGE), I(0), I(0));
	EXPECT(p, 0, 0);
}

/* The program's own accesses, and the kernel's. */
static void missing(struct prog *p)
{
	open_one(p, 0);
	map(p, 20, 8 * PAGE, ANON);
	enroll(p, 20, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
	ANOTHER(p) {
		LOAD(p, 8, 10, 20, 0);
		STORE(p, 8, 10, 20, PAGE);
		ADD(p, 10, 20, 2 * PAGE);
		SYS(p, __NR_getrandom, R(10), I(8), I(0));
		LOAD(p, 8, 10, 20, 3 * PAGE);
		LOAD(p, 8, 10, 20, 4 * PAGE);
		done(p);
	}
	read_one(p, work_fresh(p));
	copy(p, 20, 0);
	read_one(p, MSG);
	zero(p, 20, PAGE);
	read_one(p, MSG);
	copy(p, 20, 2 * PAGE);
	/* Let go, for nothing and then for good. */
	read_one(p, MSG);
	ADD(p, 10, 20, 3 * PAGE);
	REQUEST(p, UFFDIO_WAKE, R(10), I(PAGE));
	EXPECT(p, 0, 0);
	read_one(p, MSG);
	ADD(p, 10, 20, 3 * PAGE);
	REQUEST(p, UFFDIO_UNREGISTER, R(10), I(PAGE));
	EXPECT(p, 0, 0);
	read_one(p, MSG);
	SYS(p, __NR_close, R(19));
	EXPECT(p, 0, 0);
}

/* Pages that are moved, and a copy of what says more of its pages than is copied at once. */
static void given(struct prog *p)
{
	open_one(p, 0);
	map(p, 20, 80 * PAGE, ANON);
	map(p, 21, PAGE, ANON);
	STORE(p, 8, 20, 21, 0);
	enroll(p, 20, 80 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
	REQUEST(p, TO_MOVE, R(20), R(21), I(PAGE), I(0), I(0));
	EXPECT(p, 0, 0);
	ADD(p, 10, 20, PAGE);
	REQUEST(p, TO_POISON, R(10), I(70 * PAGE), I(0), I(0));
	EXPECT(p, 0, 0);
	CHILD(p)
		work_exit(p, 0);
	SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
}

/* Stores to what is protected, in two mappings; what is there when it is registered. */
static void protected(struct prog *p)
{
	open_one(p, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	map(p, 20, BIG, ANON);
	MOVE(p, 10, 20);
	LOOP(p, 24, BIG >> 21) {
		STORE(p, 8, 20, 10, 0);
		ADD(p, 10, 10, 1 << 21);
	}
	enroll(p, 20, BIG, UFFDIO_REGISTER_MODE_WP);
	ADD(p, 10, 20, BIG / 2);
	SYS(p, __NR_mprotect, R(10), I(BIG / 2), I(PROT_READ));
	EXPECT(p, 0, 0);
	REQUEST(p, UFFDIO_WRITEPROTECT, R(20), I(BIG), I(UFFDIO_WRITEPROTECT_MODE_WP));
	EXPECT(p, 0, 0);
	ANOTHER(p) {
		STORE(p, 8, 20, 20, 8);
		done(p);
	}
	read_one(p, MSG);
	REQUEST(p, UFFDIO_WRITEPROTECT, R(20), I(BIG), I(0));
	EXPECT(p, 0, 0);
	REQUEST(p, UFFDIO_UNREGISTER, R(20), I(BIG));
	EXPECT(p, 0, 0);
}

static void shared(struct prog *p)
{
	open_one(p, UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM);
	map(p, 20, 3 * PAGE, MAP_SHARED | MAP_ANONYMOUS);
	STORE(p, 8, 20, 20, 0);
	SYS(p, __NR_madvise, R(20), I(PAGE), I(MADV_DONTNEED));
	EXPECT(p, 0, 0);
	enroll(p, 20, 3 * PAGE, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR);
	ANOTHER(p) {
		LOAD(p, 8, 10, 20, 0);
		STORE(p, 8, 10, 20, PAGE);
		done(p);
	}
	read_one(p, MSG);
	REQUEST(p, UFFDIO_CONTINUE, R(20), I(PAGE), I(0), I(0));
	EXPECT(p, 0, 0);
	read_one(p, MSG);
	zero(p, 20, PAGE);
	copy(p, 20, 2 * PAGE);
}

/* What the other one does to memory, the last of it to the first page of x20. */
static void change(struct prog *p)
{
	unsigned last;

	ADD(p, 10, 20, PAGE);
	SYS(p, __NR_munmap, R(10), I(PAGE));
	ADD(p, 10, 20, 2 * PAGE);
	SYS(p, __NR_madvise, R(10), I(PAGE), I(MADV_DONTNEED));
	ADD(p, 10, 20, 3 * PAGE);
	ADD(p, 9, 20, 10 * PAGE);
	SYS(p, __NR_mremap, R(10), I(PAGE), I(PAGE), I(MREMAP_MAYMOVE | MREMAP_FIXED), R(9));
	ADD(p, 10, 20, 4 * PAGE);
	SYS(p, NR_MMAP, R(10), I(PAGE), I(RW), I(ANON | MAP_FIXED), I(-1), I(0));
	SYS(p, __NR_madvise, R(21), I(PAGE), I(MADV_REMOVE));
	SYS(p, __NR_shmdt, R(22));
	SYS(p, __NR_brk, R(25));
	CHILD(p)
		work_exit(p, 0);
	last = p->n;
	SYS(p, __NR_munmap, R(20), I(PAGE));
	IF(p, 0, NE, 0)
		prog_go_to(p, last);
	done(p);
}

/* Memory of all kinds whose end somebody hears of: x20, x21, x22 and from x25 on. */
static void prepare(struct prog *p)
{
	open_one(p, UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
		    UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP);
	map(p, 20, 20 * PAGE, ANON);
	map(p, 21, PAGE, MAP_SHARED | MAP_ANONYMOUS);
	SYS(p, __NR_shmget, I(0), I(PAGE), I(0600));
	MOVE(p, 24, 0);
	SYS(p, __NR_shmat, R(24), I(0), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 22, 0);
	SYS(p, __NR_shmctl, R(24), I(0), I(0));
	SYS(p, __NR_brk, I(0));	/* a page's beginning */
	MOVE(p, 25, 0);
	ADD(p, 10, 25, 2 * PAGE);
	SYS(p, __NR_brk, R(10));
	enroll(p, 20, 9 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
	enroll(p, 21, PAGE, UFFDIO_REGISTER_MODE_MISSING);
	enroll(p, 22, PAGE, UFFDIO_REGISTER_MODE_MISSING);
	enroll(p, 25, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
}

static void events(struct prog *p)
{
	unsigned top;

	prepare(p);
	ANOTHER(p)
		change(p);
	top = p->n;
	read_one(p, MSG);
	SET(p, 9, MSG);
	LOAD(p, 8, 10, 9, 8);
	EMIT(p, {.op = HOST_OP_SUB, .d = 10, .a = 10, .b = 20});
	IF(p, 10, NE, 0)
		prog_go_to(p, top);
	/* The end, with one that nobody reads of. */
	ANOTHER(p) {
		ADD(p, 10, 20, 5 * PAGE);
		SYS(p, __NR_munmap, R(10), I(PAGE));
		done(p);
	}
	work_sleep(p);
}

/* A page and the tables for it, each of which may be refused; for one that is alone. */
static void refused(struct prog *p)
{
	work_needs(p, "-1000");
	LOOP(p, 24, 8) {
		open_one(p, 0);
		map(p, 20, 4ul << 21, ANON);
		enroll(p, 20, 4ul << 21, UFFDIO_REGISTER_MODE_MISSING);
		SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, "/mnt/pattern")), I(O_RDONLY));
		SYS(p, __NR_read, R(0), I(MORE), I(30000));
		work_hook(p, WORK_REFUSE);
		ADD(p, 10, 20, 1 << 21);
		REQUEST(p, UFFDIO_COPY, R(10), I(BUFFER), I(PAGE), I(0), I(0));
		work_hook(p, WORK_REFUSED);
		SYS(p, __NR_close, R(19));
	}
}

work_fn *const sweep_userfault[] = {missing, given, protected, shared, events, NULL};
work_fn *const sweep_userfault_refused[] = {refused, NULL};
