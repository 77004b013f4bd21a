/* core/net/unix_name.c -- the names of UNIX sockets: inodes, and abstract strings. */
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/net/unix.h"
#include "mem/phys/slab.h"
#include "vfs/entry.h"
#include "vfs/walk.h"

#define UNIX_BUCKETS	64u
#define UNIX_PATH_START ((u32)offsetof(struct sockaddr_un, sun_path))
/* Numbers of five hexadecimal digits, that is. */
#define UNIX_AUTO_NAMES 0x100000u

spinlock unix_lock = SPINLOCK_INIT(RANK_NET_TABLE);
static struct list unix_all GUARDED_BY(&unix_lock) = LIST_INIT(unix_all);
/* By inode, or by type and abstract name. A bucket is set up when it is first used. */
static struct list unix_names[UNIX_BUCKETS] GUARDED_BY(&unix_lock);

static struct list *unix_bucket(u64 hash) REQUIRES(unix_lock)
{
	struct list *bucket = &unix_names[hash % UNIX_BUCKETS];

	if (!bucket->next)
		list_init(bucket);
	return bucket;
}

static struct list *unix_bucket_of_inode(const struct inode *inode) REQUIRES(unix_lock)
{
	return unix_bucket((u64)(uintptr_t)inode / sizeof(*inode));
}

static struct list *unix_bucket_of_name(u32 type, const char *name, u32 len) REQUIRES(unix_lock)
{
	u64 hash = type;

	for (u32 i = UNIX_PATH_START; i < len; i++)
		hash = hash * 31 + (u8)name[i];
	return unix_bucket(hash);
}

void unix_name_init(struct unix_socket *u)
{
	list_init(&u->by_name);
	spin_lock(&unix_lock);
	list_add_back(&unix_all, &u->all);
	spin_unlock(&unix_lock);
}

void unix_name_drop(struct unix_socket *u)
{
	spin_lock(&unix_lock);
	list_remove(&u->by_name);
	list_remove(&u->all);
	spin_unlock(&unix_lock);
}

void unix_each(void (*line)(void *arg, const struct unix_socket *u), void *arg)
{
	struct unix_socket *u;

	spin_lock(&unix_lock);
	list_each(u, &unix_all, all)
		line(arg, u);
	spin_unlock(&unix_lock);
}

