/* hal/types.h -- the scalar types every layer shares.
 *
 * Units  An address of each kind has a type of its own, so mixing them up does not
 *        compile: paddr (physical), uptr (user virtual); kernel addresses are pointers.
 */
#ifndef HAL_TYPES_H
#define HAL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

/* A physical address. */
typedef struct paddr {
	u64 raw;
} paddr;

/* A user virtual address: never dereferenced, only given to hal/uaccess.h. */
typedef struct uptr {
	u64 raw;
} uptr;

static inline paddr paddr_of(u64 raw)
{
	return (paddr){raw};
}

static inline uptr uptr_of(u64 raw)
{
	return (uptr){raw};
}

static inline uptr uptr_add(uptr p, u64 n)
{
	return (uptr){p.raw + n};
}

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define PAGE_UP(n)   (((n) + PAGE_SIZE - 1) & PAGE_MASK)
#define PAGE_DOWN(n) ((n) & PAGE_MASK)

#define container_of(ptr, type, member) \
	((type *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
