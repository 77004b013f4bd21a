/* core/proc/core_areas.c -- which memory goes into a core file, and how it gets there.
 *
 * The mappings are written down first: another process that shares the memory may go on
 * changing them, and the file's headers have to fit what follows. What is not there any more
 * then is a hole.
 */
#include "core/proc/core_parts.h"
#include "coro/executor.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/fault.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"

/* Bits of coredump_filter. */
enum {
	FILTER_ANON_PRIVATE = 1u << 0,
	FILTER_ANON_SHARED = 1u << 1,
	FILTER_FILE_PRIVATE = 1u << 2,
	FILTER_FILE_SHARED = 1u << 3,
	FILTER_ELF_HEADERS = 1u << 4,
};

/* --- the list --- */

#define AREAS_AT_ONCE ((PAGE_SIZE - sizeof(struct list)) / sizeof(struct core_area))

struct areas_chunk {
	struct list link;
	struct core_area areas[AREAS_AT_ONCE];
};
static_assert(sizeof(struct areas_chunk) <= PAGE_SIZE);

static bool areas_add(struct core *c, const struct core_area *area)
{
	struct areas_chunk *chunk;

	if (c->area_count % AREAS_AT_ONCE == 0) {
		chunk = kmalloc(sizeof(*chunk));
		if (!chunk)
			return false;
		list_add_back(&c->areas, &chunk->link);
	}
	chunk = list_last(&c->areas, struct areas_chunk, link);
	chunk->areas[c->area_count++ % AREAS_AT_ONCE] = *area;
	return true;
}

const struct core_area *core_areas_nth(const struct core *c, u32 n, const void **at)
{
	const struct areas_chunk *chunk = *at;

	if (n >= c->area_count)
		return NULL;
	if (n % AREAS_AT_ONCE == 0)
		chunk = chunk ? list_first(&chunk->link, struct areas_chunk, link) :
				list_first(&c->areas, struct areas_chunk, link);
	*at = chunk;
	return &chunk->areas[n % AREAS_AT_ONCE];
}

void core_areas_free(struct core *c)
{
	struct areas_chunk *chunk, *next;

	list_each_safe(chunk, next, &c->areas, link)
		kfree(chunk);
}

/* --- sorting --- */

/* Heap sort, over the pages of the list by number. */
struct areas_sort {
	struct co_frame co;
	struct core *core;
	struct areas_chunk **chunks;
	u32 at, count;
};

static struct areas_chunk **areas_chunks(const struct core *c)
{
	struct areas_chunk **chunks = kcalloc(c->area_count / AREAS_AT_ONCE + 1, sizeof(*chunks));
	struct areas_chunk *chunk;
	u32 n = 0;

	if (chunks)
		list_each(chunk, &c->areas, link)
			chunks[n++] = chunk;
	return chunks;
}

static struct core_area *areas_at(const struct areas_sort *s, u32 n)
{
	return &s->chunks[n / AREAS_AT_ONCE]->areas[n % AREAS_AT_ONCE];
}

static void areas_swap(struct core_area *a, struct core_area *b)
{
	struct core_area was = *a;

	*a = *b;
	*b = was;
}

/* What is at `at` goes down until none below it is larger. */
static void areas_sift(const struct areas_sort *s, u32 at)
{
	for (u32 child; (child = 2 * at + 1) < s->count; at = child) {
		if (child + 1 < s->count && areas_at(s, child + 1)->size > areas_at(s, child)->size)
			child++;
		if (areas_at(s, at)->size >= areas_at(s, child)->size)
			return;
		areas_swap(areas_at(s, at), areas_at(s, child));
	}
}

static co_t areas_sort(struct co *co, struct areas_sort *f)
{
	CO_BEGIN;
	f->chunks = areas_chunks(f->core);
	if (!f->chunks)
		CO_RETURN(-ENOMEM);
	f->count = f->core->area_count;
	for (f->at = f->count / 2; f->at-- > 0;) {
		areas_sift(f, f->at);
		CO_BREATHE;
	}
	while (f->count > 1) {
		areas_swap(areas_at(f, 0), areas_at(f, --f->count));
		areas_sift(f, 0);
		CO_BREATHE;
	}
	kfree(f->chunks);
	CO_RETURN(0);
	CO_END;
}

/* --- choosing --- */

#define ELF_MAGIC 0x464c457fu
#define SIZE_BY_MAGIC UINT64_MAX	/* a page, if it begins like an ELF file */

/* Of one that has no private pages of its own, or is not to show them. */
static u64 areas_size(const struct vma_info *v, u32 filter, bool has_anon)
{
	u64 all = v->end - v->start;

	if (v->flags & VMA_FIXED)
		return all;
	if (v->flags & VMA_DONTDUMP)
		return 0;
	if (v->flags & VMA_SHARED)
		return filter & (v->nlink ? FILTER_FILE_SHARED : FILTER_ANON_SHARED) ? all : 0;
	if (has_anon && (filter & FILTER_ANON_PRIVATE))
		return all;
	if (!v->mapped)
		return 0;
	if (filter & FILTER_FILE_PRIVATE)
		return all;
	if (!(filter & FILTER_ELF_HEADERS) || v->offset || !(v->flags & VMA_READ))
		return 0;
	return v->mode & 0111 ? PAGE_SIZE : SIZE_BY_MAGIC;
}

