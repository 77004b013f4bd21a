/* tests/sim/program.h -- writing programs for simulated user mode, and packing them as the
 * /init of an initial file system.
 *
 * Each call appends instructions. Registers 0-8 are a system call's; 19-27 are for the
 * program's own values; 28 is the builder's.
 */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H

#include "hal/host/program.h"

#define PROG_CODE  0x300000ul
#define PROG_DATA  0x500000ul	/* strings and tables, read-only */
#define PROG_SPACE 0x600000ul	/* 256 KiB of zeros to begin with */
#define PROG_SPACE_SIZE 0x40000ul
#define PROG_INSNS 131072
#define PROG_BYTES 98304

struct prog {
	struct host_insn code[PROG_INSNS];
	unsigned n;
	bool forgetful;		/* before some calls its data is not in memory */
	u8 data[PROG_BYTES];
	unsigned data_len;
};

/* An argument: a value or what a register holds. */
struct prog_arg {
	bool is_reg;
	u64 v;
};
#define I(value) {false, (u64)(value)}
#define R(reg)	 {true, (reg)}

u64 prog_data(struct prog *p, const void *bytes, unsigned n);
u64 prog_string(struct prog *p, const char *s);
void prog_emit(struct prog *p, struct host_insn i);
#define EMIT(p, ...) prog_emit((p), (struct host_insn)__VA_ARGS__)

void prog_sys(struct prog *p, unsigned nr, const struct prog_arg *args, unsigned n);
#define SYS(p, nr, ...)                                                           \
	prog_sys((p), (nr), (const struct prog_arg[]){__VA_ARGS__},               \
		 sizeof((const struct prog_arg[]){__VA_ARGS__}) / sizeof(struct prog_arg))

/* Jump over what follows unless x[reg] COND value; land() ends it. */
enum prog_cond { EQ, NE, LT, GE };
unsigned prog_if(struct prog *p, unsigned reg, enum prog_cond cond, i64 value);
void prog_land(struct prog *p, unsigned jump);
unsigned prog_go(struct prog *p);	/* a jump to land() later */
void prog_go_to(struct prog *p, unsigned at);
#define IF(p, reg, cond, value)                                                   \
	for (unsigned j_ = prog_if((p), (reg), (cond), (value)), once_ = 1; once_; \
	     once_ = 0, prog_land((p), j_))
/* Repeat `times` times, counting down in x[reg]. */
#define LOOP(p, reg, times)                                                       \
	for (unsigned top_ = prog_loop((p), (reg), (times)), once_ = 1; once_;    \
	     once_ = 0, prog_loop_end((p), (reg), top_))
unsigned prog_loop(struct prog *p, unsigned reg, u64 times);
void prog_loop_end(struct prog *p, unsigned reg, unsigned top);

#define EXPECT(p, reg, value) \
	EMIT(p, {.op = HOST_OP_EXPECT, .a = (reg), .b = P_NONE, .imm = (i64)(value), .to = __LINE__})
#define EXPECT_REG(p, reg, other) \
	EMIT(p, {.op = HOST_OP_EXPECT, .a = (reg), .b = (other), .to = __LINE__})
#define EXPECT_ABOVE(p, reg, value) \
	EMIT(p, {.op = HOST_OP_EXPECT_LT, .a = P_NONE, .b = (reg), .imm = -(value), .to = __LINE__})
/* Not an error number. */
#define EXPECT_OK(p, reg)                                                         \
	do {                                                                      \
		EMIT(p, {.op = HOST_OP_EXPECT_LT, .a = P_NONE, .b = (reg), .imm = 1, \
			 .to = __LINE__});                                        \
	} while (0)
#define MOVE(p, d_, a_) EMIT(p, {.op = HOST_OP_ADD, .d = (d_), .a = (a_), .b = P_NONE})
#define SET(p, d_, v_)	EMIT(p, {.op = HOST_OP_SET, .d = (d_), .imm = (i64)(v_)})
#define ADD(p, d_, a_, v_) EMIT(p, {.op = HOST_OP_ADD, .d = (d_), .a = (a_), .b = P_NONE, .imm = (i64)(v_)})
#define LOAD(p, n_, d_, a_, o_) EMIT(p, {.op = HOST_OP_LOAD, .d = (d_), .a = (a_), .b = (n_), .imm = (i64)(o_)})
#define STORE(p, n_, d_, a_, o_) EMIT(p, {.op = HOST_OP_STORE, .d = (d_), .a = (a_), .b = (n_), .imm = (i64)(o_)})
#define P_OFF_NOW(p) EMIT(p, {.op = HOST_OP_OFF})
#define RANDOM(p, d_, n_) EMIT(p, {.op = HOST_OP_RANDOM, .d = (d_), .imm = (i64)(n_)})

/* The program as an ELF executable; its size. `to` has room for PROG_IMAGE bytes. */
#define PROG_IMAGE (PROG_INSNS * 16 + PROG_BYTES + 8192)
size_t prog_elf(const struct prog *p, u8 *to);

/* The same as a shared object, without data: a program if interp is given, else an interpreter. */
size_t prog_elf_shared(const struct prog *p, const char *interp, u8 *to);

/* A cpio archive (newc) with these files, padded to a page. */
struct prog_file {
	const char *name;	/* no leading slash */
	u32 mode;		/* with S_IF* */
	const void *bytes;
	size_t size;
	unsigned links;		/* 0: one; those with more are names of one file */
};
size_t prog_cpio(const struct prog_file *files, unsigned n, u8 *to);

#endif
