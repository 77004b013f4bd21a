/* core/proc/nsfs.h -- namespaces as files: what /proc/<pid>/ns leads to, and setns takes.
 *
 * The files are of a file system of their own, which is mounted nowhere; same number, same
 * namespace. User, mount, UTS and PID namespaces can be made; of the other kinds there is one each,
 * with the number that Linux gives the first.
 *
 * Ownership  an open file holds a reference of its namespace.
 * Locking    nothing here waits.
 */
#ifndef PROC_NSFS_H
#define PROC_NSFS_H

#include "core/proc/process.h"
#include "vfs/path.h"

enum nsfs_kind {
	NSFS_TIME, NSFS_CGROUP, NSFS_PID, NSFS_USER, NSFS_UTS, NSFS_IPC, NSFS_NET, NSFS_MNT,
	NSFS_KINDS
};

/* What a process is in, where there can be others; references. */
struct nsfs_spaces {
	struct mount_ns *mounts;
	struct uts *uts;
	struct pid_ns *pids;
	struct user_ns *users;
};
/* False: it has ended, and is in none. */
bool nsfs_spaces_of(struct process *p, struct nsfs_spaces *to);
void nsfs_spaces_put(struct nsfs_spaces *s);

/* The file of the one of these, with references: 0, -ENOMEM. */
int nsfs_path(enum nsfs_kind kind, const struct nsfs_spaces *of, struct path *to);
/* CLONE_NEW* of the kind of one that a file stands for, and itself (with a reference) where there
 * can be others; 0: the file is none. */
u32 nsfs_of(const struct file *file, struct nsfs_spaces *to);

void nsfs_setup(void);	/* at boot */

#endif
