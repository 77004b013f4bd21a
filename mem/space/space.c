/* mem/space/space.c -- the life of an address space, and looking at it. */
#include "mem/space/space.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/asid.h"
#include "mem/space/commit.h"
#include "mem/space/pt.h"
#include "mem/space/shm.h"
#include "mem/space/vma.h"

static struct slab_cache *cache;

void space_init(void)
{
	cache = slab_cache_new("space", sizeof(struct space), 0);
	vma_init();
	pt_init();
	asid_init();
	commit_init();
	shm_init();
}

struct space *space_new(void)
{
	struct space *s = slab_zalloc(cache);
	struct page *root;

	if (!s)
		return NULL;
	root = buddy_alloc(0, BUDDY_ZERO);
	if (!root)
		goto no_root;
	s->hal.root = phys_page_addr(root);
	s->hal.asid = asid_get();
	if (!s->hal.asid)
		goto no_asid;
	s->hal.token = hal_space_token(s->hal.root, s->hal.asid);
	ref_init(&s->refs);
	ref_init(&s->users);
	rwlock_init(&s->lock, CO_RANK_SPACE);
	s->vmas.update = vma_update;
	spin_init(&s->pt_lock, RANK_PGTABLE);
	s->tables = 1;
	s->mmap_base = HAL_USER_END - (128ul << 20);
	s->limit_as = s->limit_data = s->limit_stack = s->limit_memlock = ~0ul;
	s->dumpable = SPACE_DUMP_USER;
	s->dump_filter = SPACE_DUMP_FILTER;
	return s;
no_asid:
	phys_page_put(root);
no_root:
	slab_free(cache, s);
	return NULL;
}

void space_get(struct space *s)
{
	ref_get(&s->refs);
}

void space_put(struct space *s)
{
	struct page *root;

	if (!ref_put(&s->refs))
		return;
	assert(!s->vmas.root && s->tables == 1);
	asid_put(s->hal.asid);
	root = phys_page_at(s->hal.root);
	root->index = 0;
	phys_page_put(root);
	slab_free(cache, s);
}

void space_join(struct space *s)
{
	ref_get(&s->users);
}

bool space_join_live(struct space *s)
{
	return ref_get_live(&s->users);
}

struct space *space_current(struct co *co)
{
	return co_task(co)->space;
}

/* Take the first VMA down: its pages, the tables that no later one needs, its record. No CPU
 * runs in the space and the TLB was flushed, so nothing needs to be said to it. false if
 * there is more to do. */
static bool leave_some(struct space_leave *f)
{
	struct space *s = f->space;
	struct vma *v = f->vma, *next;
	struct rb_node *n;
	u64 keep;

	if (!v)
		return true;
	if (f->at < v->end) {
		f->at = max(f->at, v->start);
		if (!pt_clear_some(s, &f->at, v->end, PT_QUIET))
			return false;
	}
	n = rb_next(&v->node);
	next = n ? container_of(n, struct vma, node) : NULL;
	f->tables = max(f->tables, round_down(v->start, PT_LEAF_SPAN));
	keep = round_up(v->end, PT_LEAF_SPAN);
	if (next)
		keep = min(keep, round_down(next->start, PT_LEAF_SPAN));
	if (f->tables < keep) {
		if (!pt_free_some(s, f->tables, keep, true))
			return false;
		f->tables = keep;
	}
	f->vma = vma_drop_first(s, v);
	return false;
}

/* What vma_drop_first leaves to the end. */
static void leave_counts(struct space *s)
{
	commit_add(-(i64)s->pages_committed);
	s->pages_committed = 0;
	s->pages_total = s->pages_data = s->pages_stack = s->pages_exec = s->pages_locked = 0;
}

co_t space_leave(struct co *co, struct space_leave *f)
{
	CO_BEGIN;
	if (!ref_put(&f->space->users))
		CO_RETURN(0);
	CO_WRITE_LOCK(&f->space->lock);
	hal_tlb_flush_asid(f->space->hal.asid);
	f->vma = vma_find(f->space, 0);
	while (!leave_some(f))
		CO_BREATHE;
	leave_counts(f->space);
	/* A mremap that ran out of memory may have left tables where no mapping is. */
	while (f->space->tables > 1 && !pt_free_some(f->space, 0, HAL_USER_END, true))
		CO_BREATHE;
	rwlock_unlock_write(&f->space->lock);
	space_put(f->space);
	CO_RETURN(0);
	CO_END;
}

/* --- /proc/pid/maps --- */

static void set_path(struct vma_info *to, const char *text)
{
	to->path_len = (u16)strlen(text);
	memcpy(to->path, text, to->path_len);
}

static void describe(struct space *s, const struct vma *v, struct vma_info *to)
{
	const struct pager_ops *ops = v->pager ? v->pager->ops : NULL;

	*to = (struct vma_info){.start = v->start, .end = v->end, .flags = v->flags,
				.policy = v->policy};
	if (ops) {
		to->mapped = true;
		to->offset = v->pgoff << PAGE_SHIFT;
		if (ops->path)
			to->path_len = (u16)min(ops->path(v->pager, v->file, to->path,
							  sizeof(to->path)),
						sizeof(to->path));
		if (ops->numbers)
			ops->numbers(v->pager, v->file, to);
	} else if (v->start <= s->brk && v->end > s->brk_start && s->brk > s->brk_start) {
		set_path(to, "[heap]");
	} else if (v->start <= s->stack_start && s->stack_start < v->end) {
		set_path(to, "[stack]");
	}
}

co_t space_info(struct co *co, struct space_info *f)
{
	struct vma *v;

	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	v = vma_find(f->space, f->addr);
	if (v)
		describe(f->space, v, f->info);
	rwlock_unlock_read(&f->space->lock);
	CO_RETURN(v != NULL);
	CO_END;
}
