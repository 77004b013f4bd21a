/* Every system call, used badly.
 *
 *     calls [-u UID] [-l LANES] NAME...
 *
 * tries every row of the calls named (all: "all") and prints a line for each try:
 *
 *     read#0 arg1=kernel: EFAULT
 *
 * The lines must be the same on every kernel, and the same whichever other calls are named. A
 * try is a process of its own with a limit; several lanes of tries run beside each other, so
 * that those which wait for ever do not add up. What a try stores is memory shared with it;
 * nothing is read back from a process that died.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "scratch.h"

enum { LIMIT_MS = 2000, LOOK_MS = 500, TRIES_MAX = 40000, GOOD = -1 };

enum state { NOT_TRIED, RETURNED, SIGNALLED, EXITED, WAITS };

struct try {
	uint16_t call;
	int8_t slot;		/* the argument that is hostile, or GOOD */
	uint8_t variant;
};

struct outcome {
	atomic_int state;
	long value;
};

static struct shared {
	atomic_uint next;
	struct outcome outcomes[TRIES_MAX];
} *shared;

static struct try tries[TRIES_MAX];
static unsigned count;
static char *const *wanted;
static unsigned user, lanes = 6;
static pid_t running;
static bool late, seen_asleep;

static long raw_call(long number, const uint64_t a[ARGUMENTS_MAX])
{
	register long x8 __asm__("x8") = number;
	register uint64_t x0 __asm__("x0") = a[0], x1 __asm__("x1") = a[1];
	register uint64_t x2 __asm__("x2") = a[2], x3 __asm__("x3") = a[3];
	register uint64_t x4 __asm__("x4") = a[4], x5 __asm__("x5") = a[5];

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
			 : "memory");
	return (long)x0;
}

static bool is_wanted(const char *name)
{
	for (char *const *want = wanted; *want; want++)
		if (!strcmp(*want, name) || !strcmp(*want, "all"))
			return true;
	return false;
}

static void add_try(unsigned call, int slot, unsigned variant)
{
	if (count == TRIES_MAX)
		scratch_fail("more tries than there is room for");
	tries[count++] = (struct try) { (uint16_t)call, (int8_t)slot, (uint8_t)variant };
}

static void add_tries(unsigned i)
{
	uint64_t value;
	const char *name;

	add_try(i, GOOD, 0);
	for (unsigned slot = 0; slot < ARGUMENTS_MAX; slot++)
		for (unsigned v = 0; hostile_value(&calls[i].args[slot], slot, v, &value, &name); v++)
			add_try(i, (int)slot, v);
}

static void map_at(uint64_t address, size_t pages, int protection)
{
	void *at = mmap((void *)address, pages * PAGE, protection,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (at != (void *)address)
		scratch_fail("mapping memory");
}

static void make_memory(void)
{
	for (unsigned slot = 0; slot < ARGUMENTS_MAX; slot++)
		map_at(AREA(slot), 2, PROT_READ | PROT_WRITE);
	map_at(EXTRA, 2, PROT_READ | PROT_WRITE);
	map_at(READ_ONLY, 1, PROT_READ | PROT_WRITE);
	strcpy((char *)READ_ONLY, "file");
	mprotect((void *)READ_ONLY, PAGE, PROT_READ);
	map_at(NO_ACCESS, 1, PROT_NONE);
	map_at(PAGES, 8, PROT_READ | PROT_WRITE);
}

static void place_fd(int fd, int at)
{
	if (fd < 0)
		scratch_fail("opening");
	if (dup3(fd, at, O_CLOEXEC) != at)
		scratch_fail("dup3");
	close(fd);
}

static bool is_passed(const uint64_t a[ARGUMENTS_MAX], int fd)
{
	for (unsigned i = 0; i < ARGUMENTS_MAX; i++)
		if ((int)a[i] == fd)
			return true;
	return false;
}

/* Room for two messages, one of which is there; without a name. */
static int open_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 16 };
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/abuse-%d", getpid());
	fd = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
	if (fd < 0 || mq_unlink(name) < 0 || mq_send(fd, "message", 8, 3) < 0)
		scratch_fail("a queue");
	return fd;
}

/* What takes time is there only if it is passed. */
static void open_rare(const uint64_t a[ARGUMENTS_MAX])
{
	int pair[2];

	if (is_passed(a, TERMINAL))
		place_fd(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), TERMINAL);
	if (is_passed(a, QUEUE))
		place_fd(open_queue(), QUEUE);
	if (is_passed(a, EVENT))
		place_fd((int)syscall(SYS_eventfd2, 0, O_NONBLOCK), EVENT);
	if (is_passed(a, EPOLL))
		place_fd((int)syscall(SYS_epoll_create1, 0), EPOLL);
	if (is_passed(a, SOCKET)) {
		syscall(SYS_socketpair, 1, 1 | O_NONBLOCK, 0, pair);
		place_fd(pair[0], SOCKET);
		place_fd(pair[1], SOCKET_PEER);
	}
}

