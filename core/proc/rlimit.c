/* core/proc/rlimit.c */
#include "core/proc/rlimit.h"

#include "core/base/bits.h"
#include "core/proc/process.h"
#include "mem/phys/buddy.h"
#include "mem/space/space.h"

void rlimit_defaults(struct rlimits *r)
{
	/* Linux: half of what fits in an eighth of memory, threads of 16 KiB each. */
	u64 threads = buddy_total_pages() * PAGE_SIZE / (16384 * 8);
	u64 half = min(threads / 2, (u64)PID_MAX - 1);

	for (int i = 0; i < RLIMIT_COUNT; i++)
		r->of[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	r->of[RLIMIT_STACK] = (struct rlimit){8ul << 20, RLIM_INFINITY};
	r->of[RLIMIT_CORE] = (struct rlimit){0, RLIM_INFINITY};
	r->of[RLIMIT_NPROC] = (struct rlimit){half, half};
	r->of[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
	r->of[RLIMIT_MEMLOCK] = (struct rlimit){8ul << 20, 8ul << 20};
	r->of[RLIMIT_SIGPENDING] = (struct rlimit){half, half};
	r->of[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
	r->of[RLIMIT_NICE] = (struct rlimit){0, 0};
	r->of[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

u64 rlimit_get(struct process *p, unsigned which)
{
	return atomic_load_relaxed(&p->limits.of[which].rlim_cur);
}

void rlimit_apply(struct process *p)
{
	struct space *s = p->space;

	if (!s)
		return;
	atomic_store_relaxed(&s->limit_as, rlimit_get(p, RLIMIT_AS));
	atomic_store_relaxed(&s->limit_data, rlimit_get(p, RLIMIT_DATA));
	atomic_store_relaxed(&s->limit_stack, rlimit_get(p, RLIMIT_STACK));
	atomic_store_relaxed(&s->limit_memlock, rlimit_get(p, RLIMIT_MEMLOCK));
}
