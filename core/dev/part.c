/* core/dev/part.c -- a disk's partitions come and go. */
#include "core/dev/part.h"

#include "core/base/log.h"
#include "mem/phys/slab.h"

static struct co_mutex part_mutex;	/* CO_RANK_RENAME: one change at a time */
static u32 part_ext_minors;		/* under part_mutex: how many of BLK_MAJOR_EXT are given */

void part_list_add(struct part_list *to, u32 number, u64 first, u64 sectors)
{
	u64 end;

	if (to->count < PART_MAX && number <= PART_MAX && sectors &&
	    !add_overflows(first, sectors, &end))
		to->at[to->count++] = (struct part){first, sectors, number};
}

co_t part_read(struct co *co, struct part_read *f)
{
	u32 offset, some;

	CO_BEGIN;
	if (f->at + f->len > atomic_load(&f->disk->sectors) << BLK_SECTOR_SHIFT)
		CO_RETURN(-EIO);
	while (f->len) {
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->disk->mapping,
			 .index = f->at >> PAGE_SHIFT, .ahead = 1, .page = &f->page);
		if (f->err)
			CO_RETURN(f->err);
		offset = (u32)(f->at % PAGE_SIZE);
		some = min(f->len, (u32)PAGE_SIZE - offset);
		memcpy(f->to, (const u8 *)phys_page_data(f->page) + offset, some);
		phys_page_put(f->page);
		f->at += some;
		f->to += some;
		f->len -= some;
	}
	CO_RETURN(0);
	CO_END;
}

/* --- one partition --- */

static struct blk_device *part_present(const struct blk_device *disk, u32 number)
{
	struct blk_device *part = blk_find_partition(disk, number);

	return part && !atomic_load(&part->absent) ? part : NULL;
}

/* Does one but `except` lie in there? */
static bool part_overlaps(const struct blk_device *disk, const struct blk_device *except,
			  u64 first, u64 sectors)
{
	for (const struct blk_device *b = NULL; (b = blk_next(b));)
		if (b->disk == disk && b != except && b->first < first + sectors &&
		    first < b->first + atomic_load(&b->sectors))
			return true;
	return false;
}

static long part_fits(const struct blk_device *disk, u64 first, u64 sectors)
{
	u64 end;

	return add_overflows(first, sectors, &end) || end > atomic_load(&disk->sectors) ? -EINVAL
											: 0;
}

static u32 part_number_of(const struct blk_device *disk, u32 number)
{
	if (number < disk->minors)
		return disk->number + number;
	return BLK_NUMBER(BLK_MAJOR_EXT, part_ext_minors++);
}

/* The record, new or again. It is not there yet. */
static struct blk_device *part_record(struct blk_device *disk, u32 number)
{
	struct blk_device *part = blk_find_partition(disk, number);
	size_t len = strlen(disk->name);
	bool digit = disk->name[len - 1] >= '0' && disk->name[len - 1] <= '9';

	if (part)
		return part;
	part = kzalloc(sizeof(*part));
	if (!part)
		return NULL;
	format(part->name, sizeof(part->name), "%s%s%u", disk->name, digit ? "p" : "", number);
	part->ops = disk->ops;
	part->number = part_number_of(disk, number);
	part->disk = disk;
	part->partition = number;
	part->max_segments = disk->max_segments;
	part->geometry = disk->geometry;
	part->absent = true;
	part->users = BLK_UNUSABLE;
	if (!blk_register(part))
		return part;
	kfree(part);
	return NULL;
}

/* With the mutex: it is there from now on. */
struct part_enter {
	struct co_frame co;
	struct blk_device *disk;
	const struct part *as;
	struct blk_device *part;
	long ignored;
};
static co_t part_enter(struct co *co, struct part_enter *f)
{
	CO_BEGIN;
	f->part = part_record(f->disk, f->as->number);
	if (!f->part)
		CO_RETURN(-ENOMEM);
	atomic_store(&f->part->first, f->as->first);
	atomic_store(&f->part->block_size, f->disk->block_size);
	atomic_store(&f->part->read_only, atomic_load(&f->disk->read_only));
	CO_AWAIT(f->ignored, blk_resize, .dev = f->part, .sectors = f->as->sectors);
	blk_return(f->part);
	CO_AWAIT(f->ignored, blk_tell, .dev = f->part);
	CO_RETURN(0);
	CO_END;
}

/* It goes, if nobody uses it. */
struct part_leave {
	struct co_frame co;
	struct blk_device *part;
	long ignored;
};
static co_t part_leave(struct co *co, struct part_leave *f)
{
	CO_BEGIN;
	if (!blk_leave(f->part))
		CO_RETURN(-EBUSY);
	CO_AWAIT(f->ignored, page_write_back, .mapping = &f->part->mapping,
		 .last = UINT64_MAX >> PAGE_SHIFT);
	CO_AWAIT(f->ignored, blk_resize, .dev = f->part);
	CO_AWAIT(f->ignored, blk_tell, .dev = f->part);
	CO_RETURN(0);
	CO_END;
}

