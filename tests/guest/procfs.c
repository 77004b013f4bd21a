/* What /proc and the small devices tell. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

/* The number after "NAME:" in a file of such lines, or -1. */
static long field(const char *path, const char *name)
{
	const char *text = test_read_file(path), *at;
	char key[64];

	snprintf(key, sizeof(key), "%s:", name);
	at = strncmp(text, key, strlen(key)) ? strstr(text, key) : text;
	return at ? atol(at + strlen(key)) : -1;
}

TEST(status_of_a_process)
{
	CHECK_EQ(field("/proc/self/status", "Pid"), getpid());
	CHECK_EQ(field("/proc/self/status", "PPid"), getppid());
	CHECK_EQ(field("/proc/self/status", "Tgid"), getpid());
	CHECK_EQ(field("/proc/self/status", "Threads"), 1);
	CHECK(field("/proc/self/status", "VmRSS") > 0);
	CHECK(field("/proc/self/status", "VmSize") >= field("/proc/self/status", "VmRSS"));
	CHECK(strstr(test_read_file("/proc/self/status"), "State:\tR (running)"));
}

TEST(stat_of_a_process)
{
	const char *text = test_read_file("/proc/self/stat");
	int pid, parent, group, session;
	char name[32], state;

	CHECK_EQ(sscanf(text, "%d (%31[^)]) %c %d %d %d", &pid, name, &state, &parent, &group,
			&session), 6);
	CHECK_EQ(pid, getpid());
	CHECK_EQ(parent, getppid());
	CHECK_EQ(group, getpgrp());
	CHECK_EQ(session, getsid(0));
	CHECK_EQ(state, 'R');
}

TEST(a_stopped_and_a_dead_child)
{
	char path[64];
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	CHECK(strstr(test_read_file(path), ") T "));
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &(siginfo_t) { 0 }, WEXITED | WNOWAIT);
	CHECK(strstr(test_read_file(path), ") Z "));
	test_wait(pid);
	CHECK_ERR(open(path, O_RDONLY), ENOENT);
}

TEST(arguments_and_environment)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *argv[] = { "bash", "-c",
			"[ \"$(tr '\\0' '|' < /proc/$$/cmdline | head -c 8)\" = 'bash|-c|' ] &&"
			"[ \"$(tr '\\0' '|' < /proc/$$/environ)\" = 'A=1|B=2|' ]", NULL };
		char *envp[] = { "A=1", "B=2", NULL };

		execve("/bin/bash", argv, envp);
	}
	CHECK_EQ(test_wait(pid), 0);
}

TEST(maps_name_what_is_mapped)
{
	char line[128];
	char *at = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE, open("/bin/bash", O_RDONLY), 4096);

	snprintf(line, sizeof(line), "%lx-%lx r--p 00001000 ", (long)at, (long)at + 3 * 4096);
	CHECK(strstr(test_read_file("/proc/self/maps"), line));
	CHECK(strstr(test_read_file("/proc/self/maps"), "[stack]"));
	CHECK(strstr(test_read_file("/proc/self/maps"), "libc.so.6"));
	CHECK(strstr(test_read_file("/proc/self/maps"), "[vdso]"));
}

TEST(links_of_a_process)
{
	char text[256] = "", here[256];
	ssize_t n;
	int fd;

	CHECK(getcwd(here, sizeof(here)));
	CHECK(readlink("/proc/self/cwd", text, sizeof(text) - 1) > 0);
	CHECK_EQ(strcmp(text, here), 0);
	n = readlink("/proc/self/exe", text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = '\0';
	CHECK_EQ(access(text, X_OK), 0);
	n = readlink("/proc/self", text, sizeof(text) - 1);
	text[n] = '\0';
	CHECK_EQ(atoi(text), getpid());
	test_write_file("f", "content");
	fd = open("f", O_RDONLY);
	unlink("f");
	snprintf(here, sizeof(here), "/proc/self/fd/%d", fd);
	n = readlink(here, text, sizeof(text) - 1);
	text[n] = '\0';
	CHECK(strstr(text, "/f (deleted)"));
	CHECK_EQ(strcmp(test_read_file(here), "content"), 0);
}

TEST(descriptors_are_listed)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	int n = 0;

	CHECK(folder);
	while ((entry = readdir(folder)))
		n += entry->d_name[0] != '.';
	CHECK(n >= 4);
	CHECK_ERR(open("/proc/self/fd/99", O_RDONLY), ENOENT);
}

