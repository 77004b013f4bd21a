/* Processes of two namespaces that meet: signals, and what each says of the other. */
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/reboot.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static pid_t clone_with(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

/* Turns: who is to go on is told a byte. */
static int pipes[2][2];

static void turns(void)
{
	CHECK(!pipe(pipes[0]) && !pipe(pipes[1]));
}

static void tell(int whom)
{
	CHECK_EQ(write(pipes[whom][1], "x", 1), 1);
}

static void await_turn(int mine)
{
	char byte;

	CHECK_EQ(read(pipes[mine][0], &byte, 1), 1);
}

enum { OUT, IN };

/* --- signals --- */

static volatile sig_atomic_t came, from;

static void note(int sig, siginfo_t *info, void *unused)
{
	(void)unused;
	came = sig;
	from = info->si_pid;
}

static void catch(int sig)
{
	struct sigaction act = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART };

	CHECK_EQ(sigaction(sig, &act, NULL), 0);
}

TEST(the_first_is_not_ended_from_inside)
{
	pid_t pid = clone_with(CLONE_NEWPID);

	if (!pid) {
		sigset_t set;

		CHECK_EQ(kill(1, SIGTERM), 0);
		CHECK_EQ(kill(1, SIGKILL), 0);
		CHECK_EQ(kill(1, SIGSTOP), 0);
		CHECK_EQ(raise(SIGQUIT), 0);
		pid = fork();
		if (!pid) {
			CHECK_EQ(kill(1, SIGKILL), 0);
			CHECK_EQ(kill(1, SIGTERM), 0);
			raise(SIGTERM);
			_exit(1);
		}
		CHECK_EQ(test_wait(pid), SIGTERM);
		/* One that is blocked waits, and is then found not to be wanted. */
		sigemptyset(&set);
		sigaddset(&set, SIGTERM);
		CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
		CHECK_EQ(kill(1, SIGTERM), 0);
		CHECK_EQ(sigpending(&set), 0);
		CHECK_EQ(sigismember(&set, SIGTERM), 1);
		CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
		/* A handler is another matter. */
		catch(SIGTERM);
		CHECK_EQ(kill(1, SIGTERM), 0);
		CHECK_EQ(came, SIGTERM);
		CHECK_EQ(from, 1);
		_exit(6);
	}
	CHECK_EQ(test_wait(pid), 6 << 8);
}

TEST(the_first_is_ended_from_outside)
{
	pid_t pid;
	int status;

	turns();
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		catch(SIGUSR1);
		tell(OUT);
		while (came != SIGUSR1)
			test_sleep_ms(1);
		CHECK_EQ(from, 0);
		tell(OUT);
		for (;;)
			pause();
	}
	await_turn(OUT);
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(kill(pid, SIGQUIT), 0);
	CHECK_EQ(kill(pid, SIGUSR1), 0);
	await_turn(OUT);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(test_wait(pid), SIGKILL);
}

TEST(the_first_ends_by_its_own_fault)
{
	pid_t pid = clone_with(CLONE_NEWPID);

	if (!pid) {
		volatile int *nowhere = (volatile int *)(sizeof(int) * 2);

		*nowhere = 1;
		_exit(0);
	}
	CHECK_EQ(test_wait(pid) & 0x7f, SIGSEGV);
}

TEST(with_its_parent_if_asked_for)
{
	int status;
	pid_t outer, pid;

	turns();
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	outer = fork();
	if (!outer) {
		if (!clone_with(CLONE_NEWPID)) {
			CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
			tell(OUT);
			for (;;)
				pause();
		}
		await_turn(OUT);
		_exit(0);
	}
	CHECK_EQ(test_wait(outer), 0);
	pid = wait(&status);
	CHECK(pid > 0);
	CHECK_EQ(status, SIGKILL);
}

/* A sender is named as it is called where it is, and not at all where it has no number. */
TEST(who_sent_it)
{
	pid_t pid;
	siginfo_t info;

	catch(SIGUSR2);
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		pid = fork();
		if (!pid)
			_exit(kill(0, SIGUSR2));
		CHECK_EQ(test_wait(pid), 0);
		while (!came)
			test_sleep_ms(1);
		CHECK_EQ(from, 2);
		_exit(8);
	}
	memset(&info, 0, sizeof(info));
	CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_status, 8);
	CHECK_EQ(came, SIGUSR2);
	CHECK_EQ(from, 2);
}

