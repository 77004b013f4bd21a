/* syscalls/seccomp.h -- what prctl and ptrace share with seccomp(2). */
#ifndef SYSCALLS_SECCOMP_H
#define SYSCALLS_SECCOMP_H

#include <linux/ptrace.h>

#include "syscalls/program.h"

struct thread;
struct sock_filter;
struct seccomp_filter;

/* The program that the user's struct sock_fprog at `from` names becomes a filter. */
struct seccomp_set_filter {
	struct co_frame co;
	u32 asked;		/* SECCOMP_FILTER_FLAG_* */
	uptr from;
	struct program prog;
	struct sock_filter *insns;
	struct seccomp_filter *filter;
	long err;
};
co_t seccomp_set_filter(struct co *co, struct seccomp_set_filter *f);

/* PTRACE_SECCOMP_GET_FILTER: the program of the addr-th filter of a traced thread, if data is not
 * NULL; its length. */
struct seccomp_get_filter {
	struct co_frame co;
	struct thread *child;
	u64 addr;
	uptr data;
	struct seccomp_filter *filter;
	const struct sock_filter *insns;
	u32 len;
	long err;
};
co_t seccomp_get_filter(struct co *co, struct seccomp_get_filter *f);

/* PTRACE_SECCOMP_GET_METADATA: addr bytes at data. */
struct seccomp_get_metadata {
	struct co_frame co;
	struct thread *child;
	u64 addr;
	uptr data;
	struct seccomp_metadata what;
	struct seccomp_filter *filter;
	u64 size;
	long err;
};
co_t seccomp_get_metadata(struct co *co, struct seccomp_get_metadata *f);

#endif
