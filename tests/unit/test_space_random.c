/* tests/unit/test_space_random.c -- address spaces against a model: random calls in up to
 * three related spaces, every result and every word compared; the same on several CPUs that
 * share a space; and with every allocation failing in turn. */
#include "space_machine.h"

#include <string.h>

#define BASE	0x10000000ul
#define PAGES	96u
#define SPACES	3
#define STEPS	400

enum kind { NOTHING, ANON, FILE_PRIVATE, FILE_SHARED };

struct model_page {
	enum kind kind;
	u32 prot;
	bool own;	/* FILE_PRIVATE: was copied */
	bool promised;	/* private, and could be written once */
	u64 value;
	u32 index;	/* in the file */
};

struct model {
	struct space *space;
	struct model_page pages[PAGES];
};

static struct model models[SPACES];
static u64 file_values[FILE_PAGES];

static u64 model_value(const struct model_page *p)
{
	if (p->kind == FILE_SHARED || (p->kind == FILE_PRIVATE && !p->own))
		return file_values[p->index];
	return p->value;
}

static bool model_reads(const struct model_page *p)
{
	return p->kind != NOTHING && p->prot;
}

static bool model_writes(const struct model_page *p)
{
	return p->kind != NOTHING && p->prot & PROT_WRITE;
}

static u64 at_page(u32 i)
{
	return BASE + (u64)i * PG;
}

struct wander {
	struct co_frame co;
	u32 step, m, i, n, j, prot;
	enum kind kind;
	i64 r;
	u64 w, before;
	struct space *child;
};

static u32 free_model(void)
{
	for (u32 i = 0; i < SPACES; i++)
		if (!models[i].space)
			return i;
	return SPACES;
}

static u32 used_model(void)
{
	u32 i;

	do
		i = (u32)host_random(SPACES);
	while (!models[i].space);
	return i;
}

static u32 random_prot(void)
{
	static const u32 prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};

	return prots[host_random(5)];
}

static void model_protect(struct model_page *p, u32 prot)
{
	p->prot = prot;
	p->promised |= p->kind != FILE_SHARED && prot & PROT_WRITE;
}

static void model_map(struct wander *f)
{
	for (u32 k = 0; k < f->n; k++) {
		struct model_page *p = &models[f->m].pages[f->i + k];

		*p = (struct model_page){.kind = f->kind, .index = f->j + k};
		model_protect(p, f->prot);
	}
}

static void model_written(struct wander *f)
{
	struct model_page *p = &models[f->m].pages[f->i];

	if (p->kind == FILE_SHARED) {
		file_values[p->index] = f->w;
	} else {
		p->value = f->w;
		p->own = true;
	}
}

static bool all_mapped(struct wander *f)
{
	for (u32 k = 0; k < f->n; k++)
		if (models[f->m].pages[f->i + k].kind == NOTHING)
			return false;
	return true;
}

/* Pages that move together: one VMA in the model's eyes. */
static bool one_vma(struct wander *f)
{
	const struct model_page *a = &models[f->m].pages[f->i];

	for (u32 k = 0; k < f->n; k++)
		if (a[k].kind == NOTHING || a[k].kind != a->kind || a[k].prot != a->prot ||
		    a[k].promised != a->promised ||
		    (a->kind != ANON && a[k].index != a->index + k))
			return false;
	return true;
}

static void model_move(struct wander *f)
{
	struct model_page *p = models[f->m].pages;
	struct model_page moved[PAGES];

	memcpy(moved, p + f->i, f->n * sizeof(*p));
	memset(p + f->i, 0, f->n * sizeof(*p));
	memcpy(p + f->j, moved, f->n * sizeof(*p));
}

static void model_discard(struct wander *f)
{
	for (u32 k = 0; k < f->n; k++) {
		models[f->m].pages[f->i + k].own = false;
		models[f->m].pages[f->i + k].value = 0;
	}
}

static void draw_range(struct wander *f)
{
	f->i = (u32)host_random(PAGES);
	f->n = 1 + (u32)host_random(host_random(4) ? 6 : PAGES - f->i);
	f->n = min(f->n, PAGES - f->i);
}

