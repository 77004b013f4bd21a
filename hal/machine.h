/* hal/machine.h -- what firmware told us: memory, devices, command line.
 *
 * Ownership  filled by the HAL before hal_upcalls.boot; constant afterwards.
 */
#ifndef HAL_MACHINE_H
#define HAL_MACHINE_H

#include "hal/types.h"

#define HAL_MAX_REGIONS 16
#define HAL_MAX_VIRTIO	64

struct hal_region {
	paddr base;
	u64 size;	/* bytes */
};

struct hal_virtio {
	paddr base;
	u64 size;	/* bytes */
	unsigned irq;
	bool edge;
};

struct hal_machine {
	struct hal_region memory[HAL_MAX_REGIONS];
	unsigned memory_count;
	/* Inside memory but taken: the kernel image, the device tree, the initrd, firmware. */
	struct hal_region reserved[HAL_MAX_REGIONS];
	unsigned reserved_count;
	struct hal_region initrd;	/* size 0 if there is none */
	struct hal_region dtb;		/* size 0 if there is none */
	struct hal_virtio virtio[HAL_MAX_VIRTIO];
	unsigned virtio_count;
	char cmdline[2048];
	u8 rng_seed[64];		/* from firmware; all zero if it gave none */
	unsigned rng_seed_len;
	const char *cpu_name;		/* for /proc/cpuinfo */
	u64 hwcap, hwcap2;		/* AT_HWCAP: only what the kernel supports */
	u64 midr;
	bool cpu_has_pan;
};

extern struct hal_machine hal_machine;

#endif
