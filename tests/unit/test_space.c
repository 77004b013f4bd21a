/* tests/unit/test_space.c -- address spaces: calls, faults, copies, fork, files. */
#include "space_machine.h"

#include "mem/phys/shrink.h"

#include <string.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define EXPECT_MAP(to, ...) do { CO_AWAIT(to, space_map, __VA_ARGS__); host_expect((i64)(to) > 0); } while (0)
#define EXPECT(want, fn, ...)                                                             \
	do {                                                                              \
		CO_AWAIT(f->r, fn, __VA_ARGS__);                                          \
		if (f->r != (want))                                                       \
			host_fail("%s:%d: %s gave %ld, not %ld", __FILE__, __LINE__, #fn, \
				  (long)f->r, (long)(want));                              \
	} while (0)
#define HOLDS(at_, want) do { EXPECT(0, get, .at = (at_), .value = &f->v); \
		if (f->v != (want)) host_fail("%s:%d: %#lx holds %#lx, not %#lx", __FILE__, __LINE__, (u64)(at_), f->v, (u64)(want)); } while (0)

#define COMMON struct co_frame co; struct space *s, *c; i64 r; u64 a, b, w, v, i, before; struct page *p
#define START()                                                   \
	do {                                                      \
		space_init();                                     \
		file_make(40);                                    \
		f->before = memory_now() + co_machine_frame_pages(co);                         \
		f->s = space_new();                               \
		host_expect(f->s);                                \
		space_enter(co, f->s);                            \
	} while (0)
#define END()                                                     \
	do {                                                      \
		EXPECT(0, leave);                                 \
		file_cut(0);                                      \
		host_expect(test_file.refs == 0 && test_file.file_refs == 0); \
		if (memory_now() + co_machine_frame_pages(co) != f->before)                   \
			host_fail("%ld pages lost", (long)(f->before - memory_now())); \
	} while (0)

/* --- mmap, munmap, mprotect, brk --- */

