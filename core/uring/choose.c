/* core/uring/choose.c -- a request chooses a buffer of a group when it has data for one. */
#include "core/uring/group.h"

#include "mem/phys/slab.h"

static struct io_uring_buf *choose_at(struct group *g, u16 at)
{
	return region_at(&g->memory->region, (at & (g->entries - 1)) * sizeof(struct io_uring_buf));
}

static int choose_from_ring(struct uring_request *r, struct group *g)
{
	struct io_uring_buf_ring *head = region_at(&g->memory->region, 0);
	struct io_uring_buf *b, copy;
	u16 tail = __atomic_load_n(&head->tail, __ATOMIC_ACQUIRE);

	if (tail == g->head)
		return -ENOBUFS;
	b = choose_at(g, g->head);
	/* Read once: it is the program's. */
	memcpy(&copy, b, sizeof(copy));
	r->buffer_addr = copy.addr;
	r->buffer_len = copy.len;
	r->buffer_id = copy.bid;
	r->buffer_next = ++g->head;
	r->in_part = g->in_part;
	return 0;
}

static int choose_one(struct uring_request *r, struct group *g)
{
	struct group_buffer *b;

	if (list_empty(&g->buffers))
		return -ENOBUFS;
	b = list_first(&g->buffers, struct group_buffer, link);
	r->buffer_addr = b->addr;
	r->buffer_len = b->len;
	r->buffer_id = b->id;
	list_remove(&b->link);
	g->count--;
	kfree(b);
	return 0;
}

int uring_select(struct uring_request *r, u64 *addr, u32 *len)
{
	struct uring *u = r->ring;
	struct group *g;
	int err = 0;

	if (!r->selected) {
		spin_lock(&u->lock);
		g = group_by_id(u, r->sqe.buf_group);
		err = !g ? -ENOBUFS : g->is_ring ? choose_from_ring(r, g) : choose_one(r, g);
		spin_unlock(&u->lock);
		if (err)
			return err;
		r->selected = true;
		r->cqe_flags |= IORING_CQE_F_BUFFER |
				(u32)r->buffer_id << IORING_CQE_BUFFER_SHIFT;
	}
	*addr = r->buffer_addr;
	*len = *len ? min(*len, r->buffer_len) : r->buffer_len;
	return 0;
}

void uring_select_next(struct uring_request *r)
{
	r->selected = false;
	r->in_part = false;
	r->cqe_flags &= ~(IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE |
			  UINT32_MAX << IORING_CQE_BUFFER_SHIFT);
}

void uring_select_used(struct uring_request *r, u64 n)
{
	struct uring *u = r->ring;
	struct io_uring_buf *b;
	struct group *g;

	if (!r->in_part)
		return;
	r->in_part = false;
	spin_lock(&u->lock);
	g = group_by_id(u, r->sqe.buf_group);
	/* Who chose after it has the buffers behind it: what is left is the program's. */
	if (g && g->in_part && g->head == r->buffer_next && n < r->buffer_len) {
		b = choose_at(g, --g->head);
		b->addr = r->buffer_addr + n;
		b->len = r->buffer_len - (u32)n;
		r->cqe_flags |= IORING_CQE_F_BUF_MORE;
	}
	spin_unlock(&u->lock);
}

/* It is the next one to be taken again, unless others chose after it: then the request keeps it. */
void uring_unselect(struct uring_request *r)
{
	struct uring *u = r->ring;
	struct group_buffer *b;
	struct group *g;
	bool kept = false;

	if (!r->selected)
		return;
	b = kmalloc(sizeof(*b));
	spin_lock(&u->lock);
	g = group_by_id(u, r->sqe.buf_group);
	if (g && g->is_ring) {
		kept = g->head != r->buffer_next;
		g->head -= !kept;
	} else if (g && b) {
		*b = (struct group_buffer){.addr = r->buffer_addr, .len = r->buffer_len,
					   .id = r->buffer_id};
		list_add_front(&g->buffers, &b->link);
		g->count++;
		b = NULL;
	}
	spin_unlock(&u->lock);
	if (!kept)
		uring_select_next(r);
	kfree(b);
}