static void open_all(const uint64_t a[ARGUMENTS_MAX])
{
	int ends[2];

	place_fd(open("file", O_RDWR), FILE_RW);
	place_fd(open("file", O_RDONLY), FILE_R);
	place_fd(open("file2", O_WRONLY), FILE_W);
	place_fd(open("folder", O_RDONLY | O_DIRECTORY), FOLDER);
	place_fd(open("file", O_PATH), PATH_ONLY);
	if (pipe(ends) < 0 || write(ends[1], (void *)EXTRA, 64) != 64)
		scratch_fail("a pipe");
	place_fd(ends[0], PIPE_R);
	place_fd(ends[1], PIPE_W);
	place_fd(open("/dev/null", O_RDWR), NULL_DEV);
	open_rare(a);
}

/* Whether a call's arguments have to do with files at all. */
static bool needs_files(const struct call *call)
{
	for (unsigned slot = 0; slot < ARGUMENTS_MAX; slot++) {
		const struct argument *arg = &call->args[slot];

		if (arg->kind == KIND_FD || arg->kind == KIND_PATH || arg->kind == KIND_NAME ||
		    arg->kind == KIND_TEXT ||
		    (arg->kind == KIND_VALUE && arg->value >= FILE_RW && arg->value <= FD_END))
			return true;
	}
	return !strcmp(call->name, "ppoll") || !strcmp(call->name, "pselect6");
}

static bool needs_objects(const struct call *call)
{
	for (unsigned slot = 0; slot < ARGUMENTS_MAX; slot++)
		if (call->args[slot].kind == KIND_ID)
			return true;
	return false;
}

/* Two semaphores, one of them not zero; two pages; a message of 8 bytes. */
static void make_objects(void)
{
	struct { long type; char text[8]; } m = { 1, "message" };
	struct sembuf up = { 1, 5, 0 };

	own_objects[SEMAPHORES] = semget(IPC_PRIVATE, 2, 0644);
	own_objects[SEGMENT] = shmget(IPC_PRIVATE, 2 * PAGE, 0644);
	own_objects[MESSAGES] = msgget(IPC_PRIVATE, 0644);
	if (semop(own_objects[SEMAPHORES], &up, 1) < 0 || own_objects[SEGMENT] < 0 ||
	    msgsnd(own_objects[MESSAGES], &m, sizeof(m.text), 0) < 0)
		scratch_fail("System V");
}

static void remove_objects(void)
{
	semctl(own_objects[SEMAPHORES], 0, IPC_RMID);
	shmctl(own_objects[SEGMENT], IPC_RMID, NULL);
	msgctl(own_objects[MESSAGES], IPC_RMID, NULL);
}

static void limits(void)
{
	struct rlimit files = { 256, 256 }, core = { 0, 0 };

	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &core);
}

[[noreturn]] static void run_child(const struct try *try, struct outcome *outcome)
{
	const struct call *call = &calls[try->call];
	uint64_t a[ARGUMENTS_MAX] = { 0 };
	const char *name;
	pid_t self;
	long result;

	setsid();
	for (unsigned slot = 0; slot < ARGUMENTS_MAX; slot++)
		a[slot] = harmless_value(&call->args[slot], slot);
	if (try->slot >= 0 && !hostile_value(&call->args[try->slot], (unsigned)try->slot,
					     try->variant, &a[try->slot], &name))
		abort();
	if (needs_files(call)) {
		scratch_fill();
		open_all(a);
	}
	if (user && (setgroups_none() < 0 || setresgid(user, user, user) < 0 ||
		     setresuid(user, user, user) < 0))
		scratch_fail("becoming another user");
	self = getpid();
	result = raw_call(call->number, a);
	if (getpid() == self) {
		outcome->value = result;
		atomic_store(&outcome->state, RETURNED);
	}
	_exit(0);
}

static void set_limit(long ms)
{
	struct itimerval limit = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	setitimer(ITIMER_REAL, &limit, NULL);
}

/* Does it wait, or has a busy machine only not come to it yet? */
static bool is_asleep(pid_t pid)
{
	char path[32], text[64];
	const char *state;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	state = strstr(text, ") ");
	return state && !strchr("RZX", state[2]);
}

