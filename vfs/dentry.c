/* vfs/dentry.c -- the name cache.
 *
 * Everything is under one spinlock. A reference count goes 0 -> 1 and 1 -> 0 only under it, so
 * whoever finds a dentry in the hash may take it. Freeing happens in two halves: under the lock
 * the dentry leaves every list and joins a private one; after it, names, inodes and records go.
 */
#include "vfs/dentry.h"

#include "core/base/log.h"
#include "core/base/string.h"
#include "mem/phys/shrink.h"
#include "mem/phys/slab.h"
#include "vfs/super.h"

#define DENTRY_BUCKETS	  4096
#define DENTRY_AT_ONCE	  64u
#define DENTRY_MAX_UNUSED 32768ul	/* more are freed as they come */

spinlock dentry_lock = SPINLOCK_INIT(RANK_DENTRY);
static struct list dentry_table[DENTRY_BUCKETS] GUARDED_BY(&dentry_lock);
static struct list dentry_lru GUARDED_BY(&dentry_lock);	/* longest unused first */
static u64 dentry_unused_count;				/* [a] changed under dentry_lock */
static struct slab_cache *dentry_cache;

/* Pages are rounded up: a few names hold inodes, and what those hold, as well as many do. */
static u64 dentry_shrink_count(void)
{
	u64 each = PAGE_SIZE / sizeof(struct dentry);

	return (dentry_unused() + each - 1) / each;
}

static u64 dentry_shrink_scan(u64 pages)
{
	u64 each = PAGE_SIZE / sizeof(struct dentry);

	return (dentry_shrink(pages * each) + each - 1) / each;
}

static struct shrinker dentry_shrinker = {
	.name = "dentry",
	.count = dentry_shrink_count,
	.scan = dentry_shrink_scan,
};

void dentry_init(void)
{
	dentry_cache = slab_cache_new("dentry", sizeof(struct dentry), 0);
	spin_lock(&dentry_lock);
	for (unsigned i = 0; i < DENTRY_BUCKETS; i++)
		list_init(&dentry_table[i]);
	list_init(&dentry_lru);
	spin_unlock(&dentry_lock);
	dentry_unused_count = 0;
	shrink_add(&dentry_shrinker);
}

u64 dentry_unused(void)
{
	return atomic_load_relaxed(&dentry_unused_count);
}

