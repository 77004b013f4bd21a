/* syscalls/uring_resource.c -- what of a program's a ring holds: files and buffers. */
#include "core/cred/cred.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/uaccess.h"
#include "mem/space/uio.h"
#include "syscalls/syscall.h"
#include "syscalls/uring_register.h"

/* --- files: n numbers, and n tags --- */

struct register_files {
	struct co_frame co;
	struct uring *ring;
	u64 data, tags;		/* user addresses; 0: none */
	u32 n, offset;
	bool update, sparse;
	i32 *fds;
	u64 *own;
	long err;
};
static co_t register_files(struct co *co, struct register_files *f)
{
	CO_BEGIN;
	f->err = !f->n ? -EINVAL : f->n > URING_FILES_MOST ? -EMFILE : 0;
	if (f->err)
		CO_RETURN(f->err);
	if (!f->sparse) {
		f->fds = kmalloc(f->n * sizeof(*f->fds));
		f->own = f->tags ? kmalloc(f->n * sizeof(*f->own)) : NULL;
		if (!f->fds || (f->tags && !f->own))
			f->err = -ENOMEM;
		if (!f->err)
			CO_COPY_FROM_USER(f->err, f->fds, uptr_of(f->data),
					  f->n * sizeof(*f->fds));
		if (!f->err && f->tags)
			CO_COPY_FROM_USER(f->err, f->own, uptr_of(f->tags),
					  f->n * sizeof(*f->own));
	}
	if (!f->err) {
		CO_LOCK(&f->ring->submit_lock);
		if (f->update)
			CO_AWAIT(f->err, files_update, .ring = f->ring, .offset = f->offset,
				 .fds = f->fds, .tags = f->own, .n = f->n);
		else
			CO_AWAIT(f->err, files_register, .ring = f->ring, .fds = f->fds,
				 .tags = f->own, .n = f->n);
		mutex_unlock(&f->ring->submit_lock);
	}
	kfree(f->fds);
	kfree(f->own);
	CO_RETURN(f->err);
	CO_END;
}

/* --- buffers: n vectors, and n tags --- */

struct register_buffers {
	struct co_frame co;
	struct uring *ring;
	u64 data, tags;
	u32 n, offset;
	bool update, sparse;
	struct fixed **all;
	u32 done;
	struct uio_vec vec;
	u64 tag;
	long err;
};

static co_t register_buffers(struct co *co, struct register_buffers *f)
{
	CO_BEGIN;
	if (!f->n || f->n > URING_FIXED_MOST)
		CO_RETURN(-EINVAL);
	if (!f->update && f->ring->fixed)
		CO_RETURN(-EBUSY);
	f->all = kcalloc(f->n, sizeof(struct fixed *));
	if (!f->all)
		CO_RETURN(-ENOMEM);
	for (; !f->sparse && f->done < f->n; f->done++) {
		CO_COPY_FROM_USER(f->err, &f->vec, uptr_of(f->data + f->done * sizeof(f->vec)),
				  sizeof(f->vec));
		if (!f->err && f->tags)
			CO_COPY_FROM_USER(f->err, &f->tag, uptr_of(f->tags + f->done * 8ul),
					  sizeof(f->tag));
		if (!f->err)
			CO_AWAIT(f->err, fixed_make, .ring = f->ring, .addr = f->vec.base,
				 .len = f->vec.len, .tag = f->tag, .made = &f->all[f->done]);
		if (f->err)
			break;
		CO_BREATHE;
	}
	if (!f->err) {
		CO_LOCK(&f->ring->submit_lock);
		if (f->update)
			CO_AWAIT(f->err, fixed_update, .ring = f->ring, .offset = f->offset,
				 .all = f->all, .n = f->n);
		else
			f->err = fixed_register(f->ring, f->all, f->n);
		mutex_unlock(&f->ring->submit_lock);
		if (f->update)
			kfree(f->all);
		if (f->update || !f->err)
			CO_RETURN(f->err);
	}
	while (f->done) {
		fixed_drop(f->all[--f->done]);
		CO_BREATHE;
	}
	kfree(f->all);
	CO_RETURN(f->err);
	CO_END;
}

/* Both in their older and newer forms. */
static long register_read_new(struct register_resources *f)
{
	if (f->reg.resv2 || f->reg.flags & ~IORING_RSRC_REGISTER_SPARSE)
		return -EINVAL;
	f->sparse = f->reg.flags & IORING_RSRC_REGISTER_SPARSE;
	if (f->sparse && f->reg.data)
		return -EINVAL;
	f->data = f->reg.data;
	f->tags = f->reg.tags;
	f->n = f->reg.nr;
	return 0;
}

