/* core/proc/nsfs.c */
#include "core/proc/nsfs.h"

#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <linux/stat.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/pid_ns.h"
#include "core/proc/rlimit.h"
#include "core/proc/thread.h"
#include "core/proc/uts.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "vfs/dentry.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/mount_ns.h"

static const struct {
	const char *name;
	u32 type;	/* CLONE_NEW* */
} kinds[NSFS_KINDS] = {
	[NSFS_TIME] = {"time", CLONE_NEWTIME},	 [NSFS_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
	[NSFS_PID] = {"pid", CLONE_NEWPID},	 [NSFS_USER] = {"user", CLONE_NEWUSER},
	[NSFS_UTS] = {"uts", CLONE_NEWUTS},	 [NSFS_IPC] = {"ipc", CLONE_NEWIPC},
	[NSFS_NET] = {"net", CLONE_NEWNET},	 [NSFS_MNT] = {"mnt", CLONE_NEWNS},
};

#define FIRST_INO 0xeffffffaul	/* of NSFS_TIME; the others' follow, then those made later */

struct nsfs_inode {
	struct inode inode;		/* first */
	enum nsfs_kind kind;		/* [I] */
	struct nsfs_spaces space;	/* [I] the one of that kind; owned */
};

static struct super *nsfs_super;	/* [I] after boot */
static struct mount nsfs_mount;		/* [I]; never freed */
static const struct file_ops nsfs_ops;

static struct nsfs_inode *nsfs_inode(const struct inode *inode)
{
	return (struct nsfs_inode *)inode;
}

/* --- the namespaces --- */

bool nsfs_spaces_of(struct process *p, struct nsfs_spaces *to)
{
	struct fs_context *fs = process_fs(p);
	struct cred *cred = fs ? process_cred(p) : NULL;

	*to = (struct nsfs_spaces){};
	if (!cred) {
		fs_context_put(fs);
		return false;
	}
	to->mounts = fs_context_ns(fs);
	to->uts = process_uts(p);
	to->pids = p->pid->ns;
	pid_ns_get(to->pids);
	to->users = cred->ns;
	user_ns_get(to->users);
	cred_put(cred);
	fs_context_put(fs);
	return true;
}

void nsfs_spaces_put(struct nsfs_spaces *s)
{
	mount_ns_put(s->mounts);
	uts_put(s->uts);
	pid_ns_put(s->pids);
	user_ns_put(s->users);
	*s = (struct nsfs_spaces){};
}

/* The one of that kind, with a reference. */
static struct nsfs_spaces nsfs_one(enum nsfs_kind kind, const struct nsfs_spaces *of)
{
	struct nsfs_spaces one = {};

	if (kind == NSFS_MNT) {
		one.mounts = of->mounts;
		mount_ns_get(one.mounts);
	} else if (kind == NSFS_UTS) {
		one.uts = of->uts;
		uts_get(one.uts);
	} else if (kind == NSFS_PID) {
		one.pids = of->pids;
		pid_ns_get(one.pids);
	} else if (kind == NSFS_USER) {
		one.users = of->users;
		user_ns_get(one.users);
	}
	return one;
}

static u64 nsfs_number(enum nsfs_kind kind, const struct nsfs_spaces *of)
{
	u64 id = kind == NSFS_MNT   ? of->mounts->id
		 : kind == NSFS_UTS ? of->uts->id
		 : kind == NSFS_PID ? of->pids->id
		 : kind == NSFS_USER ? of->users->id
				    : 1;

	return FIRST_INO + (id - 1) * NSFS_KINDS + kind;
}

/* --- their files --- */

int nsfs_path(enum nsfs_kind kind, const struct nsfs_spaces *of, struct path *to)
{
	static const struct inode_ops no_ops;
	struct nsfs_inode *n = kzalloc(sizeof(*n));
	char name[32];

	if (!n)
		return -ENOMEM;
	inode_init(&n->inode, nsfs_super, nsfs_number(kind, of), S_IFREG | 0444);
	n->inode.ops = &no_ops;
	n->inode.file_ops = &nsfs_ops;
	n->kind = kind;
	n->space = nsfs_one(kind, of);
	format(name, sizeof(name), "%s:[%lu]", kinds[kind].name, n->inode.ino);
	*to = (struct path){&nsfs_mount, dentry_new_loose(nsfs_super, &n->inode, name)};
	if (!to->dentry)
		return -ENOMEM;
	mount_get(to->mount);
	return 0;
}

u32 nsfs_of(const struct file *file, struct nsfs_spaces *to)
{
	*to = (struct nsfs_spaces){};
	if (file->inode->super != nsfs_super)
		return 0;
	*to = nsfs_one(nsfs_inode(file->inode)->kind, &nsfs_inode(file->inode)->space);
	return kinds[nsfs_inode(file->inode)->kind].type;
}

/* A descriptor of one, for the current process. */
static long nsfs_open(struct co *co, enum nsfs_kind kind, const struct nsfs_spaces *of)
{
	struct task *t = co_task(co);
	struct path path;
	struct file *file;
	long fd = nsfs_path(kind, of, &path);

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

/* The user namespace that it belongs to; NULL: the first user namespace belongs to none. */
static struct user_ns *nsfs_users(const struct nsfs_inode *n)
{
	switch (n->kind) {
	case NSFS_MNT:
		return n->space.mounts->users;
	case NSFS_UTS:
		return n->space.uts->users;
	case NSFS_PID:
		return n->space.pids->users;
	case NSFS_USER:
		return n->space.users->parent;
	default:
		return &user_ns_first;
	}
}

/* That one, if the caller is in it or above it. */
static long nsfs_open_users(struct co *co, const struct nsfs_inode *n)
{
	const struct nsfs_spaces of = {.users = nsfs_users(n)};

	if (!of.users || !user_ns_is_within(of.users, cred_ns()))
		return -EPERM;
	return nsfs_open(co, NSFS_USER, &of);
}

/* The one above, likewise. */
static long nsfs_open_parent(struct co *co, const struct nsfs_inode *n)
{
	struct nsfs_spaces parent = {};

	if (n->kind == NSFS_USER)
		return nsfs_open_users(co, n);
	if (n->kind != NSFS_PID)
		return -EINVAL;
	parent.pids = n->space.pids->parent;
	if (!parent.pids || !pid_ns_is_within(parent.pids, pid_ns_here()))
		return -EPERM;
	return nsfs_open(co, NSFS_PID, &parent);
}

/* Numbers of a thread or its process, from the caller's namespace to ns or the other way. */
static long nsfs_translate(const struct pid_ns *ns, u32 cmd, int nr)
{
	bool into = cmd == NS_GET_PID_IN_PIDNS || cmd == NS_GET_TGID_IN_PIDNS;
	const struct pid_ns *here = pid_ns_here();
	const struct thread *t = NULL;
	const struct pid *pid;

	spin_lock(&proc_tree_lock);
	pid = pid_lookup_in(into ? here : ns, nr);
	if (pid)
		t = pid->thread;
	if (t && (cmd == NS_GET_TGID_FROM_PIDNS || cmd == NS_GET_TGID_IN_PIDNS))
		pid = t->process->pid;
	/* A leader that has ended is there until its process has been waited for. */
	nr = t || (pid && pid->process) ? pid_nr(pid, into ? ns : here) : 0;
	spin_unlock(&proc_tree_lock);
	return nr ? nr : -ESRCH;
}

struct nsfs_ioctl {
	struct file_ioctl;
	u64 id;
	u32 uid;
	long err;
};
static co_t nsfs_ioctl(struct co *co, struct nsfs_ioctl *f)
{
	const struct nsfs_inode *n;
	enum nsfs_kind kind;

	CO_BEGIN;
	n = nsfs_inode(f->file->inode);
	kind = n->kind;
	if (f->cmd == NS_GET_NSTYPE)
		CO_RETURN(kinds[kind].type);
	if (f->cmd == NS_GET_PARENT)
		CO_RETURN(nsfs_open_parent(co, n));
	if (f->cmd == NS_GET_USERNS)
		CO_RETURN(nsfs_open_users(co, n));
	if (f->cmd >= NS_GET_PID_FROM_PIDNS && f->cmd <= NS_GET_TGID_IN_PIDNS)
		CO_RETURN(kind == NSFS_PID ? nsfs_translate(n->space.pids, f->cmd, (int)f->arg)
					   : -EINVAL);
	if (f->cmd == NS_GET_MNTNS_ID) {
		if (kind != NSFS_MNT)
			CO_RETURN(-EINVAL);
		f->id = n->space.mounts->id;
		CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->id, sizeof(f->id));
		CO_RETURN(f->err);
	}
	if (f->cmd != NS_GET_OWNER_UID)
		CO_RETURN(-ENOTTY);
	if (kind != NSFS_USER)
		CO_RETURN(-EINVAL);
	f->uid = cred_shown_uid(n->space.users->owner);
	CO_COPY_TO_USER(f->err, uptr_of(f->arg), &f->uid, sizeof(f->uid));
	CO_RETURN(f->err);
	CO_END;
}

static const struct file_ops nsfs_ops = {.ioctl = CO_IMPLEMENTS(file_ioctl, nsfs_ioctl)};

/* --- the file system --- */

static void nsfs_free_inode(struct inode *inode)
{
	nsfs_spaces_put(&nsfs_inode(inode)->space);
	kfree(inode);
}

static void nsfs_statfs(struct super *s, struct statfs_info *to)
{
	*to = (struct statfs_info){
		.type = NSFS_MAGIC, .block_size = PAGE_SIZE, .name_max = 255, .fsid = s->dev
	};
}

static const struct super_ops nsfs_super_ops = {
	.free_inode = nsfs_free_inode, .statfs = nsfs_statfs
};
static const struct fs_type nsfs_type = {.name = "nsfs"};

void nsfs_setup(void)
{
	nsfs_super = super_new(&nsfs_type, &nsfs_super_ops);
	if (!nsfs_super)
		panic("no memory for the file system of namespaces");
	nsfs_mount = (struct mount){.super = nsfs_super, .parent = &nsfs_mount};
	ref_init(&nsfs_mount.refs);
	list_init(&nsfs_mount.children);
	list_init(&nsfs_mount.child);
	list_init(&nsfs_mount.all);
}
