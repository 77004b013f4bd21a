/* fs/ext4/map.c -- where a file's blocks lie. The run found last is kept in the inode, so a
 * sequential reader walks the tree once per extent; whoever changes the map drops it. */
#include "fs/ext4/ext4.h"

static bool map_cached(struct ext4_inode *e, u64 block, struct ext4_run *run)
{
	bool found;

	spin_lock(&e->run_lock);
	found = block >= e->run.block && block - e->run.block < e->run.len;
	if (found)
		*run = e->run;
	spin_unlock(&e->run_lock);
	return found;
}

static void map_cache(struct ext4_inode *e, const struct ext4_run *run)
{
	spin_lock(&e->run_lock);
	e->run = *run;
	spin_unlock(&e->run_lock);
}

void ext4_map_changed(struct ext4_inode *e)
{
	spin_lock(&e->run_lock);
	e->run.len = 0;
	spin_unlock(&e->run_lock);
}

co_t ext4_map_locked(struct co *co, struct ext4_map_locked *f)
{
	CO_BEGIN;
	if (map_cached(f->inode, f->block, f->run))
		CO_RETURN(0);
	if (f->inode->flags & EXT4_EXTENTS_FL)
		CO_AWAIT(f->err, ext4_extent_map, .inode = f->inode, .block = f->block,
			 .run = f->run);
	else
		CO_AWAIT(f->err, ext4_indirect_map, .inode = f->inode, .block = f->block,
			 .run = f->run);
	if (!f->err)
		map_cache(f->inode, f->run);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_map(struct co *co, struct ext4_map *f)
{
	CO_BEGIN;
	CO_READ_LOCK(&f->inode->map_lock);
	CO_AWAIT(f->err, ext4_map_locked, .inode = f->inode, .block = f->block, .run = f->run);
	rwlock_unlock_read(&f->inode->map_lock);
	CO_RETURN(f->err);
	CO_END;
}
