/* fs/devfs/devpts.c
 *
 * Inode numbers: 1 the root, 2 ptmx, 3 + n the slave n; directory positions follow them.
 */
#include "fs/devfs/devpts.h"

#include <linux/magic.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "core/dev/pty.h"
#include "mem/phys/slab.h"
#include "vfs/dentry.h"
#include "vfs/super.h"

#define ROOT_INO  1ul
#define PTMX_INO  2ul
#define SLAVE_INO 3ul
#define MAX_PTYS  4096u

struct slave {
	struct list link;	/* by rising index */
	unsigned index;
	struct inode *inode;	/* owned */
};

struct devpts {
	struct pty_host host;	/* first */
	struct inode *ptmx;	/* [I] owned until the last mount goes */
	u32 mode, ptmx_mode, max; /* [I] options */
	u32 uid, gid;
	bool has_uid, has_gid;
	spinlock lock;		/* RANK_FS_PRIVATE */
	struct list slaves;	/* under lock */
};

static const struct inode_ops root_ops, slave_ops, ptmx_ops;

static struct devpts *devpts_of(struct pty_host *h)
{
	return (struct devpts *)h;
}

/* --- slaves --- */

static struct inode *new_node(struct devpts *d, u64 ino, u32 mode, u32 number,
			      const struct inode_ops *ops)
{
	struct inode *inode = kzalloc(sizeof(*inode));

	if (!inode)
		return NULL;
	inode_init(inode, d->host.super, ino, mode);
	inode->ops = ops;
	inode->rdev = number;
	return inode;
}

/* The lowest free number, and the link it goes in front of. */
static unsigned free_index(struct devpts *d, struct list **before) REQUIRES(d->lock)
{
	unsigned index = 0;
	struct slave *s;

	*before = &d->slaves;
	list_each(s, &d->slaves, link) {
		if (s->index != index) {
			*before = &s->link;
			break;
		}
		index++;
	}
	return index;
}

static int add(struct pty_host *h, struct tty *t)
{
	struct devpts *d = devpts_of(h);
	struct slave *s = kmalloc(sizeof(*s));
	struct inode *inode = new_node(d, 0, S_IFCHR | d->mode, 0, &slave_ops);
	struct list *before;
	int err = -ENOMEM;

	if (!s || !inode)
		goto out;
	inode->uid = d->has_uid ? d->uid : task_current()->cred->fsuid;
	inode->gid = d->has_gid ? d->gid : task_current()->cred->fsgid;
	s->inode = inode;
	spin_lock(&d->lock);
	s->index = free_index(d, &before);
	if (s->index < d->max) {
		list_add_back(before, &s->link);
		pty_set_index(t, s->index);
		inode->ino = SLAVE_INO + s->index;
		inode->rdev = CHARDEV_NUMBER(CHARDEV_PTS, s->index);
		tty_get(t);
		inode->private = t;
		err = (int)s->index;
	} else {
		err = -ENOSPC;
	}
	spin_unlock(&d->lock);
out:
	if (err < 0) {
		kfree(s);
		inode_put(inode);
	}
	return err;
}

static struct slave *find(struct devpts *d, u64 index) REQUIRES(d->lock)
{
	struct slave *s;

	list_each(s, &d->slaves, link)
		if (s->index == index)
			return s;
	return NULL;
}

static void remove(struct pty_host *h, unsigned index)
{
	struct devpts *d = devpts_of(h);
	struct slave *s;

	spin_lock(&d->lock);
	s = find(d, index);
	if (s)
		list_remove(&s->link);
	spin_unlock(&d->lock);
	if (!s)
		return;
	s->inode->nlink = 0;
	inode_put(s->inode);
	kfree(s);
}

static void host_get(struct pty_host *h)
{
	super_get(h->super);
}

static void host_put(struct pty_host *h)
{
	super_put(h->super);
}

/* --- inodes --- */

