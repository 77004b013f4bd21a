/* vfs/pipe_limit.h -- how large pipes may be, and how many pages a user's pipes may hold.
 *
 * Beyond the user's soft limit an ordinary user's new pipes get two pages, and none can grow;
 * beyond the hard one he gets none (pipe(7)).
 *
 * Units    pages.
 * Locking  none needed; nothing here waits.
 */
#ifndef VFS_PIPE_LIMIT_H
#define VFS_PIPE_LIMIT_H

#include "core/cred/cred.h"
#include "core/cred/user_counts.h"

#define PIPE_LIMIT_DEFAULT 16u
#define PIPE_LIMIT_SMALL   2u

extern u32 pipe_limit_bytes;	/* [a] of one pipe, without CAP_SYS_RESOURCE; a power of two */

/* The pages that a new pipe gets, counted; 0: it must not be. */
u32 pipe_limit_new(struct user_counts *user, const struct cred *cred);
/* It has `now` instead: 0 or -EPERM, and then nothing is counted. */
int pipe_limit_change(struct user_counts *user, const struct cred *cred, u64 before, u64 now);

#endif
