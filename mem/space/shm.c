/* mem/space/shm.c -- shared anonymous memory: a radix tree of pages made on first touch.
 *
 * A node of the tree is a page of 512 pointers; the lowest ones point to page records. The
 * tree only grows while the object lives.
 */
#include "mem/space/shm.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "coro/task.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/commit.h"
#include "mem/space/reclaim.h"
#include "mem/space/space.h"

#define FANOUT	     512
#define FREE_AT_ONCE 512 /* pages */

struct shm {
	struct pager pager;
	refcount refs;		/* [a] */
	u64 count;		/* [a] pages it may have; set once, under lock */
	unsigned levels;	/* of nodes; set with it */
	spinlock lock;		/* RANK_PAGE_CACHE */
	void **root;		/* under lock */
	u64 made;		/* under lock: pages there are */
	u64 promised;		/* [I] pages counted in commit_total */
	u64 serial;		/* [I] shown as inode number */
};

static struct slab_cache *cache;
static u64 serials, made_in_all; /* [a] */
static u32 freeing;		/* [a] objects that workers free */
static u64 freed_pieces;	/* [a] of them so far */
static struct waitq freed;	/* woken with each piece */

static struct shm *shm_of(struct pager *p)
{
	return container_of(p, struct shm, pager);
}

static void **node_new(void)
{
	struct page *p = buddy_alloc(0, BUDDY_ZERO);

	return p ? phys_page_data(p) : NULL;
}

/* Where the page at index hangs; NULL if there is no node, or no memory to make one. */
static struct page **place_of(struct shm *m, u64 index, bool make) REQUIRES(m->lock)
{
	void ***at = &m->root;

	for (unsigned level = m->levels; level-- > 0;) {
		if (!*at) {
			if (make)
				*at = node_new();
			if (!*at)
				return NULL;
		}
		at = (void ***)&(*at)[index >> (9 * level) & (FANOUT - 1)];
	}
	return (struct page **)at;
}

static u64 count_of(struct shm *m)
{
	return atomic_load_relaxed(&m->count);
}

/* What a page of it is. */
static u32 flags_of_page(const struct shm *m)
{
	return PAGE_UPTODATE | PAGE_CACHE | PAGE_DIRTY | PAGE_SHM |
	       (m->pager.secret ? PAGE_SECRET : 0);
}

/* The page at index with a reference, made if it is not there; NULL without memory. */
static struct page *page_make(struct shm *m, u64 index)
{
	struct page *fresh = buddy_alloc(0, BUDDY_ZERO | BUDDY_USER), *page = NULL, **at;

	if (!fresh)
		return NULL;
	atomic_store_relaxed(&fresh->flags, flags_of_page(m));
	fresh->index = index;
	spin_lock(&m->lock);
	at = place_of(m, index, true);
	if (at) {
		if (!*at) {
			*at = fresh;
			fresh = NULL;
			m->made++;
			atomic_add_relaxed(&made_in_all, 1ul);
		}
		page = *at;
		phys_page_get(page);
	}
	spin_unlock(&m->lock);
	if (fresh)
		phys_page_put(fresh);
	return page;
}

static void shm_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	struct shm *m = shm_of(p);

	spin_lock(&m->lock);
	for (unsigned i = 0; i < n; i++) {
		struct page **at = index + i < count_of(m) ? place_of(m, index + i, false) : NULL;

		to[i] = at ? *at : NULL;
		if (to[i])
			phys_page_get(to[i]);
	}
	spin_unlock(&m->lock);
	if (n == 1 && !to[0] && index < count_of(m))
		to[0] = page_make(m, index);
}

struct shm_fault {
	struct pager_fault;
	long err;
};

