/* fs/fat/mount.c -- mounting, and what is asked of all of it. */
#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/dev/blk_mount.h"
#include "coro/task.h"
#include "fs/fat/dir.h"
#include "fs/fat/register.h"
#include "mem/phys/slab.h"
#include "vfs/fs_context.h"
#include "vfs/writeback.h"

#define TIME_MIN       315532800l	/* 1980-01-01 */
#define TIME_MAX       4354819198l	/* 2107-12-31 23:59:58 */
#define SIZE_MAX_FILE  0xfffffffful

void fat_damaged(struct fat *fs)
{
	if (fs->options.errors == FAT_ERRORS_PANIC)
		panic("fat %s: damaged, and mounted with errors=panic", fs->dev->name);
	if (fs->options.errors != FAT_ERRORS_READ_ONLY || atomic_swap(&fs->stopped, true))
		return;
	if (fs->super)
		atomic_store(&fs->super->read_only, true);
	fat_bad(fs, "it is read-only from now on");
}

void fat_note_table(struct fat *fs)
{
	atomic_store(&fs->info_dirty, true);
	spin_lock(&fs->slot_lock);
	if (fs->root)
		writeback_note(fs->root, INODE_DIRTY_ATTRS);
	spin_unlock(&fs->slot_lock);
}

/* --- the super's operations --- */

static void fat_statfs(struct super *s, struct statfs_info *to)
{
	struct fat *fs = s->private;
	u32 minor = s->dev & 0xfffff, major = s->dev >> 20;

	spin_lock(&fs->room_lock);
	*to = (struct statfs_info){
		.type = FAT_MAGIC,
		.block_size = fat_cluster_size(fs),
		.blocks = fs->clusters,
		.blocks_free = fs->free - min(fs->free, fs->promised),
		.fsid = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12,
		.name_max = fs->long_names ? FAT_LONG_MAX * 6 : 12,
	};
	spin_unlock(&fs->room_lock);
	to->blocks_available = to->blocks_free;
}

struct fat_sync {
	struct super_sync;
	long err, failed;
};
static co_t fat_sync(struct co *co, struct fat_sync *f)
{
	CO_BEGIN;
	if (!fat_is_writable(f->super->private))
		CO_RETURN(0);
	/* Inodes were written into directories' pages. */
	CO_AWAIT(f->failed, writeback_super, .super = f->super);
	CO_AWAIT(f->err, fat_sync_table, .fs = f->super->private, .flush = true);
	CO_RETURN(f->failed ? f->failed : f->err);
	CO_END;
}

/* The root goes next. */
struct fat_unmounted {
	struct super_let_go;
};
static co_t fat_unmounted(struct co *co, struct fat_unmounted *f)
{
	struct fat *fs = f->super->private;

	CO_BEGIN;
	spin_lock(&fs->slot_lock);
	fs->root = NULL;
	spin_unlock(&fs->slot_lock);
	CO_RETURN(0);
	CO_END;
}

static void fat_free(struct fat *fs)
{
	if (!fs)
		return;
	if (fs->dev)
		blk_mount_release(fs->dev, fs);
	fat_table_close(fs);
	fat_data_close(fs);
	kfree(fs->sector);
	kfree(fs);
}

/* Write what is left, and forget the device's and the table's pages. */
struct fat_finish {
	struct co_frame co;
	struct fat *fs;
	long ignored;
};
static co_t fat_finish(struct co *co, struct fat_finish *f)
{
	CO_BEGIN;
	if (fat_is_writable(f->fs)) {
		CO_AWAIT(f->ignored, fat_sync_table, .fs = f->fs);
		CO_AWAIT(f->ignored, fat_mark, .fs = f->fs);
		CO_AWAIT(f->ignored, blk_transfer, .dev = f->fs->dev, .kind = BLK_FLUSH);
	}
	if (f->fs->table)
		CO_AWAIT(f->ignored, page_truncate, .mapping = &f->fs->table->mapping, .size = 0,
			 .was = f->fs->table_bytes);
	/* All was written past the device's cache: who reads the device now must see it. */
	CO_AWAIT(f->ignored, page_truncate, .mapping = &f->fs->dev->mapping, .size = 0,
		 .was = f->fs->dev->mapping.fixed_size);
	fat_free(f->fs);
	CO_RETURN(0);
	CO_END;
}

