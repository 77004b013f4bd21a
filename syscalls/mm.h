/* syscalls/mm.h -- what the calls about memory share.
 *
 * Units  bytes, user virtual addresses.
 */
#ifndef SYSCALLS_MM_H
#define SYSCALLS_MM_H

#include "core/cred/cred.h"
#include "mem/space/space.h"
#include "syscalls/syscall.h"

/* Calls about mappings that are there take an address with a tag in its top byte. */
static inline u64 mm_untag(u64 addr)
{
	return addr >> 55 & 1 ? addr : addr & ~(0xfful << 56);
}

/* Does the limit of locked memory not count for the caller? */
static inline bool mm_locks_freely(struct co *co)
{
	return cred_capable(cred_current(co), CAP_IPC_LOCK);
}

/* May it lock anything at all? */
static inline bool mm_may_lock(struct co *co)
{
	return space_current(co)->limit_memlock || mm_locks_freely(co);
}

/* If what is mapped at addr is locked, bring [addr, addr + len) in. Returns 0. */
struct mm_bring_in {
	struct co_frame co;
	u64 addr, len;
	long err;
};
co_t mm_bring_in(struct co *co, struct mm_bring_in *f);

#endif
