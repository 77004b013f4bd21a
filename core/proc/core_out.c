/* core/proc/core_out.c -- bytes of a core file: gathered in a page, written when it is full. */
#include "core/proc/core_parts.h"
#include "mem/phys/buddy.h"
#include "coro/executor.h"

static bool out_fits(struct core *c, u64 n)
{
	if (n > c->limit || c->written > c->limit - n)
		return false;
	c->written += n;
	return true;
}

struct out_write {
	struct co_frame co;
	struct core *core;
	struct uio uio;
	long n;
};
static co_t out_write(struct co *co, struct out_write *f)
{
	struct core *c = f->core;
	u64 most;

	CO_BEGIN;
	while (f->uio.left) {
		if (atomic_load_relaxed(&co_task(co)->flags) & TASK_KILLED)
			CO_RETURN(-EINTR);
		most = rlimit_get(c->by->process, RLIMIT_FSIZE);
		CO_AWAIT(f->n, file_write, .file = c->file, .uio = &f->uio,
			 .pos = c->piped ? FILE_POS : (i64)c->pos,
			 .limit_fsize = most == RLIM_INFINITY ? 0 : most + 1);
		if (f->n <= 0)
			CO_RETURN(f->n ? f->n : -EIO);
		c->pos += (u64)f->n;
	}
	c->hole = false;
	CO_RETURN(0);
	CO_END;
}

/* Write what was gathered. */
struct out_flush {
	struct co_frame co;
	struct core *core;
	long err;
};
static co_t out_flush(struct co *co, struct out_flush *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	if (!c->used)
		CO_RETURN(0);
	CO_AWAIT(f->err, out_write, .core = c, .uio = uio_kernel_const(c->page, c->used));
	c->used = 0;
	CO_RETURN(f->err);
	CO_END;
}

co_t core_put(struct co *co, struct core_put *f)
{
	struct core *c = f->core;
	size_t some;

	CO_BEGIN;
	if (!out_fits(c, f->n)) {
		CO_AWAIT(f->err, out_flush, .core = c);
		CO_RETURN(-EFBIG);
	}
	while (f->done < f->n) {
		some = min(f->n - f->done, PAGE_SIZE - c->used);
		memcpy(c->page + c->used, (const char *)f->from + f->done, some);
		c->used += (u32)some;
		f->done += some;
		if (c->used < PAGE_SIZE)
			continue;
		CO_AWAIT(f->err, out_flush, .core = c);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t core_put_page(struct co *co, struct core_put_page *f)
{
	CO_BEGIN;
	if (!out_fits(f->core, PAGE_SIZE))
		CO_RETURN(-EFBIG);
	CO_AWAIT(f->err, out_write, .core = f->core,
		 .uio = uio_kernel_const(phys_page_data(f->page), PAGE_SIZE));
	CO_RETURN(f->err);
	CO_END;
}

co_t core_skip(struct co *co, struct core_skip *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	CO_AWAIT(f->err, out_flush, .core = c);
	if (f->err)
		CO_RETURN(f->err);
	if (f->n && !c->piped) {
		c->pos += f->n;
		c->hole = true;
		CO_RETURN(0);
	}
	/* Nothing waits in it just now. */
	memset(c->page, 0, PAGE_SIZE);
	for (; f->n; f->n -= f->some) {
		f->some = min(f->n, PAGE_SIZE);
		CO_AWAIT(f->err, out_write, .core = c, .uio = uio_kernel_const(c->page, f->some));
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

co_t core_finish(struct co *co, struct core_finish *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	CO_AWAIT(f->err, out_flush, .core = c);
	if (!f->err && c->hole) {
		c->pos--;
		CO_AWAIT(f->err, core_put, .core = c, .from = "", .n = 1);
		if (!f->err)
			CO_AWAIT(f->err, out_flush, .core = c);
	}
	CO_RETURN(f->err);
	CO_END;
}