static co_t shm_fault(struct co *co, struct shm_fault *f)
{
	CO_BEGIN;
	if (f->index >= count_of(shm_of(f->pager)))
		CO_RETURN(-ENXIO);
	while (!(*f->page = page_make(shm_of(f->pager), f->index))) {
		CO_AWAIT(f->err, reclaim_await, .pages = 4);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

/* Take out the page at index, if there is one; its reference is the caller's. */
static struct page *page_take(struct shm *m, u64 index)
{
	struct page **at, *page = NULL;

	spin_lock(&m->lock);
	at = place_of(m, index, false);
	if (at && *at) {
		page = *at;
		*at = NULL;
		m->made--;
		atomic_sub(&made_in_all, 1ul);
		atomic_and(&page->flags, ~(u32)PAGE_CACHE);
	}
	spin_unlock(&m->lock);
	return page;
}

struct shm_discard {
	struct pager_discard;
	u64 end;
	struct page *page;
};

static co_t shm_discard(struct co *co, struct shm_discard *f)
{
	CO_BEGIN;
	f->end = min(f->index + f->count, count_of(shm_of(f->pager)));
	for (; f->index < f->end; f->index++) {
		f->page = page_take(shm_of(f->pager), f->index);
		if (f->page) {
			pager_unmap(f->pager, f->index, 1, false);
			phys_page_put(f->page);
		}
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

static int shm_has(struct pager *p, u64 index)
{
	struct shm *m = shm_of(p);
	struct page **at;
	bool has;

	if (index >= count_of(m))
		return -ENXIO;
	spin_lock(&m->lock);
	at = place_of(m, index, false);
	has = at && *at;
	spin_unlock(&m->lock);
	return has;
}

static int shm_supply(struct pager *p, u64 index, struct page *page)
{
	struct shm *m = shm_of(p);
	struct page **at;
	int err = -ENOMEM;

	if (index >= count_of(m))
		return -ENXIO;
	spin_lock(&m->lock);
	at = place_of(m, index, true);
	if (at && *at) {
		err = -EEXIST;
	} else if (at) {
		atomic_store_relaxed(&page->flags, flags_of_page(m));
		page->index = index;
		*at = page;
		m->made++;
		atomic_add_relaxed(&made_in_all, 1ul);
		err = 0;
	}
	spin_unlock(&m->lock);
	return err;
}

static void shm_get(struct pager *p)
{
	ref_get(&shm_of(p)->refs);
}

/* Free up to *budget pages below a node, and the node if it is empty then. Nobody else has
 * the object any more. */
static bool node_free(void **node, unsigned level, u64 *budget)
{
	for (unsigned i = 0; i < FANOUT; i++) {
		if (!node[i])
			continue;
		if (!*budget)
			return false;
		if (level) {
			if (!node_free(node[i], level - 1, budget))
				return false;
		} else {
			struct page *page = node[i];

			/* Whoever gets it next need not wipe it. */
			if (page->flags & PAGE_SECRET)
				hal_zero_page(phys_page_data(page));
			phys_page_put(page);
			(*budget)--;
		}
		node[i] = NULL;
	}
	phys_page_put(phys_page_of(node));
	return true;
}

static bool free_some(struct shm *m, u64 budget)
{
	u64 left = budget;
	bool done = !m->root || node_free(m->root, m->levels - 1, &left);

	atomic_sub(&made_in_all, budget - left);
	if (!done)
		return false;
	commit_add(-(i64)m->promised);
	slab_free(cache, m);
	return true;
}

struct shm_free {
	struct co_frame co;
	struct shm *shm;
};

static co_t shm_free(struct co *co, struct shm_free *f)
{
	bool done;

	CO_BEGIN;
	do {
		done = free_some(f->shm, FREE_AT_ONCE);
		if (done)
			atomic_sub(&freeing, 1u);
		atomic_add(&freed_pieces, 1ul);
		waitq_wake(&freed);
		if (done)
			break;
		CO_BREATHE;
	} while (true);
	CO_RETURN(0);
	CO_END;
}

bool shm_is_freeing(void)
{
	return atomic_load(&freeing);
}

co_t shm_await_free(struct co *co, struct shm_await_free *f)
{
	CO_BEGIN;
	f->pieces = atomic_load(&freed_pieces);
	CO_WAIT_KILLABLE(f->err, &freed,
			 !shm_is_freeing() || atomic_load(&freed_pieces) != f->pieces);
	CO_RETURN(f->err);
	CO_END;
}

static void shm_put(struct pager *p)
{
	struct shm *m = shm_of(p);
	struct task *worker = NULL;

	if (!ref_put(&m->refs))
		return;
	/* A put cannot wait: what is large goes to a worker, if there can be one. */
	if (m->made > FREE_AT_ONCE) {
		atomic_add(&freeing, 1u);
		CO_SPAWN(worker, "shm_free", shm_free, .shm = m);
		if (!worker)
			atomic_sub(&freeing, 1u);
	}
	if (worker)
		task_put(worker);
	else
		free_some(m, ~0ul);
}

static size_t shm_path(struct pager *p, void *file, char *to, size_t size)
{
	return min(string_copy(to, "/dev/zero (deleted)", size), size - 1);
}

static void shm_numbers(struct pager *p, void *file, struct vma_info *to)
{
	to->dev = 1;
	to->ino = shm_of(p)->serial;
}

const struct pager_ops shm_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, shm_fault),
	.discard = CO_IMPLEMENTS(pager_discard, shm_discard),
	.peek = shm_peek,
	.has = shm_has,
	.supply = shm_supply,
	.get = shm_get,
	.put = shm_put,
	.path = shm_path,
	.numbers = shm_numbers,
};

void shm_set_size(struct pager *p, u64 pages)
{
	struct shm *m = shm_of(p);

	spin_lock(&m->lock);
	m->levels = 1;
	while (pages > 1ul << 9 * m->levels)
		m->levels++;
	atomic_store(&m->count, pages);
	spin_unlock(&m->lock);
}

struct pager *shm_new_named(u64 pages, bool promised, const struct pager_ops *ops)
{
	struct shm *m;

	if (promised && !commit_may(pages, 0))
		return NULL;
	m = slab_zalloc(cache);
	if (!m)
		return NULL;
	m->promised = promised ? pages : 0;
	commit_add((i64)m->promised);
	pager_init(&m->pager, ops);
	ref_init(&m->refs);
	spin_init(&m->lock, RANK_PAGE_CACHE);
	shm_set_size(&m->pager, pages);
	m->serial = atomic_add(&serials, 1ul) + 1;
	return &m->pager;
}

struct pager *shm_new_secret(const struct pager_ops *ops)
{
	struct pager *p = shm_new_named(0, false, ops);

	if (p)
		p->secret = true;
	return p;
}

struct pager *shm_new(u64 pages, bool promised)
{
	return shm_new_named(pages, promised, &shm_ops);
}

u64 shm_total(void)
{
	return atomic_load_relaxed(&made_in_all);
}

u64 shm_resident(struct pager *p)
{
	struct shm *m = shm_of(p);
	u64 made;

	spin_lock(&m->lock);
	made = m->made;
	spin_unlock(&m->lock);
	return made;
}

void shm_init(void)
{
	cache = slab_cache_new("shm", sizeof(struct shm), 0);
	waitq_init(&freed);
	freeing = 0;
}

/* --- fixed pages --- */

static struct shm_fixed *fixed_of(struct pager *p)
{
	return container_of(p, struct shm_fixed, pager);
}

static void fixed_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	struct shm_fixed *x = fixed_of(p);

	for (unsigned i = 0; i < n; i++) {
		to[i] = index + i < x->count && !write ? x->pages[index + i] : NULL;
		if (to[i])
			phys_page_get(to[i]);
	}
}

struct fixed_fault {
	struct pager_fault;
};

static co_t fixed_fault(struct co *co, struct fixed_fault *f)
{
	CO_BEGIN;
	CO_RETURN(-ENXIO);
	CO_END;
}

static void fixed_nothing(struct pager *p)
{
}

static size_t fixed_path(struct pager *p, void *file, char *to, size_t size)
{
	return min(string_copy(to, fixed_of(p)->name, size), size - 1);
}

static const struct pager_ops fixed_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, fixed_fault),
	.peek = fixed_peek,
	.get = fixed_nothing,
	.put = fixed_nothing,
	.path = fixed_path,
};

void shm_fixed_init(struct shm_fixed *f, const char *name, struct page **pages, u64 count)
{
	pager_init(&f->pager, &fixed_ops);
	f->name = name;
	f->pages = pages;
	f->count = count;
	for (u64 i = 0; i < count; i++)
		atomic_or(&pages[i]->flags, (u32)(PAGE_UPTODATE | PAGE_CACHE));
}