/* Only the canonical spelling of a number is one. */
static bool parse_index(const char *name, size_t len, u64 *index)
{
	u64 n = 0;

	if (!len || len > 7 || (name[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		n = n * 10 + (u64)(name[i] - '0');
	}
	*index = n;
	return true;
}

static struct inode *lookup(struct devpts *d, const char *name, size_t len)
{
	struct inode *found = NULL;
	struct slave *s;
	u64 index;

	if (len == 4 && !memcmp(name, "ptmx", 4)) {
		inode_get(d->ptmx);
		return d->ptmx;
	}
	if (!parse_index(name, len, &index))
		return NULL;
	spin_lock(&d->lock);
	s = find(d, index);
	if (s) {
		found = s->inode;
		inode_get(found);
	}
	spin_unlock(&d->lock);
	return found;
}

struct devpts_lookup {
	struct inode_lookup;
};
static co_t devpts_lookup(struct co *co, struct devpts_lookup *f)
{
	CO_BEGIN;
	*f->found = lookup(f->dir->super->private, f->name, f->len);
	CO_RETURN(0);
	CO_END;
}

/* A cached name holds if a look now finds the same. */
static bool revalidate(struct dentry *d)
{
	struct inode *now;
	bool same;

	if (d->flags & DENTRY_ROOT)
		return true;
	now = lookup(d->super->private, d->name, d->len);
	same = now == d->inode;
	inode_put(now);
	return same;
}

/* The slave after position pos: its index, or -1. */
static int next_slave(struct devpts *d, u64 pos)
{
	struct slave *s;
	int index = -1;

	spin_lock(&d->lock);
	list_each(s, &d->slaves, link)
		if (s->index + SLAVE_INO >= pos) {
			index = (int)s->index;
			break;
		}
	spin_unlock(&d->lock);
	return index;
}

struct devpts_readdir {
	struct inode_readdir;
};
static co_t devpts_readdir(struct co *co, struct devpts_readdir *f)
{
	static const char *const fixed[] = {".", "..", "ptmx"};
	char name[16];
	int index;

	CO_BEGIN;
	for (; *f->pos < SLAVE_INO; ++*f->pos) {
		u64 ino = *f->pos < PTMX_INO ? ROOT_INO : PTMX_INO;

		if (!f->to->emit(f->to, fixed[*f->pos], strlen(fixed[*f->pos]), ino,
				 *f->pos < PTMX_INO ? 4 /* DT_DIR */ : 2 /* DT_CHR */,
				 *f->pos + 1))
			CO_RETURN(0);
	}
	while ((index = next_slave(f->dir->super->private, *f->pos)) >= 0) {
		u64 ino = SLAVE_INO + (unsigned)index;

		if (!f->to->emit(f->to, name, format(name, sizeof(name), "%d", index), ino, 2,
				 ino + 1))
			CO_RETURN(0);
		*f->pos = ino + 1;
	}
	CO_RETURN(0);
	CO_END;
}

struct devpts_setattr {
	struct inode_setattr;
};
static co_t devpts_setattr(struct co *co, struct devpts_setattr *f)
{
	CO_BEGIN;
	if (f->attr->valid & ATTR_SIZE)
		CO_RETURN(-EINVAL);
	inode_apply(f->inode, f->attr);
	CO_RETURN(0);
	CO_END;
}

static const struct inode_ops root_ops = {
	.lookup = CO_IMPLEMENTS(inode_lookup, devpts_lookup),
	.readdir = CO_IMPLEMENTS(inode_readdir, devpts_readdir),
	.setattr = CO_IMPLEMENTS(inode_setattr, devpts_setattr),
	.revalidate = revalidate,
};
static const struct inode_ops slave_ops = {
	.setattr = CO_IMPLEMENTS(inode_setattr, devpts_setattr),
	.revalidate = revalidate,
};
static const struct inode_ops ptmx_ops = {
	.setattr = CO_IMPLEMENTS(inode_setattr, devpts_setattr),
};

/* --- the super --- */

static void free_inode(struct inode *inode)
{
	if (inode->ops == &slave_ops)
		tty_put(inode->private);
	kfree(inode);
}

static void statfs(struct super *s, struct statfs_info *to)
{
	*to = (struct statfs_info){
		.type = DEVPTS_SUPER_MAGIC, .block_size = PAGE_SIZE, .name_max = 255, .fsid = s->dev
	};
}

struct devpts_unmounted {
	struct super_let_go;
};
static co_t devpts_unmounted(struct co *co, struct devpts_unmounted *f)
{
	struct devpts *d;

	CO_BEGIN;
	d = f->super->private;
	pty_forget_host(&d->host);
	inode_put(d->ptmx);
	CO_RETURN(0);
	CO_END;
}

static void shutdown(struct super *s)
{
	kfree(s->private);
}

static void show_options(struct super *s, char *to, size_t size)
{
	struct devpts *d = s->private;
	size_t n = 0;

	to[0] = 0;
	if (d->has_uid)
		n += format(to + n, size - n, ",uid=%u", d->uid);
	if (d->has_gid)
		n += format(to + n, size - n, ",gid=%u", d->gid);
	n += format(to + n, size - n, ",mode=%03o,ptmxmode=%03o", d->mode, d->ptmx_mode);
	if (d->max != MAX_PTYS)
		(void)format(to + n, size - n, ",max=%u", d->max);
}

static const struct super_ops super_ops = {
	.free_inode = free_inode,
	.statfs = statfs,
	.unmounted = CO_IMPLEMENTS(super_let_go, devpts_unmounted),
	.shutdown = shutdown,
	.show_options = show_options,
};

/* name=number at *at, followed by a comma or the end; moves on past it. */
static bool option(const char **at, const char *name, unsigned base, u64 limit, u32 *value)
{
	size_t n = strlen(name);
	const char *end;
	u64 v;

	if (strncmp(*at, name, n) || (*at)[n] != '=')
		return false;
	if (!string_to_u64(*at + n + 1, &end, base, &v) || v > limit || (*end && *end != ','))
		return false;
	*value = (u32)v;
	*at = end;
	return true;
}

static int parse_options(struct devpts *d, const char *at)
{
	while (*at) {
		if (*at == ',')
			at++;
		else if (option(&at, "uid", 10, UINT32_MAX - 1, &d->uid))
			d->has_uid = true;
		else if (option(&at, "gid", 10, UINT32_MAX - 1, &d->gid))
			d->has_gid = true;
		else if (option(&at, "mode", 8, 07777, &d->mode) ||
			 option(&at, "ptmxmode", 8, 07777, &d->ptmx_mode) ||
			 option(&at, "max", 10, MAX_PTYS, &d->max))
			continue;
		else if (!strncmp(at, "newinstance", 11) && (!at[11] || at[11] == ','))
			at += 11;
		else
			return -EINVAL;
	}
	return 0;
}

/* d's inodes; afterwards d belongs to its super. */
static int fill(struct devpts *d)
{
	struct inode *root = new_node(d, ROOT_INO, S_IFDIR | 0755, 0, &root_ops);

	d->ptmx = new_node(d, PTMX_INO, S_IFCHR | d->ptmx_mode,
			   CHARDEV_NUMBER(CHARDEV_TTYAUX, 2), &ptmx_ops);
	if (!root || !d->ptmx) {
		inode_put(root);
		inode_put(d->ptmx);
		return -ENOMEM;
	}
	root->nlink = 2;
	d->ptmx->private = &d->host;
	d->host.super->root = root;
	return 0;
}

struct devpts_mount {
	struct fs_mount;
};
static co_t devpts_mount(struct co *co, struct devpts_mount *f)
{
	struct devpts *d;
	int err;

	CO_BEGIN;
	d = kzalloc(sizeof(*d));
	if (!d)
		CO_RETURN(-ENOMEM);
	d->host = (struct pty_host){.add = add, .remove = remove, .get = host_get, .put = host_put};
	d->mode = 0600;
	d->max = MAX_PTYS;
	spin_init(&d->lock, RANK_FS_PRIVATE);
	list_init(&d->slaves);
	err = parse_options(d, f->options);
	if (!err && ((d->has_uid && (d->uid = cred_kernel_uid(d->uid)) == USER_NONE) ||
		     (d->has_gid && (d->gid = cred_kernel_gid(d->gid)) == USER_NONE)))
		err = -EINVAL;
	d->host.super = err ? NULL : super_new(f->type, &super_ops);
	if (!d->host.super) {
		kfree(d);
		CO_RETURN(err ? err : -ENOMEM);
	}
	d->host.super->private = d;
	d->host.super->block_size = 1024;
	err = fill(d);
	if (err) {
		super_put(d->host.super);
		CO_RETURN(err);
	}
	pty_set_host(&d->host);
	*f->made = d->host.super;
	CO_RETURN(0);
	CO_END;
}

static struct fs_type devpts = {
	.name = "devpts",
	.for_users = true,
	.own_devices = true,
	.mount = CO_IMPLEMENTS(fs_mount, devpts_mount),
};

void devpts_register(void)
{
	pty_set_inode_ops(&slave_ops, &ptmx_ops);
	fs_register(&devpts);
}
