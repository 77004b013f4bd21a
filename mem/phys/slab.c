/* mem/phys/slab.c -- objects of one size.
 *
 * A slab is a buddy block cut into objects. Its page record holds all there is to know: the
 * cache (owner), the first free object (index, as an address; each free object's first word
 * is the next), how many are in use (mappings), and its place in the cache's list of slabs
 * with free objects (link). Every page of the block points to the cache; blocks are aligned
 * to their size, which finds the first page.
 *
 * In front stands a magazine per CPU, filled and emptied by halves. Its lock is only ever
 * contended by slab_drain and the statistics.
 *
 * Debug builds fill a freed object with words that depend on their address, which no data
 * will equal by chance, and check them when it is given out again: a write after free is
 * seen, and a second free too.
 */
#include "mem/phys/slab.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/spinlock.h"
#include "hal/memory.h"
#include "mem/phys/buddy.h"
#include "mem/phys/fail.h"
#include "mem/phys/records.h"

#define MAGAZINE  32
#define MAGAZINE_BYTES 16384ul /* large objects are not hoarded */
#define CACHES	  96
#define POISON	  0x6b6f70645f657266ul
#define FRESH	  0x5a
#define POISON_MAX 256 /* bytes looked after; whole pages would cost too much */

struct magazine {
	spinlock lock;
	u32 count;
	void *objects[MAGAZINE];
} __attribute__((aligned(64)));

struct slab_cache {
	const char *name;	/* [I] */
	size_t asked;		/* [I] object size as the user asked */
	size_t size;		/* [I] bytes from one object to the next */
	u32 order;		/* [I] of a slab */
	u32 per_slab;		/* [I] objects */
	u32 magazine;		/* [I] how much of a magazine is used */
	spinlock lock;
	struct list partial GUARDED_BY(&lock);	/* slabs with a free object */
	u64 taken GUARDED_BY(&lock);		/* objects out of slabs, magazines included */
	u64 slabs GUARDED_BY(&lock);
	u64 empty GUARDED_BY(&lock);		/* slabs in `partial` with nothing in use */
	struct magazine magazines[HAL_MAX_CPUS];
};

static struct slab_cache *caches[CACHES];	/* [I] below count */
static unsigned cache_count;			/* [a] */

/* --- slabs --- */

static void **slab_link(void *object)
{
	return object;
}

static struct page *slab_of(struct slab_cache *c, void *object)
{
	u64 p = hal_virt_to_phys(object).raw & ~((PAGE_SIZE << c->order) - 1);

	return phys_page_at(paddr_of(p));
}

/* What word w of a free object holds. */
static u64 poison_word(const u64 *w)
{
	return POISON ^ (u64)(uintptr_t)w;
}

static void poison_fill(struct slab_cache *c, void *object)
{
	u64 *words = object;

	for (u64 i = 1; i < min(c->size, POISON_MAX) / 8; i++)
		words[i] = poison_word(&words[i]);
}

static void poison(struct slab_cache *c, void *object)
{
	u64 *words = object;

	if (!PHYS_POISON)
		return;
	if (words[1] == poison_word(&words[1]))
		panic("object %p of %s freed twice", object, c->name);
	poison_fill(c, object);
}

static void poison_check(struct slab_cache *c, void *object)
{
	u64 *words = object;

	if (!PHYS_POISON)
		return;
	for (u64 i = 1; i < min(c->size, POISON_MAX) / 8; i++)
		if (words[i] != poison_word(&words[i]))
			panic("object %p of %s written after free, at +%lu: %#lx", object,
			      c->name, i * 8, words[i]);
	memset(object, FRESH, min(c->size, POISON_MAX));
}

/* Cut a block into objects. */
static void slab_cut(struct slab_cache *c, struct page *slab)
{
	char *data = phys_page_data(slab);
	void *next = NULL;

	for (u32 i = 0; i < 1u << c->order; i++) {
		atomic_store_relaxed(&slab[i].flags, (u32)PAGE_SLAB);
		slab[i].owner = c;
	}
	for (u32 i = c->per_slab; i-- > 0;) {
		void *object = data + i * c->size;

		if (PHYS_POISON)
			poison_fill(c, object);
		*slab_link(object) = next;
		next = object;
	}
	slab->index = (u64)(uintptr_t)next;
	atomic_store_relaxed(&slab->mappings, 0u);
}

static void slab_give_back(struct slab_cache *c, struct page *slab)
{
	for (u32 i = 0; i < 1u << c->order; i++) {
		slab[i].owner = NULL;
		atomic_store_relaxed(&slab[i].flags, 0u);
	}
	phys_page_put(slab);
}

static void *slab_take(struct slab_cache *c) REQUIRES(c->lock)
{
	struct page *slab;
	void *object;

	if (list_empty(&c->partial))
		return NULL;
	slab = list_first(&c->partial, struct page, link);
	object = (void *)(uintptr_t)slab->index;
	slab->index = (u64)(uintptr_t)*slab_link(object);
	if (!slab->mappings)
		c->empty--;
	atomic_count(&slab->mappings);
	if (!slab->index)
		list_remove(&slab->link);
	c->taken++;
	return object;
}

/* Returns the slab if it became empty and there is another: the caller gives it back. */
static struct page *slab_return(struct slab_cache *c, void *object) REQUIRES(c->lock)
{
	struct page *slab = slab_of(c, object);

