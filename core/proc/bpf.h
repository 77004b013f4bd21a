/* core/proc/bpf.h -- classic BPF programs over struct seccomp_data. */
#ifndef PROC_BPF_H
#define PROC_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "hal/types.h"

/* Is this a program that ends, with what it loads in bounds, as a filter of calls may be? */
bool bpf_check(const struct sock_filter *insns, u32 len);
/* What a checked one returns. */
u32 bpf_run(const struct sock_filter *insns, const struct seccomp_data *data);

#endif
