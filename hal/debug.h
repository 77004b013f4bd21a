/* hal/debug.h -- a thread's hardware breakpoints and watchpoints.
 *
 * They are in the machine while the thread is in user mode, and only there: hal_user_load puts
 * them in if hal_user.debugged says that there are any.
 *
 * Ownership  the table is the upper layers', which hand it out through hal_upcalls.debug.
 */
#ifndef HAL_DEBUG_H
#define HAL_DEBUG_H

#include "hal/types.h"

#define HAL_DEBUG_SLOTS 16	/* the most any machine has, of either kind */

struct hal_debug {
	struct {
		u64 addr;
		u32 ctrl;	/* as in DBGBCR_EL1, DBGWCR_EL1; bit 0: in use */
	} breaks[HAL_DEBUG_SLOTS], watches[HAL_DEBUG_SLOTS];
};

struct hal_debug_info {
	u8 arch;		/* the debug architecture's number */
	u8 breaks, watches;	/* slots of each kind; 0: the machine has none */
};
struct hal_debug_info hal_debug_info(void);

#endif
