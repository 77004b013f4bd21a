/* fs/ext4/super.c -- mounting. */
#include <linux/magic.h>
#include <linux/stat.h>

#include "core/base/crc.h"
#include "fs/ext4/ext4.h"
#include "mem/phys/slab.h"

co_t ext4_block_get(struct co *co, struct ext4_block_get *f)
{
	u64 offset;

	CO_BEGIN;
	if (f->block >= f->fs->blocks) {
		ext4_bad(f->fs, "block %lu lies outside", (unsigned long)f->block);
		CO_RETURN(-EUCLEAN);
	}
	offset = f->block << f->fs->block_shift;
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->fs->dev->mapping,
		 .index = offset >> PAGE_SHIFT, .ahead = max(f->ahead, 1u), .page = f->page);
	if (!f->err)
		*f->data = (u8 *)phys_page_data(*f->page) +
			   (f->block << f->fs->block_shift & ~PAGE_MASK);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the super block's operations --- */

static void ext4_free_inode(struct inode *inode)
{
	kfree(ext4_inode(inode));
}

static void ext4_statfs(struct super *s, struct statfs_info *to)
{
	const struct ext4 *fs = s->private;
	u64 id[2], reserved = fs->blocks_reserved;

	/* Linux keeps a few blocks back in file systems with extents. */
	if (fs->incompat & EXT4_INCOMPAT_EXTENTS)
		reserved += min(fs->blocks / 50, 4096ul);
	memcpy(id, fs->uuid, sizeof(id));
	*to = (struct statfs_info){
		.type = EXT4_SUPER_MAGIC,
		.block_size = fs->block_size,
		.blocks = fs->blocks - min(fs->overhead, fs->blocks),
		.blocks_free = fs->blocks_free,
		.blocks_available = fs->blocks_free - min(fs->blocks_free, reserved),
		.files = fs->inodes,
		.files_free = fs->inodes_free,
		.fsid = id[0] ^ id[1],
		.name_max = EXT4_NAME_MAX,
	};
}

struct ext4_sync {
	struct super_sync;
	long err;
};
static co_t ext4_sync(struct co *co, struct ext4_sync *f)
{
	struct ext4 *fs = f->super->private;

	CO_BEGIN;
	if (fs->journal)
		CO_AWAIT(f->err, journal_sync, .journal = fs->journal);
	CO_RETURN(f->err);
	CO_END;
}

struct ext4_close {
	struct super_close;
	long ignored;
};
static co_t ext4_close(struct co *co, struct ext4_close *f)
{
	struct ext4 *fs = f->super->private;

	CO_BEGIN;
	if (fs->journal)
		CO_AWAIT(f->ignored, ext4_writable_end, .fs = fs);
	kfree(fs);
	CO_RETURN(0);
	CO_END;
}

static const struct super_ops ext4_super_ops = {
	.free_inode = ext4_free_inode,
	.statfs = ext4_statfs,
	.sync = CO_IMPLEMENTS(super_sync, ext4_sync),
	.close = CO_IMPLEMENTS(super_close, ext4_close),
	.show_options = ext4_options_show,
	.by_number = CO_IMPLEMENTS(super_by_number, ext4_by_number),
	.generation = ext4_generation,
	.short_handles = true,
};

/* --- mounting --- */

/* Everything before the first read. */
static int mount_begin(const struct fs_mount *m, struct ext4 **to)
{
	struct ext4 *fs;
	int err;

	*to = fs = kzalloc(sizeof(*fs));
	if (!fs)
		return -ENOMEM;
	spin_init(&fs->super_lock, RANK_FS_PRIVATE);
	fs->dev = blk_find(m->dev);
	if (!fs->dev)
		return -ENXIO;
	err = ext4_options_parse(fs, m->options, &fs->options);
	if (!err && !m->read_only && fs->dev->read_only)
		err = -EACCES;
	if (!err && !m->read_only && fs->options.no_load)
		err = -EINVAL;
	return err;
}

