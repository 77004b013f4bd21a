/* core/proc/load.h -- the load average: how many threads ran or wanted to, over 1, 5 and 15
 * minutes.
 *
 * A worker counts every five seconds, as Linux does, and weighs the counts off by Linux's
 * factors.
 */
#ifndef PROC_LOAD_H
#define PROC_LOAD_H

#include "hal/types.h"

#define LOAD_SHIFT 11		/* bits behind the point */
#define LOAD_ONE   (1ul << LOAD_SHIFT)

/* At boot, when workers can be made; false: no memory. */
bool load_start(void);
void load_get(u64 average[3]);

#endif
