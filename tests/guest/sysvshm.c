/* System V: shared memory. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#include "test.h"


#define PAGE 4096

static int shared_id;

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
