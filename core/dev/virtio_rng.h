/* core/dev/virtio_rng.h -- the virtio entropy source; feeds core/base/random.h. */
#ifndef DEV_VIRTIO_RNG_H
#define DEV_VIRTIO_RNG_H

struct virtio_driver;
extern const struct virtio_driver virtio_rng_driver;

#endif
