/* vfs/fiemap.c -- the walk over a file's extents that a user asked for. What is dirty is written
 * first, so that it has a place. */
#include "vfs/fiemap.h"

#include "mem/space/uaccess.h"
#include "vfs/file_cache.h"
#include "vfs/super.h"

#define FIEMAP_COUNT_MAX (UINT32_MAX / (u32)sizeof(struct fiemap_extent))

/* What is asked for: 0, or an error; the flags that are not understood go back to the user. */
static long fiemap_check(struct fiemap_run *f)
{
	u64 most = f->inode->super->max_size, len = f->head.fm_length;
	u32 unknown = f->head.fm_flags & ~(u32)FIEMAP_FLAG_SYNC;

	if (!len)
		return -EINVAL;
	if (f->head.fm_start >= most)
		return -EFBIG;
	f->from = f->head.fm_start;
	f->end = f->from + min(len, most - f->from);
	if (!unknown)
		return 0;
	f->head.fm_flags = unknown;
	return -EBADR;
}

static void fiemap_fill(struct fiemap_run *f, bool last)
{
	f->out = (struct fiemap_extent){
		.fe_logical = f->last.offset,
		.fe_physical = f->last.place,
		.fe_length = f->last.len,
		.fe_flags = f->last.flags | (last ? FIEMAP_EXTENT_LAST : 0),
	};
}

/* The one found last goes to the user: 0, 1 if there is no room for more, -EFAULT. */
struct fiemap_emit {
	struct co_frame co;
	struct fiemap_run *of;
	bool last;
	long err;
};
static co_t fiemap_emit(struct co *co, struct fiemap_emit *f)
{
	CO_BEGIN;
	if (!f->of->last.len)
		CO_RETURN(0);
	if (f->of->head.fm_extent_count) {
		fiemap_fill(f->of, f->last);
		CO_COPY_TO_USER(f->err,
				uptr_of(f->of->at.raw + sizeof(struct fiemap_head) +
					f->of->head.fm_mapped_extents * sizeof(f->of->out)),
				&f->of->out, sizeof(f->of->out));
		if (f->err)
			CO_RETURN(f->err);
	}
	f->of->head.fm_mapped_extents++;
	CO_RETURN(f->of->head.fm_mapped_extents == f->of->head.fm_extent_count);
	CO_END;
}

struct fiemap_walk {
	struct co_frame co;
	struct fiemap_run *of;
	long err;
};
static co_t fiemap_walk(struct co *co, struct fiemap_walk *f)
{
	CO_BEGIN;
	for (;;) {
		f->of->found.len = 0;
		if (f->of->from < f->of->end)
			CO_AWAIT_OP(f->err, f->of->inode->ops->extent_at, .inode = f->of->inode,
				    .from = f->of->from, .end = f->of->end, .to = &f->of->found);
		if (f->err)
			CO_RETURN(f->err);
		CO_AWAIT(f->err, fiemap_emit, .of = f->of, .last = !f->of->found.len);
		if (f->err || !f->of->found.len)
			CO_RETURN(min(f->err, 0l));
		f->of->last = f->of->found;
		f->of->from = f->of->found.offset + f->of->found.len;
		CO_BREATHE;
	}
	CO_END;
}

co_t fiemap_run(struct co *co, struct fiemap_run *f)
{
	CO_BEGIN;
	f->inode = file_data(f->file);
	if (!f->inode)
		f->inode = f->file->inode;
	if (!f->inode->ops->extent_at.step)
		CO_RETURN(-EOPNOTSUPP);
	CO_COPY_FROM_USER(f->err, &f->head, f->at, sizeof(f->head));
	if (f->err)
		CO_RETURN(f->err);
	if (f->head.fm_extent_count > FIEMAP_COUNT_MAX)
		CO_RETURN(-EINVAL);
	f->head.fm_mapped_extents = 0;
	f->err = fiemap_check(f);
	if (!f->err)
		CO_AWAIT(f->err, page_write_back, .mapping = &f->inode->mapping,
			 .last = UINT64_MAX - 1, .quiet = true);
	if (!f->err)
		CO_AWAIT(f->err, fiemap_walk, .of = f);
	CO_COPY_TO_USER(f->ignored, f->at, &f->head, sizeof(f->head));
	CO_RETURN(f->ignored ? f->ignored : f->err);
	CO_END;
}
