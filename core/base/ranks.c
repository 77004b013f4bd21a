/* core/base/ranks.c -- one bit per rank and CPU: which locks are held.
 *
 * A CPU only touches its own word, and is not interrupted while it does.
 */
#include "core/base/ranks.h"

#include "core/base/log.h"
#include "hal/cpu.h"

static u64 held[HAL_MAX_CPUS]; /* each only by its own CPU */

void ranks_check_locked(unsigned rank)
{
	u64 *mine = &held[hal_cpu_self()->id];

	if (*mine >> rank) {
		u64 was = *mine;

		*mine = 0;
		panic("lock of rank %u taken while ranks %#lx are held", rank, was);
	}
	*mine |= 1ul << rank;
}

void ranks_check_unlocked(unsigned rank)
{
	u64 *mine = &held[hal_cpu_self()->id];

	if (!(*mine & 1ul << rank))
		panic("lock of rank %u released but not held", rank);
	*mine &= ~(1ul << rank);
}

void ranks_check_none(void)
{
	u64 *mine = &held[hal_cpu_self()->id];

	if (*mine) {
		u64 was = *mine;

		*mine = 0;
		panic("a poll ended with locks of ranks %#lx held", was);
	}
}
