/* hal/host/virtio.c -- virtio-mmio version 2 with one split queue per device, as a register
 * file: the driver under test is the kernel's own.
 *
 * A driver that breaks the protocol (a queue that is not in RAM, a descriptor loop, a
 * doorbell before DRIVER_OK) fails the run.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "hal/host/virtio.h"

#define MMIO_PHYS 0x0a000000ul
#define MMIO_SIZE 0x200ul
#define FIRST_IRQ 48

static struct host_virtio devices[HOST_DISKS + 1];
static unsigned device_count;
/* Register addresses are not memory: this area is only ever pointed into. */
static u8 windows[HOST_DISKS + 1][MMIO_SIZE];

static struct host_virtio *add(const struct host_virtio_kind *kind)
{
	struct hal_machine *m = &hal_machine;
	struct host_virtio *v = &devices[device_count];

	*v = (struct host_virtio){.kind = kind, .n = device_count};
	m->virtio[device_count] = (struct hal_virtio){
		.base = paddr_of(MMIO_PHYS + device_count * MMIO_SIZE), .size = MMIO_SIZE,
		.irq = FIRST_IRQ + device_count, .edge = device_count % 2};
	m->virtio_count = ++device_count;
	return v;
}

void host_virtio_init(void)
{
	device_count = 0;
	for (unsigned i = 0; i < HOST_DISKS; i++)
		if (host_config.disk[i].image)
			add(&host_blk)->disk = &host_config.disk[i];
	add(&host_rng);
}

bool host_disks_quiet(void)
{
	for (unsigned i = 0; i < device_count; i++)
		if (devices[i].busy)
			return false;
	return true;
}

/* --- the queue --- */

static void interrupt(struct host_virtio *v)
{
	v->interrupt |= VIRTIO_MMIO_INT_VRING;
	if (hal_machine.virtio[v->n].edge)
		host_irq_raise(FIRST_IRQ + v->n, false);
	host_irq_raise(FIRST_IRQ + v->n, true);
}

void host_virtio_done(struct host_virtio *v, u16 head, u32 len)
{
	struct vring_used *used = host_ram(v->used, 6 + 8ul * v->queue_size);
	struct vring_avail *avail = host_ram(v->avail, 6 + 2ul * v->queue_size);

	v->busy--;
	if (!v->ready)
		return; /* reset meanwhile */
	used->ring[used->idx % v->queue_size] = (struct vring_used_elem){head, len};
	__atomic_store_n(&used->idx, (u16)(used->idx + 1), __ATOMIC_RELEASE);
	if (!(__atomic_load_n(&avail->flags, __ATOMIC_ACQUIRE) & VRING_AVAIL_F_NO_INTERRUPT))
		interrupt(v);
}

static void take_chain(struct host_virtio *v, u16 head, struct host_chain *chain)
{
	struct vring_desc *table = host_ram(v->desc, 16ul * v->queue_size);
	u16 at = head;

	*chain = (struct host_chain){.head = head};
	for (;;) {
		struct vring_desc *d;
		struct host_buffer *b;

		if (at >= v->queue_size)
			host_fail("virtio %u: descriptor %u of %u", v->n, at, v->queue_size);
		if (chain->count == VQ_CHAIN)
			host_fail("virtio %u: a chain without end", v->n);
		d = &table[at];
		b = &chain->buffer[chain->count++];
		*b = (struct host_buffer){host_ram(d->addr, d->len), d->len,
					  d->flags & VRING_DESC_F_WRITE};
		if (!b->at || !b->len)
			host_fail("virtio %u: a buffer of %u bytes at %#llx", v->n, d->len,
				  (unsigned long long)d->addr);
		if (!(d->flags & VRING_DESC_F_NEXT))
			return;
		at = d->next;
	}
}

static void doorbell(struct host_virtio *v)
{
	struct vring_avail *avail = host_ram(v->avail, 6 + 2ul * v->queue_size);
	u16 idx;

	if (!v->ready || !(v->status & VIRTIO_CONFIG_S_DRIVER_OK))
		host_fail("virtio %u: doorbell before DRIVER_OK", v->n);
	idx = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE);
	if ((u16)(idx - v->seen) > v->queue_size)
		host_fail("virtio %u: %u entries available at once", v->n, (u16)(idx - v->seen));
	while (v->seen != idx) {
		struct host_chain chain;

		take_chain(v, avail->ring[v->seen++ % v->queue_size], &chain);
		if (++v->busy > v->queue_size)
			host_fail("virtio %u: more requests than descriptors", v->n);
		v->kind->available(v, &chain);
	}
}

