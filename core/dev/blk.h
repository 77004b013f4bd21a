/* core/dev/blk.h -- block devices: the list of them, requests, and their page cache.
 *
 * A request moves whole sectors between a device and segments of physical memory. It is
 * started without waiting and finishes by itself, so one coroutine may have many in flight:
 *
 *	blk_start(&f->rq, dev, BLK_READ, sector, segments, count);
 *	...
 *	CO_WAIT_IO(f->rq.finished, blk_done(&f->rq));
 *
 * The page cache serves /dev/vda and what file systems read of their own structures; file data
 * is in the files' own mappings, and the two are not kept coherent.
 *
 * A partition is a device whose requests are its disk's, further on. Devices may come and go: the
 * record of one that has gone stays, `absent`, for the next of its number.
 *
 * Ownership  a record is registered for ever, so a pointer to it needs no reference. Who opens or
 *            mounts a device uses it (blk_use), and its disk: while somebody does it stays. A
 *            request, its segments and their memory belong to the device from blk_start until
 *            blk_done; so the wait for it is never interruptible.
 * Units      sectors of 512 bytes; segment lengths in bytes, multiples of 512; numbers are
 *            Linux's (major << 20 | minor).
 * Locking    a driver's own (RANK_BLK) behind ops->start; no lock of the caller's is needed.
 */
#ifndef DEV_BLK_H
#define DEV_BLK_H

#include "coro/co.h"
#include "vfs/file.h"
#include "vfs/page.h"

#define BLK_SECTOR	 512ul
#define BLK_SECTOR_SHIFT 9
#define BLK_MAX_SEGMENTS 32
#define BLK_QUEUES	 8	/* wait queues per device */

#define BLK_MAJOR_RAM	 1
#define BLK_MAJOR_LOOP	 7
#define BLK_MAJOR_VIRTIO 254
#define BLK_MAJOR_EXT	 259	/* partitions for which their disk has no number */
#define BLK_NUMBER(major, minor) ((u32)(major) << 20 | (u32)(minor))

/* Those from BLK_DISCARD on are about a range of sectors and move nothing. */
enum blk_kind { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_ZERO, BLK_KINDS };

struct blk_segment {
	paddr addr;
	u32 len;
};

struct blk_device;

struct blk_request {
	struct list link;	/* the driver's, while it has the request */
	const struct blk_segment *segments;
	u64 sector;
	u64 sectors;		/* of a range */
	u16 count;
	u8 kind;		/* enum blk_kind */
	int error;		/* once done: 0, -EIO, or -EOPNOTSUPP of a range */
	struct blk_device *dev;	/* it was given to; NULL: to none, it does not fit */
	u64 begun_ns;
	u32 done;		/* [a] */
	struct waitq *finished;	/* of the device, so it outlives the request */
};

struct blk_ops {
	/* Begin, or queue, a validated request; blk_finish is called for it exactly once, from
	 * here or from an interrupt. Never waits. */
	void (*start)(struct blk_device *dev, struct blk_request *rq);
	/* What no other device understands; absent: -ENOTTY. */
	struct file_ioctl_op ioctl;
	/* It `clears`, and its last user has gone: nobody gets to use it until users becomes 0
	 * again. Never waits. */
	void (*unused)(struct blk_device *dev);
};

#define BLK_UNUSABLE (-1)	/* as `users` */

struct blk_device {
	const struct blk_ops *ops;	/* [I] */
	char name[16];			/* [I] as in /dev */
	u32 number;			/* [I] */
	u64 sectors;			/* [a] capacity: blk_resize */
	u32 block_size;			/* [a] logical, bytes */
	u16 max_segments;		/* [I] per request; at most BLK_MAX_SEGMENTS */
	u16 minors;			/* [I] numbers from its own on, for partitions; 0: none */
	bool read_only;			/* [a] */
	bool geometry;			/* [I] HDIO_GETGEO has an answer */
	bool unparted;			/* [a] no partitions are looked for */
	bool absent;			/* [a] the device is not there (any more) */
	bool closing;			/* [a] nobody else gets to use it */
	bool clears;			/* [a] its last user's end is told to ops->unused */
	i32 users;			/* [a] or BLK_UNUSABLE */
	u32 range_max[2];		/* [a] sectors of a BLK_DISCARD, a BLK_ZERO; 0: none */
	u32 id;				/* [I] the how-manieth that was registered */
	u32 partition;			/* [I] its number; 0: it is a disk itself */
	struct blk_device *disk;	/* [I] of which it is a partition */
	u64 first;			/* [a] where it begins there */
	void *private;			/* [I] the driver's */
	struct mapping mapping;		/* its page cache: raw reads and writes, metadata */
	void *holder;			/* [a] what is mounted from it, or NULL: blk_mount.h */
	u32 next_queue;			/* [a] */
	struct waitq finished[BLK_QUEUES];
	struct {			/* [a] what came to its end; sectors: what was asked for */
		u64 requests, sectors, ns;
	} counts[BLK_KINDS];
	u32 in_flight;			/* [a] */
	u64 busy_ns, busy_until_ns;	/* [a] with something in flight, counted up to then */
	struct list link;		/* under blk.c's lock; never removed */
};

