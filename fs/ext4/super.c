/* fs/ext4/super.c -- mounting. */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "core/base/crc.h"
#include "core/dev/blk_mount.h"
#include "fs/ext4/names.h"
#include "fs/ext4/writable.h"
#include "mem/phys/slab.h"

co_t ext4_block_get(struct co *co, struct ext4_block_get *f)
{
	u64 offset;

	CO_BEGIN;
	if (f->block >= f->fs->blocks) {
		ext4_damaged(f->fs, 0, f->block, "block %lu lies outside", (unsigned long)f->block);
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
	u64 id[2], reserved = fs->blocks_reserved + ext4_blocks_kept(fs), promised, free;

	promised = atomic_load_relaxed(&fs->blocks_promised);
	free = atomic_load_relaxed(&fs->blocks_free);
	free -= min(free, promised);
	memcpy(id, fs->uuid, sizeof(id));
	*to = (struct statfs_info){
		.type = EXT4_SUPER_MAGIC,
		.block_size = fs->block_size,
		.blocks = fs->blocks - min(fs->overhead, fs->blocks),
		.blocks_free = free,
		.blocks_available = free - min(free, reserved),
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

/* It is not mounted, or not any more. */
static void ext4_free(struct ext4 *fs)
{
	if (!fs)
		return;
	if (fs->dev)
		blk_mount_release(fs->dev, fs);
	ext4_log_free(&fs->log);
	ext4_inodes_free(fs);
	ext4_orphans_free(fs);
	kfree(fs);
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
	/* Files were written past the device's cache: who reads the device now must see them. */
	CO_AWAIT(f->ignored, page_write_back, .mapping = &fs->dev->mapping, .first = 0,
		 .last = UINT64_MAX >> PAGE_SHIFT);
	CO_AWAIT(f->ignored, page_truncate, .mapping = &fs->dev->mapping, .size = 0,
		 .was = fs->dev->mapping.fixed_size);
	ext4_free(fs);
	CO_RETURN(0);
	CO_END;
}

static const struct super_ops ext4_super_ops = {
	.free_inode = ext4_free_inode,
	.evict = CO_IMPLEMENTS(super_evict, ext4_evict),
	.write_inode = CO_IMPLEMENTS(super_write_inode, ext4_write_inode),
	.statfs = ext4_statfs,
	.sync = CO_IMPLEMENTS(super_sync, ext4_sync),
	.close = CO_IMPLEMENTS(super_close, ext4_close),
	.remount = CO_IMPLEMENTS(super_remount, ext4_remount),
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
	spin_init(&fs->error_lock, RANK_FS_ROOM);
	ext4_inodes_init(fs);
	ext4_orphans_init(fs);
	fs->type = (enum ext4_type)(m->type->name[3] - '0');
	fs->dev = blk_find(m->dev);
	if (!fs->dev)
		return -ENXIO;
	err = ext4_options_parse(fs, m->options, &fs->options);
	if (!err && !m->read_only && fs->dev->read_only)
		err = -EACCES;
	return err;
}

/* What a super block that makes sense says of mounting. */
static int mount_check(const struct fs_mount *m, struct ext4 *fs,
		       const struct ext4_disk_super *disk)
{
	int err = ext4_geometry(fs, disk, m->read_only);

	if (!err && !m->read_only)
		err = ext4_geometry_writable(fs, disk);
	if (err)
		return err;
	if ((disk->feature_compat & EXT4_COMPAT_HAS_JOURNAL) && !fs->journal_ino &&
	    (!m->read_only || (disk->feature_incompat & EXT4_INCOMPAT_RECOVER)) &&
	    !fs->options.no_load) {
		ext4_bad(fs, "a journal on another device is not supported");
		return -EINVAL;
	}
	if ((disk->feature_incompat & EXT4_INCOMPAT_RECOVER) && fs->options.no_load &&
	    !m->read_only) {
		ext4_bad(fs, "noload without ro, and the journal needs recovery");
		return -EINVAL;
	}
	if ((disk->feature_incompat & EXT4_INCOMPAT_RECOVER) && !fs->options.no_load &&
	    fs->dev->read_only) {
		ext4_bad(fs, "the journal needs recovery, and the device is read-only: "
			 "mount with noload");
		return -EROFS;
	}
	fs->state = disk->state;
	/* That an image asks for a panic is not enough. */
	fs->errors_usual = disk->errors == EXT4_ERRORS_CONTINUE ? EXT4_ERRORS_CONTINUE
								: EXT4_ERRORS_READ_ONLY;
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
	s->fileattr = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_COMPR_FL |
		      FS_ENCRYPT_FL | FS_VERITY_FL;
	s->time_min = INT32_MIN;
	s->time_max = fs->inode_size > EXT4_INODE_SIZE_OLD ? EXT4_TIME_MAX : INT32_MAX;
	s->whole_seconds = fs->inode_size == EXT4_INODE_SIZE_OLD;
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
	struct inode *inode;
	bool recovered;
	long err, ignored;
};

/* Find the log if it is needed, and replay it. Then the super block is as it was meant. */
struct mount_log {
	struct co_frame co;
	struct ext4_mount *of;
	bool dirty;
	long err;
};
static co_t mount_log(struct co *co, struct mount_log *f)
{
	struct ext4 *fs = f->of->fs;

	CO_BEGIN;
	f->dirty = f->of->disk->feature_incompat & EXT4_INCOMPAT_RECOVER;
	if (!fs->journal_ino || fs->options.no_load || (f->of->read_only && !f->dirty))
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_log_find, .fs = fs);
	if (!f->err)
		CO_AWAIT(f->err, ext4_log_recover, .fs = fs, .forget = !f->dirty);
	if (!f->err)
		CO_AWAIT(f->err, ext4_super_read, .fs = fs, .to = f->of->disk);
	if (!f->err)
		f->err = mount_check((struct fs_mount *)f->of, fs, f->of->disk);
	f->of->recovered = f->dirty;
	CO_RETURN(f->err);
	CO_END;
}

/* What every group says of itself; what the super block says is free may be old. */
struct mount_groups {
	struct co_frame co;
	struct ext4 *fs;
	u32 group;
	struct ext4_free free;
	long err;
};
static co_t mount_groups(struct co *co, struct mount_groups *f)
{
	CO_BEGIN;
	for (f->group = 0; f->group < f->fs->groups; f->group++) {
		CO_AWAIT(f->err, ext4_group_get, .fs = f->fs, .group = f->group,
			 .free = &f->free);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	f->fs->blocks_free = f->free.blocks;
	f->fs->inodes_free = (u32)min(f->free.inodes, (u64)f->fs->inodes);
	CO_RETURN(0);
	CO_END;
}

/* The super block was read: all else up to where it can be used. */
struct mount_load {
	struct co_frame co;
	struct ext4_mount *of;
	struct inode *inode;
	long err;
};
static co_t mount_load(struct co *co, struct mount_load *f)
{
	struct ext4 *fs = f->of->fs;

	CO_BEGIN;
	CO_AWAIT(f->err, mount_log, .of = f->of);
	if (!f->err)
		CO_AWAIT(f->err, mount_groups, .fs = fs);
	if (!f->err && f->of->recovered && f->of->read_only)
		CO_AWAIT(f->err, ext4_super_recovered, .fs = fs);
	if (!f->err)
		CO_AWAIT(f->err, ext4_inode_get, .fs = fs, .ino = EXT4_ROOT_INO,
			 .inode = &fs->super->root);
	if (f->err)
		CO_RETURN(f->err);
	if (!S_ISDIR(fs->super->root->mode)) {
		ext4_bad(fs, "the root is not a directory");
		CO_RETURN(-EUCLEAN);
	}
	fs->overhead = ext4_group_overhead(fs);
	if (fs->journal_ino) {
		CO_AWAIT(f->err, ext4_inode_get, .fs = fs, .ino = fs->journal_ino,
			 .inode = &f->inode);
		if (!f->err)
			note_journal(fs, f->inode);
	}
	if (fs->options.discard && !atomic_load(&blk_disk(fs->dev)->range_max[0]))
		log_warn("ext4 %s: mounted with \"discard\", but the device cannot", fs->dev->name);
	if (f->of->disk->state & EXT4_STATE_ERRORS)
		log_warn("ext4 %s: it is marked as having errors: run e2fsck", fs->dev->name);
	f->err = 0;
	if (!f->of->read_only)
		CO_AWAIT(f->err, ext4_writable_start, .fs = fs);
	if (!f->err && fs->journal)
		CO_AWAIT(f->err, ext4_orphans_finish, .fs = fs);
	CO_RETURN(f->err);
	CO_END;
}

static co_t ext4_mount(struct co *co, struct ext4_mount *f)
{
	CO_BEGIN;
	f->err = mount_begin((struct fs_mount *)f, &f->fs);
	if (!f->err)
		CO_AWAIT(f->err, blk_mount_claim, .mount = (const struct fs_mount *)f,
			 .dev = f->fs->dev, .holder = f->fs);
	if (f->err) {
		f->err = min(f->err, 0l);
		goto out;
	}
	/* What was written to the device itself, before anything is read past its cache. */
	CO_AWAIT(f->err, page_write_back, .mapping = &f->fs->dev->mapping, .first = 0,
		 .last = UINT64_MAX >> PAGE_SHIFT);
	if (f->err)
		goto out;
	f->err = -ENOMEM;
	f->disk = kmalloc(sizeof(*f->disk));
	if (!f->disk)
		goto out;
	CO_AWAIT(f->err, ext4_super_read, .fs = f->fs, .to = f->disk);
	if (!f->err)
		f->err = mount_check((struct fs_mount *)f, f->fs, f->disk);
	if (!f->err)
		f->err = mount_make_super((struct fs_mount *)f, f->fs);
	if (!f->err)
		CO_AWAIT(f->err, mount_load, .of = f);
	if (f->err)
		goto out;
	*f->made = f->fs->super;
	f->fs = NULL;
out:
	if (f->fs && f->fs->super)
		inode_put(f->fs->super->root);
	if (f->fs && f->fs->journal)
		CO_AWAIT(f->ignored, ext4_writable_end, .fs = f->fs);
	if (f->fs && f->fs->super)
		super_abandon(f->fs->super);
	ext4_free(f->fs);
	kfree(f->disk);
	CO_RETURN(f->err);
	CO_END;
}

/* In Linux's order: who tries each type takes the first that has all its features. */
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
