/* tests/unit/test_phys.c -- boot memory, buddy, slab, kmalloc, failures on purpose. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "fake_hal.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "mem/phys/boot.h"
#include "mem/phys/buddy.h"
#include "mem/phys/fail.h"
#include "mem/phys/slab.h"

static u64 seed = 1;
static u32 next_random(void)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(seed >> 33);
}

static int start(void **state)
{
	fake_start(4);
	boot_init();
	buddy_init();
	slab_init();
	fault_at(0);
	return 0;
}

static void test_boot_ranges(void **state)
{
	paddr base;
	u64 size, before = 0, after = 0;
	u8 *p;

	fake_start(1);
	boot_init();
	/* The reservation 0x80123..0x180123 is rounded outwards. */
	assert_true(boot_free_range(0, &base, &size));
	assert_true(base.raw == 0x40000000 && size == 0x80000);
	assert_true(boot_free_range(1, &base, &size));
	assert_int_equal(base.raw, 0x40181000);
	assert_false(boot_free_range(2, &base, &size));
	boot_reserve(paddr_of(0x40200800), 0x10);
	assert_true(boot_free_range(2, &base, &size) && base.raw == 0x40201000);
	boot_reserve(paddr_of(0), 0x1000);
	boot_reserve(paddr_of(~0ul - 5), 100);
	assert_true(boot_free_range(2, &base, &before));
	p = boot_alloc(5000, 1 << 16);
	assert_int_equal(hal_virt_to_phys(p).raw & 0xffff, 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(p[i], 0);
	for (unsigned i = 0; boot_free_range(i, &base, &size); i++)
		after += size;
	assert_int_equal(after, 0x80000 + (0x40200000 - 0x40181000) + before - 8192);
	assert_panics("no 1073741824 bytes", boot_alloc(1ul << 30, 0));
}

/* No page is handed out twice, all come back, and coalesce. */
static void test_buddy(void **state)
{
	static struct page *held[4000];
	static u8 owner[64 << 20 >> PAGE_SHIFT];
	u64 before = buddy_free_pages(), taken = 0;
	unsigned n = 0;
	struct page *big;

	memset(owner, 0, sizeof(owner));
	for (int round = 0; round < 40000; round++) {
		fake_be_cpu(next_random() % 4);
		if (n < ARRAY_SIZE(held) && next_random() % 9 < 5) {
			unsigned order = next_random() % 8 ? 0 : next_random() % 5;
			struct page *p = buddy_alloc(order, 0);

			if (!p)
				continue;
			assert_int_equal(p->refs, 1);
			assert_int_equal(phys_page_addr(p).raw & ((PAGE_SIZE << order) - 1), 0);
			for (u64 i = 0; i < 1ul << order; i++) {
				u64 at = (phys_page_addr(p).raw >> PAGE_SHIFT) - 0x40000 + i;

				assert_int_equal(owner[at]++, 0);
			}
			held[n++] = p;
			taken += 1ul << order;
		} else if (n) {
			unsigned i = next_random() % n;
			struct page *p = held[i];

			held[i] = held[--n];
			taken -= 1ul << p->order;
			for (u64 k = 0; k < 1ul << p->order; k++)
				owner[(phys_page_addr(p).raw >> PAGE_SHIFT) - 0x40000 + k]--;
			buddy_free(p);
		}
		assert_int_equal(buddy_free_pages() + taken, before);
	}
	while (n)
		buddy_free(held[--n]);
	buddy_drain();
	fake_be_cpu(0);
	assert_int_equal(buddy_free_pages(), before);
	for (n = 0; (big = buddy_alloc(BUDDY_MAX_ORDER, 0)); n++)
		held[n] = big;
	assert_true(n >= 14);
	while (n)
		buddy_free(held[--n]);
	assert_null(buddy_alloc(BUDDY_MAX_ORDER + 1, 0));
	assert_int_equal(buddy_free_pages(), before);
}

static void test_reserve(void **state)
{
	struct list held = LIST_INIT(held);
	struct page *p, *tmp;
	u64 before = buddy_free_pages();

	while ((p = buddy_alloc(0, BUDDY_ZERO))) {
		assert_int_equal(*(u64 *)phys_page_data(p), 0);
		memset(phys_page_data(p), 0xff, PAGE_SIZE);
		list_add_back(&held, &p->link);
	}
	assert_true(buddy_free_pages() >= 16);
	p = buddy_alloc(0, BUDDY_RESERVE);
	assert_non_null(p);
	phys_page_get(p);
	buddy_free(p);
	assert_true(phys_page_get_live(p));
	phys_page_put(p);
	phys_page_put(p);
	assert_false(phys_page_get_live(p));
	list_each_safe(p, tmp, &held, link)
		phys_page_put(p);
	assert_int_equal(buddy_free_pages(), before);
}

