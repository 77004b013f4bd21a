/* core/proc/bpf.c -- classic BPF: checked once, then run without a look at bounds.
 *
 * Jumps only lead forward and the last instruction returns, so a program ends. A word of the
 * scratch memory is read only where every way to it has written it.
 */
#include "core/proc/bpf.h"

#include "core/base/errno.h"
#include "mem/phys/slab.h"

#define DATA_SIZE sizeof(struct seccomp_data)

/* --- checking --- */

static bool bpf_check_alu(const struct sock_filter *i)
{
	bool constant = BPF_SRC(i->code) == BPF_K;

	switch (BPF_OP(i->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return true;
	case BPF_DIV:
		return !constant || i->k;
	case BPF_LSH:
	case BPF_RSH:
		return !constant || i->k < 32;
	case BPF_NEG:
		return constant;
	default:
		return false;
	}
}

static bool bpf_check_jump(const struct sock_filter *i, u32 left)
{
	if (BPF_OP(i->code) == BPF_JA)
		return i->code == (BPF_JMP | BPF_JA) && i->k < left;
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		return i->jt < left && i->jf < left;
	default:
		return false;
	}
}

/* `left`: instructions behind this one. */
static bool bpf_check_one(const struct sock_filter *i, u32 left)
{
	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return i->k < DATA_SIZE && !(i->k & 3);
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_MEMWORDS;
	default:
		break;
	}
	if (i->code & ~(0xf0 | BPF_X | 7))
		return false;
	if (BPF_CLASS(i->code) == BPF_ALU)
		return bpf_check_alu(i);
	return BPF_CLASS(i->code) == BPF_JMP && bpf_check_jump(i, left);
}

/* masks[n]: words that are written on every way to instruction n. */
static bool bpf_check_memory(const struct sock_filter *insns, u32 len, u16 *masks)
{
	u16 valid = 0;

	for (u32 n = 0; n < len; n++)
		masks[n] = UINT16_MAX;
	for (u32 n = 0; n < len; n++) {
		const struct sock_filter *i = &insns[n];

		valid &= masks[n];
		switch (i->code) {
		case BPF_ST:
		case BPF_STX:
			valid |= (u16)(1u << i->k);
			break;
		case BPF_LD | BPF_MEM:
		case BPF_LDX | BPF_MEM:
			if (!(valid >> i->k & 1))
				return false;
			break;
		case BPF_JMP | BPF_JA:
			masks[n + 1 + i->k] &= valid;
			valid = UINT16_MAX;
			break;
		default:
			if (BPF_CLASS(i->code) != BPF_JMP)
				break;
			masks[n + 1 + i->jt] &= valid;
			masks[n + 1 + i->jf] &= valid;
			valid = UINT16_MAX;
		}
	}
	return true;
}

bool bpf_check(const struct sock_filter *insns, u32 len)
{
	u16 *masks;
	bool good;

	for (u32 n = 0; n < len; n++)
		if (!bpf_check_one(&insns[n], len - n - 1))
			return false;
	if (BPF_CLASS(insns[len - 1].code) != BPF_RET)
		return false;
	masks = kmalloc(len * sizeof(*masks));
	good = masks && bpf_check_memory(insns, len, masks);
	kfree(masks);
	return good;
}

/* --- running --- */

static u32 bpf_alu(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	default:
		return -a;
	}
}

static bool bpf_holds(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return a & b;
	}
}

u32 bpf_run(const struct sock_filter *insns, const struct seccomp_data *data)
{
	u32 a = 0, x = 0, mem[BPF_MEMWORDS] = {0}, b;

	for (const struct sock_filter *i = insns;; i++) {
		b = BPF_SRC(i->code) == BPF_X ? x : i->k;
		switch (i->code) {
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_RET | BPF_A:
			return a;
		case BPF_LD | BPF_W | BPF_ABS:
			a = ((const u32 *)data)[i->k / sizeof(u32)];
			continue;
		case BPF_LD | BPF_W | BPF_LEN:
			a = DATA_SIZE;
			continue;
		case BPF_LDX | BPF_W | BPF_LEN:
			x = DATA_SIZE;
			continue;
		case BPF_LD | BPF_IMM:
			a = i->k;
			continue;
		case BPF_LDX | BPF_IMM:
			x = i->k;
			continue;
		case BPF_LD | BPF_MEM:
			a = mem[i->k];
			continue;
		case BPF_LDX | BPF_MEM:
			x = mem[i->k];
			continue;
		case BPF_ST:
			mem[i->k] = a;
			continue;
		case BPF_STX:
			mem[i->k] = x;
			continue;
		case BPF_MISC | BPF_TAX:
			x = a;
			continue;
		case BPF_MISC | BPF_TXA:
			a = x;
			continue;
		case BPF_JMP | BPF_JA:
			i += i->k;
			continue;
		default:
			break;
		}
		if (BPF_CLASS(i->code) == BPF_JMP) {
			i += bpf_holds(BPF_OP(i->code), a, b) ? i->jt : i->jf;
			continue;
		}
		/* As Linux has it, the program is over with 0. */
		if (i->code == (BPF_ALU | BPF_DIV | BPF_X) && !x)
			return 0;
		a = bpf_alu(BPF_OP(i->code), a, b);
	}
}
