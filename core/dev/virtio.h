/* core/dev/virtio.h -- the virtio-mmio transport and split virtqueues.
 *
 * A driver builds a table of descriptors in memory the device can reach and adds it to a
 * queue under a token; the token comes back from virtq_take when the device is done.
 *
 * What the device writes is not trusted: a used ring that makes no sense breaks the device
 * (it is reset, logged once, and every later call says -EIO), it never corrupts the kernel.
 *
 * Ownership  virtio_init makes the devices; a driver's probe takes its device for ever.
 *            A table belongs to the device from virtq_add until virtq_take.
 * Locking    the driver's: one caller at a time per device. ops->interrupt runs in an
 *            interrupt window. Nothing here waits.
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "hal/types.h"

#define VIRTQ_MAX_SIZE 128

struct virtio_device;

struct virtio_driver {
	u32 id;		/* VIRTIO_ID_* */
	const char *name;
	u64 features;	/* wanted; what the device offers of them is negotiated */
	/* Features are negotiated; set up queues, call virtio_start, register. 0 or an error. */
	int (*probe)(struct virtio_device *dev);
	void (*interrupt)(struct virtio_device *dev);
};

struct virtq {
	struct virtio_device *dev;	/* [I] */
	u16 number, size;		/* [I] size is a power of two */
	struct vring_desc *desc;	/* [I] */
	struct vring_avail *avail;	/* [I] */
	struct vring_used *used;	/* [I] */
	u16 free, free_count;		/* head and length of the list through next[] */
	u16 avail_index, used_index;	/* ours; both run freely */
	/* What only we may change: the list of free descriptors, the length of each chain,
	 * and its token (NULL: not the head of one in flight). */
	u16 next[VIRTQ_MAX_SIZE];
	u16 chain[VIRTQ_MAX_SIZE];
	void *token[VIRTQ_MAX_SIZE];
};

struct virtio_device {
	const struct virtio_driver *driver;	/* [I] */
	void *regs;				/* [I] */
	unsigned index;				/* [I] order among its kind, by address */
	char name[12];				/* [I] its order among all */
	u32 version;				/* [I] of the transport: 1 (legacy) or 2 */
	u64 features;				/* [I] negotiated */
	bool broken;				/* under the driver's lock */
	void *private;				/* the driver's */
};

/* Find the devices of hal_machine.virtio, in ascending order of address, and probe them. */
void virtio_init(void);

static inline bool virtio_has(const struct virtio_device *dev, unsigned feature)
{
	return dev->features >> feature & 1;
}

/* The device's configuration at byte `offset` (a multiple of 4). */
u32 virtio_config32(struct virtio_device *dev, unsigned offset);
u64 virtio_config64(struct virtio_device *dev, unsigned offset);

/* Set up queue `number` with at most `size` descriptors. 0, -ENODEV or -ENOMEM. */
int virtq_init(struct virtq *q, struct virtio_device *dev, unsigned number, unsigned size);

/* The queues stand: the device may begin. */
void virtio_start(struct virtio_device *dev);

/* Stop it for good: after this it touches no memory. */
void virtio_break(struct virtio_device *dev, const char *why);

/* Hand a table of n descriptors (flags and next filled in, the last without F_NEXT) to the
 * device. 0; -EAGAIN if the ring is full; -EIO if the device is broken. */
int virtq_add(struct virtq *q, const struct vring_desc *table, unsigned n, void *token);

/* Tell the device that there is something new. */
void virtq_kick(struct virtq *q);

/* The token of a finished table, NULL if there is none; *len: bytes the device wrote. */
void *virtq_take(struct virtq *q, u32 *len);

#endif
