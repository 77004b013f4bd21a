/* syscalls/ioprio.h -- priorities of reads and writes, as they are asked for. */
#ifndef SYSCALLS_IOPRIO_H
#define SYSCALLS_IOPRIO_H

#include "core/cred/cred.h"

/* May he have it? 0, -EINVAL, -EPERM. */
long ioprio_check(const struct cred *cred, u32 prio);
/* In a thread's record: class and level; 0: none was set. */
u8 ioprio_pack(u32 prio);

#endif
