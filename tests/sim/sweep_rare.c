/* tests/sim/sweep_rare.c -- waits that seldom come to be: much of something, what is in use by another,
 * memory that is not there when the kernel wants it.
 */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */
#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) I((n) * 4096ul)
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

#define NR_PROCESS_VM_WRITEV __NR_process_vm_writev

static void open_at(struct prog *p, const char *name, int flags)
{
	SYS(p, __NR_openat, I(AT_FDCWD), I(prog_string(p, name)), I(flags), I(0600));
}

/* All of a file, into memory that is not there yet. */
static void read_file(struct prog *p, const char *name)
{
	open_at(p, name, O_RDONLY);
	WITH_FD(p) {
		SYS(p, __NR_read, R(19), I(work_fresh(p)), I(4000));
		SYS(p, __NR_close, R(19));
	}
}

/* Pages of a mapping, all there, in x19. */
static void map(struct prog *p, u64 pages, int flags)
{
	SYS(p, NR_MMAP, I(0), PAGES(pages), I(RW), I(flags | MAP_ANONYMOUS | MAP_POPULATE), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
}

/* More pages than are done in one go. */
static void many_pages(struct prog *p)
{
	map(p, 300, MAP_PRIVATE);
	SYS(p, __NR_mprotect, R(19), PAGES(300), I(PROT_READ));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mprotect, R(19), PAGES(300), I(RW));
	EXPECT(p, 0, 0);
	read_file(p, "/proc/self/smaps");
	read_file(p, "/proc/self/numa_maps");
	CHILD(p)
		work_exit(p, 0);
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
	map(p, 300, MAP_PRIVATE);
	ADD(p, 20, 19, -0x10000000);
	SYS(p, __NR_mremap, R(19), PAGES(300), PAGES(300), I(3), R(20)); /* MAYMOVE, FIXED */
	EXPECT_REG(p, 0, 20);
	SYS(p, NR_MMAP, R(20), PAGES(300), I(RW), I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED), I(-1), I(0));
	EXPECT_REG(p, 0, 20);
	map(p, 600, MAP_SHARED);
	SYS(p, __NR_madvise, R(19), PAGES(40), I(9)); /* REMOVE */
	EXPECT(p, 0, 0);
	SYS(p, __NR_munmap, R(19), PAGES(600));
	EXPECT(p, 0, 0);
}

/* Far apart: a table for each. */
static void many_tables(struct prog *p)
{
	SYS(p, NR_MMAP, I(0), I(400ul << 21), I(RW), I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), I(-1),
	    I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	MOVE(p, 20, 0);
	SET(p, 23, 1);
	LOOP(p, 24, 400) {
		STORE(p, 8, 23, 20, 0);
		ADD(p, 20, 20, 1u << 21);
	}
	SYS(p, __NR_mprotect, R(19), I(400ul << 21), I(PROT_READ));
	EXPECT(p, 0, 0);
	CHILD(p)
		work_exit(p, 0);
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
	ADD(p, 20, 19, -0x1000000000);
	SYS(p, __NR_mremap, R(19), I(400ul << 21), I(400ul << 21), I(3), R(20)); /* MAYMOVE, FIXED */
	EXPECT_REG(p, 0, 20);
	SYS(p, __NR_munmap, R(20), I(400ul << 21));
	EXPECT(p, 0, 0);
}

/* More of a shared mapping than there is memory: whoever takes it is killed. */
static void too_much(struct prog *p)
{
	CHILD(p) {
		work_needs(p, "1000");
		SYS(p, NR_MMAP, I(0), PAGES(7000), I(RW), I(MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE), I(-1),
		    I(0));
		MOVE(p, 20, 0);
		SET(p, 23, 1);
		LOOP(p, 24, 7000) {
			STORE(p, 8, 23, 20, 0);
			ADD(p, 20, 20, 4096);
		}
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, SIGKILL);
}

