/* core/dev/loop.h -- loop devices: a file as a disk. /dev/loop-control makes, removes and finds
 * them; /dev/loop0 to loop7 are there from the beginning.
 *
 * Each device that has a file has a worker, which reads and writes the file as a program would:
 * through the file's own page cache, and so on any file system, or another loop device. A worker of
 * its own and not the caller's stack, because requests are started where nobody may wait.
 *
 * When memory is short. The pages of a file system on a loop device are written to the file, whose
 * pages need memory. So the worker is TASK_SERVES: it never waits for the writeback worker nor the
 * reaper (they may wait for it), nor for there to be fewer dirty pages: what it dirties, somebody
 * else has just cleaned. It takes what is to be had at once; when there is nothing it writes the
 * file's own dirty pages itself, which can then be reclaimed, and tries again. Only where that
 * does not help for some seconds (a file whose pages are its storage) does the request fail. Other
 * tasks that hold a lock of the file and wait for memory do so for a second at most.
 *
 * Binding and letting go: a device `clears` from LOOP_CLR_FD on, or with LO_FLAGS_AUTOCLEAR. When
 * its last user (an open file, a mount, a partition's) goes, `anchor` does, a file whose release is
 * the reaper's: that writes what the device's page cache still has, ends the worker and drops the
 * file. umount(2) and close(2) wait for the reaper.
 *
 * Ownership  a bound device has a reference of its file, its anchor and its worker. Records stay.
 * Units      offset, limit: bytes; 0 as a limit: none.
 * Locking    loop_mutex (CO_RANK_FILE_POS) over binding, letting go and every change; lo->lock
 *            (RANK_BLK) over what requests need.
 */
#ifndef DEV_LOOP_H
#define DEV_LOOP_H

#include <linux/loop.h>

#include "core/dev/blk.h"

struct loop {
	struct blk_device blk;		/* first */
	spinlock lock;			/* the next four */
	struct list requests;
	struct file *file;		/* NULL: unbound */
	u64 offset;
	bool stop;			/* no more requests: the worker ends */
	struct waitq work;		/* the worker waits here */
	/* under loop_mutex */
	struct task *worker;
	struct file *anchor;
	u64 limit;
	u32 flags;			/* LO_FLAGS_* */
	u8 name[LO_NAME_SIZE];		/* as it was told */
};

extern struct co_mutex loop_mutex;

void loop_init(void);	/* at boot */

/* The loop of this device or of the disk it is a partition of; NULL: it is none. */
struct loop *loop_of(struct blk_device *dev);
/* For who shows them: its file with a reference; NULL: it has none. */
struct file *loop_file(struct loop *lo);

/* --- loop_bind.c: with loop_mutex --- */

static inline bool loop_is_bound(const struct loop *lo)
{
	return lo->file && !lo->blk.closing;
}

/* How many sectors a file has for the device. */
u64 loop_sectors(const struct loop *lo, const struct file *file);
/* Can this file be its? 0, -EBADF, -EINVAL. */
long loop_check_file(const struct loop *lo, struct file *file);
/* What is told of it: 0, -EINVAL, -EOVERFLOW. Nothing is changed. */
long loop_check_info(const struct loop_info64 *info);

/* Give it a file, whose reference is taken over: 0, -ENOMEM; the rest was checked. */
struct loop_bind {
	struct co_frame co;
	struct loop *lo;
	struct file *file;
	const struct loop_config *config;
	bool read_only;
	long err;
};
co_t loop_bind(struct co *co, struct loop_bind *f);

/* The device goes from its file when nobody uses it any more. */
void loop_let_go(struct loop *lo);

/* Other settings of a bound one. */
struct loop_set {
	struct co_frame co;
	struct loop *lo;
	const struct loop_info64 *info;
	bool scan;
	long err;
};
co_t loop_set(struct co *co, struct loop_set *f);

/* --- loop_work.c --- */

/* The driver's half. */
void loop_start(struct blk_device *dev, struct blk_request *rq);
struct task *loop_work_start(struct loop *lo);
/* No more requests: await the worker's end. */
struct loop_work_end {
	struct co_frame co;
	struct loop *lo;
	struct task *worker;
	long ignored;
};
co_t loop_work_end(struct co *co, struct loop_work_end *f);

/* --- loop_ioctl.c --- */

struct loop_ioctl {
	struct file_ioctl;
	struct loop *lo;
	long err;
};
co_t loop_ioctl(struct co *co, struct loop_ioctl *f);

#endif
