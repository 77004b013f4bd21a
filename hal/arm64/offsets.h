/* hal/arm64/offsets.h -- numbers that assembly and C share; trap.c asserts them. */
#ifndef ARM64_OFFSETS_H
#define ARM64_OFFSETS_H

/* struct hal_user */
#define USER_X30    240
#define USER_SP	    248
#define USER_PC	    256
#define USER_PSTATE 264
#define USER_SIZE   816

/* struct arm_cpu */
#define CPU_STACK_TOP	  48
#define CPU_SYSCALL	  56
#define CPU_STACK_BOTTOM  64
#define CPU_EMERGENCY_TOP 72

/* struct hal_upcalls */
#define UPCALL_INTERRUPTED 32

/* Each CPU's stack ends at a multiple of STACK_SLOT; the rest of its slot is never mapped. */
#define STACK_SIZE 0x4000
#define STACK_SLOT 0x10000

/* The kernel's half of the address space: all RAM, devices at DEVICE_BASE + physical, the
 * stacks, the image. */
#define DIRECT_BASE 0xffff000000000000
#define DEVICE_BASE 0xffff800000000000
#define DEVICE_END  0xffffc00000000000
#define STACK_BASE  0xffffffff40000000
#define IMAGE_BASE  0xffffffff80000000
#define BLOCK_SIZE  0x200000
/* Two early blocks through which CPU 0 reads the device tree before there is a direct map. */
#define EARLY_DTB_INDEX 508
#define EARLY_DTB_BASE	(IMAGE_BASE + EARLY_DTB_INDEX * BLOCK_SIZE)

#define ESR_EC_SVC 0x15

#endif
