/* syscalls/seccomp.h -- what prctl shares with seccomp(2). */
#ifndef SYSCALLS_SECCOMP_H
#define SYSCALLS_SECCOMP_H

#include "coro/co.h"

struct sock_filter;
struct seccomp_filter;

/* The program that the user's struct sock_fprog at `from` names becomes a filter. */
struct seccomp_set_filter {
	struct co_frame co;
	u32 asked;		/* SECCOMP_FILTER_FLAG_* */
	uptr from;
	struct {
		u16 len, pad[3];
		u64 insns;
	} prog;
	size_t size;
	struct sock_filter *insns;
	struct seccomp_filter *filter;
	long err;
};
co_t seccomp_set_filter(struct co *co, struct seccomp_set_filter *f);

#endif
