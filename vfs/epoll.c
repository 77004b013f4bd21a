/* vfs/epoll.c -- which items there are; vfs/epoll_wait.c says how they become ready.
 *
 * Three locks, taken in this order:
 *	epoll_lock	which items there are: the sets' trees, the files' lists, the nesting
 *	set.look	held while items are looked at, so they stay; held over a file's poll, and
 *			so, from set to inner set, by several at once: there are no cycles
 *	set.ready_lock	the ready list and what an item asks for; all that a wake takes
 */
#include "vfs/epoll.h"

#include <linux/fcntl.h>

#include "core/base/log.h"
#include "core/base/rbtree.h"
#include "core/cred/cred.h"
#include "core/cred/user_counts.h"
#include "mem/phys/slab.h"
#include "vfs/epoll_set.h"
#include "vfs/super.h"
#include "vfs/text.h"

spinlock epoll_lock = SPINLOCK_INIT(RANK_POLL);

/* --- which items there are --- */

/* By file, then by number. */
static bool epoll_item_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct epoll_item *x = container_of(a, struct epoll_item, node);
	const struct epoll_item *y = container_of(b, struct epoll_item, node);

	return x->file != y->file ? x->file < y->file : x->fd < y->fd;
}

static struct epoll_item *epoll_find(struct epoll *e, const struct file *file, int fd)
{
	struct epoll_item key = {.file = (struct file *)file, .fd = fd};
	struct rb_node *n = e->items.root;

	while (n) {
		if (epoll_item_less(&key.node, n))
			n = n->left;
		else if (epoll_item_less(n, &key.node))
			n = n->right;
		else
			return container_of(n, struct epoll_item, node);
	}
	return NULL;
}

/* Enlists the item's places, one for each queue the file names. */
struct epoll_enlist {
	struct poller poller;
	struct epoll_item *item;
	unsigned queues;
};

static void epoll_add_queue(struct poller *p, struct waitq *q)
{
	struct epoll_enlist *enlist = container_of(p, struct epoll_enlist, poller);
	struct epoll_item *it = enlist->item;
	struct epoll_place *place;

	assert(enlist->queues < ARRAY_SIZE(it->places));
	place = &it->places[enlist->queues++];
	*place = (struct epoll_place){.item = it,
				      .waiter = {.notify = epoll_wait_notify,
						 .one = it->what.events & EPOLLEXCLUSIVE}};
	waitq_enlist(q, &place->waiter);
}

static int epoll_may_add(struct epoll *e, struct epoll_item *it) REQUIRES(epoll_lock)
{
	if (epoll_find(e, it->file, it->fd))
		return -EEXIST;
	if (epoll_is(it->file) && !epoll_nest_may(e, epoll_of(it->file)))
		return -ELOOP;
	if (!user_counts_take(&e->user->epoll_items, atomic_load_relaxed(&user_limits.epoll_items)))
		return -ENOSPC;
	return 0;
}

static void epoll_link(struct epoll *e, struct epoll_item *it) REQUIRES(epoll_lock, e->look)
{
	struct file *file = it->file;

	rb_insert(&e->items, &it->node, epoll_item_less);
	it->next = file->watchers;
	it->link = &file->watchers;
	if (it->next)
		it->next->link = &it->next;
	atomic_store(&file->watchers, it);
	if (epoll_is(file))
		list_add_back(&e->inner, &it->in_inner);
}

int epoll_add(struct file *set, struct file *target, int fd, const struct epoll_record *what)
{
	struct epoll *e = epoll_of(set);
	struct epoll_item *it = kzalloc(sizeof(*it));
	struct epoll_enlist enlist = {.poller.add = epoll_add_queue, .item = it};
	int err;

	if (!it)
		return -ENOMEM;
	it->set = e;
	it->file = target;
	it->fd = fd;
	it->what = *what;
	list_init(&it->ready_link);
	list_init(&it->in_inner);
	spin_lock(&epoll_lock);
	err = epoll_may_add(e, it);
	if (err) {
		spin_unlock(&epoll_lock);
		kfree(it);
		return err;
	}
	spin_lock(&e->look);
	epoll_link(e, it);
	spin_unlock(&epoll_lock);
	epoll_wait_first(e, it, &enlist.poller);
	spin_unlock(&e->look);
	return 0;
}

int epoll_change(struct file *set, struct file *target, int fd, const struct epoll_record *what)
{
	struct epoll *e = epoll_of(set);
	struct epoll_item *it;
	int err = 0;

	spin_lock(&e->look);
	it = epoll_find(e, target, fd);
	if (!it) {
		err = -ENOENT;
	} else if (it->what.events & EPOLLEXCLUSIVE) {
		err = -EINVAL;
	} else {
		spin_lock(&e->ready_lock);
		it->what = *what;
		spin_unlock(&e->ready_lock);
		epoll_wait_first(e, it, NULL);
	}
	spin_unlock(&e->look);
	return err;
}

