/* What a worker does until it dies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"
#include "work.h"

static struct worker {
	unsigned number;
	uint64_t random;
	unsigned deeds;
} me;

static atomic_int signals;

[[noreturn]] static void wrong(const char *what)
{
	dprintf(1, "stress: worker %u, deed %u: %s (%s)\n", me.number, me.deeds, what,
		strerror(errno));
	_exit(EXIT_WRONG);
}

void must(bool holds, const char *what)
{
	if (!holds)
		wrong(what);
}

bool is_scarce(void)
{
	return errno == ENOMEM || errno == EAGAIN || errno == ENFILE || errno == ENOSPC;
}

long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

unsigned draw(unsigned below)
{
	me.random = me.random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(me.random >> 33) % below;
}

uint64_t pattern(uint64_t at)
{
	return (at + me.number) * 0x9e3779b97f4a7c15ull;
}

static void fill(uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i += PAGE / 16)
		words[i] = pattern(i);
}

static bool is_filled(const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i += PAGE / 16)
		if (words[i] != pattern(i))
			return false;
	return true;
}

int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		must(errno == EINTR, "waitpid");
	return status;
}

const char *own_name(const char *word)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s-%u-%d", word, me.number, getpid());
	return name;
}

/* --- deeds --- */

static void do_fork(void)
{
	static const int deaths[] = { SIGKILL, SIGTERM, SIGABRT, SIGSEGV, SIGUSR2 };
	unsigned how = draw(8), code = draw(70);
	pid_t pid = fork();
	int status;

	if (pid < 0 && is_scarce())
		return;
	must(pid >= 0, "fork");
	if (pid == 0) {
		if (how < 5)
			signal(deaths[how], SIG_DFL), kill(getpid(), deaths[how]);
		_exit((int)code);
	}
	status = reap(pid);
	if (how < 5)
		must(WIFSIGNALED(status) && WTERMSIG(status) == deaths[how], "a child's signal");
	else
		must(WIFEXITED(status) && WEXITSTATUS(status) == (int)code, "a child's status");
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			_exit(0);	/* who reads was killed */
		must(n > 0, "write to a pipe");
		data += n;
		size -= (size_t)n;
	}
}

static void do_pipe(void)
{
	static char out[20000], in[20000];
	size_t size = 1 + draw(sizeof(out)), got = 0;
	int ends[2];
	pid_t pid;

	if (pipe(ends) < 0)
		return must(is_scarce() || errno == EMFILE, "pipe");
	for (size_t i = 0; i < size; i++)
		out[i] = (char)pattern(i);
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return must(is_scarce(), "fork");
	}
	if (pid == 0) {
		close(ends[0]);
		write_all(ends[1], out, size);
		_exit(0);
	}
	close(ends[1]);
	for (;;) {
		ssize_t n = read(ends[0], in + got, 1 + draw(5000));

		if (n < 0 && errno == EINTR)
			continue;
		must(n >= 0, "read from a pipe");
		if (n == 0)
			break;
		got += (size_t)n;
		must(got <= size, "more in the pipe than was written");
	}
	close(ends[0]);
	must(got == size && !memcmp(in, out, size), "what came through the pipe");
	must(reap(pid) == 0, "the pipe's writer");
}

static void do_anonymous(void)
{
	size_t pages = 1 + draw(64);
	uint64_t *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (at == MAP_FAILED)
		return must(is_scarce(), "mmap");
	fill(at, pages * PAGE / 8);
	pid = draw(2) ? fork() : -1;
	if (pid == 0) {
		bool right = is_filled(at, pages * PAGE / 8);

		memset(at, 0, pages * PAGE);
		_exit(right ? 0 : EXIT_WRONG);
	}
	if (draw(2))
		madvise((char *)at + pages / 2 * PAGE, PAGE, MADV_WILLNEED);
	must(is_filled(at, pages * PAGE / 8), "private memory");
	if (pid > 0)
		must(reap(pid) == 0, "a child's copy of private memory");
	if (draw(4) == 0) {
		void *moved = mremap(at, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE);

		must(moved != MAP_FAILED || is_scarce(), "mremap");
		if (moved != MAP_FAILED) {
			at = moved;
			must(is_filled(at, pages * PAGE / 8), "memory that was moved");
			munmap((char *)at + pages * PAGE, pages * PAGE);
		}
	}
	must(mprotect(at, PAGE, PROT_READ) == 0 || is_scarce(), "mprotect");
	must(at[0] == pattern(0), "memory made read-only");
	must(munmap(at, pages * PAGE) == 0, "munmap");
}

