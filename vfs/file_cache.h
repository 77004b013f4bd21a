/* vfs/file_cache.h -- reading and writing through the page cache; for vfs/file.c.
 *
 * The try forms return bytes, an error, or FILE_WAITS with nothing moved that shows.
 */
#ifndef VFS_FILE_CACHE_H
#define VFS_FILE_CACHE_H

#include "vfs/file.h"

struct inode *file_data(const struct file *file);
i64 file_cache_try_read(struct file *file, struct uio *uio, i64 pos);
/* *end: the position after it (append moves it). */
i64 file_cache_try_write(struct file *file, struct uio *uio, i64 pos, u64 limit, i64 *end);

#endif
