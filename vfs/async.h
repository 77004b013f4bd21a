/* vfs/async.h -- signals for files, as far as the vfs is concerned: who wants them is in
 * file->async, which core/proc/async.h gives its meaning.
 *
 * Ownership  file->async is made when it is first asked for; `gone` frees it.
 */
#ifndef VFS_ASYNC_H
#define VFS_ASYNC_H

struct file;

/* None waits. */
struct async_ops {
	/* The last reference goes of a file that has file->async. */
	void (*gone)(struct file *file);
	/* The current process is to hear of file, unless somebody is: 1 if so, 0, -ENOMEM. */
	int (*adopt)(struct file *file, int fd);
	/* Nobody is any more. */
	void (*disown)(struct file *file);
	/* Whoever asked is told that file's lease is to be given up, or that something in the
	 * directory changed (POLL_MSG); any lock may be held. */
	void (*message)(struct file *file);
};
extern const struct async_ops *async_ops;	/* set at boot */

#endif
