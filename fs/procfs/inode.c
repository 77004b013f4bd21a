/* fs/procfs/inode.c -- inodes of /proc: made at each lookup, told by their entry and subject
 * what they are. */
#include "core/cred/cred.h"
#include "core/proc/pidfd.h"
#include "fs/procfs/proc.h"
#include "fs/procfs/procfs.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "vfs/dentry.h"
#include "vfs/fs_context.h"

/* Numbers follow from the path, so that readdir and stat agree without a table. */
u64 proc_inode_number(const struct inode *dir, const char *name, size_t len)
{
	u64 h = dir ? dir->ino : 0xcbf29ce484222325ul;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ul;
	h ^= h >> 29;
	return (h & 0x7fffffff) | 0x80000000ul;
}

bool proc_inode_holds(const struct proc_inode *p)
{
	struct process_info info;
	struct process *now;
	u32 mode;

	if (p->entry->needs & PROC_LOOP_ONLY)
		return sysfs_has_loop(&p->who);
	if (p->entry->needs & PROC_DEVICE_ONLY)
		return sysfs_has_block(&p->who);
	if (!p->who.process)
		return true;
	now = process_find_in(&pid_ns_first, p->who.process->pid->nr);
	if (now)
		process_put(now);
	if (now != p->who.process)
		return false;
	if (p->who.tid && !process_thread_info(p->who.process, p->who.ns, p->who.tid, &info))
		return false;
	return p->who.fd < 0 || !proc_fd_exists(&p->who, &mode);
}

static void refresh(struct inode *inode);

static bool revalidate(struct dentry *d)
{
	if (d->inode) {
		if (!proc_inode_holds(proc_inode_of(d->inode)))
			return false;
		refresh(d->inode);	/* whether one may is asked of its owner now */
		return true;
	}
	/* A name that was absent may have appeared where processes and the like are. */
	return proc_inode_of(d->parent->inode)->entry->kind == PROC_PLAIN;
}

/* Who is root where the program was started; the first namespace's if nobody is. */
static u32 root_of(const struct cred *cred, const struct space *s, enum user_kind kind)
{
	u32 id = cred && s ? user_ns_into(user_ns_above(cred->ns, s->user_level), kind, 0) : 0;

	return id == USER_NONE ? 0 : id;
}

/* Files of a process belong to whom it runs as, or to root if it may not be looked into. */
static void set_owner(struct proc_inode *p)
{
	struct cred *cred = process_cred(p->who.process);
	struct space *s = process_space(p->who.process);
	bool open = !s || atomic_load(&s->dumpable) == SPACE_DUMP_USER ||
		    (p->inode.mode & 07777) == 0555;

	spin_lock(&p->inode.attr_lock);
	p->inode.uid = cred && open ? cred->euid : root_of(cred, s, USER_UIDS);
	p->inode.gid = cred && open ? cred->egid : root_of(cred, s, USER_GIDS);
	spin_unlock(&p->inode.attr_lock);
	if (s)
		space_put(s);
	if (cred)
		cred_put(cred);
}

static void refresh(struct inode *inode)
{
	struct proc_inode *p = proc_inode_of(inode);
	u32 mode;

	if (!p->who.process)
		return;
	set_owner(p);
	if (p->who.fd >= 0 && S_ISLNK(inode->mode) && !proc_fd_exists(&p->who, &mode))
		inode->mode = S_IFLNK | mode;
}

/* Opening for writing truncates; that means nothing here. Nothing else can be changed. */
struct proc_setattr {
	struct inode_setattr;
};
static co_t proc_setattr(struct co *co, struct proc_setattr *f)
{
	CO_BEGIN;
	CO_RETURN(f->attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0);
	CO_END;
}

static int jump(struct inode *inode, struct path *to)
{
	struct proc_inode *p = proc_inode_of(inode);
	int err = process_may_inspect(p->who.process);

	/* One without threads is over, and nowhere. */
	if (err)
		return err == -EPERM ? -EACCES : -ENOENT;
	return p->entry->jump(&p->who, to);
}

/* A place as text, as its reader sees it. */
static long jump_text(struct inode *inode, char *to, size_t size)
{
	struct path root = {}, place = {};
	char *buf = kmalloc(PAGE_SIZE), *start;
	long n = buf ? jump(inode, &place) : -ENOMEM;

	if (n)
		goto out;
	if (task_current()->fs)
		fs_context_root(task_current()->fs, &root);
	n = path_text(&place, root.mount ? &root : NULL, buf, PAGE_SIZE, true, &start, NULL);
	if (n >= 0) {
		n = (long)min((size_t)n, size);
		memcpy(to, start, (size_t)n);
	}
	path_put(&root);
	path_put(&place);
out:
	kfree(buf);
	return n;
}

struct proc_readlink {
	struct inode_readlink;
};
static co_t proc_readlink(struct co *co, struct proc_readlink *f)
{
	struct proc_inode *p;
	long n;

	CO_BEGIN;
	p = proc_inode_of(f->inode);
	if (p->entry->jump)
		n = jump_text(f->inode, f->to, f->size);
	else
		n = p->entry->link(&p->who, f->to, f->size);
	if (n >= 0 && (size_t)n < f->size)
		f->to[n] = 0;
	CO_RETURN(n);
	CO_END;
}