struct basics { COMMON; };
static co_t basics(struct co *co, struct basics *f)
{
	CO_BEGIN;
	START();
	EXPECT_MAP(f->a, .space = f->s, .len = 10 * PG, .prot = RW, .flags = ANON);
	host_expect(f->a + 10 * PG == f->s->mmap_base);
	HOLDS(f->a, 0);
	host_expect(f->s->rss_anon == 0);
	EXPECT(0, put, .at = f->a + PG - 4, .value = 0x1122334455667788);
	host_expect(f->s->rss_anon == 2);
	HOLDS(f->a + PG - 4, 0x1122334455667788);
	EXPECT(-EFAULT, put, .at = f->a + 10 * PG - 4, .value = 1);
	EXPECT(-EFAULT, put, .at = f->a - 8, .value = 1);
	EXPECT(-EFAULT, put, .at = HAL_USER_END - 4, .value = 1);
	EXPECT(-EFAULT, put, .at = ~0ul - 4, .value = 1);
	/* the next one lies below and joins */
	EXPECT_MAP(f->b, .space = f->s, .len = 1, .prot = RW, .flags = ANON);
	host_expect(f->b == f->a - PG && f->s->vma_count == 1);
	/* cut a hole */
	EXPECT(0, space_unmap, .space = f->s, .addr = f->a + 2 * PG, .len = 2 * PG);
	host_expect(f->s->vma_count == 2 && f->s->pages_total == 9);
	EXPECT(-EFAULT, put, .at = f->a + 2 * PG, .value = 1);
	EXPECT(0, space_unmap, .space = f->s, .addr = f->a + 2 * PG, .len = 2 * PG);
	EXPECT(-EINVAL, space_unmap, .space = f->s, .addr = f->a + 1, .len = PG);
	EXPECT(-EINVAL, space_unmap, .space = f->s, .addr = f->a, .len = 0);
	EXPECT(-EINVAL, space_unmap, .space = f->s, .addr = f->a, .len = HAL_USER_END);
	/* the hole is found again, and a hint */
	EXPECT_MAP(f->w, .space = f->s, .len = 2 * PG, .prot = PROT_NONE, .flags = ANON);
	host_expect(f->w == f->a + 2 * PG);
	EXPECT(-EFAULT, get, .at = f->w, .value = &f->w);
	EXPECT_MAP(f->w, .space = f->s, .addr = 0x10000, .len = PG, .prot = RW, .flags = ANON);
	host_expect(f->w == 0x10000);
	EXPECT_MAP(f->w, .space = f->s, .addr = 0x10000, .len = PG, .prot = RW, .flags = ANON);
	host_expect(f->w != 0x10000);
	check_space(f->s);
	/* rights */
	EXPECT(0, put, .at = f->a, .value = 77);
	EXPECT(0, space_protect, .space = f->s, .addr = f->a, .len = PG, .prot = PROT_READ);
	HOLDS(f->a, 77);
	EXPECT(-EFAULT, put, .at = f->a, .value = 1);
	EXPECT(0, space_protect, .space = f->s, .addr = f->a, .len = PG, .prot = PROT_NONE);
	EXPECT(-EFAULT, get, .at = f->a, .value = &f->w);
	check_space(f->s);
	EXPECT(FAULT_ACCERR, fault_handle, .space = f->s, .addr = uptr_of(f->a), .access = HAL_READ);
	EXPECT(FAULT_MAPERR, fault_handle, .space = f->s, .addr = uptr_of(8), .access = HAL_READ);
	EXPECT(0, space_protect, .space = f->s, .addr = f->a, .len = PG, .prot = RW);
	HOLDS(f->a, 77);
	EXPECT(0, put, .at = f->a, .value = 78);
	HOLDS(f->a, 78);
	EXPECT(FAULT_ACCERR, fault_handle, .space = f->s, .addr = uptr_of(f->a), .access = HAL_EXEC);
	EXPECT(FAULT_DONE, fault_handle, .space = f->s, .addr = uptr_of(f->a | 0xabul << 56), .access = HAL_READ);
	EXPECT(-ENOMEM, space_protect, .space = f->s, .addr = f->a, .len = 1ul << 40, .prot = RW);
	EXPECT(-EINVAL, space_protect, .space = f->s, .addr = f->a + 1, .len = PG, .prot = RW);
	EXPECT(-EINVAL, space_protect, .space = f->s, .addr = f->a, .len = PG, .prot = 0x80);
	check_space(f->s);
	/* bad calls of mmap */
	EXPECT(-EINVAL, space_map, .space = f->s, .len = 0, .prot = RW, .flags = ANON);
	EXPECT(-ENOMEM, space_map, .space = f->s, .len = ~0ul, .prot = RW, .flags = ANON);
	EXPECT(-ENOMEM, space_map, .space = f->s, .len = HAL_USER_END, .prot = RW, .flags = ANON);
	EXPECT(-EINVAL, space_map, .space = f->s, .addr = 123, .len = PG, .prot = RW, .flags = ANON | MAP_FIXED);
	EXPECT(-EPERM, space_map, .space = f->s, .addr = PG, .len = PG, .prot = RW, .flags = ANON | MAP_FIXED);
	EXPECT(-EEXIST, space_map, .space = f->s, .addr = f->a, .len = PG, .prot = RW, .flags = ANON | MAP_FIXED_NOREPLACE);
	EXPECT(-ENOMEM, space_map, .space = f->s, .addr = HAL_USER_END - PG, .len = 2 * PG, .prot = RW, .flags = ANON | MAP_FIXED);
	/* fixed over what is there */
	EXPECT_MAP(f->w, .space = f->s, .addr = f->a, .len = 2 * PG, .prot = RW, .flags = ANON | MAP_FIXED);
	HOLDS(f->a, 0);
	check_space(f->s);
	/* limits */
	f->s->limit_as = (f->s->pages_total + 3) * PG;
	EXPECT(-ENOMEM, space_map, .space = f->s, .len = 4 * PG, .prot = RW, .flags = ANON);
	EXPECT_MAP(f->w, .space = f->s, .len = 3 * PG, .prot = RW, .flags = ANON);
	f->s->limit_as = ~0ul;
	/* discard */
	EXPECT(0, put, .at = f->w, .value = 5);
	EXPECT(0, space_advise, .space = f->s, .addr = f->w, .len = PG, .advice = MADV_DONTNEED);
	HOLDS(f->w, 0);
	EXPECT(-EINVAL, space_advise, .space = f->s, .addr = f->w, .len = PG, .advice = 999);
	EXPECT(-ENOMEM, space_advise, .space = f->s, .addr = 0x20000, .len = PG, .advice = MADV_DONTNEED);
	EXPECT(0, space_advise, .space = f->s, .addr = f->w, .len = 2 * PG, .advice = MADV_POPULATE_WRITE);
	f->p = space_try_pin(f->s, uptr_of(f->w + PG), HAL_WRITE);
	host_expect(f->p && f->p->refs == 2);
	phys_page_put(f->p);
	check_space(f->s);
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(basics)

static void test_basics(void **state)
{
	co_machine_seeds(3, 1, begin_basics);
}

struct heap { COMMON; };
static co_t heap(struct co *co, struct heap *f)
{
	CO_BEGIN;
	START();
	f->s->brk_start = f->s->brk = 0x500123;
	EXPECT(0x500123, space_brk, .space = f->s, .brk = 0);
	EXPECT(0x500123, space_brk, .space = f->s, .brk = 0x500000);
	EXPECT(0x500800, space_brk, .space = f->s, .brk = 0x500800);
	EXPECT(0x510010, space_brk, .space = f->s, .brk = 0x510010);
	EXPECT(0, put, .at = 0x510000, .value = 9);
	EXPECT(0x520010, space_brk, .space = f->s, .brk = 0x520010);
	host_expect(f->s->vma_count == 1 && f->s->pages_total == 0x20);
	EXPECT(0x50f000, space_brk, .space = f->s, .brk = 0x50f000);
	EXPECT(-EFAULT, get, .at = 0x510000, .value = &f->w);
	EXPECT(0x520010, space_brk, .space = f->s, .brk = 0x520010);
	HOLDS(0x510000, 0);
	EXPECT_MAP(f->a, .space = f->s, .addr = 0x530000, .len = PG, .prot = RW, .flags = ANON | MAP_FIXED);
	EXPECT(0x520010, space_brk, .space = f->s, .brk = 0x531000);
	f->s->limit_data = 0x21000;
	EXPECT(0x520010, space_brk, .space = f->s, .brk = 0x52f000);
	/* stack */
	f->s->limit_stack = 64 * PG;
	EXPECT_MAP(f->a, .space = f->s, .addr = 0x7f000000, .len = 4 * PG, .prot = RW, .flags = ANON | MAP_FIXED | MAP_GROWSDOWN);
	EXPECT(0, put, .at = 0x7f000000 - 40 * PG, .value = 3);
	host_expect(f->s->pages_stack == 44);
	EXPECT(-EFAULT, put, .at = 0x7f000000 - 61 * PG, .value = 3);
	EXPECT(0, put, .at = 0x7f000000 - 60 * PG, .value = 3);
	f->s->limit_stack = f->s->limit_data = ~0ul;
	EXPECT_MAP(f->a, .space = f->s, .addr = 0x7f000000 - 400 * PG, .len = PG, .prot = RW, .flags = ANON | MAP_FIXED);
	EXPECT(-EFAULT, put, .at = 0x7f000000 - 200 * PG, .value = 3);
	EXPECT(0, put, .at = 0x7f000000 - 143 * PG, .value = 3);
	/* nothing is placed in its gap */
	f->s->mmap_base = 0x7f004000;
	EXPECT_MAP(f->a, .space = f->s, .len = PG, .prot = RW, .flags = ANON);
	host_expect(f->a < 0x7f000000 - 143 * PG - SPACE_STACK_GAP);
	check_space(f->s);
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(heap)

static void test_heap(void **state)
{
	co_machine_seeds(3, 1, begin_heap);
}

/* --- mremap --- */

struct remaps { COMMON; };
static co_t remaps(struct co *co, struct remaps *f)
{
	CO_BEGIN;
	START();
	EXPECT_MAP(f->a, .space = f->s, .addr = 0x1000000, .len = 4 * PG, .prot = RW, .flags = ANON | MAP_FIXED);
	for (f->i = 0; f->i < 4; f->i++)
		EXPECT(0, put, .at = f->a + f->i * PG, .value = 100 + f->i);
	/* in place */
	EXPECT((i64)f->a, space_remap, .space = f->s, .addr = f->a, .old_len = 4 * PG, .new_len = 6 * PG);
	HOLDS(f->a + 5 * PG, 0);
	EXPECT((i64)f->a, space_remap, .space = f->s, .addr = f->a, .old_len = 6 * PG, .new_len = 4 * PG);
	EXPECT(-EFAULT, get, .at = f->a + 4 * PG, .value = &f->w);
	/* blocked: must move */
	EXPECT_MAP(f->b, .space = f->s, .addr = f->a + 4 * PG, .len = PG, .prot = PROT_READ, .flags = ANON | MAP_FIXED);
	EXPECT(-ENOMEM, space_remap, .space = f->s, .addr = f->a, .old_len = 4 * PG, .new_len = 600 * PG);
	CO_AWAIT(f->b, space_remap, .space = f->s, .addr = f->a, .old_len = 4 * PG, .new_len = 600 * PG, .flags = MREMAP_MAYMOVE);
	host_expect((i64)f->b > 0 && f->b != f->a);
	for (f->i = 0; f->i < 4; f->i++)
		HOLDS(f->b + f->i * PG, 100 + f->i);
	EXPECT(-EFAULT, get, .at = f->a, .value = &f->w);
	check_space(f->s);
	/* to a fixed place, over something, part of a mapping */
	EXPECT(0x2000000, space_remap, .space = f->s, .addr = f->b + PG, .old_len = 2 * PG, .new_len = 2 * PG,
	       .flags = MREMAP_MAYMOVE | MREMAP_FIXED, .new_addr = 0x2000000);
	HOLDS(0x2000000, 101);
	HOLDS(0x2000000 + PG, 102);
	EXPECT(-EFAULT, get, .at = f->b + PG, .value = &f->w);
	HOLDS(f->b + 3 * PG, 103);
	EXPECT(-EINVAL, space_remap, .space = f->s, .addr = 0x2000000, .old_len = 2 * PG, .new_len = 2 * PG,
	       .flags = MREMAP_MAYMOVE | MREMAP_FIXED, .new_addr = 0x2001000);
	EXPECT(-EINVAL, space_remap, .space = f->s, .addr = 0x2000000, .old_len = PG, .new_len = PG, .flags = MREMAP_FIXED);
	/* Shrinking takes away whatever lies there, a hole too. */
	EXPECT(0x2000000, space_remap, .space = f->s, .addr = 0x2000000, .old_len = 3 * PG, .new_len = PG);
	EXPECT(-EFAULT, space_remap, .space = f->s, .addr = 0x3000000, .old_len = PG, .new_len = 2 * PG, .flags = MREMAP_MAYMOVE);
	check_space(f->s);
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(remaps)

static void test_remaps(void **state)
{
	co_machine_seeds(3, 1, begin_remaps);
}

/* --- files --- */

struct files { COMMON; struct vma_info info; struct vma_count count; struct futex_key k1, k2; };
static co_t files(struct co *co, struct files *f)
{
	CO_BEGIN;
	START();
	EXPECT_MAP(f->a, .space = f->s, .len = 45 * PG, .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE,
		   .pager = &test_file.pager, .file = &test_file, .pgoff = 0, .vma_flags = VMA_MAYWRITE | VMA_MAYEXEC);
	EXPECT_MAP(f->b, .space = f->s, .len = 20 * PG, .prot = RW, .flags = MAP_SHARED,
		   .pager = &test_file.pager, .file = &test_file, .pgoff = 10, .vma_flags = VMA_MAYWRITE);
	HOLDS(f->a + 12 * PG, 0xf11e0000 + 12);
	host_expect(test_file.faults == 1);
	HOLDS(f->b + 2 * PG, 0xf11e0000 + 12);
	host_expect(test_file.faults == 1 && f->s->rss_file == 2);
	/* neighbours come along */
	for (f->i = 0; f->i < 16; f->i++) {
		f->p = file_page(&test_file, f->i, false, true);
		phys_page_put(f->p);
	}
	HOLDS(f->a + 3 * PG, 0xf11e0000 + 3);
	HOLDS(f->a + 4 * PG, 0xf11e0000 + 4);
	host_expect(f->s->rss_file > 10 && test_file.faults == 1);
	/* shared stores are seen by private readers, and not the other way round */
	EXPECT(0, put, .at = f->b + 2 * PG, .value = 0xabc);
	HOLDS(f->a + 12 * PG, 0xabc);
	EXPECT(0, put, .at = f->a + 12 * PG, .value = 0xdef);
	HOLDS(f->b + 2 * PG, 0xabc);
	HOLDS(f->a + 12 * PG, 0xdef);
	HOLDS(f->a + 12 * PG + 8, 0xf11e0000 + 12);
	/* a first touch that writes to a private page */
	EXPECT(0, put, .at = f->a + 30 * PG, .value = 0x30);
	HOLDS(f->a + 30 * PG + 8, 0xf11e0000 + 30);
	/* writeback protects: the next store makes it dirty again */
	host_expect(test_file.pages[12]->flags & PAGE_DIRTY);
	atomic_and(&test_file.pages[12]->flags, ~(u32)PAGE_DIRTY);
	host_expect(pager_write_protect(&test_file.pager, 12));
	host_expect(!pager_write_protect(&test_file.pager, 12));
	EXPECT(0, put, .at = f->b + 2 * PG, .value = 0xabd);
	host_expect(test_file.pages[12]->flags & PAGE_DIRTY);
	check_space(f->s);
	/* past the end, and an unreadable one */
	EXPECT(FAULT_BUS, fault_handle, .space = f->s, .addr = uptr_of(f->a + 41 * PG), .access = HAL_READ);
	test_file.broken = true;
	EXPECT(FAULT_BUS, fault_handle, .space = f->s, .addr = uptr_of(f->a + 39 * PG), .access = HAL_READ);
	test_file.broken = false;
	/* keys: shared by object, private by address */
	EXPECT(0, space_futex_key, .space = f->s, .addr = uptr_of(f->b + 2 * PG + 8), .shared = true, .key = &f->k1);
	host_expect(f->k1.object == (u64)&test_file.pager && f->k1.at == 12 * PG + 8);
	host_expect(space_try_futex_key(f->s, uptr_of(f->a), true, &f->k2) == 0 && f->k2.object == (u64)f->s);
	host_expect(space_try_futex_key(f->s, uptr_of(16), true, &f->k2) == -EFAULT);
	/* fork: private copies go along, the cache's pages are shared */
	EXPECT(0, space_fork, .space = f->s, .to = &f->c);
	space_enter(co, f->c);
	HOLDS(f->a + 12 * PG, 0xdef);
	HOLDS(f->a + 30 * PG, 0x30);
	EXPECT(0, put, .at = f->a + 12 * PG, .value = 0xdee);
	EXPECT(0, put, .at = f->b + 3 * PG, .value = 0x333);
	check_space(f->c);
	/* a debugger writes where the program may not */
	EXPECT(0, space_protect, .space = f->s, .addr = f->a, .len = 5 * PG, .prot = PROT_READ | PROT_EXEC);
	f->w = 0xd4200000d4200000;
	EXPECT(8, space_access, .space = f->s, .addr = uptr_of(f->a + 3 * PG - 4), .buf = &f->w, .len = 8, .write = true, .force = true);
	EXPECT(-EFAULT, space_access, .space = f->s, .addr = uptr_of(f->a), .buf = &f->w, .len = 8, .write = true);
	EXPECT(0, leave);
	space_enter(co, f->s);
	HOLDS(f->a + 3 * PG - 4, 0xd4200000d4200000);
	host_expect(*(u64 *)phys_page_data(test_file.pages[3]) == 0xf11e0000 + 3);
	EXPECT(-EFAULT, put, .at = f->a + 3 * PG, .value = 1);
	HOLDS(f->a + 12 * PG, 0xdef);
	HOLDS(f->b + 3 * PG, 0x333);
	check_space(f->s);
	/* maps */
	EXPECT(1, space_info, .space = f->s, .addr = f->b, .info = &f->info);
	host_expect(f->info.start == f->b && f->info.offset == 10 * PG && f->info.path_len == 12);
	EXPECT(0, space_count, .space = f->s, .at = f->info.start, .end = f->info.end, .count = &f->count);
	host_expect(f->count.rss >= 2);
	EXPECT(0, space_info, .space = f->s, .addr = HAL_USER_END - 1, .info = &f->info);
	/* truncate takes pages away, copies too */
	file_cut(11);
	EXPECT(-EFAULT, get, .at = f->a + 12 * PG, .value = &f->w);
	EXPECT(-EFAULT, get, .at = f->b + 2 * PG, .value = &f->w);
	HOLDS(f->b, 0xf11e0000 + 10);
	check_space(f->s);
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(files)

static void test_files(void **state)
{
	co_machine_seeds(3, 1, begin_files);
}

/* --- shared anonymous memory, uio, strings --- */

struct shares { COMMON; struct uio u; struct uio_vec vec[3]; char text[64]; };
static co_t shares(struct co *co, struct shares *f)
{
	CO_BEGIN;
	START();
	EXPECT_MAP(f->a, .space = f->s, .len = 1000 * PG, .prot = RW, .flags = MAP_SHARED | MAP_ANONYMOUS);
	EXPECT(0, put, .at = f->a + 700 * PG, .value = 1);
	HOLDS(f->a + 3 * PG, 0);
	EXPECT(0, space_fork, .space = f->s, .to = &f->c);
	EXPECT(0, put, .at = f->a + 900 * PG, .value = 2);
	space_enter(co, f->c);
	HOLDS(f->a + 700 * PG, 1);
	HOLDS(f->a + 900 * PG, 2);
	EXPECT(0, put, .at = f->a, .value = 4);
	EXPECT(0, leave);
	space_enter(co, f->s);
	HOLDS(f->a, 4);
	host_expect(f->s->rss_shm >= 3);
	/* a string over a page border, the second page missing */
	EXPECT_MAP(f->b, .space = f->s, .len = 4 * PG, .prot = RW, .flags = ANON);
	EXPECT(0, copy_to_user, .to = uptr_of(f->b + PG - 3), .from = "abcdef", .n = 7);
	CO_STRING_FROM_USER(f->r, f->text, uptr_of(f->b + PG - 3), sizeof(f->text));
	host_expect(f->r == 6 && !strcmp(f->text, "abcdef"));
	CO_STRING_FROM_USER(f->r, f->text, uptr_of(f->b + PG - 3), 6ul);
	host_expect(f->r == 6);
	CO_STRING_FROM_USER(f->r, f->text, uptr_of(8), 6ul);
	host_expect(f->r == -EFAULT);
	CO_CLEAR_USER(f->r, uptr_of(f->b), 3 * PG);
	host_expect(f->r == 0);
	HOLDS(f->b + PG - 3, 0);
	/* uio */
	EXPECT(0, space_advise, .space = f->s, .addr = f->b, .len = 4 * PG, .advice = MADV_DONTNEED);
	f->vec[0] = (struct uio_vec){f->b + 10, 5};
	f->vec[1] = (struct uio_vec){0, 0};
	f->vec[2] = (struct uio_vec){f->b + 2 * PG - 2, 6};
	host_expect(uio_check_iov(f->vec, 3) == 11);
	f->u = uio_user_iov(f->vec, 3);
	host_expect(uio_copy_to(&f->u, "hello world", 11) == 0);
	EXPECT(0, uio_fault_in, .uio = &f->u, .n = 11, .write = true);
	f->w = uio_copy_to(&f->u, "hello world", 11);
	host_expect(f->w == 5);
	EXPECT(0, uio_fault_in, .uio = &f->u, .n = 6, .write = true);
	host_expect(uio_copy_to(&f->u, " world", 6) == 6 && f->u.left == 0);
	f->u = uio_user_iov(f->vec, 3);
	host_expect(uio_copy_from(&f->u, f->text, 3) == 3);
	host_expect(uio_copy_from(&f->u, f->text + 3, 60) == 8);
	host_expect(!memcmp(f->text, "hello world", 11));
	f->u = uio_kernel(f->text, 64);
	uio_advance(&f->u, 6);
	uio_truncate(&f->u, 3);
	host_expect(uio_zero(&f->u, 10) == 3 && f->u.left == 0 && !f->text[6] && f->text[9] == 'l');
	f->vec[0].len = ~0ul;
	host_expect(uio_check_iov(f->vec, 3) == -EINVAL);
	check_space(f->s);
	/* a large object is freed by a worker */
	for (f->i = 0; f->i < 900; f->i++)
		EXPECT(0, put, .at = f->a + f->i * PG, .value = f->i);
	EXPECT(0, space_unmap, .space = f->s, .addr = f->a, .len = 1000 * PG);
	for (f->i = 0; f->i < 20; f->i++)
		CO_YIELD;
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(shares)

static void test_shares(void **state)
{
	co_machine_seeds(3, 1, begin_shares);
}

/* --- the copy of a space: sparse and dense tables, hidden pages, files --- */

#define COPY_PAGES 1700
static bool copy_has(u64 i)
{
	return i % 37 == 0 || (i >= 600 && i < 760);
}

struct copies { COMMON; };
static co_t copies(struct co *co, struct copies *f)
{
	CO_BEGIN;
	START();
	/* four leaf tables, the first and the last partly */
	EXPECT_MAP(f->a, .space = f->s, .addr = 0x40000000 - 5 * PG, .len = COPY_PAGES * PG,
		   .prot = RW, .flags = ANON | MAP_FIXED);
	for (f->i = 0; f->i < COPY_PAGES; f->i++)
		if (copy_has(f->i))
			EXPECT(0, put, .at = f->a + f->i * PG, .value = f->i);
	HOLDS(f->a + PG, 0);
	EXPECT(0, space_protect, .space = f->s, .addr = f->a + 700 * PG, .len = 9 * PG, .prot = PROT_NONE);
	EXPECT_MAP(f->b, .space = f->s, .len = 3 * PG, .prot = RW, .flags = ANON);
	EXPECT(0, put, .at = f->b, .value = 1);
	EXPECT(0, space_advise, .space = f->s, .addr = f->b, .len = PG, .advice = MADV_DONTFORK);
	EXPECT(0, space_fork, .space = f->s, .to = &f->c);
	check_space(f->s);
	check_space(f->c);
	host_expect(f->c->rss_anon == f->s->rss_anon - 1 && f->c->vma_count == f->s->vma_count - 1);
	/* the parent's stores are its own, although it had stored there just before */
	for (f->i = 0; f->i < COPY_PAGES; f->i++)
		if ((f->i < 700 || f->i >= 709) &&
		    (copy_has(f->i) || f->i % 8 == 1))
			EXPECT(0, put, .at = f->a + f->i * PG, .value = f->i + 5);
	space_enter(co, f->c);
	EXPECT(-EFAULT, put, .at = f->a + 700 * PG, .value = 1);
	EXPECT(0, space_protect, .space = f->c, .addr = f->a + 700 * PG, .len = 9 * PG, .prot = RW);
	for (f->i = 0; f->i < COPY_PAGES; f->i++)
		HOLDS(f->a + f->i * PG, copy_has(f->i) ? f->i : 0);
	EXPECT(-EFAULT, put, .at = f->b, .value = 1);
	check_space(f->c);
	EXPECT(0, leave);
	space_enter(co, f->s);
	check_space(f->s);
	/* one that is never run leaves the parent's pages its own again */
	EXPECT(0, space_fork, .space = f->s, .to = &f->c);
	EXPECT(0, space_leave, .space = f->c);
	f->w = f->s->rss_anon;
	EXPECT(0, put, .at = f->a + 37 * PG, .value = 3);
	HOLDS(f->a + 37 * PG, 3);
	host_expect(f->s->rss_anon == f->w);
	/* a file's pages are left to the child's faults; copies of them are not */
	EXPECT_MAP(f->b, .space = f->s, .len = 8 * PG, .prot = RW, .flags = MAP_PRIVATE,
		   .vma_flags = VMA_MAYWRITE, .pager = &test_file.pager);
	HOLDS(f->b + 3 * PG, 0xf11e0003);
	EXPECT(0, space_fork, .space = f->s, .to = &f->c);
	host_expect(f->c->rss_file == 0 && !vma_at(f->c, f->b)->copied);
	EXPECT(0, space_leave, .space = f->c);
	EXPECT(0, put, .at = f->b + 3 * PG, .value = 33);
	EXPECT(0, space_fork, .space = f->s, .to = &f->c);
	host_expect(f->c->rss_file == 0 && vma_at(f->c, f->b)->copied);
	EXPECT(0, put, .at = f->b + 3 * PG, .value = 34);
	space_enter(co, f->c);
	HOLDS(f->b + 3 * PG, 33);
	HOLDS(f->b + 4 * PG, 0xf11e0004);
	file_cut(2);
	EXPECT(-EFAULT, get, .at = f->b + 3 * PG, .value = &f->v);
	EXPECT(0, leave);
	space_enter(co, f->s);
	EXPECT(-EFAULT, get, .at = f->b + 3 * PG, .value = &f->v);
	check_space(f->s);
	/* moved to another place within its tables: each one's entries go to two */
	EXPECT(0, space_protect, .space = f->s, .addr = f->a, .len = COPY_PAGES * PG, .prot = RW);
	EXPECT(0x7ff1234000, space_remap, .space = f->s, .addr = f->a, .old_len = COPY_PAGES * PG,
	       .new_len = COPY_PAGES * PG, .flags = MREMAP_MAYMOVE | MREMAP_FIXED, .new_addr = 0x7ff1234000);
	for (f->i = 0; f->i < COPY_PAGES; f->i++)
		if (f->i != 37 && copy_has(f->i))
			HOLDS(0x7ff1234000 + f->i * PG, f->i < 700 || f->i >= 709 ? f->i + 5 : f->i);
	EXPECT(-EFAULT, get, .at = f->a, .value = &f->v);
	check_space(f->s);
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(copies)

static void test_copies(void **state)
{
	co_machine_seeds(3, 1, begin_copies);
}

/* --- running out of memory --- */

static struct list hoard = {&hoard, &hoard};
static u64 hoarded;

static u64 hoard_count(void)
{
	return hoarded;
}

static u64 hoard_scan(u64 pages)
{
	u64 n = 0;

	for (; n < pages && !list_empty(&hoard); n++) {
		struct page *p = list_first(&hoard, struct page, link);

		list_remove(&p->link);
		phys_page_put(p);
		hoarded--;
	}
	return n;
}

static struct shrinker hoarder = {.name = "hoard", .count = hoard_count, .scan = hoard_scan};

static struct list kept = {&kept, &kept};

struct oom { COMMON; };
static co_t oom(struct co *co, struct oom *f)
{
	CO_BEGIN;
	START();
	shrink_add(&hoarder);
	for (f->i = 0; f->i < 1000; f->i++) {
		f->p = buddy_alloc(0, 0);
		host_expect(f->p);
		hoarded++;
		list_add_back(&hoard, &f->p->link);
	}
	EXPECT(-ENOMEM, space_map, .space = f->s, .len = 128ul << 20, .prot = RW, .flags = ANON);
	EXPECT_MAP(f->a, .space = f->s, .len = 128ul << 20, .prot = RW, .flags = ANON | MAP_NORESERVE);
	for (f->i = 0; f->i < 32768; f->i++) {
		CO_AWAIT(f->r, put, .at = f->a + f->i * PG, .value = f->i);
		if (f->r)
			break;
	}
	host_expect(f->r == -EFAULT && !hoarded);
	/* What the worker shrinks meanwhile is good for a few pages more. */
	while (true) {
		CO_AWAIT(f->r, fault_handle, .space = f->s, .addr = uptr_of(f->a + f->i * PG), .access = HAL_WRITE);
		if (f->r)
			break;
		f->i++;
	}
	host_expect(f->r == FAULT_OOM);
	host_expect(f->s->rss_anon == f->i && f->i > f->before * 9 / 10);
	EXPECT(-ENOMEM, page_alloc_await, .page = &f->p);
	/* The kernel has some left for itself; without that there is no copy, either. */
	while ((f->p = buddy_alloc(0, 0)))
		list_add_back(&kept, &f->p->link);
	host_expect(!list_empty(&kept));
	EXPECT(-ENOMEM, space_fork, .space = f->s, .to = &f->c);
	EXPECT(-EFAULT, put, .at = f->a + f->i * PG, .value = 1);
	while (!list_empty(&kept)) {
		f->p = list_first(&kept, struct page, link);
		list_remove(&f->p->link);
		phys_page_put(f->p);
	}
	HOLDS(f->a, 0);
	EXPECT(0, put, .at = f->a, .value = 1);
	EXPECT(0, space_unmap, .space = f->s, .addr = f->a + 64 * PG, .len = 64 * PG);
	EXPECT(0, put, .at = f->a + f->i * PG, .value = 1);
	check_space(f->s);
	END();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(oom)

static void test_oom(void **state)
{
	co_machine_seeds(1, 1, begin_oom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basics), cmocka_unit_test(test_heap),
		cmocka_unit_test(test_remaps), cmocka_unit_test(test_files),
		cmocka_unit_test(test_shares), cmocka_unit_test(test_copies),
		cmocka_unit_test(test_oom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
