/* core/dev/virtio_rng.c -- one buffer, filled by the device when the generator asks. */
#include "core/dev/virtio_rng.h"

#include <linux/virtio_ids.h>

#include "core/base/bits.h"
#include "core/base/errno.h"
#include "core/base/random.h"
#include "core/base/spinlock.h"
#include "core/base/string.h"
#include "core/dev/virtio.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"

#define VIRTIO_RNG_BYTES 64

struct virtio_rng {
	struct virtio_device *dev;	/* [I] */
	spinlock lock;			/* all below */
	struct virtq queue;
	bool busy;
	struct vring_desc table;
	u8 buffer[VIRTIO_RNG_BYTES];
};

static struct virtio_rng *source;	/* [I] once probed: the first one is enough */

static void virtio_rng_ask(void)
{
	struct virtio_rng *rng = source;

	spin_lock(&rng->lock);
	if (!rng->busy) {
		rng->table = (struct vring_desc){
			.addr = hal_virt_to_phys(rng->buffer).raw,
			.len = VIRTIO_RNG_BYTES,
			.flags = VRING_DESC_F_WRITE,
		};
		rng->busy = !virtq_add(&rng->queue, &rng->table, 1, rng);
		if (rng->busy)
			virtq_kick(&rng->queue);
	}
	spin_unlock(&rng->lock);
}

static void virtio_rng_interrupt(struct virtio_device *dev)
{
	struct virtio_rng *rng = dev->private;
	u8 got[VIRTIO_RNG_BYTES];
	u32 len = 0;
	bool taken;

	if (!rng)
		return;
	spin_lock(&rng->lock);
	taken = virtq_take(&rng->queue, &len);
	if (taken) {
		len = min(len, (u32)VIRTIO_RNG_BYTES);
		memcpy(got, rng->buffer, len);
		memset(rng->buffer, 0, sizeof(rng->buffer));
		rng->busy = false;
	}
	spin_unlock(&rng->lock);
	if (taken && len)
		random_add(got, len, true);
}

static int virtio_rng_probe(struct virtio_device *dev)
{
	struct virtio_rng *rng;
	int err;

	if (source)
		return 0;
	rng = kzalloc(sizeof(*rng));
	if (!rng)
		return -ENOMEM;
	rng->dev = dev;
	spin_init(&rng->lock, RANK_DEV);
	err = virtq_init(&rng->queue, dev, 0, 8);
	if (err) {
		kfree(rng);
		return err;
	}
	dev->private = rng;
	source = rng;
	virtio_start(dev);
	random_set_source(virtio_rng_ask);
	return 0;
}

const struct virtio_driver virtio_rng_driver = {
	.id = VIRTIO_ID_RNG,
	.name = "entropy source",
	.probe = virtio_rng_probe,
	.interrupt = virtio_rng_interrupt,
};
