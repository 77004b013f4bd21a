/* core/dev/loop_ioctl.c -- what a program asks of a loop device. */
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/dev/blk_cache.h"
#include "core/dev/loop.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/attr.h"
#include "vfs/fd.h"

#define LOOP_CONFIGURABLE ((u32)(LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN | \
				 LO_FLAGS_DIRECT_IO))

static bool loop_block_size_is_good(u64 size)
{
	return size >= BLK_SECTOR && size <= PAGE_SIZE && bits_is_power(size);
}

/* --- LOOP_SET_FD, LOOP_CONFIGURE --- */

/* With the mutex and the file: may it be bound so? */
static long configure_check(const struct loop *lo, struct file *file, const struct loop_config *c)
{
	long err;

	if (lo->file)
		return -EBUSY;
	err = loop_check_file(lo, file);
	if (err)
		return err;
	if (c->info.lo_flags & ~LOOP_CONFIGURABLE)
		return -EINVAL;
	err = loop_check_info(&c->info);
	if (err)
		return err;
	if (c->block_size && !loop_block_size_is_good(c->block_size))
		return -EINVAL;
	/* It goes through the page cache. */
	return c->info.lo_flags & LO_FLAGS_DIRECT_IO ? -EINVAL : 0;
}

struct loop_configure {
	struct co_frame co;
	struct loop *lo;
	struct file *by;
	const struct loop_config *config;
	struct file *file;
	long err;
};
static co_t loop_configure(struct co *co, struct loop_configure *f)
{
	CO_BEGIN;
	f->file = fd_get(fd_current(co), (int)f->config->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_LOCK(&loop_mutex);
	f->err = configure_check(f->lo, f->file, f->config);
	if (!f->err)
		CO_AWAIT(f->err, loop_bind, .lo = f->lo, .file = f->file, .config = f->config,
			 .read_only = !(f->file->mode & f->by->mode & FILE_WRITE));
	mutex_unlock(&loop_mutex);
	if (f->err)
		file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}

/* --- LOOP_CHANGE_FD --- */

static long change_check(const struct loop *lo, struct file *file)
{
	long err;

	if (!loop_is_bound(lo))
		return -ENXIO;
	if (!(lo->flags & LO_FLAGS_READ_ONLY))
		return -EINVAL;
	err = loop_check_file(lo, file);
	if (err)
		return err;
	return loop_sectors(lo, file) == loop_sectors(lo, lo->file) ? 0 : -EINVAL;
}

struct loop_change {
	struct co_frame co;
	struct loop *lo;
	int fd;
	struct file *file;
	long err;
};
static co_t loop_change(struct co *co, struct loop_change *f)
{
	struct file *was;

	CO_BEGIN;
	f->file = fd_get(fd_current(co), f->fd);
	if (!f->file)
		CO_RETURN(-EBADF);
	CO_LOCK(&loop_mutex);
	f->err = change_check(f->lo, f->file);
	if (!f->err) {
		/* Whoever has the old one's pages in the device's cache keeps them, as on Linux. */
		spin_lock(&f->lo->lock);
		was = f->lo->file;
		f->lo->file = f->file;
		spin_unlock(&f->lo->lock);
		f->file = was;
	}
	mutex_unlock(&loop_mutex);
	file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}

/* --- status --- */

static u64 loop_device_number(u32 number)
{
	u32 major = number >> 20, minor = number & 0xfffff;

	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static void loop_describe(const struct loop *lo, struct loop_info64 *to)
{
	struct attr_stat stat;

	attr_stat(lo->file->inode, &stat);
	*to = (struct loop_info64){
		.lo_device = loop_device_number(stat.dev),
		.lo_inode = stat.ino,
		.lo_rdevice = loop_device_number(stat.rdev),
		.lo_offset = lo->offset,
		.lo_sizelimit = lo->limit,
		.lo_number = lo->blk.number & 0xfffff,
		.lo_flags = lo->flags,
	};
	memcpy(to->lo_file_name, lo->name, LO_NAME_SIZE);
}

/* Between the two layouts. -EOVERFLOW: a number does not fit the old one. */
static long loop_info_to_old(const struct loop_info64 *from, struct loop_info *to)
{
	*to = (struct loop_info){
		.lo_number = (int)from->lo_number,
		.lo_device = (__kernel_old_dev_t)from->lo_device,
		.lo_inode = from->lo_inode,
		.lo_rdevice = (__kernel_old_dev_t)from->lo_rdevice,
		.lo_offset = (int)from->lo_offset,
		.lo_flags = (int)from->lo_flags,
	};
	memcpy(to->lo_name, from->lo_file_name, LO_NAME_SIZE);
	return to->lo_device != from->lo_device || to->lo_rdevice != from->lo_rdevice ||
			       to->lo_inode != from->lo_inode ||
			       to->lo_offset < 0 || (u64)to->lo_offset != from->lo_offset
		       ? -EOVERFLOW
		       : 0;
}

static void loop_info_of_old(const struct loop_info *from, struct loop_info64 *to)
{
	*to = (struct loop_info64){
		.lo_offset = (u64)(i64)from->lo_offset,
		.lo_encrypt_type = (u32)from->lo_encrypt_type,
		.lo_encrypt_key_size = (u32)from->lo_encrypt_key_size,
		.lo_flags = (u32)from->lo_flags,
	};
	memcpy(to->lo_file_name, from->lo_name, LO_NAME_SIZE);
}

/* Either layout; and what is copied is the heap's. */
struct loop_status {
	struct loop_info64 info;
	struct loop_info old;
};

struct loop_get_status {
	struct co_frame co;
	struct loop *lo;
	bool old;
	uptr to;
	struct loop_status *status;
	long err;
};
static co_t loop_get_status(struct co *co, struct loop_get_status *f)
{
	CO_BEGIN;
	f->status = kzalloc(sizeof(*f->status));
	if (!f->status)
		CO_RETURN(-ENOMEM);
	CO_LOCK(&loop_mutex);
	f->err = loop_is_bound(f->lo) ? 0 : -ENXIO;
	if (!f->err)
		loop_describe(f->lo, &f->status->info);
	mutex_unlock(&loop_mutex);
	if (!f->err && !f->old)
		CO_COPY_TO_USER(f->err, f->to, &f->status->info, sizeof(f->status->info));
	else if (!f->err)
		f->err = loop_info_to_old(&f->status->info, &f->status->old);
	if (!f->err && f->old)
		CO_COPY_TO_USER(f->err, f->to, &f->status->old, sizeof(f->status->old));
	kfree(f->status);
	CO_RETURN(f->err);
	CO_END;
}

struct loop_set_status {
	struct co_frame co;
	struct loop *lo;
	bool old;
	uptr from;
	struct loop_status *status;
	long err;
};
static co_t loop_set_status(struct co *co, struct loop_set_status *f)
{
	CO_BEGIN;
	f->status = kzalloc(sizeof(*f->status));
	if (!f->status)
		CO_RETURN(-ENOMEM);
	if (f->old)
		CO_COPY_FROM_USER(f->err, &f->status->old, f->from, sizeof(f->status->old));
	else
		CO_COPY_FROM_USER(f->err, &f->status->info, f->from, sizeof(f->status->info));
	if (!f->err && f->old)
		loop_info_of_old(&f->status->old, &f->status->info);
	if (f->err)
		goto out;
	CO_LOCK(&loop_mutex);
	f->err = loop_is_bound(f->lo) ? loop_check_info(&f->status->info) : -ENXIO;
	if (!f->err)
		CO_AWAIT(f->err, loop_set, .lo = f->lo, .info = &f->status->info);
	mutex_unlock(&loop_mutex);
out:
	kfree(f->status);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the small ones --- */

struct loop_adjust {
	struct co_frame co;
	struct loop *lo;
	unsigned cmd;
	u64 arg;
	long err;
};
static co_t loop_adjust(struct co *co, struct loop_adjust *f)
{
	CO_BEGIN;
	CO_LOCK(&loop_mutex);
	f->err = -EINVAL;
	if (!loop_is_bound(f->lo) &&
	    (f->cmd == LOOP_SET_CAPACITY || f->cmd == LOOP_SET_BLOCK_SIZE ||
	     f->cmd == LOOP_SET_DIRECT_IO || f->cmd == LOOP_CLR_FD)) {
		f->err = -ENXIO;
	} else if (f->cmd == LOOP_CLR_FD) {
		loop_let_go(f->lo);
		f->err = 0;
	} else if (f->cmd == LOOP_SET_CAPACITY) {
		CO_AWAIT(f->err, blk_resize, .dev = &f->lo->blk,
			 .sectors = loop_sectors(f->lo, f->lo->file));
	} else if (f->cmd == LOOP_SET_BLOCK_SIZE && loop_block_size_is_good(f->arg)) {
		CO_AWAIT(f->err, blk_sync, .dev = &f->lo->blk);
		atomic_store(&f->lo->blk.block_size, (u32)f->arg);
	} else if (f->cmd == LOOP_SET_DIRECT_IO && !f->arg) {
		f->err = 0;
	}
	mutex_unlock(&loop_mutex);
	CO_RETURN(f->err);
	CO_END;
}

static bool loop_adjusts(unsigned cmd)
{
	return cmd == LOOP_SET_STATUS || cmd == LOOP_SET_STATUS64 || cmd == LOOP_SET_CAPACITY ||
	       cmd == LOOP_SET_DIRECT_IO || cmd == LOOP_SET_BLOCK_SIZE;
}

/* LOOP_SET_FD and LOOP_CONFIGURE. */
struct loop_give {
	struct co_frame co;
	struct loop_ioctl *of;
	struct loop_config *config;
	long err;
};
static co_t loop_give(struct co *co, struct loop_give *f)
{
	CO_BEGIN;
	f->config = kzalloc(sizeof(*f->config));
	if (!f->config)
		CO_RETURN(-ENOMEM);
	f->config->fd = (u32)f->of->arg;
	if (f->of->cmd == LOOP_CONFIGURE)
		CO_COPY_FROM_USER(f->err, f->config, uptr_of(f->of->arg), sizeof(*f->config));
	if (!f->err)
		CO_AWAIT(f->err, loop_configure, .lo = f->of->lo, .by = f->of->file,
			 .config = f->config);
	kfree(f->config);
	CO_RETURN(f->err);
	CO_END;
}

co_t loop_ioctl(struct co *co, struct loop_ioctl *f)
{
	CO_BEGIN;
	f->lo = loop_of(f->file->private);
	if (loop_adjusts(f->cmd) && !(f->file->mode & FILE_WRITE) &&
	    !cred_capable(co_task(co)->cred, CAP_SYS_ADMIN))
		CO_RETURN(-EPERM);
	if (f->cmd == LOOP_SET_FD || f->cmd == LOOP_CONFIGURE)
		CO_AWAIT(f->err, loop_give, .of = f);
	else if (f->cmd == LOOP_CHANGE_FD)
		CO_AWAIT(f->err, loop_change, .lo = f->lo, .fd = (int)f->arg);
	else if (f->cmd == LOOP_GET_STATUS || f->cmd == LOOP_GET_STATUS64)
		CO_AWAIT(f->err, loop_get_status, .lo = f->lo, .to = uptr_of(f->arg),
			 .old = f->cmd == LOOP_GET_STATUS);
	else if (f->cmd == LOOP_SET_STATUS || f->cmd == LOOP_SET_STATUS64)
		CO_AWAIT(f->err, loop_set_status, .lo = f->lo, .from = uptr_of(f->arg),
			 .old = f->cmd == LOOP_SET_STATUS);
	else
		CO_AWAIT(f->err, loop_adjust, .lo = f->lo, .cmd = f->cmd, .arg = f->arg);
	CO_RETURN(f->err);
	CO_END;
}
