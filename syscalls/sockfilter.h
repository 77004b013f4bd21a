/* syscalls/sockfilter.h -- SO_ATTACH_FILTER, whose value names a program in the user's memory. */
#ifndef SYSCALLS_SOCKFILTER_H
#define SYSCALLS_SOCKFILTER_H

#include "syscalls/program.h"

struct filter;
struct socket;

/* len bytes at `from` are the user's struct sock_fprog: it becomes the socket's filter. */
struct sockfilter_set {
	struct co_frame co;
	struct socket *socket;
	uptr from;
	u32 len;
	struct program prog;
	struct sock_filter *insns;
	struct filter *filter;
	long err;
};
co_t sockfilter_set(struct co *co, struct sockfilter_set *f);

/* The program into room for *len instructions; *len: how many there are. Of no room only that. */
struct sockfilter_get {
	struct co_frame co;
	struct socket *socket;
	uptr to;
	u32 *len;
	struct filter *filter;
	const struct sock_filter *insns;
	u32 count;
	long err;
};
co_t sockfilter_get(struct co *co, struct sockfilter_get *f);

#endif
