/* fs/tmpfs/tree.c -- a directory's names, in two trees: by hash to find one, by a number
 * that is never used again to list them. So a listing in pieces neither skips nor repeats what
 * stays.
 */
#include <linux/stat.h>

#include "core/base/string.h"
#include "fs/tmpfs/internal.h"
#include "mem/phys/slab.h"

#define TREE_ENTRY_SIZE 20	/* what one entry adds to a directory's size on Linux */

static u64 tree_hash(const char *name, size_t len)
{
	u64 h = 0xcbf29ce484222325ul;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ul;
	return h ^ h >> 32;
}

static struct tmpfs_entry *tree_by_name(const struct rb_node *n)
{
	return container_of((struct rb_node *)n, struct tmpfs_entry, by_name);
}

static struct tmpfs_entry *tree_by_cookie(const struct rb_node *n)
{
	return container_of((struct rb_node *)n, struct tmpfs_entry, by_cookie);
}

static bool tree_hash_less(const struct rb_node *a, const struct rb_node *b)
{
	return tree_by_name(a)->hash < tree_by_name(b)->hash;
}

static bool tree_hash_before(const struct rb_node *n, u64 hash)
{
	return tree_by_name(n)->hash < hash;
}

static bool tree_cookie_less(const struct rb_node *a, const struct rb_node *b)
{
	return tree_by_cookie(a)->cookie < tree_by_cookie(b)->cookie;
}

static bool tree_cookie_before(const struct rb_node *n, u64 cookie)
{
	return tree_by_cookie(n)->cookie < cookie;
}

struct tmpfs_entry *tmpfs_find(struct inode *dir, const char *name, size_t len)
{
	u64 hash = tree_hash(name, len);
	struct rb_node *n = rb_lower_bound(&tmpfs_of(dir)->names, tree_hash_before, hash);

	for (; n && tree_by_name(n)->hash == hash; n = rb_next(n)) {
		struct tmpfs_entry *e = tree_by_name(n);

		if (e->len == len && !memcmp(e->name, name, len))
			return e;
	}
	return NULL;
}

struct tmpfs_entry *tmpfs_entry_new(const char *name, size_t len)
{
	struct tmpfs_entry *e = kzalloc(sizeof(*e) + len);

	if (!e)
		return NULL;
	e->hash = tree_hash(name, len);
	e->len = (u16)len;
	memcpy(e->name, name, len);
	return e;
}

void tmpfs_enter(struct inode *dir, struct tmpfs_entry *e, struct inode *inode)
{
	struct tmpfs_inode *d = tmpfs_of(dir);

	inode_get(inode);
	e->inode = inode;
	e->cookie = d->next_cookie--;
	rb_insert(&d->names, &e->by_name, tree_hash_less);
	rb_insert(&d->cookies, &e->by_cookie, tree_cookie_less);
	atomic_store(&dir->size, dir->size + TREE_ENTRY_SIZE);
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

struct inode *tmpfs_leave(struct inode *dir, struct tmpfs_entry *e)
{
	struct tmpfs_inode *d = tmpfs_of(dir);
	struct inode *inode = e->inode;

	rb_remove(&d->names, &e->by_name);
	rb_remove(&d->cookies, &e->by_cookie);
	atomic_store(&dir->size, dir->size - TREE_ENTRY_SIZE);
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	kfree(e);
	return inode;
}

struct tmpfs_entry *tmpfs_first(struct inode *dir)
{
	struct rb_node *n = rb_first(&tmpfs_of(dir)->cookies);

	return n ? tree_by_cookie(n) : NULL;
}

/* The first entry with a cookie >= pos. */
struct tmpfs_entry *tmpfs_from(struct inode *dir, u64 pos)
{
	struct rb_node *n = rb_lower_bound(&tmpfs_of(dir)->cookies, tree_cookie_before, pos);

	return n ? tree_by_cookie(n) : NULL;
}
