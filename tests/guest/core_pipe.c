/* Core files that go to a program: how it is started, what it gets, and what becomes of both.
 *
 * The program is this one, under another name: `helper MODE ...` (see helpers below). */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "core_file.h"

#define PIPE_LIMIT "/proc/sys/kernel/core_pipe_limit"
#define SORT_VMA "/proc/sys/kernel/core_sort_vma"
#define HELPER "/tmp/core-helper"
#define FOLDER "/tmp/core-folder"	/* the test's */

/* --- the program --- */

/* What it has to say is in `out` when it ends. */
static FILE *out;

static void save(char **args)
{
	static char data[1 << 16];
	int fd = open("core", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	(void)args;
	while ((n = read(0, data, sizeof(data))) > 0)
		if (write(fd, data, (size_t)n) != n)
			_exit(1);
	fprintf(out, "%zd\n", n);
}

static void tell_arguments(char **args)
{
	for (int i = 0; args[i]; i++)
		fprintf(out, "[%s]", args[i]);
	fputs("\n", out);
}

static void tell_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *d;

	fputs("files", out);
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && atoi(d->d_name) != dirfd(dir) &&
		    atoi(d->d_name) != fileno(out))
			fprintf(out, " %s", d->d_name);
	fputs("\n", out);
}

static void tell_state(char **args)
{
	char line[256], here[128];
	struct rlimit limit;
	FILE *status = fopen("/proc/self/status", "r");
	struct stat st;

	(void)args;
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) ||
		    !strncmp(line, "Umask", 5) || !strncmp(line, "SigBlk", 6) ||
		    !strncmp(line, "SigIgn", 6) || !strncmp(line, "CapEff", 6) ||
		    !strncmp(line, "NoNewPrivs", 10))
			fputs(line, out);
	fclose(status);
	tell_files();
	getrlimit(RLIMIT_CORE, &limit);
	fprintf(out, "core %lu %lu\n", limit.rlim_cur, limit.rlim_max);
	getrlimit(RLIMIT_NOFILE, &limit);
	fprintf(out, "nofile %lu %lu\n", limit.rlim_cur, limit.rlim_max);
	fstat(0, &st);
	fprintf(out, "input %d %d\n", S_ISFIFO(st.st_mode), (int)st.st_uid);
	fprintf(out, "group %d session %d\n", getpgrp(), getsid(0));
	fprintf(out, "environment %d\n", environ && environ[0]);
	fprintf(out, "folder %s\n", getcwd(here, sizeof(here)));
}

/* Who dies is there as long as it is waited for. */
static void look(char **args)
{
	char path[64], exe[256] = "";
	ssize_t n;

	while (read(0, path, sizeof(path)) > 0)
		;
	snprintf(path, sizeof(path), "/proc/%s/exe", args[0]);
	n = readlink(path, exe, sizeof(exe) - 1);
	fprintf(out, "%d %d\n", n > 0, kill(atoi(args[0]), 0));
}

static void quit(char **args)
{
	(void)args;
}

static void die(char **args)
{
	int fd = open("deaths", O_WRONLY | O_CREAT | O_APPEND, 0600);

	(void)args;
	if (write(fd, "x", 1) == 1)
		abort();
}

/* It says who it is, so that the test can end it. */
static void hang(char **args)
{
	FILE *f = fopen("hangs.new", "w");

	(void)args;
	fprintf(f, "%d\n", getpid());
	fclose(f);
	rename("hangs.new", "hangs");
	for (;;)
		pause();
}

static void read_and_hang(char **args)
{
	char data[4096];

	while (read(0, data, sizeof(data)) > 0)
		;
	hang(args);
}

static const struct {
	const char *mode;
	void (*run)(char **);
} helpers[] = {
	{ "save", save }, { "arguments", tell_arguments }, { "state", tell_state },
	{ "look", look }, { "quit", quit }, { "die", die }, { "hang", hang },
	{ "read", read_and_hang },
};

[[gnu::constructor]] static void be_helper(int argc, char **argv, char **env)
{
	(void)env;
	if (argc < 2 || strcmp(argv[0], HELPER))
		return;
	out = fopen(FOLDER "/out", "w");
	/* One tells in which folder it was started. */
	if (!out || (strcmp(argv[1], "state") && chdir(FOLDER)))
		_exit(1);
	for (size_t i = 0; i < sizeof(helpers) / sizeof(*helpers); i++)
		if (!strcmp(argv[1], helpers[i].mode))
			helpers[i].run(argv + 2);
	fclose(out);
	_exit(0);
}

