/* core/proc/rseq.c -- restartable sequences: the CPU number a program may read, and aborting
 * the section it was in.
 */
#include <linux/rseq.h>

#include "core/proc/internal.h"
#include "hal/uaccess.h"
#include "hal/memory.h"

static int rseq_missing(struct thread *t, u64 addr, u32 len, bool write)
{
	t->retry_addr = addr;
	t->retry_len = len;
	t->retry_write = write;
	return -EAGAIN;
}

static int rseq_get(struct thread *t, void *to, u64 from, u32 len)
{
	if (hal_copy_from_user(to, uptr_of(from), len) == len)
		return 0;
	return rseq_missing(t, from, len, false);
}

static int rseq_put(struct thread *t, u64 to, const void *from, u32 len)
{
	if (hal_copy_to_user(uptr_of(to), from, len) == len)
		return 0;
	return rseq_missing(t, to, len, true);
}

static int rseq_write_cpu(struct thread *t, u32 cpu)
{
	u32 ids[2] = {cpu, cpu};
	u32 rest[2] = {0, cpu};	/* node_id, mm_cid */
	int err = rseq_put(t, t->rseq.raw + offsetof(struct rseq, cpu_id_start), ids, sizeof(ids));

	if (!err)
		err = rseq_put(t, t->rseq.raw + offsetof(struct rseq, node_id), rest, sizeof(rest));
	if (!err)
		t->rseq_cpu = cpu;
	return err;
}

/* The section described at `at`: leave it by its abort address if the pc is inside. */
static int rseq_abort(struct thread *t, u64 at)
{
	struct rseq_cs cs;
	u64 none = 0;
	u32 sig;
	int err = rseq_get(t, &cs, at, sizeof(cs));

	if (err)
		return err;
	if (cs.version || cs.start_ip >= HAL_USER_END || cs.abort_ip >= HAL_USER_END ||
	    cs.start_ip + cs.post_commit_offset < cs.start_ip ||
	    cs.abort_ip - cs.start_ip < cs.post_commit_offset)
		return -EFAULT;
	if (t->user.pc - cs.start_ip >= cs.post_commit_offset)
		return rseq_put(t, t->rseq.raw + offsetof(struct rseq, rseq_cs), &none, sizeof(none));
	err = rseq_get(t, &sig, cs.abort_ip - sizeof(sig), sizeof(sig));
	if (!err && sig != t->rseq_sig)
		err = -EFAULT;
	if (!err)
		err = rseq_put(t, t->rseq.raw + offsetof(struct rseq, rseq_cs), &none, sizeof(none));
	if (!err)
		t->user.pc = cs.abort_ip;
	return err;
}

int rseq_update(struct thread *t, bool interrupted)
{
	u32 cpu = hal_cpu_self()->id;
	u64 section;
	int err = 0;

	if (!t->rseq.raw || t->task.exiting)
		return 0;
	if (t->rseq_cpu != cpu)
		err = rseq_write_cpu(t, cpu);
	if (err || !interrupted)
		return err;
	err = rseq_get(t, &section, t->rseq.raw + offsetof(struct rseq, rseq_cs), sizeof(section));
	if (err || !section)
		return err;
	return section >= HAL_USER_END ? -EFAULT : rseq_abort(t, section);
}
