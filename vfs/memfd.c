/* vfs/memfd.c */
#include "vfs/memfd.h"

#include <linux/limits.h>
#include <linux/memfd.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "coro/visit.h"
#include "vfs/mount.h"
#include "vfs/super.h"

#define MEMFD_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |	\
		     F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#define MEMFD_PREFIX "/memfd:"
#define MEMFD_SUFFIX " (deleted)"
/* Linux writes in pieces of its largest page, and each piece is within the file or refused. */
#define MEMFD_PIECE (1ul << 21)

static struct mount *memfd_mount;	/* [I] after boot */

co_t memfd_setup(struct co *co, struct memfd_setup *f)
{
	CO_BEGIN;
	CO_AWAIT_OP(f->err, fs_find("tmpfs")->mount, .type = fs_find("tmpfs"), .source = "tmpfs",
		    .options = "size=0,nr_inodes=0", .made = &f->super);
	if (f->err)
		CO_RETURN(f->err);
	f->super->root_dentry = dentry_new_root(f->super, f->super->root);
	if (f->super->root_dentry)
		memfd_mount = mount_new(f->super, f->super->root_dentry, 0, "tmpfs");
	CO_RETURN(memfd_mount ? 0 : -ENOMEM);
	CO_END;
}

/* --- making one --- */

static int memfd_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
		      struct pager **pager)
{
	if (shared && write && memfd_has(file->inode, MEMFD_WRITE_SEALS))
		return -EPERM;
	*pager = &file->inode->mapping.pager;
	(*pager)->ops->get(*pager);
	return 0;
}

static const struct file_ops memfd_ops = {
	.mmap = memfd_mmap,
};

/* Takes the inode over. */
static struct file *memfd_open(struct inode *inode, const char *name, const struct cred *cred)
{
	char shown[sizeof(MEMFD_PREFIX) + NAME_MAX + sizeof(MEMFD_SUFFIX)];
	struct path path = {.mount = memfd_mount};
	struct file *file;

	format(shown, sizeof(shown), MEMFD_PREFIX "%s" MEMFD_SUFFIX, name);
	path.dentry = dentry_new_loose(inode->super, inode, shown);
	if (!path.dentry)
		return NULL;
	mount_get(path.mount);
	file = file_new(&path, O_RDWR | O_LARGEFILE, cred);
	if (!file)
		path_put(&path);
	return file;
}

co_t memfd_make(struct co *co, struct memfd_make *f)
{
	struct inode *root;

	CO_BEGIN;
	root = memfd_mount->root->inode;
	CO_AWAIT_OP(f->err, root->ops->tmpfile, .dir = root,
		    .mode = S_IFREG | (f->flags & MFD_NOEXEC_SEAL ? 0666 : 0777),
		    .uid = f->cred->fsuid, .gid = f->cred->fsgid, .made = &f->inode);
	if (f->err)
		CO_RETURN(f->err);
	if (f->flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL))
		f->inode->seals = f->flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : 0;
	f->inode->file_ops = &memfd_ops;
	*f->file = memfd_open(f->inode, f->name, f->cred);
	CO_RETURN(*f->file ? 0 : -ENOMEM);
	CO_END;
}

/* --- seals --- */

void memfd_seal_new(struct inode *inode)
{
	inode->flags |= INODE_SEALS;
	inode->seals = F_SEAL_SEAL;
}

long memfd_seals(const struct file *file)
{
	if (!(atomic_load_relaxed(&file->inode->flags) & INODE_SEALS))
		return -EINVAL;
	return atomic_load(&file->inode->seals);
}

/* Under the inode's lock. */
static long memfd_seal(struct inode *inode, u32 seals)
{
	u32 old = atomic_load(&inode->seals);

	if (old & F_SEAL_SEAL)
		return -EPERM;
	if ((seals & F_SEAL_WRITE) && !(old & F_SEAL_WRITE) &&
	    pager_may_be_stored_to(&inode->mapping.pager))
		return -EBUSY;
	/* What can be run and will stay so is not to change either. */
	if ((seals & F_SEAL_EXEC) && (atomic_load_relaxed(&inode->mode) & 0111))
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	atomic_or(&inode->seals, seals);
	return 0;
}

co_t memfd_add_seals(struct co *co, struct memfd_add_seals *f)
{
	CO_BEGIN;
	if (!(f->file->mode & FILE_WRITE))
		CO_RETURN(-EPERM);
	if ((f->seals & ~(u32)MEMFD_SEALS) ||
	    !(atomic_load_relaxed(&f->file->inode->flags) & INODE_SEALS))
		CO_RETURN(-EINVAL);
	CO_WRITE_LOCK(&f->file->inode->lock);
	f->err = memfd_seal(f->file->inode, f->seals);
	/* A debugger that had a page in hand when its mapping went is done with it after this. */
	if (!f->err && (f->seals & (F_SEAL_WRITE | F_SEAL_EXEC)))
		CO_AWAIT(f->ignored, visit_cpus);
	rwlock_unlock_write(&f->file->inode->lock);
	CO_RETURN(f->err);
	CO_END;
}

long memfd_may_write(const struct inode *inode, u64 pos, u64 len, u64 *most)
{
	u32 seals = atomic_load_relaxed(&inode->seals);
	u64 size = inode_size(inode);

	if (seals & MEMFD_WRITE_SEALS)
		return -EPERM;
	if (!(seals & F_SEAL_GROW) || (pos <= size && len <= size - pos))
		return 0;
	/* The whole pieces that lie in the file. */
	size &= ~(MEMFD_PIECE - 1);
	if (pos >= size)
		return -EPERM;
	*most = min(*most, size - pos);
	return 0;
}

long memfd_may_change(const struct inode *inode, const struct inode_attr *attr)
{
	u32 seals = atomic_load_relaxed(&inode->seals);
	u64 size = inode_size(inode);

	if ((seals & F_SEAL_EXEC) && (attr->valid & ATTR_MODE) &&
	    ((attr->mode ^ inode->mode) & 0111))
		return -EPERM;
	if (!(attr->valid & ATTR_SIZE))
		return 0;
	if ((attr->size < size && (seals & F_SEAL_SHRINK)) ||
	    (attr->size > size && (seals & F_SEAL_GROW)))
		return -EPERM;
	return 0;
}

long memfd_may_allocate(const struct inode *inode, bool hole, u64 end)
{
	if (hole)
		return memfd_has(inode, MEMFD_WRITE_SEALS) ? -EPERM : 0;
	return memfd_has(inode, F_SEAL_GROW) && end > inode_size(inode) ? -EPERM : 0;
}
