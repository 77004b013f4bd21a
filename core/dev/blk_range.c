/* core/dev/blk_range.c -- requests about a range of sectors: discarded, or zeros. */
#include "core/dev/blk.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

co_t blk_range(struct co *co, struct blk_range *f)
{
	CO_BEGIN;
	while (f->sectors) {
		f->n = atomic_load(&blk_disk(f->dev)->range_max[f->kind - BLK_DISCARD]);
		if (!f->n)
			CO_RETURN(-EOPNOTSUPP);
		f->n = min(f->n, f->sectors);
		blk_start_range(&f->rq, f->dev, f->kind, f->sector, f->n);
		CO_WAIT_IO(f->rq.finished, blk_done(&f->rq));
		if (f->rq.error)
			CO_RETURN(f->rq.error);
		f->sector += f->n;
		f->sectors -= f->n;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* One page of zeros, as often as a request takes it. */
struct blk_zeros {
	struct page *page;
	struct blk_segment segments[BLK_MAX_SEGMENTS];
};

static struct blk_zeros *zeros_new(void)
{
	struct blk_zeros *z = kzalloc(sizeof(*z));

	if (z)
		z->page = buddy_alloc(0, BUDDY_ZERO);
	if (z && z->page)
		return z;
	kfree(z);
	return NULL;
}

/* How many segments it takes for n sectors, or for the first of them. */
static unsigned zeros_fill(struct blk_zeros *z, const struct blk_device *dev, u64 *n)
{
	u64 left = min(*n, dev->max_segments * (PAGE_SIZE / BLK_SECTOR));
	unsigned count = 0;

	*n = left;
	for (; left; count++) {
		u64 some = min(left, PAGE_SIZE / BLK_SECTOR);

		z->segments[count] = (struct blk_segment){
			.addr = phys_page_addr(z->page),
			.len = (u32)(some << BLK_SECTOR_SHIFT),
		};
		left -= some;
	}
	return count;
}

co_t blk_zero(struct co *co, struct blk_zero *f)
{
	unsigned count;

	CO_BEGIN;
	CO_AWAIT(f->err, blk_range, .dev = f->dev, .kind = BLK_ZERO, .sector = f->sector,
		 .sectors = f->sectors);
	if (f->err != -EOPNOTSUPP)
		CO_RETURN(f->err);
	f->of = zeros_new();
	if (!f->of)
		CO_RETURN(-ENOMEM);
	f->err = 0;
	while (f->sectors && !f->err) {
		f->n = f->sectors;
		count = zeros_fill(f->of, f->dev, &f->n);
		CO_AWAIT(f->err, blk_transfer, .dev = f->dev, .kind = BLK_WRITE,
			 .sector = f->sector, .segments = f->of->segments, .count = count);
		f->sector += f->n;
		f->sectors -= f->n;
		CO_BREATHE;
	}
	phys_page_put(f->of->page);
	kfree(f->of);
	CO_RETURN(f->err);
	CO_END;
}
