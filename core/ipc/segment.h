/* core/ipc/segment.h -- System V's shared memory: a shared anonymous object with a number.
 *
 * Ownership  each mapping holds a reference of the segment, and counts as attached. A segment
 *            that was removed while attached keeps its number, not its key, and goes with the
 *            last mapping.
 * Units      sizes in bytes.
 * Locking    the segment's o.lock.
 */
#ifndef IPC_SEGMENT_H
#define IPC_SEGMENT_H

#include <linux/shm.h>

#include "core/ipc/ipc.h"
#include "coro/co.h"

struct pager;
struct space;
struct user_counts;

struct segment {
	struct ipc_object o;	/* first */
	struct pager *pager;	/* [I] owned */
	u64 size;		/* [I] */
	u32 attached;
	i64 atime, dtime, ctime;
	int cpid, lpid;
	struct user_counts *locked_by;	/* whose RLIMIT_MEMLOCK it counts for; NULL: unlocked */
};

void segment_init(void);

/* The number of the segment, or a negative errno. */
int segment_get(int key, u64 size, u32 flags, const struct cred *cred);

/* shmat: the address or a negative errno. */
struct segment_attach {
	struct co_frame co;
	int id;
	u64 addr;
	u32 flags;		/* SHM_* */
	struct space *space;
	struct segment *segment;
	u32 prot;
	long err;
};
co_t segment_attach(struct co *co, struct segment_attach *f);

/* shmdt */
struct segment_detach {
	struct co_frame co;
	struct space *space;
	u64 addr;
	long err;
};
co_t segment_detach(struct co *co, struct segment_detach *f);

/* --- shmctl; the result or a negative errno --- */

/* IPC_STAT, SHM_STAT (by place), SHM_STAT_ANY. */
int segment_stat(int id, int cmd, const struct cred *cred, struct shmid64_ds *to);
int segment_change(int id, const struct shmid64_ds *from, const struct cred *cred);
int segment_remove(int id, const struct cred *cred);
int segment_lock(int id, bool lock, const struct cred *cred);
int segment_limits(struct shminfo64 *to);
int segment_info(struct shm_info *to);

/* For /proc/sysvipc: the segment at this place or behind it; false past the last. */
bool segment_next(u32 *place, struct shmid64_ds *to, int *id, u64 *resident);

#endif
