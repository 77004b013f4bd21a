/* fs/procfs/proc_ipc.c -- /proc/sysvipc, and the limits of System V's objects and of message
 * queues below /proc/sys. */
#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "core/ipc/mqueue.h"
#include "core/ipc/msg.h"
#include "core/ipc/segment.h"
#include "core/ipc/sem.h"
#include "fs/procfs/proc.h"

/* --- /proc/sysvipc --- */

static int msg_show(const struct proc_subject *who, struct text *to)
{
	struct msqid64_ds q;
	int id;

	text_add(to, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid"
		 "  cuid  cgid      stime      rtime      ctime\n");
	for (u32 n = 0; msg_next(&n, &q, &id); n++)
		text_add(to, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu"
			 " %10lu\n", q.msg_perm.key, id, q.msg_perm.mode, q.msg_cbytes,
			 q.msg_qnum, pid_translate(q.msg_lspid, who->ns),
			 pid_translate(q.msg_lrpid, who->ns), q.msg_perm.uid, q.msg_perm.gid,
			 q.msg_perm.cuid, q.msg_perm.cgid, q.msg_stime, q.msg_rtime,
			 q.msg_ctime);
	return 0;
}

static int sem_show(const struct proc_subject *who, struct text *to)
{
	struct semid64_ds s;
	int id;

	text_add(to, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
		 "      ctime\n");
	for (u32 n = 0; sem_next(&n, &s, &id); n++)
		text_add(to, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10lu %10lu\n",
			 s.sem_perm.key, id, s.sem_perm.mode, s.sem_nsems, s.sem_perm.uid,
			 s.sem_perm.gid, s.sem_perm.cuid, s.sem_perm.cgid, s.sem_otime,
			 s.sem_ctime);
	return 0;
}

static int shm_show(const struct proc_subject *who, struct text *to)
{
	struct shmid64_ds s;
	u64 resident;
	int id;

	text_add(to, "       key      shmid perms                  size  cpid  lpid nattch   uid"
		 "   gid  cuid  cgid      atime      dtime      ctime                   rss"
		 "                  swap\n");
	for (u32 n = 0; segment_next(&n, &s, &id, &resident); n++)
		text_add(to, "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu"
			 " %10lu %21lu %21u\n", s.shm_perm.key, id, s.shm_perm.mode,
			 (u64)s.shm_segsz, pid_translate(s.shm_cpid, who->ns),
			 pid_translate(s.shm_lpid, who->ns), s.shm_nattch,
			 s.shm_perm.uid, s.shm_perm.gid, s.shm_perm.cuid, s.shm_perm.cgid,
			 s.shm_atime, s.shm_dtime, s.shm_ctime, resident, 0);
	return 0;
}

/* --- limits --- */

static int store_limit(const char *text, u64 *to, u64 most)
{
	const char *end;
	u64 n;

	if (!cred_capable(task_current()->cred, CAP_SYS_RESOURCE))
		return -EPERM;
	if (!string_to_u64(text, &end, 10, &n) || n > most)
		return -EINVAL;
	*to = n;
	return 0;
}

/* One number, which may be at most so large. */
#define LIMIT(name_, format_, field_, most_)                                        \
	static int name_##_show(const struct proc_subject *who, struct text *to)   \
	{                                                                           \
		text_add(to, format_ "\n", atomic_load_relaxed(&(field_)));         \
		return 0;                                                           \
	}                                                                           \
	static int name_##_store(const struct proc_subject *who, const char *text, \
				 size_t len)                                        \
	{                                                                           \
		u64 n;                                                              \
		int err = store_limit(text, &n, most_);                             \
                                                                                    \
		if (!err)                                                           \
			atomic_store(&(field_), (typeof(field_))n);                 \
		return err;                                                         \
	}
LIMIT(shmmax, "%lu", ipc_limits.shmmax, UINT64_MAX)
LIMIT(shmall, "%lu", ipc_limits.shmall, UINT64_MAX)
LIMIT(shmmni, "%u", ipc_limits.shmmni, IPC_PLACES)
LIMIT(msgmax, "%u", ipc_limits.msgmax, MSG_SIZE_MAX)
LIMIT(msgmnb, "%u", ipc_limits.msgmnb, INT32_MAX)
LIMIT(msgmni, "%u", ipc_limits.msgmni, IPC_PLACES)
LIMIT(queues_max, "%u", mqueue_limits.queues_max, INT32_MAX)
LIMIT(msg_max, "%u", mqueue_limits.msg_max, MQUEUE_HARD_MESSAGES)
LIMIT(msg_default, "%u", mqueue_limits.msg_default, MQUEUE_HARD_MESSAGES)
LIMIT(msgsize_max, "%u", mqueue_limits.msgsize_max, MQUEUE_HARD_SIZE)
LIMIT(msgsize_default, "%u", mqueue_limits.msgsize_default, MQUEUE_HARD_SIZE)

static int semlimits_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\t%u\t%u\t%u\n", atomic_load_relaxed(&ipc_limits.semmsl),
		 atomic_load_relaxed(&ipc_limits.semmns),
		 atomic_load_relaxed(&ipc_limits.semopm),
		 atomic_load_relaxed(&ipc_limits.semmni));
	return 0;
}

/* Four numbers, of which the last ones may be left out. */
static int semlimits_store(const struct proc_subject *who, const char *text, size_t len)
{
	static const u64 most[4] = {INT16_MAX, INT32_MAX, SEM_OPS_MAX, IPC_PLACES};
	u32 *const fields[4] = {&ipc_limits.semmsl, &ipc_limits.semmns, &ipc_limits.semopm,
				&ipc_limits.semmni};
	u64 n;
	int err;

	for (int i = 0; i < 4; i++) {
		while (*text == ' ' || *text == '\t')
			text++;
		if (i && (!*text || *text == '\n'))
			break;
		err = store_limit(text, &n, most[i]);
		if (err)
			return err;
		atomic_store(fields[i], (u32)n);
		while (*text >= '0' && *text <= '9')
			text++;
	}
	return 0;
}

static int none_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "-1\n");
	return 0;
}

static int zero_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "0\n");
	return 0;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define LIMIT_FILE(name_) \
	FILE(#name_, 0644, .show = name_##_show, .store = name_##_store)

const struct proc_entry proc_sysvipc_entries[] = {
	FILE("msg", 0444, .show = msg_show),
	FILE("sem", 0444, .show = sem_show),
	FILE("shm", 0444, .show = shm_show),
	{},
};

const struct proc_entry proc_mqueue_limits[] = {
	LIMIT_FILE(msg_default),
	LIMIT_FILE(msg_max),
	LIMIT_FILE(msgsize_default),
	LIMIT_FILE(msgsize_max),
	LIMIT_FILE(queues_max),
	{},
};

const struct proc_entry proc_ipc_limits[] = {
	FILE("auto_msgmni", 0444, .show = zero_show),
	FILE("msg_next_id", 0444, .show = none_show),
	LIMIT_FILE(msgmax),
	LIMIT_FILE(msgmnb),
	LIMIT_FILE(msgmni),
	FILE("sem", 0644, .show = semlimits_show, .store = semlimits_store),
	FILE("sem_next_id", 0444, .show = none_show),
	FILE("shm_next_id", 0444, .show = none_show),
	FILE("shm_rmid_forced", 0444, .show = zero_show),
	LIMIT_FILE(shmall),
	LIMIT_FILE(shmmax),
	LIMIT_FILE(shmmni),
	{},
};
