/* syscalls/shm.c -- System V's shared memory. */
#include "core/ipc/segment.h"
#include "core/proc/process.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"

static long sys_shmget(struct task *t, int key, u64 size, u32 flags)
{
	return segment_get(key, size, flags, t->cred);
}
SYSCALL_PLAIN(shmget, int, u64, u32);

struct sys_shmat {
	struct co_frame co;
	int id;
	u64 addr;
	u32 flags;
	long result;
};
static co_t sys_shmat(struct co *co, struct sys_shmat *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, segment_attach, .id = f->id, .addr = f->addr, .flags = f->flags,
		 .space = space_current(co));
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(shmat, id, addr, flags);

struct sys_shmdt {
	struct co_frame co;
	u64 addr;
	long result;
};
static co_t sys_shmdt(struct co *co, struct sys_shmdt *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, segment_detach, .space = space_current(co), .addr = f->addr);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(shmdt, addr);

struct sys_shmctl {
	struct co_frame co;
	int id, cmd;
	uptr buf;
	union {
		struct shmid64_ds ds;
		struct shminfo64 limits;
		struct shm_info info;
	};
	size_t size;
	long result, err;
};

/* What fills the union; its size goes to `size`. */
static int shmctl_look(struct sys_shmctl *f, const struct cred *cred)
{
	int err;

	switch (f->cmd) {
	case IPC_INFO:
		f->size = sizeof(f->limits);
		return segment_limits(&f->limits);
	case SHM_INFO:
		f->size = sizeof(f->info);
		return segment_info(&f->info);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		f->size = sizeof(f->ds);
		err = segment_stat(f->id, f->cmd, cred, &f->ds);
		f->ds.shm_cpid = pid_translate(f->ds.shm_cpid, pid_ns_here());
		f->ds.shm_lpid = pid_translate(f->ds.shm_lpid, pid_ns_here());
		return err;
	case IPC_RMID:
		return segment_remove(f->id, cred);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return segment_lock(f->id, f->cmd == SHM_LOCK, cred);
	}
	return -EINVAL;
}

static co_t sys_shmctl(struct co *co, struct sys_shmctl *f)
{
	CO_BEGIN;
	if (f->cmd < 0 || f->id < 0)
		CO_RETURN(-EINVAL);
	if (f->cmd == IPC_SET) {
		CO_COPY_FROM_USER(f->err, &f->ds, f->buf, sizeof(f->ds));
		CO_RETURN(f->err ? f->err : segment_change(f->id, &f->ds, cred_current(co)));
	}
	f->result = shmctl_look(f, cred_current(co));
	if (f->result >= 0 && f->size) {
		CO_COPY_TO_USER(f->err, f->buf, &f->ds, f->size);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(shmctl, id, cmd, buf);
