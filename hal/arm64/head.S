/* hal/arm64/head.S -- from the boot loader to C.
 *
 * Entered with the MMU off, at EL2 or EL1, anywhere in RAM at a multiple of 2 MiB; x0 is the
 * device tree. The image is linked at IMAGE_BASE and nothing is relocated: the page tables
 * map that address to wherever the loader put it.
 */
#include "hal/arm64/offsets.h"

/* Normal write-back, device-nGnRE, normal non-cacheable: HAL_PTE_NORMAL is index 0. */
#define MAIR 0x4404ff
/* 48-bit halves, 4 KiB granule, write-back inner-shareable walks, TBI0; AS and IPS follow. */
#define TCR  (16 | (16 << 16) | (5 << 8) | (5 << 24) | (3 << 12) | (3 << 28) | (2 << 30) | \
	      (1 << 37))
/* Bits that are one in v8.0, with SPAN (bit 23) left out: PAN is set on every entry. */
#define SCTLR_RES1 0x30500800
#define SCTLR_SPAN (1 << 23)
/* M C SA SA0 SED I DZE UCT nTWI nTWE UCI */
#define SCTLR_ON   0x0405d11d
#define EARLY_BLOCK 0x0040000000000701	/* UXN, AF, inner shareable, normal, block */

	.macro	adr_l reg, sym
	adrp	\reg, \sym
	add	\reg, \reg, :lo12:\sym
	.endm

	.macro	mov_q reg, value
	movz	\reg, #:abs_g3:\value
	movk	\reg, #:abs_g2_nc:\value
	movk	\reg, #:abs_g1_nc:\value
	movk	\reg, #:abs_g0_nc:\value
	.endm

	.section .head.text, "ax"
	.global	_start
