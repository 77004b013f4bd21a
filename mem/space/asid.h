/* mem/space/asid.h -- the tags by which the TLB tells spaces apart; for mem/space only. */
#ifndef SPACE_ASID_H
#define SPACE_ASID_H

#include "hal/types.h"

void asid_init(void);
u16 asid_get(void);	/* 0: all are in use */
void asid_put(u16 asid); /* forgets its translations */

#endif
