/* Core files: when there is one, what it is called and what it holds. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "core_file.h"

#define SUID_DUMPABLE "/proc/sys/fs/suid_dumpable"

static const char marked[] = "in the data of the program";

/* What this program is called. */
static const char *comm(void)
{
	static char name[17];

	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	return name;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* --- when there is one --- */

TEST(a_core_file_is_left)
{
	struct stat st;
	int status = crash_status(RLIM_INFINITY, NULL);

	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGTRAP);
	CHECK(WCOREDUMP(status));
	CHECK_EQ(stat("core", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_size % (long)PAGE, 0);
	CHECK_EQ(st.st_uid, 0);
}

TEST(waitid_tells)
{
	pid_t pid = crashing(RLIM_INFINITY, NULL);
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(info.si_code, CLD_DUMPED);
	CHECK_EQ(info.si_status, SIGTRAP);
	CHECK(WCOREDUMP(test_wait(pid)));
	pid = crashing(0, NULL);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	CHECK_EQ(info.si_code, CLD_KILLED);
}

static void die_of(void *sig)
{
	limit_core(RLIM_INFINITY);
	kill(getpid(), (int)(long)sig);
	for (;;)
		pause();
}

TEST(which_signals_leave_one)
{
	static const int leave[] = { SIGQUIT, SIGILL, SIGABRT, SIGFPE, SIGSEGV, SIGBUS, SIGSYS,
				     SIGTRAP, SIGXCPU, SIGXFSZ };
	static const int leave_none[] = { SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGPIPE, SIGUSR1,
					  SIGALRM };

	for (size_t i = 0; i < sizeof(leave) / sizeof(*leave); i++)
		CHECK_EQ(test_child(die_of, (void *)(long)leave[i]), leave[i] | 0x80);
	for (size_t i = 0; i < sizeof(leave_none) / sizeof(*leave_none); i++)
		CHECK_EQ(test_child(die_of, (void *)(long)leave_none[i]), leave_none[i]);
}

static void become_undumpable(void)
{
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
}

TEST(when_there_is_none)
{
	CHECK_EQ(crash_status(0, NULL), SIGTRAP);
	CHECK_EQ(crash_status(PAGE - 1, NULL), SIGTRAP);
	CHECK_EQ(crash_status(RLIM_INFINITY, become_undumpable), SIGTRAP);
	CHECK(!exists("core"));
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 3), EINVAL);
	/* A folder that cannot be written by who dies. */
	CHECK_EQ(mkdir("core", 0755), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
}

TEST(a_limit_cuts_it)
{
	CHECK_EQ(crash_status(2 * PAGE, NULL), SIGTRAP | 0x80);
	CHECK(size_of("core") <= (long)(2 * PAGE));
	CHECK(size_of("core") > 0);
}

