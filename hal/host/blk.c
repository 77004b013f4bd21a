/* hal/host/blk.c -- a disk whose requests finish when the seed says so: in any order, late,
 * with an error, or, when power goes, in part.
 *
 * Data moves when a request finishes, not when it is made. Writes stay in the disk's cache
 * until a flush finishes: a power cut keeps or loses each cached sector on its own.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#include "hal/host/virtio.h"

#define SECTOR 512ul

struct request {
	struct host_virtio *v;
	struct host_chain chain;
	bool fails;
};

/* What a sector held before a write that is not flushed yet. */
struct undo {
	struct undo *next;
	const struct host_disk *disk;
	u64 sector;
	u8 old[SECTOR];
};
static struct undo *undo_log; /* newest first */
static u64 write_count;

/* What host_disk_restore has to bring back. */
#define RESTORED_PAGES 8192ul
static bool changed[HOST_DISKS][RESTORED_PAGES];

static void remember(const struct host_disk *disk, u64 sector)
{
	struct undo *u;

	if (!disk->cut_at_write)
		return;
	u = malloc(sizeof(*u));
	*u = (struct undo){.next = undo_log, .disk = disk, .sector = sector};
	memcpy(u->old, disk->image + sector * SECTOR, SECTOR);
	undo_log = u;
}

static void flush(const struct host_disk *disk)
{
	for (struct undo **at = &undo_log; *at;) {
		struct undo *u = *at;

		if (u->disk != disk) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		free(u);
	}
}

/* Power goes: half of the cached sectors, drawn at random, are as they were before. A sector
 * written twice may come back to either. */
[[noreturn]] static void cut(void)
{
	for (struct undo *u = undo_log; u; u = u->next)
		if (host_random(2))
			memcpy(u->disk->image + u->sector * SECTOR, u->old, SECTOR);
	host_end(HOST_CUT, "power cut");
}

/* Move one buffer; the end of the run if power goes in the middle of it. */
static void transfer(const struct host_disk *disk, u64 sector, const struct host_buffer *b,
		     bool write)
{
	u64 tear = UINT64_MAX;

	if (!write) {
		memcpy(b->at, disk->image + sector * SECTOR, b->len);
		return;
	}
	if (disk->cut_at_write && ++write_count == disk->cut_at_write)
		tear = host_random(b->len / SECTOR + 1);
	for (u64 i = 0; i < b->len / SECTOR; i++) {
		if (i == tear)
			cut();
		remember(disk, sector + i);
		if (disk->original)
			changed[disk - host_config.disk][(sector + i) * SECTOR / PAGE_SIZE] = true;
		memcpy(disk->image + (sector + i) * SECTOR, b->at + i * SECTOR, SECTOR);
	}
	if (tear != UINT64_MAX)
		cut();
}

static u8 move(const struct request *r, u64 sector, bool write, u32 *len)
{
	const struct host_disk *disk = r->v->disk;

	if (write && disk->read_only)
		return VIRTIO_BLK_S_IOERR;
	for (unsigned i = 1; i + 1 < r->chain.count; i++) {
		const struct host_buffer *b = &r->chain.buffer[i];

		if (b->len % SECTOR || b->writable == write)
			host_fail("disk: a buffer of %u bytes in the wrong direction or size",
				  b->len);
		if (sector > disk->size / SECTOR || b->len > disk->size - sector * SECTOR)
			return VIRTIO_BLK_S_IOERR;
		if (!r->fails)
			transfer(disk, sector, b, write);
		sector += b->len / SECTOR;
		*len += write ? 0 : b->len;
	}
	return r->fails ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static void finish(void *arg)
{
	struct request *r = arg;
	const struct virtio_blk_outhdr *head = (const void *)r->chain.buffer[0].at;
	const struct host_buffer *last = &r->chain.buffer[r->chain.count - 1];
	u8 status = VIRTIO_BLK_S_UNSUPP;
	u32 len = 1;

	switch (head->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		status = move(r, head->sector, head->type == VIRTIO_BLK_T_OUT, &len);
		break;
	case VIRTIO_BLK_T_FLUSH:
		status = r->fails ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
		if (!r->fails)
			flush(r->v->disk);
		break;
	}
	*last->at = status;
	host_virtio_done(r->v, r->chain.head, len);
	free(r);
}

static void blk_available(struct host_virtio *v, const struct host_chain *chain)
{
	const struct host_buffer *last = &chain->buffer[chain->count - 1];
	struct request *r = malloc(sizeof(*r));
	u64 delay = 2000 + host_random(host_random(4) ? 100000 : 1000000);

	if (chain->count < 2 || chain->buffer[0].writable || !last->writable ||
	    chain->buffer[0].len < sizeof(struct virtio_blk_outhdr) || last->len != 1)
		host_fail("disk: a request without header or status byte");
	*r = (struct request){.v = v, .chain = *chain};
	r->fails = host_random(1024) < v->disk->error_rate;
	if (host_random(1024) < v->disk->slow_rate)
		delay += host_random(100000000);
	host_event_at(host_now() + delay, finish, r);
}

static u32 blk_config(struct host_virtio *v, unsigned offset)
{
	struct virtio_blk_config config = {
		.capacity = v->disk->size / SECTOR,
		.seg_max = v->disk->segments ? v->disk->segments : VQ_CHAIN - 2,
		.size_max = 1u << 20,
		.blk_size = SECTOR,
	};
	u32 word = 0;

	if (offset + sizeof(word) <= sizeof(config))
		memcpy(&word, (u8 *)&config + offset, sizeof(word));
	return word;
}

void host_disk_restore(unsigned disk)
{
	const struct host_disk *d = &host_config.disk[disk];

	if (d->size > RESTORED_PAGES * PAGE_SIZE)
		host_fail("disk %u is too large to be restored", disk);
	for (u64 page = 0; page < RESTORED_PAGES; page++)
		if (changed[disk][page]) {
			u64 at = page * PAGE_SIZE;

			memcpy(d->image + at, d->original + at, PAGE_SIZE);
			changed[disk][page] = false;
		}
}

void host_disk_fails(unsigned disk, u32 error_rate)
{
	host_config.disk[disk].error_rate = error_rate;
}

const struct host_virtio_kind host_blk = {
	.id = 2,
	.features = 1ul << VIRTIO_F_VERSION_1 | 1ul << VIRTIO_BLK_F_SEG_MAX |
		    1ul << VIRTIO_BLK_F_SIZE_MAX | 1ul << VIRTIO_BLK_F_BLK_SIZE |
		    1ul << VIRTIO_BLK_F_FLUSH,
	.available = blk_available,
	.config = blk_config,
};