/* Out of everything; the caller frees it when it has let go of the locks. */
static void epoll_unlink(struct epoll_item *it) REQUIRES(epoll_lock)
{
	struct epoll *e = it->set;

	spin_lock(&e->look);
	/* First the queues: then nobody makes it ready any more. */
	for (unsigned i = 0; i < ARRAY_SIZE(it->places); i++)
		waitq_leave(&it->places[i].waiter);
	spin_lock(&e->ready_lock);
	list_remove(&it->ready_link);
	spin_unlock(&e->ready_lock);
	rb_remove(&e->items, &it->node);
	spin_unlock(&e->look);
	list_remove(&it->in_inner);
	if (it->next)
		it->next->link = it->link;
	atomic_store(it->link, it->next);
	atomic_sub(&e->user->epoll_items, 1u);
}

int epoll_remove(struct file *set, struct file *target, int fd)
{
	struct epoll *e = epoll_of(set);
	struct epoll_item *it;

	spin_lock(&epoll_lock);
	it = epoll_find(e, target, fd);
	if (it)
		epoll_unlink(it);
	spin_unlock(&epoll_lock);
	kfree(it);
	return it ? 0 : -ENOENT;
}

int epoll_watched(struct file *set, int fd, u32 n, struct file **file)
{
	struct epoll *e = epoll_of(set);
	int err = -ENOENT;

	spin_lock(&e->look);
	for (struct rb_node *at = rb_first(&e->items); at && err; at = rb_next(at)) {
		struct epoll_item *it = container_of(at, struct epoll_item, node);

		if (it->fd != fd || n--)
			continue;
		if (!ref_get_live(&it->file->refs))
			break;
		*file = it->file;
		err = 0;
	}
	spin_unlock(&e->look);
	return err;
}

void epoll_file_gone(struct file *file)
{
	struct epoll_item *it;

	while (atomic_load(&file->watchers)) {
		spin_lock(&epoll_lock);
		it = file->watchers;
		if (it)
			epoll_unlink(it);
		spin_unlock(&epoll_lock);
		kfree(it);
	}
}

void epoll_queue_gone(struct waitq *q)
{
	if (!waitq_has_waiters(q))
		return;
	spin_lock(&epoll_lock);
	waitq_wake(q);	/* a last look at what held, as on Linux */
	waitq_forget(q);
	spin_unlock(&epoll_lock);
}

/* --- the file --- */

static struct epoll_item *epoll_take_first(struct epoll *e)
{
	struct epoll_item *it = NULL;
	struct rb_node *n;

	spin_lock(&epoll_lock);
	n = rb_first(&e->items);
	if (n) {
		it = container_of(n, struct epoll_item, node);
		epoll_unlink(it);
	}
	spin_unlock(&epoll_lock);
	return it;
}

struct epoll_release {
	struct file_released;
	struct epoll_item *item;
};
static co_t epoll_release(struct co *co, struct epoll_release *f)
{
	CO_BEGIN;
	while ((f->item = epoll_take_first(epoll_of(f->file)))) {
		kfree(f->item);
		CO_BREATHE;
	}
	user_counts_put(epoll_of(f->file)->user);
	kfree(f->file->private);
	CO_RETURN(0);
	CO_END;
}

/* Busy polling is all that could be asked of it. */
struct epoll_ioctl {
	struct file_ioctl;
};
static co_t epoll_ioctl(struct co *co, struct epoll_ioctl *f)
{
	CO_BEGIN;
	CO_RETURN(-EINVAL);
	CO_END;
}

static void epoll_fdinfo(struct file *set, const struct pid_ns *ns, struct text *to)
{
	struct epoll *e = epoll_of(set);
	struct rb_node *n;

	spin_lock(&e->look);
	for (n = rb_first(&e->items); n && !to->failed; n = rb_next(n)) {
		struct epoll_item *it = container_of(n, struct epoll_item, node);

		text_add(to, "tfd: %8d events: %8x data: %16lx  pos:%ld ino:%lx sdev:%x\n", it->fd,
			 it->what.events, it->what.data, it->file->pos, it->file->inode->ino,
			 it->file->inode->super->dev);
	}
	spin_unlock(&e->look);
}

static const struct file_ops epoll_ops = {
	.ioctl = CO_IMPLEMENTS(file_ioctl, epoll_ioctl),
	.poll = epoll_wait_poll,
	.release = CO_IMPLEMENTS(file_released, epoll_release),
	.fdinfo = epoll_fdinfo,
	.llseek = file_seek_nowhere,
	.stream = true,
	.unspliced = true,
};

bool epoll_is(const struct file *file)
{
	return file->ops == &epoll_ops;
}

int epoll_make(const struct cred *cred, struct file **file)
{
	struct epoll *e = kzalloc(sizeof(*e));
	struct user_counts *user = e ? user_counts_find(cred->uid) : NULL;
	struct inode *inode = user ? inode_new_loose(0600) : NULL;

	*file = inode ? file_new_loose(inode, "anon_inode:[eventpoll]", &epoll_ops, O_RDWR, cred)
		      : NULL;
	if (!*file) {
		user_counts_put(user);
		kfree(e);
		return -ENOMEM;
	}
	e->file = *file;
	e->user = user;
	list_init(&e->ready);
	list_init(&e->inner);
	waitq_init(&e->waiters);
	waitq_init(&e->watchers);
	/* Taken from set to set, or with another queue's lock held: no rank of their own. */
	spin_init(&e->waiters.lock, RANK_NONE);
	spin_init(&e->watchers.lock, RANK_NONE);
	spin_init(&e->look, RANK_NONE);
	spin_init(&e->ready_lock, RANK_READY);
	(*file)->private = e;
	return 0;
}
