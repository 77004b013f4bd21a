/* fs/procfs/proc_ns.c -- /proc/<pid>/ns: the namespaces a process is in.
 *
 * There is one of each kind, with the number that Linux gives the first. A link leads to a
 * file of a file system of their own, which is mounted nowhere: same number, same namespace.
 */
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sched.h>

#include "core/base/log.h"
#include "core/proc/process.h"
#include "core/proc/rlimit.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/dentry.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/mount.h"

enum proc_ns { NS_TIME, NS_CGROUP, NS_PID, NS_USER, NS_UTS, NS_IPC, NS_NET, NS_MNT, NS_COUNT };

static const struct {
	const char *name;
	int type;	/* CLONE_NEW* */
} kinds[NS_COUNT] = {
	[NS_TIME] = {"time", CLONE_NEWTIME},   [NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
	[NS_PID] = {"pid", CLONE_NEWPID},     [NS_USER] = {"user", CLONE_NEWUSER},
	[NS_UTS] = {"uts", CLONE_NEWUTS},      [NS_IPC] = {"ipc", CLONE_NEWIPC},
	[NS_NET] = {"net", CLONE_NEWNET},      [NS_MNT] = {"mnt", CLONE_NEWNS},
};

#define FIRST_INO 0xeffffffaul	/* of NS_TIME; the others' follow */

static struct super *ns_super;	/* [I] after boot */
static struct mount ns_mount;	/* [I]; never freed */
static const struct file_ops ns_ops;

static int ns_path(enum proc_ns kind, struct path *to)
{
	static const struct inode_ops no_ops;
	struct inode *inode = kmalloc(sizeof(*inode));
	char name[32];

	if (!inode)
		return -ENOMEM;
	inode_init(inode, ns_super, FIRST_INO + kind, S_IFREG | 0444);
	inode->ops = &no_ops;
	inode->file_ops = &ns_ops;
	format(name, sizeof(name), "%s:[%lu]", kinds[kind].name, inode->ino);
	*to = (struct path){&ns_mount, dentry_new_loose(ns_super, inode, name)};
	if (!to->dentry)
		return -ENOMEM;
	mount_get(to->mount);
	return 0;
}

/* --- what can be asked --- */

/* A descriptor of another one, for the current process. */
static long ns_open(struct co *co, enum proc_ns kind)
{
	struct task *t = co_task(co);
	struct path path;
	struct file *file;
	long fd = ns_path(kind, &path);

	if (fd)
		return fd;
	file = file_new(&path, O_RDONLY, t->cred);
	if (!file) {
		path_put(&path);
		return -ENOMEM;
	}
	fd = fd_add(t->fds, file, 0, rlimit_get(process_current(), RLIMIT_NOFILE), true);
	if (fd < 0)
		file_put(file);
	return fd;
}

struct ns_ioctl {
	struct file_ioctl;
	u32 uid;
	long err;
};
static co_t ns_ioctl(struct co *co, struct ns_ioctl *f)
{
	enum proc_ns kind;

	CO_BEGIN;
	kind = (enum proc_ns)(f->file->inode->ino - FIRST_INO);
	if (f->cmd == NS_GET_NSTYPE)
		CO_RETURN(kinds[kind].type);
	/* The first ones have no parents, and the first user namespace no owner. */
	if (f->cmd == NS_GET_PARENT)
		CO_RETURN(kind == NS_USER || kind == NS_PID ? -EPERM : -EINVAL);
	if (f->cmd == NS_GET_USERNS)
		CO_RETURN(kind == NS_USER ? -EPERM : ns_open(co, NS_USER));
	if (f->cmd != NS_GET_OWNER_UID)
		CO_RETURN(-ENOTTY);
	if (kind != NS_USER)
		CO_RETURN(-EINVAL);
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->uid, sizeof(f->uid));
	CO_RETURN(f->err);
	CO_END;
}

static const struct file_ops ns_ops = {.ioctl = CO_IMPLEMENTS(file_ioctl, ns_ioctl)};

/* --- the links --- */

static int ns_jump(const struct proc_subject *who, enum proc_ns kind, struct path *to)
{
	struct fs_context *fs = process_fs(who->process);

	/* One that has ended is in none. */
	if (!fs)
		return -ENOENT;
	fs_context_put(fs);
	return ns_path(kind, to);
}

#define JUMP(name, kind)                                                          \
	static int name##_jump(const struct proc_subject *who, struct path *to)    \
	{                                                                         \
		return ns_jump(who, kind, to);                                    \
	}
JUMP(time, NS_TIME)
JUMP(cgroup, NS_CGROUP)
JUMP(pid, NS_PID)
JUMP(user, NS_USER)
JUMP(uts, NS_UTS)
JUMP(ipc, NS_IPC)
JUMP(net, NS_NET)
JUMP(mnt, NS_MNT)

#define LINK(name_, ...) {.name = name_, .mode = S_IFLNK | 0777, __VA_ARGS__}

const struct proc_entry proc_ns_entries[] = {
	LINK("net", .jump = net_jump),
	LINK("uts", .jump = uts_jump),
	LINK("ipc", .jump = ipc_jump),
	LINK("pid", .jump = pid_jump),
	LINK("pid_for_children", .jump = pid_jump),
	LINK("user", .jump = user_jump),
	LINK("mnt", .jump = mnt_jump),
	LINK("cgroup", .jump = cgroup_jump),
	LINK("time", .jump = time_jump),
	LINK("time_for_children", .jump = time_jump),
	{},
};

/* --- the file system --- */

static void free_inode(struct inode *inode)
{
	kfree(inode);
}

static void statfs(struct super *s, struct statfs_info *to)
{
	*to = (struct statfs_info){
		.type = NSFS_MAGIC, .block_size = PAGE_SIZE, .name_max = 255, .fsid = s->dev
	};
}

static const struct super_ops ns_super_ops = {.free_inode = free_inode, .statfs = statfs};
static const struct fs_type ns_type = {.name = "nsfs"};

void proc_ns_setup(void)
{
	ns_super = super_new(&ns_type, &ns_super_ops);
	if (!ns_super)
		panic("no memory for the file system of namespaces");
	ns_mount = (struct mount){.super = ns_super, .parent = &ns_mount};
	ref_init(&ns_mount.refs);
	list_init(&ns_mount.children);
	list_init(&ns_mount.child);
	list_init(&ns_mount.all);
}
