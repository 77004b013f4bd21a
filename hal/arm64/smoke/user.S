/* hal/arm64/smoke/user.S -- the program of the smoke test, one page at AT_CODE.
 * x28: AT_DATA; x27: the vDSO's clock_gettime; x26: this CPU's number. */
#include "smoke.h"
	.arch_extension fp
	.arch_extension simd

	.macro	call n
	mov	x8, #\n
	svc	#0
	.endm

	.macro	check value, want, where
	mov	x0, \value
	mov	x1, \want
	mov	x2, #\where
	call	CALL_CHECK
	.endm

	/* kinds and accesses of hal/trap.h */
	.macro	expect kind, addr, access
	mov	x0, #\kind
	mov	x1, \addr
	mov	x2, #\access
	call	CALL_EXPECT
	.endm

	.section .rodata.user, "a"
	.balign	4096
	.global	user_start, user_end
user_start:
	/* all registers survive a call */
	mov	x9, #0x1234
	mov	x30, #77
	mov	x17, #17
	call	CALL_NULL
	check	x9, #0x1234, 1
	check	x30, #77, 2
	check	x17, #17, 3

	/* what a program may read and do */
	mrs	x9, cntvct_el0
	mrs	x9, cntfrq_el0
	mrs	x9, ctr_el0
	mrs	x9, dczid_el0
	mrs	x9, midr_el1		/* trapped and answered */
	mrs	x9, id_aa64isar0_el1
	dc	zva, x28
	dc	cvau, x28
	ic	ivau, x28
	dsb	ish
	isb
	str	x9, [x28]
	mov	x10, #0x5a00000000000000	/* a tag in the address is ignored */
	orr	x10, x10, x28
	ldr	x10, [x10]
	check	x9, x10, 4

	/* FP registers and TLS are each context's own */
	mov	x9, #0x1111
	msr	tpidr_el0, x9
	dup	v0.2d, x9
	dup	v31.2d, x9
	mov	x10, #0x400000		/* rounding mode in FPCR */
	msr	fpcr, x10
	call	CALL_YIELD
	mrs	x0, tpidr_el0
	mov	x1, #0x1111
	mov	x2, #5
	call	CALL_CHECK
	umov	x0, v0.d[1]
	mov	x1, #0x1111
	mov	x2, #6
	call	CALL_CHECK
	umov	x0, v31.d[1]
	mov	x1, #0x1111
	mov	x2, #7
	call	CALL_CHECK
	mrs	x0, fpcr
	mov	x1, #0x400000
	mov	x2, #8
	call	CALL_CHECK
	msr	fpcr, xzr

	/* faults: kind, address, access */
	ldr	x9, =AT_HOLE
	expect	0, x9, 1
	ldr	x0, [x9]
	expect	0, x9, 2
	str	x0, [x9]
	ldr	x9, =AT_RODATA
	expect	0, x9, 2
	str	x0, [x9]
	expect	0, x28, 4
	adr	x30, 1f
	br	x28			/* not executable */
1:	adr	x9, user_start
	add	x9, x9, #2
	expect	1, x9, 0
	adr	x30, 2f
	br	x9			/* misaligned */
2:	mov	x9, #0xffff000000000000	/* the kernel */
	expect	0, x9, 1
	ldr	x0, [x9]
	expect	3, xzr, 0
	.inst	0			/* undefined */
	expect	3, xzr, 0
	mrs	x0, sctlr_el1
	expect	3, xzr, 0
	hvc	#0
	expect	4, xzr, 0
	brk	#7

	/* the kernel's user copies, in this space */
	call	CALL_UACCESS

	/* an interrupt in a loop */
	mov	x19, #0
	call	CALL_TIMER
3:	cbz	x19, 3b

	/* a translation that is replaced is forgotten */
	ldr	x9, =AT_MOVING
	ldrb	w0, [x9]
	mov	x1, #0x11
	mov	x2, #9
	call	CALL_CHECK
	call	CALL_REMAP
	ldrb	w0, [x9]
	mov	x1, #0x22
	mov	x2, #10
	call	CALL_CHECK

	/* three instructions, one by one */
	mov	x20, #0
	call	CALL_STEP
	nop
	nop
	nop
	check	x20, #3, 11

	/* time without a call, twice: the kernel compares it with its own */
	mov	x21, #2
4:	mov	x0, #1			/* CLOCK_MONOTONIC */
	mov	x1, x28
	blr	x27
	mov	x1, #0
	mov	x2, #12
	call	CALL_CHECK
	ldp	x0, x1, [x28]
	call	CALL_TIME
	subs	x21, x21, #1
	b.ne	4b

	/* what a null call costs */
	mov	x22, #1000
	mov	x23, x22
	isb
	mrs	x24, cntvct_el0
	mov	x8, #CALL_NULL
5:	svc	#0
	subs	x22, x22, #1
	b.ne	5b
	isb
	mrs	x25, cntvct_el0
	mov	x0, x23
	sub	x1, x25, x24
	call	CALL_BENCH
	call	CALL_DONE
	b	.

	/* the other context, entered by the first yield */
	.global	user_other
user_other:
	mov	x9, #0x2222
	msr	tpidr_el0, x9
	dup	v0.2d, x9
	dup	v31.2d, x9
	msr	fpcr, xzr
	call	CALL_YIELD
	b	.
	.ltorg
user_end:
