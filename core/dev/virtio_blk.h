/* core/dev/virtio_blk.h -- virtio disks: vda, vdb, ... in ascending order of address. */
#ifndef DEV_VIRTIO_BLK_H
#define DEV_VIRTIO_BLK_H

struct virtio_driver;
extern const struct virtio_driver virtio_blk_driver;

#endif
