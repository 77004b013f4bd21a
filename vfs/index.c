/* vfs/index.c */
#include "vfs/index.h"

#include "mem/phys/slab.h"

#define INDEX_BITS   6
#define INDEX_SLOTS  (1u << INDEX_BITS)
#define INDEX_LEVELS 11		/* 66 bits: all of u64 */

struct page_node {
	u32 used;
	void *slots[INDEX_SLOTS];	/* nodes, or pages at level 1 */
};

static struct slab_cache *index_cache;

void index_setup(void)
{
	index_cache = slab_cache_new("page_node", sizeof(struct page_node), 0);
}

/* Does a tree of this height reach index? */
static bool index_covers(u32 height, u64 index)
{
	return height * INDEX_BITS >= 64 || index >> (height * INDEX_BITS) == 0;
}

static unsigned index_slot(u64 index, u32 level)
{
	return (index >> ((level - 1) * INDEX_BITS)) % INDEX_SLOTS;
}

struct page *index_get(const struct mapping *m, u64 index)
{
	const void *at = m->root;

	if (!index_covers(m->height, index))
		return NULL;
	for (u32 level = m->height; at && level; level--)
		at = ((const struct page_node *)at)->slots[index_slot(index, level)];
	return (struct page *)at;
}

void *const *index_run(const struct mapping *m, u64 index, unsigned *n)
{
	const struct page_node *node = m->root;

	*n = INDEX_SLOTS - index_slot(index, 1);
	if (!node || !index_covers(m->height, index))
		return NULL;
	for (u32 level = m->height; node && level > 1; level--)
		node = node->slots[index_slot(index, level)];
	return node ? &node->slots[index_slot(index, 1)] : NULL;
}

static struct page_node *index_new_node(void)
{
	return slab_zalloc(index_cache);
}

/* Take away nodes that a failed insertion left empty, along the path to index. */
static void index_prune(struct mapping *m, u64 index) REQUIRES(m->lock)
{
	struct page_node *path[INDEX_LEVELS];
	void *at = m->root;
	u32 level = m->height, n = 0;

	for (; at && level; level--) {
		path[n++] = at;
		at = ((struct page_node *)at)->slots[index_slot(index, level)];
	}
	while (n--) {
		if (path[n]->used)
			return;
		slab_free(index_cache, path[n]);
		if (!n) {
			m->root = NULL;
			m->height = 0;
			return;
		}
		path[n - 1]->slots[index_slot(index, m->height - n + 1)] = NULL;
		path[n - 1]->used--;
	}
}

/* Grow upwards until index is covered. No node is left empty: nothing would take it away. */
static int index_grow(struct mapping *m, u64 index) REQUIRES(m->lock)
{
	while (!m->root || !index_covers(m->height, index)) {
		struct page_node *up = index_new_node();

		if (!up)
			return -ENOMEM;
		m->height++;
		if (m->root) {
			up->slots[0] = m->root;
			up->used = 1;
		} else {
			while (!index_covers(m->height, index))
				m->height++;
		}
		m->root = up;
	}
	return 0;
}

int index_set(struct mapping *m, u64 index, struct page *page)
{
	struct page_node *node;
	void **slot;
	int err;

	if (index_covers(m->height, index) && index_get(m, index))
		return -EEXIST;
	err = index_grow(m, index);
	if (err)
		goto out;
	node = m->root;
	for (u32 level = m->height; level > 1; level--) {
		slot = &node->slots[index_slot(index, level)];
		if (!*slot) {
			*slot = index_new_node();
			if (!*slot) {
				err = -ENOMEM;
				goto out;
			}
			node->used++;
		}
		node = *slot;
	}
	node->slots[index_slot(index, 1)] = page;
	node->used++;
	return 0;
out:
	index_prune(m, index_covers(m->height, index) ? index : 0);
	return err;
}

struct page *index_remove(struct mapping *m, u64 index)
{
	struct page *page;
	struct page_node *node;

	if (!index_covers(m->height, index))
		return NULL;
	page = index_get(m, index);
	if (!page)
		return NULL;
	node = m->root;
	for (u32 level = m->height; level > 1; level--)
		node = node->slots[index_slot(index, level)];
	node->slots[index_slot(index, 1)] = NULL;
	node->used--;
	index_prune(m, index);
	return page;
}

struct page *index_next(const struct mapping *m, u64 *index, u64 end)
{
	while (*index < end && index_covers(m->height, *index)) {
		const void *at = m->root;
		u32 level = m->height;

		while (at && level) {
			at = ((const struct page_node *)at)->slots[index_slot(*index, level)];
			if (!at)
				break;
			level--;
		}
		if (at)
			return (struct page *)at;
		if (!level)
			return NULL;	/* an empty tree */
		/* An empty slot at `level`: on to the next one of that level. */
		u64 span = 1ul << ((level - 1) * INDEX_BITS);
		u64 next = (*index & ~(span - 1)) + span;

		if (next < *index)
			return NULL;
		*index = next;
	}
	return NULL;
}
