/* mem/phys/kmalloc.c -- any size: a cache per size class, or whole pages. */
#include "core/base/bits.h"
#include "core/base/log.h"
#include "mem/phys/buddy.h"
#include "mem/phys/fail.h"
#include "mem/phys/records.h"
#include "mem/phys/slab.h"

#define CLASS_MAX 8192ul

/* [I] Steps of a quarter to a half, so at most a third is lost. */
static struct {
	u32 size;
	const char *name;
	struct slab_cache *cache;
} classes[] = {
	{16, "kmalloc-16", NULL},     {32, "kmalloc-32", NULL},	    {48, "kmalloc-48", NULL},
	{64, "kmalloc-64", NULL},     {96, "kmalloc-96", NULL},	    {128, "kmalloc-128", NULL},
	{192, "kmalloc-192", NULL},   {256, "kmalloc-256", NULL},   {384, "kmalloc-384", NULL},
	{512, "kmalloc-512", NULL},   {768, "kmalloc-768", NULL},   {1024, "kmalloc-1024", NULL},
	{1536, "kmalloc-1536", NULL}, {2048, "kmalloc-2048", NULL}, {3072, "kmalloc-3072", NULL},
	{4096, "kmalloc-4096", NULL}, {8192, "kmalloc-8192", NULL},
};
static u8 class_of[CLASS_MAX / 16 + 1]; /* [I] by size / 16, rounded up */

void slab_init(void)
{
	unsigned c = 0;

	slab_forget_all();
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		classes[i].cache = slab_cache_new(classes[i].name, classes[i].size, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(class_of); i++) {
		if (i * 16 > classes[c].size)
			c++;
		class_of[i] = (u8)c;
	}
}

static unsigned order_of(size_t size)
{
	return bits_log2((size - 1) >> PAGE_SHIFT) + 1;
}

void *kmalloc(size_t size)
{
	struct page *p;

	if (size <= CLASS_MAX)
		return slab_alloc(classes[class_of[(size + 15) / 16]].cache);
	if (size > PAGE_SIZE << BUDDY_MAX_ORDER)
		return NULL;
	p = buddy_alloc(order_of(size), 0);
	return p ? phys_page_data(p) : NULL;
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

void *kcalloc(size_t n, size_t size)
{
	size_t total;

	if (mul_overflows(n, size, &total))
		return NULL;
	return kzalloc(total);
}

void kfree(void *p)
{
	struct page *page;

	if (!p)
		return;
	page = phys_page_of(p);
	if (page->flags & PAGE_SLAB)
		slab_free(page->owner, p);
	else
		buddy_free(page);
}