co_t register_resources(struct co *co, struct register_resources *f)
{
	const struct sys_io_uring_register *c = f->call;

	CO_BEGIN;
	f->data = c->arg.raw;
	f->n = c->n;
	f->buffers = c->op == IORING_REGISTER_BUFFERS || c->op == IORING_REGISTER_BUFFERS2 ||
		     c->op == IORING_REGISTER_BUFFERS_UPDATE;
	if (c->op == IORING_REGISTER_FILES2 || c->op == IORING_REGISTER_BUFFERS2) {
		if (c->n != sizeof(f->reg))
			CO_RETURN(-EINVAL);
		CO_COPY_FROM_USER(f->err, &f->reg, c->arg, sizeof(f->reg));
		if (!f->err)
			f->err = register_read_new(f);
	} else if (c->op != IORING_REGISTER_FILES && c->op != IORING_REGISTER_BUFFERS) {
		/* The older one is the newer one's beginning, without tags. */
		bool old = c->op == IORING_REGISTER_FILES_UPDATE;

		if (!old && c->n != sizeof(f->up))
			CO_RETURN(-EINVAL);
		CO_COPY_FROM_USER(f->err, &f->up, c->arg,
				  c->op == IORING_REGISTER_FILES_UPDATE
					  ? sizeof(struct io_uring_rsrc_update)
					  : sizeof(f->up));
		f->update = true;
		if (!f->err && (f->up.resv || f->up.resv2))
			f->err = -EINVAL;
		f->data = f->up.data;
		f->tags = f->up.tags;
		f->offset = f->up.offset;
		if (c->op != IORING_REGISTER_FILES_UPDATE)
			f->n = f->up.nr;
	}
	if (f->err)
		CO_RETURN(f->err);
	if (f->buffers)
		CO_AWAIT(f->err, register_buffers, .ring = c->ring, .data = f->data,
			 .tags = f->tags, .n = f->n, .offset = f->offset, .update = f->update,
			 .sparse = f->sparse);
	else
		CO_AWAIT(f->err, register_files, .ring = c->ring, .data = f->data, .tags = f->tags,
			 .n = f->n, .offset = f->offset, .update = f->update, .sparse = f->sparse);
	CO_RETURN(f->err);
	CO_END;
}

/* --- rings of buffers --- */

/* The program's pages, as a region. */
struct register_pin {
	struct co_frame co;
	u64 addr;
	struct region *to;
	struct page *page;
	u32 count;
	long err;
};
static co_t register_pin(struct co *co, struct register_pin *f)
{
	CO_BEGIN;
	f->to->pages = kcalloc(f->count, sizeof(char *));
	if (!f->to->pages)
		CO_RETURN(-ENOMEM);
	for (f->to->count = 0; f->to->count < f->count; f->to->count++) {
		CO_AWAIT(f->err, space_pin, .space = co_task(co)->space,
			 .addr = uptr_of(f->addr + ((u64)f->to->count << PAGE_SHIFT)),
			 .access = HAL_READ | HAL_WRITE, .page = &f->page);
		if (f->err) {
			region_free(f->to);
			CO_RETURN(f->err);
		}
		f->to->pages[f->to->count] = phys_page_data(f->page);
	}
	CO_RETURN(0);
	CO_END;
}

static long register_check_ring(const struct io_uring_buf_reg *reg)
{
	for (unsigned i = 0; i < 5; i++)
		if (reg->resv[i])
			return -EINVAL;
	if (reg->min_left || reg->flags & ~(u32)(IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC))
		return -EINVAL;
	if (!reg->ring_entries || reg->ring_entries & (reg->ring_entries - 1) ||
	    reg->ring_entries >= 65536)
		return -EINVAL;
	if (reg->flags & IOU_PBUF_RING_MMAP)
		return reg->ring_addr ? -EINVAL : 0;
	return !reg->ring_addr ? -EFAULT : reg->ring_addr & ~PAGE_MASK ? -EINVAL : 0;
}

co_t register_ring(struct co *co, struct register_ring *f)
{
	CO_BEGIN;
	if (f->call->n != 1)
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->reg, f->call->arg, sizeof(f->reg));
	if (!f->err)
		f->err = register_check_ring(&f->reg);
	if (f->err)
		CO_RETURN(f->err);
	f->size = f->reg.ring_entries * sizeof(struct io_uring_buf);
	if (f->reg.flags & IOU_PBUF_RING_MMAP)
		f->err = region_make(&f->memory, f->size);
	else
		CO_AWAIT(f->err, register_pin, .addr = f->reg.ring_addr, .to = &f->memory,
			 .count = (u32)(PAGE_UP(f->size) >> PAGE_SHIFT));
	if (f->err)
		CO_RETURN(f->err);
	CO_LOCK(&f->call->ring->submit_lock);
	f->err = group_register(f->call->ring, &f->reg, &f->memory);
	mutex_unlock(&f->call->ring->submit_lock);
	if (f->err)
		region_free(&f->memory);
	CO_RETURN(f->err);
	CO_END;
}
