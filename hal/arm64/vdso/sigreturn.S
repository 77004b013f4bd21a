/* hal/arm64/vdso/sigreturn.S -- where a signal handler returns to.
 *
 * Debuggers and unwinders know the two instructions and find the interrupted registers in the
 * signal frame. So there is no annotation here: it could tell them of x29 and x30 only, and what
 * was interrupted may be a function whose frame is found by its stack pointer.
 */
	.text
	/* An unwinder looks up the return address minus one, which must be nobody's. */
	nop
	.global	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #139	/* __NR_rt_sigreturn */
	svc	#0
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
