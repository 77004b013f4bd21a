/* fs/ext4/remount.c -- between read-only and writable while mounted, and other options. */
#include "fs/ext4/write.h"
#include "fs/ext4/writable.h"
#include "mem/phys/slab.h"

/* Mounted read-only so far: what a mount for writing does beyond that. */
struct remount_first {
	struct co_frame co;
	struct ext4 *fs;
	struct ext4_disk_super *disk;
	long err, ignored;
};

static int remount_check(const struct ext4 *fs, const struct ext4_disk_super *disk)
{
	if (ext4_geometry_writable(fs, disk))
		return -EROFS;
	if ((disk->feature_compat & EXT4_COMPAT_HAS_JOURNAL) && !fs->journal_ino)
		return -EROFS;
	/* It was mounted with noload. */
	return disk->feature_incompat & EXT4_INCOMPAT_RECOVER ? -EINVAL : 0;
}

static co_t remount_first(struct co *co, struct remount_first *f)
{
	CO_BEGIN;
	f->disk = kmalloc(sizeof(*f->disk));
	if (!f->disk)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, ext4_super_read, .fs = f->fs, .to = f->disk);
	if (!f->err)
		f->err = remount_check(f->fs, f->disk);
	kfree(f->disk);
	if (!f->err && f->fs->journal_ino && !f->fs->log.count)
		CO_AWAIT(f->err, ext4_log_find, .fs = f->fs);
	if (!f->err && f->fs->log.count)
		CO_AWAIT(f->err, ext4_log_recover, .fs = f->fs, .forget = true);
	if (!f->err)
		CO_AWAIT(f->err, ext4_writable_start, .fs = f->fs);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, ext4_orphans_finish, .fs = f->fs);
	if (f->err)
		CO_AWAIT(f->ignored, ext4_writable_suspend, .fs = f->fs);
	CO_RETURN(f->err);
	CO_END;
}

static void remount_take_options(struct ext4 *fs, const struct ext4_options *options)
{
	fs->options.commit_seconds = options->commit_seconds;
	fs->options.discard = options->discard;
	if (options->errors)
		fs->options.errors = options->errors;
	if (fs->journal)
		journal_set_commit_seconds(fs->journal, options->commit_seconds);
}

co_t ext4_remount(struct co *co, struct ext4_remount *f)
{
	struct ext4 *fs = f->super->private;

	CO_BEGIN;
	f->new.commit_seconds = fs->options.commit_seconds;
	f->new.discard = fs->options.discard;
	f->err = ext4_options_parse(fs, f->options, &f->new);
	if (f->err)
		CO_RETURN(f->err);
	if (!f->read_only && !fs->writable) {
		if (fs->dev->read_only)
			CO_RETURN(-EACCES);
		if (fs->journal && journal_aborted(fs->journal))
			CO_RETURN(-EROFS);
		if (fs->journal)
			CO_AWAIT(f->err, ext4_writable_resume, .fs = fs);
		else
			CO_AWAIT(f->err, remount_first, .fs = fs);
	} else if (f->read_only && fs->writable) {
		CO_AWAIT(f->err, ext4_writable_suspend, .fs = fs);
		/* After an abort there is nothing more to write. */
		f->err = journal_aborted(fs->journal) ? 0 : f->err;
	}
	if (!f->err)
		remount_take_options(fs, &f->new);
	CO_RETURN(f->err);
	CO_END;
}