/* It is in NT_FILE, if it shows a file. */
static void areas_note_file(struct core *c, const struct vma_info *v, struct core_area *a)
{
	if (!v->mapped || (v->flags & VMA_FIXED))
		return;
	c->file_count++;
	a->named = true;
	a->path = (u32)c->paths.len;
	a->offset = v->offset >> PAGE_SHIFT;
	text_put(&c->paths, v->path, v->path_len);
	text_put(&c->paths, "", 1);
}

/* One mapping: what is said of it, what it counts, and what becomes of it. */
struct areas_one {
	struct vma_info info;
	struct vma_count count;
	struct core_area area;
};

/* The first one with an end above `at`: 1, 0 past the last. */
struct areas_look {
	struct co_frame co;
	struct areas_one *one;
	u64 at;
	u32 magic;
	long err;
};
static co_t areas_look(struct co *co, struct areas_look *f)
{
	struct space *s = space_current(co);
	struct areas_one *one = f->one;

	CO_BEGIN;
	CO_AWAIT(f->err, space_info, .space = s, .addr = f->at, .info = &one->info);
	if (f->err <= 0)
		CO_RETURN(f->err);
	one->count = (struct vma_count){};
	if (!(one->info.flags & (VMA_SHARED | VMA_FIXED | VMA_DONTDUMP)))
		CO_AWAIT(f->err, space_count, .space = s, .at = one->info.start,
			 .end = one->info.end, .count = &one->count);
	one->area = (struct core_area){
		.start = one->info.start, .end = one->info.end, .flags = one->info.flags,
		.mapped = one->info.mapped,
		.size = areas_size(&one->info, atomic_load(&s->dump_filter), one->count.anon),
	};
	if (one->area.size == SIZE_BY_MAGIC) {
		CO_AWAIT(f->err, space_access, .space = s, .addr = uptr_of(one->area.start),
			 .buf = &f->magic, .len = sizeof(f->magic), .force = true);
		one->area.size = f->err == sizeof(f->magic) && f->magic == ELF_MAGIC ?
					 PAGE_SIZE : 0;
	}
	CO_RETURN(1);
	CO_END;
}

co_t core_areas_take(struct co *co, struct core_areas_take *f)
{
	struct areas_one *one;

	CO_BEGIN;
	f->one = kmalloc(sizeof(*f->one));
	f->err = f->one ? 1 : -ENOMEM;
	while (f->err > 0) {
		CO_AWAIT(f->err, areas_look, .one = f->one, .at = f->at);
		if (f->err <= 0)
			break;
		one = f->one;
		f->at = one->area.end;
		areas_note_file(f->core, &one->info, &one->area);
		if (!areas_add(f->core, &one->area))
			f->err = -ENOMEM;
		CO_BREATHE;
	}
	kfree(f->one);
	if (!f->err && atomic_load(&core_settings.sort_areas))
		CO_AWAIT(f->err, areas_sort, .core = f->core);
	CO_RETURN(f->err);
	CO_END;
}

/* --- writing --- */

/* Pages that are there only. */
struct areas_write_private {
	struct co_frame co;
	struct core *core;
	u64 at, end;
	u64 done;
	struct page *page;
	long err;
};
static co_t areas_write_private(struct co *co, struct areas_write_private *f)
{
	CO_BEGIN;
	f->done = f->at;
	while (f->done < f->end) {
		f->page = space_next_private(space_current(co), &f->at, f->end);
		CO_AWAIT(f->err, core_skip, .core = f->core, .n = f->at - f->done);
		if (!f->err && f->page)
			CO_AWAIT(f->err, core_put_page, .core = f->core, .page = f->page);
		if (f->page)
			phys_page_put(f->page);
		if (f->err)
			CO_RETURN(f->err);
		f->at += f->page ? PAGE_SIZE : 0;
		f->done = f->at;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

/* All pages, brought in if need be. */
struct areas_write_mapped {
	struct co_frame co;
	struct core *core;
	u64 at, end;
	struct page *page;
	long err;
};
static co_t areas_write_mapped(struct co *co, struct areas_write_mapped *f)
{
	CO_BEGIN;
	for (; f->at < f->end; f->at += PAGE_SIZE) {
		CO_AWAIT(f->err, space_pin, .space = space_current(co), .addr = uptr_of(f->at),
			 .access = HAL_READ | FAULT_FORCE, .page = &f->page);
		if (f->err == -EINTR)
			CO_RETURN(f->err);
		if (f->err) {
			CO_AWAIT(f->err, core_skip, .core = f->core, .n = PAGE_SIZE);
		} else {
			CO_AWAIT(f->err, core_put_page, .core = f->core, .page = f->page);
			phys_page_put(f->page);
		}
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t core_areas_write(struct co *co, struct core_areas_write *f)
{
	const struct core_area *a;

	CO_BEGIN;
	while ((a = core_areas_nth(f->core, f->n++, &f->chunk)) != NULL) {
		if (!a->size)
			continue;
		if (a->mapped)
			CO_AWAIT(f->err, areas_write_mapped, .core = f->core, .at = a->start,
				 .end = a->start + a->size);
		else
			CO_AWAIT(f->err, areas_write_private, .core = f->core, .at = a->start,
				 .end = a->start + a->size);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}
