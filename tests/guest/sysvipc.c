/* System V's shared memory, semaphores and message queues. */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
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

/* --- shared memory --- */

static struct shmid_ds segment_of(int id)
{
	struct shmid_ds ds;

	CHECK_EQ(shmctl(id, IPC_STAT, &ds), 0);
	return ds;
}

TEST(a_segment_is_shared)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE - 1, 0600);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
	pid_t child;

	CHECK(id >= 0 && a != (void *)-1 && b != (void *)-1 && a != b);
	CHECK_EQ(segment_of(id).shm_segsz, 3 * PAGE - 1);
	CHECK_EQ(segment_of(id).shm_nattch, 2);
	CHECK_EQ(segment_of(id).shm_cpid, getpid());
	strcpy(a + 2 * PAGE, "text");
	CHECK(!strcmp(b + 2 * PAGE, "text"));
	CHECK_EQ(a[3 * PAGE - 1], 0);
	child = fork();
	if (!child) {
		CHECK_EQ(segment_of(id).shm_nattch, 4);
		strcpy(a, "from the child");
		CHECK_EQ(shmdt(b), 0);
		CHECK_EQ(segment_of(id).shm_nattch, 3);
		CHECK_EQ(segment_of(id).shm_lpid, getpid());
		_exit(0);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(segment_of(id).shm_lpid, child);
	CHECK_EQ(segment_of(id).shm_nattch, 2);
	CHECK(!strcmp(b, "from the child"));
	CHECK_ERR(mprotect(b, PAGE, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(shmdt(a), 0);
	CHECK_ERR(shmdt(a), EINVAL);
	CHECK_ERR(shmdt(b + PAGE), EINVAL);
	CHECK_ERR(shmdt(b + 1), EINVAL);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(b[2 * PAGE], 't');
	CHECK_EQ(shmdt(b), 0);
	CHECK_ERR(shmctl(id, IPC_RMID, NULL), EINVAL);
}

TEST(removed_but_attached)
{
	int key = 0x4c490000 + getpid(), id = shmget(key, PAGE, IPC_CREAT | 0600), other;
	char *a = shmat(id, NULL, 0), *b;

	CHECK(a != (void *)-1);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(segment_of(id).shm_perm.mode, 01600);
	CHECK_EQ(segment_of(id).shm_perm.__key, IPC_PRIVATE);
	CHECK_ERR(shmget(key, PAGE, 0), ENOENT);
	other = shmget(key, PAGE, IPC_CREAT | 0600);
	CHECK(other >= 0 && other != id);
	b = shmat(id, NULL, 0);
	CHECK(b != (void *)-1);
	CHECK_EQ(shmdt(a), 0);
	CHECK_EQ(segment_of(id).shm_nattch, 1);
	CHECK_EQ(munmap(b, PAGE), 0);
	CHECK_ERR(shmctl(id, IPC_STAT, &(struct shmid_ds) {}), EINVAL);
	CHECK_EQ(shmctl(other, IPC_RMID, NULL), 0);
}

TEST(wrong_segments)
{
	int key = 0x4c490000 + getpid(), id = shmget(key, PAGE, IPC_CREAT | 0600);
	char *a;

	CHECK_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERR(shmget(key, PAGE + 1, 0), EINVAL);
	CHECK_EQ(shmget(key, 0, 0), id);
	CHECK_ERR(shmget(IPC_PRIVATE, ~0ul, 0600), EINVAL);
	CHECK_ERR(shmget(IPC_PRIVATE, 1ul << 62, 0600), ENOMEM);
	CHECK_ERR((long)shmat(-1, NULL, 0), EINVAL);
	CHECK_ERR((long)shmat(id + 1, NULL, 0), EINVAL);
	CHECK_ERR((long)shmat(id, (void *)0x70000001, 0), EINVAL);
	CHECK_ERR((long)shmat(id, NULL, SHM_REMAP), EINVAL);
	CHECK_ERR((long)shmat(id, (void *)(1ul << 60), 0), ENOMEM);
	a = shmat(id, (void *)0x70000001, SHM_RND);
	CHECK_EQ(a, 0x70000000);
	CHECK_ERR((long)shmat(id, a, 0), EINVAL);
	CHECK_EQ(shmat(id, a, SHM_REMAP), a);
	CHECK_EQ(segment_of(id).shm_nattch, 1);
	CHECK_EQ(shmdt(a), 0);
	CHECK_ERR(shmctl(id, IPC_STAT, (void *)1), EFAULT);
	CHECK_ERR(shmctl(id, IPC_SET, (void *)1), EFAULT);
	CHECK_ERR(shmctl(id, 77, NULL), EINVAL);
	CHECK_ERR(shmctl(-1, IPC_RMID, NULL), EINVAL);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

static void attaches_what_may_be_read(void *)
{
	char *a;

	CHECK_ERR((long)shmat(shared_id, NULL, 0), EACCES);
	CHECK_ERR((long)shmat(shared_id, NULL, SHM_RDONLY | SHM_EXEC), EACCES);
	a = shmat(shared_id, NULL, SHM_RDONLY);
	CHECK(a != (void *)-1);
	CHECK_EQ(*a, 'x');
	CHECK_ERR(shmctl(shared_id, IPC_RMID, NULL), EPERM);
	CHECK_ERR(shmctl(shared_id, SHM_LOCK, NULL), EPERM);
	CHECK_ERR(shmget(IPC_PRIVATE, PAGE, SHM_HUGETLB | 0600), EPERM);
}

TEST(segments_of_others)
{
	char *a;

	shared_id = shmget(IPC_PRIVATE, PAGE, 0644);
	a = shmat(shared_id, NULL, 0);
	*a = 'x';
	CHECK_EQ(test_child_as(1000, attaches_what_may_be_read, NULL), 0);
	CHECK_EQ(segment_of(shared_id).shm_nattch, 1);
	CHECK_EQ(shmctl(shared_id, IPC_RMID, NULL), 0);
}

TEST(a_segment_in_pieces)
{
	int id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
	char *a = shmat(id, NULL, 0), *moved;

	memset(a, 'x', 4 * PAGE);
	CHECK_EQ(munmap(a + PAGE, PAGE), 0);
	CHECK_EQ(segment_of(id).shm_nattch, 2);
	CHECK_EQ(shmdt(a), 0);
	CHECK_EQ(segment_of(id).shm_nattch, 0);
	a = shmat(id, NULL, 0);
	CHECK_EQ(a[PAGE], 'x');
	moved = mremap(a, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, 0x70000000);
	CHECK_EQ(moved, 0x70000000);
	CHECK_EQ(segment_of(id).shm_nattch, 1);
	CHECK_EQ(shmdt(moved), 0);
	CHECK_EQ(segment_of(id).shm_nattch, 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(the_name_of_a_segment)
{
	int id = shmget(0x4c490abc, 2 * PAGE, IPC_CREAT | 0600);
	char *a = shmat(id, NULL, 0), text[256], want[256], inode[32];
	bool found = false;
	FILE *maps;

	CHECK(a != (void *)-1);
	snprintf(inode, sizeof(inode), "00:01 %d ", id);
	snprintf(want, sizeof(want), "%08lx-%08lx rw-s 00000000 ", (long)a, (long)a + 2 * PAGE);
	maps = fopen("/proc/self/maps", "r");
	while (fgets(text, sizeof(text), maps))
		if (strstr(text, "/SYSV4c490abc (deleted)\n")) {
			found = true;
			CHECK(!strncmp(text, want, strlen(want)));
			CHECK(strstr(text, inode));
		}
	CHECK(found);
	fclose(maps);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(exec_detaches)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600);
	pid_t child = fork();

	if (!child) {
		shmat(id, NULL, 0);
		execl("/bin/true", "true", NULL);
		_exit(9);
	}
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(segment_of(id).shm_nattch, 0);
	CHECK(labs(segment_of(id).shm_dtime - time(NULL)) < 3);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(locked_segments)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600);

	CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
	CHECK_EQ(segment_of(id).shm_perm.mode, 02600);
	CHECK_EQ(shmctl(id, SHM_UNLOCK, NULL), 0);
	CHECK_EQ(segment_of(id).shm_perm.mode, 0600);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

static void locks_too_much(void *)
{
	struct rlimit none = { PAGE, PAGE };
	int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);

	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	CHECK_ERR(shmctl(id, SHM_LOCK, NULL), ENOMEM);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	id = shmget(IPC_PRIVATE, PAGE, 0600);
	CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	id = shmget(IPC_PRIVATE, PAGE, 0600);
	CHECK_EQ(shmctl(id, SHM_LOCK, NULL), 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

TEST(locked_segments_are_limited)
{
	CHECK_EQ(test_child_as(1000, locks_too_much, NULL), 0);
}

TEST(what_is_told_of_segments)
{
	struct shminfo limits;
	struct shm_info used;
	struct shmid_ds ds;
	int id = shmget(IPC_PRIVATE, 5 * PAGE, 0600);
	char *a = shmat(id, NULL, 0);
	int most = shmctl(0, IPC_INFO, (void *)&limits);

	a[0] = a[2 * PAGE] = 1;
	CHECK(most >= (id & 0x7fff));
	CHECK_EQ(limits.shmmax, ULONG_MAX - (1ul << 24));
	CHECK_EQ(limits.shmmin, 1);
	CHECK_EQ(limits.shmmni, 4096);
	CHECK_EQ(limits.shmseg, 4096);
	CHECK_EQ(shmctl(0, SHM_INFO, (void *)&used), most);
	CHECK(used.used_ids >= 1 && used.shm_tot >= 5 && used.shm_rss >= 2);
	CHECK_EQ(shmctl(id & 0x7fff, SHM_STAT, &ds), id);
	CHECK_EQ(ds.shm_segsz, 5 * PAGE);
	CHECK_EQ(shmctl(id & 0x7fff, SHM_STAT_ANY, &ds), id);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* --- messages --- */

struct message {
	long type;
	char text[64];
};

static int put(int id, long type, const char *text)
{
	struct message m = { .type = type };

	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), IPC_NOWAIT);
}

static const char *take(int id, long type, int flags)
{
	static struct message m;
	ssize_t n = msgrcv(id, &m, sizeof(m.text), type, flags | IPC_NOWAIT);

	if (n < 0)
		return errno == ENOMSG ? "none" : "error";
	m.text[n] = 0;
	return m.text;
}

#define TAKE(id, type, flags, want) CHECK(!strcmp(take(id, type, flags), want))

static int queue(void)
{
	int id = msgget(IPC_PRIVATE, 0600);

	CHECK(id >= 0);
	return id;
}

TEST(messages_by_type)
{
	int id = queue();

	CHECK_EQ(put(id, 3, "three"), 0);
	CHECK_EQ(put(id, 1, "one"), 0);
	CHECK_EQ(put(id, 2, "two"), 0);
	CHECK_EQ(put(id, 1, "another"), 0);
	CHECK_EQ(put(id, 5, ""), 0);
	TAKE(id, 0, MSG_COPY, "three");
	TAKE(id, 3, MSG_COPY, "another");
	TAKE(id, 9, MSG_COPY, "none");
	TAKE(id, 2, 0, "two");
	TAKE(id, 4, 0, "none");
	TAKE(id, -2, 0, "one");
	TAKE(id, 3, MSG_EXCEPT, "another");
	TAKE(id, -2, 0, "none");
	TAKE(id, 0, 0, "three");
	TAKE(id, LONG_MIN, 0, "");
	TAKE(id, 0, 0, "none");
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

TEST(wrong_messages)
{
	int id = queue();
	struct message m = { .type = 1, .text = "0123456789" };
	static char big[8200];

	CHECK_ERR(msgsnd(id, &(struct message) { .type = 0 }, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &(struct message) { .type = -1 }, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id + 1, &m, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(-1, &m, 1, 0), EINVAL);
	CHECK_ERR(msgsnd(id, &m, -1, 0), EINVAL);
	big[0] = 1;
	CHECK_ERR(msgsnd(id, big, 8193, 0), EINVAL);
	CHECK_ERR(msgsnd(id, (void *)1, 1, 0), EFAULT);
	CHECK_EQ(msgsnd(id, &m, 10, 0), 0);
	CHECK_ERR(msgrcv(id, &m, 9, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(id, &m, 4, 0, MSG_NOERROR), 4);
	CHECK_EQ(m.text[4], '4');
	CHECK_ERR(msgrcv(id, &m, 4, 0, IPC_NOWAIT), ENOMSG);
	CHECK_ERR(msgrcv(id, &m, 4, 0, MSG_COPY), EINVAL);
	CHECK_ERR(msgrcv(id, &m, 4, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	CHECK_ERR(msgrcv(id, &m, -1, 0, 0), EINVAL);
	CHECK_ERR(msgrcv(-1, &m, 1, 0, 0), EINVAL);
	CHECK_ERR(msgctl(id, 55, NULL), EINVAL);
	CHECK_ERR(msgctl(id, IPC_STAT, (void *)1), EFAULT);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(msgrcv(id, &m, 1, 0, 0), EINVAL);
}

TEST(a_full_queue)
{
	int id = queue();
	static char big[8200];
	struct msqid_ds ds;
	pid_t child;

	*(long *)big = 7;
	CHECK_EQ(msgsnd(id, big, 8192, IPC_NOWAIT), 0);
	CHECK_EQ(msgsnd(id, big, 8192, IPC_NOWAIT), 0);
	CHECK_ERR(msgsnd(id, big, 1, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(msgsnd(id, big, 0, IPC_NOWAIT), 0);
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 3);
	CHECK_EQ(ds.__msg_cbytes, 16384);
	CHECK_EQ(ds.msg_lspid, getpid());
	child = fork();
	if (!child) {
		*(long *)big = 8;
		_exit(msgsnd(id, big, 100, 0) ? 1 : 0);
	}
	test_sleep_ms(30);
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_qnum, 3);
	CHECK_EQ(msgrcv(id, big, 8192, 7, 0), 8192);
	CHECK_EQ(test_wait(child), 0);
	CHECK_EQ(msgrcv(id, big, 8192, 8, IPC_NOWAIT), 100);
	ds.msg_qbytes = 65536;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	for (int n = 0; n < 6; n++)
		CHECK_EQ(msgsnd(id, big, 8192, IPC_NOWAIT), 0);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

static void sets_its_queue(void *)
{
	struct msqid_ds ds;
	int id = queue();

	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	ds.msg_qbytes = 16385;
	CHECK_ERR(msgctl(id, IPC_SET, &ds), EPERM);
	ds.msg_qbytes = 10;
	CHECK_EQ(msgctl(id, IPC_SET, &ds), 0);
	CHECK_ERR(put(id, 1, "more than ten"), EAGAIN);
	CHECK_EQ(put(id, 1, "ten"), 0);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(put(shared_id, 1, "x"), EACCES);
	CHECK_ERR(msgrcv(shared_id, &(struct message) {}, 1, 0, IPC_NOWAIT), EACCES);
}

TEST(a_queue_of_a_user)
{
	shared_id = queue();
	CHECK_EQ(test_child_as(1000, sets_its_queue, NULL), 0);
	CHECK_EQ(msgctl(shared_id, IPC_RMID, NULL), 0);
}

TEST(waiting_for_messages)
{
	int id = queue();
	struct message m;
	struct msqid_ds ds;
	pid_t a = fork(), b;

	if (!a)
		_exit(msgrcv(id, &m, 64, 2, 0) == 3 && !memcmp(m.text, "two", 3) ? 0 : 1);
	b = fork();
	if (!b)
		_exit(msgrcv(id, &m, 2, 1, 0) == -1 && errno == E2BIG ? 0 : 1);
	test_sleep_ms(30);
	CHECK_EQ(put(id, 2, "two"), 0);
	CHECK_EQ(test_wait(a), 0);
	CHECK_EQ(msgctl(id, IPC_STAT, &ds), 0);
	CHECK_EQ(ds.msg_lrpid, a);
	CHECK_EQ(put(id, 1, "one"), 0);
	CHECK_EQ(test_wait(b), 0);
	TAKE(id, 0, 0, "one");
	a = fork();
	if (!a)
		_exit(msgrcv(id, &m, 64, 2, 0) == -1 && errno == EIDRM ? 0 : 1);
	test_sleep_ms(30);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(test_wait(a), 0);
}

TEST(signals_end_waits_for_messages)
{
	int id = queue();
	struct message m;
	struct sigaction act = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &act, NULL);
	ualarm(30000, 0);
	CHECK_ERR(msgrcv(id, &m, 64, 0, 0), EINTR);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

TEST(what_is_told_of_queues)
{
	struct msginfo limits, used;
	struct msqid_ds ds;
	int id = queue(), most = msgctl(0, IPC_INFO, (void *)&limits);

	CHECK(most >= (id & 0x7fff));
	CHECK_EQ(limits.msgmax, 8192);
	CHECK_EQ(limits.msgmnb, 16384);
	CHECK_EQ(limits.msgmni, 32000);
	CHECK_EQ(put(id, 1, "text"), 0);
	CHECK_EQ(msgctl(0, MSG_INFO, (void *)&used), most);
	CHECK(used.msgpool >= 1 && used.msgmap >= 1 && used.msgtql >= 4);
	CHECK_EQ(msgctl(id & 0x7fff, MSG_STAT, &ds), id);
	CHECK_EQ(msgctl(id & 0x7fff, MSG_STAT_ANY, &ds), id);
	CHECK_EQ(ds.msg_qnum, 1);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
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
	a = queue();
	CHECK_ERR(put(a, 1, "five!"), EINVAL);
	CHECK_EQ(put(a, 1, "four"), 0);
	test_write_file("/proc/sys/kernel/msgmax", was);
	CHECK_EQ(msgctl(a, IPC_RMID, NULL), 0);
}
