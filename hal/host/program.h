/* hal/host/program.h -- programs for simulated user mode.
 *
 * A program is a table of instructions of 16 bytes. They are fetched through the modelled TLB
 * like everything user mode touches, so a program in a file can be exec'ed, forked and paged
 * in; for a task without memory they may also lie at HOST_ROM. Registers are those of
 * hal_user; the program counter is pc, and a system call leaves pc past its instruction
 * (an entry at 4 bytes before that runs it again, as restarted calls want).
 *
 * Units  `to` counts instructions, relative to this one.
 */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include "hal/types.h"

#define HOST_ROM 0xffff00000000ul

enum host_op {
	HOST_OP_ILLEGAL = 0,	/* also what zeroed memory holds */
	HOST_OP_SET,		/* x[d] = imm */
	HOST_OP_ADD,		/* x[d] = x[a] + x[b] + imm; register 31 reads as 0 */
	HOST_OP_SUB,		/* x[d] = x[a] - x[b] */
	HOST_OP_MUL,		/* x[d] = x[a] * imm */
	HOST_OP_HERE,		/* x[d] = address of the instruction `to` */
	HOST_OP_SP,		/* x[d] = sp + imm */
	HOST_OP_SET_SP,		/* sp = x[a] + imm */
	HOST_OP_LOAD,		/* x[d] = memory of b bytes at x[a] + imm */
	HOST_OP_STORE,		/* memory of b bytes at x[a] + imm = x[d] */
	HOST_OP_GO,
	HOST_OP_IF_EQ,		/* if x[a] == x[b] + imm go to */
	HOST_OP_IF_NE,
	HOST_OP_IF_LT,		/* signed */
	HOST_OP_CALL,		/* x30 = next; go to */
	HOST_OP_RETURN,		/* pc = x30 */
	HOST_OP_SVC,
	HOST_OP_BREAK,
	HOST_OP_RANDOM,		/* x[d] = 0 .. imm-1, from the seed */
	HOST_OP_SPIN,		/* imm ns pass */
	HOST_OP_FP_SET,		/* low half of v[d] = x[a] */
	HOST_OP_FP_GET,		/* x[d] = low half of v[a] */
	HOST_OP_TLS_SET,	/* tls = x[a] */
	HOST_OP_TLS_GET,	/* x[d] = tls */
	HOST_OP_EXPECT,		/* the run fails unless x[a] == x[b] + imm; `to` names the line */
	HOST_OP_EXPECT_LT,	/* ... x[a] < x[b] + imm, signed */
	HOST_OP_HOOK,		/* host_config.hook(imm) is called */
	HOST_OP_OFF,		/* the run ends well */
};

struct host_insn {
	u8 op, d, a, b;
	i32 to;
	i64 imm;
};

#define P_NONE 31
#define P_SET(d_, v)	    {.op = HOST_OP_SET, .d = (d_), .imm = (i64)(v)}
#define P_MOVE(d_, a_)	    {.op = HOST_OP_ADD, .d = (d_), .a = (a_), .b = P_NONE}
#define P_ADD(d_, a_, v)    {.op = HOST_OP_ADD, .d = (d_), .a = (a_), .b = P_NONE, .imm = (v)}
#define P_SUM(d_, a_, b_)   {.op = HOST_OP_ADD, .d = (d_), .a = (a_), .b = (b_)}
#define P_LOAD(n, d_, a_, o) {.op = HOST_OP_LOAD, .d = (d_), .a = (a_), .b = (n), .imm = (o)}
#define P_STORE(n, d_, a_, o) {.op = HOST_OP_STORE, .d = (d_), .a = (a_), .b = (n), .imm = (o)}
#define P_GO(t)		    {.op = HOST_OP_GO, .to = (t)}
#define P_IF(a_, cond, v, t) \
	{.op = HOST_OP_IF_##cond, .a = (a_), .b = P_NONE, .imm = (v), .to = (t)}
#define P_SYS(nr)	    {.op = HOST_OP_SET, .d = 8, .imm = (nr)}, {.op = HOST_OP_SVC}
#define P_EXPECT(a_, v)	    \
	{.op = HOST_OP_EXPECT, .a = (a_), .b = P_NONE, .imm = (i64)(v), .to = __LINE__}
#define P_EXPECT_LT(a_, v)  \
	{.op = HOST_OP_EXPECT_LT, .a = (a_), .b = P_NONE, .imm = (i64)(v), .to = __LINE__}
#define P_RANDOM(d_, n)	    {.op = HOST_OP_RANDOM, .d = (d_), .imm = (n)}
#define P_HERE(d_, t)	    {.op = HOST_OP_HERE, .d = (d_), .to = (t)}
#define P_OFF		    {.op = HOST_OP_OFF}

#endif
