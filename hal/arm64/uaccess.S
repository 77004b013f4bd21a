/* hal/arm64/uaccess.S -- the loops that touch user memory; uaccess.c checks the ranges.
 *
 * Each returns how many bytes it moved. A fault in a loop of words continues in its loop of
 * bytes from the last whole block, so the count is exact; a fault there is the end.
 */

	/* A fault in [from, to) continues at fix. */
	.macro	fixup from, to, fix
	.pushsection .extable, "a"
	.balign	4
	.long	\from - .
	.long	\to - .
	.long	\fix - .
	.popsection
	.endm

	.text
/* size_t user_load(void *to, u64 from, size_t n) */
	.global	user_load
user_load:
	mov	x9, x2
	subs	x2, x2, #32
	b.lo	2f
1:	ldtr	x3, [x1]
	ldtr	x4, [x1, #8]
	ldtr	x5, [x1, #16]
	ldtr	x6, [x1, #24]
11:	add	x1, x1, #32
	stp	x3, x4, [x0]
	stp	x5, x6, [x0, #16]
	add	x0, x0, #32
	subs	x2, x2, #32
	b.hs	1b
2:	add	x2, x2, #32
	subs	x2, x2, #8
	b.lo	4f
3:	ldtr	x3, [x1]
33:	add	x1, x1, #8
	str	x3, [x0], #8
	subs	x2, x2, #8
	b.hs	3b
4:	add	x2, x2, #8
5:	cbz	x2, 6f
51:	ldtrb	w3, [x1]
55:	add	x1, x1, #1
	strb	w3, [x0], #1
	sub	x2, x2, #1
	cbnz	x2, 51b
6:	sub	x0, x9, x2
	ret
7:	add	x2, x2, #32
	b	5b
	fixup	1b, 11b, 7b
	fixup	3b, 33b, 4b
	fixup	51b, 55b, 6b

/* size_t user_store(u64 to, const void *from, size_t n) */
	.global	user_store
user_store:
	mov	x9, x2
	subs	x2, x2, #32
	b.lo	2f
1:	ldp	x3, x4, [x1]
	ldp	x5, x6, [x1, #16]
10:	sttr	x3, [x0]
	sttr	x4, [x0, #8]
	sttr	x5, [x0, #16]
	sttr	x6, [x0, #24]
11:	add	x1, x1, #32
	add	x0, x0, #32
	subs	x2, x2, #32
	b.hs	1b
2:	add	x2, x2, #32
	subs	x2, x2, #8
	b.lo	4f
3:	ldr	x3, [x1]
30:	sttr	x3, [x0]
33:	add	x1, x1, #8
	add	x0, x0, #8
	subs	x2, x2, #8
	b.hs	3b
4:	add	x2, x2, #8
5:	cbz	x2, 6f
50:	ldrb	w3, [x1]
51:	sttrb	w3, [x0]
55:	add	x1, x1, #1
	add	x0, x0, #1
	sub	x2, x2, #1
	cbnz	x2, 50b
6:	sub	x0, x9, x2
	ret
7:	add	x2, x2, #32
	b	5b
	fixup	10b, 11b, 7b
	fixup	30b, 33b, 4b
	fixup	51b, 55b, 6b

/* size_t user_zero(u64 to, size_t n) */
	.global	user_zero
user_zero:
	mov	x9, x1
	subs	x1, x1, #32
	b.lo	2f
1:	sttr	xzr, [x0]
	sttr	xzr, [x0, #8]
	sttr	xzr, [x0, #16]
	sttr	xzr, [x0, #24]
11:	add	x0, x0, #32
	subs	x1, x1, #32
	b.hs	1b
2:	add	x1, x1, #32
3:	cbz	x1, 6f
51:	sttrb	wzr, [x0]
55:	add	x0, x0, #1
	sub	x1, x1, #1
	cbnz	x1, 51b
6:	sub	x0, x9, x1
	ret
	fixup	1b, 11b, 2b
	fixup	51b, 55b, 6b

/* i64 user_string(char *to, u64 from, size_t n): as hal_string_from_user. Aligned words
 * first: they cannot reach into a page that the string does not. */
	.global	user_string
user_string:
	mov	x9, x1
	add	x10, x1, x2
	mov	x11, #0x0101010101010101
	mov	x12, #0x7f7f7f7f7f7f7f7f
1:	cmp	x1, x10
	b.eq	8f
	tst	x1, #7
	b.eq	3f
2:	ldtrb	w3, [x1]
22:	strb	w3, [x0], #1
	cbz	w3, 7f
	add	x1, x1, #1
	b	1b
3:	sub	x4, x10, x1
	cbz	x4, 8f
	cmp	x4, #8
	b.lo	2b
4:	ldtr	x3, [x1]
44:	sub	x5, x3, x11
	orr	x6, x3, x12
	bics	xzr, x5, x6		/* a zero byte? */
	b.ne	2b
	str	x3, [x0], #8
	add	x1, x1, #8
	b	3b
7:	sub	x0, x1, x9
	ret
8:	mov	x0, x2
	ret
9:	sub	x0, x9, x1		/* -1 - (at - from) */
	sub	x0, x0, #1
	ret
	fixup	2b, 22b, 9b
	fixup	4b, 44b, 9b

/* bool user_load32(u32 *to, u64 from), bool user_store32(u64 to, u32 value) */
	.global	user_load32, user_store32
user_load32:
1:	ldtr	w2, [x1]
11:	str	w2, [x0]
	mov	w0, #1
	ret
user_store32:
2:	sttr	w1, [x0]
22:	mov	w0, #1
	ret
3:	mov	w0, #0
	ret
	fixup	1b, 11b, 3b
	fixup	2b, 22b, 3b
