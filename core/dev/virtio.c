/* core/dev/virtio.c -- see virtio.h. */
#include "core/dev/virtio.h"

#include <linux/virtio_mmio.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/dev/virtio_blk.h"
#include "core/dev/virtio_rng.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

#define VIRTIO_MAGIC 0x74726976u	/* "virt" */

static const struct virtio_driver *const drivers[] = {&virtio_blk_driver, &virtio_rng_driver};

/* Two pages: descriptors and available ring, then the used ring at a page boundary, as the
 * legacy transport wants it. */
#define RING_ORDER     1
#define RING_USED_AT   PAGE_SIZE
#define RING_AVAIL_END(size) ((size) * sizeof(struct vring_desc) + 6 + 2 * (size))
static_assert(RING_AVAIL_END(VIRTQ_MAX_SIZE) <= PAGE_SIZE);
static_assert(6 + VIRTQ_MAX_SIZE * sizeof(struct vring_used_elem) <= PAGE_SIZE);

static u32 reg_read(const struct virtio_device *dev, unsigned reg)
{
	return hal_mmio_read32((u8 *)dev->regs + reg);
}

static void reg_write(struct virtio_device *dev, unsigned reg, u32 value)
{
	hal_mmio_write32((u8 *)dev->regs + reg, value);
}

static void reg_write64(struct virtio_device *dev, unsigned low, u64 value)
{
	reg_write(dev, low, (u32)value);
	reg_write(dev, low + 4, (u32)(value >> 32));
}

static void status_add(struct virtio_device *dev, u32 bits)
{
	reg_write(dev, VIRTIO_MMIO_STATUS, reg_read(dev, VIRTIO_MMIO_STATUS) | bits);
}

u32 virtio_config32(struct virtio_device *dev, unsigned offset)
{
	return reg_read(dev, VIRTIO_MMIO_CONFIG + offset);
}

u64 virtio_config64(struct virtio_device *dev, unsigned offset)
{
	u64 value = 0;
	u32 before, after;

	/* The generation changes under a device that resizes; legacy ones have none. A few
	 * tries are enough for a device that is sane. */
	for (int tries = 0; tries < 16; tries++) {
		before = dev->version == 1 ? 0 : reg_read(dev, VIRTIO_MMIO_CONFIG_GENERATION);
		value = virtio_config32(dev, offset);
		value |= (u64)virtio_config32(dev, offset + 4) << 32;
		after = dev->version == 1 ? 0 : reg_read(dev, VIRTIO_MMIO_CONFIG_GENERATION);
		if (before == after)
			break;
	}
	return value;
}

/* --- queues --- */

