/* core/dev/blk.c -- the list of block devices, and requests. */
#include "core/dev/blk.h"

#include "core/base/log.h"
#include "core/dev/blk_cache.h"
#include "core/proc/thread.h"
#include "hal/clock.h"

static spinlock devices_lock = SPINLOCK_INIT(RANK_BLK);
static struct list devices = LIST_INIT(devices);	/* under devices_lock */
static u32 waiting;					/* [a] tasks */

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

bool blk_claim(struct blk_device *dev, void *holder)
{
	void *none = NULL;

	return atomic_cas(&dev->holder, &none, holder);
}

void blk_release(struct blk_device *dev)
{
	atomic_store(&dev->holder, NULL);
}

/* --- statistics --- */

/* Up to now so many were in flight. Who comes first of several counts the time for all. */
static void blk_was_busy(struct blk_device *dev, u64 now, u32 in_flight)
{
	u64 until = atomic_load_relaxed(&dev->busy_until_ns);

	if (now > until && atomic_cas(&dev->busy_until_ns, &until, now) && in_flight)
		atomic_add_relaxed(&dev->busy_ns, now - until);
}

void blk_statistics(const struct blk_device *dev, u64 of[BLK_STATISTICS])
{
	static const u8 places[BLK_KINDS] = {[BLK_READ] = 0, [BLK_WRITE] = 4, [BLK_FLUSH] = 15};
	u64 all_ns = 0;

	memset(of, 0, BLK_STATISTICS * sizeof(*of));
	for (int kind = 0; kind < BLK_KINDS; kind++) {
		u64 ns = atomic_load_relaxed(&dev->counts[kind].ns);
		u64 *to = &of[places[kind]];

		to[0] = atomic_load_relaxed(&dev->counts[kind].requests);
		if (kind != BLK_FLUSH)
			to[2] = atomic_load_relaxed(&dev->counts[kind].sectors);
		to[kind == BLK_FLUSH ? 1 : 3] = ns / 1000000;
		all_ns += ns;
	}
	of[8] = atomic_load_relaxed(&dev->in_flight);
	of[9] = atomic_load_relaxed(&dev->busy_ns) / 1000000;
	of[10] = all_ns / 1000000;
}

unsigned blk_waiting(void)
{
	return atomic_load_relaxed(&waiting);
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
	for (unsigned i = 0; i < count; i++)
		atomic_add_relaxed(&dev->counts[kind].sectors,
				   (u64)(segments[i].len >> BLK_SECTOR_SHIFT));
	rq->dev = dev;
	rq->begun_ns = hal_clock_ns();
	blk_was_busy(dev, rq->begun_ns, atomic_add_relaxed(&dev->in_flight, 1u));
	dev->ops->start(dev, rq);
}

void blk_finish(struct blk_request *rq, int error)
{
	struct waitq *finished = rq->finished;
	struct blk_device *dev = rq->dev;

	if (dev) {
		u64 now = hal_clock_ns();

		atomic_add_relaxed(&dev->counts[rq->kind].requests, 1ul);
		atomic_add_relaxed(&dev->counts[rq->kind].ns, now - rq->begun_ns);
		blk_was_busy(dev, now, atomic_add_relaxed(&dev->in_flight, (u32)-1));
	}
	rq->error = error;
	/* From here on its owner may take it away. */
	atomic_store(&rq->done, 1u);
	waitq_wake(finished);
}

co_t blk_transfer(struct co *co, struct blk_transfer *f)
{
	CO_BEGIN;
	blk_start(&f->rq, f->dev, f->kind, f->sector, f->segments, f->count);
	atomic_add_relaxed(&waiting, 1u);
	CO_WAIT_IO(f->rq.finished, blk_done(&f->rq));
	atomic_add_relaxed(&waiting, (u32)-1);
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
	atomic_add_relaxed(&waiting, 1u);
	for (f->at = 0; f->at < f->batch->started; f->at++) {
		CO_WAIT_IO(f->batch->rq[f->at].finished, blk_done(&f->batch->rq[f->at]));
		if (f->batch->rq[f->at].error && !f->batch->error)
			f->batch->error = f->batch->rq[f->at].error;
	}
	atomic_add_relaxed(&waiting, (u32)-1);
	f->batch->started = f->batch->segments = f->batch->first = 0;
	CO_RETURN(f->batch->error);
	CO_END;
}
