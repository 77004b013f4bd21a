/* ptrace: events, how it begins and ends, and who may. */
#include "traced.h"

/* --- events --- */

static void fork_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(5);
	waitpid(pid, NULL, 0);
	_exit(6);
}

TEST(fork_is_followed)
{
	pid_t pid = traced(fork_once), made;

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
	made = (pid_t)message(pid);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP | PTRACE_EVENT_FORK << 8);
	CHECK_EQ(wait_stop(made), SIGSTOP);
	CHECK_EQ(get_info(made).si_code, SI_USER);
	CHECK_EQ(get_regs(made).x[0], 0);
	PT(PTRACE_CONT, made, 0, 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(made), 5 << 8);
	CHECK_EQ(wait_stop(pid), SIGCHLD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 6 << 8);
}

static void vfork_once(void)
{
	if (!vfork())
		_exit(5);
	_exit(6);
}

TEST(vfork_and_its_end)
{
	pid_t pid = traced(vfork_once), made;

	PT(PTRACE_SETOPTIONS, pid, 0,
	   PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_VFORK << 8);
	made = (pid_t)message(pid);
	CHECK_EQ(wait_stop(made), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_CONT, made, 0, 0);
	CHECK_EQ(wait_stop(made), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(message(made), 5 << 8);
	PT(PTRACE_CONT, made, 0, 0);
	CHECK_EQ(wait_end(made), 5 << 8);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_VFORK_DONE << 8);
	CHECK_EQ(message(pid), made);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGCHLD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(message(pid), 6 << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 6 << 8);
}

static void exec_true(void)
{
	execl("/bin/true", "true", NULL);
}

TEST(exec_is_told)
{
	pid_t pid = traced(exec_true);

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK_EQ(message(pid), pid);
	PT(PTRACE_SYSCALL, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | 0x80);
	CHECK_EQ(get_call(pid), SYS_execve);
	CHECK_EQ(get_regs(pid).x[0], 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
	/* Without the option it is a plain SIGTRAP. */
	pid = traced(exec_true);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP);
	CHECK_EQ(get_info(pid).si_code, SI_USER);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void *exec_in_thread(void *arg)
{
	(void)arg;
	exec_true();
	return NULL;
}

static void thread_execs(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_in_thread, NULL);
	sleep_for_ever();
}

