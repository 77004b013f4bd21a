/* hal/arm64/vdso/sigreturn.S -- where a signal handler returns to.
 *
 * Debuggers know the two instructions; unwinders go by the annotation: the handler was
 * called with x29 at a frame record that holds the interrupted x29 and x30.
 */
	.text
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa x29, 0
	.cfi_offset x29, 0
	.cfi_offset x30, 8
	/* An unwinder looks up the return address minus one, which must be in here too. */
	nop
	.global	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #139	/* __NR_rt_sigreturn */
	svc	#0
	.cfi_endproc
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
