/* hal/arm64/vectors.S -- exceptions, and the way to user mode.
 *
 * In user mode SP_EL1 points to the running struct hal_user, so the registers go straight
 * into it and only then is this CPU's stack taken, from its top. In the kernel interrupts
 * stay masked (hal_irq_window polls for them), so the only exceptions expected there are
 * faults of the user copies.
 */
#include "hal/arm64/offsets.h"

	.macro	adr_l reg, sym
	adrp	\reg, \sym
	add	\reg, \reg, :lo12:\sym
	.endm

	.macro	store_x0_to_x29
	stp	x0, x1, [sp, #0]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	.endm

	.macro	load_x0_to_x29
	ldp	x0, x1, [sp, #0]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	.endm

	/* sp: the hal_user. Afterwards x20 = it, as C's HAL_ENTRY wants; x1 = this CPU's stack
	 * top, x2 = the up-call for system calls. */
	.macro	leave_user
	store_x0_to_x29
	mrs	x21, sp_el0
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	stp	x30, x21, [sp, #USER_X30]
	stp	x22, x23, [sp, #USER_PC]
	mov	x20, sp
	mrs	x1, tpidr_el1
	ldp	x1, x2, [x1, #CPU_STACK_TOP]
	.endm

	/* Make room for a hal_user on the kernel stack. Where the stack pointer is not good
	 * for that, there is only one register to find out with. */
	.macro	enter_again to
	sub	sp, sp, #USER_SIZE
	msr	tpidrro_el0, x0
	mrs	x0, tpidr_el1
	ldr	x0, [x0, #CPU_STACK_BOTTOM]
	sub	x0, sp, x0
	cmp	x0, #STACK_SIZE
	b.hs	kernel_bad_stack
	b	\to
	.endm

	.macro	slot
	.balign	128
	.endm

	.text
	.balign	2048
	.global	vectors
vectors:
	/* EL1 with SP_EL0: never used */
	slot
	enter_again kernel_unexpected
	slot
	enter_again kernel_unexpected
	slot
	enter_again kernel_unexpected
	slot
	enter_again kernel_unexpected
	/* EL1 */
	slot
	enter_again kernel_sync
	slot
	enter_again kernel_unexpected
	slot
	enter_again kernel_unexpected
	slot
	enter_again kernel_unexpected
	/* EL0, AArch64 */
	slot
	leave_user
	mrs	x21, esr_el1
	mov	sp, x1
	ubfx	x3, x21, #26, #6
	cmp	x3, #ESR_EC_SVC
	b.ne	user_fault
	blr	x2
	b	user_enter
	slot
	leave_user
	b	user_interrupt
	slot
	leave_user
	b	user_unexpected
	slot
	leave_user
	b	user_unexpected
	/* EL0, AArch32: there is no way there */
	slot
	leave_user
	b	user_unexpected
	slot
	leave_user
	b	user_unexpected
	slot
	leave_user
	b	user_unexpected
	slot
	leave_user
	b	user_unexpected

user_fault:
	mrs	x22, far_el1
	mov	x29, xzr
	mov	x30, xzr
	bl	trap_user
	b	user_enter

user_interrupt:
	mov	sp, x1
	mov	x29, xzr
	mov	x30, xzr
	bl	irq_take
	adrp	x1, hal_upcalls
	ldr	x1, [x1, :lo12:hal_upcalls + UPCALL_INTERRUPTED]
	blr	x1

/* user_enter(u): does not return. */
	.global	user_enter
user_enter:
	mov	sp, x0
	ldp	x22, x23, [sp, #USER_PC]
	ldp	x30, x21, [sp, #USER_X30]
	msr	sp_el0, x21
	msr	elr_el1, x22
	msr	spsr_el1, x23
	load_x0_to_x29
	eret

user_unexpected:
	mov	sp, x1
	mov	x0, x20
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_unexpected

	/* Registers of the kernel, into the hal_user at sp; x0 waits in TPIDRRO_EL0. */
	.macro	store_kernel
	mrs	x0, tpidrro_el0
	store_x0_to_x29
	msr	tpidrro_el0, xzr
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	stp	x22, x23, [sp, #USER_PC]
	.endm

kernel_sync:
	store_kernel
	add	x21, sp, #USER_SIZE
	stp	x30, x21, [sp, #USER_X30]
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_kernel
	ldp	x22, x23, [sp, #USER_PC]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	ldr	x30, [sp, #USER_X30]
	load_x0_to_x29
	add	sp, sp, #USER_SIZE
	eret

kernel_unexpected:
	store_kernel
	add	x21, sp, #USER_SIZE
	stp	x30, x21, [sp, #USER_X30]
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_unexpected

/* The end is near, so user registers may be lost: SP_EL0 carries the old stack pointer. */
kernel_bad_stack:
	add	sp, sp, #USER_SIZE
	mov	x0, sp
	msr	sp_el0, x0
	mrs	x0, tpidr_el1
	ldr	x0, [x0, #CPU_EMERGENCY_TOP]
	sub	sp, x0, #USER_SIZE
	store_kernel
	mrs	x21, sp_el0
	stp	x30, x21, [sp, #USER_X30]
	mov	x0, sp
	mrs	x1, esr_el1
	mrs	x2, far_el1
	bl	trap_overflow
