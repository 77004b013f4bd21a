/* core/proc/pidfd.c
 *
 * What is polled belongs to the struct pid and is made with its first descriptor.
 */
#include "core/proc/pidfd.h"

#include <linux/fcntl.h>

#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "vfs/file.h"
#include "vfs/text.h"

static_assert(PIDFD_THREAD == O_EXCL && PIDFD_NONBLOCK == O_NONBLOCK, "they are flags of the file");

struct pid_watch {
	struct waitq wait;	/* woken when what the number names has ended or is gone */
	u64 ino;		/* of all its descriptors */
};

static bool pidfd_is_gone(const struct pid *pid) REQUIRES(proc_tree_lock)
{
	return !pid->thread && !pid->process;
}

/* Has it ended? A process has when its last thread did. */
static bool pidfd_has_ended(const struct pid *pid, bool thread) REQUIRES(proc_tree_lock)
{
	if (thread)
		return !pid->thread;
	return !pid->process || pid->process->state != PROCESS_ALIVE;
}

static u32 pidfd_poll(struct file *file, struct poller *p)
{
	struct pid *pid = file->private;
	u32 events = 0;

	poller_add(p, &pid->watch->wait);
	spin_lock(&proc_tree_lock);
	if (pidfd_is_gone(pid))
		events = POLLIN | POLLRDNORM | POLLHUP;
	else if (pidfd_has_ended(pid, pidfd_is_thread(file)))
		events = POLLIN | POLLRDNORM;
	spin_unlock(&proc_tree_lock);
	return events;
}

static void pidfd_fdinfo(struct file *file, const struct pid_ns *ns, struct text *to)
{
	struct pid *pid = file->private;
	bool gone;
	int nr;

	spin_lock(&proc_tree_lock);
	gone = pidfd_is_gone(pid);
	spin_unlock(&proc_tree_lock);
	nr = gone ? -1 : pid_nr(pid, ns);
	text_add(to, "Pid:\t%d\nNSpid:\t%d", nr, nr);
	for (unsigned level = ns->level + 1u; nr > 0 && level <= pid->ns->level; level++)
		text_add(to, "\t%d", pid->below[level - 1]);
	text_add(to, "\n");
}

static void pidfd_closed(struct file *file)
{
	pid_put(file->private);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.closed = pidfd_closed,
	.fdinfo = pidfd_fdinfo,
	.stream = true,
};

struct pid *pidfd_pid(const struct file *file)
{
	return file->ops == &pidfd_ops ? file->private : NULL;
}

bool pidfd_is_thread(const struct file *file)
{
	return atomic_load_relaxed(&file->flags) & PIDFD_THREAD;
}

void pidfd_changed(struct pid *pid)
{
	if (pid->watch)
		waitq_wake(&pid->watch->wait);
}

void pidfd_forget(struct pid *pid)
{
	kfree(pid->watch);
}

/* Give it what is polled, unless it has that; its inode number, or 0 without memory. */
static u64 pidfd_watch(struct pid *pid, u64 ino)
{
	struct pid_watch *watch = kzalloc(sizeof(*watch)), *kept;

	if (!watch)
		return 0;
	waitq_init(&watch->wait);
	watch->ino = ino;
	spin_lock(&proc_tree_lock);
	if (!pid->watch) {
		pid->watch = watch;
		watch = NULL;
	}
	kept = pid->watch;
	spin_unlock(&proc_tree_lock);
	kfree(watch);
	return kept->ino;
}

int pidfd_make(struct pid *pid, u32 flags, const struct cred *cred, struct file **file)
{
	struct inode *inode = inode_new_loose(0600);
	u64 ino = inode ? pidfd_watch(pid, inode->ino) : 0;

	if (!ino) {
		inode_put(inode);
		return -ENOMEM;
	}
	inode->ino = ino;
	*file = file_new_loose(inode, "anon_inode:[pidfd]", &pidfd_ops,
			       O_RDWR | (flags & PIDFD_NONBLOCK), cred);
	if (!*file)
		return -ENOMEM;
	atomic_or(&(*file)->flags, flags & (u32)PIDFD_THREAD);
	pid_get(pid);
	(*file)->private = pid;
	return 0;
}

int pidfd_open(int nr, u32 flags, const struct cred *cred, struct file **file)
{
	struct pid *pid;
	int err = -ESRCH;

	spin_lock(&proc_tree_lock);
	pid = pid_lookup(nr);
	if (pid) {
		err = pid->process || ((flags & PIDFD_THREAD) && pid->thread) ? 0 : -EINVAL;
		pid_get(pid);
	}
	spin_unlock(&proc_tree_lock);
	if (!err)
		err = pidfd_make(pid, flags, cred, file);
	pid_put(pid);
	return err;
}

/* --- folders of /proc --- */

static struct pid *(*pidfd_folder)(const struct file *folder);	/* [I] after boot */

void pidfd_set_folders(struct pid *(*pid_of)(const struct file *folder))
{
	pidfd_folder = pid_of;
}

struct pid *pidfd_receiver(const struct file *file)
{
	struct pid *pid = pidfd_pid(file);

	return pid || !pidfd_folder ? pid : pidfd_folder(file);
}
