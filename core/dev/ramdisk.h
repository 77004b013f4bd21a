/* core/dev/ramdisk.h -- a disk that is a piece of memory: ram0.
 *
 * Ownership  the memory is reserved by the caller for ever.
 */
#ifndef DEV_RAMDISK_H
#define DEV_RAMDISK_H

#include "hal/types.h"

/* Register [base, base + size) as ram<n>; size is rounded down to sectors. 0, -EINVAL,
 * -ENOMEM or -EEXIST. */
int ramdisk_add(unsigned n, paddr base, u64 size);

#endif
