/* mem/space/commit.c */
#include "mem/space/commit.h"

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "mem/phys/buddy.h"

#define KBYTES(pages)	 ((pages) << (PAGE_SHIFT - 10))
#define PAGES_OF(kbytes) ((kbytes) >> (PAGE_SHIFT - 10))

#define USER_RESERVE_KBYTES (128ul << 10) /* at most; Linux's numbers, as the ratio */
#define RATIO		    50

struct commit_settings commit_settings;
static u64 total; /* [a] */

void commit_init(void)
{
	total = 0;
	commit_settings = (struct commit_settings){
		.mode = COMMIT_GUESS,
		.ratio = RATIO,
		.user_reserve_kbytes =
			min(KBYTES(buddy_free_pages()) / 32, USER_RESERVE_KBYTES),
	};
}

u64 commit_limit(void)
{
	u64 kbytes = atomic_load_relaxed(&commit_settings.kbytes);

	if (kbytes)
		return PAGES_OF(kbytes);
	return buddy_total_pages() * atomic_load_relaxed(&commit_settings.ratio) / 100;
}

u64 commit_total(void)
{
	return atomic_load_relaxed(&total);
}

bool commit_may(u64 pages, u64 has)
{
	u64 reserve, limit;

	switch (atomic_load_relaxed(&commit_settings.mode)) {
	case COMMIT_ALWAYS:
		return true;
	case COMMIT_GUESS:
		return pages <= buddy_total_pages();
	default:
		break;
	}
	reserve = PAGES_OF(atomic_load_relaxed(&commit_settings.user_reserve_kbytes));
	reserve = min(reserve, has / 32);
	limit = commit_limit();
	return limit > reserve && pages < limit - reserve &&
	       commit_total() + pages < limit - reserve;
}

void commit_add(i64 pages)
{
	atomic_add_relaxed(&total, (u64)pages);
}
