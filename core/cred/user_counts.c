/* core/cred/user_counts.c */
#include "core/cred/user_counts.h"

#include "core/base/bits.h"
#include "core/base/spinlock.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

#define USER_BUCKETS  32u
#define INOTIFY_BYTES 1300ul	/* about what Linux counts for a watch */
#define EPOLL_BYTES   176ul	/* and for what an epoll set watches */

static struct {
	spinlock lock;
	struct user_counts *buckets[USER_BUCKETS];
} users = {.lock = SPINLOCK_INIT(RANK_USERS)};

/* Linux's; the first two are for the least memory. */
struct user_limits user_limits = {
	.inotify_watches = 8192,
	.epoll_items = 8192,
	.inotify_instances = 128,
	.pipe_pages = 16384,
	.user_spaces = 1024,
};

void user_counts_init(void)
{
	u64 bytes = buddy_total_pages() * PAGE_SIZE;
	u64 watches = bytes / 100 / INOTIFY_BYTES;

	user_limits.inotify_watches = min(max(watches, 8192ul), 1ul << 20);
	/* Half of the threads that Linux would let there be. */
	user_limits.user_spaces = max(bytes / (8 * 16384) / 2, 10ul);
	user_limits.epoll_items = bytes / 25 / EPOLL_BYTES;
}

static struct user_counts *user_counts_search(u32 uid) REQUIRES(users.lock)
{
	struct user_counts *u = users.buckets[uid % USER_BUCKETS];

	while (u && u->uid != uid)
		u = u->next;
	if (u)
		ref_get(&u->refs);
	return u;
}

struct user_counts *user_counts_find(u32 uid)
{
	struct user_counts *u;

	spin_lock(&users.lock);
	u = user_counts_search(uid);
	if (!u) {
		u = kzalloc(sizeof(*u));
		if (u) {
			ref_init(&u->refs);
			u->uid = uid;
			u->next = users.buckets[uid % USER_BUCKETS];
			users.buckets[uid % USER_BUCKETS] = u;
		}
	}
	spin_unlock(&users.lock);
	return u;
}

void user_counts_get(struct user_counts *u)
{
	ref_get(&u->refs);
}

void user_counts_put(struct user_counts *u)
{
	struct user_counts **at;
	bool last;

	if (!u)
		return;
	/* Under the lock, so that nobody finds it at its end. */
	spin_lock(&users.lock);
	last = ref_put(&u->refs);
	if (last) {
		at = &users.buckets[u->uid % USER_BUCKETS];
		while (*at != u)
			at = &(*at)->next;
		*at = u->next;
	}
	spin_unlock(&users.lock);
	if (last)
		kfree(u);
}