TEST(memory_of_the_system)
{
	struct sysinfo info;
	long total = field("/proc/meminfo", "MemTotal");

	CHECK(total > 100000);
	CHECK(field("/proc/meminfo", "MemFree") > 0);
	CHECK(field("/proc/meminfo", "MemAvailable") <= total);
	CHECK_EQ(sysinfo(&info), 0);
	CHECK_EQ(info.totalram / 1024 * info.mem_unit, total);
	CHECK(info.procs > 0);
}

TEST(processes_are_listed)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	bool first = false, self = false;

	CHECK(folder);
	while ((entry = readdir(folder))) {
		first |= !strcmp(entry->d_name, "1");
		self |= atoi(entry->d_name) == getpid();
	}
	CHECK(first && self);
}

TEST(read_only_and_partial_reads)
{
	char one[2] = "", all[4096];
	int fd = open("/proc/self/stat", O_RDONLY);
	ssize_t n = read(fd, all, sizeof(all));

	CHECK(n > 50);
	CHECK_EQ(read(fd, all + n, 10), 0);
	CHECK_EQ(pread(fd, one, 1, 1), 1);
	CHECK_EQ(one[0], all[1]);
	CHECK_ERR(open("/proc/new", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_ERR(mkdir("/proc/new", 0755), ENOENT);
	CHECK_ERR(unlink("/proc/self/stat"), EPERM);
}

static void peek(void *path)
{
	CHECK_ERR(open(path, O_RDONLY), EACCES);
}

TEST(others_may_not_look_into_a_process)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/environ", getpid());
	CHECK_EQ(test_child_as(65534, peek, path), 0);
}

TEST(names_of_the_system)
{
	struct utsname name;

	CHECK_EQ(uname(&name), 0);
	CHECK_EQ(strcmp(name.sysname, "Linux"), 0);
	CHECK_EQ(strcmp(name.machine, "aarch64"), 0);
	CHECK_EQ(strcmp(name.nodename, "lichen"), 0);
}

TEST(the_auxiliary_vector)
{
	CHECK_EQ(getauxval(AT_PAGESZ), 4096);
	CHECK_EQ(getauxval(AT_UID), 0);
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK(getauxval(AT_PHDR) && getauxval(AT_PHNUM) && getauxval(AT_BASE) && getauxval(AT_ENTRY));
	CHECK(getauxval(AT_RANDOM) && getauxval(AT_EXECFN) && getauxval(AT_SYSINFO_EHDR));
	CHECK_EQ(strcmp((char *)getauxval(AT_PLATFORM), "aarch64"), 0);
	CHECK(getauxval(AT_HWCAP));
}

TEST(random_bytes)
{
	char a[64], b[64];

	CHECK_EQ(getrandom(a, sizeof(a), 0), sizeof(a));
	CHECK_EQ(getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)));
	CHECK_ERR(getrandom(a, 10, 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, 16, 10, 0), EFAULT);
	CHECK_EQ(read(open("/dev/urandom", O_RDONLY), a, sizeof(a)), sizeof(a));
	CHECK_EQ(write(open("/dev/random", O_WRONLY), a, sizeof(a)), sizeof(a));
}

/* --- usage --- */

TEST(what_a_process_read_and_wrote)
{
	long read_before = field("/proc/self/io", "rchar"), calls = field("/proc/self/io", "syscr");
	long wrote = field("/proc/self/io", "wchar"), writes = field("/proc/self/io", "syscw");
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	struct iovec two[2] = { { "abc", 3 }, { "defgh", 5 } };
	char buffer[100];

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(writev(fd, two, 2), 8);
	CHECK_EQ(field("/proc/self/io", "wchar") - wrote, 18);
	CHECK_EQ(field("/proc/self/io", "syscw") - writes, 2);
	CHECK_EQ(pread(fd, buffer, 100, 0), 18);
	CHECK(field("/proc/self/io", "rchar") - read_before >= 18);
	CHECK(field("/proc/self/io", "syscr") - calls >= 3);
	CHECK(field("/proc/self/io", "read_bytes") >= 0);
}