/* What a super block that makes sense says of mounting. */
static int mount_check(const struct fs_mount *m, struct ext4 *fs,
		       const struct ext4_disk_super *disk)
{
	int err = ext4_geometry(fs, disk);

	if (!err && !m->read_only)
		err = ext4_geometry_writable(fs, disk);
	if (err)
		return err;
	if ((disk->feature_incompat & EXT4_INCOMPAT_RECOVER) && !fs->options.no_load) {
		ext4_bad(fs, "the journal needs recovery, which is not supported: "
			 "run e2fsck, or mount with noload");
		return -EINVAL;
	}
	if (!m->read_only && fs->journal_ino) {
		log_warn("ext4 %s: with a journal only mounts with \"ro\" are supported",
			 fs->dev->name);
		return -EROFS;
	}
	fs->state = disk->state;
	if (!fs->options.errors)
		fs->options.errors = disk->errors == EXT4_ERRORS_CONTINUE
					     ? EXT4_ERRORS_CONTINUE : EXT4_ERRORS_READ_ONLY;
	return 0;
}

static int mount_make_super(const struct fs_mount *m, struct ext4 *fs)
{
	struct super *s = super_new(m->type, &ext4_super_ops);

	if (!s)
		return -ENOMEM;
	s->private = fs;
	s->dev = m->dev;
	s->read_only = m->read_only;
	s->acls = true;
	s->block_size = fs->block_size;
	s->max_size = (u64)UINT32_MAX << fs->block_shift;
	fs->super = s;
	return 0;
}

/* The journal's blocks count as overhead; that it cannot be read does not hurt. */
static void note_journal(struct ext4 *fs, struct inode *journal)
{
	fs->overhead += inode_size(journal) >> fs->block_shift;
	inode_put(journal);
}

struct ext4_mount {
	struct fs_mount;
	struct ext4 *fs;
	struct ext4_disk_super *disk;
	struct page *page;
	struct inode *inode;
	u32 group;
	long err;
};
static co_t ext4_mount(struct co *co, struct ext4_mount *f)
{
	CO_BEGIN;
	f->err = mount_begin((struct fs_mount *)f, &f->fs);
	if (f->err)
		goto out;
	f->err = -ENOMEM;
	f->disk = kmalloc(sizeof(*f->disk));
	if (!f->disk)
		goto out;
	CO_AWAIT(f->err, page_get_filled, .mapping = &f->fs->dev->mapping, .index = 0, .ahead = 1,
		 .page = &f->page);
	if (f->err)
		goto out;
	memcpy(f->disk, (u8 *)phys_page_data(f->page) + EXT4_SUPER_OFFSET, sizeof(*f->disk));
	phys_page_put(f->page);
	f->err = mount_check((struct fs_mount *)f, f->fs, f->disk);
	if (f->err)
		goto out;
	for (f->group = 0; f->group < f->fs->groups; f->group++) {
		CO_AWAIT(f->err, ext4_group_get, .fs = f->fs, .group = f->group);
		if (f->err)
			goto out;
		CO_BREATHE;
	}
	f->err = mount_make_super((struct fs_mount *)f, f->fs);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = EXT4_ROOT_INO,
		 .inode = &f->fs->super->root);
	if (f->err)
		goto out;
	if (!S_ISDIR(f->fs->super->root->mode)) {
		ext4_bad(f->fs, "the root is not a directory");
		f->err = -EUCLEAN;
		goto out;
	}
	f->fs->overhead = ext4_group_overhead(f->fs, f->disk);
	if (f->fs->journal_ino) {
		CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = f->fs->journal_ino,
			 .inode = &f->inode);
		if (!f->err)
			note_journal(f->fs, f->inode);
		f->err = 0;
	}
	if (f->disk->state & EXT4_STATE_ERRORS)
		log_warn("ext4 %s: it is marked as having errors: run e2fsck", f->fs->dev->name);
	if (!f->read_only)
		CO_AWAIT(f->err, ext4_writable_start, .fs = f->fs);
	if (f->err)
		goto out;
	*f->made = f->fs->super;
	f->fs = NULL;
out:
	if (f->fs && f->fs->super) {
		inode_put(f->fs->super->root);
		super_abandon(f->fs->super);
	}
	kfree(f->fs);
	kfree(f->disk);
	CO_RETURN(f->err);
	CO_END;
}

static struct fs_type ext4_types[] = {
	{.name = "ext3", .needs_device = true, .mount = CO_IMPLEMENTS(fs_mount, ext4_mount)},
	{.name = "ext2", .needs_device = true, .mount = CO_IMPLEMENTS(fs_mount, ext4_mount)},
	{.name = "ext4", .needs_device = true, .mount = CO_IMPLEMENTS(fs_mount, ext4_mount)},
};

void ext4_register(void)
{
	crc_init();
	for (unsigned i = 0; i < ARRAY_SIZE(ext4_types); i++)
		fs_register(&ext4_types[i]);
}