static void do_file(void)
{
	size_t pages = 2 + draw(16);
	uint64_t word = pattern(me.deeds), *shared, *private;
	const char *name = own_name("file");
	int fd;

	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return must(is_scarce() || errno == EMFILE, "creating a file");
	must(ftruncate(fd, (off_t)(pages * PAGE)) == 0, "ftruncate");
	shared = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	must(shared != MAP_FAILED && private != MAP_FAILED, "mapping a file");
	private[pages * PAGE / 8 - 1] = 5;
	shared[0] = word;
	must(private[0] == word, "a private mapping sees the file");
	must(pread(fd, &word, 8, 0) == 8 && word == shared[0], "read sees the mapping");
	word++;
	must(pwrite(fd, &word, 8, 8) == 8 && shared[1] == word, "the mapping sees a write");
	must(shared[pages * PAGE / 8 - 1] == 0, "a private write stays private");
	must(munmap(private, pages * PAGE) == 0, "munmap");
	if (draw(2))
		must(munmap(shared, pages * PAGE) == 0, "munmap");
	must(unlink(name) == 0, "unlink");
	close(fd);
}

static void do_shared(void)
{
	atomic_uint *words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned turns = 1 + draw(500);
	int status = 0;
	pid_t pid;

	if (words == MAP_FAILED)
		return must(is_scarce(), "mmap");
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < turns; i++)
			atomic_fetch_add(words, 1);
		_exit(0);
	}
	for (unsigned i = 0; i < turns && pid > 0; i++)
		atomic_fetch_add(words, 1);
	if (pid > 0) {
		status = reap(pid);
		must(status || atomic_load(words) == 2 * turns, "shared memory counts");
	}
	munmap(words, PAGE);
}

static void do_exec(void)
{
	static char argument[8000];
	char *argv[] = { (char *)"stress", (char *)EXEC_WORD, (char *)"7", argument, NULL };
	char *envp[] = { NULL };
	size_t size = draw(sizeof(argument) - 1);
	int status;
	pid_t pid;

	memset(argument, 'e', size);
	argument[size] = '\0';
	pid = draw(2) ? fork() : vfork();
	if (pid < 0)
		return must(is_scarce(), "fork");
	if (pid == 0) {
		execve("/proc/self/exe", argv, envp);
		_exit(errno == ENOMEM || errno == EAGAIN ? 7 : EXIT_WRONG);
	}
	status = reap(pid);
	must(WIFEXITED(status) && WEXITSTATUS(status) == 7, "what a program executed returns");
}

int executed(int argc, char **argv)
{
	return argc == 4 && strspn(argv[3], "e") == strlen(argv[3]) ? atoi(argv[2]) : EXIT_WRONG;
}

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&signals, 1);
}

