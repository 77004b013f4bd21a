/* core/net/packet.c */
#include "core/net/packet.h"

#include "core/base/string.h"
#include "core/net/name.h"
#include "core/net/rights.h"
#include "core/net/socket.h"
#include "core/proc/pid.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

/* More than this goes to pages. */
#define PACKET_INLINE 1536u

static struct page **packet_pages(const struct packet *p)
{
	return (struct page **)p->data;
}

static u32 packet_page_count(const struct packet *p)
{
	return p->room ? 0 : (u32)(PAGE_UP((u64)p->len) >> PAGE_SHIFT);
}

static void packet_free(struct packet *p)
{
	for (u32 i = 0; i < packet_page_count(p); i++)
		if (packet_pages(p)[i])
			phys_page_put(packet_pages(p)[i]);
	kfree(p);
}

static bool packet_add_pages(struct packet *p)
{
	u32 n = packet_page_count(p);

	memset(p->data, 0, n * sizeof(struct page *));
	for (u32 i = 0; i < n; i++) {
		packet_pages(p)[i] = buddy_alloc(0, 0);
		if (!packet_pages(p)[i])
			return false;
	}
	return true;
}

struct packet *packet_new(u32 len)
{
	bool small = len <= PACKET_INLINE;
	size_t behind = small ? len : (PAGE_UP((u64)len) >> PAGE_SHIFT) * sizeof(struct page *);
	struct packet *p = kmalloc(sizeof(*p) + behind);

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	ref_init(&p->refs);
	p->len = len;
	p->charge = packet_charge(len);
	p->room = small ? max(len, 1u) : 0;
	if (!small && !packet_add_pages(p)) {
		packet_free(p);
		return NULL;
	}
	return p;
}

void packet_put(struct packet *p)
{
	if (!p || !ref_put(&p->refs))
		return;
	if (p->pid)
		pid_put(p->pid);
	if (p->rights)
		rights_drop(p->rights);
	if (p->name)
		net_name_put(p->name);
	if (p->sender)
		socket_uncharge(p->sender, p->charge);
	packet_free(p);
}

/* Byte `at`, and how many follow it in one piece. */
static char *packet_piece(const struct packet *p, u32 at, u32 *run)
{
	if (p->room) {
		*run = p->len - at;
		return (char *)p->data + at;
	}
	*run = (u32)min(PAGE_SIZE - at % PAGE_SIZE, (u64)(p->len - at));
	return (char *)phys_page_data(packet_pages(p)[at >> PAGE_SHIFT]) + at % PAGE_SIZE;
}

u32 packet_copy_in(struct packet *p, u32 at, struct uio *uio)
{
	u32 start = at, run, got;

	while (at < p->len) {
		char *piece = packet_piece(p, at, &run);

		got = (u32)uio_copy_from(uio, piece, run);
		at += got;
		if (got < run)
			break;
	}
	return at - start;
}

u32 packet_copy_out(const struct packet *p, u32 at, u32 n, struct uio *uio)
{
	u32 done = 0, run, got;

	while (done < n) {
		const char *piece = packet_piece(p, at + done, &run);

		run = min(run, n - done);
		got = (u32)uio_copy_to(uio, piece, run);
		done += got;
		if (got < run)
			break;
	}
	return done;
}

void packet_peek(const struct packet *p, u32 at, u32 n, void *to)
{
	struct uio uio = uio_kernel(to, n);

	packet_copy_out(p, at, n, &uio);
}

void packet_cut(struct packet *p, u32 len)
{
	u32 had = packet_page_count(p);

	p->len = min(p->len, len);
	for (u32 i = packet_page_count(p); i < had; i++)
		phys_page_put(packet_pages(p)[i]);
}

co_t packet_fill(struct co *co, struct packet_fill *f)
{
	CO_BEGIN;
	for (;;) {
		f->at += packet_copy_in(f->packet, f->at, f->uio);
		if (f->at == f->packet->len)
			CO_RETURN(0);
		CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->packet->len - f->at);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}

co_t packet_drain(struct co *co, struct packet_drain *f)
{
	CO_BEGIN;
	for (;;) {
		f->done += packet_copy_out(f->packet, f->at + f->done, f->n - f->done, f->uio);
		if (f->done == f->n)
			CO_RETURN(0);
		CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->done, .write = true);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_END;
}
