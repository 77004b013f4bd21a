/* core/proc/uts.h -- what uname says, and the names an administrator may change.
 *
 * Locking  its own; none waits.
 */
#ifndef PROC_UTS_H
#define PROC_UTS_H

#include "core/base/string.h"

#define UTS_SYSNAME "Linux"
#define UTS_RELEASE "6.12.0-lichen"
#define UTS_VERSION "#1 SMP Lichen"
#define UTS_MACHINE "aarch64"
#define UTS_MAX	    64	/* bytes of a name, without its NUL */

enum uts_name { UTS_HOSTNAME, UTS_DOMAINNAME };

/* to[UTS_MAX + 1], terminated; its length. */
size_t uts_get(enum uts_name which, char *to);
/* -EINVAL if it is too long. Permission is the caller's business. */
int uts_set(enum uts_name which, const char *name, size_t len);

#endif
