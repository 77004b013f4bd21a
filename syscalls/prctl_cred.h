/* syscalls/prctl_cred.h -- prctl's options about capabilities and security bits. */
#ifndef SYSCALLS_PRCTL_CRED_H
#define SYSCALLS_PRCTL_CRED_H

#include "coro/task.h"

/* One of PR_{SET,GET}_NO_NEW_PRIVS, PR_CAPBSET_*, PR_{SET,GET}_SECUREBITS,
 * PR_{SET,GET}_KEEPCAPS, PR_CAP_AMBIENT. */
long prctl_cred(struct task *t, int op, u64 a, u64 b, u64 c, u64 d);

#endif