static u32 dentry_hash_bytes(const struct dentry *parent, const char *name, size_t len)
{
	u64 h = (u64)(uintptr_t)parent * 0x9e3779b97f4a7c15ul;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		u64 word;

		__builtin_memcpy(&word, name + i, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdul;
		h ^= h >> 32;
	}
	for (; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ul;
	h ^= h >> 29;
	return (u32)(h * 0x9e3779b97f4a7c15ul >> 32);
}

static bool dentry_folds(const struct dentry *parent)
{
	return __builtin_expect(parent->flags & DENTRY_FOLDS, 0);
}

u32 dentry_hash(const struct dentry *parent, const char *name, size_t len)
{
	char folded[DENTRY_NAME_MAX];

	if (!dentry_folds(parent) || len > DENTRY_NAME_MAX)
		return dentry_hash_bytes(parent, name, len);
	len = parent->super->ops->fold(parent->super, name, len, folded);
	return dentry_hash_bytes(parent, folded, len);
}

/* Is d called so? */
static bool dentry_is_named(const struct dentry *parent, const struct dentry *d, const char *name,
			    size_t len)
{
	char a[DENTRY_NAME_MAX], b[DENTRY_NAME_MAX];
	size_t n;

	if (d->len == len && !memcmp(d->name, name, len))
		return true;
	if (!dentry_folds(parent) || len > DENTRY_NAME_MAX)
		return false;
	n = parent->super->ops->fold(parent->super, name, len, a);
	return n == parent->super->ops->fold(parent->super, d->name, d->len, b) && !memcmp(a, b, n);
}

struct dentry *dentry_of(const struct inode *inode, unsigned *slot)
{
	struct dentry *d, *found = NULL;

	spin_lock(&dentry_lock);
	for (unsigned end = *slot + DENTRY_AT_ONCE; !found && *slot < end; ++*slot)
		list_each(d, &dentry_table[*slot], bucket)
			if (d->inode == inode) {
				dentry_get_locked(d);
				found = d;
				break;
			}
	spin_unlock(&dentry_lock);
	if (*slot == DENTRY_BUCKETS)
		*slot = 0;
	return found;
}

/* --- life and death --- */

static struct dentry *dentry_new(struct super *s, const char *name, size_t len)
{
	struct dentry *d = slab_alloc(dentry_cache);

	if (!d)
		return NULL;
	*d = (struct dentry){.super = s, .len = (u32)len};
	d->flags = s->ops->fold ? DENTRY_FOLDS : 0;
	d->name = d->inline_name;
	if (len >= DENTRY_INLINE_NAME) {
		d->name = kmalloc(len + 1);
		if (!d->name) {
			slab_free(dentry_cache, d);
			return NULL;
		}
	}
	memcpy(d->name, name, len);
	d->name[len] = 0;
	ref_init(&d->refs);
	list_init(&d->bucket);
	list_init(&d->lru);
	list_init(&d->children);
	list_init(&d->child);
	return d;
}

static void dentry_free(struct dentry *d)
{
	if (d->name != d->inline_name)
		kfree(d->name);
	slab_free(dentry_cache, d);
}

/* Take an unused dentry out of everything and put it on `dead`; its parent may follow. */
static void dentry_kill_locked(struct dentry *d, struct list *dead) REQUIRES(dentry_lock)
{
	for (;;) {
		struct dentry *parent = d->parent;

		if (!list_empty(&d->lru)) {
			list_remove(&d->lru);
			atomic_store_relaxed(&dentry_unused_count, dentry_unused_count - 1);
		}
		d->flags &= ~(u32)DENTRY_HASHED;
		list_remove(&d->bucket);
		list_remove(&d->child);
		list_add_back(dead, &d->lru);
		if (parent == d || !ref_put(&parent->refs))
			return;
		/* The parent goes too only if nobody can find it any more. */
		if (parent->flags & DENTRY_HASHED) {
			list_add_back(&dentry_lru, &parent->lru);
			atomic_store_relaxed(&dentry_unused_count, dentry_unused_count + 1);
			return;
		}
		d = parent;
	}
}

static u64 dentry_bury(struct list *dead)
{
	u64 n = 0;

	while (!list_empty(dead)) {
		struct dentry *d = list_first(dead, struct dentry, lru);

		list_remove(&d->lru);
		inode_put(d->inode);
		dentry_free(d);
		n++;
	}
	return n;
}

void dentry_get(struct dentry *d)
{
	ref_get(&d->refs);	/* the caller holds one already */
}

void dentry_get_locked(struct dentry *d)
{
	if (atomic_add(&d->refs.n, 1u) == 0 && !list_empty(&d->lru)) {
		list_remove(&d->lru);
		atomic_store_relaxed(&dentry_unused_count, dentry_unused_count - 1);
	}
}

/* The count may fall to 0: under the lock. */
static void dentry_put_last(struct dentry *d, struct list *dead) REQUIRES(dentry_lock)
{
	if (!ref_put(&d->refs))
		return;
	if (!(d->flags & DENTRY_HASHED)) {
		dentry_kill_locked(d, dead);
		return;
	}
	list_add_back(&dentry_lru, &d->lru);
	atomic_store_relaxed(&dentry_unused_count, dentry_unused_count + 1);
	if (dentry_unused_count > DENTRY_MAX_UNUSED)
		dentry_kill_locked(list_first(&dentry_lru, struct dentry, lru), dead);
}

void dentry_put(struct dentry *d)
{
	struct list dead;
	u32 n;

	if (!d)
		return;
	n = atomic_load_relaxed(&d->refs.n);
	while (n > 1)
		if (atomic_cas(&d->refs.n, &n, n - 1))
			return;
	list_init(&dead);
	spin_lock(&dentry_lock);
	dentry_put_last(d, &dead);
	spin_unlock(&dentry_lock);
	dentry_bury(&dead);
}

struct dentry *dentry_new_loose(struct super *s, struct inode *inode, const char *name)
{
	struct dentry *d = dentry_new(s, name, strlen(name));

	if (!d) {
		inode_put(inode);
		return NULL;
	}
	d->parent = d;
	d->inode = inode;
	return d;
}

struct dentry *dentry_new_hidden(struct dentry *parent, struct inode *inode, const char *name)
{
	struct dentry *d = dentry_new_loose(parent->super, inode, name);

	if (d) {
		dentry_get(parent);
		d->parent = parent;
	}
	return d;
}

struct dentry *dentry_new_root(struct super *s, struct inode *root)
{
	struct dentry *d = dentry_new_loose(s, root, "/");

	if (d)
		d->flags |= DENTRY_ROOT;
	return d;
}

/* --- finding and entering --- */

static struct list *dentry_bucket(u32 hash) REQUIRES(dentry_lock)
{
	return &dentry_table[hash % DENTRY_BUCKETS];
}

struct dentry *dentry_find_locked(struct dentry *parent, const char *name, size_t len)
{
	u32 hash = dentry_hash(parent, name, len);
	struct dentry *d;

	list_each(d, dentry_bucket(hash), bucket)
		if (d->hash == hash && d->parent == parent && dentry_is_named(parent, d, name, len))
			return d;
	return NULL;
}

struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d;

	spin_lock(&dentry_lock);
	d = dentry_find_locked(parent, name, len);
	if (d)
		dentry_get_locked(d);
	spin_unlock(&dentry_lock);
	return d;
}