/* Asleep at two looks in a row. */
static void on_alarm(int signal)
{
	bool asleep = is_asleep(running);

	(void)signal;
	if (!asleep || !seen_asleep) {
		seen_asleep = asleep;
		set_limit(asleep ? LOOK_MS : LIMIT_MS);
		return;
	}
	late = true;
	kill(-running, SIGKILL);
	kill(running, SIGKILL);
}

static void judge(struct outcome *outcome, int status)
{
	if (atomic_load(&outcome->state) == RETURNED)
		return;
	outcome->value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	atomic_store(&outcome->state, late ? WAITS : WIFSIGNALED(status) ? SIGNALLED : EXITED);
}

static void run_try(unsigned i)
{
	const struct call *call = &calls[tries[i].call];
	pid_t child, got;
	int status = 0;

	late = seen_asleep = false;
	if (needs_objects(call))
		make_objects();
	child = fork();
	if (child < 0)
		scratch_fail("fork");
	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		run_child(&tries[i], &shared->outcomes[i]);
	}
	running = child;
	set_limit(LIMIT_MS);
	while ((got = waitpid(child, &status, WUNTRACED)) < 0 && errno == EINTR)
		;
	if (got == child && WIFSTOPPED(status)) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	set_limit(0);
	kill(-child, SIGKILL);
	judge(&shared->outcomes[i], status);
	if (needs_objects(call))
		remove_objects();
	if (needs_files(call))
		scratch_empty(strstr(call->name, "mount") || strstr(call->name, "pivot"));
}

[[noreturn]] static void run_lane(unsigned lane)
{
	struct sigaction action = { .sa_handler = on_alarm };
	unsigned i;

	sigaction(SIGALRM, &action, NULL);
	scratch_enter(lane);
	limits();
	make_memory();
	while ((i = atomic_fetch_add(&shared->next, 1)) < count)
		run_try(i);
	_exit(0);
}

static const char *variant_name(const struct try *try)
{
	const char *name = "";
	uint64_t value;

	hostile_value(&calls[try->call].args[try->slot], (unsigned)try->slot, try->variant,
		      &value, &name);
	return name;
}

static void print_outcome(const struct outcome *outcome, bool counts)
{
	const char *error = outcome->value < 0 && outcome->value > -4096
				    ? strerrorname_np((int)-outcome->value) : NULL;

	switch (atomic_load(&outcome->state)) {
	case RETURNED:
		if (error)
			printf("%s\n", error);
		else if ((outcome->value < 0 && outcome->value > -4096) || counts)
			printf("%ld\n", outcome->value);
		else
			printf("ok\n");
		return;
	case SIGNALLED:
		printf("SIG%s\n", sigabbrev_np((int)outcome->value));
		return;
	case EXITED:
		printf("exits with %ld\n", outcome->value);
		return;
	case WAITS:
		printf("waits\n");
		return;
	default:
		printf("not tried\n");
	}
}

/* False when no lane is left that could end it. */
static bool await_outcome(const struct outcome *outcome)
{
	while (atomic_load(&outcome->state) == NOT_TRIED) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			lanes--;
		if (lanes == 0)
			return atomic_load(&outcome->state) != NOT_TRIED;
		nanosleep(&(struct timespec) { .tv_nsec = 5000000 }, NULL);
	}
	return true;
}

/* In order, each as soon as it can be: where a kernel stops, the output ends. */
static void print_all(void)
{
	unsigned row = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct try *try = &tries[i];
		const struct call *call = &calls[try->call];

		if (i && try->call != tries[i - 1].call)
			row = strcmp(call->name, calls[tries[i - 1].call].name) ? 0 : row + 1;
		if (!await_outcome(&shared->outcomes[i]))
			scratch_fail("no lane is left");
		if (try->slot == GOOD)
			printf("%s#%u: ", call->name, row);
		else
			printf("%s#%u arg%d=%s: ", call->name, row, try->slot, variant_name(try));
		print_outcome(&shared->outcomes[i], call->counts);
		fflush(stdout);
	}
}

static void take_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "u:l:")) != -1) {
		if (option == 'u')
			user = (unsigned)atoi(optarg);
		else if (option == 'l')
			lanes = (unsigned)atoi(optarg);
		else
			exit(2);
	}
	wanted = argv + optind;
}

int main(int argc, char **argv)
{
	take_options(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		scratch_fail("mmap");
	make_memory();
	for (unsigned i = 0; i < calls_count; i++)
		if (is_wanted(calls[i].name))
			add_tries(i);
	for (unsigned lane = 0; lane < lanes; lane++) {
		pid_t pid = fork();

		if (pid < 0)
			scratch_fail("fork");
		if (pid == 0)
			run_lane(lane);
	}
	print_all();
	return 0;
}
