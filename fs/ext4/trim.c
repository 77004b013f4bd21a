/* fs/ext4/trim.c -- FITRIM: the device hears of all blocks that are free. They are had by nobody
 * while it forgets them. */
#include <linux/fs.h>

#include "core/cred/cred.h"
#include "fs/ext4/trim.h"
#include "fs/ext4/write.h"
#include "mem/space/uaccess.h"

/* One group: bits [from, end), runs of `least` or more. *done grows by what was trimmed. */
struct trim_group {
	struct co_frame co;
	struct ext4 *fs;
	u32 group, from, end, least;
	bool all;		/* of the group */
	u64 *done;
	u32 at, n;
	long err;
};
static co_t trim_group(struct co *co, struct trim_group *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_group_load, .fs = f->fs, .group = f->group);
	if (f->err || ext4_group_is_trimmed(f->fs, f->group, f->least))
		CO_RETURN(f->err == -EUCLEAN ? 0 : f->err);
	f->at = f->from;
	while (ext4_group_hold_free(f->fs, f->group, f->least, f->end, &f->at, &f->n)) {
		CO_AWAIT(f->err, ext4_trim_blocks, .fs = f->fs, .n = f->n,
			 .start = ext4_group_first(f->fs, f->group) + f->at);
		ext4_group_let_free(f->fs, f->group, f->at, f->n);
		if (f->err)
			CO_RETURN(f->err);
		*f->done += f->n;
		f->at += f->n;
		CO_BREATHE;
	}
	if (f->all)
		ext4_group_set_trimmed(f->fs, f->group, f->least);
	CO_RETURN(0);
	CO_END;
}

static long trim_check(const struct ext4_trim *f)
{
	const struct ext4 *fs = f->fs;

	if (f->range.minlen >> fs->block_shift > fs->blocks_per_group ||
	    f->range.start >> fs->block_shift >= fs->blocks || f->range.len < fs->block_size)
		return -EINVAL;
	/* What is free is known of a file system that is written to. */
	return fs->group ? 0 : -EROFS;
}

/* The blocks that were asked for. */
static void trim_begin(struct ext4_trim *f)
{
	const struct ext4 *fs = f->fs;
	u64 blocks = f->range.len >> fs->block_shift;

	f->block = f->range.start >> fs->block_shift;
	f->end = f->block + min(blocks, fs->blocks - f->block);
	f->block = max(f->block, (u64)fs->first_data_block);
	f->least = max((u32)(f->range.minlen >> fs->block_shift), 1u);
}

co_t ext4_trim(struct co *co, struct ext4_trim *f)
{
	u64 first;
	u32 group, blocks;

	CO_BEGIN;
	if (!cred_capable(co_task(co)->cred, CAP_SYS_ADMIN))
		CO_RETURN(-EPERM);
	if (!atomic_load(&blk_disk(f->fs->dev)->range_max[0]))
		CO_RETURN(-EOPNOTSUPP);
	CO_COPY_FROM_USER(f->err, &f->range, f->at, sizeof(f->range));
	if (!f->err)
		f->err = trim_check(f);
	if (f->err)
		CO_RETURN(f->err);
	trim_begin(f);
	while (f->block < f->end && !f->err) {
		group = (u32)((f->block - f->fs->first_data_block) / f->fs->blocks_per_group);
		first = ext4_group_first(f->fs, group);
		blocks = ext4_group_blocks(f->fs, group);
		f->next = first + blocks;
		CO_AWAIT(f->err, trim_group, .fs = f->fs, .group = group, .least = f->least,
			 .from = (u32)(f->block - first), .done = &f->done,
			 .end = (u32)min(f->end - first, (u64)blocks),
			 .all = f->block == first && f->end >= f->next);
		f->block = f->next;
	}
	if (f->err)
		CO_RETURN(f->err);
	f->range.len = f->done << f->fs->block_shift;
	CO_COPY_TO_USER(f->err, f->at, &f->range, sizeof(f->range));
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_ioctl(struct co *co, struct ext4_ioctl *f)
{
	CO_BEGIN;
	if (f->cmd != FITRIM)
		CO_RETURN(-ENOTTY);
	CO_AWAIT(f->err, ext4_trim, .fs = ext4_of(f->file->inode), .at = uptr_of(f->arg));
	CO_RETURN(f->err);
	CO_END;
}
