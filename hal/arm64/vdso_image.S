/* hal/arm64/vdso_image.S -- the linked vDSO, padded to whole pages. */
	.section .rodata.vdso, "a"
	.balign	4096
	.global	vdso_image, vdso_image_end
vdso_image:
	.incbin	VDSO_FILE
	.balign	4096
vdso_image_end:
