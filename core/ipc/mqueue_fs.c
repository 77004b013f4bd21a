/* core/ipc/mqueue_fs.c -- the file system of message queues: one directory. */
#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/ipc/mqueue.h"
#include "core/proc/process.h"
#include "mem/phys/slab.h"
#include "vfs/entry.h"
#include "vfs/fs_context.h"
#include "vfs/inotify.h"
#include "vfs/open.h"

#define MQUEUE_TYPE	 0x19800202u	/* MQUEUE_MAGIC */
#define MQUEUE_FILE_SIZE 80u
#define MQUEUE_NAME_SIZE 20u		/* what a name adds to the directory's size */
#define MQUEUE_FIRST_POS 2ul		/* behind "." and ".." */
#define MQUEUE_LAST_POS	 (1ul << 62)
/* What Linux counts for a message and for a priority in use. */
#define MQUEUE_MESSAGE_BYTES 48u

/* A name; the newest is first. Under the directory's lock. */
struct mqueue_name {
	struct list link;
	u64 pos;		/* of readdir; counts down */
	struct inode *inode;	/* owned */
	u32 len;
	char text[];
};

struct mqueue_limits mqueue_limits = {
	.queues_max = 256, .msg_max = 10, .msgsize_max = 8192, .msg_default = 10,
	.msgsize_default = 8192,
};

static struct list mqueue_names;
static u64 mqueue_next_pos = MQUEUE_LAST_POS;
static u32 mqueue_count;	/* [a] queues there are */
static u64 mqueue_next_ino = 1;	/* [a] */
static struct path mqueue_root;	/* [I] */
static struct fs_type mqueue_type;
static const struct inode_ops mqueue_root_ops, mqueue_inode_ops;

/* --- making one --- */

static int mqueue_check_attr(const struct mq_attr *a, bool capable)
{
	u64 most = capable ? MQUEUE_HARD_MESSAGES : atomic_load_relaxed(&mqueue_limits.msg_max);
	u64 size = capable ? MQUEUE_HARD_SIZE : atomic_load_relaxed(&mqueue_limits.msgsize_max);

	if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0 || (u64)a->mq_maxmsg > most ||
	    (u64)a->mq_msgsize > size)
		return -EINVAL;
	return 0;
}

static u64 mqueue_bytes(const struct mq_attr *a)
{
	u64 messages = (u64)a->mq_maxmsg;

	return messages * ((u64)a->mq_msgsize + MQUEUE_MESSAGE_BYTES) +
	       min(messages, MQUEUE_PRIORITIES) * MQUEUE_MESSAGE_BYTES;
}

static void mqueue_free(struct inode *inode)
{
	struct mqueue *q = (struct mqueue *)inode;

	if (S_ISREG(inode->mode)) {
		mqueue_clear(q);
		atomic_sub(&q->user->queues, q->charged);
		user_counts_put(q->user);
		atomic_sub(&mqueue_count, 1u);
	}
	kfree(inode);
}

static int mqueue_new(const struct mq_attr *attr, u32 mode, u32 uid, u32 gid,
		      struct mqueue **made)
{
	struct process *me = process_current();
	u64 bytes = mqueue_bytes(attr);
	struct mqueue *q = kzalloc(sizeof(*q));

	if (!q)
		return -ENOMEM;
	if (atomic_add(&me->user->queues, bytes) + bytes > rlimit_get(me, RLIMIT_MSGQUEUE)) {
		atomic_sub(&me->user->queues, bytes);
		kfree(q);
		return -EMFILE;
	}
	inode_init(&q->inode, mqueue_root.dentry->super, atomic_add(&mqueue_next_ino, 1ul) + 1,
		   S_IFREG | mode);
	q->inode.ops = &mqueue_inode_ops;
	q->inode.file_ops = &mqueue_file_ops;
	q->inode.size = MQUEUE_FILE_SIZE;
	q->inode.uid = uid;
	q->inode.gid = gid;
	mqueue_setup(q);
	q->max_messages = (u64)attr->mq_maxmsg;
	q->max_size = (u64)attr->mq_msgsize;
	q->charged = bytes;
	q->user = me->user;
	user_counts_get(q->user);
	*made = q;
	return 0;
}

static struct mq_attr mqueue_default_attr(void)
{
	return (struct mq_attr){
		.mq_maxmsg = min(atomic_load_relaxed(&mqueue_limits.msg_max),
				 atomic_load_relaxed(&mqueue_limits.msg_default)),
		.mq_msgsize = min(atomic_load_relaxed(&mqueue_limits.msgsize_max),
				  atomic_load_relaxed(&mqueue_limits.msgsize_default)),
	};
}

/* A queue under a name that is free: *made has a reference for the caller. */
static int mqueue_make(const char *name, size_t len, u32 mode, u32 uid, u32 gid,
		       const struct mq_attr *attr, struct inode **made)
{
	bool capable = cred_capable(task_current()->cred, CAP_SYS_RESOURCE);
	struct mq_attr usual = mqueue_default_attr();
	struct mqueue_name *n;
	struct mqueue *q = NULL;
	int err = -ENOSPC;

	if (atomic_add(&mqueue_count, 1u) >= atomic_load_relaxed(&mqueue_limits.queues_max) &&
	    !capable)
		goto out;
	attr = attr ? attr : &usual;
	err = mqueue_check_attr(attr, capable);
	if (err)
		goto out;
	n = kmalloc(sizeof(*n) + len);
	err = n ? mqueue_new(attr, mode, uid, gid, &q) : -ENOMEM;
	if (err) {
		kfree(n);
		goto out;
	}
	inode_get(&q->inode);
	*n = (struct mqueue_name){.pos = --mqueue_next_pos, .inode = &q->inode,
				  .len = (u32)len};
	memcpy(n->text, name, len);
	list_add_front(&mqueue_names, &n->link);
	mqueue_root.dentry->inode->size += MQUEUE_NAME_SIZE;
	inode_touch(mqueue_root.dentry->inode, ATTR_MTIME | ATTR_CTIME | ATTR_ATIME);
	*made = &q->inode;
	return 0;
out:
	atomic_sub(&mqueue_count, 1u);
	return err;
}

/* --- the directory --- */

static struct mqueue_name *mqueue_find(const char *name, size_t len)
{
	struct mqueue_name *n;

	list_each(n, &mqueue_names, link)
		if (n->len == len && !memcmp(n->text, name, len))
			return n;
	return NULL;
}

struct mqueue_lookup {
	struct inode_lookup;
};
static co_t mqueue_lookup(struct co *co, struct mqueue_lookup *f)
{
	struct mqueue_name *n;

	CO_BEGIN;
	n = mqueue_find(f->name, f->len);
	*f->found = n ? n->inode : NULL;
	if (n)
		inode_get(n->inode);
	CO_RETURN(0);
	CO_END;
}

struct mqueue_create {
	struct inode_create;
};
static co_t mqueue_create(struct co *co, struct mqueue_create *f)
{
	CO_BEGIN;
	if (!S_ISREG(f->mode))
		CO_RETURN(-EPERM);
	CO_RETURN(mqueue_make(f->name, f->len, f->mode & 07777, f->uid, f->gid, NULL, f->made));
	CO_END;
}

static int mqueue_drop_name(const char *name, size_t len)
{
	struct mqueue_name *n = mqueue_find(name, len);

	if (!n)
		return -ENOENT;
	list_remove(&n->link);
	inode_add_links(n->inode, -1);
	inode_touch(n->inode, ATTR_CTIME);
	mqueue_root.dentry->inode->size -= MQUEUE_NAME_SIZE;
	inode_touch(mqueue_root.dentry->inode, ATTR_MTIME | ATTR_CTIME | ATTR_ATIME);
	inode_put(n->inode);	/* never the last: the caller has one */
	kfree(n);
	return 0;
}

struct mqueue_remove {
	struct inode_unlink;
};
static co_t mqueue_remove(struct co *co, struct mqueue_remove *f)
{
	CO_BEGIN;
	CO_RETURN(mqueue_drop_name(f->name, f->len));
	CO_END;
}

struct mqueue_readdir {
	struct inode_readdir;
};
static co_t mqueue_readdir(struct co *co, struct mqueue_readdir *f)
{
	struct mqueue_name *n;

	CO_BEGIN;
	for (; *f->pos < MQUEUE_FIRST_POS; ++*f->pos)
		if (!f->to->emit(f->to, "..", *f->pos + 1, f->dir->ino, 4, *f->pos + 1))
			CO_RETURN(0);
	list_each(n, &mqueue_names, link) {
		if (n->pos < *f->pos)
			continue;
		if (!f->to->emit(f->to, n->text, n->len, n->inode->ino, 8, n->pos + 1))
			CO_RETURN(0);
		*f->pos = n->pos + 1;
	}
	CO_RETURN(0);
	CO_END;
}

struct mqueue_setattr {
	struct inode_setattr;
};
static co_t mqueue_setattr(struct co *co, struct mqueue_setattr *f)
{
	CO_BEGIN;
	if (f->attr->valid & ATTR_SIZE)
		atomic_store(&f->inode->size, f->attr->size);	/* which means nothing */
	inode_apply(f->inode, f->attr);
	CO_RETURN(0);
	CO_END;
}

static const struct inode_ops mqueue_root_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, mqueue_lookup),
	.create = CO_IMPLEMENTS(inode_create, mqueue_create),
	.unlink = CO_IMPLEMENTS(inode_unlink, mqueue_remove),
	.readdir = CO_IMPLEMENTS(inode_readdir, mqueue_readdir),
	.setattr = CO_IMPLEMENTS(inode_setattr, mqueue_setattr),
};
static const struct inode_ops mqueue_inode_ops = {
	.setattr = CO_IMPLEMENTS(inode_setattr, mqueue_setattr),
};

/* --- mq_open, mq_unlink --- */