static void limit_file(void)
{
	struct rlimit limit = { 2 * PAGE, RLIM_INFINITY };

	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST(the_limit_of_files_cuts_it)
{
	CHECK_EQ(crash_status(RLIM_INFINITY, limit_file), SIGTRAP | 0x80);
	CHECK(size_of("core") > 0 && size_of("core") <= (long)(2 * PAGE));
}

TEST(what_was_there_before)
{
	/* A file is replaced, even if it is somebody's. */
	test_write_file("core", "text");
	CHECK_EQ(chown("core", 1000, 1000), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	CHECK(size_of("core") > (long)PAGE);
	/* A link is not followed. */
	CHECK_EQ(unlink("core"), 0);
	test_write_file("target", "text");
	CHECK_EQ(symlink("target", "core"), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	CHECK_EQ(size_of("target"), 4);
}

/* --- what it holds --- */

TEST(registers_and_memory)
{
	pid_t pid = crashing(RLIM_INFINITY, NULL);
	const struct prstatus *status;
	struct note note;

	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	core_open("core");
	CHECK(core_find_note(NT_PRSTATUS, &note));
	CHECK_EQ(note.size, sizeof(*status));
	CHECK_EQ(strcmp(note.name, "CORE"), 0);
	status = note.data;
	CHECK_EQ(status->pid, pid);
	CHECK_EQ(status->ppid, getpid());
	CHECK_EQ(status->pgrp, getpgrp());
	CHECK_EQ(status->sid, getsid(0));
	CHECK_EQ(status->signo, SIGTRAP);
	CHECK_EQ(status->cursig, SIGTRAP);
	CHECK_EQ(status->code, 0);
	CHECK_EQ(status->fp_valid, 1);
	CHECK_EQ(status->regs[19], MARK);
	CHECK(core_segment((void *)status->regs[31]));
	CHECK(core_segment((void *)status->regs[32])->p_flags & PF_X);
	/* The program lies where it does here. */
	CHECK(core_memory(&core));
	CHECK(!memcmp(core_memory(environ), environ, sizeof(*environ)));
}

TEST(notes_in_order)
{
	static const uint32_t order[] = { NT_PRSTATUS, NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE,
					  NT_FPREGSET, NT_ARM_TLS, NT_ARM_HW_BREAK,
					  NT_ARM_HW_WATCH, NT_ARM_SYSTEM_CALL };
	pid_t pid = crashing(RLIM_INFINITY, NULL);
	const struct prpsinfo *info;
	size_t offset = 0;
	struct note note;

	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	core_open("core");
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		CHECK(core_note(&offset, &note));
		CHECK_EQ(note.type, order[i]);
		CHECK_EQ(strcmp(note.name, i < 6 ? "CORE" : "LINUX"), 0);
	}
	CHECK_EQ(*(const int32_t *)note.data, -1);
	CHECK(core_find_note(NT_PRPSINFO, &note));
	info = note.data;
	CHECK_EQ(info->pid, pid);
	CHECK_EQ(info->ppid, getpid());
	CHECK_EQ(info->uid, 0);
	CHECK_EQ(info->state, 0);
	CHECK_EQ(info->sname, 'R');
	CHECK_EQ(strcmp(info->name, comm()), 0);
	CHECK(strstr(info->args, comm()));
	CHECK(core_find_note(NT_SIGINFO, &note));
	CHECK_EQ(note.size, sizeof(siginfo_t));
	CHECK_EQ(((const siginfo_t *)note.data)->si_signo, SIGTRAP);
	CHECK_EQ(((const siginfo_t *)note.data)->si_code, TRAP_BRKPT);
	CHECK(core_find_note(NT_AUXV, &note));
	CHECK_EQ(note.size % 16, 0);
	CHECK_EQ(((const uint64_t *)note.data)[note.size / 8 - 2], AT_NULL);
}

TEST(mapped_files)
{
	char exe[256] = { 0 };
	const uint64_t *words;
	const char *name;
	struct note note;
	bool found = false;

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	core_open("core");
	CHECK(core_find_note(NT_FILE, &note));
	words = note.data;
	CHECK_EQ(words[1], PAGE);
	name = (const char *)(words + 2 + 3 * words[0]);
	for (uint64_t i = 0; i < words[0]; i++) {
		const uint64_t *entry = words + 2 + 3 * i;

		CHECK(core_segment((void *)entry[0]));
		if (entry[0] <= (uint64_t)marked && (uint64_t)marked < entry[1]) {
			CHECK_EQ(strcmp(name, exe), 0);
			found = true;
		}
		name += strlen(name) + 1;
	}
	CHECK(found);
	CHECK_EQ(name - (const char *)note.data, note.size);
}

/* --- threads --- */

#define THREADS 5

static void *wait_for_ever(void *ready)
{
	pthread_barrier_wait(ready);
	for (;;)
		pause();
}

static void *run_for_ever(void *ready)
{
	pthread_barrier_wait(ready);
	for (;;)
		asm volatile("" ::: "memory");
}

static void start_threads(void)
{
	static pthread_barrier_t ready;
	pthread_t thread;

	pthread_barrier_init(&ready, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread, NULL, i ? wait_for_ever : run_for_ever, &ready),
			 0);
	pthread_barrier_wait(&ready);
}

TEST(all_threads_are_in_it)
{
	int pids[THREADS + 1], count = 0, tls_count = 0;
	uint64_t tls[THREADS + 1];
	pid_t pid = crashing(RLIM_INFINITY, start_threads);
	struct note note;

	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	core_open("core");
	for (size_t offset = 0; core_note(&offset, &note);) {
		if (note.type == NT_PRSTATUS) {
			CHECK(count <= THREADS);
			pids[count++] = ((const struct prstatus *)note.data)->pid;
		} else if (note.type == NT_ARM_TLS) {
			tls[tls_count++] = *(const uint64_t *)note.data;
		}
	}
	CHECK_EQ(count, THREADS + 1);
	CHECK_EQ(tls_count, THREADS + 1);
	CHECK_EQ(pids[0], pid);
	for (int i = 0; i < count; i++)
		for (int j = 0; j < i; j++)
			CHECK(pids[i] != pids[j] && tls[i] != tls[j]);
}

static void *crash_here(void *unused)
{
	(void)unused;
	crash();
}

static void crash_in_a_thread(void)
{
	pthread_t thread;

	start_threads();
	CHECK_EQ(pthread_create(&thread, NULL, crash_here, NULL), 0);
	for (;;)
		pause();
}

TEST(another_thread_dies)
{
	pid_t pid = crashing(RLIM_INFINITY, crash_in_a_thread);
	const struct prpsinfo *info;
	const struct prstatus *status;
	struct note note;

	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	core_open("core");
	/* Who died comes first. */
	CHECK(core_find_note(NT_PRSTATUS, &note));
	status = note.data;
	CHECK(status->pid != pid);
	CHECK_EQ(status->regs[19], MARK);
	CHECK(core_find_note(NT_PRPSINFO, &note));
	info = note.data;
	CHECK_EQ(info->pid, pid);
	CHECK_EQ(info->sname, 'D');
}

/* --- which memory --- */

static char *private, *shared, *hidden, *of_file, *untouched;

static void map_all(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK_EQ(ftruncate(fd, (long)(2 * PAGE)), 0);
	CHECK_EQ(pwrite(fd, "file", 4, 0), 4);
	private = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	hidden = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	of_file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	untouched = mmap(NULL, 1ul << 36, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
	CHECK(untouched != MAP_FAILED);
	strcpy(private, "one");
	strcpy(private + 2 * PAGE, "three");
	strcpy(shared, "shared");
	strcpy(hidden, "hidden");
	CHECK_EQ(madvise(hidden, PAGE, MADV_DONTDUMP), 0);
}

TEST(which_memory)
{
	map_all();
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	core_open("core");
	CHECK_EQ(strcmp(core_memory(private), "one"), 0);
	CHECK_EQ(strcmp(core_memory(private + PAGE), ""), 0);
	CHECK_EQ(strcmp(core_memory(private + 2 * PAGE), "three"), 0);
	CHECK_EQ(core_segment(private)->p_flags, PF_R | PF_W);
	CHECK_EQ(strcmp(core_memory(shared), "shared"), 0);
	CHECK(!core_memory(hidden));
	CHECK(!core_memory(of_file));
	CHECK(!core_memory(untouched));
	CHECK_EQ(core_segment(untouched)->p_memsz, 1ul << 36);
	/* Of the program itself its first page, by which it is known. */
	CHECK(!core_memory(marked) || marked - (char *)core_segment(marked)->p_vaddr < (long)PAGE);
}

TEST(dumped_after_all)
{
	map_all();
	CHECK_EQ(madvise(hidden, PAGE, MADV_DODUMP), 0);
	CHECK_EQ(mprotect(private, PAGE, PROT_NONE), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	core_open("core");
	CHECK_EQ(strcmp(core_memory(hidden), "hidden"), 0);
	CHECK_EQ(strcmp(core_memory(private), "one"), 0);
	CHECK_EQ(core_segment(private)->p_flags, 0);
}

TEST(the_filter)
{
	CHECK_EQ(strcmp(test_read_file("/proc/self/coredump_filter"), "00000033\n"), 0);
	map_all();
	test_write_file("/proc/self/coredump_filter", "0x8");
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	core_open("core");
	CHECK_EQ(strcmp(core_memory(of_file), "file"), 0);
	CHECK(!core_memory(private));
	CHECK(!core_memory(shared));
	test_write_file("/proc/self/coredump_filter", "5\n");
	CHECK_EQ(strcmp(test_read_file("/proc/self/coredump_filter"), "00000005\n"), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	core_open("core");
	CHECK(!core_memory(of_file));
	CHECK_EQ(strcmp(core_memory(private), "one"), 0);
	CHECK_EQ(strcmp(core_memory(marked), marked), 0);
}

TEST(setting_the_filter)
{
	int fd = open("/proc/self/coredump_filter", O_RDWR);
	FILE *of_cat;
	char line[16];

	CHECK_ERR(write(fd, "x", 1), EINVAL);
	CHECK_ERR(write(fd, "0x100000000", 11), ERANGE);
	CHECK_EQ(write(fd, "0xffffffff", 10), 10);
	CHECK_EQ(strcmp(test_read_file("/proc/self/coredump_filter"), "000001ff\n"), 0);
	/* Over fork and exec. */
	of_cat = popen("cat /proc/self/coredump_filter", "r");
	CHECK(fgets(line, sizeof(line), of_cat));
	CHECK_EQ(strcmp(line, "000001ff\n"), 0);
}

/* --- names --- */

TEST(names_by_pattern)
{
	char name[128];
	pid_t pid;

	test_write_file(PATTERN, "%%-%p-%i-%e-%s-%u-%g-%d-%f-%z-%c%\n");
	pid = crashing(1 << 20, NULL);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	test_write_file(PATTERN, "core\n");
	snprintf(name, sizeof(name), "%%-%d-%d-%s-5-0-0-1-%s--%d", pid, pid, comm(),
		 comm(), 1 << 20);
	CHECK(exists(name));
}

TEST(names_with_a_folder)
{
	char name[128];

	CHECK_EQ(mkdir("folder", 0755), 0);
	test_write_file(PATTERN, "folder/of-%e");
	CHECK_EQ(strcmp(test_read_file(PATTERN), "folder/of-%e\n"), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	snprintf(name, sizeof(name), "folder/of-%s", comm());
	CHECK(exists(name));
	/* A name of a thread leads nowhere. */
	test_write_file(PATTERN, "folder/%e");
	prctl(PR_SET_NAME, "../x/y");
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	CHECK(exists("folder/..!x!y"));
	prctl(PR_SET_NAME, "..");
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	CHECK(exists("folder/!."));
	test_write_file(PATTERN, "no/folder");
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
	/* What is too long for it is cut. */
	memset(name, 'n', 127);
	name[127] = 0;
	test_write_file(PATTERN, name);
	name[127] = '\n';
	CHECK_EQ(strncmp(test_read_file(PATTERN), name, 128), 0);
	test_write_file(PATTERN, "core");
}

TEST(the_pid_is_appended)
{
	char name[32];
	pid_t pid;

	test_write_file(USES_PID, "1\n");
	pid = crashing(RLIM_INFINITY, NULL);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	snprintf(name, sizeof(name), "core.%d", pid);
	CHECK(exists(name));
	test_write_file(PATTERN, "%p");
	pid = crashing(RLIM_INFINITY, NULL);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	snprintf(name, sizeof(name), "%d", pid);
	CHECK(exists(name));
	test_write_file(PATTERN, "core");
	test_write_file(USES_PID, "0");
	CHECK_EQ(strcmp(test_read_file(USES_PID), "0\n"), 0);
}

/* --- who is not who started him --- */

static void become_somebody(void)
{
	CHECK_EQ(setresgid(1000, 1000, 1000), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
}

static void become_somebody_dumpable(void)
{
	become_somebody();
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

TEST(somebody_else)
{
	struct stat st;
	char pattern[256], here[200];

	CHECK_EQ(chmod(".", 0777), 0);
	CHECK(getcwd(here, sizeof(here)));
	CHECK_EQ(crash_status(RLIM_INFINITY, become_somebody), SIGTRAP);
	CHECK_EQ(crash_status(RLIM_INFINITY, become_somebody_dumpable), SIGTRAP | 0x80);
	CHECK_EQ(stat("core", &st), 0);
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(unlink("core"), 0);
	CHECK_EQ(chmod(".", 0755), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, become_somebody_dumpable), SIGTRAP);
	/* Root's file then, by an absolute name only, which replaces nothing. */
	test_write_file(SUID_DUMPABLE, "2\n");
	CHECK_EQ(crash_status(RLIM_INFINITY, become_somebody), SIGTRAP);
	snprintf(pattern, sizeof(pattern), "%s/root-%%d", here);
	if (strlen(pattern) < 128) {
		test_write_file(PATTERN, pattern);
		CHECK_EQ(crash_status(RLIM_INFINITY, become_somebody), SIGTRAP | 0x80);
		CHECK_EQ(stat("root-2", &st), 0);
		CHECK_EQ(st.st_uid, 0);
		CHECK_EQ(st.st_mode, S_IFREG | 0600);
		CHECK_EQ(crash_status(RLIM_INFINITY, become_somebody), SIGTRAP);
		test_write_file(PATTERN, "core");
	}
	test_write_file(SUID_DUMPABLE, "0\n");
}

TEST(settings_are_checked)
{
	int fd = open(SUID_DUMPABLE, O_WRONLY);

	CHECK_ERR(write(fd, "3", 1), EINVAL);
	CHECK_ERR(write(fd, "-1", 2), EINVAL);
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	CHECK_EQ(strcmp(test_read_file(SUID_DUMPABLE), "0\n"), 0);
}

/* --- and others --- */

static void kill_by_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 172 /* getpid */, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, code };

	signal(SIGSYS, SIG_IGN);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	(void)getpid();
}

TEST(a_filter_kills)
{
	const siginfo_t *info;
	struct note note;

	CHECK_EQ(crash_status(RLIM_INFINITY, kill_by_filter), SIGSYS | 0x80);
	core_open("core");
	CHECK(core_find_note(NT_SIGINFO, &note));
	info = note.data;
	CHECK_EQ(info->si_signo, SIGSYS);
	CHECK_EQ(info->si_syscall, 172);
	CHECK_EQ(crash_status(0, kill_by_filter), SIGSYS);
}

static void be_traced(void)
{
	CHECK_EQ(ptrace(PTRACE_TRACEME, 0, 0, 0), 0);
	raise(SIGSTOP);
}

TEST(its_tracer_hears_of_it)
{
	pid_t pid = crashing(RLIM_INFINITY, be_traced);
	unsigned long message;

	CHECK_EQ(test_wait(pid), SIGSTOP << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT), 0);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(test_wait(pid), SIGTRAP << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, SIGSEGV), 0);
	CHECK_EQ(test_wait(pid), (SIGTRAP | PTRACE_EVENT_EXIT << 8) << 8 | 0x7f);
	CHECK_EQ(ptrace(PTRACE_GETEVENTMSG, pid, 0, &message), 0);
	CHECK_EQ(message, SIGSEGV | 0x80);
	CHECK(exists("core"));
	CHECK_EQ(ptrace(PTRACE_CONT, pid, 0, 0), 0);
	CHECK_EQ(test_wait(pid), SIGSEGV | 0x80);
}

#define MUCH (64ul << 20)

static void touch_much(void)
{
	char *much = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(much != MAP_FAILED);
	for (size_t i = 0; i < MUCH; i += PAGE)
		much[i] = 1;
}

static bool is_dumping(pid_t pid)
{
	char path[32];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	line = strstr(test_read_file(path), "CoreDumping:\t");
	return line && line[13] == '1';
}

/* It ends the dump, whenever it comes; a file that is not whole does not count. */
TEST(killed_while_it_is_written)
{
	pid_t pid = crashing(RLIM_INFINITY, touch_much);
	siginfo_t info = { .si_pid = 0 };
	int status;

	while (!info.si_pid && !is_dumping(pid))
		CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	kill(pid, SIGKILL);
	status = test_wait(pid);
	CHECK(status == SIGKILL || status == (SIGTRAP | 0x80));
	if (WCOREDUMP(status))
		CHECK(size_of("core") > (long)MUCH);
}

TEST(many_at_once)
{
	pid_t pids[8];

	test_write_file(PATTERN, "core.%p");
	for (int i = 0; i < 8; i++)
		pids[i] = crashing(RLIM_INFINITY, start_threads);
	for (int i = 0; i < 8; i++) {
		char name[32];

		CHECK_EQ(test_wait(pids[i]), SIGTRAP | 0x80);
		snprintf(name, sizeof(name), "core.%d", pids[i]);
		CHECK(exists(name));
	}
	test_write_file(PATTERN, "core");
}