/* --- the tests' side --- */

/* A dump goes to HELPER with these arguments; `waits`: it waits for its end. */
static void pipe_to(const char *arguments, bool waits)
{
	char exe[256] = "", here[256], pattern[256];

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	CHECK(getcwd(here, sizeof(here)));
	unlink(HELPER);
	unlink(FOLDER);
	CHECK_EQ(symlink(exe, HELPER), 0);
	CHECK_EQ(symlink(here, FOLDER), 0);
	snprintf(pattern, sizeof(pattern), "|" HELPER " %s", arguments);
	CHECK(strlen(pattern) < 128);
	test_write_file(PATTERN, pattern);
	test_write_file(PIPE_LIMIT, waits ? "4" : "0");
}

static void pipe_to_nobody(void)
{
	test_write_file(PATTERN, "core");
	test_write_file(PIPE_LIMIT, "0");
	unlink(HELPER);
	unlink(FOLDER);
}

static bool out_is(const char *text)
{
	const char *is = test_read_file("out");

	if (!strcmp(is, text))
		return true;
	printf("# %s# and not\n# %s", is, text);
	fflush(stdout);
	return false;
}

/* The pid of a helper that hangs. */
static pid_t hanging(void)
{
	pid_t pid;

	while (access("hangs", F_OK))
		test_sleep_ms(10);
	pid = atoi(test_read_file("hangs"));
	CHECK_EQ(unlink("hangs"), 0);
	return pid;
}

static void end_helper(pid_t pid)
{
	CHECK_EQ(kill(pid, SIGKILL), 0);
	while (!kill(pid, 0))
		test_sleep_ms(10);
}

/* More than a pipe holds. */
#define MUCH (1ul << 20)
static char *much;

static void touch_much(void)
{
	much = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(much != MAP_FAILED);
	for (size_t i = 0; i < MUCH; i += PAGE)
		much[i] = 1;
}

/* --- what it gets --- */

TEST(it_gets_the_dump)
{
	const Elf64_Phdr *last;
	struct note note;
	pid_t pid;

	pipe_to("save", true);
	much = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(much != MAP_FAILED);
	/* There are no holes in a pipe. */
	strcpy(much + MUCH / 2, "in the middle");
	pid = crashing(0, NULL);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	pipe_to_nobody();
	CHECK(out_is("0\n"));
	core_open("core");
	CHECK(core_find_note(NT_PRSTATUS, &note));
	CHECK_EQ(((const struct prstatus *)note.data)->pid, pid);
	CHECK_EQ(((const struct prstatus *)note.data)->regs[19], MARK);
	CHECK_EQ(strcmp(core_memory(much + MUCH / 2), "in the middle"), 0);
	CHECK_EQ(strcmp(core_memory(much), ""), 0);
	last = &core.segments[core.elf->e_phnum - 1];
	CHECK_EQ(last->p_offset + last->p_filesz, core.size);
}

TEST(limits_do_not_cut_it)
{
	struct rlimit limit = { PAGE, RLIM_INFINITY };

	pipe_to("save", true);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(crash_status(2 * PAGE, touch_much), SIGTRAP | 0x80);
	pipe_to_nobody();
	CHECK(size_of("core") > (long)MUCH);
}

static void be_called(void)
{
	CHECK_EQ(prctl(PR_SET_NAME, "a b/c"), 0);
}

TEST(its_arguments)
{
	char want[512], exe[256] = "", *base;
	pid_t pid;

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	base = strrchr(exe, '/') + 1;
	/* Spaces part them before anything is put in its place; pids are not appended. */
	test_write_file(USES_PID, "1");
	pipe_to("arguments  a%%b\t%p %P %i%I %u %g %s %e x%zx %z %f %c %d 'q r' %", true);
	pid = crashing(12345, be_called);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	snprintf(want, sizeof(want),
		 "[a%%b][%d][%d][%d%d][0][0][5][a b!c][xx][][%s][12345][1]['q][r'][]\n", pid, pid,
		 pid, pid, base);
	CHECK(out_is(want));
	pipe_to("arguments %h %E ", true);
	CHECK_EQ(crash_status(0, NULL), SIGTRAP | 0x80);
	pipe_to_nobody();
	test_write_file(USES_PID, "0");
	for (char *at = exe; *at; at++)
		if (*at == '/')
			*at = '!';
	strcpy(want, "[");
	CHECK_EQ(gethostname(want + 1, 64), 0);
	snprintf(want + strlen(want), 400, "][%s]\n", exe);
	CHECK(out_is(want));
}

