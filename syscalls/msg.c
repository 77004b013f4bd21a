/* syscalls/msg.c -- System V's message queues. */
#include "core/ipc/msg.h"

#include "core/base/bits.h"
#include "core/proc/process.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"

static long sys_msgget(struct task *t, int key, u32 flags)
{
	return msg_get(key, flags, t->cred);
}
SYSCALL_PLAIN(msgget, int, u32);

struct sys_msgsnd {
	struct co_frame co;
	int id;
	uptr buf;
	u64 size;
	u32 flags;
	struct msg_message *message;
	i64 type;
	long err;
};
static co_t sys_msgsnd(struct co *co, struct sys_msgsnd *f)
{
	CO_BEGIN;
	CO_COPY_FROM_USER(f->err, &f->type, f->buf, sizeof(f->type));
	if (f->err)
		CO_RETURN(f->err);
	if (f->id < 0 || f->size > atomic_load_relaxed(&ipc_limits.msgmax) || f->type < 1)
		CO_RETURN(-EINVAL);
	f->message = msg_new(f->size);
	if (!f->message)
		CO_RETURN(-ENOMEM);
	f->message->type = f->type;
	CO_COPY_FROM_USER(f->err, f->message->text, uptr_add(f->buf, sizeof(f->type)), f->size);
	if (!f->err)
		CO_AWAIT(f->err, msg_send, .id = f->id, .pid = process_of(co)->pid->nr,
			 .flags = f->flags, .message = f->message);
	if (f->err)
		msg_free(f->message);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(msgsnd, id, buf, size, flags);

struct sys_msgrcv {
	struct co_frame co;
	int id;
	uptr buf;
	u64 size;
	i64 type;
	u32 flags;
	struct msg_message *message;
	long err;
};
static co_t sys_msgrcv(struct co *co, struct sys_msgrcv *f)
{
	CO_BEGIN;
	if (f->id < 0 || (i64)f->size < 0)
		CO_RETURN(-EINVAL);
	if ((f->flags & MSG_COPY) && ((f->flags & MSG_EXCEPT) || !(f->flags & IPC_NOWAIT)))
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, msg_receive, .id = f->id, .pid = process_of(co)->pid->nr,
		 .type = f->type, .size = f->size, .flags = f->flags, .message = &f->message);
	if (f->err)
		CO_RETURN(f->err);
	CO_COPY_TO_USER(f->err, f->buf, &f->message->type, sizeof(f->message->type));
	f->size = min(f->size, f->message->size);
	if (!f->err)
		CO_COPY_TO_USER(f->err, uptr_add(f->buf, sizeof(f->message->type)),
				f->message->text, f->size);
	msg_free(f->message);
	CO_RETURN(f->err ? f->err : (i64)f->size);
	CO_END;
}
SYSCALL_CO(msgrcv, id, buf, size, type, flags);

struct sys_msgctl {
	struct co_frame co;
	int id, cmd;
	uptr buf;
	union {
		struct msqid64_ds ds;
		struct msginfo info;
	};
	size_t size;
	long result, err;
};

/* What fills the union; its size goes to `size`. */
static int msgctl_look(struct sys_msgctl *f, const struct cred *cred)
{
	int err;

	switch (f->cmd) {
	case IPC_INFO:
	case MSG_INFO:
		f->size = sizeof(f->info);
		return msg_info(f->cmd, &f->info);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		f->size = sizeof(f->ds);
		err = msg_stat(f->id, f->cmd, cred, &f->ds);
		f->ds.msg_lspid = pid_translate(f->ds.msg_lspid, pid_ns_here());
		f->ds.msg_lrpid = pid_translate(f->ds.msg_lrpid, pid_ns_here());
		return err;
	case IPC_RMID:
		return msg_remove(f->id, cred);
	}
	return -EINVAL;
}

static co_t sys_msgctl(struct co *co, struct sys_msgctl *f)
{
	CO_BEGIN;
	if (f->id < 0 || f->cmd < 0)
		CO_RETURN(-EINVAL);
	if (f->cmd == IPC_SET) {
		CO_COPY_FROM_USER(f->err, &f->ds, f->buf, sizeof(f->ds));
		CO_RETURN(f->err ? f->err : msg_change(f->id, &f->ds, cred_current(co)));
	}
	f->result = msgctl_look(f, cred_current(co));
	if (f->result >= 0 && f->size) {
		CO_COPY_TO_USER(f->err, f->buf, &f->ds, f->size);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(f->result);
	CO_END;
}
SYSCALL_CO(msgctl, id, cmd, buf);
