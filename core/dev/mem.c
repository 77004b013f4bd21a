/* core/dev/mem.c -- devices that are only memory: null, zero, full, random, urandom. */
#include "core/dev/mem.h"

#include <linux/random.h>

#include "core/base/random.h"
#include "core/base/string.h"
#include "core/dev/chardev.h"
#include "mem/space/shm.h"
#include "mem/space/uaccess.h"

#define MEM_CHUNK 128

static i64 seek(struct file *file, i64 offset, int whence)
{
	return 0;
}

/* --- null --- */

struct null_read {
	struct file_transfer;
};
static co_t null_read(struct co *co, struct null_read *f)
{
	CO_BEGIN;
	CO_RETURN(0);
	CO_END;
}

struct null_write {
	struct file_transfer;
};
static co_t null_write(struct co *co, struct null_write *f)
{
	u64 n;

	CO_BEGIN;
	n = f->uio->left;
	uio_advance(f->uio, n);
	CO_RETURN((i64)n);
	CO_END;
}

static i64 null_try_read(struct file *file, struct uio *uio)
{
	return 0;
}

static i64 null_try_write(struct file *file, struct uio *uio)
{
	u64 n = uio->left;

	uio_advance(uio, n);
	return (i64)n;
}

static const struct file_ops null_ops = {
	.read = CO_IMPLEMENTS(file_transfer, null_read),
	.write = CO_IMPLEMENTS(file_transfer, null_write),
	.try_read = null_try_read,
	.try_write = null_try_write,
	.llseek = seek,
};

/* --- zero, full --- */

struct zero_read {
	struct file_transfer;
	u64 done;
	long err;
};
static co_t zero_read(struct co *co, struct zero_read *f)
{
	CO_BEGIN;
	while (f->uio->left) {
		u64 want = min(f->uio->left, PAGE_SIZE), n;

		n = uio_zero(f->uio, want);
		f->done += n;
		if (n < want) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE,
				 .write = true);
			if (f->err)
				CO_RETURN(f->done ? (i64)f->done : f->err);
		}
		CO_BREATHE;
	}
	CO_RETURN((i64)f->done);
	CO_END;
}

/* A private mapping copies the object's pages, so it need not be told from a shared one. */
static int zero_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		     struct pager **pager)
{
	u64 end;

	if (add_overflows(offset, size, &end))
		return -EOVERFLOW;
	*pager = shm_new(PAGE_UP(end) >> PAGE_SHIFT, shared);
	return *pager ? 0 : -ENOMEM;
}

static const struct file_ops zero_ops = {
	.read = CO_IMPLEMENTS(file_transfer, zero_read),
	.write = CO_IMPLEMENTS(file_transfer, null_write),
	.try_write = null_try_write,
	.mmap = zero_mmap,
	.llseek = seek,
};

struct full_write {
	struct file_transfer;
};
static co_t full_write(struct co *co, struct full_write *f)
{
	CO_BEGIN;
	CO_RETURN(-ENOSPC);
	CO_END;
}

static const struct file_ops full_ops = {
	.read = CO_IMPLEMENTS(file_transfer, zero_read),
	.write = CO_IMPLEMENTS(file_transfer, full_write),
	.llseek = seek,
};

/* --- random --- */

struct random_read {
	struct file_transfer;
	size_t n, at;
	u64 done;
	long err;
	u8 chunk[MEM_CHUNK];
};
static co_t random_read(struct co *co, struct random_read *f)
{
	CO_BEGIN;
	while (f->uio->left) {
		f->n = min(f->uio->left, (u64)MEM_CHUNK);
		random_bytes(f->chunk, f->n);
		f->at = uio_copy_to(f->uio, f->chunk, f->n);
		f->done += f->at;
		memset(f->chunk, 0, MEM_CHUNK);
		if (f->at < f->n) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE,
				 .write = true);
			if (f->err)
				CO_RETURN(f->done ? (i64)f->done : f->err);
		}
		CO_BREATHE;
	}
	CO_RETURN((i64)f->done);
	CO_END;
}

struct random_write {
	struct file_transfer;
	size_t n;
	u64 done;
	long err;
	u8 chunk[MEM_CHUNK];
};
static co_t random_write(struct co *co, struct random_write *f)
{
	CO_BEGIN;
	while (f->uio->left) {
		f->n = uio_copy_from(f->uio, f->chunk, min(f->uio->left, (u64)MEM_CHUNK));
		if (!f->n) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE);
			if (f->err)
				CO_RETURN(f->done ? (i64)f->done : f->err);
			continue;
		}
		random_add(f->chunk, f->n, false);
		f->done += f->n;
		CO_BREATHE;
	}
	CO_RETURN((i64)f->done);
	CO_END;
}

struct random_ioctl {
	struct file_ioctl;
	i32 bits;
	long err;
};
static co_t random_ioctl(struct co *co, struct random_ioctl *f)
{
	CO_BEGIN;
	if (f->cmd != RNDGETENTCNT)
		CO_RETURN(-EINVAL);
	f->bits = random_is_ready() ? 256 : 0;
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->bits, sizeof(f->bits));
	CO_RETURN(f->err);
	CO_END;
}

static const struct file_ops random_ops = {
	.read = CO_IMPLEMENTS(file_transfer, random_read),
	.write = CO_IMPLEMENTS(file_transfer, random_write),
	.ioctl = CO_IMPLEMENTS(file_ioctl, random_ioctl),
	.llseek = seek,
	.async = true,
};

/* Only the first has a name: /proc/devices shows the major once. */
static struct chardev devices[] = {
	{.name = "mem", .major = CHARDEV_MEM, .first = 3, .count = 1, .ops = &null_ops},
	{.major = CHARDEV_MEM, .first = 5, .count = 1, .ops = &zero_ops},
	{.major = CHARDEV_MEM, .first = 7, .count = 1, .ops = &full_ops},
	{.major = CHARDEV_MEM, .first = 8, .count = 2, .ops = &random_ops},
};
static struct chardev_node nodes[] = {
	{"null", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_MEM, 3)},
	{"zero", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_MEM, 5)},
	{"full", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_MEM, 7)},
	{"random", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_MEM, 8)},
	{"urandom", S_IFCHR | 0666, CHARDEV_NUMBER(CHARDEV_MEM, 9)},
};

void mem_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		chardev_register(&devices[i]);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		chardev_add_node(&nodes[i]);
}
