/* hal/host/virtio.h -- the transport's half of a virtio device, and the devices' half. */
#ifndef HOST_VIRTIO_H
#define HOST_VIRTIO_H

#include "hal/host/internal.h"

#define VQ_MAX	 64	/* largest ring a device offers */
#define VQ_CHAIN 32	/* longest chain of descriptors it accepts */

struct host_virtio;

/* A buffer chain the driver made available. */
struct host_chain {
	u16 head;
	unsigned count;
	struct host_buffer {
		u8 *at;
		u32 len;
		bool writable;	/* by the device */
	} buffer[VQ_CHAIN];
};

struct host_virtio_kind {
	u32 id;
	u64 features;
	void (*available)(struct host_virtio *v, const struct host_chain *chain);
	u32 (*config)(struct host_virtio *v, unsigned offset); /* a register of config space */
};

struct host_virtio {
	const struct host_virtio_kind *kind;
	unsigned n;		/* which device of hal_machine.virtio */
	const struct host_disk *disk;
	u32 status, feature_sel, driver_sel, interrupt;
	u64 features;
	u32 queue_size;
	bool ready;
	u64 desc, avail, used;	/* physical */
	u16 seen;		/* available entries taken */
	unsigned busy;		/* requests in flight */
};

/* The device is done with a chain and wrote `len` bytes into it. */
void host_virtio_done(struct host_virtio *v, u16 head, u32 len);

/* blk.c */
extern const struct host_virtio_kind host_blk;
/* rng.c */
extern const struct host_virtio_kind host_rng;

#endif
