/* core/dev/loop_work.c -- a loop device's worker: requests become reads and writes of its file. */
#include <linux/falloc.h>

#include "core/dev/loop.h"
#include "coro/task.h"
#include "hal/clock.h"
#include "hal/memory.h"
#include "vfs/allocate.h"
#include "vfs/file_cache.h"

#define LOOP_MEMORY_TRIES 100u
#define LOOP_MEMORY_NS	  50000000ul

void loop_start(struct blk_device *dev, struct blk_request *rq)
{
	struct loop *lo = container_of(dev, struct loop, blk);
	bool taken;

	spin_lock(&lo->lock);
	taken = lo->file && !lo->stop;
	if (taken)
		list_add_back(&lo->requests, &rq->link);
	spin_unlock(&lo->lock);
	if (taken)
		waitq_wake(&lo->work);
	else
		blk_finish(rq, -EIO);
}

struct loop_work {
	struct co_frame co;
	struct loop *lo;
	struct blk_request *rq;
	struct file *file;
	u64 offset;
	bool stop;
	long err;
};

/* The next request, with what it is about; or the end. */
static bool loop_take(struct loop_work *f)
{
	struct loop *lo = f->lo;

	f->rq = NULL;
	spin_lock(&lo->lock);
	f->stop = lo->stop && list_empty(&lo->requests);
	if (!list_empty(&lo->requests)) {
		f->rq = list_first(&lo->requests, struct blk_request, link);
		list_remove(&f->rq->link);
		f->file = lo->file;
		file_get(f->file);
		f->offset = lo->offset;
	}
	spin_unlock(&lo->lock);
	return f->rq || f->stop;
}

/* One piece of memory to or from the file. 0 or an error. */
struct loop_move {
	struct co_frame co;
	struct file *file;
	struct blk_segment segment;
	u64 pos;
	bool write;
	unsigned tries;
	struct uio uio;
	long n, ignored;
};
static co_t loop_move(struct co *co, struct loop_move *f)
{
	CO_BEGIN;
	f->uio = uio_kernel(hal_phys_to_virt(f->segment.addr), f->segment.len);
	while (f->uio.left) {
		if (f->write)
			CO_AWAIT(f->n, file_write, .file = f->file, .uio = &f->uio,
				 .pos = (i64)f->pos);
		else
			CO_AWAIT(f->n, file_read, .file = f->file, .uio = &f->uio,
				 .pos = (i64)f->pos);
		if (f->n == -ENOMEM && f->tries++ < LOOP_MEMORY_TRIES) {
			if (file_data(f->file))
				CO_AWAIT(f->ignored, page_write_back,
					 .mapping = &file_data(f->file)->mapping,
					 .last = UINT64_MAX - 1, .quiet = true);
			CO_WAIT_IO_UNTIL(f->ignored, NULL, false,
					 hal_clock_ns() + LOOP_MEMORY_NS);
			continue;
		}
		if (f->n <= 0)	/* the file may have become shorter */
			CO_RETURN(-EIO);
		f->pos += (u64)f->n;
	}
	CO_RETURN(0);
	CO_END;
}

/* One request: 0, -EIO, -EOPNOTSUPP. */
struct loop_serve {
	struct co_frame co;
	struct loop_work *of;
	unsigned at;
	u64 pos;
	long err;
};
static co_t loop_serve(struct co *co, struct loop_serve *f)
{
	struct blk_request *rq;

	CO_BEGIN;
	rq = f->of->rq;
	f->pos = f->of->offset + (rq->sector << BLK_SECTOR_SHIFT);
	if (rq->kind == BLK_FLUSH) {
		CO_AWAIT(f->err, file_sync, .file = f->of->file);
		CO_RETURN(f->err ? -EIO : 0);
	}
	if (rq->kind > BLK_FLUSH) {
		CO_AWAIT(f->err, file_allocate, .file = f->of->file,
			 .mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 .offset = (i64)f->pos, .len = (i64)(rq->sectors << BLK_SECTOR_SHIFT));
		CO_RETURN(f->err && f->err != -EOPNOTSUPP ? -EIO : f->err);
	}
	for (f->at = 0; f->at < f->of->rq->count && !f->err; f->at++) {
		CO_AWAIT(f->err, loop_move, .file = f->of->file, .pos = f->pos,
			 .segment = f->of->rq->segments[f->at],
			 .write = f->of->rq->kind == BLK_WRITE);
		f->pos += f->of->rq->segments[f->at].len;
		CO_BREATHE;
	}
	CO_RETURN(f->err);
	CO_END;
}

static co_t loop_work(struct co *co, struct loop_work *f)
{
	CO_BEGIN;
	atomic_or(&co_task(co)->flags, (u32)TASK_SERVES);
	for (;;) {
		CO_WAIT_IO(&f->lo->work, loop_take(f));
		if (!f->rq)
			break;
		CO_AWAIT(f->err, loop_serve, .of = f);
		file_put(f->file);
		blk_finish(f->rq, (int)f->err);
		CO_BREATHE;
	}
	atomic_and(&co_task(co)->flags, ~(u32)TASK_SERVES);
	CO_RETURN(0);
	CO_END;
}

struct task *loop_work_start(struct loop *lo)
{
	struct task *t;

	CO_SPAWN(t, lo->blk.name, loop_work, .lo = lo);
	return t;
}

co_t loop_work_end(struct co *co, struct loop_work_end *f)
{
	CO_BEGIN;
	f->worker = f->lo->worker;
	spin_lock(&f->lo->lock);
	f->lo->stop = true;
	spin_unlock(&f->lo->lock);
	waitq_wake(&f->lo->work);
	CO_JOIN(f->ignored, f->worker);
	f->lo->worker = NULL;
	CO_RETURN(0);
	CO_END;
}