static void dentry_hash_locked(struct dentry *d, struct dentry *parent) REQUIRES(dentry_lock)
{
	d->hash = dentry_hash(parent, d->name, d->len);
	d->flags |= DENTRY_HASHED;
	list_add_front(dentry_bucket(d->hash), &d->bucket);
}

struct dentry *dentry_add(struct dentry *parent, const char *name, size_t len, struct inode *inode)
{
	struct dentry *d = dentry_new(parent->super, name, len);
	struct dentry *there;

	if (!d) {
		inode_put(inode);
		return NULL;
	}
	spin_lock(&dentry_lock);
	there = dentry_find_locked(parent, name, len);
	if (there) {
		dentry_get_locked(there);
	} else {
		dentry_get_locked(parent);
		d->parent = parent;
		d->inode = inode;
		list_add_back(&parent->children, &d->child);
		dentry_hash_locked(d, parent);
	}
	spin_unlock(&dentry_lock);
	if (!there)
		return d;
	inode_put(inode);
	dentry_free(d);
	return there;
}

void dentry_fill(struct dentry *d, struct inode *inode)
{
	spin_lock(&dentry_lock);
	if (d->inode)
		panic("dentry %s has an inode already", d->name);
	atomic_store(&d->inode, inode);
	spin_unlock(&dentry_lock);
}

static void dentry_drop_locked(struct dentry *d, struct list *dead) REQUIRES(dentry_lock)
{
	if (!(d->flags & DENTRY_HASHED))
		return;
	d->flags &= ~(u32)DENTRY_HASHED;
	list_remove(&d->bucket);
	list_remove(&d->child);	/* an unhashed one still holds its parent: ".." and paths */
	if (!atomic_load_relaxed(&d->refs.n))
		dentry_kill_locked(d, dead);
}

void dentry_drop(struct dentry *d)
{
	struct list dead;

	list_init(&dead);
	spin_lock(&dentry_lock);
	dentry_drop_locked(d, &dead);
	spin_unlock(&dentry_lock);
	dentry_bury(&dead);
}

void dentry_drop_children(struct dentry *d)
{
	struct list dead;

	list_init(&dead);
	spin_lock(&dentry_lock);
	/* Leaves of negative names mostly; a subtree in use stays reachable to its users. */
	while (!list_empty(&d->children))
		dentry_drop_locked(list_first(&d->children, struct dentry, child), &dead);
	spin_unlock(&dentry_lock);
	dentry_bury(&dead);
}

/* --- rename --- */

/* A name that can be put into a dentry: its own memory if it is long. */
static bool dentry_copy_name(char **to, const char *name, u32 len)
{
	*to = NULL;
	if (len < DENTRY_INLINE_NAME)
		return true;
	*to = kmalloc(len + 1);
	if (*to)
		memcpy(*to, name, len + 1);
	return *to;
}