TEST(the_end_of_a_child_is_the_parents_number)
{
	pid_t pid;

	catch(SIGCHLD);
	pid = clone_with(CLONE_NEWPID);
	if (!pid)
		_exit(0);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(came, SIGCHLD);
	CHECK_EQ(from, pid);
}

/* --- reboot --- */

static int status_of_reboot(unsigned command, bool by_child)
{
	pid_t pid = clone_with(CLONE_NEWPID);

	if (!pid) {
		if (by_child && fork()) {
			pause();
			_exit(5);
		}
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, NULL);
		_exit(errno);
	}
	return test_wait(pid);
}

TEST(reboot_ends_a_namespace)
{
	CHECK_EQ(status_of_reboot(LINUX_REBOOT_CMD_POWER_OFF, true), SIGINT);
	CHECK_EQ(status_of_reboot(LINUX_REBOOT_CMD_HALT, false), SIGINT);
	CHECK_EQ(status_of_reboot(LINUX_REBOOT_CMD_RESTART, true), SIGHUP);
	CHECK_EQ(status_of_reboot(LINUX_REBOOT_CMD_RESTART2, false), SIGHUP);
	CHECK_EQ(status_of_reboot(LINUX_REBOOT_CMD_CAD_ON, false), EINVAL << 8);
}

/* --- what each says of the other --- */