/* --- devices --- */

/* Enter a device; the caller filled what is marked [I] (max_segments and block_size may be 0
 * for the defaults). 0, -EEXIST, or -EINVAL. */
int blk_register(struct blk_device *dev);
struct blk_device *blk_find(u32 number);		/* NULL if there is none */
struct blk_device *blk_find_any(u32 number);		/* also if it is absent */
struct blk_device *blk_find_name(const char *name);
struct blk_device *blk_find_id(u32 id);
struct blk_device *blk_next(const struct blk_device *after);	/* NULL: the first */
/* The record of a disk's partition, absent or not; NULL: there never was one. */
struct blk_device *blk_find_partition(const struct blk_device *disk, u32 partition);

static inline struct blk_device *blk_disk(struct blk_device *dev)
{
	return dev->disk ? dev->disk : dev;
}

/* Use a device, and its disk: false if it has gone or is going. */
bool blk_use(struct blk_device *dev);
void blk_unuse(struct blk_device *dev);
/* It goes, or comes back; false: it is used. blk_tell afterwards. */
bool blk_leave(struct blk_device *dev);
void blk_return(struct blk_device *dev);

/* Another capacity. What its page cache has beyond it is dropped. */
struct blk_resize {
	struct co_frame co;
	struct blk_device *dev;
	u64 sectors, was;
	long ignored;
};
co_t blk_resize(struct co *co, struct blk_resize *f);

/* A device has come or gone: set by who has names for them, before the first one does. */
struct blk_told {
	struct co_frame co;
	struct blk_device *dev;
};
CO_OPERATION(blk_told);
extern struct blk_told_op blk_told;
struct blk_tell {
	struct co_frame co;
	struct blk_device *dev;
	long ignored;
};
co_t blk_tell(struct co *co, struct blk_tell *f);

/* What Linux counts for a device, in its order (Documentation/admin-guide/iostats.rst): times in
 * milliseconds; nothing is merged. */
#define BLK_STATISTICS 17
void blk_statistics(const struct blk_device *dev, u64 of[BLK_STATISTICS]);
/* How many tasks wait for a device now. */
unsigned blk_waiting(void);

/* --- requests --- */

/* Validate and start. A request that does not fit the device is done at once with -EIO. */
void blk_start(struct blk_request *rq, struct blk_device *dev, enum blk_kind kind, u64 sector,
	       const struct blk_segment *segments, unsigned count);
/* The same of a kind that moves nothing; at most range_max of the disk. */
void blk_start_range(struct blk_request *rq, struct blk_device *dev, enum blk_kind kind,
		     u64 sector, u64 sectors);
static inline bool blk_done(const struct blk_request *rq)
{
	return atomic_load(&rq->done);
}

/* The driver's half: the request may be gone when this returns. */
void blk_finish(struct blk_request *rq, int error);

/* One request, awaited. 0 or -EIO. */
struct blk_transfer {
	struct co_frame co;
	struct blk_device *dev;
	enum blk_kind kind;
	u64 sector;
	const struct blk_segment *segments;
	unsigned count;
	struct blk_request rq;
};
co_t blk_transfer(struct co *co, struct blk_transfer *f);

/* BLK_DISCARD or BLK_ZERO of any range inside the device: 0, -EIO, or -EOPNOTSUPP, having done
 * nothing or not all. */
struct blk_range {
	struct co_frame co;
	struct blk_device *dev;
	enum blk_kind kind;
	u64 sector, sectors;
	u64 n;
	struct blk_request rq;
};
co_t blk_range(struct co *co, struct blk_range *f);
/* Zeros in a range, by BLK_ZERO or written. 0, -EIO or -ENOMEM. */
struct blk_zero {
	struct co_frame co;
	struct blk_device *dev;
	u64 sector, sectors;
	struct blk_zeros *of;
	u64 n;
	long err;
};
co_t blk_zero(struct co *co, struct blk_zero *f);

/* Many requests at once, merged where both sides are adjacent. Its memory is the user's, from
 * the heap (it is large). Add pieces in any order; when blk_batch_add says false it is full:
 * await blk_batch_wait and add again. Always await it before the memory goes. */
#define BLK_BATCH_REQUESTS 16
#define BLK_BATCH_SEGMENTS 128
struct blk_batch {
	struct blk_device *dev;
	enum blk_kind kind;
	unsigned started, segments;	/* used so far */
	unsigned first;			/* segment of the open request; == segments: none */
	u64 sector, end;		/* of the open request */
	int error;			/* the first */
	struct blk_request rq[BLK_BATCH_REQUESTS];
	struct blk_segment segment[BLK_BATCH_SEGMENTS];
};
void blk_batch_init(struct blk_batch *b, struct blk_device *dev, enum blk_kind kind);
bool blk_batch_add(struct blk_batch *b, u64 sector, paddr addr, u32 len);
/* Start what is left, wait for all; 0 or -EIO. The batch is empty again. */
struct blk_batch_wait {
	struct co_frame co;
	struct blk_batch *batch;
	unsigned at;
};
co_t blk_batch_wait(struct co *co, struct blk_batch_wait *f);

#endif
