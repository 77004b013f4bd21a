/* core/uring/group.c -- groups of buffers that requests choose among when they have data for one:
 * handed over one by one (IORING_OP_PROVIDE_BUFFERS), or in a ring that the program fills. */
#include "core/uring/group.h"

#include "mem/phys/slab.h"
#include "vfs/reaper.h"

#define GROUP_IDS 65536u
#define GROUP_RING_MOST 32768u
#define GROUP_PIECE 256u	/* released at once */

struct group *group_by_id(struct uring *u, u16 id)
{
	struct group *g = u->groups[id % URING_GROUP_BUCKETS];

	while (g && g->id != id)
		g = g->next;
	return g;
}

static void group_add(struct uring *u, struct group *g) REQUIRES(u->lock)
{
	g->next = u->groups[g->id % URING_GROUP_BUCKETS];
	u->groups[g->id % URING_GROUP_BUCKETS] = g;
}

/* Up to n buffers go; how many did. */
static u32 group_drop(struct group *g, u32 n)
{
	u32 done = 0;

	for (; done < n && !list_empty(&g->buffers); done++) {
		struct group_buffer *b = list_first(&g->buffers, struct group_buffer, link);

		list_remove(&b->link);
		kfree(b);
	}
	g->count -= done;
	return done;
}

static void group_put_memory(struct group_memory *m)
{
	if (!m || !ref_put(&m->refs))
		return;
	region_free(&m->region);
	kfree(m);
}

static bool group_release_more(struct reaper_rest *rest)
{
	struct group *g = container_of(rest, struct group, rest);

	if (group_drop(g, GROUP_PIECE) == GROUP_PIECE)
		return true;
	group_put_memory(g->memory);
	kfree(g);
	return false;
}

static void group_release(struct group *g)
{
	g->rest.more = group_release_more;
	reaper_add_rest(&g->rest);
}

static struct group *group_new(u16 id)
{
	struct group *g = kzalloc(sizeof(*g));

	if (g) {
		g->id = id;
		list_init(&g->buffers);
	}
	return g;
}

static struct group *group_take_any(struct uring *u)
{
	struct group *g = NULL;

	spin_lock(&u->lock);
	for (unsigned i = 0; !g && i < URING_GROUP_BUCKETS; i++) {
		g = u->groups[i];
		if (g)
			u->groups[i] = g->next;
	}
	spin_unlock(&u->lock);
	return g;
}

bool group_free_one(struct uring *u)
{
	struct group *g = group_take_any(u);

	if (g)
		group_release(g);
	return g;
}

/* --- rings of buffers --- */

static struct group_memory *group_memory_of(struct pager *p)
{
	return container_of(p, struct group_memory, pager);
}

static struct page *group_page(struct pager *p, u64 index)
{
	struct group_memory *m = group_memory_of(p);

	return region_page(&m->region, index - m->first);
}

static void group_peek(struct pager *p, u64 index, unsigned n, bool write, struct page **to)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = group_page(p, index + i);
}

struct group_fault {
	struct pager_fault;
};
static co_t group_fault(struct co *co, struct group_fault *f)
{
	CO_BEGIN;
	*f->page = group_page(f->pager, f->index);
	CO_RETURN(*f->page ? 0 : -ENXIO);
	CO_END;
}

static void group_pager_get(struct pager *p)
{
	ref_get(&group_memory_of(p)->refs);
}

static void group_pager_put(struct pager *p)
{
	group_put_memory(group_memory_of(p));
}

static const struct pager_ops group_pager_ops = {
	.fault = CO_IMPLEMENTS(pager_fault, group_fault),
	.peek = group_peek,
	.get = group_pager_get,
	.put = group_pager_put,
	.file_get = region_file_get,
	.file_put = region_file_put,
	.path = region_path,
	.numbers = region_numbers,
};

static struct group_memory *group_new_memory(u16 id)
{
	struct group_memory *m = kzalloc(sizeof(*m));

	if (!m)
		return NULL;
	ref_init(&m->refs);
	pager_init(&m->pager, &group_pager_ops);
	m->first = (IORING_OFF_PBUF_RING | (u64)id << IORING_OFF_PBUF_SHIFT) >> PAGE_SHIFT;
	return m;
}

int group_mmap(struct uring *u, u16 id, u64 size, struct pager **pager)
{
	struct group *g;
	int err = -EINVAL;

	spin_lock(&u->lock);
	g = group_by_id(u, id);
	if (g && g->mapped && size <= (u64)g->memory->region.count << PAGE_SHIFT) {
		*pager = &g->memory->pager;
		group_pager_get(*pager);
		err = 0;
	}
	spin_unlock(&u->lock);
	return err;
}

