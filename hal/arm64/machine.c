/* hal/arm64/machine.c -- the device tree: memory, CPUs, devices, command line.
 *
 * Runs once, before there is a direct map, on libfdt. A tree that lacks something optional
 * gives a smaller machine; one that lacks what we cannot run without names it.
 */
#include <libfdt.h>

#include "core/base/bits.h"
#include "core/base/string.h"
#include "hal/arm64/arm64.h"

RO_AFTER_INIT struct hal_machine hal_machine;
RO_AFTER_INIT struct arm_platform arm_platform;

#define GIC_SPI_FIRST 32
#define GIC_PPI_FIRST 16
#define IRQ_CELLS     3
#define MPIDR_AFFINITY 0xff00fffffful

/* What libfdt's archive expects of a C library. */
unsigned long __stack_chk_guard = 0x5d1c8a3e00f2b947;
[[noreturn]] void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
	hal_halt();
}

/* Only reached for a path with an address in a property we never ask for. */
unsigned long strtoul(const char *restrict s, char **restrict end, int base)
{
	const char *past = s;
	u64 value = 0;

	string_to_u64(s, &past, (unsigned)base, &value);
	if (end)
		*end = (char *)past;
	return value;
}

static u64 cells(const fdt32_t *p, int n)
{
	u64 v = 0;

	while (n-- > 0)
		v = v << 32 | fdt32_to_cpu(*p++);
	return v;
}

/* The node's i-th `reg`; no bus translation: everything we use sits on the root bus. */
static bool reg(const void *dtb, int node, int i, paddr *base, u64 *size)
{
	int parent = fdt_parent_offset(dtb, node);
	int a = fdt_address_cells(dtb, parent), s = fdt_size_cells(dtb, parent), len;
	const fdt32_t *p = fdt_getprop(dtb, node, "reg", &len);

	if (!p || a < 1 || a > 2 || s < 0 || s > 2 || (i + 1) * (a + s) * 4 > len)
		return false;
	p += i * (a + s);
	*base = paddr_of(cells(p, a));
	*size = cells(p + a, s);
	return true;
}

/* The node's i-th interrupt as the GIC numbers it. */
static bool interrupt(const void *dtb, int node, int i, unsigned *irq, bool *edge)
{
	int len;
	const fdt32_t *p = fdt_getprop(dtb, node, "interrupts", &len);

	if (!p || (i + 1) * IRQ_CELLS * 4 > len)
		return false;
	p += i * IRQ_CELLS;
	*irq = fdt32_to_cpu(p[1]) + (fdt32_to_cpu(p[0]) ? GIC_PPI_FIRST : GIC_SPI_FIRST);
	*edge = (fdt32_to_cpu(p[2]) & 3) != 0;
	return true;
}

static int compatible(const void *dtb, int after, const char *what)
{
	return fdt_node_offset_by_compatible(dtb, after, what);
}

static void add_region(struct hal_region *to, unsigned *count, u64 base, u64 end)
{
	if (base >= end || *count == HAL_MAX_REGIONS)
		return;
	to[(*count)++] = (struct hal_region){paddr_of(base), end - base};
}

static void reserve(u64 base, u64 size)
{
	u64 end;

	if (!size || add_overflows(base, size, &end))
		return;
	add_region(hal_machine.reserved, &hal_machine.reserved_count, PAGE_DOWN(base),
		   PAGE_UP(end));
}

static void read_memory(const void *dtb)
{
	for (int node = fdt_node_offset_by_prop_value(dtb, -1, "device_type", "memory", 7);
	     node >= 0;
	     node = fdt_node_offset_by_prop_value(dtb, node, "device_type", "memory", 7)) {
		paddr base;
		u64 size, end;

		for (int i = 0; reg(dtb, node, i, &base, &size); i++)
			if (!add_overflows(base.raw, size, &end) &&
			    end <= DEVICE_BASE - DIRECT_BASE)
				add_region(hal_machine.memory, &hal_machine.memory_count,
					   PAGE_UP(base.raw), PAGE_DOWN(end));
	}
}

static void read_reserved(const void *dtb, paddr dtb_at)
{
	int parent = fdt_path_offset(dtb, "/reserved-memory"), node;
	paddr base;
	u64 size, at;

	reserve(image_phys, (u64)(image_end - image_start));
	hal_machine.dtb = (struct hal_region){dtb_at, fdt_totalsize(dtb)};
	reserve(dtb_at.raw, fdt_totalsize(dtb));
	reserve(hal_machine.initrd.base.raw, hal_machine.initrd.size);
	for (int i = 0; i < fdt_num_mem_rsv(dtb); i++)
		if (!fdt_get_mem_rsv(dtb, i, &at, &size))
			reserve(at, size);
	if (parent >= 0)
		fdt_for_each_subnode(node, dtb, parent)
			for (int i = 0; reg(dtb, node, i, &base, &size); i++)
				reserve(base.raw, size);
}

static bool in_memory(u64 start, u64 end)
{
	for (unsigned i = 0; i < hal_machine.memory_count; i++) {
		const struct hal_region *r = &hal_machine.memory[i];

		if (start >= r->base.raw && start < end && end <= r->base.raw + r->size)
			return true;
	}
	return false;
}

static bool chosen_address(const void *dtb, int node, const char *name, u64 *to)
{
	int len;
	const fdt32_t *p = fdt_getprop(dtb, node, name, &len);

	if (!p || (len != 4 && len != 8))
		return false;
	*to = cells(p, len / 4);
	return true;
}

