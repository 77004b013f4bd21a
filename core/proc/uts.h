/* core/proc/uts.h -- what uname says, and the names an administrator may change: of each namespace
 * its own. A process is in one.
 *
 * Ownership  uts_get/uts_put. The first is never freed.
 * Locking    its own; none waits.
 */
#ifndef PROC_UTS_H
#define PROC_UTS_H

#include "core/base/atomic.h"
#include "core/base/string.h"
#include "core/cred/user_ns.h"

#define UTS_SYSNAME "Linux"
#define UTS_RELEASE "6.12.0-lichen"
#define UTS_VERSION "#1 SMP Lichen"
#define UTS_MACHINE "aarch64"
#define UTS_MAX	    64	/* bytes of a name, without its NUL */

enum uts_name { UTS_HOSTNAME, UTS_DOMAINNAME, UTS_NAMES };

struct uts {
	refcount refs;				/* [a] */
	u64 id;					/* [I] 1: the first */
	struct user_ns *users;			/* [I] owned: who may change it */
	char names[UTS_NAMES][UTS_MAX + 1];	/* under uts.c's lock */
};

struct uts *uts_first(void);
void uts_get(struct uts *uts);
void uts_put(struct uts *uts);
/* A copy that belongs to `users` instead of *uts, whose reference is the copy's; false without
 * memory. */
bool uts_renew(struct uts **uts, struct user_ns *users);
/* May the current task change its own? */
bool uts_may_set(void);

/* Of the current process. to[UTS_MAX + 1], terminated; its length. */
size_t uts_read(enum uts_name which, char *to);
/* -EINVAL if it is too long. Permission is the caller's business. */
int uts_set(enum uts_name which, const char *name, size_t len);

#endif
