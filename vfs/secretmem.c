/* vfs/secretmem.c */
#include "vfs/secretmem.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "mem/space/shm.h"
#include "mem/space/space.h"
#include "vfs/super.h"

#define SECRETMEM_NAME "/secretmem (deleted)"

/* --- mappings; `file` is the open file --- */

static void secretmem_file_get(void *file)
{
	file_get(file);
}

static void secretmem_file_put(void *file)
{
	file_put(file);
}

static size_t secretmem_path(struct pager *p, void *file, char *to, size_t size)
{
	return min(string_copy(to, SECRETMEM_NAME, size), size - 1);
}

static void secretmem_numbers(struct pager *p, void *file, struct vma_info *to)
{
	const struct inode *i = ((struct file *)file)->inode;

	to->dev = i->super->dev;
	to->ino = i->ino;
	to->mode = i->mode;
	to->nlink = i->nlink;
}

struct secretmem_sync {
	struct pager_sync;
};
static co_t secretmem_sync(struct co *co, struct secretmem_sync *f)
{
	CO_BEGIN;
	CO_RETURN(-EINVAL);
	CO_END;
}

struct secretmem_discard {
	struct pager_discard;
};
static co_t secretmem_discard(struct co *co, struct secretmem_discard *f)
{
	CO_BEGIN;
	CO_RETURN(-EOPNOTSUPP);
	CO_END;
}

/* The rest is shm_ops'. */
static struct pager_ops secretmem_pager_ops = {
	.sync = CO_IMPLEMENTS(pager_sync, secretmem_sync),
	.discard = CO_IMPLEMENTS(pager_discard, secretmem_discard),
	.file_get = secretmem_file_get,
	.file_put = secretmem_file_put,
	.path = secretmem_path,
	.numbers = secretmem_numbers,
};

void secretmem_init(void)
{
	secretmem_pager_ops.fault = shm_ops.fault;
	secretmem_pager_ops.peek = shm_ops.peek;
	secretmem_pager_ops.get = shm_ops.get;
	secretmem_pager_ops.put = shm_ops.put;
}

/* --- the file --- */

/* Through /proc/self/fd. */
struct secretmem_open {
	struct file_opened;
};
static co_t secretmem_open(struct co *co, struct secretmem_open *f)
{
	CO_BEGIN;
	CO_RETURN(-ENXIO);
	CO_END;
}

static int secretmem_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
			  struct pager **pager)
{
	if (!shared)
		return -EINVAL;
	*pager = file->inode->private;
	(*pager)->ops->get(*pager);
	return 0;
}

static void secretmem_closed(struct file *file)
{
	struct pager *p = file->inode->private;

	p->ops->put(p);
}

static const struct file_ops secretmem_ops = {
	.open = CO_IMPLEMENTS(file_opened, secretmem_open),
	.mmap = secretmem_mmap,
	.closed = secretmem_closed,
	.stream = true,
	.unspliced = true,
};

struct secretmem_setattr {
	struct inode_setattr;
};
static co_t secretmem_setattr(struct co *co, struct secretmem_setattr *f)
{
	CO_BEGIN;
	if (f->attr->valid & ATTR_SIZE) {
		if (inode_size(f->inode))
			CO_RETURN(-EINVAL);
		shm_set_size(f->inode->private, PAGE_UP(f->attr->size) >> PAGE_SHIFT);
		atomic_store(&f->inode->size, f->attr->size);
	}
	inode_apply(f->inode, f->attr);
	CO_RETURN(0);
	CO_END;
}

static const struct inode_ops secretmem_inode_ops = {
	.setattr = CO_IMPLEMENTS(inode_setattr, secretmem_setattr),
};

int secretmem_make(const struct cred *cred, struct file **file)
{
	struct pager *p = shm_new_secret(&secretmem_pager_ops);
	struct inode *inode = p ? inode_new_loose(S_IFREG | 0600) : NULL;

	*file = NULL;
	if (inode) {
		inode->ops = &secretmem_inode_ops;
		inode->file_ops = &secretmem_ops;
		inode->private = p;
		inode->uid = cred->fsuid;
		inode->gid = cred->fsgid;
		*file = file_new_loose(inode, SECRETMEM_NAME, &secretmem_ops, O_RDWR | O_LARGEFILE,
				       cred);
	}
	if (!*file && p)
		p->ops->put(p);
	return *file ? 0 : -ENOMEM;
}