static u64 objects_in_use(void)
{
	struct slab_stats s;
	u64 n = 0;

	for (unsigned i = 0; slab_stats(i, &s); i++)
		n += s.objects;
	return n;
}

static void test_kmalloc(void **state)
{
	static struct {
		u8 *p;
		size_t size;
		u8 fill;
	} held[2000];
	u64 pages = buddy_free_pages(), live = 0;
	struct slab_stats s;

	memset(held, 0, sizeof(held));
	for (int round = 0; round < 60000; round++) {
		unsigned i = next_random() % ARRAY_SIZE(held);

		fake_be_cpu(next_random() % 4);
		if (held[i].p) {
			for (size_t k = 0; k < held[i].size; k += 61)
				assert_int_equal(held[i].p[k], held[i].fill);
			if (held[i].size <= 8192)
				live--;
			kfree(held[i].p);
			held[i].p = NULL;
			continue;
		}
		held[i].size = next_random() % 16 ? next_random() % 700 : next_random() % 20000;
		held[i].fill = (u8)next_random();
		held[i].p = kmalloc(held[i].size);
		assert_non_null(held[i].p);
		assert_int_equal((uintptr_t)held[i].p & 15, 0);
		memset(held[i].p, held[i].fill, held[i].size);
		if (held[i].size <= 8192)
			live++;
		if (round % 1000 == 0)
			assert_int_equal(objects_in_use(), live);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
		kfree(held[i].p);
	fake_be_cpu(0);
	assert_int_equal(objects_in_use(), 0);
	slab_drain();
	for (unsigned i = 0; slab_stats(i, &s); i++)
		assert_int_equal(s.pages, 0);
	assert_int_equal(buddy_free_pages(), pages);
	assert_null(kmalloc(5ul << 20));
	assert_null(kcalloc(1ul << 33, 1ul << 33));
	kfree(NULL);
	kfree(kmalloc(0));
	kfree(kzalloc(4ul << 20));
}

static void test_slab_bugs(void **state)
{
	struct slab_cache *c = slab_cache_new("test", 80, 64), *d = slab_cache_new("other", 80, 0);
	u64 *p = slab_zalloc(c);

	assert_int_equal((uintptr_t)p & 63, 0);
	slab_free(c, p);
	assert_panics("freed twice", slab_free(c, p));
	p[3] = 1;
	assert_panics("written after free", slab_alloc(c));
	p = slab_alloc(d);
	assert_panics("which it is not of", slab_free(c, p));
	slab_free(d, p);
}

static void test_fail(void **state)
{
	void *p[4];

	fault_at(3);
	for (int i = 0; i < 4; i++)
		p[i] = i % 2 ? (void *)buddy_alloc(0, 0) : kmalloc(10);
	assert_true(p[0] && p[1] && !p[2] && p[3] && fault_hit());
	kfree(p[0]);
	buddy_free(p[1]);
	buddy_free(p[3]);
}

static void *hammer(void *arg)
{
	void *held[64] = {};
	u32 r = (u32)(uintptr_t)arg + 1;

	fake_be_cpu((unsigned)(uintptr_t)arg);
	for (int round = 0; round < 20000; round++) {
		r = r * 1664525 + 1013904223;
		void **at = &held[(r >> 10) % 64];

		kfree(*at);
		*at = NULL;
		if (r >> 31)
			*at = kmalloc((r >> 16) % 9000);
		if (*at)
			*(u64 *)*at = r;
		if (round % 4096 == 0)
			slab_drain();
	}
	for (int i = 0; i < 64; i++)
		kfree(held[i]);
	return NULL;
}

static void test_threads(void **state)
{
	u64 pages = buddy_free_pages();
	pthread_t t[4];

	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, hammer, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	slab_drain();
	buddy_drain();
	assert_int_equal(objects_in_use(), 0);
	assert_int_equal(buddy_free_pages(), pages);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot_ranges),
		cmocka_unit_test_setup(test_buddy, start),
		cmocka_unit_test_setup(test_reserve, start),
		cmocka_unit_test_setup(test_kmalloc, start),
		cmocka_unit_test_setup(test_slab_bugs, start),
		cmocka_unit_test_setup(test_fail, start),
		cmocka_unit_test_setup(test_threads, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