static void virtq_publish(struct virtq *q, paddr base)
{
	struct virtio_device *dev = q->dev;
	u64 at = base.raw;

	reg_write(dev, VIRTIO_MMIO_QUEUE_NUM, q->size);
	if (dev->version == 1) {
		reg_write(dev, VIRTIO_MMIO_QUEUE_ALIGN, PAGE_SIZE);
		reg_write(dev, VIRTIO_MMIO_QUEUE_PFN, (u32)(at >> PAGE_SHIFT));
		return;
	}
	reg_write64(dev, VIRTIO_MMIO_QUEUE_DESC_LOW, at);
	reg_write64(dev, VIRTIO_MMIO_QUEUE_AVAIL_LOW, at + q->size * sizeof(struct vring_desc));
	reg_write64(dev, VIRTIO_MMIO_QUEUE_USED_LOW, at + RING_USED_AT);
	reg_write(dev, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* In a legacy ring the used part must follow at the next page, whatever the size. */
int virtq_init(struct virtq *q, struct virtio_device *dev, unsigned number, unsigned size)
{
	struct page *memory;
	u8 *base;
	u32 most;

	reg_write(dev, VIRTIO_MMIO_QUEUE_SEL, number);
	most = reg_read(dev, VIRTIO_MMIO_QUEUE_NUM_MAX);
	size = min(size, most);
	size = min(size, (unsigned)VIRTQ_MAX_SIZE);
	if (size < 2)
		return -ENODEV;
	memory = buddy_alloc(RING_ORDER, BUDDY_ZERO);
	if (!memory)
		return -ENOMEM;
	base = phys_page_data(memory);
	*q = (struct virtq){.dev = dev, .number = (u16)number};
	q->size = (u16)(1u << bits_log2(size));
	q->desc = (struct vring_desc *)base;
	q->avail = (struct vring_avail *)(base + q->size * sizeof(struct vring_desc));
	q->used = (struct vring_used *)(base + RING_USED_AT);
	q->free_count = q->size;
	for (unsigned i = 0; i < q->size; i++)
		q->next[i] = (u16)(i + 1);
	virtq_publish(q, phys_page_addr(memory));
	return 0;
}

/* Put the table itself into the ring. */
static u16 virtq_add_chain(struct virtq *q, const struct vring_desc *table, unsigned n)
{
	u16 head = q->free, at = head;

	for (unsigned i = 0; i < n; i++) {
		q->desc[at] = table[i];
		q->desc[at].next = q->next[at];
		if (i + 1 < n)
			at = q->next[at];
	}
	q->free = q->next[at];
	q->chain[head] = (u16)n;
	return head;
}

static u16 virtq_add_indirect(struct virtq *q, const struct vring_desc *table, unsigned n)
{
	u16 head = q->free;

	q->desc[head] = (struct vring_desc){
		.addr = hal_virt_to_phys(table).raw,
		.len = (u32)(n * sizeof(*table)),
		.flags = VRING_DESC_F_INDIRECT,
	};
	q->free = q->next[head];
	q->chain[head] = 1;
	return head;
}

int virtq_add(struct virtq *q, const struct vring_desc *table, unsigned n, void *token)
{
	bool indirect = n > 1 && virtio_has(q->dev, VIRTIO_RING_F_INDIRECT_DESC);
	unsigned need = indirect ? 1 : n;
	u16 head;

	if (q->dev->broken)
		return -EIO;
	if (need > q->free_count)
		return -EAGAIN;
	head = indirect ? virtq_add_indirect(q, table, n) : virtq_add_chain(q, table, n);
	q->free_count -= need;
	q->token[head] = token;
	q->avail->ring[q->avail_index % q->size] = head;
	hal_dma_write_barrier();
	q->avail_index++;
	__atomic_store_n(&q->avail->idx, q->avail_index, __ATOMIC_RELAXED);
	return 0;
}

void virtq_kick(struct virtq *q)
{
	if (q->dev->broken)
		return;
	/* The index before the flag is looked at and before the doorbell. */
	hal_dma_write_barrier();
	atomic_fence();
	if (__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY)
		return;
	reg_write(q->dev, VIRTIO_MMIO_QUEUE_NOTIFY, q->number);
}

/* Give the chain at `head` back to the free list. */
static void virtq_release(struct virtq *q, u16 head)
{
	u16 last = head;

	for (unsigned i = 1; i < q->chain[head]; i++)
		last = q->next[last];
	q->next[last] = q->free;
	q->free = head;
	q->free_count += q->chain[head];
	q->token[head] = NULL;
}

void *virtq_take(struct virtq *q, u32 *len)
{
	u16 index = __atomic_load_n(&q->used->idx, __ATOMIC_RELAXED);
	struct vring_used_elem e;
	void *token;

	if (q->dev->broken || index == q->used_index)
		return NULL;
	hal_dma_read_barrier();
	if ((u16)(index - q->used_index) > q->size) {
		virtio_break(q->dev, "used index out of range");
		return NULL;
	}
	e.id = __atomic_load_n(&q->used->ring[q->used_index % q->size].id, __ATOMIC_RELAXED);
	e.len = __atomic_load_n(&q->used->ring[q->used_index % q->size].len, __ATOMIC_RELAXED);
	if (e.id >= q->size || !q->token[e.id]) {
		virtio_break(q->dev, "used ring names nothing in flight");
		return NULL;
	}
	q->used_index++;
	token = q->token[e.id];
	virtq_release(q, (u16)e.id);
	*len = e.len;
	return token;
}

/* --- devices --- */

void virtio_break(struct virtio_device *dev, const char *why)
{
	if (dev->broken)
		return;
	dev->broken = true;
	log_err("virtio: %s %u is broken: %s", dev->driver->name, dev->index, why);
	reg_write(dev, VIRTIO_MMIO_STATUS, 0);
}

void virtio_start(struct virtio_device *dev)
{
	status_add(dev, VIRTIO_CONFIG_S_DRIVER_OK);
}

static void virtio_interrupt(void *arg)
{
	struct virtio_device *dev = arg;
	u32 why = reg_read(dev, VIRTIO_MMIO_INTERRUPT_STATUS);

	if (!why)
		return;
	reg_write(dev, VIRTIO_MMIO_INTERRUPT_ACK, why);
	if (why & VIRTIO_MMIO_INT_VRING)
		dev->driver->interrupt(dev);
}

static int virtio_negotiate(struct virtio_device *dev)
{
	u64 wanted = dev->driver->features | 1ul << VIRTIO_RING_F_INDIRECT_DESC;
	u64 offered;

	reg_write(dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	offered = reg_read(dev, VIRTIO_MMIO_DEVICE_FEATURES);
	if (dev->version == 1) {
		dev->features = offered & wanted & UINT32_MAX;
		reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
		reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES, (u32)dev->features);
		reg_write(dev, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
		return 0;
	}
	reg_write(dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	offered |= (u64)reg_read(dev, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	if (!(offered >> VIRTIO_F_VERSION_1 & 1))
		return -ENODEV;
	dev->features = offered & (wanted | 1ul << VIRTIO_F_VERSION_1);
	for (unsigned half = 0; half < 2; half++) {
		reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(dev->features >> 32 * half));
	}
	status_add(dev, VIRTIO_CONFIG_S_FEATURES_OK);
	if (!(reg_read(dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK))
		return -ENODEV;
	return 0;
}

/* Bring one device up for its driver. */
static int virtio_probe(struct virtio_device *dev, const struct hal_virtio *where)
{
	int err;

	reg_write(dev, VIRTIO_MMIO_STATUS, 0);
	status_add(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	status_add(dev, VIRTIO_CONFIG_S_DRIVER);
	err = virtio_negotiate(dev);
	if (!err)
		err = hal_irq_register(where->irq, where->edge, dev->name, virtio_interrupt, dev);
	if (!err)
		err = dev->driver->probe(dev);
	if (err) {
		dev->broken = true;
		status_add(dev, VIRTIO_CONFIG_S_FAILED);
	}
	return err;
}

static const struct virtio_driver *virtio_find_driver(u32 id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++)
		if (drivers[i]->id == id)
			return drivers[i];
	return NULL;
}

/* What stands at one place: nothing (device id 0) is the usual. */
static void virtio_look(const struct hal_virtio *where, unsigned counts[])
{
	static unsigned found;
	const struct virtio_driver *driver;
	struct virtio_device *dev, look = {0};
	u32 id;
	int err;

	look.regs = hal_mmio_map(where->base, where->size);
	if (!look.regs || reg_read(&look, VIRTIO_MMIO_MAGIC_VALUE) != VIRTIO_MAGIC)
		return;
	look.version = reg_read(&look, VIRTIO_MMIO_VERSION);
	id = reg_read(&look, VIRTIO_MMIO_DEVICE_ID);
	driver = virtio_find_driver(id);
	if (!driver || (look.version != 1 && look.version != 2))
		return;
	dev = kzalloc(sizeof(*dev));
	if (!dev) {
		log_err("virtio: no memory for the %s at %lx", driver->name,
			(unsigned long)where->base.raw);
		return;
	}
	*dev = look;
	dev->driver = driver;
	dev->index = counts[id]++;
	format(dev->name, sizeof(dev->name), "virtio%u", found++);
	/* Never freed: its interrupt may be registered. */
	err = virtio_probe(dev, where);
	if (err)
		log_err("virtio: %s %u at %lx does not start: error %d", driver->name, dev->index,
			(unsigned long)where->base.raw, -err);
}

void virtio_init(void)
{
	u8 order[HAL_MAX_VIRTIO];
	unsigned counts[64] = {0};
	unsigned n = min(hal_machine.virtio_count, (unsigned)HAL_MAX_VIRTIO);

	for (unsigned i = 0; i < n; i++) {
		unsigned at = i;

		for (; at && hal_machine.virtio[order[at - 1]].base.raw >
				     hal_machine.virtio[i].base.raw; at--)
			order[at] = order[at - 1];
		order[at] = (u8)i;
	}
	for (unsigned i = 0; i < n; i++)
		virtio_look(&hal_machine.virtio[order[i]], counts);
}