/* One that sleeps has most of the memory, and is chosen to end; another one wants it, and waits for that. */
static void chosen(struct prog *p)
{
	work_needs(p, "-1000");
	CHILD(p) {
		work_needs(p, "1000");
		map(p, 2500, MAP_SHARED);
		SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 500000000}, 16)), I(0));
	CHILD(p) {
		map(p, 4000, MAP_SHARED);
		work_exit(p, 0);
	}
	MOVE(p, 25, 0);
	work_wait(p);
	EXPECT(p, 21, SIGKILL);
	MOVE(p, 20, 25);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* What is locked into memory grows there. */
static void locked(struct prog *p)
{
	map(p, 10, MAP_PRIVATE);
	SYS(p, __NR_mlock, R(19), PAGES(10));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mremap, R(19), PAGES(10), PAGES(20), I(1), I(0));
	EXPECT_OK(p, 0);
}

/* Memory that is there when a program wants it, and not when the kernel does. */
static void absent(struct prog *p)
{
	static const struct { u64 at, len; } local[1] = {{MORE, 5000}}, remote[1] = {{BUFFER, 5000}};
	static const u64 none[1];
	static char word[5000];

	CHILD(p) {
		SYS(p, __NR_ppoll, I(0), I(0), I(0), I(0), I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, NR_PROCESS_VM_WRITEV, R(20), I(prog_data(p, local, 16)), I(1), I(prog_data(p, remote, 16)),
	    I(1), I(0));
	EXPECT(p, 0, 5000);
	SYS(p, __NR_kill, R(20), I(SIGKILL));
	work_wait(p);
	SYS(p, __NR_seccomp, I(3), I(0), I(MORE + 0x2000)); /* GET_NOTIF_SIZES */
	EXPECT(p, 0, 0);
	SYS(p, __NR_futex, I(MORE + 0x3000), I(FUTEX_REQUEUE), I(1), I(1), I(MORE + 0x4000));
	EXPECT(p, 0, 0);
	SYS(p, __NR_futex, I(MORE + 0x5000), I(FUTEX_LOCK_PI), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_futex, I(MORE + 0x5000), I(FUTEX_UNLOCK_PI), I(0), I(0));
	SYS(p, __NR_futex, I(MORE + 0x8000), I(FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG), I(1), I(1),
	    I(MORE + 0x9000), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_futex, I(MORE + 0xa000), I(FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG), I(0),
	    I(prog_data(p, (const u64[]){0, 1}, 16)), I(MORE + 0xb000));
	EXPECT(p, 0, -ETIMEDOUT);
	/* A request that is longer than this kernel knows. */
	SET(p, 22, MORE + 0x6000);
	SET(p, 23, 64);
	STORE(p, 8, 23, 22, 0);
	SYS(p, 457, I(MORE + 0x6000), I(MORE + 0x7000), I(4096), I(0)); /* statmount */
	/* An argument of more than a page. */
	memset(word, 'w', sizeof(word) - 1);
	{
		const u64 argv[2] = {prog_data(p, word, sizeof(word))};

		CHILD(p) {
			SYS(p, __NR_execve, I(prog_string(p, "/true")), I(prog_data(p, argv, 16)),
			    I(prog_data(p, none, 8)));
			work_exit(p, 1);
		}
		MOVE(p, 20, 0);
		work_wait(p);
		EXPECT(p, 21, 0);
	}
}

/* Whoever holds a mutex with this word dies, and somebody waits for it. */
static void robust(struct prog *p)
{
	SET(p, 22, MORE);
	SET(p, 23, MORE + 0x1000);
	STORE(p, 8, 23, 22, 0);
	SET(p, 23, 32);
	STORE(p, 8, 23, 22, 8);
	SET(p, 21, MORE + 0x1000);
	STORE(p, 8, 22, 21, 0);
	CHILD(p) {
		SYS(p, __NR_set_robust_list, I(MORE), I(24));
		EXPECT(p, 0, 0);
		SYS(p, __NR_gettid, I(0));
		ADD(p, 23, 0, 0x80000000); /* FUTEX_WAITERS */
		SET(p, 22, MORE + 0x1000);
		STORE(p, 4, 23, 22, 32);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A lock whose owner ends with it, and who gets it then. */
static void inherited(struct prog *p)
{
	CHILD(p) {
		SET(p, 22, WORD);
		SET(p, 23, 0);
		STORE(p, 4, 23, 22, 0);
		SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0));
		IF(p, 0, EQ, 0) {
			SYS(p, __NR_futex, I(WORD), I(FUTEX_LOCK_PI), I(0), I(0));
			SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 2000000}, 16)), I(0));
			SYS(p, __NR_exit, I(0));
		}
		SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 500000}, 16)), I(0));
		SYS(p, __NR_futex, I(WORD), I(FUTEX_LOCK_PI), I(0), I(0));
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* The same for one that waited for a condition and was sent on to the lock. */
static void sent_on(struct prog *p)
{
	CHILD(p) {
		SET(p, 22, WORD);
		SET(p, 23, 0);
		STORE(p, 8, 23, 22, 0);
		SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0));
		IF(p, 0, EQ, 0) {
			SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT_REQUEUE_PI), I(0), I(0), I(WORD + 4));
			work_exit(p, 0);
		}
		SYS(p, __NR_futex, I(WORD + 4), I(FUTEX_LOCK_PI), I(0), I(0));
		SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 500000}, 16)), I(0));
		SYS(p, __NR_futex, I(WORD), I(FUTEX_CMP_REQUEUE_PI), I(1), I(0), I(WORD + 4), I(0));
		SYS(p, __NR_exit, I(0));
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* A thread that sleeps as long as another one runs. */
static void cpu_time(struct prog *p)
{
	static const u64 some[2] = {0, 300000};

	CHILD(p) {
		SYS(p, __NR_clone, I(THREAD), I(STACK), I(0), I(0), I(0));
		IF(p, 0, EQ, 0) {
			unsigned top = p->n;

			SYS(p, __NR_getpid, I(0));
			prog_go_to(p, top);
		}
		SYS(p, __NR_clock_nanosleep, I(2), I(0), I(prog_data(p, some, 16)), I(0));
		EXPECT(p, 0, 0);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* One that is stopped while it waits for a word, for so long, and goes on. */
static void stopped(struct prog *p)
{
	static const u64 a_while[2] = {0, 3000000};

	CHILD(p) {
		SYS(p, __NR_futex, I(WORD), I(FUTEX_WAIT), I(0), I(prog_data(p, a_while, 16)));
		EXPECT(p, 0, -ETIMEDOUT);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	SYS(p, __NR_nanosleep, I(prog_data(p, (const u64[]){0, 500000}, 16)), I(0));
	SYS(p, __NR_kill, R(20), I(SIGSTOP));
	SYS(p, __NR_wait4, R(20), I(STATUS), I(2), I(0));
	EXPECT_REG(p, 0, 20);
	SYS(p, __NR_kill, R(20), I(SIGCONT));
	work_wait(p);
	EXPECT(p, 21, 0);
}

/* The area that says on which CPU a thread is, and the memory a signal's frame lies in, are gone when
 * they are wanted. */
static void frames(struct prog *p)
{
	work_handler(p, SIGUSR1);
	SYS(p, __NR_rseq, I(MORE + 0x20), I(32), I(0), I(0x53053053));
	EXPECT(p, 0, 0);
	LOOP(p, 24, 3) {
		SYS(p, __NR_madvise, I(MORE), I(4096), I(4));
		work_sleep(p);
	}
	SYS(p, __NR_madvise, I(MORE), I(4096), I(4));
	SYS(p, __NR_getpid, I(0));
	SYS(p, __NR_kill, R(0), I(SIGUSR1));
	EXPECT(p, 0, 0);
}

/* The frame lies in a file's memory, and the handler lets go of that: it has to be brought in again. */
static void frame_of_a_file(struct prog *p)
{
	unsigned over = prog_go(p), handler = p->n, restorer;
	u64 action[4];

	SET(p, 19, MORE);
	LOAD(p, 8, 0, 19, 0x100);
	SYS(p, __NR_madvise, R(0), I(8 * 4096), I(4)); /* DONTNEED */
	EMIT(p, {.op = HOST_OP_RETURN});
	restorer = p->n;
	SET(p, 8, __NR_rt_sigreturn);
	EMIT(p, {.op = HOST_OP_SVC});
	prog_land(p, over);
	action[0] = PROG_CODE + handler * 16ul;
	action[1] = 0x0c000000; /* SA_RESTORER, SA_ONSTACK */
	action[2] = PROG_CODE + restorer * 16ul;
	action[3] = 0;
	SYS(p, __NR_rt_sigaction, I(SIGUSR1), I(prog_data(p, action, sizeof(action))), I(0), I(8));
	EXPECT(p, 0, 0);
	open_at(p, "frames", O_RDWR | O_CREAT);
	MOVE(p, 19, 0);
	SYS(p, NR_FTRUNCATE, R(19), PAGES(8));
	SYS(p, NR_MMAP, I(0), PAGES(8), I(RW), I(MAP_SHARED), R(19), I(0));
	EXPECT_OK(p, 0);
	SET(p, 22, MORE);
	STORE(p, 8, 0, 22, 0x100);
	STORE(p, 8, 0, 22, 0);		/* stack_t: where, flags, how much */
	SET(p, 23, 0);
	STORE(p, 8, 23, 22, 8);
	SET(p, 23, 8 * 4096);
	STORE(p, 8, 23, 22, 16);
	SYS(p, __NR_sigaltstack, I(MORE), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_getpid, I(0));
	SYS(p, __NR_kill, R(0), I(SIGUSR1));
	EXPECT(p, 0, 0);
}

/* Both ends of what others do with a lock held: reads of one open file that wait for the disk, and what
 * waits behind them. */
static void contended(struct prog *p)
{
	open_at(p, "/mnt/pattern", O_RDONLY);
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	open_at(p, "/proc/sys/vm/drop_caches", O_WRONLY);
	SYS(p, __NR_write, R(0), I(prog_string(p, "3")), I(1));
	work_sleep(p);
	CHILD(p) {
		SYS(p, __NR_read, R(19), I(MORE), I(30000));
		EXPECT(p, 0, 30000);
		work_exit(p, 0);
	}
	MOVE(p, 20, 0);
	CHILD(p) {
		SYS(p, NR_LSEEK, R(19), I(0), I(1));
		EXPECT_OK(p, 0);
		work_exit(p, 0);
	}
	MOVE(p, 25, 0);
	SYS(p, __NR_sched_yield, I(0));
	SYS(p, NR_LSEEK, R(19), I(0), I(1));
	work_wait(p);
	EXPECT(p, 21, 0);
	MOVE(p, 20, 25);
	work_wait(p);
	/* A directory that is read by one, and looked into by others. */
	open_at(p, "/proc/sys/vm/drop_caches", O_WRONLY);
	SYS(p, __NR_write, R(0), I(prog_string(p, "3")), I(1));
	work_sleep(p);
	LOOP(p, 24, 3) {
		CHILD(p) {
			open_at(p, "/over/many", O_RDONLY | O_DIRECTORY);
			MOVE(p, 19, 0);
			SYS(p, __NR_getdents64, R(19), I(MORE), I(4000));
			SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over/many/new")), I(0700));
			open_at(p, "/over/many/entry-with-a-longer-name-7", O_RDWR);
			work_exit(p, 0);
		}
	}
	LOOP(p, 24, 3) {
		SYS(p, __NR_wait4, I(-1), I(STATUS), I(0), I(0));
		EXPECT_OK(p, 0);
	}
}

/* Descriptors with something behind them that has to be closed. */
static void closing(struct prog *p)
{
	static const struct { u32 events, pad; u64 data; } event = {1, 0, 0};

	SYS(p, __NR_pipe2, I(FDS), I(0));
	SET(p, 22, FDS);
	LOAD(p, 4, 20, 22, 0);
	LOAD(p, 4, 21, 22, 4);
	SYS(p, __NR_epoll_create1, I(0));
	MOVE(p, 19, 0);
	SYS(p, __NR_epoll_ctl, R(19), I(1), R(20), I(prog_data(p, &event, 16)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_epoll_ctl, R(19), I(1), R(21), I(prog_data(p, &event, 16)));
	EXPECT(p, 0, 0);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_dup3, R(20), R(21), I(0));
	EXPECT_REG(p, 0, 21);
	open_at(p, "/mnt", O_RDONLY | O_DIRECTORY);
	WITH_FD(p)
		SYS(p, __NR_syncfs, R(19));
	SYS(p, __NR_open_tree, I(AT_FDCWD), I(prog_string(p, "/mnt/directory")), I(0));
	/* A device by its name, for a file system that it is mounted with already. */
	SYS(p, __NR_fsopen, I(prog_string(p, "ext4")), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
	SYS(p, __NR_fsconfig, R(19), I(1), I(prog_string(p, "source")), I(prog_string(p, "/dev/vda")), I(0));
	SYS(p, __NR_fsconfig, R(19), I(0), I(prog_string(p, "ro")), I(0), I(0));
	SYS(p, __NR_fsconfig, R(19), I(6), I(0), I(0), I(0)); /* CMD_CREATE */
	SYS(p, __NR_close, R(19));
}

/* 140 files with names of two letters, in the current folder, and a look at them. */
static void fill_folder(struct prog *p)
{
	SET(p, 22, BUFFER);
	SET(p, 21, 0x4141);
	LOOP(p, 24, 140) {
		STORE(p, 4, 21, 22, 0);
		SYS(p, __NR_mknodat, I(AT_FDCWD), I(BUFFER), I(0100600), I(0));
		EXPECT(p, 0, 0);
		ADD(p, 21, 21, 1);
	}
	open_at(p, ".", O_RDONLY | O_DIRECTORY);
	WITH_FD(p) {
		SYS(p, __NR_getdents64, R(19), I(MORE), I(8000));
		EXPECT_OK(p, 0);
		SYS(p, __NR_getdents64, R(19), I(MORE), I(8000));
	}
}

static void folders(struct prog *p)
{
	/* Neither is in the upper layer yet. */
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, "/over/many/entry-with-a-longer-name-3")),
	    I(AT_FDCWD), I(prog_string(p, "/over/directory/came")), I(0));
	EXPECT(p, 0, 0);
	fill_folder(p);
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over/short")), I(0755));
	SYS(p, __NR_chdir, I(prog_string(p, "/over/short")));
	EXPECT(p, 0, 0);
	fill_folder(p);
	/* One that is in both layers, within another one that is. */
	open_at(p, "/over/directory/inner/made", O_RDWR | O_CREAT);
	EXPECT_OK(p, 0);
	open_at(p, "/over/directory", O_RDONLY | O_DIRECTORY);
	WITH_FD(p)
		SYS(p, __NR_getdents64, R(19), I(MORE + 0x2000), I(4000));
	open_at(p, "/mnt/directory/inner", O_RDONLY | O_DIRECTORY);
	WITH_FD(p)
		SYS(p, __NR_getdents64, R(19), I(MORE + 0x3000), I(4000));
	/* Over one that only looks empty. */
	SYS(p, __NR_mkdirat, I(AT_FDCWD), I(prog_string(p, "/over/moved")), I(0755));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/over/directory/inner/made")), I(0));
	SYS(p, __NR_unlinkat, I(AT_FDCWD), I(prog_string(p, "/over/directory/inner/file")), I(0));
	SYS(p, __NR_renameat2, I(AT_FDCWD), I(prog_string(p, "/over/moved")), I(AT_FDCWD),
	    I(prog_string(p, "/over/directory/inner")), I(0));
	EXPECT(p, 0, 0);
}

work_fn *const sweep_rare[] = {many_pages, many_tables, too_much, locked, chosen, absent, robust,
			       inherited, sent_on, cpu_time, stopped, frames, frame_of_a_file, contended, closing, folders, NULL};
