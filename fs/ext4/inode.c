/* fs/ext4/inode.c -- inodes: read, checked and turned into the vfs's. */
#include <linux/stat.h>

#include "core/base/crc.h"
#include "fs/ext4/names.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"

#define INODE_READ_AHEAD 8	/* pages: who reads one inode reads its neighbours soon */

u32 ext4_inode_seed(const struct ext4 *fs, u32 ino, u32 generation)
{
	u32 crc = crc_32c(fs->seed, &ino, sizeof(ino));

	return crc_32c(crc, &generation, sizeof(generation));
}

u32 ext4_inode_checksum(const struct ext4 *fs, u32 ino, const u8 *data, bool *wide)
{
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)data;
	const unsigned low = offsetof(struct ext4_disk_inode, checksum_lo);
	const unsigned high = offsetof(struct ext4_disk_inode, checksum_hi);
	const u16 zero = 0;
	u32 crc;

	*wide = ext4_has_field(fs, d, checksum_hi);
	crc = crc_32c(ext4_inode_seed(fs, ino, d->generation), data, low);
	crc = crc_32c(crc, &zero, 2);
	crc = crc_32c(crc, data + low + 2, EXT4_INODE_SIZE_OLD - low - 2);
	if (fs->inode_size > EXT4_INODE_SIZE_OLD) {
		crc = crc_32c(crc, data + EXT4_INODE_SIZE_OLD, high - EXT4_INODE_SIZE_OLD);
		crc = crc_32c(crc, *wide ? (const u8 *)&zero : data + high, 2);
		crc = crc_32c(crc, data + high + 2, fs->inode_size - high - 2);
	}
	return *wide ? crc : (u16)crc;
}

static bool inode_checksum_valid(const struct ext4 *fs, u32 ino, const u8 *data)
{
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)data;
	bool wide;
	u32 crc;

	if (!fs->checksums)
		return true;
	crc = ext4_inode_checksum(fs, ino, data, &wide);
	return crc == (d->checksum_lo | (wide ? (u32)d->checksum_hi << 16 : 0));
}

/* Two more bits of seconds and the nanoseconds lie in `extra`. */
static struct inode_time decode_time(u32 seconds, u32 extra)
{
	struct inode_time t = {.sec = (i32)seconds + ((i64)(extra & 3) << 32), .nsec = extra >> 2};

	if (t.nsec >= 1000000000)
		t.nsec = 0;
	return t;
}

static u32 decode_rdev(const struct ext4_disk_inode *d)
{
	u32 v = d->block[0];

	if (v)
		return BLK_NUMBER(v >> 8 & 0xff, v & 0xff);
	v = d->block[1];
	return BLK_NUMBER((v & 0xfff00) >> 8, (v & 0xff) | (v >> 12 & 0xfff00));
}

/* What is wrong with an inode's numbers, or NULL. */
static const char *inode_wrong(const struct ext4 *fs, u32 ino, const u8 *data, bool orphan)
{
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)data;
	u32 type = d->mode & S_IFMT;
	u64 size = d->size_lo | (u64)d->size_high << 32;

	/* First, how far the checksum itself reaches. */
	if (fs->inode_size > EXT4_INODE_SIZE_OLD &&
	    (d->extra_isize > fs->inode_size - EXT4_INODE_SIZE_OLD || d->extra_isize % 4))
		return "extra size is impossible";
	if (!inode_checksum_valid(fs, ino, data))
		return "checksum is wrong";
	if (!d->mode || (!d->links_count && ino != EXT4_ROOT_INO && !orphan))
		return "it is not in use";
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK && type != S_IFCHR &&
	    type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
		return "its type is unknown";
	if (d->flags & EXT4_INLINE_DATA_FL)
		return "it has inline data without the feature";
	if ((type == S_IFREG || type == S_IFDIR) && size > (u64)INT64_MAX)
		return "its size is impossible";
	if (type == S_IFREG && size > (d->flags & EXT4_EXTENTS_FL
					       ? (u64)UINT32_MAX << fs->block_shift
					       : ext4_indirect_limit(fs) << fs->block_shift))
		return "its size is impossible";
	if (type == S_IFDIR && ((!size && d->links_count) || size & (fs->block_size - 1) ||
				size >> 40))
		return "the directory's size is impossible";
	if (type == S_IFLNK && (!size || size >= fs->block_size || size >= 4096))
		return "the link's length is impossible";
	return NULL;
}

/* --- links --- */

/* A short link's text lies where the block map would be. */
static bool is_fast_link(const struct ext4 *fs, const struct ext4_disk_inode *d)
{
	u64 sectors = d->blocks_lo;

	if (d->file_acl_lo || (fs->blocks >> 32 && d->file_acl_high))
		sectors -= min(sectors, (u64)fs->block_size >> 9);
	return !sectors && d->size_lo < sizeof(d->block);
}

static const char *ext4_link_target(struct inode *inode)
{
	return (const char *)ext4_inode(inode)->disk_block;
}

