/* tests/sim/fsck.h -- what the host's fsck says of the disks that a run leaves behind.
 *
 * Images for simulation have damage of their own: what is said of them as they are may be said
 * again, anything else may not.
 */
#ifndef SIM_FSCK_H
#define SIM_FSCK_H

#include "hal/host/host.h"

/* Ask of a disk as it is. Before runs, for each that is to be checked. */
void fsck_note(const struct host_disk *d, unsigned n);
/* In a run that is at its end: ends it as crashed where there is more to be said. */
void fsck_all(void);

#endif