int unix_check_name(const char *name, u32 len)
{
	u16 family;

	memcpy(&family, name, sizeof(family));
	if (len <= UNIX_PATH_START || len > sizeof(struct sockaddr_un) || family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* --- finding --- */

static struct socket *unix_find_abstract(u32 type, const char *name, u32 len)
{
	struct unix_socket *u;
	struct socket *found = NULL;

	spin_lock(&unix_lock);
	list_each(u, unix_bucket_of_name(type, name, len), by_name)
		if (!u->path.dentry && u->socket.type == type && u->name->len == len &&
		    !memcmp(u->name->bytes, name, len)) {
			found = &u->socket;
			socket_get(found);
			break;
		}
	spin_unlock(&unix_lock);
	return found;
}

static struct socket *unix_find_inode(const struct inode *inode)
{
	struct unix_socket *u;
	struct socket *found = NULL;

	spin_lock(&unix_lock);
	list_each(u, unix_bucket_of_inode(inode), by_name)
		if (u->path.dentry && u->path.dentry->inode == inode) {
			found = &u->socket;
			socket_get(found);
			break;
		}
	spin_unlock(&unix_lock);
	return found;
}

/* What the walk found. */
static long unix_find_walked(struct co *co, struct unix_find *f)
{
	struct inode *inode = f->walk->path.dentry->inode;
	int err = inode_permission(inode, cred_current(co), CRED_WRITE);

	if (err)
		return err;
	if (!S_ISSOCK(inode->mode))
		return -ECONNREFUSED;
	*f->found = unix_find_inode(inode);
	if (!*f->found)
		return -ECONNREFUSED;
	if ((*f->found)->type == f->type)
		return 0;
	socket_put(*f->found);
	*f->found = NULL;
	return -EPROTOTYPE;
}

co_t unix_find(struct co *co, struct unix_find *f)
{
	CO_BEGIN;
	if (!f->name[UNIX_PATH_START]) {
		*f->found = unix_find_abstract(f->type, f->name, f->name_len);
		CO_RETURN(*f->found ? 0 : -ECONNREFUSED);
	}
	f->walk = kmalloc(sizeof(*f->walk));
	if (!f->walk)
		CO_RETURN(-ENOMEM);
	f->err = walk_start(f->walk, co, AT_FDCWD, f->name + UNIX_PATH_START, WALK_FOLLOW);
	if (!f->err)
		WALK(f->err, f->walk);
	if (!f->err)
		f->err = unix_find_walked(co, f);
	walk_finish(f->walk);
	kfree(f->walk);
	CO_RETURN(f->err);
	CO_END;
}

/* --- binding --- */

/* Take the name over, unless u got one meanwhile or another has it. */
static int unix_enter(struct unix_socket *u, struct net_name *name, const struct path *path)
{
	u32 type = u->socket.type;
	struct unix_socket *other;
	struct list *bucket;
	int err = 0;

	spin_lock(&unix_lock);
	bucket = path ? unix_bucket_of_inode(path->dentry->inode)
		      : unix_bucket_of_name(type, name->bytes, name->len);
	if (!path)
		list_each(other, bucket, by_name)
			if (!other->path.dentry && other->socket.type == type &&
			    other->name->len == name->len &&
			    !memcmp(other->name->bytes, name->bytes, name->len))
				err = -EADDRINUSE;
	if (u->name)
		err = -EINVAL;
	if (!err) {
		if (path)
			u->path = *path;
		atomic_store(&u->name, name);
		list_add_back(bucket, &u->by_name);
	}
	spin_unlock(&unix_lock);
	return err;
}

int unix_autobind(struct unix_socket *u)
{
	static u32 next; /* [a] */
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	u32 len = UNIX_PATH_START + 6;
	struct net_name *name;
	int err = -ENOSPC;

	if (atomic_load(&u->name))
		return 0;
	/* Others may have such names, but hardly this many in a row. */
	for (u32 tries = 0; tries < 1024; tries++) {
		format(sun.sun_path + 1, 6, "%05x", atomic_add(&next, 1u) % UNIX_AUTO_NAMES);
		name = net_name_new(&sun, len);
		if (!name)
			return -ENOMEM;
		err = unix_enter(u, name, NULL);
		if (!err)
			return 0;
		net_name_put(name);
		if (err == -EINVAL)
			return 0;	/* another thread was first */
	}
	return err;
}

/* The name as getsockname gives it back: a path with its terminator. */
static struct net_name *unix_name_of(const char *name, u32 len)
{
	if (name[UNIX_PATH_START])
		len = UNIX_PATH_START + (u32)strnlen(name + UNIX_PATH_START,
						     len - UNIX_PATH_START) + 1;
	return net_name_new(name, len);
}

co_t unix_bind(struct co *co, struct unix_bind *f)
{
	u16 family;

	CO_BEGIN;
	memcpy(&family, f->name, sizeof(family));
	if (f->name_len == UNIX_PATH_START && family == AF_UNIX) {
		if (atomic_load(&unix_of(f->socket)->name))
			CO_RETURN(0);
		CO_RETURN(unix_autobind(unix_of(f->socket)));
	}
	f->err = unix_check_name(f->name, f->name_len);
	if (!f->err && atomic_load(&unix_of(f->socket)->name))
		f->err = -EINVAL;
	if (f->err)
		CO_RETURN(f->err);
	f->made = unix_name_of(f->name, f->name_len);
	if (!f->made)
		CO_RETURN(-ENOMEM);
	if (!f->name[UNIX_PATH_START]) {
		f->err = unix_enter(unix_of(f->socket), f->made, NULL);
	} else {
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = f->name + UNIX_PATH_START,
			 .mode = S_IFSOCK | 0777, .place = &f->path);
		if (f->err == -EEXIST)
			f->err = -EADDRINUSE;
		if (!f->err)
			f->err = unix_enter(unix_of(f->socket), f->made, &f->path);
		if (f->err && f->path.dentry)
			path_put(&f->path);
	}
	if (f->err)
		net_name_put(f->made);
	CO_RETURN(f->err);
	CO_END;
}