/* The target in a block, which is the journal's to change, so it is read where that keeps it. */
struct ext4_readlink {
	struct inode_readlink;
	struct ext4_run run;
	struct page *page;
	u8 *data;
	long err;
};

static long link_copy(const struct ext4_readlink *f)
{
	size_t size = inode_size(f->inode), len = strnlen((const char *)f->data, size);

	if (len >= f->size)
		return -ENAMETOOLONG;
	if (len != size) {
		ext4_damaged_inode(f->inode, "inode %lu: the link's length is wrong",
				   (unsigned long)f->inode->ino);
		return -EUCLEAN;
	}
	memcpy(f->to, f->data, len);
	f->to[len] = 0;
	return (long)len;
}

static co_t ext4_readlink(struct co *co, struct ext4_readlink *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = 0, .run = &f->run);
	if (!f->err && !f->run.start)
		f->err = -EUCLEAN;
	if (!f->err)
		CO_AWAIT(f->err, ext4_block_get, .fs = ext4_of(f->inode),
			 .block = f->run.start - f->run.block, .page = &f->page, .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	f->err = link_copy(f);
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}

static const struct inode_ops fast_link_ops = {
	.link_target = ext4_link_target,
	EXT4_INODE_OPS,
};
static const struct inode_ops slow_link_ops = {
	.readlink = CO_IMPLEMENTS(inode_readlink, ext4_readlink),
	EXT4_INODE_OPS,
};
static const struct inode_ops file_ops_none = {EXT4_INODE_OPS};
static const struct inode_ops file_inode_ops = {
	EXT4_FILE_INODE_OPS,
	EXT4_INODE_OPS,
};

/* --- reading one --- */

static void fill_times(struct inode *i, const struct ext4 *fs, const struct ext4_disk_inode *d)
{
	i->atime = decode_time(d->atime, ext4_has_field(fs, d, atime_extra) ? d->atime_extra : 0);
	i->mtime = decode_time(d->mtime, ext4_has_field(fs, d, mtime_extra) ? d->mtime_extra : 0);
	i->ctime = decode_time(d->ctime, ext4_has_field(fs, d, ctime_extra) ? d->ctime_extra : 0);
	i->btime = (struct inode_time){0};
	if (ext4_has_field(fs, d, crtime))
		i->btime = decode_time(d->crtime,
				       ext4_has_field(fs, d, crtime_extra) ? d->crtime_extra : 0);
}

void ext4_inode_ops_set(struct ext4_inode *e, bool fast_link)
{
	struct inode *i = &e->inode;

	/* Devices and FIFOs have no file operations of ours: the vfs finds theirs. */
	i->ops = &file_ops_none;
	if (S_ISREG(i->mode)) {
		i->ops = &file_inode_ops;
		i->file_ops = &ext4_file_ops;
		i->mapping.ops = &ext4_file_mapping;
	} else if (S_ISDIR(i->mode)) {
		i->ops = &ext4_dir_ops;
		i->file_ops = &ext4_dir_file_ops;
		i->mapping.ops = &ext4_dir_mapping;
	} else if (S_ISLNK(i->mode)) {
		i->ops = fast_link ? &fast_link_ops : &slow_link_ops;
	}
}

void ext4_inode_init(struct ext4_inode *e, struct ext4 *fs, u32 ino, u32 mode, u32 generation)
{
	inode_init(&e->inode, fs->super, ino, mode);
	spin_init(&e->run_lock, RANK_FS_PRIVATE);
	rwlock_init(&e->map_lock, CO_RANK_FS);
	list_init(&e->orphans);
	e->generation = generation;
	e->seed = ext4_inode_seed(fs, ino, generation);
}

/* A checked inode of the disk becomes one of memory; NULL without memory. */
static struct ext4_inode *inode_make(struct ext4 *fs, u32 ino, const u8 *data)
{
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)data;
	struct ext4_inode *e = kzalloc(sizeof(*e));

	if (!e)
		return NULL;
	ext4_inode_init(e, fs, ino, d->mode, d->generation);
	e->flags = d->flags;
	ext4_flags_apply(e);
	e->xattr_block = d->file_acl_lo | (fs->blocks >> 32 ? (u64)d->file_acl_high << 32 : 0);
	e->xattr_inside = ext4_xattr_inside(fs, data);
	memcpy(e->disk_block, d->block, sizeof(e->disk_block));
	e->inode.uid = d->uid | (u32)d->uid_high << 16;
	e->inode.gid = d->gid | (u32)d->gid_high << 16;
	e->inode.nlink = d->links_count;
	e->inode.size = d->size_lo | (u64)d->size_high << 32;
	e->disk_size = e->inode.size;
	e->inode.blocks = d->blocks_lo;
	if (fs->huge_file) {
		e->inode.blocks |= (u64)d->blocks_high << 32;
		if (d->flags & EXT4_HUGE_FILE_FL)
			e->inode.blocks <<= fs->block_shift - 9;
	}
	fill_times(&e->inode, fs, d);
	if (S_ISCHR(d->mode) || S_ISBLK(d->mode))
		e->inode.rdev = decode_rdev(d);
	ext4_inode_ops_set(e, S_ISLNK(d->mode) && is_fast_link(fs, d));
	if (S_ISLNK(d->mode)) {
		/* What follows a short link must be NULs, the first at least. */
		if (e->inode.ops == &fast_link_ops)
			((char *)e->disk_block)[e->inode.size] = 0;
	}
	return e;
}