_start:	b	boot_entry
	.long	0
	.quad	0			/* offset from a 2 MiB boundary */
	.quad	image_size
	.quad	0xa			/* little-endian, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

boot_entry:
	mov	x20, x0
	bl	to_el1

	adr_l	x0, early_tables
	adr_l	x1, early_tables_end
	bl	invalidate
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	/* idmap: the 2 MiB this code runs in, at its physical address. */
	adr_l	x2, _start
	mov_q	x3, EARLY_BLOCK
	adr_l	x4, idmap_l0
	adr_l	x5, idmap_l1
	adr_l	x6, idmap_l2
	orr	x7, x5, #3
	ubfx	x8, x2, #39, #9
	str	x7, [x4, x8, lsl #3]
	orr	x7, x6, #3
	ubfx	x8, x2, #30, #9
	str	x7, [x5, x8, lsl #3]
	orr	x7, x2, x3
	ubfx	x8, x2, #21, #9
	str	x7, [x6, x8, lsl #3]

	/* early: the whole image at IMAGE_BASE; mmu_init replaces it within milliseconds. */
	adr_l	x4, early_l0
	adr_l	x5, early_l1
	adr_l	x6, early_l2
	orr	x7, x5, #3
	str	x7, [x4, #511 * 8]
	orr	x7, x6, #3
	str	x7, [x5, #510 * 8]
	orr	x7, x2, x3
	adr_l	x8, image_end
	sub	x8, x8, x2
	mov	x9, #BLOCK_SIZE
2:	str	x7, [x6], #8
	add	x7, x7, x9
	subs	x8, x8, x9
	b.hi	2b

	adr_l	x0, early_tables
	bl	invalidate
	adr_l	x0, early_l0
	bl	mmu_on
	ldr	x1, =boot_high
	br	x1

/* Forget what the caches hold of [x0, x1): it was written behind their back. Keeps x0, x1. */
invalidate:
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x3, x3, x2
	sub	x4, x3, #1
	bic	x2, x0, x4
1:	dc	ivac, x2
	add	x2, x2, x3
	cmp	x2, x1
	b.lo	1b
	dsb	sy
	ret

/* Where hal_cpu_start sends another CPU; x0 is its struct arm_cpu. */
	.global	secondary_entry
secondary_entry:
	mov	x20, x0
	bl	to_el1
	adr_l	x0, kernel_l0
	bl	mmu_on
	ldr	x1, =secondary_high
	br	x1

/* Go down to EL1 if we are above it; the MMU stays off. */
to_el1:
	mov_q	x9, (SCTLR_RES1 | SCTLR_SPAN)
	mrs	x10, CurrentEL
	cmp	x10, #(2 << 2)
	b.eq	1f
	msr	sctlr_el1, x9
	isb
	ret

1:	mov	x10, #0x80000000	/* EL1 is AArch64; not a VHE host */
	msr	hcr_el2, x10
	isb
	msr	sctlr_el1, x9
	mov	x10, #3			/* EL1 may use both counters and timers */
	msr	cnthctl_el2, x10
	msr	cntvoff_el2, xzr
	mov	x10, #0x33ff		/* no FP trap */
	msr	cptr_el2, x10
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mrs	x10, midr_el1
	msr	vpidr_el2, x10
	mrs	x10, mpidr_el1
	msr	vmpidr_el2, x10

	mrs	x10, id_aa64dfr0_el1
	ubfx	x11, x10, #8, #4	/* a PMU? */
	mov	x10, #0
	cbz	x11, 2f
	cmp	x11, #15
	b.eq	2f
	mrs	x10, pmcr_el0
	ubfx	x10, x10, #11, #5	/* EL1 owns all its counters */
2:	msr	mdcr_el2, x10

	mrs	x10, id_aa64pfr0_el1
	ubfx	x10, x10, #24, #4	/* GICv3 system registers? */
	cbz	x10, 3f
	mrs	x10, S3_4_C12_C9_5	/* ICC_SRE_EL2: SRE, Enable */
	orr	x10, x10, #1
	orr	x10, x10, #8
	msr	S3_4_C12_C9_5, x10
	isb
	msr	S3_4_C12_C11_0, xzr	/* ICH_HCR_EL2 */
3:
	mrs	x10, id_aa64mmfr0_el1
	ubfx	x10, x10, #56, #4	/* fine-grained traps? none wanted */
	cbz	x10, 4f
	msr	S3_4_C1_C1_4, xzr
	msr	S3_4_C1_C1_5, xzr
	msr	S3_4_C1_C1_6, xzr
	msr	S3_4_C3_C1_4, xzr
	msr	S3_4_C3_C1_5, xzr
4:
	mrs	x10, id_aa64mmfr1_el1
	ubfx	x10, x10, #40, #4	/* HCRX_EL2? */
	cbz	x10, 5f
	msr	S3_4_C1_C2_2, xzr
5:
	mov	x10, #0x3c5		/* EL1h, everything masked */
	msr	spsr_el2, x10
	msr	elr_el2, x30
	eret

/* x0: the kernel's root table. Returns, still at the physical address, with the MMU on. */
mmu_on:
	adr_l	x1, idmap_l0
	msr	ttbr0_el1, x1
	msr	ttbr1_el1, x0
	mov_q	x1, MAIR
	msr	mair_el1, x1
	mov_q	x1, TCR
	mrs	x2, id_aa64mmfr0_el1
	and	x3, x2, #7		/* physical address size, at most 48 bits */
	mov	x4, #5
	cmp	x3, x4
	csel	x3, x3, x4, lo
	bfi	x1, x3, #32, #3
	ubfx	x3, x2, #4, #4		/* 16-bit ASIDs */
	lsr	x3, x3, #1
	bfi	x1, x3, #36, #1
	msr	tcr_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	ic	iallu
	dsb	nsh
	isb
	mov_q	x1, (SCTLR_RES1 | SCTLR_ON)
	mrs	x2, id_aa64mmfr1_el1
	ubfx	x2, x2, #20, #4		/* without PAN, SPAN is a one */
	mov	x3, #SCTLR_SPAN
	orr	x3, x3, x1
	cmp	x2, #0
	csel	x1, x3, x1, eq
	msr	sctlr_el1, x1
	isb
	ret

/* x0: the new root table, which maps the same addresses with other block sizes. Nothing may
 * be cached of the old one meanwhile, so this part runs on the idmap. */
mmu_switch_idmap:
	adr_l	x2, empty_l0
	msr	ttbr1_el1, x2
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	msr	ttbr1_el1, x0
	isb
	ret
	.ltorg

	.text
boot_high:
	adr_l	x0, vectors
	msr	vbar_el1, x0
	adr_l	x0, bss_start
	adr_l	x1, bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	adr_l	x0, arm_cpus
	msr	tpidr_el1, x0
	adr_l	x0, stacks + STACK_SIZE		/* CPU 0's, without its guard as yet */
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x20
	bl	boot_early
	mov	sp, x0				/* the same memory, guarded */
	bl	boot_main
	b	user_enter

secondary_high:
	adr_l	x0, vectors
	msr	vbar_el1, x0
	msr	tpidr_el1, x20
	ldr	x0, [x20, #CPU_STACK_TOP]
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x20
	bl	secondary_main
	b	user_enter

/* mmu_switch(root) */
	.global	mmu_switch
mmu_switch:
	mov	x9, x30
	adr_l	x1, mmu_switch_idmap
	adr_l	x2, _start
	sub	x1, x1, x2
	adrp	x2, image_phys
	ldr	x2, [x2, :lo12:image_phys]
	add	x1, x1, x2
	blr	x1
	ret	x9

	.section .early_tables, "aw", %nobits
	.balign	4096
	.global	idmap_l0, empty_l0, early_l2
early_tables:
idmap_l0: .skip	4096
idmap_l1: .skip	4096
idmap_l2: .skip	4096
early_l0: .skip	4096
early_l1: .skip	4096
early_l2: .skip	4096
empty_l0: .skip	4096		/* user space of nobody */
early_tables_end:
