/* core/proc/vdso.c -- the pagers of [vvar] and [vdso]. */
#include "hal/vdso.h"

#include "core/base/log.h"
#include "core/proc/internal.h"
#include "mem/phys/page.h"
#include "mem/phys/slab.h"
#include "mem/space/shm.h"

static struct shm_fixed data, image;	/* [I] after boot */

void vdso_init(void)
{
	unsigned n = hal_vdso_pages();
	struct page **pages;

	if (!n)
		return;
	pages = kcalloc(n + 1, sizeof(*pages));
	if (!pages)
		panic("no memory for the vDSO");
	pages[0] = phys_page_at(hal_vdso_data_page());
	for (unsigned i = 0; i < n; i++)
		pages[i + 1] = phys_page_at(hal_vdso_page(i));
	shm_fixed_init(&data, "[vvar]", pages, 1);
	shm_fixed_init(&image, "[vdso]", pages + 1, n);
}

u64 vdso_size(void)
{
	return image.count ? (image.count + 1) << PAGE_SHIFT : 0;
}

struct pager *vdso_data_pager(void)
{
	return &data.pager;
}

struct pager *vdso_image_pager(void)
{
	return &image.pager;
}

u64 vdso_sigreturn_offset(void)
{
	return hal_vdso_sigreturn();
}
