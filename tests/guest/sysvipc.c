/* System V: keys, rights and limits of all kinds; semaphores. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static void nothing(int)
{
}

/* --- keys and rights, with semaphores for all kinds --- */

TEST(keys)
{
	int key = 0x4c490000 + getpid(), id = semget(key, 2, IPC_CREAT | IPC_EXCL | 0600);

	CHECK(id >= 0);
	CHECK_EQ(semget(key, 2, 0600), id);
	CHECK_EQ(semget(key, 1, 0), id);
	CHECK_EQ(semget(key, 0, IPC_CREAT | 0600), id);
	CHECK_ERR(semget(key, 3, 0), EINVAL);
	CHECK_ERR(semget(key, 2, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_ERR(semget(key + 1, 2, 0), ENOENT);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_ERR(semctl(id, 0, IPC_RMID), EINVAL);
	CHECK_ERR(semget(key, 2, 0), ENOENT);
	CHECK_ERR(semget(key, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(semget(key, -1, IPC_CREAT | 0600), EINVAL);
	CHECK_ERR(semget(key, 32001, IPC_CREAT | 0600), EINVAL);
}

static int shared_id;

static void as_a_stranger(void *)
{
	struct sembuf up = { 0, 1, 0 }, zero = { 0, 0, IPC_NOWAIT };
	struct semid_ds ds;
	union semun u = { .buf = &ds };

	CHECK_ERR(semop(shared_id, &up, 1), EACCES);
	CHECK_EQ(semop(shared_id, &zero, 1), 0);
	CHECK_EQ(semctl(shared_id, 0, GETVAL), 0);
	CHECK_ERR(semctl(shared_id, 0, SETVAL, 1), EACCES);
	CHECK_EQ(semctl(shared_id, 0, IPC_STAT, u), 0);
	CHECK_EQ(ds.sem_perm.mode, 0644);
	CHECK_ERR(semctl(shared_id, 0, IPC_SET, u), EPERM);
	CHECK_ERR(semctl(shared_id, 0, IPC_RMID), EPERM);
	CHECK_ERR(semget(ds.sem_perm.__key, 1, 0666), EACCES);
}

TEST(rights_of_strangers)
{
	int key = 0x4c490000 + getpid();

	shared_id = semget(key, 1, IPC_CREAT | 0644);
	CHECK(shared_id >= 0);
	CHECK_EQ(test_child_as(1000, as_a_stranger, NULL), 0);
	CHECK_EQ(semctl(shared_id, 0, IPC_RMID), 0);
}

static void as_the_new_owner(void *)
{
	CHECK_EQ(semctl(shared_id, 0, SETVAL, 3), 0);
	CHECK_EQ(semctl(shared_id, 0, IPC_RMID), 0);
}

TEST(owners_change)
{
	struct semid_ds ds;
	union semun u = { .buf = &ds };

	shared_id = semget(IPC_PRIVATE, 1, 0600);
	CHECK_EQ(semctl(shared_id, 0, IPC_STAT, u), 0);
	ds.sem_perm.uid = 1000;
	ds.sem_perm.mode = 07200;
	CHECK_EQ(semctl(shared_id, 0, IPC_SET, u), 0);
	CHECK_EQ(semctl(shared_id, 0, IPC_STAT, u), 0);
	CHECK_EQ(ds.sem_perm.uid, 1000);
	CHECK_EQ(ds.sem_perm.cuid, 0);
	CHECK_EQ(ds.sem_perm.mode, 0200);
	ds.sem_perm.uid = -1;
	CHECK_ERR(semctl(shared_id, 0, IPC_SET, u), EINVAL);
	CHECK_EQ(test_child_as(1000, as_the_new_owner, NULL), 0);
	CHECK_ERR(semctl(shared_id, 0, GETVAL), EINVAL);
}

TEST(numbers_are_not_given_twice)
{
	int first = msgget(IPC_PRIVATE, 0600), last = first;

	for (int n = 0; n < 100; n++) {
		CHECK_EQ(msgctl(last, IPC_RMID, NULL), 0);
		last = msgget(IPC_PRIVATE, 0600);
		CHECK(last >= 0 && last != first);
	}
	CHECK(last > 0x7fff);
	CHECK_EQ(msgctl(last, IPC_RMID, NULL), 0);
}

/* --- semaphores --- */

static int semaphores(int n)
{
	int id = semget(IPC_PRIVATE, n, 0600);

	CHECK(id >= 0);
	return id;
}

static int change(int id, int n, int by, int flags)
{
	struct sembuf op = { (unsigned short)n, (short)by, (short)flags };

	return semop(id, &op, 1);
}

TEST(operations_are_one)
{
	int id = semaphores(3);
	struct sembuf take[] = { { 0, -1, 0 }, { 1, -2, IPC_NOWAIT }, { 2, 1, 0 } };
	unsigned short values[3] = { 1, 1, 0 };
	union semun u = { .array = values };
	struct semid_ds ds;

	CHECK_EQ(semctl(id, 0, SETALL, u), 0);
	CHECK_ERR(semop(id, take, 3), EAGAIN);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	CHECK_EQ(semctl(id, 2, GETVAL), 0);
	CHECK_EQ(change(id, 1, 1, 0), 0);
	CHECK_EQ(semop(id, take, 3), 0);
	CHECK_EQ(semctl(id, 0, GETALL, u), 0);
	CHECK_EQ(values[0], 0);
	CHECK_EQ(values[1], 0);
	CHECK_EQ(values[2], 1);
	CHECK_EQ(semctl(id, 2, GETPID), getpid());
	u.buf = &ds;
	CHECK_EQ(semctl(id, 0, IPC_STAT, u), 0);
	CHECK_EQ(ds.sem_nsems, 3);
	CHECK(labs(ds.sem_otime - time(NULL)) < 3);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST(wrong_operations)
{
	int id = semaphores(2);
	struct sembuf two[] = { { 0, 1, 0 }, { 2, 1, 0 } }, *many = calloc(501, sizeof(*many));
	unsigned short values[2] = { 1, 40000 };
	union semun u = { .array = values };
	struct timespec wrong = { 0, 1000000000 };

	CHECK_ERR(semop(id, two, 2), EFBIG);
	CHECK_ERR(semop(id, two, 0), EINVAL);
	CHECK_ERR(semop(-1, two, 1), EINVAL);
	CHECK_ERR(semop(id + 1, two, 1), EINVAL);
	CHECK_ERR(semop(id, many, 501), E2BIG);
	CHECK_EQ(semop(id, many, 500), 0);
	CHECK_ERR(semop(id, (void *)1, 1), EFAULT);
	CHECK_ERR(semtimedop(id, two, 1, (void *)1), EFAULT);
	CHECK_ERR(semtimedop(id, two, 1, &wrong), EINVAL);
	CHECK_ERR(semctl(id, 2, SETVAL, 1), EINVAL);
	CHECK_ERR(semctl(id, -1, GETVAL), EINVAL);
	CHECK_ERR(semctl(id, 0, SETVAL, 32768), ERANGE);
	CHECK_ERR(semctl(id, 0, SETVAL, -1), ERANGE);
	CHECK_ERR(semctl(id, 0, SETALL, u), ERANGE);
	CHECK_ERR(semctl(id, 0, 99), EINVAL);
	u.array = (void *)1;
	CHECK_ERR(semctl(id, 0, GETALL, u), EFAULT);
	CHECK_EQ(change(id, 0, 32767, 0), 0);
	CHECK_ERR(change(id, 0, 1, 0), ERANGE);
	CHECK_ERR(change(id, 1, -1, IPC_NOWAIT), EAGAIN);
	CHECK_ERR(change(id, 0, 0, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

static void wait_for_waiters(int id, int n, int cmd, int count)
{
	for (int i = 0; i < 2000 && semctl(id, n, cmd) != count; i++)
		test_sleep_ms(5);
	CHECK_EQ(semctl(id, n, cmd), count);
}

TEST(waiting_for_more_and_for_zero)
{
	int id = semaphores(1);
	pid_t more = fork(), zero;

	if (!more)
		_exit(change(id, 0, -2, 0) ? 1 : 0);
	wait_for_waiters(id, 0, GETNCNT, 1);
	CHECK_EQ(change(id, 0, 1, 0), 0);
	zero = fork();
	if (!zero)
		_exit(change(id, 0, 0, 0) ? 1 : 0);
	wait_for_waiters(id, 0, GETZCNT, 1);
	CHECK_EQ(semctl(id, 0, GETNCNT), 1);
	CHECK_EQ(change(id, 0, 1, 0), 0);
	CHECK_EQ(test_wait(zero) + test_wait(more), 0);
	CHECK_EQ(semctl(id, 0, GETVAL), 0);
	CHECK_EQ(semctl(id, 0, GETPID), more == 0 ? 0 : semctl(id, 0, GETPID));
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST(removal_wakes)
{
	int id = semaphores(1);
	pid_t child = fork();

	if (!child)
		_exit(change(id, 0, -1, 0) == -1 && errno == EIDRM ? 0 : 1);
	wait_for_waiters(id, 0, GETNCNT, 1);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_EQ(test_wait(child), 0);
}

TEST(signals_and_deadlines_end_waits)
{
	int id = semaphores(1);
	struct sembuf down = { 0, -1, 0 };
	struct timespec soon = { 0, 30000000 };
	struct sigaction act = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	long start = test_now_ms();

	CHECK_ERR(semtimedop(id, &down, 1, &soon), EAGAIN);
	CHECK(test_now_ms() - start >= 29);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 0);
	CHECK_ERR(semop(id, &down, 1), EINTR);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

/* Nobody who asks for less goes before who waits for more, once it can be had. */
TEST(in_the_order_they_came)
{
	int id = semaphores(2), order = semaphores(1);
	pid_t child[4];

	for (int n = 0; n < 4; n++) {
		child[n] = fork();
		if (!child[n]) {
			struct sembuf ops[] = { { 0, -1, 0 } };

			if (semop(id, ops, 1) || change(order, 0, 1, 0))
				_exit(99);
			_exit(semctl(order, 0, GETVAL));
		}
		wait_for_waiters(id, 0, GETNCNT, n + 1);
	}
	for (int n = 0; n < 4; n++) {
		CHECK_EQ(change(id, 0, 1, 0), 0);
		CHECK_EQ(test_wait(child[n]), (n + 1) << 8);
	}
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_EQ(semctl(order, 0, IPC_RMID), 0);
}

TEST(undone_at_the_end)
{
	int id = semaphores(2);
	pid_t child;

	CHECK_EQ(semctl(id, 0, SETVAL, 5), 0);
	child = fork();
	if (!child) {
		change(id, 0, -3, SEM_UNDO);
		change(id, 0, -1, SEM_UNDO);
		change(id, 0, 1, SEM_UNDO);
		change(id, 1, 4, 0);
		_exit(semctl(id, 0, GETVAL));
	}
	CHECK_EQ(test_wait(child), 2 << 8);
	CHECK_EQ(semctl(id, 0, GETVAL), 5);
	CHECK_EQ(semctl(id, 0, GETPID), child);
	CHECK_EQ(semctl(id, 1, GETVAL), 4);
	/* Not below zero, and not what was set since. */
	child = fork();
	if (!child) {
		change(id, 1, 4, SEM_UNDO);
		change(id, 1, -7, 0);
		change(id, 0, -3, SEM_UNDO);
		semctl(id, 0, SETVAL, 1);
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(semctl(id, 1, GETVAL), 0);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	child = fork();
	if (!child) {
		change(id, 0, 32766, 0);
		change(id, 0, -32767, SEM_UNDO);
		change(id, 0, 32767, 0);
		change(id, 0, -32767, SEM_UNDO);
		_exit(errno == ERANGE ? 0 : 1);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST(undone_wakes)
{
	int id = semaphores(1), ends[2];
	pid_t holder, waiter;
	char c;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(semctl(id, 0, SETVAL, 1), 0);
	holder = fork();
	if (!holder) {
		close(ends[1]);
		change(id, 0, -1, SEM_UNDO);
		_exit(read(ends[0], &c, 1) ? 1 : 0);
	}
	while (semctl(id, 0, GETVAL))
		test_sleep_ms(2);
	waiter = fork();
	if (!waiter)
		_exit(change(id, 0, -1, 0) ? 1 : 0);
	wait_for_waiters(id, 0, GETNCNT, 1);
	kill(holder, SIGKILL);
	CHECK_EQ(test_wait(holder), SIGKILL);
	CHECK_EQ(test_wait(waiter), 0);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

static void *takes_and_goes(void *arg)
{
	CHECK_EQ(change(*(int *)arg, 0, -1, SEM_UNDO), 0);
	return NULL;
}

static void *takes_alone(void *arg)
{
	CHECK_EQ(change(*(int *)arg, 0, -1, SEM_UNDO), 0);
	CHECK_EQ(unshare(CLONE_SYSVSEM), 0);
	CHECK_EQ(semctl(*(int *)arg, 0, GETVAL), 0);
	return NULL;
}

TEST(threads_share_what_is_undone)
{
	int id = semaphores(1);
	pthread_t t;
	pid_t child;

	CHECK_EQ(semctl(id, 0, SETVAL, 2), 0);
	child = fork();
	if (!child) {
		pthread_create(&t, NULL, takes_and_goes, &id);
		pthread_join(t, NULL);
		CHECK_EQ(semctl(id, 0, GETVAL), 1);
		pthread_create(&t, NULL, takes_alone, &id);
		pthread_join(t, NULL);
		CHECK_EQ(semctl(id, 0, GETVAL), 0);
		CHECK_EQ(unshare(CLONE_SYSVSEM), 0);
		_exit(semctl(id, 0, GETVAL));
	}
	CHECK_EQ(test_wait(child), 2 << 8);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST(many_at_once)
{
	int id = semaphores(1), n = 8;
	pid_t child[8];

	CHECK_EQ(semctl(id, 0, SETVAL, 1), 0);
	int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < n; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		for (int j = 0; j < 500; j++) {
			CHECK_EQ(change(id, 0, -1, SEM_UNDO), 0);
			*(volatile int *)shared += 1;
			CHECK_EQ(change(id, 0, 1, SEM_UNDO), 0);
		}
		_exit(0);
	}
	for (int i = 0; i < n; i++)
		CHECK_EQ(test_wait(child[i]), 0);
	CHECK_EQ(*shared, n * 500);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST(what_is_told_of_semaphores)
{
	struct seminfo limits, used;
	union semun u = { .info = &limits };
	struct semid_ds ds;
	int id = semaphores(7), most = semctl(0, 0, IPC_INFO, u);

	CHECK(most >= (id & 0x7fff));
	CHECK_EQ(limits.semmsl, 32000);
	CHECK_EQ(limits.semopm, 500);
	CHECK_EQ(limits.semvmx, 32767);
	CHECK_EQ(limits.semusz, 20);
	u.info = &used;
	CHECK_EQ(semctl(0, 0, SEM_INFO, u), most);
	CHECK(used.semusz >= 1 && used.semaem >= 7);
	u.buf = &ds;
	CHECK_EQ(semctl(id & 0x7fff, 0, SEM_STAT, u), id);
	CHECK_EQ(semctl(id & 0x7fff, 0, SEM_STAT_ANY, u), id);
	CHECK_EQ(ds.sem_nsems, 7);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

/* --- what /proc tells --- */

static bool line_of(const char *path, int key, int id)
{
	const char *text = test_read_file(path);
	char want[32];

	snprintf(want, sizeof(want), "\n%10d %10d ", key, id);
	return strstr(text, want);
}

TEST(tables_in_proc)
{
	int shm = shmget(0x4c49, PAGE, IPC_CREAT | 0600);
	int sem = semget(0x4c49, 1, IPC_CREAT | 0600), msg = msgget(0x4c49, IPC_CREAT | 0600);

	CHECK(line_of("/proc/sysvipc/shm", 0x4c49, shm));
	CHECK(line_of("/proc/sysvipc/sem", 0x4c49, sem));
	CHECK(line_of("/proc/sysvipc/msg", 0x4c49, msg));
	CHECK_EQ(shmctl(shm, IPC_RMID, NULL), 0);
	CHECK(!line_of("/proc/sysvipc/shm", 0x4c49, shm));
	CHECK_EQ(semctl(sem, 0, IPC_RMID), 0);
	CHECK_EQ(msgctl(msg, IPC_RMID, NULL), 0);
}

TEST(limits_are_kept)
{
	char was[128];

	strcpy(was, test_read_file("/proc/sys/kernel/sem"));
	CHECK(!strcmp(was, "32000\t1024000000\t500\t32000\n"));
	test_write_file("/proc/sys/kernel/sem", "10 20 5 2");
	CHECK_ERR(semget(IPC_PRIVATE, 11, 0600), EINVAL);
	int a = semget(IPC_PRIVATE, 10, 0600), b = semget(IPC_PRIVATE, 10, 0600);
	CHECK(a >= 0 && b >= 0);
	CHECK_ERR(semget(IPC_PRIVATE, 1, 0600), ENOSPC);
	struct sembuf six[6] = {};
	CHECK_ERR(semop(a, six, 6), E2BIG);
	test_write_file("/proc/sys/kernel/sem", was);
	CHECK_EQ(semctl(a, 0, IPC_RMID) + semctl(b, 0, IPC_RMID), 0);

	strcpy(was, test_read_file("/proc/sys/kernel/shmmax"));
	test_write_file("/proc/sys/kernel/shmmax", "8192");
	CHECK_ERR(shmget(IPC_PRIVATE, 8193, 0600), EINVAL);
	test_write_file("/proc/sys/kernel/shmmax", was);
	strcpy(was, test_read_file("/proc/sys/kernel/shmmni"));
	CHECK(!strcmp(was, "4096\n"));
	test_write_file("/proc/sys/kernel/shmmni", "0");
	CHECK_ERR(shmget(IPC_PRIVATE, 1, 0600), ENOSPC);
	test_write_file("/proc/sys/kernel/shmmni", was);
	strcpy(was, test_read_file("/proc/sys/kernel/msgmax"));
	test_write_file("/proc/sys/kernel/msgmax", "4");
	struct { long type; char text[8]; } message = { 1, "five!" };
	a = msgget(IPC_PRIVATE, 0600);
	CHECK_ERR(msgsnd(a, &message, 5, IPC_NOWAIT), EINVAL);
	CHECK_EQ(msgsnd(a, &message, 4, IPC_NOWAIT), 0);
	test_write_file("/proc/sys/kernel/msgmax", was);
	CHECK_EQ(msgctl(a, IPC_RMID, NULL), 0);
}
