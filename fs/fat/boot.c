/* fs/fat/boot.c -- the sectors that describe the file system. */
#include "core/base/string.h"
#include "fs/fat/fat.h"

#define FAT12_MAX 4084u
#define FAT16_MAX 65524u	/* numbers below 0xfff6 */
#define FAT32_MAX 0x0ffffff4u

/* What is wrong with it before any arithmetic, or NULL. */
static const char *boot_wrong(const struct fat_disk_boot *b)
{
	if (!b->reserved)
		return "no reserved sectors";
	if (!b->tables)
		return "no tables";
	if (b->media != 0xf0 && b->media < 0xf8)
		return "the media byte is invalid";
	if (!bits_is_power(b->sector_size) || b->sector_size < 512 || b->sector_size > 4096)
		return "the sectors' size is invalid";
	if (!bits_is_power(b->cluster_sectors))
		return "the clusters' size is invalid";
	if (!b->table_sectors16 && !b->fat32.table_sectors)
		return "the tables have no size";
	if ((u32)b->root_entries * FAT_SLOT % b->sector_size)
		return "the root's size is invalid";
	return NULL;
}

/* Sizes and places; the number of clusters decides what kind it is. */
static const char *boot_layout(struct fat *fs, const struct fat_disk_boot *b)
{
	u64 sectors = b->sectors16 ? b->sectors16 : b->sectors32, used, entries, clusters;
	bool is32 = !b->table_sectors16;
	u64 table = is32 ? b->fat32.table_sectors : b->table_sectors16;

	used = b->reserved + table * b->tables + (u64)b->root_entries * FAT_SLOT / b->sector_size;
	if (sectors <= used)
		return "there is no room for data";
	clusters = (sectors - used) / b->cluster_sectors;
	fs->bits = is32 ? 32 : clusters <= FAT12_MAX ? 12 : 16;
	entries = table * b->sector_size * 8 / fs->bits;
	if (entries <= FAT_FIRST)
		return "the tables are too small";
	clusters = min(clusters, entries - FAT_FIRST);
	if (!clusters || clusters > (is32 ? FAT32_MAX : fs->bits == 16 ? FAT16_MAX : FAT12_MAX))
		return "the number of clusters is impossible";
	fs->clusters = (u32)clusters;
	fs->sector_size = b->sector_size;
	fs->cluster_shift = bits_log2((u64)b->sector_size * b->cluster_sectors);
	fs->tables = b->tables;
	fs->table_start = (u64)b->reserved * b->sector_size;
	fs->table_bytes = table * b->sector_size;
	fs->root_start = fs->table_start + fs->table_bytes * b->tables;
	fs->root_bytes = is32 ? 0 : (u32)b->root_entries * FAT_SLOT;
	fs->data_start = fs->root_start + (u64)b->root_entries * FAT_SLOT;
	return NULL;
}

int fat_boot_parse(struct fat *fs, const struct fat_disk_boot *b)
{
	const char *wrong = boot_wrong(b);

	if (!wrong)
		wrong = boot_layout(fs, b);
	if (!wrong && fs->bits != 32 && !fs->root_bytes)
		wrong = "the root has no room";
	if (wrong) {
		fat_bad(fs, "%s", wrong);
		return -EINVAL;
	}
	fs->table_only = UINT32_MAX;
	if (fs->bits != 32) {
		fs->volume_id = b->old.volume_id;
		fs->was_dirty = b->old.state & FAT_IN_USE;
		return 0;
	}
	fs->root_first = b->fat32.root;
	fs->volume_id = b->fat32.volume_id;
	fs->was_dirty = b->fat32.state & FAT_IN_USE;
	/* Not mirrored: one of them counts. */
	if (b->fat32.flags & 0x80) {
		fs->table_only = b->fat32.flags & 15;
		if (fs->table_only >= fs->tables) {
			fat_bad(fs, "it uses a table that it has not");
			return -EINVAL;
		}
	}
	if (b->fat32.version) {
		fat_bad(fs, "its version is unknown");
		return -EINVAL;
	}
	if (!fat_is_cluster(fs, fs->root_first)) {
		fat_bad(fs, "the root's first cluster %u is impossible", fs->root_first);
		return -EINVAL;
	}
	fs->info_sector = b->fat32.info_sector ? b->fat32.info_sector : 1;
	if (fs->info_sector >= b->reserved)
		fs->info_sector = 0;
	return 0;
}