	if (!slab->index)
		list_add_front(&c->partial, &slab->link);
	*slab_link(object) = (void *)(uintptr_t)slab->index;
	slab->index = (u64)(uintptr_t)object;
	c->taken--;
	atomic_store_relaxed(&slab->mappings, slab->mappings - 1);
	if (slab->mappings)
		return NULL;
	if (!c->empty) {
		/* Kept, at the end, so that it stays empty while others have room. */
		list_remove(&slab->link);
		list_add_back(&c->partial, &slab->link);
		c->empty++;
		return NULL;
	}
	list_remove(&slab->link);
	c->slabs--;
	return slab;
}

/* --- magazines --- */

static void magazine_fill(struct slab_cache *c, struct magazine *m) REQUIRES(m->lock)
{
	struct page *slab = NULL;

	for (;;) {
		spin_lock(&c->lock);
		if (slab) {
			list_add_front(&c->partial, &slab->link);
			c->slabs++;
			c->empty++;
		}
		while (m->count < c->magazine / 2) {
			void *object = slab_take(c);

			if (!object)
				break;
			m->objects[m->count++] = object;
		}
		spin_unlock(&c->lock);
		if (m->count)
			return;
		slab = buddy_alloc_sure(c->order, 0);
		if (!slab)
			return;
		slab_cut(c, slab);
	}
}

static void magazine_empty(struct slab_cache *c, struct magazine *m, u32 down_to)
	REQUIRES(m->lock)
{
	while (m->count > down_to) {
		struct page *slab;

		spin_lock(&c->lock);
		slab = slab_return(c, m->objects[--m->count]);
		spin_unlock(&c->lock);
		if (slab)
			slab_give_back(c, slab);
	}
}

void *slab_alloc(struct slab_cache *c)
{
	struct magazine *m = &c->magazines[hal_cpu_self()->id];
	void *object = NULL;

	if (HAL_SIMULATED && fault_now())
		return NULL;
	spin_lock(&m->lock);
	if (!m->count)
		magazine_fill(c, m);
	if (m->count)
		object = m->objects[--m->count];
	spin_unlock(&m->lock);
	if (object)
		poison_check(c, object);
	return object;
}

void *slab_zalloc(struct slab_cache *c)
{
	void *object = slab_alloc(c);

	if (object)
		memset(object, 0, c->size);
	return object;
}

void slab_free(struct slab_cache *c, void *object)
{
	struct magazine *m = &c->magazines[hal_cpu_self()->id];

	if (!object)
		return;
	if (PHYS_POISON && phys_page_of(object)->owner != c)
		panic("object %p freed into %s, which it is not of", object, c->name);
	poison(c, object);
	spin_lock(&m->lock);
	if (m->count == c->magazine)
		magazine_empty(c, m, c->magazine / 2);
	m->objects[m->count++] = object;
	spin_unlock(&m->lock);
}

/* --- caches --- */

/* The smallest block of which at most an eighth is wasted, or of 8 objects. */
static u32 best_order(size_t size)
{
	u32 order = 0;

	while (order < 3) {
		size_t block = PAGE_SIZE << order;

		if (block / size >= 1 && (block % size) * 8 <= block && block / size >= 4)
			break;
		order++;
	}
	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

struct slab_cache *slab_cache_new(const char *name, size_t size, size_t align)
{
	u32 order = 0;
	struct page *p;
	struct slab_cache *c;
	unsigned n = atomic_load(&cache_count);

	while ((PAGE_SIZE << order) < sizeof(*c))
		order++;
	p = buddy_alloc_sure(order, BUDDY_ZERO);
	if (!p || n == CACHES)
		panic("no room for slab cache %s", name);
	c = phys_page_data(p);
	c->name = name;
	c->asked = size;
	c->size = round_up(max(size, 16ul), max(align, 16ul));
	c->order = best_order(c->size);
	c->per_slab = (u32)((PAGE_SIZE << c->order) / c->size);
	c->magazine = (u32)min(max(MAGAZINE_BYTES / c->size, 4ul), (size_t)MAGAZINE);
	spin_init(&c->lock, RANK_SLAB);
	list_init(&c->partial);
	for (unsigned i = 0; i < HAL_MAX_CPUS; i++)
		spin_init(&c->magazines[i].lock, RANK_SLAB_CPU);
	caches[n] = c;
	atomic_store(&cache_count, n + 1);
	return c;
}

bool slab_stats(unsigned n, struct slab_stats *to)
{
	struct slab_cache *c;
	u64 idle = 0;

	if (n >= atomic_load(&cache_count))
		return false;
	c = caches[n];
	for (unsigned i = 0; i < hal_cpu_count(); i++)
		idle += atomic_load_relaxed(&c->magazines[i].count);
	spin_lock(&c->lock);
	*to = (struct slab_stats){
		.name = c->name,
		.size = c->asked,
		.objects = c->taken > idle ? c->taken - idle : 0,
		.pages = c->slabs << c->order,
	};
	spin_unlock(&c->lock);
	return true;
}

static void cache_drain(struct slab_cache *c)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		struct magazine *m = &c->magazines[i];

		spin_lock(&m->lock);
		magazine_empty(c, m, 0);
		spin_unlock(&m->lock);
	}
	for (;;) {
		struct page *slab = NULL;

		spin_lock(&c->lock);
		if (c->empty) { /* empty ones gather at the end */
			slab = list_last(&c->partial, struct page, link);
			while (slab->mappings)
				slab = list_entry(slab->link.prev, struct page, link);
			list_remove(&slab->link);
			c->empty--;
			c->slabs--;
		}
		spin_unlock(&c->lock);
		if (!slab)
			return;
		slab_give_back(c, slab);
	}
}

void slab_drain(void)
{
	for (unsigned i = 0; i < atomic_load(&cache_count); i++)
		cache_drain(caches[i]);
}

void slab_forget_all(void)
{
	atomic_store(&cache_count, 0u);
}
