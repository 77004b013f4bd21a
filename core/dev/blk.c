/* core/dev/blk.c -- the list of block devices, and requests. */
#include "core/dev/blk.h"

#include "core/base/log.h"
#include "core/dev/blk_cache.h"
#include "core/proc/thread.h"
#include "hal/clock.h"

static spinlock devices_lock = SPINLOCK_INIT(RANK_BLK);
static struct list devices = LIST_INIT(devices);	/* under devices_lock */
static u32 blk_registered;				/* under devices_lock: how many */
static u32 waiting;					/* [a] tasks */
struct blk_told_op blk_told;

static struct blk_device *blk_lookup(u32 number, const char *name) REQUIRES(devices_lock)
{
	struct blk_device *dev;

	list_each(dev, &devices, link)
		if (name ? !strcmp(dev->name, name) : dev->number == number)
			return dev;
	return NULL;
}

/* Before whom it is in the list: a partition follows its disk, and those of lower numbers. */
static struct list *blk_place(const struct blk_device *dev) REQUIRES(devices_lock)
{
	struct list *at = &devices;
	struct blk_device *other;

	if (!dev->disk)
		return at;
	list_each(other, &devices, link)
		if (other == dev->disk ||
		    (other->disk == dev->disk && other->partition < dev->partition))
			at = other->link.next;
	return at;
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
	else {
		dev->id = blk_registered++;
		list_add_back(blk_place(dev), &dev->link);
	}
	spin_unlock(&devices_lock);
	if (!err && dev->sectors)
		log_info("%s: %lu sectors%s", dev->name, (unsigned long)dev->sectors,
			 dev->read_only ? ", read-only" : "");
	return err;
}

static struct blk_device *blk_present(struct blk_device *dev)
{
	return dev && !atomic_load(&dev->absent) ? dev : NULL;
}

struct blk_device *blk_find_any(u32 number)
{
	struct blk_device *dev;

	spin_lock(&devices_lock);
	dev = blk_lookup(number, NULL);
	spin_unlock(&devices_lock);
	return dev;
}

struct blk_device *blk_find(u32 number)
{
	return blk_present(blk_find_any(number));
}

struct blk_device *blk_find_name(const char *name)
{
	struct blk_device *dev;

	spin_lock(&devices_lock);
	dev = blk_lookup(0, name);
	spin_unlock(&devices_lock);
	return blk_present(dev);
}

struct blk_device *blk_find_id(u32 id)
{
	struct blk_device *dev, *found = NULL;

	spin_lock(&devices_lock);
	list_each(dev, &devices, link)
		if (dev->id == id)
			found = dev;
	spin_unlock(&devices_lock);
	return found;
}

struct blk_device *blk_find_partition(const struct blk_device *disk, u32 partition)
{
	struct blk_device *dev, *found = NULL;

	spin_lock(&devices_lock);
	list_each(dev, &devices, link)
		if (dev->disk == disk && dev->partition == partition)
			found = dev;
	spin_unlock(&devices_lock);
	return found;
}

struct blk_device *blk_next(const struct blk_device *after)
{
	struct list *next;

	spin_lock(&devices_lock);
	next = after ? after->link.next : devices.next;
	while (next != &devices &&
	       atomic_load(&list_entry(next, struct blk_device, link)->absent))
		next = next->next;
	spin_unlock(&devices_lock);
	return next == &devices ? NULL : list_entry(next, struct blk_device, link);
}

/* --- users --- */

static bool blk_use_one(struct blk_device *dev)
{
	i32 n = atomic_load(&dev->users);

	do
		if (n < 0 || atomic_load(&dev->closing))
			return false;
	while (!atomic_cas(&dev->users, &n, n + 1));
	return true;
}

static void blk_unuse_one(struct blk_device *dev)
{
	i32 n = atomic_load(&dev->users);
	bool last;

	do
		last = n == 1 && atomic_load(&dev->clears);
	while (!atomic_cas(&dev->users, &n, last ? BLK_UNUSABLE : n - 1));
	if (last)
		dev->ops->unused(dev);
}

bool blk_use(struct blk_device *dev)
{
	if (dev->disk && !blk_use_one(dev->disk))
		return false;
	if (blk_use_one(dev))
		return true;
	if (dev->disk)
		blk_unuse_one(dev->disk);
	return false;
}

void blk_unuse(struct blk_device *dev)
{
	blk_unuse_one(dev);
	if (dev->disk)
		blk_unuse_one(dev->disk);
}

bool blk_leave(struct blk_device *dev)
{
	i32 none = 0;

	if (!atomic_cas(&dev->users, &none, BLK_UNUSABLE))
		return false;
	atomic_store(&dev->absent, true);
	return true;
}

void blk_return(struct blk_device *dev)
{
	atomic_store(&dev->absent, false);
	atomic_store(&dev->users, 0);
}

co_t blk_tell(struct co *co, struct blk_tell *f)
{
	CO_BEGIN;
	if (blk_told.step)
		CO_AWAIT_OP(f->ignored, blk_told, .dev = f->dev);
	CO_RETURN(0);
	CO_END;
}

