/* hal/memory.h -- physical memory, address spaces and the TLB.
 *
 * The kernel reaches all RAM through a direct map. User page tables have the arm64 format
 * in every provider (4 KiB granule, 48-bit, 4 levels); mem/space builds them with plain
 * stores and tells the HAL what changed.
 *
 * Locking  the caller owns the tables it edits. Flushes reach all CPUs before returning.
 */
#ifndef HAL_MEMORY_H
#define HAL_MEMORY_H

#include "hal/cpu.h" /* a provider may define some of these inline in hal_inline.h */

/* Direct map. The address must lie in hal_machine.memory. The way back also takes addresses
 * in the kernel's image and on its stacks. */
void *hal_phys_to_virt(paddr p);
paddr hal_virt_to_phys(const void *v);

/* Descriptor bits of a user leaf entry (level 3) and of a table entry. */
#define HAL_PTE_VALID	  (1ul << 0)
#define HAL_PTE_TABLE	  (3ul << 0)	/* table at levels 0-2 */
#define HAL_PTE_PAGE	  (3ul << 0)	/* page at level 3 */
#define HAL_PTE_NORMAL	  (0ul << 2)	/* MAIR index 0: write-back memory */
#define HAL_PTE_USER	  (1ul << 6)	/* AP[1]: EL0 may access */
#define HAL_PTE_RDONLY	  (1ul << 7)	/* AP[2] */
#define HAL_PTE_SHARED	  (3ul << 8)	/* inner shareable */
#define HAL_PTE_ACCESSED  (1ul << 10)	/* AF; without it an access faults */
#define HAL_PTE_NONGLOBAL (1ul << 11)
#define HAL_PTE_PXN	  (1ul << 53)	/* no kernel execution; set on every user page */
#define HAL_PTE_UXN	  (1ul << 54)
#define HAL_PTE_SW0	  (1ul << 55)	/* 55-58 are software's */
#define HAL_PTE_SW1	  (1ul << 56)
#define HAL_PTE_SW2	  (1ul << 57)
#define HAL_PTE_ADDR	  0x0000fffffffff000ul

#define HAL_USER_END   (1ul << 48)	/* first address past user space */
#define HAL_PT_LEVELS  4
#define HAL_PT_ENTRIES 512

/* A user space in one word: its root table and ASID. asid 0 with hal_space_empty() is nobody's. */
static inline u64 hal_space_token(paddr root, u16 asid)
{
	return root.raw | (u64)asid << 48;
}

/* Load it. */
void hal_space_load(u64 token);
paddr hal_space_empty(void);
/* ASIDs usable: 1 .. hal_asid_max(). */
unsigned hal_asid_max(void);

/* Make earlier stores to page tables visible to the walkers of all CPUs. Enough after
 * filling an entry that was invalid; anything else is break-before-make: store 0, flush,
 * store the new entry, publish. */
void hal_pt_publish(void);

/* Forget translations, on all CPUs, and wait until it is so. */
void hal_tlb_flush_page(u16 asid, u64 va);
void hal_tlb_flush_range(u16 asid, u64 va, u64 size);	/* may flush the whole ASID */
void hal_tlb_flush_asid(u16 asid);

/* Fill a page of the direct map with zeros, by whatever is fastest. */
void hal_zero_page(void *page);

/* The instruction cache sees what was stored at [p, p+size). */
void hal_icache_sync(const void *p, size_t size);

/* Device registers: mapped for ever, device-nGnRE. NULL if there is no room, or if RAM is
 * there. Mapping a place again gives the same address. */
void *hal_mmio_map(paddr base, size_t size);
u32 hal_mmio_read32(const volatile void *reg);
void hal_mmio_write32(volatile void *reg, u32 value);
/* Order memory that a device reads or writes against register accesses. */
void hal_dma_write_barrier(void);	/* stores before, then the doorbell */
void hal_dma_read_barrier(void);	/* device's index read, then its data */

/* Protect kernel sections once boot-only work is done: W^X already holds from the start;
 * this makes .rodata-after-init read-only and frees nothing. */
void hal_memory_seal(void);

#endif
