/* core/dev/blk.c -- the list of block devices, and requests. */
#include "core/dev/blk.h"

#include "core/base/log.h"
#include "core/dev/blk_cache.h"
#include "core/proc/thread.h"

static spinlock devices_lock = SPINLOCK_INIT(RANK_BLK);
static struct list devices = LIST_INIT(devices);	/* under devices_lock */

static struct blk_device *blk_lookup(u32 number, const char *name) REQUIRES(devices_lock)
{
	struct blk_device *dev;

	list_each(dev, &devices, link)
		if (name ? !strcmp(dev->name, name) : dev->number == number)
			return dev;
	return NULL;
}

int blk_register(struct blk_device *dev)
{
	int err = 0;

	if (dev->max_segments > BLK_MAX_SEGMENTS || dev->max_segments == 0)
		dev->max_segments = BLK_MAX_SEGMENTS;
	if (!dev->block_size)
		dev->block_size = BLK_SECTOR;
	if (dev->sectors > (u64)INT64_MAX >> BLK_SECTOR_SHIFT)
		return -EINVAL;
	for (int i = 0; i < BLK_QUEUES; i++)
		waitq_init(&dev->finished[i]);
	blk_cache_init(dev);
	spin_lock(&devices_lock);
	if (blk_lookup(dev->number, NULL) || blk_lookup(0, dev->name))
		err = -EEXIST;
	else
		list_add_back(&devices, &dev->link);
	spin_unlock(&devices_lock);
	if (!err)
		log_info("%s: %lu sectors%s", dev->name, (unsigned long)dev->sectors,
			 dev->read_only ? ", read-only" : "");
	return err;
}

struct blk_device *blk_find(u32 number)
{
	struct blk_device *dev;

	spin_lock(&devices_lock);
	dev = blk_lookup(number, NULL);
	spin_unlock(&devices_lock);
	return dev;
}

struct blk_device *blk_find_name(const char *name)
{
	struct blk_device *dev;

	spin_lock(&devices_lock);
	dev = blk_lookup(0, name);
	spin_unlock(&devices_lock);
	return dev;
}

struct blk_device *blk_next(const struct blk_device *after)
{
	struct list *next;

	spin_lock(&devices_lock);
	next = after ? after->link.next : devices.next;
	spin_unlock(&devices_lock);
	return next == &devices ? NULL : list_entry(next, struct blk_device, link);
}

/* Does it lie inside the device, in whole sectors? */
static bool blk_fits(const struct blk_device *dev, const struct blk_request *rq)
{
	u64 bytes = 0;

	if (rq->kind == BLK_FLUSH)
		return rq->count == 0;
	if (rq->count == 0 || rq->count > dev->max_segments)
		return false;
	for (unsigned i = 0; i < rq->count; i++) {
		u32 len = rq->segments[i].len;

		if (len == 0 || len % BLK_SECTOR)
			return false;
		bytes += len;
	}
	bytes >>= BLK_SECTOR_SHIFT;
	return rq->sector <= dev->sectors && bytes <= dev->sectors - rq->sector;
}

/* For the process that asks; workers' requests are nobody's. */
static void blk_account(enum blk_kind kind, const struct blk_segment *segments, unsigned count)
{
	struct task *t = task_current();
	u64 bytes = 0;

	if (!t || !t->user || kind == BLK_FLUSH)
		return;
	for (unsigned i = 0; i < count; i++)
		bytes += segments[i].len;
	atomic_add_relaxed(&thread_of(t)->process->io.disk[kind == BLK_WRITE], bytes);
}