struct fat_close {
	struct super_close;
	long ignored;
};
static co_t fat_close(struct co *co, struct fat_close *f)
{
	CO_BEGIN;
	CO_AWAIT(f->ignored, fat_finish, .fs = f->super->private);
	CO_RETURN(0);
	CO_END;
}

struct fat_remount {
	struct super_remount;
	struct fat_options new;
	long err;
};
static co_t fat_remount(struct co *co, struct fat_remount *f)
{
	struct fat *fs = f->super->private;

	CO_BEGIN;
	f->new = fs->options;
	f->err = fat_options_parse(&f->new, f->options, fs->long_names);
	if (!f->err && !f->read_only && fs->dev->read_only)
		f->err = -EACCES;
	if (!f->err && !f->read_only && atomic_load(&fs->stopped))
		f->err = -EROFS;
	if (!f->err && !atomic_load(&fs->stopped) && f->read_only == atomic_load(&fs->marked))
		CO_AWAIT(f->err, fat_mark, .fs = fs, .used = !f->read_only);
	CO_RETURN(f->err);
	CO_END;
}

static const struct super_ops fat_super_ops = {
	.free_inode = fat_inode_free,
	.evict = CO_IMPLEMENTS(super_evict, fat_evict),
	.write_inode = CO_IMPLEMENTS(super_write_inode, fat_write_inode),
	.statfs = fat_statfs,
	.sync = CO_IMPLEMENTS(super_sync, fat_sync),
	.unmounted = CO_IMPLEMENTS(super_let_go, fat_unmounted),
	.close = CO_IMPLEMENTS(super_close, fat_close),
	.remount = CO_IMPLEMENTS(super_remount, fat_remount),
	.show_options = fat_options_show,
	.fold = fat_name_fold,
};

/* --- mounting --- */

struct fat_mount {
	struct fs_mount;
	struct fat *fs;
	long err, ignored;
};

/* Everything before the first read. */
static int mount_begin(struct fat_mount *m)
{
	struct fat *fs = kzalloc(sizeof(*fs));

	m->fs = fs;
	if (!fs)
		return -ENOMEM;
	fs->long_names = !strcmp(m->type->name, "vfat");
	spin_init(&fs->room_lock, RANK_FS_ROOM);
	mutex_init(&fs->lock, CO_RANK_FS);
	fat_inode_setup(fs);
	fs->dev = blk_find(m->dev);
	if (!fs->dev)
		return -ENXIO;
	fs->sector = kmalloc(PAGE_SIZE);
	if (!fs->sector || fat_data_open(fs))
		return -ENOMEM;
	fat_options_init(&fs->options);
	if (task_current()->cred) {
		fs->options.uid = task_current()->cred->uid;
		fs->options.gid = task_current()->cred->gid;
	}
	if (task_current()->fs)
		fs->options.fmask = fs->options.dmask =
			(u16)atomic_load_relaxed(&task_current()->fs->umask);
	if (fat_options_parse(&fs->options, m->options, fs->long_names))
		return -EINVAL;
	return !m->read_only && fs->dev->read_only ? -EACCES : 0;
}

static int mount_make_super(const struct fat_mount *m, struct fat *fs)
{
	struct super *s = super_new(m->type, &fat_super_ops);

	if (!s)
		return -ENOMEM;
	s->private = fs;
	s->dev = m->dev;
	s->read_only = m->read_only;
	s->time_min = TIME_MIN;
	s->time_max = TIME_MAX;
	s->block_size = fat_cluster_size(fs);
	s->max_size = SIZE_MAX_FILE;
	fs->super = s;
	return 0;
}

