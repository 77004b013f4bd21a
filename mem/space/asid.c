/* mem/space/asid.c -- a bitmap of ASIDs in use. One that is free has nothing in any TLB, so
 * handing it out costs nothing. The search goes round, so that one is not reused at once. */
#include "mem/space/asid.h"

#include "core/base/bits.h"
#include "core/base/spinlock.h"
#include "hal/memory.h"

static spinlock lock = SPINLOCK_INIT(RANK_BUDDY);
static u64 used[65536 / 64] GUARDED_BY(&lock);
static unsigned next GUARDED_BY(&lock);

void asid_init(void)
{
	spin_lock(&lock);
	for (unsigned i = 0; i < ARRAY_SIZE(used); i++)
		used[i] = 0;
	next = 1;
	spin_unlock(&lock);
}

u16 asid_get(void)
{
	unsigned max = min(hal_asid_max(), 65535u), found = 0;

	spin_lock(&lock);
	for (unsigned tried = 0; tried < max && !found; tried++) {
		unsigned n = next;

		next = next >= max ? 1 : next + 1;
		if (used[n / 64] >> n % 64 & 1)
			continue;
		used[n / 64] |= 1ul << n % 64;
		found = n;
	}
	spin_unlock(&lock);
	return (u16)found;
}

void asid_put(u16 asid)
{
	hal_tlb_flush_asid(asid);
	spin_lock(&lock);
	used[asid / 64] &= ~(1ul << asid % 64);
	spin_unlock(&lock);
}