TEST(what_is_resident)
{
	char *p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long rss = field("/proc/self/smaps_rollup", "Rss");
	long anon = field("/proc/self/smaps_rollup", "Anonymous");
	pid_t child;

	memset(p, 1, 16 * 4096);
	CHECK(field("/proc/self/smaps_rollup", "Rss") - rss >= 64);
	CHECK(field("/proc/self/smaps_rollup", "Anonymous") - anon >= 64);
	CHECK(field("/proc/self/smaps_rollup", "Private_Dirty") >= 64);
	child = fork();
	if (!child) {
		/* Shared with the parent now: half counts. */
		CHECK(field("/proc/self/smaps_rollup", "Shared_Dirty") >= 64);
		_exit(field("/proc/self/smaps_rollup", "Pss") <
		      field("/proc/self/smaps_rollup", "Rss") - 32 ? 0 : 1);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK(strstr(test_read_file("/proc/self/smaps"), "VmFlags: rd "));
}

TEST(locks_are_listed)
{
	char want[64];
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	struct flock range = { .l_type = F_WRLCK, .l_start = 10, .l_len = 5 };

	CHECK_EQ(fcntl(fd, F_SETLK, &range), 0);
	snprintf(want, sizeof(want), ": POSIX  ADVISORY  WRITE %d ", getpid());
	CHECK(strstr(test_read_file("/proc/locks"), want));
	CHECK(strstr(test_read_file("/proc/locks"), " 10 14\n"));
	CHECK_EQ(flock(open("f", O_RDONLY), LOCK_SH), 0);
	snprintf(want, sizeof(want), ": FLOCK  ADVISORY  READ %d ", getpid());
	CHECK(strstr(test_read_file("/proc/locks"), want));
	close(fd);
	CHECK(!strstr(test_read_file("/proc/locks"), " 10 14\n"));
}

TEST(children_of_a_thread)
{
	char path[64], want[16];
	pid_t child = fork();

	if (!child)
		_exit(pause());
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	snprintf(want, sizeof(want), "%d ", child);
	CHECK(!strcmp(test_read_file(path), want));
	CHECK_EQ(access("/proc/self/children", F_OK), -1);
	kill(child, SIGKILL);
	test_wait(child);
	CHECK(!strcmp(test_read_file(path), ""));
}

TEST(the_machine_in_sysfs)
{
	char path[80];

	CHECK(!strcmp(test_read_file("/sys/devices/system/cpu/cpu0/topology/core_cpus_list"), "0\n"));
	CHECK(!strcmp(test_read_file("/sys/devices/system/node/online"), "0\n"));
	CHECK(!strcmp(test_read_file("/sys/devices/system/memory/block_size_bytes"), "8000000\n"));
	CHECK(!strcmp(test_read_file("/sys/devices/system/memory/memory8/state"), "online\n"));
	CHECK_EQ(access("/sys/devices/system/cpu/cpu99", F_OK), -1);
	CHECK_EQ(readlink("/sys/class/block/vda", path, sizeof(path)) > 0, 1);
	CHECK(atol(test_read_file("/sys/class/block/vda/size")) > 0);
	CHECK_EQ(atol(test_read_file("/sys/block/vda/queue/logical_block_size")), 512);
}

TEST(the_load)
{
	struct sysinfo info;
	double one, five, fifteen;
	int running, threads, last;

	CHECK_EQ(sscanf(test_read_file("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &one, &five,
			&fifteen, &running, &threads, &last), 6);
	CHECK(running >= 1 && threads >= running && last >= getpid());
	CHECK_EQ(sysinfo(&info), 0);
	CHECK(info.loads[0] / 65536.0 - one < 1 && one - info.loads[0] / 65536.0 < 1);
}

/* --- the priority of reads and writes --- */

enum { NONE, REAL_TIME, BEST_EFFORT, IDLE };
#define IOPRIO(class, level) ((class) << 13 | (level))

static long io_priority(int which, int who)
{
	return syscall(SYS_ioprio_get, which, who);
}

static long set_io_priority(int which, int who, int priority)
{
	return syscall(SYS_ioprio_set, which, who, priority);
}

static void without_privilege(void *)
{
	CHECK_ERR(set_io_priority(1, 0, IOPRIO(REAL_TIME, 0)), EPERM);
	CHECK_ERR(set_io_priority(1, 1, IOPRIO(IDLE, 0)), EPERM);
	CHECK_EQ(set_io_priority(1, 0, IOPRIO(IDLE, 0)), 0);
	CHECK_EQ(io_priority(1, 0), IOPRIO(IDLE, 0));
}

TEST(io_priorities)
{
	pid_t child;

	CHECK_EQ(io_priority(1, 0), 0);
	CHECK_EQ(io_priority(2, 0), IOPRIO(BEST_EFFORT, 4));
	CHECK_EQ(set_io_priority(1, 0, IOPRIO(BEST_EFFORT, 7)), 0);
	CHECK_EQ(io_priority(1, getpid()), IOPRIO(BEST_EFFORT, 7));
	child = fork();
	if (!child) {
		CHECK_EQ(io_priority(1, 0), IOPRIO(BEST_EFFORT, 7));
		CHECK_EQ(set_io_priority(1, 0, IOPRIO(REAL_TIME, 1)), 0);
		CHECK_EQ(io_priority(2, 0), IOPRIO(REAL_TIME, 1));
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(io_priority(2, 0), IOPRIO(BEST_EFFORT, 7));
	CHECK_EQ(set_io_priority(2, 0, IOPRIO(IDLE, 0)), 0);
	CHECK_EQ(io_priority(1, 0), IOPRIO(IDLE, 0));
	CHECK_ERR(set_io_priority(1, 0, IOPRIO(NONE, 1)), EINVAL);
	CHECK_ERR(set_io_priority(1, 0, IOPRIO(4, 0)), EINVAL);
	CHECK_ERR(set_io_priority(4, 0, IOPRIO(IDLE, 0)), EINVAL);
	CHECK_ERR(set_io_priority(1, 99999, IOPRIO(IDLE, 0)), ESRCH);
	CHECK_ERR(io_priority(9, 0), EINVAL);
	CHECK_EQ(test_child_as(1000, without_privilege, NULL), 0);
}

TEST(a_folder_of_a_process_takes_signals)
{
	char path[32];
	pid_t child = fork();
	int folder;

	if (!child)
		_exit(pause());
	snprintf(path, sizeof(path), "/proc/%d", child);
	folder = open(path, O_RDONLY | O_DIRECTORY);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, folder, 0, NULL, 0), 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, folder, SIGKILL, NULL, 0), 0);
	CHECK_EQ(test_wait(child), SIGKILL);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, folder, 0, NULL, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, open("/proc", O_RDONLY), 0, NULL, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, open("/proc/self/task", O_RDONLY), 0, NULL, 0), EBADF);
}

