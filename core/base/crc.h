/* core/base/crc.h -- checksums of what lies on disks. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "hal/types.h"

/* CRC32C going on from `crc`; ext4 begins with ~0 and does not invert the result. */
u32 crc_32c(u32 crc, const void *data, size_t n);

/* CRC16 (polynomial 0x8005, reflected), of group descriptors without metadata_csum. */
u16 crc_16(u16 crc, const void *data, size_t n);

/* Compute the tables; once, before anything else here. */
void crc_init(void);

#endif
