/* core/dev/virtio_blk.c -- the virtio disk.
 *
 * Up to VIRTIO_BLK_SLOTS requests are with the device; the others queue here and follow as
 * slots come free in the interrupt handler.
 */
#include "core/dev/virtio_blk.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>

#include "core/base/log.h"
#include "core/dev/blk.h"
#include "core/dev/virtio.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"

#define VIRTIO_BLK_SLOTS 48

/* What the device reads and writes for one request. The status byte comes last: the device
 * writes it. */
struct virtio_blk_slot {
	struct vring_desc table[BLK_MAX_SEGMENTS + 2];
	struct virtio_blk_outhdr header;
	struct virtio_blk_discard_write_zeroes range;
	u8 status;
	struct blk_request *rq;	/* NULL: free */
};

struct virtio_blk {
	struct blk_device blk;
	struct virtio_device *dev;	/* [I] */
	spinlock lock;			/* RANK_BLK: the queue and all below */
	struct virtq queue;
	struct list waiting;		/* struct blk_request.link */
	struct virtio_blk_slot *slots;	/* [I] VIRTIO_BLK_SLOTS of them */
};

/* Fill the slot's table; the number of descriptors. */
static unsigned slot_fill(struct virtio_blk_slot *slot, struct blk_request *rq)
{
	static const u32 types[BLK_KINDS] = {
		VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_DISCARD,
		VIRTIO_BLK_T_WRITE_ZEROES,
	};
	unsigned n = 0;

	slot->rq = rq;
	slot->status = 0xff;
	slot->header = (struct virtio_blk_outhdr){.type = types[rq->kind], .sector = rq->sector};
	slot->table[n++] = (struct vring_desc){
		.addr = hal_virt_to_phys(&slot->header).raw,
		.len = sizeof(slot->header),
	};
	for (unsigned i = 0; i < rq->count; i++)
		slot->table[n++] = (struct vring_desc){
			.addr = rq->segments[i].addr.raw,
			.len = rq->segments[i].len,
			.flags = rq->kind == BLK_READ ? VRING_DESC_F_WRITE : 0,
		};
	if (rq->kind > BLK_FLUSH) {
		slot->header.sector = 0;
		slot->range = (struct virtio_blk_discard_write_zeroes){
			.sector = rq->sector,
			.num_sectors = (u32)rq->sectors,
		};
		slot->table[n++] = (struct vring_desc){
			.addr = hal_virt_to_phys(&slot->range).raw,
			.len = sizeof(slot->range),
		};
	}
	slot->table[n++] = (struct vring_desc){
		.addr = hal_virt_to_phys(&slot->status).raw,
		.len = 1,
		.flags = VRING_DESC_F_WRITE,
	};
	for (unsigned i = 0; i + 1 < n; i++) {
		slot->table[i].flags |= VRING_DESC_F_NEXT;
		slot->table[i].next = (u16)(i + 1);
	}
	return n;
}

static struct virtio_blk_slot *slot_free(struct virtio_blk *disk) REQUIRES(disk->lock)
{
	for (unsigned i = 0; i < VIRTIO_BLK_SLOTS; i++)
		if (!disk->slots[i].rq)
			return &disk->slots[i];
	return NULL;
}

/* Hand waiting requests to the device while it has room. */
static void disk_pump(struct virtio_blk *disk) REQUIRES(disk->lock)
{
	bool added = false;

	while (!list_empty(&disk->waiting)) {
		struct blk_request *rq = list_first(&disk->waiting, struct blk_request, link);
		struct virtio_blk_slot *slot = slot_free(disk);
		unsigned n;

		if (!slot)
			break;
		n = slot_fill(slot, rq);
		if (virtq_add(&disk->queue, slot->table, n, slot)) {
			slot->rq = NULL;
			break;
		}
		list_remove(&rq->link);
		added = true;
	}
	if (added)
		virtq_kick(&disk->queue);
}

/* A broken device finishes nothing any more: everything it had goes to `failed`. */
static void disk_drain(struct virtio_blk *disk, struct list *failed) REQUIRES(disk->lock)
{
	if (!disk->dev->broken)
		return;
	for (unsigned i = 0; i < VIRTIO_BLK_SLOTS; i++) {
		struct blk_request *rq = disk->slots[i].rq;

		disk->slots[i].rq = NULL;
		if (rq)
			list_add_back(failed, &rq->link);
	}
	list_splice_back(failed, &disk->waiting);
}

static void finish_all(struct list *l, int error)
{
	while (!list_empty(l)) {
		struct blk_request *rq = list_first(l, struct blk_request, link);

		list_remove(&rq->link);
		blk_finish(rq, error);
	}
}

static void virtio_blk_start(struct blk_device *blk, struct blk_request *rq)
{
	struct virtio_blk *disk = container_of(blk, struct virtio_blk, blk);
	struct list failed = LIST_INIT(failed);

	if (rq->kind == BLK_FLUSH && !virtio_has(disk->dev, VIRTIO_BLK_F_FLUSH)) {
		/* Without the feature there is no volatile cache to flush. */
		blk_finish(rq, 0);
		return;
	}
	spin_lock(&disk->lock);
	list_add_back(&disk->waiting, &rq->link);
	if (!disk->dev->broken)
		disk_pump(disk);
	disk_drain(disk, &failed);
	spin_unlock(&disk->lock);
	finish_all(&failed, -EIO);
}