TEST(locks_of_a_descriptor)
{
	char path[64], want[64];
	int fd = open("f", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(flock(fd, LOCK_EX), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "\nlock:\t1: FLOCK  ADVISORY  WRITE %d ", getpid());
	CHECK(strstr(test_read_file(path), want));
	CHECK_EQ(flock(fd, LOCK_UN), 0);
	CHECK(!strstr(test_read_file(path), "lock:"));
}

static int made_timer(int clock, int notify, int tid, long value)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = 60 };
	int id;

	event.sigev_value.sival_ptr = (void *)value;
	event._sigev_un._tid = tid;
	CHECK_EQ(syscall(SYS_timer_create, clock, &event, &id), 0);
	return id;
}

TEST(timers_as_they_were_made)
{
	char want[512], path[64];
	int id[4], pid = getpid();

	CHECK_EQ(strcmp(test_read_file("/proc/self/timers"), ""), 0);
	id[0] = made_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, 0x123456789abcdef);
	id[1] = made_timer(CLOCK_REALTIME, SIGEV_SIGNAL | SIGEV_THREAD_ID, pid, 7);
	id[2] = made_timer(CLOCK_BOOTTIME, SIGEV_NONE, 0, 0);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_TAI, NULL, &id[3]), 0);
	snprintf(want, sizeof(want),
		 "ID: %d\nsignal: 14/%016x\nnotify: signal/pid.%d\nClockID: 11\n"
		 "ID: %d\nsignal: 60/0000000000000000\nnotify: none/pid.%d\nClockID: 7\n"
		 "ID: %d\nsignal: 60/0000000000000007\nnotify: signal/tid.%d\nClockID: 0\n"
		 "ID: %d\nsignal: 60/0123456789abcdef\nnotify: signal/pid.%d\nClockID: 1\n",
		 id[3], id[3], pid, id[2], pid, id[1], pid, id[0], pid);
	CHECK_EQ(strcmp(test_read_file("/proc/self/timers"), want), 0);
	for (int i = 1; i < 4; i++)
		CHECK_EQ(syscall(SYS_timer_delete, id[i]), 0);
	snprintf(want, sizeof(want), "ID: %d\nsignal: 60/0123456789abcdef\n"
		 "notify: signal/pid.%d\nClockID: 1\n", id[0], pid);
	CHECK_EQ(strcmp(test_read_file("/proc/self/timers"), want), 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/timers", pid);
	CHECK_ERR(open(path, O_RDONLY), ENOENT);
}