static void do_signals(void)
{
	unsigned n = 1 + draw(20);
	int before = atomic_load(&signals);
	sigset_t set, old;

	for (unsigned i = 0; i < n; i++)
		kill(getpid(), SIGUSR1);
	must(atomic_load(&signals) >= before + (int)n, "signals arrive before kill returns");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	must(sigprocmask(SIG_BLOCK, &set, &old) == 0, "sigprocmask");
	for (unsigned i = 0; i < n; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval) { .sival_int = (int)i });
	for (unsigned i = 0; i < n; i++) {
		siginfo_t info;
		int got;

		while ((got = sigwaitinfo(&set, &info)) < 0 && errno == EINTR)
			;
		must(got == SIGRTMIN && info.si_value.sival_int == (int)i, "queued signals");
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void *thread(void *argument)
{
	atomic_uint *sum = argument;

	for (int i = 0; i < 100; i++)
		atomic_fetch_add(sum, 1);
	return NULL;
}

static void do_threads(void)
{
	unsigned n = 1 + draw(4), running = 0;
	atomic_uint sum = 0;
	pthread_t threads[4];

	for (unsigned i = 0; i < n; i++)
		running += pthread_create(&threads[running], NULL, thread, &sum) == 0;
	for (unsigned i = 0; i < running; i++)
		must(pthread_join(threads[i], NULL) == 0, "pthread_join");
	must(atomic_load(&sum) == 100 * running, "what threads counted");
}

static void do_names(void)
{
	char name[64], other[64];
	struct stat state;

	snprintf(name, sizeof(name), "%s", own_name("folder"));
	snprintf(other, sizeof(other), "%s", own_name("renamed"));
	if (mkdir(name, 0700) < 0)
		return must(is_scarce(), "mkdir");
	must(rename(name, other) == 0, "rename");
	must(stat(name, &state) < 0 && errno == ENOENT, "the old name is gone");
	must(stat(other, &state) == 0 && S_ISDIR(state.st_mode), "the new name is there");
	must(rmdir(other) == 0, "rmdir");
}

static void do_timer(void)
{
	struct itimerval soon = { .it_value = { 0, 1000 + draw(3000) } };
	int before = atomic_load(&signals);
	long end = now_ms() + 20000;

	must(setitimer(ITIMER_REAL, &soon, NULL) == 0, "setitimer");
	while (atomic_load(&signals) == before) {
		poll(NULL, 0, 100);
		must(now_ms() < end, "a timer goes off");
	}
}

/* --- deaths --- */

static void *thread_forever(void *argument)
{
	for (;;)
		poll(NULL, 0, -1);
	return argument;
}

[[noreturn]] static void die(void)
{
	pthread_t unused;

	switch (draw(7)) {
	case 0:
		kill(getpid(), SIGKILL);
		break;
	case 1:
		*(volatile int *)8 = 1;
		break;
	case 2:
		abort();
	case 3:
		pthread_create(&unused, NULL, thread_forever, NULL);
		break;
	case 4:
		/* With a child that outlives us for a moment. */
		if (fork() == 0)
			sleep_ms(5);
		break;
	case 5:
		/* With memory, a pipe and a file left as they are. */
		(void)!pipe((int[2]) { 0 });
		fill(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			  0), 64 * PAGE / 8);
		break;
	}
	_exit(0);
}

int only_deed = -1;

static const struct deed {
	void (*run)(void);
	unsigned weight;
} deeds[] = {
	{ do_fork, 4 }, { do_pipe, 4 }, { do_anonymous, 4 }, { do_file, 3 }, { do_shared, 2 },
	{ do_exec, 2 }, { do_signals, 3 }, { do_threads, 2 }, { do_names, 2 }, { do_timer, 1 },
	{ do_unix, 2 }, { do_tcp, 1 }, { do_mount, 1 }, { do_sysvipc, 2 }, { do_mqueue, 1 },
	{ do_events, 2 }, { do_terminal, 1 }, { do_proc, 2 }, { do_traced, 1 },
};

static void do_one(void)
{
	unsigned sum = 0, drawn;

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		sum += deeds[i].weight;
	if (only_deed >= 0) {
		deeds[only_deed].run();
		return;
	}
	drawn = draw(sum);
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		if (drawn < deeds[i].weight) {
			deeds[i].run();
			return;
		}
		drawn -= deeds[i].weight;
	}
}

void work(unsigned number, uint64_t random)
{
	struct sigaction action = { .sa_handler = on_signal };
	unsigned life;

	me = (struct worker) { .number = number, .random = random };
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	life = 1 + draw(40);
	for (me.deeds = 0; me.deeds < life; me.deeds++)
		do_one();
	die();
}