static void virtio_blk_interrupt(struct virtio_device *dev)
{
	struct virtio_blk *disk = dev->private;
	struct list good = LIST_INIT(good), failed = LIST_INIT(failed);
	struct virtio_blk_slot *slot;
	u32 len;

	if (!disk)
		return;
	spin_lock(&disk->lock);
	while ((slot = virtq_take(&disk->queue, &len))) {
		struct blk_request *rq = slot->rq;
		u8 status = slot->status;

		slot->rq = NULL;
		list_add_back(status == VIRTIO_BLK_S_OK ? &good : &failed, &rq->link);
		if (status != VIRTIO_BLK_S_OK)
			log_err("%s: request %u at sector %lu failed with status %u",
				disk->blk.name, rq->kind, (unsigned long)rq->sector, status);
	}
	if (!dev->broken)
		disk_pump(disk);
	disk_drain(disk, &failed);
	spin_unlock(&disk->lock);
	finish_all(&good, 0);
	finish_all(&failed, -EIO);
}

static const struct blk_ops virtio_blk_ops = {.start = virtio_blk_start};

/* vda .. vdz, then vdaa .. */
static void disk_name(unsigned index, char *to, size_t size)
{
	if (index < 26)
		format(to, size, "vd%c", (char)('a' + index));
	else
		format(to, size, "vd%c%c", (char)('a' + index / 26 - 1), (char)('a' + index % 26));
}

/* Which ranges of sectors it takes at once. */
static void disk_describe_ranges(const struct virtio_blk *disk, u32 max[2])
{
	struct virtio_device *dev = disk->dev;

	if (virtio_has(dev, VIRTIO_BLK_F_DISCARD))
		max[0] = virtio_config32(dev, offsetof(struct virtio_blk_config,
						       max_discard_sectors));
	if (virtio_has(dev, VIRTIO_BLK_F_WRITE_ZEROES))
		max[1] = virtio_config32(dev, offsetof(struct virtio_blk_config,
						       max_write_zeroes_sectors));
}

static int disk_describe(struct virtio_blk *disk)
{
	struct virtio_device *dev = disk->dev;
	struct blk_device *blk = &disk->blk;

	disk_name(dev->index, blk->name, sizeof(blk->name));
	blk->ops = &virtio_blk_ops;
	blk->number = BLK_NUMBER(BLK_MAJOR_VIRTIO, dev->index * 16);
	blk->minors = 16;
	blk->geometry = true;
	disk_describe_ranges(disk, blk->range_max);
	blk->sectors = virtio_config64(dev, offsetof(struct virtio_blk_config, capacity));
	blk->read_only = virtio_has(dev, VIRTIO_BLK_F_RO);
	blk->max_segments = BLK_MAX_SEGMENTS;
	if (!virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC))
		blk->max_segments = min(blk->max_segments, (u16)(disk->queue.size - 2));
	if (virtio_has(dev, VIRTIO_BLK_F_SEG_MAX)) {
		u32 most = virtio_config32(dev, offsetof(struct virtio_blk_config, seg_max));

		if (most)
			blk->max_segments = (u16)min((u32)blk->max_segments, most);
	}
	/* Segments are at most a run of pages; a device that takes less is not worth having. */
	if (virtio_has(dev, VIRTIO_BLK_F_SIZE_MAX) &&
	    virtio_config32(dev, offsetof(struct virtio_blk_config, size_max)) <
		    BLK_MAX_SEGMENTS * PAGE_SIZE)
		return -ENODEV;
	if (virtio_has(dev, VIRTIO_BLK_F_BLK_SIZE)) {
		blk->block_size =
			virtio_config32(dev, offsetof(struct virtio_blk_config, blk_size));
		if (!bits_is_power(blk->block_size) || blk->block_size < BLK_SECTOR ||
		    blk->block_size > PAGE_SIZE)
			return -EINVAL;
	}
	return dev->index < 16 * 26 ? 0 : -ENODEV;
}

static int virtio_blk_probe(struct virtio_device *dev)
{
	struct virtio_blk *disk = kzalloc(sizeof(*disk));
	int err = -ENOMEM;

	if (!disk)
		return err;
	disk->dev = dev;
	spin_init(&disk->lock, RANK_BLK);
	list_init(&disk->waiting);
	disk->slots = kcalloc(VIRTIO_BLK_SLOTS, sizeof(*disk->slots));
	if (!disk->slots)
		goto out;
	err = virtq_init(&disk->queue, dev, 0, VIRTQ_MAX_SIZE);
	if (!err)
		err = disk_describe(disk);
	if (err)
		goto out;
	dev->private = disk;
	virtio_start(dev);
	/* The device may interrupt now, but the disk must stay: it is registered or unused. */
	return blk_register(&disk->blk);
out:
	kfree(disk->slots);
	kfree(disk);
	return err;
}

const struct virtio_driver virtio_blk_driver = {
	.id = VIRTIO_ID_BLOCK,
	.name = "disk",
	.features = 1ul << VIRTIO_BLK_F_SEG_MAX | 1ul << VIRTIO_BLK_F_SIZE_MAX |
		    1ul << VIRTIO_BLK_F_RO | 1ul << VIRTIO_BLK_F_BLK_SIZE |
		    1ul << VIRTIO_BLK_F_FLUSH | 1ul << VIRTIO_BLK_F_DISCARD |
		    1ul << VIRTIO_BLK_F_WRITE_ZEROES,
	.probe = virtio_blk_probe,
	.interrupt = virtio_blk_interrupt,
};