static void *crash_there(void *unused)
{
	(void)unused;
	crash();
}

static void crash_in_a_thread(void)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, crash_there, NULL), 0);
	for (;;)
		pause();
}

TEST(which_thread_died)
{
	int p, P, i, I, cpu;
	long when, before = time(NULL);
	pid_t pid;

	pipe_to("arguments %p %P %i %I %t %C", true);
	pid = crashing(0, crash_in_a_thread);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	pipe_to_nobody();
	CHECK_EQ(sscanf(test_read_file("out"), "[%d][%d][%d][%d][%ld][%d]", &p, &P, &i, &I, &when,
			&cpu), 6);
	CHECK_EQ(p, pid);
	CHECK_EQ(P, pid);
	CHECK_EQ(i, I);
	CHECK(i != pid);
	CHECK(when >= before && when <= time(NULL));
	CHECK(cpu >= 0 && cpu < sysconf(_SC_NPROCESSORS_CONF));
}

/* --- as what it runs --- */

static void become_somebody(void)
{
	CHECK_EQ(setresgid(1000, 1000, 1000), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(chdir("/tmp"), 0);
	umask(0);
	signal(SIGUSR1, SIG_IGN);
}

TEST(it_is_roots)
{
	pipe_to("state", true);
	CHECK_EQ(crash_status(0, become_somebody), SIGTRAP | 0x80);
	pipe_to_nobody();
	CHECK(out_is("Umask:\t0022\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
		     "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
		     "CapEff:\t000001ffffffffff\nNoNewPrivs:\t0\n"
		     "files 0\ncore 1 1\nnofile 1024 4096\ninput 1 0\ngroup 0 session 0\n"
		     "environment 0\nfolder /\n"));
}

/* --- when there is none --- */

static void become_undumpable(void)
{
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 0), 0);
}

TEST(a_limit_of_one_says_no)
{
	pipe_to("save", true);
	CHECK_EQ(crash_status(1, NULL), SIGTRAP);
	CHECK_EQ(crash_status(RLIM_INFINITY, become_undumpable), SIGTRAP);
	CHECK(access("out", F_OK));
	CHECK_EQ(crash_status(2, NULL), SIGTRAP | 0x80);
	pipe_to_nobody();
}

TEST(it_cannot_be_run)
{
	test_write_file("/tmp/core-text", "not a program\n");
	for (int limit = 0; limit < 2; limit++) {
		test_write_file(PIPE_LIMIT, limit ? "4" : "0");
		test_write_file(PATTERN, "|/tmp/there-is-none %p");
		CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
		test_write_file(PATTERN, "|/tmp/core-text");
		CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
		CHECK_EQ(chmod("/tmp/core-text", 0755), 0);
		CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
		CHECK_EQ(chmod("/tmp/core-text", 0644), 0);
		test_write_file(PATTERN, "|");
		CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
		test_write_file(PATTERN, "|  ");
		CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP);
	}
	pipe_to_nobody();
	CHECK_EQ(unlink("/tmp/core-text"), 0);
}

/* --- one that does not do what it should --- */

TEST(it_quits)
{
	pipe_to("quit", true);
	CHECK_EQ(crash_status(0, touch_much), SIGTRAP | 0x80);
	pipe_to("quit", false);
	CHECK_EQ(crash_status(0, touch_much), SIGTRAP | 0x80);
	pipe_to_nobody();
}

TEST(it_dies_itself)
{
	pipe_to("die", true);
	CHECK_EQ(crash_status(0, touch_much), SIGTRAP | 0x80);
	pipe_to_nobody();
	CHECK_EQ(size_of("deaths"), 1);
}

TEST(it_does_not_read)
{
	pid_t pid, helper;

	pipe_to("hang", false);
	pid = crashing(0, touch_much);
	helper = hanging();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	/* Others' signals come too late, but for one. */
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(test_wait(pid), SIGKILL);
	end_helper(helper);
	pid = crashing(0, touch_much);
	helper = hanging();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	end_helper(helper);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	pipe_to_nobody();
}

