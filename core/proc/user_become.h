/* core/proc/user_become.h -- who becomes somebody in another user namespace: clone, unshare, setns.
 *
 * Ownership  what is made is the caller's, to publish (user_become_go) or to drop.
 * Locking    none held; nothing here waits.
 */
#ifndef PROC_USER_BECOME_H
#define PROC_USER_BECOME_H

#include "core/cred/cred.h"

/* May one without privileges make them? [a] */
extern u32 user_become_unprivileged;

/* The current task's credentials with all capabilities in a new user namespace: 0, -EPERM, -ENOSPC,
 * -ENOMEM. */
int user_become_new(struct cred **to);
/* The same in one that there is: 0, -EINVAL, -EPERM, -ENOMEM. */
int user_become(struct user_ns *ns, struct cred **to);
/* They are the current task's from now on; the reference is taken over. */
void user_become_go(struct cred *new);

#endif