static pid_t received(int fd)
{
	char byte, space[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct ucred *cred;

	CHECK_EQ(recvmsg(fd, &msg, 0), 1);
	cred = (struct ucred *)CMSG_DATA(CMSG_FIRSTHDR(&msg));
	return cred->pid;
}

TEST(sockets)
{
	int fds[2], on = 1;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	pid_t pid;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(setsockopt(fds[i], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		CHECK_EQ(getsockopt(fds[1], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
		CHECK_EQ(cred.pid, 0);
		CHECK_EQ(write(fds[1], "x", 1), 1);
		CHECK_EQ(received(fds[1]), 0);
		_exit(0);
	}
	CHECK_EQ(getsockopt(fds[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(received(fds[0]), pid);
	CHECK_EQ(write(fds[0], "x", 1), 1);
	CHECK_EQ(test_wait(pid), 0);
}

TEST(locks_and_owners_of_files)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	char path[] = "/tmp/pid_ns.XXXXXX";
	int fd = mkstemp(path), pair[2];
	pid_t pid;

	CHECK(fd >= 0);
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK_EQ(fcntl(pair[0], F_SETOWN, getpid()), 0);
	turns();
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		CHECK_EQ(fcntl(fd, F_GETLK, &lock), 0);
		CHECK_EQ(lock.l_type, F_WRLCK);
		CHECK_EQ(lock.l_pid, 0);
		lock.l_start = 20;
		lock.l_type = F_WRLCK;
		CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
		CHECK_EQ(fcntl(pair[0], F_GETOWN), 0);
		CHECK_EQ(fcntl(pair[1], F_SETOWN, 1), 0);
		CHECK_ERR(fcntl(pair[1], F_SETOWN, 2), ESRCH);
		tell(OUT);
		await_turn(IN);
		_exit(0);
	}
	await_turn(OUT);
	lock.l_start = 20;
	CHECK_EQ(fcntl(fd, F_GETLK, &lock), 0);
	CHECK_EQ(lock.l_pid, pid);
	CHECK_EQ(fcntl(pair[0], F_GETOWN), getpid());
	CHECK_EQ(fcntl(pair[1], F_GETOWN), pid);
	tell(IN);
	CHECK_EQ(test_wait(pid), 0);
}

TEST(system_v_objects)
{
	int segment = shmget(IPC_PRIVATE, 4096, 0600), queue = msgget(IPC_PRIVATE, 0600);
	int set = semget(IPC_PRIVATE, 1, 0600);
	struct shmid_ds shm;
	struct msqid_ds msg;
	struct sembuf up = { .sem_op = 1 };
	struct { long type; char text[1]; } m = { 1, "x" };
	pid_t pid;

	CHECK(segment >= 0 && queue >= 0 && set >= 0);
	CHECK_EQ(semop(set, &up, 1), 0);
	turns();
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		CHECK_EQ(shmctl(segment, IPC_STAT, &shm), 0);
		CHECK_EQ(shm.shm_cpid, 0);
		CHECK_EQ(semctl(set, 0, GETPID), 0);
		CHECK_EQ(semop(set, &up, 1), 0);
		CHECK_EQ(semctl(set, 0, GETPID), 1);
		CHECK_EQ(msgsnd(queue, &m, 1, 0), 0);
		CHECK_EQ(msgctl(queue, IPC_STAT, &msg), 0);
		CHECK_EQ(msg.msg_lspid, 1);
		CHECK(shmat(segment, NULL, 0) != (void *)-1);
		tell(OUT);
		await_turn(IN);
		_exit(0);
	}
	await_turn(OUT);
	CHECK_EQ(shmctl(segment, IPC_STAT, &shm), 0);
	CHECK_EQ(shm.shm_cpid, getpid());
	CHECK_EQ(shm.shm_lpid, pid);
	CHECK_EQ(semctl(set, 0, GETPID), pid);
	CHECK_EQ(msgctl(queue, IPC_STAT, &msg), 0);
	CHECK_EQ(msg.msg_lspid, pid);
	tell(IN);
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(shmctl(segment, IPC_RMID, NULL), 0);
	CHECK_EQ(msgctl(queue, IPC_RMID, NULL), 0);
	CHECK_EQ(semctl(set, 0, IPC_RMID), 0);
}

/* A lock is its owner's by the number that it has itself. */
TEST(robust_and_inheriting_futexes)
{
	struct {
		struct robust_list_head head;
		struct robust_list one;
		unsigned word, inherited;
	} *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	CHECK(shared != MAP_FAILED);
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		shared->head.list.next = &shared->one;
		shared->head.futex_offset =
			(char *)&shared->word - (char *)&shared->one;
		shared->one.next = &shared->head.list;
		shared->word = 1;
		CHECK_EQ(syscall(SYS_set_robust_list, &shared->head, sizeof(shared->head)), 0);
		CHECK_EQ(syscall(SYS_futex, &shared->inherited, FUTEX_LOCK_PI, 0, NULL), 0);
		CHECK_EQ(shared->inherited, 1);
		CHECK_ERR(syscall(SYS_futex, &shared->inherited, FUTEX_LOCK_PI, 0, NULL),
			  EDEADLK);
		CHECK_EQ(syscall(SYS_futex, &shared->inherited, FUTEX_UNLOCK_PI), 0);
		CHECK_EQ(shared->inherited, 0);
		_exit(0);
	}
	CHECK_EQ(test_wait(pid), 0);
	CHECK_EQ(shared->word, FUTEX_OWNER_DIED);
}

/* A tracer outside is told what it calls the child. */
TEST(a_tracer_outside)
{
	unsigned long message = 0;
	int status;
	pid_t pid, child;

	turns();
	pid = clone_with(CLONE_NEWPID);
	if (!pid) {
		await_turn(IN);
		child = fork();
		if (!child)
			_exit(0);
		CHECK_EQ(child, 2);
		CHECK_EQ(test_wait(child), 0);
		_exit(0);
	}
	CHECK_EQ(ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACEFORK), 0);
	tell(IN);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_FORK << 8);
	CHECK_EQ(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message), 0);
	child = (pid_t)message;
	CHECK(child > 2);
	CHECK_EQ(waitpid(child, &status, __WALL), child);
	CHECK_EQ(ptrace(PTRACE_DETACH, child, NULL, NULL), 0);
	CHECK_EQ(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
	CHECK_EQ(test_wait(pid), 0);
}

/* Everybody there, but neither the first nor oneself. */
TEST(to_all_there)
{
	pid_t pid = clone_with(CLONE_NEWPID);

	if (!pid) {
		for (int i = 0; i < 3; i++)
			if (!fork())
				for (;;)
					pause();
		CHECK_EQ(kill(-1, SIGKILL), 0);
		for (int i = 0; i < 3; i++)
			CHECK_EQ(test_wait(i + 2), SIGKILL);
		CHECK_ERR(kill(-1, SIGKILL), ESRCH);
		_exit(2);
	}
	CHECK_EQ(test_wait(pid), 2 << 8);
}
