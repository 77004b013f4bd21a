/* tests/sim/sweep_proc.c -- what programs say of themselves in /proc, and what few files are asked.
 */
#include "base.h"

#define MORE (PROG_SPACE + 0x10000)	/* memory that nothing has touched yet */

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

/* Files that no other thing looks into. */
static void proc_files(struct prog *p)
{
	static const u64 event[8] = {0, (u64)SIGUSR1 | 1ul << 32}; /* SIGEV_NONE */

	for (int i = 0; i < 3; i++)
		SYS(p, __NR_timer_create, I(1), I(prog_data(p, event, 64)), I(work_fresh(p)));
	open_at(p, "/dev/kmsg", O_WRONLY);
	WITH_FD(p)
		SYS(p, __NR_write, R(19), I(MORE + 0x8000), I(20));
	read_file(p, "/proc/self/timers");
	open_at(p, "/proc/self/pagemap", O_RDONLY);
	WITH_FD(p)
		SYS(p, __NR_pread64, R(19), I(MORE), I(8192), I(PROG_CODE >> 9));
	open_at(p, "/proc/self/mem", O_RDWR);
	WITH_FD(p)
		SYS(p, __NR_pwrite64, R(19), I(MORE + 0x3000), I(100), I(BUFFER));
	static const char *const folders[] = {"/proc", "/proc/self/task", "/dev/pts", "/dev/mqueue"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		open_at(p, folders[i], O_RDONLY | O_DIRECTORY);
		WITH_FD(p)
			SYS(p, __NR_getdents64, R(19), I(MORE + 0x5000), I(4000));
	}
}

/* Whose they are: a namespace's owner and number; what chattr sets and lsattr shows. */
static void asked(struct prog *p)
{
	open_at(p, "/proc/self/ns/user", O_RDONLY);
	WITH_FD(p)
		SYS(p, __NR_ioctl, R(19), I(0xb704), I(MORE + 0x4000)); /* NS_GET_OWNER_UID */
	open_at(p, "/proc/self/ns/mnt", O_RDONLY);
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(0x8008b705), I(MORE + 0x5000)); /* NS_GET_MNTNS_ID */
		EXPECT(p, 0, 0);
	}
	open_at(p, "marked", O_RDWR | O_CREAT);
	WITH_FD(p) {
		SYS(p, __NR_ioctl, R(19), I(0x80086601), I(MORE + 0x6000)); /* FS_IOC_GETFLAGS */
		EXPECT(p, 0, 0);
		SYS(p, __NR_ioctl, R(19), I(0x40086602), I(MORE + 0x7000)); /* FS_IOC_SETFLAGS */
		EXPECT(p, 0, 0);
	}
}

/* More pages in use than are looked at in one go. */
static void much_memory(struct prog *p)
{
	SYS(p, NR_MMAP, I(0), I(2000 * 4096), I(PROT_READ | PROT_WRITE),
	    I(MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE), I(-1), I(0));
	EXPECT_OK(p, 0);
	read_file(p, "/proc/meminfo");
}

/* A title over the end of the arguments. */
static void title(struct prog *p)
{
	unsigned top;

	EMIT(p, {.op = HOST_OP_SP, .d = 22});
	LOAD(p, 8, 22, 22, 8); /* argv[0] */
	top = p->n;
	LOAD(p, 1, 21, 22, 0);
	ADD(p, 22, 22, 1);
	IF(p, 21, NE, 0)
		prog_go_to(p, top);
	SET(p, 21, 'x');
	STORE(p, 1, 21, 22, -1);
	read_file(p, "/proc/self/cmdline");
}

work_fn *const sweep_proc[] = {proc_files, asked, much_memory, title, NULL};