static void read_chosen(const void *dtb)
{
	int node = fdt_path_offset(dtb, "/chosen"), len;
	const void *p;
	u64 start, end;

	if (node < 0)
		return;
	p = fdt_getprop(dtb, node, "bootargs", &len);
	if (p && len > 0)
		string_copy(hal_machine.cmdline, p,
			    min((size_t)len + 1, sizeof(hal_machine.cmdline)));
	p = fdt_getprop(dtb, node, "rng-seed", &len);
	if (p && len > 0) {
		hal_machine.rng_seed_len = min((unsigned)len, sizeof(hal_machine.rng_seed));
		memcpy(hal_machine.rng_seed, p, hal_machine.rng_seed_len);
	}
	if (chosen_address(dtb, node, "linux,initrd-start", &start) &&
	    chosen_address(dtb, node, "linux,initrd-end", &end) && in_memory(start, end))
		hal_machine.initrd = (struct hal_region){paddr_of(start), end - start};
}

static void read_cpus(const void *dtb)
{
	int cpus = fdt_path_offset(dtb, "/cpus"), node;
	u64 self = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;

	/* We are CPU 0, wherever the tree lists us. */
	arm_platform.cpu_mpidr[0] = self;
	arm_platform.cpu_count = 1;
	if (cpus < 0)
		return;
	fdt_for_each_subnode(node, dtb, cpus) {
		int len, type_len;
		const char *type = fdt_getprop(dtb, node, "device_type", &type_len);
		const fdt32_t *p = fdt_getprop(dtb, node, "reg", &len);

		if (!type || type_len != 4 || memcmp(type, "cpu", 4) || !p || len > 8)
			continue;
		if (cells(p, len / 4) == self || arm_platform.cpu_count == HAL_MAX_CPUS)
			continue;
		arm_platform.cpu_mpidr[arm_platform.cpu_count++] = cells(p, len / 4);
	}
}

static const char *read_gic(const void *dtb)
{
	static const char *const v2[] = {"arm,cortex-a15-gic", "arm,gic-400"};
	struct arm_platform *a = &arm_platform;
	int node = compatible(dtb, -1, "arm,gic-v3"), len;
	const fdt32_t *p;

	if (node >= 0) {
		a->gic_version = 3;
		p = fdt_getprop(dtb, node, "#redistributor-regions", &len);
		a->gicr_count = min(p && len == 4 ? fdt32_to_cpu(*p) : 1u, 4u);
		if (!reg(dtb, node, 0, &a->gicd, &a->gicd_size))
			return "no GIC distributor";
		for (unsigned i = 0; i < a->gicr_count; i++)
			if (!reg(dtb, node, (int)i + 1, &a->gicr[i], &a->gicr_size[i]))
				return "no GIC redistributor";
		return NULL;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(v2) && node < 0; i++)
		node = compatible(dtb, -1, v2[i]);
	if (node < 0)
		return "no interrupt controller that we know";
	a->gic_version = 2;
	if (!reg(dtb, node, 0, &a->gicd, &a->gicd_size) ||
	    !reg(dtb, node, 1, &a->gicc, &a->gicc_size))
		return "no GIC registers";
	return NULL;
}

static const char *read_devices(const void *dtb)
{
	struct arm_platform *a = &arm_platform;
	int node, len;
	const char *method;
	u64 size;
	bool edge;

	node = compatible(dtb, -1, "arm,psci-1.0");
	if (node < 0)
		node = compatible(dtb, -1, "arm,psci-0.2");
	method = node < 0 ? NULL : fdt_getprop(dtb, node, "method", &len);
	a->psci_smc = method && strcmp(method, "smc") == 0;

	node = compatible(dtb, -1, "arm,pl011");
	if (node < 0 || !reg(dtb, node, 0, &a->uart, &size) ||
	    !interrupt(dtb, node, 0, &a->uart_irq, &edge))
		a->uart = paddr_of(0);
	node = compatible(dtb, -1, "arm,pl031");
	if (node < 0 || !reg(dtb, node, 0, &a->rtc, &size))
		a->rtc = paddr_of(0);
	node = compatible(dtb, -1, "arm,armv8-timer");
	/* secure, non-secure, virtual, hypervisor */
	if (node < 0 || !interrupt(dtb, node, 2, &a->timer_irq, &edge))
		return "no architected timer";
	return NULL;
}

/* All transports, by rising address: that is the order of the disks' names. */
static void read_virtio(const void *dtb)
{
	struct hal_machine *m = &hal_machine;

	for (int node = compatible(dtb, -1, "virtio,mmio"); node >= 0;
	     node = compatible(dtb, node, "virtio,mmio")) {
		struct hal_virtio v;
		unsigned i = m->virtio_count;

		if (i == HAL_MAX_VIRTIO || !reg(dtb, node, 0, &v.base, &v.size) ||
		    !interrupt(dtb, node, 0, &v.irq, &v.edge))
			continue;
		for (; i && m->virtio[i - 1].base.raw > v.base.raw; i--)
			m->virtio[i] = m->virtio[i - 1];
		m->virtio[i] = v;
		m->virtio_count++;
	}
}

const char *machine_read(const void *dtb, paddr dtb_at)
{
	const char *error;

	if (fdt_check_header(dtb) || fdt_totalsize(dtb) > BLOCK_SIZE)
		return "no device tree";
	read_memory(dtb);
	read_chosen(dtb);
	read_reserved(dtb, dtb_at);
	read_cpus(dtb);
	read_virtio(dtb);
	error = read_devices(dtb);
	if (!error)
		error = read_gic(dtb);
	if (!hal_machine.memory_count)
		error = "no memory";
	return error;
}