struct random_map { struct co_frame co; struct wander *f; i64 r; };
static co_t random_map(struct co *co, struct random_map *f)
{
	struct wander *x;

	CO_BEGIN;
	x = f->f;
	draw_range(x);
	x->kind = 1 + (enum kind)host_random(3);
	x->prot = random_prot();
	x->n = min(x->n, 30u);
	x->j = (u32)host_random(FILE_PAGES - x->n);
	CO_AWAIT(f->r, space_map, .space = models[f->f->m].space, .addr = at_page(f->f->i),
		 .len = f->f->n * PG, .prot = f->f->prot,
		 .flags = MAP_FIXED | (f->f->kind == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE) |
			  (f->f->kind == ANON ? MAP_ANONYMOUS : 0),
		 .pager = f->f->kind == ANON ? NULL : &test_file.pager,
		 .file = f->f->kind == ANON ? NULL : &test_file, .pgoff = f->f->j,
		 .vma_flags = VMA_MAYWRITE | VMA_MAYEXEC);
	if (f->r > 0)
		model_map(f->f);
	CO_RETURN(f->r > 0 ? 0 : f->r);
	CO_END;
}

struct random_move { struct co_frame co; struct wander *f; i64 r; };
static co_t random_move(struct co *co, struct random_move *f)
{
	struct wander *x;

	CO_BEGIN;
	x = f->f;
	draw_range(x);
	x->j = (u32)host_random(PAGES - x->n + 1);
	if (!one_vma(x) || (x->j < x->i + x->n && x->i < x->j + x->n))
		CO_RETURN(0);
	CO_AWAIT(f->r, space_remap, .space = models[f->f->m].space, .addr = at_page(f->f->i),
		 .old_len = f->f->n * PG, .new_len = f->f->n * PG,
		 .flags = MREMAP_MAYMOVE | MREMAP_FIXED, .new_addr = at_page(f->f->j));
	if (f->r == (i64)at_page(f->f->j)) {
		model_move(f->f);
		CO_RETURN(0);
	}
	/* The target may be gone already. */
	host_expect(f->r == -ENOMEM && fault_hit());
	f->f->i = f->f->j;
	f->f->kind = NOTHING;
	model_map(f->f);
	CO_AWAIT(f->r, space_unmap, .space = models[f->f->m].space, .addr = at_page(f->f->i),
		 .len = f->f->n * PG);
	host_expect(!f->r);
	CO_RETURN(-ENOMEM);
	CO_END;
}

/* One random operation in the space entered. 0, or -ENOMEM where a test makes it fail. */
struct random_step { struct co_frame co; struct wander *f; i64 r; };
static co_t random_step(struct co *co, struct random_step *f)
{
	struct wander *x;
	u32 what;

	CO_BEGIN;
	x = f->f;
	draw_range(x);
	x->w = host_now() << 20 | host_random(1 << 20);
	x->prot = random_prot();
	what = (u32)host_random(20);
	if (what < 2) {
		CO_AWAIT(f->r, random_map, .f = f->f);
	} else if (what < 3) {
		CO_AWAIT(f->r, space_unmap, .space = models[f->f->m].space,
			 .addr = at_page(f->f->i), .len = f->f->n * PG);
		if (!f->r) {
			f->f->kind = NOTHING;
			model_map(f->f);
		}
	} else if (what < 5 && all_mapped(x)) {
		CO_AWAIT(f->r, space_protect, .space = models[f->f->m].space,
			 .addr = at_page(f->f->i), .len = f->f->n * PG, .prot = f->f->prot);
		for (u32 k = 0; !f->r && k < f->f->n; k++)
			model_protect(&models[f->f->m].pages[f->f->i + k], f->f->prot);
		/* After a failure half of it may be done: bring both to one state. */
		if (f->r == -ENOMEM) {
			CO_AWAIT(f->r, space_protect, .space = models[f->f->m].space,
				 .addr = at_page(f->f->i), .len = f->f->n * PG, .prot = f->f->prot);
			for (u32 k = 0; !f->r && k < f->f->n; k++)
				model_protect(&models[f->f->m].pages[f->f->i + k], f->f->prot);
			host_expect(!f->r);
			f->r = -ENOMEM;
		}
	} else if (what < 6 && all_mapped(x)) {
		CO_AWAIT(f->r, space_advise, .space = models[f->f->m].space,
			 .addr = at_page(f->f->i), .len = f->f->n * PG, .advice = MADV_DONTNEED);
		host_expect(!f->r);
		model_discard(f->f);
	} else if (what < 7) {
		CO_AWAIT(f->r, random_move, .f = f->f);
	} else if (what < 13) {
		CO_AWAIT(f->r, put, .at = at_page(f->f->i), .value = f->f->w);
		if (f->r == 0)
			model_written(f->f);
		host_expect(f->r == 0 || f->r == -EFAULT);
		if (f->r == 0)
			host_expect(model_writes(&models[f->f->m].pages[f->f->i]));
		else
			f->r = model_writes(&models[f->f->m].pages[f->f->i]) ? -ENOMEM : 0;
	} else if (what < 18) {
		CO_AWAIT(f->r, get, .at = at_page(f->f->i), .value = &f->f->w);
		if (f->r == 0)
			host_expect(f->f->w == model_value(&models[f->f->m].pages[f->f->i]));
		else
			f->r = model_reads(&models[f->f->m].pages[f->f->i]) ? -ENOMEM : 0;
	} else if (what < 19) {
		/* writeback of one page */
		what = (u32)host_random(FILE_PAGES);
		if (test_file.pages[what]) {
			atomic_and(&test_file.pages[what]->flags, ~(u32)PAGE_DIRTY);
			pager_write_protect(&test_file.pager, what);
		}
	} else {
		/* reclaim: from the tables, not from the file */
		pager_unmap(&test_file.pager, host_random(FILE_PAGES), 8, false);
	}
	CO_RETURN(f->r);
	CO_END;
}