/* --- the limit --- */

TEST(the_end_is_not_waited_for)
{
	pid_t helper;

	pipe_to("read", false);
	CHECK_EQ(crash_status(0, touch_much), SIGTRAP | 0x80);
	helper = hanging();
	end_helper(helper);
	pipe_to_nobody();
}

TEST(the_end_is_waited_for)
{
	pid_t pid, helper;

	pipe_to("look %p", true);
	CHECK_EQ(crash_status(0, NULL), SIGTRAP | 0x80);
	CHECK(out_is("1 0\n"));
	pipe_to("read", true);
	pid = crashing(0, NULL);
	helper = hanging();
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	end_helper(helper);
	CHECK_EQ(test_wait(pid), SIGTRAP | 0x80);
	pid = crashing(0, NULL);
	helper = hanging();
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(test_wait(pid), SIGKILL);
	end_helper(helper);
	pipe_to_nobody();
}

TEST(so_many_at_a_time)
{
	pid_t first, second, helper, other;

	pipe_to("read", true);
	test_write_file(PIPE_LIMIT, "2");
	first = crashing(0, NULL);
	helper = hanging();
	second = crashing(0, NULL);
	other = hanging();
	CHECK_EQ(crash_status(0, NULL), SIGTRAP);
	CHECK(access("hangs", F_OK));
	end_helper(other);
	CHECK_EQ(test_wait(second), SIGTRAP | 0x80);
	/* Which makes room. */
	second = crashing(0, NULL);
	other = hanging();
	end_helper(other);
	end_helper(helper);
	CHECK_EQ(test_wait(first), SIGTRAP | 0x80);
	CHECK_EQ(test_wait(second), SIGTRAP | 0x80);
	pipe_to_nobody();
}

TEST(settings)
{
	static const char *const limits[] = { "7\n", "-1\n", "0\n" };
	int fd = open(PIPE_LIMIT, O_WRONLY), sort = open(SORT_VMA, O_WRONLY);

	for (int i = 0; i < 3; i++) {
		test_write_file(PIPE_LIMIT, limits[i]);
		CHECK_EQ(strcmp(test_read_file(PIPE_LIMIT), limits[i]), 0);
	}
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	CHECK_ERR(write(fd, "-x", 2), EINVAL);
	CHECK_ERR(write(fd, "4294967296", 10), EINVAL);
	CHECK_ERR(write(sort, "2", 1), EINVAL);
	CHECK_ERR(write(sort, "-1", 2), EINVAL);
	CHECK_EQ(strcmp(test_read_file(SORT_VMA), "0\n"), 0);
	test_write_file(PATTERN, "| a  b %p \n");
	CHECK_EQ(strcmp(test_read_file(PATTERN), "| a  b %p \n"), 0);
	test_write_file(PATTERN, "core");
}

/* --- the order of what is in a core file --- */

/* Every file's mapping is a segment, and they come in the same order. */
static void check_files(void)
{
	const uint64_t *words;
	struct note note;
	int segment = 0;

	CHECK(core_find_note(NT_FILE, &note));
	words = note.data;
	CHECK(words[0] > 3);
	for (uint64_t i = 0; i < words[0]; i++) {
		do
			CHECK(++segment < core.elf->e_phnum);
		while (core.segments[segment].p_vaddr != words[2 + 3 * i]);
	}
}

TEST(the_smallest_first)
{
	touch_much();
	strcpy(much, "found");
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	core_open("core");
	for (int i = 2; i < core.elf->e_phnum; i++)
		CHECK(core.segments[i].p_vaddr > core.segments[i - 1].p_vaddr);
	check_files();
	test_write_file(SORT_VMA, "1");
	CHECK_EQ(strcmp(test_read_file(SORT_VMA), "1\n"), 0);
	CHECK_EQ(crash_status(RLIM_INFINITY, NULL), SIGTRAP | 0x80);
	test_write_file(SORT_VMA, "0");
	core_open("core");
	for (int i = 2; i < core.elf->e_phnum; i++)
		CHECK(core.segments[i].p_filesz >= core.segments[i - 1].p_filesz);
	CHECK_EQ(core_segment(much)->p_filesz, MUCH);
	CHECK_EQ(strcmp(core_memory(much), "found"), 0);
	check_files();
}
