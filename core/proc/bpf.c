/* core/proc/bpf.c -- classic BPF: checked once, then run without a look at bounds.
 *
 * Jumps only lead forward and the last instruction returns, so a program ends. A word of the
 * scratch memory is read only where every way to it has written it.
 */
#include "core/proc/bpf.h"

#include "core/base/errno.h"
#include "mem/phys/slab.h"

#define DATA_SIZE sizeof(struct seccomp_data)
/* Loads from here on are no loads. */
#define EXTRAS ((u32)SKF_AD_OFF)

/* --- checking --- */

static bool bpf_check_alu(const struct sock_filter *i, enum bpf_kind kind)
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
	case BPF_MOD:
		if (kind == BPF_OF_CALLS)
			return false;
		[[fallthrough]];
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

/* Of packets only. */
static bool bpf_is_packet_load(u16 code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LDX | BPF_B | BPF_MSH:
		return true;
	default:
		return false;
	}
}

static bool bpf_check_load(const struct sock_filter *i, enum bpf_kind kind)
{
	if (kind == BPF_OF_CALLS)
		return i->code == (BPF_LD | BPF_W | BPF_ABS) && i->k < DATA_SIZE && !(i->k & 3);
	return BPF_CLASS(i->code) != BPF_LD || BPF_MODE(i->code) != BPF_ABS || i->k < EXTRAS ||
	       (i->k - EXTRAS < SKF_AD_MAX && !(i->k & 3));
}

/* `left`: instructions behind this one. */
static bool bpf_check_one(const struct sock_filter *i, u32 left, enum bpf_kind kind)
{
	if (bpf_is_packet_load(i->code))
		return bpf_check_load(i, kind);
	switch (i->code) {
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
		return bpf_check_alu(i, kind);
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

int bpf_check(const struct sock_filter *insns, u32 len, enum bpf_kind kind)
{
	u16 *masks;
	bool good;

	for (u32 n = 0; n < len; n++)
		if (!bpf_check_one(&insns[n], len - n - 1, kind))
			return -EINVAL;
	if (BPF_CLASS(insns[len - 1].code) != BPF_RET)
		return -EINVAL;
	masks = kmalloc(len * sizeof(*masks));
	if (!masks)
		return -ENOMEM;
	good = bpf_check_memory(insns, len, masks);
	kfree(masks);
	return good ? 0 : -EINVAL;
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
	case BPF_MOD:
		return a % b;
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

/* What a load of a packet gives, into A or (MSH) X; false: it is not there. */
static bool bpf_load(const struct sock_filter *i, struct bpf_packet *p, u32 *a, u32 *x)
{
	u8 bytes[4];
	u32 n = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1, value = 0;
	bool indirect = BPF_MODE(i->code) == BPF_IND;

	if (BPF_MODE(i->code) == BPF_ABS && i->k >= EXTRAS)
		return p->extra(p, i->k - EXTRAS, *a, *x, a);
	if (!p->load(p, i->k + (indirect ? *x : 0), n, bytes))
		return false;
	for (u32 at = 0; at < n; at++)
		value = value << 8 | bytes[at];
	if (BPF_MODE(i->code) == BPF_MSH)
		*x = (value & 15) * 4;
	else
		*a = value;
	return true;
}

/* One of the two is there. */
static inline u32 bpf_run(const struct sock_filter *insns, const struct seccomp_data *data,
			  struct bpf_packet *packet)
{
	u32 a = 0, x = 0, mem[BPF_MEMWORDS] = {0}, b, len = packet ? packet->len : DATA_SIZE;

	for (const struct sock_filter *i = insns;; i++) {
		b = BPF_SRC(i->code) == BPF_X ? x : i->k;
		switch (i->code) {
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_RET | BPF_A:
			return a;
		case BPF_LD | BPF_W | BPF_ABS:
			if (!data)
				break;
			a = ((const u32 *)data)[i->k / sizeof(u32)];
			continue;
		case BPF_LD | BPF_W | BPF_LEN:
			a = len;
			continue;
		case BPF_LDX | BPF_W | BPF_LEN:
			x = len;
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
		if (BPF_CLASS(i->code) != BPF_ALU) {
			if (!bpf_load(i, packet, &a, &x))
				return 0;
			continue;
		}
		if ((BPF_OP(i->code) == BPF_DIV || BPF_OP(i->code) == BPF_MOD) && !b)
			return 0;
		a = bpf_alu(BPF_OP(i->code), a, b);
	}
}

u32 bpf_run_call(const struct sock_filter *insns, const struct seccomp_data *data)
{
	return bpf_run(insns, data, NULL);
}

u32 bpf_run_packet(const struct sock_filter *insns, struct bpf_packet *packet)
{
	return bpf_run(insns, NULL, packet);
}