/* The boot sector, however large it says that sectors are. */
struct mount_boot {
	struct co_frame co;
	struct fat *fs;
	long err;
};
static co_t mount_boot(struct co *co, struct mount_boot *f)
{
	const struct fat_disk_boot *b;

	CO_BEGIN;
	f->fs->sector_size = BLK_SECTOR;
	CO_LOCK(&f->fs->lock);
	CO_AWAIT(f->err, fat_sector, .fs = f->fs, .kind = BLK_READ);
	mutex_unlock(&f->fs->lock);
	if (f->err)
		CO_RETURN(f->err);
	b = (const struct fat_disk_boot *)f->fs->sector;
	CO_RETURN(fat_boot_parse(f->fs, b));
	CO_END;
}

/* The super is there: how much is free, and the root. */
struct mount_load {
	struct co_frame co;
	struct fat_mount *of;
	long err;
};
static co_t mount_load(struct co *co, struct mount_load *f)
{
	struct fat *fs = f->of->fs;

	CO_BEGIN;
	f->err = fat_table_open(fs);
	if (!f->err)
		CO_AWAIT(f->err, fat_info_read, .fs = fs);
	if (f->err)
		CO_RETURN(f->err);
	if (fs->info_next != UINT32_MAX)
		fs->next = fs->info_next;
	if (fs->options.usefree && fs->info_free != UINT32_MAX)
		fs->free = fs->info_free;
	else
		CO_AWAIT(f->err, fat_count, .fs = fs);
	if (!f->err)
		CO_AWAIT(f->err, fat_root_get, .fs = fs, .inode = &fs->super->root);
	if (f->err)
		CO_RETURN(f->err);
	if (fs->was_dirty)
		log_warn("fat %s: it was not unmounted: some data may be broken, run fsck",
			 fs->dev->name);
	if (!f->of->read_only)
		CO_AWAIT(f->err, fat_mark, .fs = fs, .used = true);
	fs->root = fs->super->root;
	CO_RETURN(f->err);
	CO_END;
}

static co_t fat_mount(struct co *co, struct fat_mount *f)
{
	CO_BEGIN;
	f->err = mount_begin(f);
	if (!f->err)
		CO_AWAIT(f->err, blk_mount_claim, .mount = (const struct fs_mount *)f,
			 .dev = f->fs->dev, .holder = f->fs);
	if (f->err) {
		fat_free(f->fs);
		CO_RETURN(min(f->err, 0l));
	}
	/* What was written to the device itself, before anything is read past its cache. */
	CO_AWAIT(f->err, page_write_back, .mapping = &f->fs->dev->mapping,
		 .last = UINT64_MAX >> PAGE_SHIFT);
	if (!f->err)
		CO_AWAIT(f->err, mount_boot, .fs = f->fs);
	if (!f->err)
		f->err = mount_make_super(f, f->fs);
	if (!f->err)
		CO_AWAIT(f->err, mount_load, .of = f);
	if (!f->err) {
		*f->made = f->fs->super;
		CO_RETURN(0);
	}
	if (f->fs->super) {
		f->fs->root = NULL;
		CO_AWAIT(f->ignored, inode_put_wait, .inode = f->fs->super->root);
		super_abandon(f->fs->super);
		f->fs->super = NULL;
	}
	CO_AWAIT(f->ignored, fat_finish, .fs = f->fs);
	CO_RETURN(f->err);
	CO_END;
}

static int vfat_understands(const char *option)
{
	return fat_options_understands(option, true);
}
static int msdos_understands(const char *option)
{
	return fat_options_understands(option, false);
}

static struct fs_type fat_types[] = {
	{.name = "vfat", .needs_device = true, .understands = vfat_understands,
	 .mount = CO_IMPLEMENTS(fs_mount, fat_mount)},
	{.name = "msdos", .needs_device = true, .understands = msdos_understands,
	 .mount = CO_IMPLEMENTS(fs_mount, fat_mount)},
};

void fat_register(void)
{
	fat_table_setup();
	for (unsigned i = 0; i < ARRAY_SIZE(fat_types); i++)
		fs_register(&fat_types[i]);
}