co_t blk_resize(struct co *co, struct blk_resize *f)
{
	CO_BEGIN;
	f->was = f->dev->mapping.fixed_size;
	atomic_store(&f->dev->sectors, f->sectors);
	atomic_store(&f->dev->mapping.fixed_size, f->sectors << BLK_SECTOR_SHIFT);
	CO_AWAIT(f->ignored, page_truncate, .mapping = &f->dev->mapping,
		 .size = f->sectors << BLK_SECTOR_SHIFT, .was = f->was);
	CO_RETURN(0);
	CO_END;
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
	/* Zeros count as written. */
	static const u8 places[BLK_KINDS] = {
		[BLK_READ] = 0, [BLK_WRITE] = 4, [BLK_FLUSH] = 15,
		[BLK_DISCARD] = 11, [BLK_ZERO] = 4,
	};
	u64 all_ns = 0;

	memset(of, 0, BLK_STATISTICS * sizeof(*of));
	for (int kind = 0; kind < BLK_KINDS; kind++) {
		u64 ns = atomic_load_relaxed(&dev->counts[kind].ns);
		u64 *to = &of[places[kind]];

		to[0] += atomic_load_relaxed(&dev->counts[kind].requests);
		if (kind != BLK_FLUSH)
			to[2] += atomic_load_relaxed(&dev->counts[kind].sectors);
		to[kind == BLK_FLUSH ? 1 : 3] += ns / 1000000;
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
	u64 bytes = 0, capacity = atomic_load(&dev->sectors);

	if (rq->kind == BLK_FLUSH)
		return rq->count == 0;
	if (rq->kind > BLK_FLUSH)
		return rq->sectors && rq->sectors <= capacity &&
		       rq->sector <= capacity - rq->sectors;
	if (rq->count == 0 || rq->count > dev->max_segments)
		return false;
	for (unsigned i = 0; i < rq->count; i++) {
		u32 len = rq->segments[i].len;

		if (len == 0 || len % BLK_SECTOR)
			return false;
		bytes += len;
	}
	bytes >>= BLK_SECTOR_SHIFT;
	return rq->sector <= capacity && bytes <= capacity - rq->sector;
}

/* For the process that asks; workers' requests are nobody's. */
static void blk_account(enum blk_kind kind, const struct blk_segment *segments, unsigned count)
{
	struct task *t = task_current();
	u64 bytes = 0;

	if (!t || !t->user || kind > BLK_WRITE)
		return;
	for (unsigned i = 0; i < count; i++)
		bytes += segments[i].len;
	atomic_add_relaxed(&thread_of(t)->process->io.disk[kind == BLK_WRITE], bytes);
}

/* A request begins at a device, or ends: its disk counts it, too. */
static void blk_count(struct blk_device *dev, const struct blk_request *rq, u64 now, bool begins)
{
	for (; dev; dev = dev->disk) {
		if (begins) {
			atomic_add_relaxed(&dev->counts[rq->kind].sectors, rq->sectors);
			blk_was_busy(dev, now, atomic_add_relaxed(&dev->in_flight, 1u));
			continue;
		}
		atomic_add_relaxed(&dev->counts[rq->kind].requests, 1ul);
		atomic_add_relaxed(&dev->counts[rq->kind].ns, now - rq->begun_ns);
		blk_was_busy(dev, now, atomic_add_relaxed(&dev->in_flight, (u32)-1));
	}
}

static void blk_begin(struct blk_request *rq, struct blk_device *dev)
{
	list_init(&rq->link);
	rq->finished = &dev->finished[atomic_add_relaxed(&dev->next_queue, 1u) % BLK_QUEUES];
	if (!blk_fits(dev, rq)) {
		log_err("%s: a request at sector %lu lies outside of the device", dev->name,
			(unsigned long)rq->sector);
		blk_finish(rq, -EIO);
		return;
	}
	if (rq->kind != BLK_READ && rq->kind != BLK_FLUSH && atomic_load(&dev->read_only)) {
		log_err("%s: write to a read-only device", dev->name);
		blk_finish(rq, -EIO);
		return;
	}
	blk_account(rq->kind, rq->segments, rq->count);
	for (unsigned i = 0; i < rq->count; i++)
		rq->sectors += rq->segments[i].len >> BLK_SECTOR_SHIFT;
	rq->dev = dev;
	rq->begun_ns = hal_clock_ns();
	blk_count(dev, rq, rq->begun_ns, true);
	if (dev->disk)
		rq->sector += atomic_load(&dev->first);
	dev = blk_disk(dev);
	dev->ops->start(dev, rq);
}

void blk_start(struct blk_request *rq, struct blk_device *dev, enum blk_kind kind, u64 sector,
	       const struct blk_segment *segments, unsigned count)
{
	*rq = (struct blk_request){
		.segments = segments,
		.sector = sector,
		.count = (u16)min(count, (unsigned)UINT16_MAX),
		.kind = (u8)kind,
	};
	blk_begin(rq, dev);
}

void blk_start_range(struct blk_request *rq, struct blk_device *dev, enum blk_kind kind,
		     u64 sector, u64 sectors)
{
	*rq = (struct blk_request){.sector = sector, .sectors = sectors, .kind = (u8)kind};
	blk_begin(rq, dev);
}

void blk_finish(struct blk_request *rq, int error)
{
	struct waitq *finished = rq->finished;
	struct blk_device *dev = rq->dev;

	if (dev)
		blk_count(dev, rq, hal_clock_ns(), false);
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
