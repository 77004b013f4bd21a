/* fs/ext4/inode_write.c -- inodes to their blocks. */
#include <linux/stat.h>

#include "core/base/crc.h"
#include "fs/ext4/names.h"
#include "vfs/writeback.h"

#define EXTRA_SIZE 32u /* what a fresh inode has behind its first 128 bytes */

co_t ext4_inode_buffer(struct co *co, struct ext4_inode_buffer *f)
{
	u64 offset;

	CO_BEGIN;
	if (!f->ino || f->ino > f->fs->inodes)
		CO_RETURN(-EUCLEAN);
	CO_AWAIT(f->err, ext4_group_get, .fs = f->fs,
		 .group = (f->ino - 1) / f->fs->inodes_per_group, .inode_table = &f->block);
	if (f->err)
		CO_RETURN(f->err);
	offset = (u64)((f->ino - 1) % f->fs->inodes_per_group) * f->fs->inode_size;
	*f->offset = (u32)(offset & (f->fs->block_size - 1));
	CO_AWAIT(f->err, buffer_get, .journal = f->fs->journal,
		 .block = f->block + (offset >> f->fs->block_shift), .buffer = f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

/* --- encoding --- */

static u32 time_extra(struct inode_time t)
{
	/* Seconds past 32 bits: two more of them, as a signed low half leaves them. */
	return (u32)((t.sec - (i32)t.sec) >> 32 & 3) | t.nsec << 2;
}

static void encode_times(const struct ext4 *fs, struct ext4_disk_inode *d, const struct inode *i)
{
	d->atime = (u32)i->atime.sec;
	d->mtime = (u32)i->mtime.sec;
	d->ctime = (u32)i->ctime.sec;
	if (ext4_has_field(fs, d, atime_extra))
		d->atime_extra = time_extra(i->atime);
	if (ext4_has_field(fs, d, mtime_extra))
		d->mtime_extra = time_extra(i->mtime);
	if (ext4_has_field(fs, d, ctime_extra))
		d->ctime_extra = time_extra(i->ctime);
	if (ext4_has_field(fs, d, crtime))
		d->crtime = (u32)i->btime.sec;
	if (ext4_has_field(fs, d, crtime_extra))
		d->crtime_extra = time_extra(i->btime);
}

/* i_blocks counts sectors, or file system blocks when there are too many. */
static void encode_blocks(const struct ext4 *fs, struct ext4_disk_inode *d, struct ext4_inode *e)
{
	u64 sectors = atomic_load(&e->inode.blocks);

	e->flags &= ~(u32)EXT4_HUGE_FILE_FL;
	if (fs->huge_file && sectors >> 48) {
		e->flags |= EXT4_HUGE_FILE_FL;
		sectors >>= fs->block_shift - 9;
	}
	d->blocks_lo = (u32)sectors;
	if (fs->huge_file)
		d->blocks_high = (u16)(sectors >> 32);
}

static void encode_rdev(struct ext4_disk_inode *d, u32 rdev)
{
	u32 major = rdev >> 20, minor = rdev & 0xfffff;
	bool old = major < 256 && minor < 256;

	d->block[0] = old ? major << 8 | minor : 0;
	d->block[1] = old ? 0 : (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12;
}

/* All that memory has. What it has not stays: attributes, the orphan list's link in dtime. */
static void encode(struct ext4 *fs, struct ext4_disk_inode *d, struct ext4_inode *e)
{
	struct inode *i = &e->inode;
	u64 size = inode_size(i);

	/* No more than what is written; what is not comes later (data_write.c). */
	if (S_ISREG(i->mode) && page_all_written(&i->mapping))
		atomic_store(&e->disk_size, size);
	else if (S_ISREG(i->mode))
		size = e->disk_size;
	d->mode = (u16)i->mode;
	d->uid = (u16)i->uid;
	d->uid_high = (u16)(i->uid >> 16);
	d->gid = (u16)i->gid;
	d->gid_high = (u16)(i->gid >> 16);
	d->size_lo = (u32)size;
	if (S_ISREG(i->mode) || S_ISDIR(i->mode))
		d->size_high = (u32)(size >> 32);
	/* A directory with more links than fit has 1. */
	d->links_count = (u16)(i->nlink > EXT4_LINK_MAX ? 1 : i->nlink);
	encode_blocks(fs, d, e);
	d->flags = e->flags;
	d->generation = e->generation;
	d->file_acl_lo = (u32)e->xattr_block;
	if (fs->incompat & EXT4_INCOMPAT_64BIT)
		d->file_acl_high = (u16)(e->xattr_block >> 32);
	memcpy(d->block, e->disk_block, sizeof(d->block));
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		encode_rdev(d, i->rdev);
	encode_times(fs, d, i);
}

void ext4_inode_seal(const struct ext4 *fs, u32 ino, u8 *data)
{
	struct ext4_disk_inode *d = (struct ext4_disk_inode *)data;
	bool wide;
	u32 crc;

	if (!fs->checksums)
		return;
	crc = ext4_inode_checksum(fs, ino, data, &wide);
	d->checksum_lo = (u16)crc;
	if (wide)
		d->checksum_hi = (u16)(crc >> 16);
}

/* The buffer is accessed. Who comes later has the newer attributes: that order is the lock's. */
static void inode_put_down(struct ext4_inode_write *f)
{
	struct ext4 *fs = ext4_of(f->inode);
	u8 *data = f->buffer->data + f->offset;
	struct ext4_disk_inode *d = (struct ext4_disk_inode *)data;
	bool behind;

	/* It has all there is; what changes after this makes it dirty again. */
	if (!atomic_load_relaxed(&ext4_inode(f->inode)->caps_dropped))
		atomic_and(&f->inode->dirty, ~(u32)INODE_DIRTY_ATTRS);
	spin_lock(&f->inode->attr_lock);
	if (f->fresh) {
		memset(data, 0, fs->inode_size);
		if (fs->inode_size > EXT4_INODE_SIZE_OLD)
			d->extra_isize = EXTRA_SIZE;
	}
	encode(fs, d, ext4_inode(f->inode));
	ext4_inode_seal(fs, (u32)f->inode->ino, data);
	atomic_store(&ext4_inode(f->inode)->tid, f->handle->tid);
	behind = S_ISREG(f->inode->mode) &&
		 ext4_inode(f->inode)->disk_size < inode_size(f->inode);
	spin_unlock(&f->inode->attr_lock);
	if (behind)	/* the size follows when the pages are written */
		writeback_note(f->inode, INODE_DIRTY_ATTRS);
}

/* A file of 2 GiB needs a feature, which most file systems are made with. */
static bool needs_large_file(const struct inode *inode)
{
	const struct ext4_inode *e = container_of(inode, struct ext4_inode, inode);

	return S_ISREG(inode->mode) && atomic_load_relaxed(&e->disk_size) > INT32_MAX &&
	       !(ext4_of(inode)->super_disk->feature_ro_compat & EXT4_RO_LARGE_FILE);
}

co_t ext4_inode_write(struct co *co, struct ext4_inode_write *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_buffer, .fs = ext4_of(f->inode), .ino = (u32)f->inode->ino,
		 .buffer = &f->buffer, .offset = &f->offset);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->buffer);
	/* Without a credit for that, the handle that writes it next says so. */
	if (!f->err && needs_large_file(f->inode) && !journal_extend(f->handle, 1))
		CO_AWAIT(f->err, ext4_feature_add, .handle = f->handle, .fs = ext4_of(f->inode),
			 .ro_compat = EXT4_RO_LARGE_FILE);
	if (!f->err)
		inode_put_down(f);
	buffer_put(f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_write_inode(struct co *co, struct ext4_write_inode *f)
{
	CO_BEGIN;
	if (!ext4_of(f->inode)->journal)
		CO_RETURN(-EROFS);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = EXT4_XATTR_CREDITS + 1);
	if (f->err)
		CO_RETURN(f->err);
	if (atomic_load_relaxed(&ext4_inode(f->inode)->caps_dropped))
		CO_AWAIT(f->err, ext4_caps_remove, .handle = &f->handle, .inode = f->inode);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}
