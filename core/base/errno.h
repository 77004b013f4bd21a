/* core/base/errno.h -- error numbers: the ABI's, and those that never reach user space.
 *
 * Functions return 0 or a positive result, or a negative errno.
 */
#ifndef BASE_ERRNO_H
#define BASE_ERRNO_H

#include <linux/errno.h>

/* How an interrupted call is restarted; user_return turns them into a restart or -EINTR.
 * Source: Linux include/linux/errno.h (not exported to the UAPI). */
#define ERESTARTSYS	      512 /* restart if the handler has SA_RESTART */
#define ERESTARTNOINTR	      513 /* always restart */
#define ERESTARTNOHAND	      514 /* restart only if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall */

#endif