/* d hangs below parent under this name from now on; `owned` is the long name's memory. The old
 * long name is returned, to be freed; the reference on the old parent is the caller's. */
static char *dentry_rehang(struct dentry *d, struct dentry *parent, char *owned,
			   const char *name, u32 len) REQUIRES(dentry_lock)
{
	char *old = d->name != d->inline_name ? d->name : NULL;

	list_remove(&d->bucket);
	list_remove(&d->child);
	if (owned) {
		d->name = owned;
	} else {
		memmove(d->inline_name, name, len);
		d->inline_name[len] = 0;
		d->name = d->inline_name;
	}
	d->len = len;
	dentry_get_locked(parent);
	d->parent = parent;
	list_add_back(&parent->children, &d->child);
	dentry_hash_locked(d, parent);
	return old;
}

int dentry_move(struct dentry *d, struct dentry *to)
{
	struct dentry *parent = to->parent, *old_parent = d->parent;
	struct list dead;
	char *owned, *old;

	if (!dentry_copy_name(&owned, to->name, to->len))
		return -ENOMEM;
	list_init(&dead);
	spin_lock(&dentry_lock);
	dentry_drop_locked(to, &dead);
	old = dentry_rehang(d, parent, owned, to->name, to->len);
	dentry_put_last(old_parent, &dead);
	spin_unlock(&dentry_lock);
	dentry_bury(&dead);
	kfree(old);
	return 0;
}

int dentry_exchange(struct dentry *a, struct dentry *b)
{
	struct dentry *a_parent = a->parent, *b_parent = b->parent;
	char *a_name, *b_name, *a_old, *b_old, short_name[DENTRY_INLINE_NAME];
	struct list dead;
	u32 a_len = a->len;

	if (!dentry_copy_name(&a_name, b->name, b->len))
		return -ENOMEM;
	if (!dentry_copy_name(&b_name, a->name, a->len)) {
		kfree(a_name);
		return -ENOMEM;
	}
	list_init(&dead);
	spin_lock(&dentry_lock);
	if (!b_name)
		memcpy(short_name, a->name, a_len);
	a_old = dentry_rehang(a, b_parent, a_name, b->name, b->len);
	b_old = dentry_rehang(b, a_parent, b_name, short_name, a_len);
	dentry_put_last(a_parent, &dead);
	dentry_put_last(b_parent, &dead);
	spin_unlock(&dentry_lock);
	dentry_bury(&dead);
	kfree(a_old);
	kfree(b_old);
	return 0;
}

bool dentry_is_below_locked(const struct dentry *d, const struct dentry *above)
{
	for (;; d = d->parent) {
		if (d == above)
			return true;
		if (d->parent == d)
			return false;
	}
}

bool dentry_is_below(const struct dentry *d, const struct dentry *above)
{
	bool below;

	spin_lock(&dentry_lock);
	below = dentry_is_below_locked(d, above);
	spin_unlock(&dentry_lock);
	return below;
}

/* --- reclaim --- */

u64 dentry_shrink(u64 n)
{
	u64 done = 0, some;

	do {	/* in portions: walks on other CPUs want the lock */
		struct list dead;

		list_init(&dead);
		spin_lock(&dentry_lock);
		for (some = 0; some < DENTRY_AT_ONCE && n && !list_empty(&dentry_lru); some++, n--)
			dentry_kill_locked(list_first(&dentry_lru, struct dentry, lru), &dead);
		spin_unlock(&dentry_lock);
		done += dentry_bury(&dead);
	} while (some == DENTRY_AT_ONCE);
	return done;
}

void dentry_shrink_super(struct super *s)
{
	struct dentry *d, *next;
	struct list dead;
	bool more;

	list_init(&dead);
	do {
		more = false;
		spin_lock(&dentry_lock);
		list_each_safe(d, next, &dentry_lru, lru)
			if (!s || d->super == s) {
				/* Its parent may join the list's end; never `next`. */
				dentry_kill_locked(d, &dead);
				more = true;
			}
		spin_unlock(&dentry_lock);
		dentry_bury(&dead);
	} while (more);
}
