/* core/proc/bpf.h -- classic BPF: programs that say what becomes of a system call (seccomp) or of a
 * packet (filters of sockets).
 *
 * A program is checked once and then run without a look at bounds, but for those of a packet,
 * whose length differs. What the two kinds may do is told apart by the check alone.
 *
 * Locking  none; nothing here waits. A run is at most BPF_MAXINSNS steps.
 */
#ifndef PROC_BPF_H
#define PROC_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "hal/types.h"

/* What a program for packets looks at. The functions say false for what is not there, and the
 * program is over with 0. */
struct bpf_packet {
	u32 len;
	/* n bytes (at most 4) at `at`, which may also be SKF_NET_OFF or SKF_LL_OFF and more. */
	bool (*load)(struct bpf_packet *p, u32 at, u32 n, u8 *to);
	/* SKF_AD_*, `what`, given both registers. */
	bool (*extra)(struct bpf_packet *p, u32 what, u32 a, u32 x, u32 *to);
};

enum bpf_kind { BPF_OF_CALLS, BPF_OF_PACKETS };

/* Is this a program of its kind that ends? 0, -EINVAL or -ENOMEM. len is at least 1. */
int bpf_check(const struct sock_filter *insns, u32 len, enum bpf_kind kind);
/* What a checked one returns. */
u32 bpf_run_call(const struct sock_filter *insns, const struct seccomp_data *data);
u32 bpf_run_packet(const struct sock_filter *insns, struct bpf_packet *packet);

#endif