co_t fat_sector(struct co *co, struct fat_sector *f)
{
	CO_BEGIN;
	f->segment = (struct blk_segment){
		.addr = fat_addr(f->fs->sector),
		.len = f->fs->sector_size,
	};
	CO_AWAIT(f->err, blk_transfer, .dev = f->fs->dev, .kind = f->kind,
		 .sector = (u64)f->sector * f->fs->sector_size >> BLK_SECTOR_SHIFT,
		 .segments = &f->segment, .count = 1);
	CO_RETURN(f->err);
	CO_END;
}

static struct fat_disk_info *info_of(struct fat *fs)
{
	struct fat_disk_info *info = (struct fat_disk_info *)fs->sector;

	return info->signature1 == FAT_INFO_1 && info->signature2 == FAT_INFO_2 ? info : NULL;
}

co_t fat_info_read(struct co *co, struct fat_info_read *f)
{
	struct fat_disk_info *info;

	CO_BEGIN;
	f->fs->info_free = f->fs->info_next = UINT32_MAX;
	if (!f->fs->info_sector)
		CO_RETURN(0);
	CO_LOCK(&f->fs->lock);
	CO_AWAIT(f->err, fat_sector, .fs = f->fs, .sector = f->fs->info_sector, .kind = BLK_READ);
	info = f->err ? NULL : info_of(f->fs);
	if (info && info->free <= f->fs->clusters)
		f->fs->info_free = info->free;
	if (info && fat_is_cluster(f->fs, info->next))
		f->fs->info_next = info->next;
	if (!f->err && !info)
		fat_bad(f->fs, "the information sector is not one");
	mutex_unlock(&f->fs->lock);
	CO_RETURN(f->err);
	CO_END;
}

/* With the sector read: has it changed? */
static bool info_put(struct fat *fs)
{
	struct fat_disk_info *info = info_of(fs);

	if (!info)
		return false;
	spin_lock(&fs->room_lock);
	info->free = fs->free;
	spin_unlock(&fs->room_lock);
	info->next = fs->next;
	return true;
}

co_t fat_info_write(struct co *co, struct fat_info_write *f)
{
	CO_BEGIN;
	if (!f->fs->info_sector || !atomic_swap(&f->fs->info_dirty, false))
		CO_RETURN(0);
	CO_LOCK(&f->fs->lock);
	CO_AWAIT(f->err, fat_sector, .fs = f->fs, .sector = f->fs->info_sector, .kind = BLK_READ);
	if (!f->err && info_put(f->fs))
		CO_AWAIT(f->err, fat_sector, .fs = f->fs, .sector = f->fs->info_sector,
			 .kind = BLK_WRITE);
	mutex_unlock(&f->fs->lock);
	CO_RETURN(f->err);
	CO_END;
}

static void mark_put(struct fat *fs, bool used)
{
	struct fat_disk_boot *b = (struct fat_disk_boot *)fs->sector;
	u8 *state = fs->bits == 32 ? &b->fat32.state : &b->old.state;

	*state = (u8)((*state & ~FAT_IN_USE) | (used ? FAT_IN_USE : 0));
}

co_t fat_mark(struct co *co, struct fat_mark *f)
{
	CO_BEGIN;
	atomic_store(&f->fs->marked, f->used);
	/* Who does not check it should go on hearing of it. */
	if (f->fs->was_dirty)
		CO_RETURN(0);
	CO_LOCK(&f->fs->lock);
	CO_AWAIT(f->err, fat_sector, .fs = f->fs, .kind = BLK_READ);
	if (!f->err) {
		mark_put(f->fs, f->used);
		CO_AWAIT(f->err, fat_sector, .fs = f->fs, .kind = BLK_WRITE);
	}
	mutex_unlock(&f->fs->lock);
	CO_RETURN(f->err);
	CO_END;
}