static const struct inode_ops dir_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, proc_lookup),
	.readdir = CO_IMPLEMENTS(inode_readdir, proc_readdir),
	.setattr = CO_IMPLEMENTS(inode_setattr, proc_setattr),
	.revalidate = revalidate,
	.refresh = refresh,
};
static const struct inode_ops file_ops = {
	.setattr = CO_IMPLEMENTS(inode_setattr, proc_setattr),
	.revalidate = revalidate,
	.refresh = refresh,
};
static const struct inode_ops link_ops = {
	.readlink = CO_IMPLEMENTS(inode_readlink, proc_readlink),
	.revalidate = revalidate,
	.refresh = refresh,
};
static const struct inode_ops jump_ops = {
	.readlink = CO_IMPLEMENTS(inode_readlink, proc_readlink),
	.revalidate = revalidate,
	.refresh = refresh,
	.jump = jump,
};
static const struct file_ops dir_file_ops;

struct inode *proc_inode_new(struct super *s, const struct inode *dir, const char *name,
			     size_t len, const struct proc_entry *entry,
			     const struct proc_subject *who)
{
	struct proc_inode *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	inode_init(&p->inode, s, dir ? proc_inode_number(dir, name, len) : 1, entry->mode);
	p->entry = entry;
	p->who = *who;
	if (who->process)
		process_get(who->process);
	if (S_ISDIR(entry->mode)) {
		p->inode.ops = &dir_ops;
		p->inode.file_ops = &dir_file_ops;
		p->inode.nlink = 2;
	} else if (S_ISLNK(entry->mode)) {
		p->inode.ops = entry->jump ? &jump_ops : &link_ops;
		p->inode.size = entry->jump && who->fd >= 0 ? 64 : 0;
	} else {
		p->inode.ops = &file_ops;
		p->inode.file_ops = entry->ops ? entry->ops : &proc_file_ops;
	}
	refresh(&p->inode);
	return &p->inode;
}

/* --- the types --- */

static void free_inode(struct inode *inode)
{
	struct proc_inode *p = proc_inode_of(inode);

	if (p->who.process)
		process_put(p->who.process);
	kfree(p);
}

static void statfs(struct super *s, struct statfs_info *to)
{
	*to = (struct statfs_info){
		.type = strcmp(s->type->name, "proc") ? 0x62656572 : 0x9fa0,
		.block_size = PAGE_SIZE,
		.name_max = 255,
		.fsid = s->dev,
	};
}

static void shutdown(struct super *s)
{
	pid_ns_put(s->private);
}

static const struct super_ops super_ops = {
	.free_inode = free_inode, .statfs = statfs, .shutdown = shutdown
};

static const struct proc_entry proc_root = {
	.mode = S_IFDIR | 0555, .kind = PROC_ROOT, .children = proc_root_entries
};
static const struct proc_entry sysfs_root = {.mode = S_IFDIR | 0555, .children = sysfs_entries};

/* The numbers shown are those of the namespace of who mounts it. */
static int mount_tree(const struct fs_type *type, const struct proc_entry *root,
		      struct super **made)
{
	struct pid_ns *ns = pid_ns_here();
	const struct proc_subject nobody = {.ns = ns, .fd = -1};
	struct super *s = super_new(type, &super_ops);

	if (!s)
		return -ENOMEM;
	s->block_size = 1024;
	s->root = proc_inode_new(s, NULL, "", 0, root, &nobody);
	if (!s->root) {
		super_put(s);
		return -ENOMEM;
	}
	pid_ns_get(ns);
	s->private = ns;
	*made = s;
	return 0;
}

struct proc_mount {
	struct fs_mount;
};
static co_t proc_mount(struct co *co, struct proc_mount *f)
{
	CO_BEGIN;
	/* Everybody sees every process; nothing else can be asked for. */
	if (*f->options && strcmp(f->options, "hidepid=0"))
		CO_RETURN(-EINVAL);
	CO_RETURN(mount_tree(f->type, &proc_root, f->made));
	CO_END;
}

struct sysfs_mount {
	struct fs_mount;
};
static co_t sysfs_mount(struct co *co, struct sysfs_mount *f)
{
	CO_BEGIN;
	CO_RETURN(mount_tree(f->type, &sysfs_root, f->made));
	CO_END;
}

/* Who mounts it shows all of a PID namespace. */
static struct user_ns *numbers_users(void)
{
	return pid_ns_here()->users;
}

static struct fs_type proc_type = {
	.name = "proc", .mount = CO_IMPLEMENTS(fs_mount, proc_mount),
	.for_users = true, .revealing = true, .users = numbers_users
};
static struct fs_type sysfs_type = {
	.name = "sysfs", .mount = CO_IMPLEMENTS(fs_mount, sysfs_mount)
};

/* The process that the folder /proc/<pid> stands for. */
static struct pid *pid_of_folder(const struct file *file)
{
	const struct proc_inode *p = proc_inode_of(file->inode);

	if (file->inode->super->ops != &super_ops || p->entry != &proc_pid_dir || p->who.tid)
		return NULL;
	return p->who.process->pid;
}

void procfs_register(void)
{
	pidfd_set_folders(pid_of_folder);
	fs_register(&proc_type);
	fs_register(&sysfs_type);
}