/* Every word of the space entered is as the model says. */
struct compare { struct co_frame co; struct model *m; u32 i; i64 r; u64 w; };
static co_t compare(struct co *co, struct compare *f)
{
	CO_BEGIN;
	check_space(f->m->space);
	for (f->i = 0; f->i < PAGES; f->i++) {
		CO_AWAIT(f->r, get, .at = at_page(f->i), .value = &f->w);
		if ((f->r == 0) != model_reads(&f->m->pages[f->i]))
			host_fail("page %u: read gave %ld", f->i, (long)f->r);
		if (f->r == 0 && f->w != model_value(&f->m->pages[f->i]))
			host_fail("page %u holds %#lx, not %#lx", f->i, f->w,
				  model_value(&f->m->pages[f->i]));
	}
	CO_RETURN(0);
	CO_END;
}

static void start_files(void)
{
	space_init();
	file_make(FILE_PAGES);
	for (u64 i = 0; i < FILE_PAGES; i++)
		file_values[i] = 0xf11e0000 + i;
	memset(models, 0, sizeof(models));
}

static co_t wander(struct co *co, struct wander *f)
{
	u32 other;

	CO_BEGIN;
	start_files();
	f->before = memory_now() + co_machine_frame_pages(co);
	models[0].space = space_new();
	for (f->step = 0; f->step < STEPS; f->step++) {
		f->m = used_model();
		space_enter(co, models[f->m].space);
		CO_AWAIT(f->r, random_step, .f = f);
		host_expect(f->r == 0);
		if (host_random(60) == 0) {
			CO_AWAIT(f->r, compare, .m = &models[f->m]);
			other = free_model();
			if (other < SPACES) {
				CO_AWAIT(f->r, space_fork, .space = models[f->m].space, .to = &f->child);
				host_expect(f->r == 0);
				other = free_model();
				models[other] = models[f->m];
				models[other].space = f->child;
			} else {
				CO_AWAIT(f->r, leave);
				models[f->m].space = NULL;
			}
		}
	}
	for (f->m = 0; f->m < SPACES; f->m++)
		if (models[f->m].space) {
			space_enter(co, models[f->m].space);
			CO_AWAIT(f->r, compare, .m = &models[f->m]);
			CO_AWAIT(f->r, leave);
		}
	file_cut(0);
	host_expect(test_file.refs == 0 && test_file.file_refs == 0);
	if (memory_now() + co_machine_frame_pages(co) != f->before)
		host_fail("%ld pages lost", (long)(f->before - memory_now()));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(wander)

static void test_random(void **state)
{
	co_machine_seeds(150, 1, begin_wander);
}

/* --- every allocation fails in turn --- */

struct failing { struct co_frame co; u64 nth; i64 r; struct wander x; bool hit; u32 quiet; };
static co_t failing(struct co *co, struct failing *f)
{
	u32 other;

	CO_BEGIN;
	start_files();
	f->x.before = memory_now() + co_machine_frame_pages(co);
	models[0].space = space_new();
	f->x.m = 0;
	for (f->x.step = 0; f->x.step < STEPS; f->x.step++) {
		f->x.m = used_model();
		space_enter(co, models[f->x.m].space);
		fault_at(1 + host_random(6));
		CO_AWAIT(f->r, random_step, .f = &f->x);
		f->hit = fault_hit();
		fault_at(0);
		host_expect(f->r == 0 || (f->r == -ENOMEM && f->hit));
		if (f->x.step % 25 == 0) {
			CO_AWAIT(f->r, compare, .m = &models[f->x.m]);
		}
		if (f->x.step % 40 == 0 && free_model() < SPACES) {
			f->x.child = NULL;
			fault_at(1 + host_random(20));
			CO_AWAIT(f->r, space_fork, .space = models[f->x.m].space, .to = &f->x.child);
			f->hit = fault_hit();
			fault_at(0);
			host_expect(f->r == 0 || (f->r == -ENOMEM && f->hit && !f->x.child));
			if (!f->r) {
				other = free_model();
				models[other] = models[f->x.m];
				models[other].space = f->x.child;
			}
		} else if (f->x.step % 90 == 0 && free_model() == SPACES) {
			CO_AWAIT(f->r, leave);
			models[f->x.m].space = NULL;
		}
	}
	for (f->x.m = 0; f->x.m < SPACES; f->x.m++)
		if (models[f->x.m].space) {
			space_enter(co, models[f->x.m].space);
			CO_AWAIT(f->r, compare, .m = &models[f->x.m]);
			CO_AWAIT(f->r, leave);
		}
	file_cut(0);
	host_expect(test_file.refs == 0 && test_file.file_refs == 0);
	if (memory_now() + co_machine_frame_pages(co) != f->x.before)
		host_fail("%ld pages lost", (long)(f->x.before - memory_now()));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(failing)

static void test_failing(void **state)
{
	co_machine_seeds(150, 1, begin_failing);
}

/* --- several CPUs in one space --- */

#define THREADS 3
static struct space *common;
static struct waitq all_done;
static u32 done_count; /* [a] */

/* Each has pages of its own, all in the same VMAs; one forks, one moves rights about, and
 * the file is written back and truncated under them. */
struct thread { struct co_frame co; u32 id, step, i; i64 r; u64 w, a, values[16]; struct space *child; };
static co_t thread(struct co *co, struct thread *f)
{
	CO_BEGIN;
	space_join(common);
	space_enter(co, common);
	for (f->step = 0; f->step < 60; f->step++) {
		f->i = (u32)host_random(16);
		f->a = at_page(f->i * THREADS + f->id);
		switch (host_random(8)) {
		case 0:
		case 1:
			f->w = host_random(1ul << 40);
			f->a += 8 * f->id;
			goto write;
		default:
			goto read;
		case 2:
			goto call;
		}
write:
		CO_AWAIT(f->r, put, .at = f->a, .value = f->w);
		host_expect(f->r == 0);
		f->values[f->i] = f->w;
		continue;
read:
		CO_AWAIT(f->r, get, .at = f->a + 8 * f->id, .value = &f->w);
		if (f->r || f->w != f->values[f->i])
			host_fail("thread %u page %u: %ld, %#lx not %#lx", f->id, f->i, (long)f->r,
				  f->w, f->values[f->i]);
		continue;
call:
		if (f->id == 0) {
			CO_AWAIT(f->r, space_fork, .space = common, .to = &f->child);
			host_expect(f->r == 0);
			space_join(common);
			CO_AWAIT(f->r, leave);
			space_enter(co, f->child);
			CO_AWAIT(f->r, get, .at = f->a, .value = &f->w);
			host_expect(f->r == 0 && f->w == f->values[f->i]);
			CO_AWAIT(f->r, put, .at = f->a, .value = 666);
			host_expect(f->r == 0);
			CO_AWAIT(f->r, leave);
			space_enter(co, common);
		} else if (f->id == 1) {
			CO_AWAIT(f->r, space_protect, .space = common, .addr = f->a, .len = PG, .prot = PROT_READ);
			host_expect(f->r == 0);
			CO_AWAIT(f->r, space_protect, .space = common, .addr = f->a, .len = PG, .prot = PROT_READ | PROT_WRITE);
			host_expect(f->r == 0);
		} else {
			CO_AWAIT(f->r, space_advise, .space = common, .addr = f->a, .len = PG, .advice = MADV_DONTNEED);
			host_expect(f->r == 0);
			f->values[f->i] = 0;
		}
	}
	CO_AWAIT(f->r, leave);
	atomic_add(&done_count, 1u);
	waitq_wake(&all_done);
	CO_RETURN(0);
	CO_END;
}

struct filer { struct co_frame co; u32 step; i64 r; u64 w; };
static co_t filer(struct co *co, struct filer *f)
{
	u64 index;

	CO_BEGIN;
	space_join(common);
	space_enter(co, common);
	for (f->step = 0; f->step < 60; f->step++) {
		CO_AWAIT(f->r, put, .at = at_page(PAGES) + host_random(30) * PG, .value = f->step);
		host_expect(f->r == 0 || f->r == -EFAULT);
		index = host_random(30);
		spin_lock(&test_file.lock);
		if (test_file.pages[index])
			atomic_and(&test_file.pages[index]->flags, ~(u32)PAGE_DIRTY);
		spin_unlock(&test_file.lock);
		pager_write_protect(&test_file.pager, index);
		if (host_random(10) == 0)
			file_cut(host_random(30));
		spin_lock(&test_file.lock);
		test_file.count = 30;
		spin_unlock(&test_file.lock);
		CO_AWAIT(f->r, get, .at = at_page(PAGES + 64) + host_random(30) * PG, .value = &f->w);
		host_expect(f->r == 0 || f->r == -EFAULT);
	}
	CO_AWAIT(f->r, leave);
	atomic_add(&done_count, 1u);
	waitq_wake(&all_done);
	CO_RETURN(0);
	CO_END;
}

struct crowd { struct co_frame co; struct task *t; u32 i; i64 r; u64 before; };
static co_t crowd(struct co *co, struct crowd *f)
{
	CO_BEGIN;
	start_files();
	waitq_init(&all_done);
	common = space_new();
	CO_AWAIT(f->r, space_map, .space = common, .addr = BASE, .len = PAGES * PG,
		 .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
	CO_AWAIT(f->r, space_map, .space = common, .addr = at_page(PAGES), .len = 30 * PG,
		 .prot = PROT_READ | PROT_WRITE, .flags = MAP_SHARED | MAP_FIXED,
		 .pager = &test_file.pager, .file = &test_file);
	CO_AWAIT(f->r, space_map, .space = common, .addr = at_page(PAGES + 64), .len = 30 * PG,
		 .prot = PROT_READ | PROT_WRITE, .flags = MAP_PRIVATE | MAP_FIXED,
		 .pager = &test_file.pager, .file = &test_file);
	host_expect(f->r > 0);
	for (f->i = 0; f->i < THREADS; f->i++) {
		CO_SPAWN(f->t, "thread", thread, .id = f->i);
		task_put(f->t);
	}
	CO_SPAWN(f->t, "filer", filer);
	task_put(f->t);
	CO_WAIT_IO(&all_done, atomic_load(&done_count) == THREADS + 1);
	check_space(common);
	space_enter(co, common);
	CO_AWAIT(f->r, leave);
	file_cut(0);
	host_expect(test_file.refs == 0 && test_file.file_refs == 0);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(crowd)

static void test_crowd(void **state)
{
	co_machine_seeds(150, 3, begin_crowd);
	co_machine_seeds(20, 1, begin_crowd);
}

static void test_crowd_free(void **state)
{
	static struct host_result r;

	for (u64 seed = 1; seed <= 4; seed++) {
		co_machine_run((struct host_config){.seed = seed, .cpus = 4, .mode = HOST_FREE}, begin_crowd, &r);
		if (r.end != HOST_OFF)
			fail_msg("%s: %s\n%s", host_end_name(r.end), r.why, r.console);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_failing),
		cmocka_unit_test(test_crowd), cmocka_unit_test(test_crowd_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
