/* mem/phys/fail.h -- making allocations fail on purpose, for the host's tests.
 *
 * fault_at(n): the n-th allocation from now (1 is the next) fails, once; 0: none does.
 * fault_hit(): whether it happened. On a machine both are never called and cost nothing:
 * the allocators ask fault_now() only where HAL_SIMULATED. fault_chosen, if not NULL, is asked
 * at each allocation and says whether that one is to fail.
 */
#ifndef PHYS_FAIL_H
#define PHYS_FAIL_H

#include "hal/types.h"

void fault_at(u64 nth);
bool fault_hit(void);
bool fault_now(void);
extern bool (*fault_chosen)(void);

#endif
