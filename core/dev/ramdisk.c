/* core/dev/ramdisk.c -- see ramdisk.h. Requests are done at once: a copy of at most
 * BLK_MAX_SEGMENTS pages. */
#include "core/dev/ramdisk.h"

#include "core/base/log.h"
#include "core/dev/blk.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"

static void ramdisk_start(struct blk_device *dev, struct blk_request *rq)
{
	u8 *at = (u8 *)dev->private + (rq->sector << BLK_SECTOR_SHIFT);

	for (unsigned i = 0; i < rq->count; i++) {
		const struct blk_segment *s = &rq->segments[i];
		u8 *memory = hal_phys_to_virt(s->addr);

		if (rq->kind == BLK_READ)
			memcpy(memory, at, s->len);
		else
			memcpy(at, memory, s->len);
		at += s->len;
	}
	blk_finish(rq, 0);
}

static const struct blk_ops ramdisk_ops = {.start = ramdisk_start};

int ramdisk_add(unsigned n, paddr base, u64 size)
{
	struct blk_device *dev;
	int err;

	if (n > 255 || size < BLK_SECTOR)
		return -EINVAL;
	dev = kzalloc(sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->ops = &ramdisk_ops;
	format(dev->name, sizeof(dev->name), "ram%u", n);
	dev->number = BLK_NUMBER(BLK_MAJOR_RAM, n);
	dev->sectors = size >> BLK_SECTOR_SHIFT;
	dev->private = hal_phys_to_virt(base);
	err = blk_register(dev);
	if (err)
		kfree(dev);
	return err;
}