static bool mqueue_is_name(const char *name)
{
	return !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

/* May what is there be opened so? */
static long mqueue_check_found(const struct mqueue_open *f)
{
	if ((f->flags & O_CREAT) && (f->flags & O_EXCL))
		return -EEXIST;
	return (f->flags & O_ACCMODE) == O_ACCMODE ? -EINVAL : 0;
}

/* The name is free. */
static long mqueue_open_new(struct co *co, struct mqueue_open *f)
{
	const struct cred *cred = cred_current(co);
	struct inode *inode = NULL;
	long err;

	if (!(f->flags & O_CREAT))
		return -ENOENT;
	err = entry_may_create(&mqueue_root, cred);
	if (!err)
		err = mqueue_make(f->d->name, f->d->len,
				  f->mode & 0777 & ~atomic_load_relaxed(&fs_current(co)->umask),
				  cred->fsuid, cred->fsgid, f->attr, &inode);
	if (err)
		return err;
	dentry_fill(f->d, inode);
	inotify_tell_entry(mqueue_root.dentry->inode, f->d->name, f->d->len, false, IN_CREATE);
	f->made = true;
	return 0;
}

co_t mqueue_open(struct co *co, struct mqueue_open *f)
{
	CO_BEGIN;
	if (!mqueue_is_name(f->name))
		CO_RETURN(-EACCES);
	if (strlen(f->name) > DENTRY_NAME_MAX)
		CO_RETURN(-ENAMETOOLONG);
	CO_WRITE_LOCK(&mqueue_root.dentry->inode->lock);
	CO_AWAIT(f->err, walk_child, .dir = mqueue_root.dentry, .name = f->name,
		 .len = (u32)strlen(f->name), .found = &f->d);
	if (!f->err)
		f->err = f->d->inode ? mqueue_check_found(f) : mqueue_open_new(co, f);
	rwlock_unlock_write(&mqueue_root.dentry->inode->lock);
	if (f->err)
		goto out;
	f->path = (struct path){mqueue_root.mount, f->d};
	CO_AWAIT(f->err, open_path, .path = &f->path, .cred = cred_current(co),
		 .checked = f->made, .flags = f->flags & (O_ACCMODE | O_NONBLOCK),
		 .file = f->file);
out:
	dentry_put(f->d);
	CO_RETURN(f->err);
	CO_END;
}

co_t mqueue_unlink(struct co *co, struct mqueue_unlink *f)
{
	CO_BEGIN;
	if (!mqueue_is_name(f->name))
		CO_RETURN(-EACCES);
	if (strlen(f->name) > DENTRY_NAME_MAX)
		CO_RETURN(-ENAMETOOLONG);
	CO_WRITE_LOCK(&mqueue_root.dentry->inode->lock);
	CO_AWAIT(f->err, walk_child, .dir = mqueue_root.dentry, .name = f->name,
		 .len = (u32)strlen(f->name), .found = &f->d);
	if (!f->err && !f->d->inode)
		f->err = -ENOENT;
	if (!f->err)
		f->err = entry_may_delete(&mqueue_root, f->d, false, cred_current(co));
	if (!f->err) {
		f->inode = f->d->inode;
		inode_get(f->inode);
		f->err = mqueue_drop_name(f->d->name, f->d->len);
		dentry_drop(f->d);
	}
	rwlock_unlock_write(&mqueue_root.dentry->inode->lock);
	dentry_put(f->d);
	if (!f->err) {
		inotify_tell_inode(f->inode, IN_ATTRIB);
		inotify_tell_entry(mqueue_root.dentry->inode, f->name, (u32)strlen(f->name),
				   false, IN_DELETE);
	}
	inode_put(f->inode);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the super --- */

static void mqueue_statfs(struct super *s, struct statfs_info *to)
{
	*to = (struct statfs_info){.type = MQUEUE_TYPE, .block_size = PAGE_SIZE, .name_max = 255};
}

static const struct super_ops mqueue_super_ops = {
	.free_inode = mqueue_free,
	.statfs = mqueue_statfs,
};

/* Every mount shows the one there is. */
struct mqueue_mount {
	struct fs_mount;
};
static co_t mqueue_mount(struct co *co, struct mqueue_mount *f)
{
	CO_BEGIN;
	if (*f->options)
		CO_RETURN(-EINVAL);
	super_get(mqueue_root.dentry->super);
	*f->made = mqueue_root.dentry->super;
	CO_RETURN(0);
	CO_END;
}

static struct fs_type mqueue_type = {
	.name = "mqueue",
	.mount = CO_IMPLEMENTS(fs_mount, mqueue_mount),
};

void mqueue_init(void)
{
	struct super *s = super_new(&mqueue_type, &mqueue_super_ops);
	struct inode *root = kzalloc(sizeof(struct mqueue));

	if (!s || !root)
		panic("no memory for message queues");
	list_init(&mqueue_names);
	inode_init(root, s, 1, S_IFDIR | 01777);
	root->nlink = 2;
	root->ops = &mqueue_root_ops;
	s->root = root;
	s->root_dentry = dentry_new_root(s, root);
	mqueue_root.dentry = s->root_dentry;
	mqueue_root.mount = s->root_dentry ? mount_new(s, s->root_dentry, 0, "mqueue") : NULL;
	if (!mqueue_root.mount)
		panic("no memory for message queues");
	fs_register(&mqueue_type);
}
