/* fs/ext4/room.c -- who finds the file system full waits for what was freed to commit, and tries
 * again. */
#include "fs/ext4/write.h"
#include "vfs/reaper.h"
#include "vfs/writeback.h"

/* What is promised is often more than is needed, and what was freed is not free before it has
 * committed. */
co_t ext4_make_room(struct co *co, struct ext4_make_room *f)
{
	struct ext4 *fs;

	CO_BEGIN;
	fs = ext4_of(f->mapping->inode);
	if (!fs->journal || (!fs->blocks_promised && !atomic_load(&fs->blocks_pending)))
		CO_RETURN(-ENOSPC);
	CO_AWAIT(f->err, writeback_super, .super = fs->super);
	CO_AWAIT(f->err, journal_sync, .journal = ext4_of(f->mapping->inode)->journal);
	CO_RETURN(f->err ? -ENOSPC : 0);
	CO_END;
}

/* 0: it is worth another try. */
struct wait_for_room {
	struct co_frame co;
	struct ext4 *fs;
	long err;
};
static co_t wait_for_room(struct co *co, struct wait_for_room *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, reaper_wait);
	if (!atomic_load(&f->fs->blocks_pending))
		CO_RETURN(-ENOSPC);
	CO_AWAIT(f->err, journal_sync, .journal = f->fs->journal);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_with_room(struct co *co, struct ext4_with_room *f)
{
	CO_BEGIN;
	for (;;) {
		CO_AWAIT_OP(f->err, *f->once, .of = f->of);
		if (f->err != -ENOSPC || f->tried)
			CO_RETURN(f->err);
		f->tried = true;
		CO_AWAIT(f->ignored, wait_for_room, .fs = f->fs);
		if (f->ignored)
			CO_RETURN(f->err);
	}
	CO_END;
}