static void queue_ready(struct host_virtio *v, bool ready)
{
	if (ready && (!v->queue_size || v->queue_size > VQ_MAX ||
		      v->queue_size & (v->queue_size - 1)))
		host_fail("virtio %u: a queue of %u", v->n, v->queue_size);
	if (ready && (!host_ram(v->desc, 16ul * v->queue_size) || v->desc % 16 ||
		      !host_ram(v->avail, 6 + 2ul * v->queue_size) || v->avail % 2 ||
		      !host_ram(v->used, 6 + 8ul * v->queue_size) || v->used % 4))
		host_fail("virtio %u: a queue outside RAM or misaligned", v->n);
	v->ready = ready;
	v->seen = 0;
}

static void set_status(struct host_virtio *v, u32 status)
{
	if (status & VIRTIO_CONFIG_S_FEATURES_OK && !(v->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    (v->features & ~v->kind->features || !(v->features >> VIRTIO_F_VERSION_1 & 1)))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	v->status = status;
	if (!status) {
		v->ready = false;
		v->features = 0;
		v->interrupt = 0;
		host_irq_raise(FIRST_IRQ + v->n, false);
	}
}

/* --- registers --- */

static u64 set_half(u64 whole, u32 value, bool high)
{
	return high ? (whole & 0xffffffffu) | (u64)value << 32 : (whole & ~0xfffffffful) | value;
}

static struct host_virtio *find(const volatile void *reg, unsigned *offset)
{
	u64 at = (u64)((const volatile u8 *)reg - windows[0]);

	if (at >= device_count * MMIO_SIZE || at % 4)
		host_fail("no device register at %p", (const void *)(uintptr_t)reg);
	*offset = (unsigned)(at % MMIO_SIZE);
	return &devices[at / MMIO_SIZE];
}

static u32 read_register(struct host_virtio *v, unsigned offset)
{
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return 0x74726976;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->kind->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return 0x4e48434c;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return v->feature_sel > 1 ? 0
					  : (u32)(v->kind->features >> 32 * v->feature_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return VQ_MAX;
	case VIRTIO_MMIO_QUEUE_READY:
		return v->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return v->interrupt;
	case VIRTIO_MMIO_STATUS:
		return v->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return 0;
	default:
		if (offset >= VIRTIO_MMIO_CONFIG && v->kind->config)
			return v->kind->config(v, offset - VIRTIO_MMIO_CONFIG);
		return 0;
	}
}

static void write_register(struct host_virtio *v, unsigned offset, u32 value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		v->feature_sel = value;
		return;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		v->driver_sel = value;
		return;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (v->driver_sel < 2)
			v->features = set_half(v->features, value, v->driver_sel);
		return;
	case VIRTIO_MMIO_QUEUE_NUM:
		v->queue_size = value;
		return;
	case VIRTIO_MMIO_QUEUE_READY:
		queue_ready(v, value & 1);
		return;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		v->desc = set_half(v->desc, value, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH);
		return;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		v->avail = set_half(v->avail, value, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH);
		return;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		v->used = set_half(v->used, value, offset == VIRTIO_MMIO_QUEUE_USED_HIGH);
		return;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		doorbell(v);
		return;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		v->interrupt &= ~value;
		if (!v->interrupt)
			host_irq_raise(FIRST_IRQ + v->n, false);
		return;
	case VIRTIO_MMIO_STATUS:
		set_status(v, value);
		return;
	}
}

void *hal_mmio_map(paddr base, size_t size)
{
	u64 at = base.raw - MMIO_PHYS;

	return at + size <= sizeof(windows) ? &windows[at / MMIO_SIZE][at % MMIO_SIZE] : NULL;
}

u32 hal_mmio_read32(const volatile void *reg)
{
	unsigned offset;
	struct host_virtio *v = find(reg, &offset);
	u32 value;

	hal_sim_point(v);
	host_lock();
	value = read_register(v, offset);
	host_unlock();
	return value;
}

void hal_mmio_write32(volatile void *reg, u32 value)
{
	unsigned offset;
	struct host_virtio *v = find(reg, &offset);

	hal_sim_point(v);
	host_lock();
	write_register(v, offset, value);
	host_unlock();
}

void hal_dma_write_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void hal_dma_read_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