co_t part_add(struct co *co, struct part_add *f)
{
	CO_BEGIN;
	f->err = part_fits(f->disk, f->first, f->sectors);
	if (f->err || atomic_load(&f->disk->unparted) || f->number > PART_MAX)
		CO_RETURN(-EINVAL);
	CO_LOCK(&part_mutex);
	if (part_present(f->disk, f->number) ||
	    part_overlaps(f->disk, NULL, f->first, f->sectors)) {
		f->err = -EBUSY;
	} else {
		f->as = (struct part){f->first, f->sectors, f->number};
		CO_AWAIT(f->err, part_enter, .disk = f->disk, .as = &f->as);
	}
	mutex_unlock(&part_mutex);
	CO_RETURN(f->err);
	CO_END;
}

co_t part_remove(struct co *co, struct part_remove *f)
{
	struct blk_device *part;

	CO_BEGIN;
	CO_LOCK(&part_mutex);
	part = part_present(f->disk, f->number);
	f->err = -ENXIO;
	if (part)
		CO_AWAIT(f->err, part_leave, .part = part);
	mutex_unlock(&part_mutex);
	CO_RETURN(f->err);
	CO_END;
}

co_t part_resize(struct co *co, struct part_resize *f)
{
	CO_BEGIN;
	CO_LOCK(&part_mutex);
	f->part = part_present(f->disk, f->number);
	if (!f->part)
		f->err = -ENXIO;
	else if (f->part->first != f->first || part_fits(f->disk, f->first, f->sectors))
		f->err = -EINVAL;
	else if (part_overlaps(f->disk, f->part, f->first, f->sectors))
		f->err = -EBUSY;
	else
		CO_AWAIT(f->err, blk_resize, .dev = f->part, .sectors = f->sectors);
	mutex_unlock(&part_mutex);
	CO_RETURN(f->err);
	CO_END;
}

/* --- all of a disk --- */

static struct blk_device *part_next(const struct blk_device *disk)
{
	for (struct blk_device *b = NULL; (b = blk_next(b));)
		if (b->disk == disk)
			return b;
	return NULL;
}

static bool part_used(const struct blk_device *disk)
{
	for (const struct blk_device *b = NULL; (b = blk_next(b));)
		if (b->disk == disk && atomic_load(&b->users) > 0)
			return true;
	return false;
}

co_t part_forget(struct co *co, struct part_forget *f)
{
	CO_BEGIN;
	CO_LOCK(&part_mutex);
	while ((f->part = part_next(f->disk))) {
		CO_AWAIT(f->ignored, part_leave, .part = f->part);
		if (f->ignored)
			break;
	}
	mutex_unlock(&part_mutex);
	CO_RETURN(0);
	CO_END;
}

/* What a table says may be cut, or nonsense. */
static bool part_clip(const struct blk_device *disk, struct part *p)
{
	u64 capacity = atomic_load(&disk->sectors);

	if (p->first >= capacity) {
		log_warn("%s: partition %u lies beyond its end", disk->name, p->number);
		return false;
	}
	p->sectors = min(p->sectors, capacity - p->first);
	return true;
}

co_t part_scan(struct co *co, struct part_scan *f)
{
	CO_BEGIN;
	if (f->disk->disk || atomic_load(&f->disk->unparted))
		CO_RETURN(-EINVAL);
	if (part_used(f->disk))
		CO_RETURN(-EBUSY);
	f->list = kzalloc(sizeof(*f->list));
	if (!f->list)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, part_forget, .disk = f->disk);
	CO_AWAIT(f->err, part_gpt, .disk = f->disk, .list = f->list);
	if (!f->err)
		CO_AWAIT(f->err, part_mbr, .disk = f->disk, .list = f->list);
	f->err = min(f->err, 0l);
	CO_LOCK(&part_mutex);
	for (f->at = 0; f->at < f->list->count && !f->err; f->at++) {
		if (part_clip(f->disk, &f->list->at[f->at]) &&
		    !part_present(f->disk, f->list->at[f->at].number))
			CO_AWAIT(f->err, part_enter, .disk = f->disk, .as = &f->list->at[f->at]);
		CO_BREATHE;
	}
	mutex_unlock(&part_mutex);
	kfree(f->list);
	CO_RETURN(f->err);
	CO_END;
}

co_t part_scan_all(struct co *co, struct part_scan_all *f)
{
	CO_BEGIN;
	mutex_init(&part_mutex, CO_RANK_RENAME);
	while ((f->disk = blk_next(f->disk)))
		if (!f->disk->disk && f->disk->sectors)
			CO_AWAIT(f->ignored, part_scan, .disk = f->disk);
	CO_RETURN(0);
	CO_END;
}
