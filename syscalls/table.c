/* syscalls/table.c -- every system call there is, by family.
 *
 * P: plain form only; A: awaitable only; B: both, the plain one tries first.
 */
#include <asm/unistd.h>

#include "syscalls/syscall.h"

#define CALLS(P, A, B)

#define DECLARE_P(n) long plain_##n(struct task *t, const u64 *a);
#define DECLARE_A(n) co_t begin_##n(struct co *co, const u64 *a);
#define DECLARE_B(n) DECLARE_P(n) DECLARE_A(n)
CALLS(DECLARE_P, DECLARE_A, DECLARE_B)

#define ENTRY_P(n) [__NR_##n] = {#n, plain_##n, NULL},
#define ENTRY_A(n) [__NR_##n] = {#n, NULL, begin_##n},
#define ENTRY_B(n) [__NR_##n] = {#n, plain_##n, begin_##n},
const struct syscall syscall_table[SYSCALL_MAX] = {CALLS(ENTRY_P, ENTRY_A, ENTRY_B)};
