/* tests/sim/program.c */
#include "program.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void full(const char *what)
{
	fprintf(stderr, "program too long: %s\n", what);
	exit(2);
}

u64 prog_data(struct prog *p, const void *bytes, unsigned n)
{
	u64 at;

	p->data_len = (p->data_len + 15) & ~15u;
	if (p->data_len + n > PROG_BYTES)
		full("data");
	at = PROG_DATA + p->data_len;
	memcpy(p->data + p->data_len, bytes, n);
	p->data_len += n;
	return at;
}

u64 prog_string(struct prog *p, const char *s)
{
	return prog_data(p, s, (unsigned)strlen(s) + 1);
}

void prog_emit(struct prog *p, struct host_insn i)
{
	if (p->n == PROG_INSNS)
		full("code");
	p->code[p->n++] = i;
}

/* One time in four the next call finds what it is given absent, and has to wait for it. */
static void prog_forget(struct prog *p)
{
	static const i64 madvise[4] = {PROG_DATA, PROG_BYTES, 4 /* MADV_DONTNEED */, 233};

	RANDOM(p, 28, 4);
	IF(p, 28, EQ, 0) {
		MOVE(p, 28, 0);
		SET(p, 0, madvise[0]);
		SET(p, 1, madvise[1]);
		SET(p, 2, madvise[2]);
		SET(p, 8, madvise[3]);
		EMIT(p, {.op = HOST_OP_SVC});
		MOVE(p, 0, 28);
	}
}

void prog_sys(struct prog *p, unsigned nr, const struct prog_arg *args, unsigned n)
{
	if (p->forgetful)
		prog_forget(p);
	for (unsigned i = 0; i < n; i++)
		if (args[i].is_reg)
			MOVE(p, i, args[i].v);
		else
			SET(p, i, args[i].v);
	for (unsigned i = n; i < 6; i++)
		SET(p, i, 0);
	SET(p, 8, nr);
	EMIT(p, {.op = HOST_OP_SVC});
}

unsigned prog_if(struct prog *p, unsigned reg, enum prog_cond cond, i64 value)
{
	u8 op = cond == EQ ? HOST_OP_IF_NE : cond == NE ? HOST_OP_IF_EQ : HOST_OP_IF_LT;

	if (cond == LT) { /* over a jump */
		EMIT(p, {.op = HOST_OP_IF_LT, .a = (u8)reg, .b = P_NONE, .imm = value, .to = 2});
		EMIT(p, {.op = HOST_OP_GO});
	} else {
		EMIT(p, {.op = op, .a = (u8)reg, .b = P_NONE, .imm = value});
	}
	return p->n - 1;
}

void prog_land(struct prog *p, unsigned jump)
{
	p->code[jump].to = (i32)(p->n - jump);
}

unsigned prog_go(struct prog *p)
{
	EMIT(p, {.op = HOST_OP_GO});
	return p->n - 1;
}

void prog_go_to(struct prog *p, unsigned at)
{
	EMIT(p, {.op = HOST_OP_GO, .to = (i32)at - (i32)p->n});
}

unsigned prog_loop(struct prog *p, unsigned reg, u64 times)
{
	SET(p, reg, times);
	return p->n;
}

void prog_loop_end(struct prog *p, unsigned reg, unsigned top)
{
	ADD(p, reg, reg, -1);
	EMIT(p, {.op = HOST_OP_IF_NE, .a = (u8)reg, .b = P_NONE, .to = (i32)top - (i32)p->n});
}

size_t prog_elf(const struct prog *p, u8 *to)
{
	Elf64_Ehdr head = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC, .e_machine = EM_AARCH64, .e_version = EV_CURRENT,
		.e_entry = PROG_CODE, .e_phoff = sizeof(head), .e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
	};
	size_t code = p->n * sizeof(p->code[0]), data_at = (4096 + code + 4095) & ~4095ul;
	Elf64_Phdr seg[3] = {
		{PT_LOAD, PF_R | PF_X, 4096, PROG_CODE, PROG_CODE, code, code, 4096},
		{PT_LOAD, PF_R, data_at, PROG_DATA, PROG_DATA, p->data_len, p->data_len, 4096},
		{PT_LOAD, PF_R | PF_W, 0, PROG_SPACE, PROG_SPACE, 0, PROG_SPACE_SIZE, 4096},
	};

	memset(to, 0, data_at);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), seg, sizeof(seg));
	memcpy(to + 4096, p->code, code);
	memcpy(to + data_at, p->data, p->data_len);
	return data_at + p->data_len;
}

size_t prog_elf_shared(const struct prog *p, const char *interp, u8 *to)
{
	size_t code = p->n * sizeof(p->code[0]), named = interp ? strlen(interp) + 1 : 0;
	Elf64_Ehdr head = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN, .e_machine = EM_AARCH64, .e_version = EV_CURRENT,
		.e_entry = 4096, .e_phoff = sizeof(head), .e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = interp ? 3 : 2,
	};
	/* Variables that begin in the file and go on for two pages of zeros. */
	Elf64_Phdr seg[3] = {
		{PT_LOAD, PF_R | PF_X, 0, 0, 0, 4096 + code, 4096 + code, 4096},
		{PT_LOAD, PF_R | PF_W, 512, 0x10200, 0x10200, 100, 9000, 4096},
		{PT_INTERP, PF_R, 1024, 1024, 1024, named, named, 1},
	};

	memset(to, 0, 4096);
	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), seg, sizeof(seg));
	if (interp)
		memcpy(to + 1024, interp, named);
	memcpy(to + 4096, p->code, code);
	return 4096 + code;
}

static size_t cpio_one(u8 *to, const char *name, u32 mode, const void *bytes, size_t size, unsigned links)
{
	size_t n = (size_t)sprintf((char *)to,
				   "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1,
				   mode, 0, 0, links ? links : 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0);

	memcpy(to + n, name, strlen(name) + 1);
	n += strlen(name) + 1;
	while (n % 4)
		to[n++] = 0;
	memcpy(to + n, bytes, size);
	n += size;
	while (n % 4)
		to[n++] = 0;
	return n;
}

size_t prog_cpio(const struct prog_file *files, unsigned n, u8 *to)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += cpio_one(to + at, files[i].name, files[i].mode, files[i].bytes, files[i].size, files[i].links);
	at += cpio_one(to + at, "TRAILER!!!", 0, "", 0, 1);
	while (at % 4096)
		to[at++] = 0;
	return at;
}
