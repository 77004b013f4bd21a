/* fs/procfs/proc_fd.c -- /proc/<pid>/fd and fdinfo. */
#include <linux/fcntl.h>

#include "fs/procfs/proc.h"
#include "vfs/fd.h"
#include "vfs/mount.h"

/* The open file, with a reference; *cloexec says whether exec closes it. */
static struct file *file_of(const struct proc_subject *who, bool *cloexec)
{
	struct fd_table *fds = process_fds(who->process);
	struct file *file;

	if (!fds)
		return NULL;
	file = fd_get_any(fds, who->fd);
	*cloexec = file && fd_get_cloexec(fds, who->fd) > 0;
	fd_table_put(fds);
	return file;
}

int proc_fd_exists(const struct proc_subject *who, u32 *mode)
{
	bool cloexec;
	struct file *file = file_of(who, &cloexec);

	if (!file)
		return -ENOENT;
	*mode = (file->mode & FILE_READ ? 0500 : 0) | (file->mode & FILE_WRITE ? 0300 : 0);
	file_put(file);
	return 0;
}

static int fd_jump(const struct proc_subject *who, struct path *to)
{
	bool cloexec;
	struct file *file = file_of(who, &cloexec);

	if (!file)
		return -ENOENT;
	*to = file->path;
	path_get(to);
	file_put(file);
	return 0;
}

static int fdinfo_show(const struct proc_subject *who, struct text *to)
{
	bool cloexec;
	struct file *file = file_of(who, &cloexec);
	struct fd_table *fds;

	if (!file)
		return -ENOENT;
	text_add(to, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", atomic_load(&file->pos),
		 atomic_load(&file->flags) | (cloexec ? O_CLOEXEC : 0), file->path.mount->id,
		 file->inode->ino);
	fds = process_fds(who->process);
	proc_locks_of(file, fds, who->ns, to);
	fd_table_put(fds);
	if (file->ops->fdinfo)
		file->ops->fdinfo(file, who->ns, to);
	file_put(file);
	return 0;
}

const struct proc_entry proc_fd_link = {.mode = S_IFLNK | 0700, .jump = fd_jump};
const struct proc_entry proc_fdinfo_file = {
	.mode = S_IFREG | 0444, .needs = PROC_INSPECT, .show = fdinfo_show
};