void blk_start(struct blk_request *rq, struct blk_device *dev, enum blk_kind kind, u64 sector,
	       const struct blk_segment *segments, unsigned count)
{
	*rq = (struct blk_request){
		.segments = segments,
		.sector = sector,
		.count = (u16)min(count, (unsigned)UINT16_MAX),
		.kind = (u8)kind,
		.finished = &dev->finished[atomic_add_relaxed(&dev->next_queue, 1u) % BLK_QUEUES],
	};
	list_init(&rq->link);
	if (!blk_fits(dev, rq)) {
		log_err("%s: a request at sector %lu lies outside of the device", dev->name,
			(unsigned long)sector);
		blk_finish(rq, -EIO);
		return;
	}
	if (kind == BLK_WRITE && dev->read_only) {
		log_err("%s: write to a read-only device", dev->name);
		blk_finish(rq, -EIO);
		return;
	}
	blk_account(kind, segments, count);
	if (kind == BLK_READ)
		atomic_add_relaxed(&dev->reads, 1ul);
	else if (kind == BLK_WRITE)
		atomic_add_relaxed(&dev->writes, 1ul);
	for (unsigned i = 0; i < count; i++)
		atomic_add_relaxed(kind == BLK_READ ? &dev->sectors_read : &dev->sectors_written,
				   (u64)(segments[i].len >> BLK_SECTOR_SHIFT));
	dev->ops->start(dev, rq);
}

void blk_finish(struct blk_request *rq, int error)
{
	struct waitq *finished = rq->finished;

	rq->error = error;
	/* From here on its owner may take it away. */
	atomic_store(&rq->done, 1u);
	waitq_wake(finished);
}

co_t blk_transfer(struct co *co, struct blk_transfer *f)
{
	CO_BEGIN;
	blk_start(&f->rq, f->dev, f->kind, f->sector, f->segments, f->count);
	CO_WAIT_IO(f->rq.finished, blk_done(&f->rq));
	CO_RETURN(f->rq.error);
	CO_END;
}

/* --- batches --- */

void blk_batch_init(struct blk_batch *b, struct blk_device *dev, enum blk_kind kind)
{
	b->dev = dev;
	b->kind = kind;
	b->started = b->segments = b->first = 0;
	b->error = 0;
}

/* Start the open request, if there is one. */
static void blk_batch_start(struct blk_batch *b)
{
	if (b->first == b->segments)
		return;
	blk_start(&b->rq[b->started++], b->dev, b->kind, b->sector, &b->segment[b->first],
		  b->segments - b->first);
	b->first = b->segments;
}

bool blk_batch_add(struct blk_batch *b, u64 sector, paddr addr, u32 len)
{
	bool open = b->first != b->segments;
	struct blk_segment *last = open ? &b->segment[b->segments - 1] : NULL;

	if (open && sector != b->end) {
		blk_batch_start(b);
		open = false;
	}
	if (open && last->addr.raw + last->len == addr.raw &&
	    last->len + len <= BLK_MAX_SEGMENTS * PAGE_SIZE) {
		last->len += len;
		b->end += len >> BLK_SECTOR_SHIFT;
		return true;
	}
	if (open && b->segments - b->first >= b->dev->max_segments) {
		blk_batch_start(b);
		open = false;
	}
	if (b->segments == BLK_BATCH_SEGMENTS || (!open && b->started == BLK_BATCH_REQUESTS))
		return false;
	if (!open)
		b->sector = b->end = sector;
	b->segment[b->segments++] = (struct blk_segment){.addr = addr, .len = len};
	b->end += len >> BLK_SECTOR_SHIFT;
	return true;
}

co_t blk_batch_wait(struct co *co, struct blk_batch_wait *f)
{
	CO_BEGIN;
	blk_batch_start(f->batch);
	for (f->at = 0; f->at < f->batch->started; f->at++) {
		CO_WAIT_IO(f->batch->rq[f->at].finished, blk_done(&f->batch->rq[f->at]));
		if (f->batch->rq[f->at].error && !f->batch->error)
			f->batch->error = f->batch->rq[f->at].error;
	}
	f->batch->started = f->batch->segments = f->batch->first = 0;
	CO_RETURN(f->batch->error);
	CO_END;
}
