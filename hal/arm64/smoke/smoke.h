/* hal/arm64/smoke/smoke.h -- what the test kernel, its user spaces and the program share. */
#ifndef SMOKE_H
#define SMOKE_H

/* The program's addresses. */
#define AT_CODE	    0x400000
#define AT_DATA	    0x500000
#define AT_RODATA   0x501000
#define AT_HOLE	    0x502000	/* nothing there, nor right below */
#define AT_STRADDLE 0x504000	/* a page before a hole */
#define AT_MOVING   0x508000	/* replaced under the program's feet */
#define AT_STACK    0x600000	/* its end */
#define AT_VDSO	    0x800000

/* The program's system calls. */
#define CALL_NULL   0
#define CALL_CHECK  1	/* x0 must equal x1; x2 says where */
#define CALL_EXPECT 2	/* the next fault: kind x0, address x1, access x2 */
#define CALL_YIELD  3	/* to the CPU's other context */
#define CALL_UACCESS 4	/* the kernel tries its user copies */
#define CALL_TIMER  5	/* interrupt me soon; x19 will be 1 */
#define CALL_REMAP  6	/* AT_MOVING becomes another page */
#define CALL_STEP   7	/* single-step me; x20 counts to 3 */
#define CALL_TIME   8	/* x0, x1: seconds and nanoseconds from the vDSO */
#define CALL_DONE   9
#define CALL_BENCH  10	/* x0: how many null calls; x1: counter ticks they took */

#ifndef __ASSEMBLER__
#include "hal/memory.h"

struct space {
	unsigned tables_used;
	u64 tables[8][HAL_PT_ENTRIES] __attribute__((aligned(4096)));
	u8 data[PAGE_SIZE] __attribute__((aligned(4096)));
	u8 rodata[PAGE_SIZE] __attribute__((aligned(4096)));
	u8 straddle[PAGE_SIZE] __attribute__((aligned(4096)));
	u8 moving[2][PAGE_SIZE] __attribute__((aligned(4096)));
	u8 stack[PAGE_SIZE] __attribute__((aligned(4096)));
};

/* Build the program's space; its root is tables[0]. */
void space_init(struct space *s);
/* The level 3 entry for va. */
u64 *space_entry(struct space *s, u64 va);
void space_map(struct space *s, u64 va, paddr to, u64 prot);
/* The vDSO's function of that name, in this space. */
u64 space_vdso(const char *name);

#define SPACE_RW (HAL_PTE_PXN | HAL_PTE_UXN)
#define SPACE_RO (HAL_PTE_PXN | HAL_PTE_UXN | HAL_PTE_RDONLY)
#define SPACE_RX (HAL_PTE_PXN | HAL_PTE_RDONLY)
#endif

#endif
