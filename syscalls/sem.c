/* syscalls/sem.c -- System V's semaphores. */
#include "core/ipc/sem.h"

#include "core/base/bits.h"
#include "core/proc/clock.h"
#include "core/proc/thread.h"
#include "hal/clock.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"

#define SEM_OPS_INLINE 4	/* so many need no memory */

static long sys_semget(struct task *t, int key, int count, u32 flags)
{
	return sem_get(key, count, flags, t->cred);
}
SYSCALL_PLAIN(semget, int, int, u32);

/* --- semop --- */

struct sem_call {
	struct co_frame co;
	int id;
	uptr from;
	u32 count;
	u64 deadline_ns;
	struct sembuf few[SEM_OPS_INLINE], *ops;
	long result;
};
static co_t sem_call(struct co *co, struct sem_call *f)
{
	CO_BEGIN;
	if (!f->count || f->id < 0)
		CO_RETURN(-EINVAL);
	if (f->count > atomic_load_relaxed(&ipc_limits.semopm))
		CO_RETURN(-E2BIG);
	f->ops = f->count <= SEM_OPS_INLINE ? f->few : kmalloc(f->count * sizeof(*f->ops));
	if (!f->ops)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->result, f->ops, f->from, f->count * sizeof(*f->ops));
	if (!f->result)
		CO_AWAIT(f->result, sem_operate, .id = f->id, .ops = f->ops, .count = f->count,
			 .pid = process_of(co)->pid->nr, .deadline_ns = f->deadline_ns);
	if (f->ops != f->few)
		kfree(f->ops);
	CO_RETURN(f->result);
	CO_END;
}

struct sys_semop {
	struct co_frame co;
	int id;
	uptr ops;
	u32 count;
	long result;
};
static co_t sys_semop(struct co *co, struct sys_semop *f)
{
	CO_BEGIN;
	CO_AWAIT(f->result, sem_call, .id = f->id, .from = f->ops, .count = f->count,
		 .deadline_ns = CO_FOREVER);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(semop, id, ops, count);

struct sys_semtimedop {
	struct co_frame co;
	int id;
	uptr ops;
	u32 count;
	uptr timeout;
	struct __kernel_timespec ts;
	u64 deadline_ns;
	long result;
};

static long semtimedop_deadline(struct sys_semtimedop *f)
{
	u64 ns;
	long err = clock_from_timespec(&f->ts, &ns);

	return err ? err : clock_deadline(CLOCK_MONOTONIC, ns, false, &f->deadline_ns);
}

static co_t sys_semtimedop(struct co *co, struct sys_semtimedop *f)
{
	CO_BEGIN;
	f->deadline_ns = CO_FOREVER;
	if (f->timeout.raw) {
		CO_COPY_FROM_USER(f->result, &f->ts, f->timeout, sizeof(f->ts));
		if (!f->result)
			f->result = semtimedop_deadline(f);
		if (f->result)
			CO_RETURN(f->result);
	}
	CO_AWAIT(f->result, sem_call, .id = f->id, .from = f->ops, .count = f->count,
		 .deadline_ns = f->deadline_ns);
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(semtimedop, id, ops, count, timeout);

/* --- semctl --- */

struct sys_semctl {
	struct co_frame co;
	int id, n, cmd;
	u64 arg;
	union {
		struct semid64_ds ds;
		struct seminfo info;
	};
	size_t size;
	long result, err;
};

/* GETALL and SETALL. */
struct semctl_all {
	struct co_frame co;
	int id;
	uptr user;
	bool store;
	struct sem_set *set;
	u16 *values;
	long err;
};
static co_t semctl_all(struct co *co, struct semctl_all *f)
{
	CO_BEGIN;
	f->err = sem_open(f->id, cred_current(co), f->store ? CRED_WRITE : CRED_READ, &f->set);
	if (f->err)
		CO_RETURN(f->err);
	f->values = kmalloc(f->set->count * sizeof(u16));
	f->err = -ENOMEM;
	if (!f->values)
		goto out;
	if (!f->store) {
		sem_values(f->set, f->values);
		CO_COPY_TO_USER(f->err, f->user, f->values, f->set->count * sizeof(u16));
		goto out;
	}
	CO_COPY_FROM_USER(f->err, f->values, f->user, f->set->count * sizeof(u16));
	for (u32 n = 0; !f->err && n < f->set->count; n++)
		if (f->values[n] > SEM_VALUE_MAX)
			f->err = -ERANGE;
	if (!f->err)
		CO_AWAIT(f->err, sem_set_values, .set = f->set, .n = -1, .from = f->values,
			 .pid = process_of(co)->pid->nr);
out:
	kfree(f->values);
	ipc_put(&f->set->o);
	CO_RETURN(f->err);
	CO_END;
}

struct semctl_one {
	struct co_frame co;
	int id, n;
	int value;
	struct sem_set *set;
	u16 stored;
	long err;
};
static co_t semctl_one(struct co *co, struct semctl_one *f)
{
	CO_BEGIN;
	if (f->value < 0 || f->value > SEM_VALUE_MAX)
		CO_RETURN(-ERANGE);
	f->stored = (u16)f->value;
	f->err = sem_open(f->id, cred_current(co), CRED_WRITE, &f->set);
	if (f->err)
		CO_RETURN(f->err);
	f->err = -EINVAL;
	if (f->n >= 0 && (u32)f->n < f->set->count)
		CO_AWAIT(f->err, sem_set_values, .set = f->set, .n = f->n, .from = &f->stored,
			 .pid = process_of(co)->pid->nr);
	ipc_put(&f->set->o);
	CO_RETURN(f->err);
	CO_END;
}

/* The commands that do not wait; what goes to the caller is in the union, if `size` says so. */
static int semctl_look(struct sys_semctl *f, const struct cred *cred)
{
	int pid;

	switch (f->cmd) {
	case IPC_INFO:
	case SEM_INFO:
		f->size = sizeof(f->info);
		return sem_info(f->cmd, &f->info);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		f->size = sizeof(f->ds);
		return sem_stat(f->id, f->cmd, cred, &f->ds);
	case GETPID:
		pid = sem_value(f->id, f->n, f->cmd, cred);
		return pid > 0 ? pid_translate(pid, pid_ns_here()) : pid;
	case GETVAL:
	case GETNCNT:
	case GETZCNT:
		return sem_value(f->id, f->n, f->cmd, cred);
	case IPC_RMID:
		return sem_remove(f->id, cred);
	}
	return -EINVAL;
}

static co_t sys_semctl(struct co *co, struct sys_semctl *f)
{
	CO_BEGIN;
	if (f->id < 0)
		CO_RETURN(-EINVAL);
	if (f->cmd == GETALL || f->cmd == SETALL) {
		CO_AWAIT(f->result, semctl_all, .id = f->id, .user = uptr_of(f->arg),
			 .store = f->cmd == SETALL);
		CO_RETURN(f->result);
	}
	if (f->cmd == SETVAL) {
		CO_AWAIT(f->result, semctl_one, .id = f->id, .n = f->n, .value = (int)f->arg);
		CO_RETURN(f->result);
	}
	if (f->cmd == IPC_SET) {
		CO_COPY_FROM_USER(f->err, &f->ds, uptr_of(f->arg), sizeof(f->ds));
		CO_RETURN(f->err ? f->err : sem_change(f->id, &f->ds, cred_current(co)));
	}
	f->result = semctl_look(f, cred_current(co));
	if (f->result >= 0 && f->size) {
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->ds, f->size);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(semctl, id, n, cmd, arg);