TEST(a_thread_that_execs_becomes_the_leader)
{
	pid_t pid = traced(thread_execs), tid;
	int status;

	PT(PTRACE_SETOPTIONS, pid, 0,
	   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message(pid);
	CHECK_EQ(wait_stop(tid), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_CONT, tid, 0, 0);
	/* The leader ends for it. */
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(waitpid(tid, &status, __WALL | WNOHANG), 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK_EQ(message(pid), tid);
	CHECK_ERR(waitpid(tid, &status, __WALL | WNOHANG), ECHILD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static void *end_thread(void *arg)
{
	(void)arg;
	syscall(SYS_exit, 9);
	return NULL;
}

static void leader_ends_first(void)
{
	pthread_t t;

	pthread_create(&t, NULL, end_thread, NULL);
	syscall(SYS_exit, 3);
}

TEST(threads_are_waited_for_one_by_one)
{
	pid_t pid = traced(leader_ends_first), tid;
	int status;

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message(pid);
	CHECK_EQ(wait_stop(tid), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	test_sleep_ms(50);
	/* A leader is not waited for before its threads. */
	CHECK_EQ(waitpid(pid, &status, __WALL | WNOHANG), 0);
	PT(PTRACE_CONT, tid, 0, 0);
	CHECK_EQ(waitpid(-1, &status, __WALL), tid);
	CHECK_EQ(status, 9 << 8);
	CHECK_EQ(waitpid(-1, &status, __WALL), pid);
	CHECK_EQ(status, 9 << 8);	/* as its last thread ended */
	CHECK_ERR(waitpid(-1, &status, __WALL), ECHILD);
}

static void *end_at_once(void *unused)
{
	(void)unused;
	return NULL;
}

static void end_one_then_exec(void)
{
	pthread_t t;

	pthread_create(&t, NULL, end_at_once, NULL);
	pthread_join(t, NULL);
	execl("/bin/true", "true", (char *)NULL);
}

/* A thread that ended stays until its tracer has waited for it, and exec waits with it. */
static void exec_waits_for(bool reap)
{
	pid_t pid = traced(end_one_then_exec), tid;
	int status;

	PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message(pid);
	CHECK_EQ(wait_stop(tid), SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_CONT, tid, 0, 0);
	test_sleep_ms(300);
	CHECK_EQ(waitpid(pid, &status, __WALL | WNOHANG), 0);
	if (!reap) {
		kill(pid, SIGKILL);
		CHECK_EQ(wait_end(tid), SIGKILL);
		CHECK_EQ(wait_end(pid), SIGKILL);
		return;
	}
	CHECK_EQ(wait_end(tid), 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXEC << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(exec_waits_for_who_was_not_waited_for)
{
	exec_waits_for(true);
}

TEST(an_exec_that_waits_is_killed)
{
	exec_waits_for(false);
}

/* --- attaching --- */

TEST(attach_and_detach)
{
	pid_t pid = child(sleep_for_ever);
	int status;

	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	PT(PTRACE_ATTACH, pid, 0, 0);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_EQ(get_info(pid).si_code, SI_KERNEL);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_DETACH, pid, 0, 65), EIO);
	CHECK_ERR(pt(PTRACE_INTERRUPT, pid, 0, 0), EIO);
	CHECK_ERR(pt(PTRACE_SETOPTIONS, pid, 0, 1ul << 40), EINVAL);
	CHECK_ERR(pt(PTRACE_LISTEN, pid, 0, 0), EIO);
	CHECK_ERR(pt(9999, pid, 0, 0), EIO);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_ERR(pt(PTRACE_DETACH, pid, 0, 0), ESRCH);	/* it runs */
	kill(pid, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	PT(PTRACE_DETACH, pid, 0, SIGTERM);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGTERM);
}

TEST(attach_to_nobody)
{
	pid_t pid = child(exit_7);
	siginfo_t info;

	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_EQ(wait_end(pid), 7 << 8);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_ATTACH, -1, 0, 0), ESRCH);
	CHECK_ERR(pt(PTRACE_SEIZE, 1, 1, 0), EIO);
	CHECK_ERR(pt(PTRACE_SEIZE, 1, 0, 1ul << 40), EIO);
}

TEST(seize_interrupt_listen)
{
	pid_t pid = child(sleep_for_ever);
	int status;

	PT(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
	PT(PTRACE_INTERRUPT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK_EQ(get_info(pid).si_code, SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	kill(pid, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_ERR(pt(PTRACE_LISTEN, pid, 0, 0), EIO);
	PT(PTRACE_CONT, pid, 0, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_LISTEN, pid, 0, 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | __WALL), 0);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	kill(pid, SIGCONT);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGCONT);
	PT(PTRACE_CONT, pid, 0, 0);
	PT(PTRACE_INTERRUPT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_DETACH, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

TEST(seized_children_stop_by_themselves)
{
	int go[2];
	pid_t pid, made;
	char c = 0;

	CHECK_EQ(pipe(go), 0);
	pid = fork();
	if (!pid) {
		CHECK_EQ(read(go[0], &c, 1), 1);
		fork_once();
	}
	PT(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEFORK);
	CHECK_EQ(write(go[1], &c, 1), 1);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
	made = (pid_t)message(pid);
	CHECK_EQ(wait_stop(made), SIGTRAP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_CONT, made, 0, 0);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(made), 5 << 8);
	CHECK_EQ(wait_stop(pid), SIGCHLD);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 6 << 8);
}

TEST(group_stop_of_a_traced_process)
{
	pid_t pid = traced(exit_7);
	siginfo_t info;

	PT(PTRACE_CONT, pid, 0, SIGSTOP);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	CHECK_ERR(pt(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info), EINVAL);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 7 << 8);
}

TEST(attach_to_a_stopped_process)
{
	pid_t pid = child(sleep_for_ever);
	int status, first;

	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	PT(PTRACE_ATTACH, pid, 0, 0);
	first = wait_stop(pid);
	CHECK_EQ(first, SIGSTOP);
	PT(PTRACE_CONT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	PT(PTRACE_DETACH, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
	/* Seized: the stop goes on, and is told. */
	pid = child(sleep_for_ever);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	PT(PTRACE_SEIZE, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
	PT(PTRACE_DETACH, pid, 0, 0);
	test_sleep_ms(20);
	kill(pid, SIGCONT);
	kill(pid, SIGTERM);
	CHECK_EQ(wait_end(pid), SIGTERM);
}

TEST(the_tracer_ends)
{
	pid_t pid = child(sleep_for_ever), tracer;
	int status, ends[2];
	char c;

	CHECK_EQ(pipe(ends), 0);
	tracer = fork();
	if (!tracer) {
		PT(PTRACE_ATTACH, pid, 0, 0);
		CHECK_EQ(wait_stop(pid), SIGSTOP);
		CHECK_EQ(write(ends[1], "x", 1), 1);
		sleep_for_ever();
	}
	CHECK_EQ(read(ends[0], &c, 1), 1);
	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	kill(tracer, SIGKILL);
	CHECK_EQ(wait_end(tracer), SIGKILL);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	PT(PTRACE_SEIZE, pid, 0, 0);
	PT(PTRACE_INTERRUPT, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
	/* And takes the traced with it. */
	pid = child(sleep_for_ever);
	tracer = fork();
	if (!tracer) {
		PT(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL);
		_exit(0);
	}
	CHECK_EQ(wait_end(tracer), 0);
	CHECK_EQ(wait_end(pid), SIGKILL);
}

TEST(a_foreign_tracer_buries_first)
{
	int to_tracer[2];
	pid_t pid, tracer;
	int status;
	char c = 0;

	CHECK_EQ(pipe(to_tracer), 0);
	signal(SIGUSR1, on_usr1);
	pid = child(sleep_for_ever);
	tracer = fork();
	if (!tracer) {
		PT(PTRACE_SEIZE, pid, 0, 0);
		kill(getppid(), SIGUSR1);
		CHECK_EQ(read(to_tracer[0], &c, 1), 1);
		CHECK_EQ(wait_end(pid), SIGKILL);
		CHECK_EQ(read(to_tracer[0], &c, 1), 1);
		_exit(0);
	}
	test_sleep_ms(100);
	CHECK_ERR(pt(PTRACE_SEIZE, pid, 0, 0), EPERM);
	kill(pid, SIGKILL);
	test_sleep_ms(50);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(write(to_tracer[1], &c, 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
	CHECK_EQ(write(to_tracer[1], &c, 1), 1);
	CHECK_EQ(wait_end(tracer), 0);
}

static void try_attach(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	CHECK_ERR(pt(PTRACE_ATTACH, pid, 0, 0), EPERM);
	CHECK_ERR(pt(PTRACE_ATTACH, 1, 0, 0), EPERM);
}

static void undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	sleep_for_ever();
}

static void as_user(void)
{
	CHECK_EQ(setresgid(1000, 1000, 1000), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	sleep_for_ever();
}

static void attach_own(void *arg)
{
	pid_t pid = *(pid_t *)arg, hidden;

	PT(PTRACE_ATTACH, pid, 0, 0);
	CHECK_EQ(wait_stop(pid), SIGSTOP);
	PT(PTRACE_DETACH, pid, 0, 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	hidden = child(undumpable);
	test_sleep_ms(50);
	CHECK_ERR(pt(PTRACE_ATTACH, hidden, 0, 0), EPERM);
	kill(hidden, SIGKILL);
	CHECK_EQ(wait_end(hidden), SIGKILL);
}

TEST(permission)
{
	pid_t root = child(sleep_for_ever), user = child(as_user);

	test_sleep_ms(50);
	CHECK_EQ(test_child_as(1000, try_attach, &root), 0);
	CHECK_EQ(test_child_as(1001, try_attach, &user), 0);
	CHECK_EQ(test_child_as(1000, attach_own, &user), 0);
	kill(root, SIGKILL);
	kill(user, SIGKILL);
	CHECK_EQ(wait_end(root), SIGKILL);
	CHECK_EQ(wait_end(user), SIGKILL);
	CHECK_ERR(prctl(PR_SET_PTRACER, 123456789, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_SET_PTRACER, getppid(), 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_PTRACER, -1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_PTRACER, 0, 0, 0, 0), 0);
}

TEST(traceme_twice)
{
	pid_t pid = fork();

	if (!pid) {
		PT(PTRACE_TRACEME, 0, 0, 0);
		CHECK_ERR(pt(PTRACE_TRACEME, 0, 0, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(wait_end(pid), 0);
}

TEST(proc_says_who_traces)
{
	pid_t pid = traced(nothing);
	char want[64];

	snprintf(want, sizeof(want), "TracerPid:\t%d", getpid());
	CHECK(!strcmp(status_line(pid, "TracerPid:"), want));
	CHECK(!strcmp(status_line(pid, "State:"), "State:\tt (tracing stop)"));
	PT(PTRACE_DETACH, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

TEST(rseq_configuration)
{
	pid_t pid = traced(nothing);
	struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} conf = {0};

	CHECK_EQ(pt(0x420f, pid, sizeof(conf), (unsigned long)&conf), sizeof(conf));
	CHECK(conf.pointer);
	CHECK_EQ(conf.size, 32);
	PT(PTRACE_DETACH, pid, 0, 0);
	CHECK_EQ(wait_end(pid), 0);
}

static volatile int seen_end;

static void *attach_elsewhere(void *arg)
{
	pid_t *pid = arg;

	PT(PTRACE_ATTACH, *pid, 0, 0);
	CHECK_EQ(wait_stop(*pid), SIGSTOP);
	kill(getpid(), SIGCONT);
	for (int i = 0; i < 100 && !atomic_load_explicit((_Atomic int *)&seen_end, 0); i++)
		test_sleep_ms(10);
	return NULL;
}

TEST(the_tracer_is_a_thread)
{
	pid_t pid = child(sleep_for_ever);
	pthread_t t;
	int status;

	pthread_create(&t, NULL, attach_elsewhere, &pid);
	test_sleep_ms(100);
	CHECK_ERR(pt(PTRACE_CONT, pid, 0, 0), ESRCH);
	seen_end = 1;
	pthread_join(t, NULL);
	/* With the thread the tracing ends. */
	test_sleep_ms(20);
	CHECK_EQ(waitpid(pid, &status, WNOHANG | __WNOTHREAD), 0);
	PT(PTRACE_SEIZE, pid, 0, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(wait_end(pid), SIGKILL);
}