/* Enter it; if another task was first, that one's is *to. */
static void inode_enter(struct ext4_inode *e, struct inode **to)
{
	struct inode *other = inode_hash(&e->inode);

	*to = &e->inode;
	if (other) {
		inode_put(&e->inode);
		*to = other;
	}
}

/* The journal and its like may be read, but are not reached by name. */
static bool ino_valid(const struct ext4 *fs, u32 ino)
{
	return ino && ino <= fs->inodes &&
	       (ino >= fs->first_ino || ino == EXT4_ROOT_INO || ino == fs->journal_ino);
}

co_t ext4_inode_locate(struct co *co, struct ext4_inode_locate *f)
{
	u64 offset;

	CO_BEGIN;
	if (!ino_valid(f->fs, f->ino)) {
		ext4_bad(f->fs, "inode number %u is impossible", f->ino);
		CO_RETURN(-EUCLEAN);
	}
	CO_AWAIT(f->err, ext4_group_get, .fs = f->fs,
		 .group = (f->ino - 1) / f->fs->inodes_per_group, .inode_table = &f->block);
	if (f->err)
		CO_RETURN(f->err);
	f->block += (u64)((f->ino - 1) % f->fs->inodes_per_group) * f->fs->inode_size >>
		    f->fs->block_shift;
	CO_AWAIT(f->err, ext4_block_get, .fs = f->fs, .block = f->block,
		 .ahead = INODE_READ_AHEAD, .page = f->page, .data = f->data);
	if (f->err)
		CO_RETURN(f->err);
	offset = (u64)((f->ino - 1) % f->fs->inodes_per_group) * f->fs->inode_size;
	*f->data += offset & (f->fs->block_size - 1);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_inode_get(struct co *co, struct ext4_inode_get *f)
{
	const char *wrong;

	CO_BEGIN;
	*f->inode = inode_find(f->fs->super, f->ino);
	if (*f->inode)
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_inode_locate, .fs = f->fs, .ino = f->ino, .page = &f->page,
		 .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	wrong = inode_wrong(f->fs, f->ino, f->data, f->orphan);
	if (wrong) {
		ext4_damaged(f->fs, f->ino, 0ul, "inode %u: %s", f->ino, wrong);
		f->err = -EUCLEAN;
		goto out;
	}
	f->made = inode_make(f->fs, f->ino, f->data);
	if (!f->made) {
		f->err = -ENOMEM;
		goto out;
	}
	/* A value's inode has none itself, so reading one value reads one inode more at most. */
	if (f->made->flags & EXT4_EA_INODE_FL)
		f->made->xattr_block = f->made->xattr_inside = 0;
	else if (f->is_value)
		f->err = -EUCLEAN;
	else if (f->made->xattr_block || f->made->xattr_inside)
		CO_AWAIT(f->err, ext4_xattr_load, .inode = f->made, .disk = f->data);
	if (f->err)
		inode_put(&f->made->inode);
	else
		inode_enter(f->made, f->inode);
out:
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}

/* --- by a number that may be anything --- */

u32 ext4_generation(struct inode *inode)
{
	return ext4_inode(inode)->generation;
}

/* Is it a file's, and of the generation asked for? A generation of 0 is any. */
static bool by_number_is(const struct ext4_by_number *f, const struct ext4_disk_inode *d)
{
	return d->mode && d->links_count && !(d->flags & EXT4_EA_INODE_FL) &&
	       (!f->exact || !f->generation || f->generation == d->generation);
}

co_t ext4_by_number(struct co *co, struct ext4_by_number *f)
{
	const struct ext4 *fs;

	CO_BEGIN;
	fs = f->super->private;
	if (f->ino != EXT4_ROOT_INO && (f->ino < fs->first_ino || f->ino > fs->inodes))
		CO_RETURN(-ESTALE);
	/* What is not in use is no damage here. */
	CO_AWAIT(f->err, ext4_inode_locate, .fs = f->super->private, .ino = (u32)f->ino,
		 .page = &f->page, .data = &f->data);
	if (f->err)
		CO_RETURN(f->err == -EUCLEAN ? -ESTALE : f->err);
	f->err = by_number_is(f, (const struct ext4_disk_inode *)f->data) ? 0 : -ESTALE;
	phys_page_put(f->page);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_get, .fs = f->super->private, .ino = (u32)f->ino,
			 .inode = f->found);
	CO_RETURN(f->err);
	CO_END;
}
