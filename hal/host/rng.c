/* hal/host/rng.c -- a source of random bytes, drawn from the seed. */
#include <linux/virtio_config.h>
#include <stdlib.h>

#include "hal/host/virtio.h"

struct request {
	struct host_virtio *v;
	struct host_chain chain;
};

static void finish(void *arg)
{
	struct request *r = arg;
	u32 len = 0;

	for (unsigned i = 0; i < r->chain.count; i++)
		for (u32 n = 0; n < r->chain.buffer[i].len; n++, len++)
			r->chain.buffer[i].at[n] = (u8)host_random(256);
	host_virtio_done(r->v, r->chain.head, len);
	free(r);
}

static void rng_available(struct host_virtio *v, const struct host_chain *chain)
{
	struct request *r = malloc(sizeof(*r));

	for (unsigned i = 0; i < chain->count; i++)
		if (!chain->buffer[i].writable)
			host_fail("rng: a buffer it may not write");
	*r = (struct request){.v = v, .chain = *chain};
	host_event_at(host_now() + 1000 + host_random(50000), finish, r);
}

const struct host_virtio_kind host_rng = {
	.id = 4,
	.features = 1ul << VIRTIO_F_VERSION_1,
	.available = rng_available,
};
