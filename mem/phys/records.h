/* mem/phys/records.h -- the arrays of page records; for mem/phys only.
 *
 * Locking  made at boot, constant afterwards.
 */
#ifndef PHYS_RECORDS_H
#define PHYS_RECORDS_H

#include "hal/machine.h"
#include "mem/phys/page.h"

/* Debug builds fill freed memory and look at it again when it is handed out. */
#ifdef LICHEN_DEBUG
#define PHYS_POISON 1
#else
#define PHYS_POISON 0
#endif

extern unsigned phys_records_count;

/* Make them out of the boot allocator, every page reserved with one reference. */
void phys_records_make(void);

/* Every cache is gone: a simulation starts its machine anew. */
void slab_forget_all(void);

/* buddy_alloc without the failures a test asks for: the slab counts its own. */
struct page *buddy_alloc_sure(unsigned order, unsigned flags);

#endif