/* Take out an empty group of the other kind; false: there is one in use. */
static bool group_make_way(struct uring *u, u16 id, struct group **old) REQUIRES(u->lock)
{
	struct group **at = &u->groups[id % URING_GROUP_BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	*old = *at;
	if (!*at)
		return true;
	if ((*at)->is_ring || (*at)->count)
		return false;
	*at = (*at)->next;
	return true;
}

long group_register(struct uring *u, const struct io_uring_buf_reg *reg, struct region *memory)
{
	struct group *g = group_new(reg->bgid), *old = NULL;
	bool free;

	if (g)
		g->memory = group_new_memory(reg->bgid);
	if (!g || !g->memory) {
		kfree(g);
		return -ENOMEM;
	}
	g->is_ring = true;
	g->mapped = reg->flags & IOU_PBUF_RING_MMAP;
	g->in_part = reg->flags & IOU_PBUF_RING_INC;
	g->entries = reg->ring_entries;
	g->memory->region = *memory;
	spin_lock(&u->lock);
	free = group_make_way(u, reg->bgid, &old);
	if (free)
		group_add(u, g);
	spin_unlock(&u->lock);
	if (!free) {
		kfree(g->memory);
		kfree(g);
		return -EEXIST;
	}
	*memory = (struct region){0};
	if (old)
		group_release(old);
	return 0;
}

long group_unregister(struct uring *u, u16 id)
{
	struct group **at = &u->groups[id % URING_GROUP_BUCKETS], *g;

	spin_lock(&u->lock);
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	g = *at;
	if (g && g->is_ring)
		*at = g->next;
	spin_unlock(&u->lock);
	if (!g)
		return -ENOENT;
	if (!g->is_ring)
		return -EINVAL;
	group_release(g);
	return 0;
}

long group_status(struct uring *u, struct io_uring_buf_status *s)
{
	struct group *g;
	long err = 0;

	for (unsigned i = 0; i < 8; i++)
		if (s->resv[i])
			return -EINVAL;
	spin_lock(&u->lock);
	g = s->buf_group < GROUP_IDS ? group_by_id(u, (u16)s->buf_group) : NULL;
	if (!g)
		err = -ENOENT;
	else if (!g->is_ring)
		err = -EINVAL;
	else
		s->head = g->head;
	spin_unlock(&u->lock);
	return err;
}

/* --- one by one --- */

/* There is the group, made if there was none; not one that is a ring. */
static long group_need(struct uring *u, u16 id)
{
	struct group *made = group_new(id), *g;
	long err;

	spin_lock(&u->lock);
	g = group_by_id(u, id);
	if (!g && made) {
		g = made;
		group_add(u, g);
		made = NULL;
	}
	err = !g ? -ENOMEM : g->is_ring ? -EINVAL : 0;
	spin_unlock(&u->lock);
	kfree(made);
	return err;
}

/* Add one, to a group that is there: 0, -EOVERFLOW, -ENOENT; b was taken then only. */
static long group_give(struct uring *u, u16 id, struct group_buffer *b)
{
	struct group *g;
	long err = 0;

	spin_lock(&u->lock);
	g = group_by_id(u, id);
	if (!g || g->is_ring)
		err = -ENOENT;
	else if (g->count >= GROUP_IDS)
		err = -EOVERFLOW;
	if (!err) {
		list_add_back(&g->buffers, &b->link);
		g->count++;
	}
	spin_unlock(&u->lock);
	return err;
}

long group_provide(struct uring *u, u16 id, u64 addr, u32 len, u32 n, u32 bid)
{
	long err = group_need(u, id);

	for (u32 done = 0; !err && done < n; done++) {
		struct group_buffer *b = kmalloc(sizeof(*b));

		if (!b)
			return done ? 0 : -ENOMEM;
		*b = (struct group_buffer){.addr = addr + (u64)done * len, .len = len,
					   .id = (u16)(bid + done)};
		err = group_give(u, id, b);
		if (err)
			kfree(b);
	}
	return err;
}

long group_remove(struct uring *u, u16 id, u32 n)
{
	struct group *g;
	long done;

	spin_lock(&u->lock);
	g = group_by_id(u, id);
	if (!g)
		done = -ENOENT;
	else if (g->is_ring)
		done = -EINVAL;
	else
		done = group_drop(g, n);
	spin_unlock(&u->lock);
	return done;
}
