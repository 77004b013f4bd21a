/* core/dev/loop.c -- which loop devices there are, and /dev/loop-control. */
#include "core/dev/loop.h"

#include "core/base/log.h"
#include "core/dev/chardev.h"
#include "mem/phys/slab.h"
#include "vfs/reaper.h"

#define LOOP_AT_FIRST 8u
#define LOOP_MAX      (1u << 20)
#define LOOP_CONTROL  CHARDEV_NUMBER(10, 237)

struct co_mutex loop_mutex;

static void loop_unused(struct blk_device *dev)
{
	file_put(container_of(dev, struct loop, blk)->anchor);
}

static const struct blk_ops loop_ops = {
	.start = loop_start,
	.ioctl = CO_IMPLEMENTS(file_ioctl, loop_ioctl),
	.unused = loop_unused,
};

struct loop *loop_of(struct blk_device *dev)
{
	struct blk_device *disk = blk_disk(dev);

	return disk->ops == &loop_ops ? container_of(disk, struct loop, blk) : NULL;
}

struct file *loop_file(struct loop *lo)
{
	struct file *file;

	spin_lock(&lo->lock);
	file = lo->file;
	if (file)
		file_get(file);
	spin_unlock(&lo->lock);
	return file;
}

static u32 loop_number(u32 n)
{
	return BLK_NUMBER(BLK_MAJOR_LOOP, n);
}

/* A record that is used for the first time. */
static struct loop *loop_new(u32 n)
{
	struct loop *lo = kzalloc(sizeof(*lo));

	if (!lo)
		return NULL;
	spin_init(&lo->lock, RANK_BLK);
	list_init(&lo->requests);
	waitq_init(&lo->work);
	format(lo->blk.name, sizeof(lo->blk.name), "loop%u", n);
	lo->blk.ops = &loop_ops;
	lo->blk.number = loop_number(n);
	lo->blk.unparted = true;
	if (!blk_register(&lo->blk))
		return lo;
	kfree(lo);
	return NULL;
}

/* The record number n, absent or not; NULL: there never was one. */
static struct loop *loop_record(u32 n)
{
	struct blk_device *dev = blk_find_any(loop_number(n));

	return dev ? container_of(dev, struct loop, blk) : NULL;
}

/* --- /dev/loop-control --- */

struct control_add {
	struct co_frame co;
	u32 n;
	struct loop *lo;
	long ignored;
};
static co_t control_add(struct co *co, struct control_add *f)
{
	CO_BEGIN;
	f->lo = loop_record(f->n);
	if (f->lo && !atomic_load(&f->lo->blk.absent))
		CO_RETURN(-EEXIST);
	if (f->lo)
		blk_return(&f->lo->blk);
	else
		f->lo = loop_new(f->n);
	if (!f->lo)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->ignored, blk_tell, .dev = &f->lo->blk);
	CO_RETURN(f->n);
	CO_END;
}

struct control_remove {
	struct co_frame co;
	u32 n;
	struct loop *lo;
	long ignored;
};
static co_t control_remove(struct co *co, struct control_remove *f)
{
	CO_BEGIN;
	f->lo = loop_record(f->n);
	if (!f->lo || atomic_load(&f->lo->blk.absent))
		CO_RETURN(-ENODEV);
	if (f->lo->file || !blk_leave(&f->lo->blk))
		CO_RETURN(-EBUSY);
	CO_AWAIT(f->ignored, blk_tell, .dev = &f->lo->blk);
	CO_RETURN(0);
	CO_END;
}

/* The first number that is free: a device without a file, or (`make`) only one without a device. */
static u32 control_free(bool make)
{
	for (u32 n = 0; n < LOOP_MAX; n++) {
		struct loop *lo = loop_record(n);

		if (!lo || atomic_load(&lo->blk.absent) || (!make && !lo->file))
			return n;
	}
	return LOOP_MAX;
}

struct control_ioctl {
	struct file_ioctl;
	u32 n;
	long err;
};
static co_t control_ioctl(struct co *co, struct control_ioctl *f)
{
	bool remove, find, add;
	i32 n;

	CO_BEGIN;
	remove = f->cmd == LOOP_CTL_REMOVE;
	find = f->cmd == LOOP_CTL_GET_FREE;
	add = f->cmd == LOOP_CTL_ADD;
	n = (i32)f->arg;
	if (!remove && !find && !add)
		CO_RETURN(-ENOSYS);
	if ((remove && n < 0) || (add && n >= (i32)LOOP_MAX))
		CO_RETURN(-EINVAL);
	CO_LOCK(&loop_mutex);
	f->n = (u32)f->arg;
	if (f->cmd == LOOP_CTL_GET_FREE || (f->cmd == LOOP_CTL_ADD && (i32)f->n < 0))
		f->n = control_free(f->cmd == LOOP_CTL_ADD);
	if (f->cmd == LOOP_CTL_REMOVE)
		CO_AWAIT(f->err, control_remove, .n = f->n);
	else
		CO_AWAIT(f->err, control_add, .n = f->n);
	if (f->cmd == LOOP_CTL_GET_FREE && f->err == -EEXIST)
		f->err = f->n;
	mutex_unlock(&loop_mutex);
	CO_RETURN(f->err);
	CO_END;
}

static const struct file_ops control_ops = {
	.ioctl = CO_IMPLEMENTS(file_ioctl, control_ioctl),
	.llseek = file_seek_nowhere,
};

static struct chardev control_device = {
	.name = "misc",
	.major = 10,
	.first = 237,
	.count = 1,
	.ops = &control_ops,
};
static struct chardev_node control_node = {
	.name = "loop-control",
	.mode = S_IFCHR | 0600,
	.number = LOOP_CONTROL,
};

void loop_init(void)
{
	mutex_init(&loop_mutex, CO_RANK_FILE_POS);
	chardev_register(&control_device);
	chardev_add_node(&control_node);
	for (u32 n = 0; n < LOOP_AT_FIRST; n++)
		if (!loop_new(n))
			log_warn("no memory for loop%u", n);
}
