/* vfs/walk.c -- the path walk.
 *
 * One engine, walk_try, goes as far as the cache reaches under a single hold of dentry_lock,
 * with no references on the way: the place it stands at can not go while the lock is held.
 * Where it has to let the lock go (a procfs entry to be asked, a magic link) or to wait (a
 * directory or a link to be read), it takes references and remembers the rest of the name;
 * walk_on does the waiting and calls it again.
 *
 * A link's target is joined with what is left of the name, so there is no stack of links.
 */
#include "vfs/walk.h"

#include <linux/fs.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/protect.h"
#include "vfs/super.h"

#define WALK_LINKS_MAX 40

enum { NEED_NOTHING, NEED_LOOKUP, NEED_READLINK };
/* walk_step's own results, beside 0 (go on) and errors. */
enum { STEP_END = 1, STEP_WAITS, STEP_JUMP, STEP_ASK };

void walk_start_at(struct walk *w, const struct cred *cred, const struct path *from,
		   const struct path *root, const char *name, unsigned flags)
{
	*w = (struct walk){.rest = name, .flags = flags, .cred = cred, .root = *root};
	path_get(root);
	w->path = *name == '/' ? *root : *from;
	path_get(&w->path);
}

int walk_start(struct walk *w, struct co *co, int dirfd, const char *name, unsigned flags)
{
	struct file *file;
	int err = 0;

	*w = (struct walk){.rest = name, .flags = flags, .cred = cred_current(co)};
	if (!*name && !(flags & WALK_EMPTY))
		return -ENOENT;
	fs_context_root(fs_current(co), &w->root);
	if (*name == '/' && (flags & WALK_BENEATH))
		return -EXDEV;
	if (*name == '/' && !(flags & WALK_IN_ROOT)) {
		w->path = w->root;
		path_get(&w->path);
	} else if (dirfd == AT_FDCWD) {
		fs_context_cwd(fs_current(co), &w->path);
	} else {
		file = fd_get_any(fd_current(co), dirfd);
		if (!file)
			return -EBADF;
		if (!*name || S_ISDIR(file->inode->mode)) {
			w->path = file->path;
			path_get(&w->path);
		} else {
			err = -ENOTDIR;
		}
		file_put(file);
	}
	if (!err && (flags & (WALK_BENEATH | WALK_IN_ROOT))) {
		path_put(&w->root);
		w->root = w->path;
		path_get(&w->root);
	}
	return err;
}

void walk_finish(struct walk *w)
{
	kfree(w->text);
	w->text = NULL;
	dentry_put(w->held);
	w->held = NULL;
	if (w->path.dentry)
		path_put(&w->path);
	if (w->root.dentry)
		path_put(&w->root);
}

void walk_take(struct walk *w, struct path *to)
{
	*to = w->path;
	w->path = (struct path){};
}

/* Go on with target, then the rest. */
static int walk_push(struct walk *w, struct path *at, const char *target)
{
	size_t first = strlen(target), second = strlen(w->rest);
	char *text;

	if (!first)
		return -ENOENT;
	if (*target == '/' &&
	    ((w->flags & WALK_BENEATH) ||
	     ((w->flags & WALK_NO_MOUNTS) && at->mount != w->root.mount)))
		return -EXDEV;
	if (++w->links > WALK_LINKS_MAX)
		return -ELOOP;
	text = kmalloc(first + second + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, target, first);
	memcpy(text + first, w->rest, second + 1);
	kfree(w->text);
	w->text = text;
	w->rest = text;
	if (*target == '/')
		*at = w->root;
	return 0;
}

static int walk_up(struct walk *w, struct path *at) REQUIRES(dentry_lock)
{
	const struct mount *from = at->mount;

	if ((w->flags & WALK_BENEATH) && path_same(at, &w->root))
		return -EXDEV;
	while (!path_same(at, &w->root)) {
		if (at->dentry != at->mount->root) {
			at->dentry = at->dentry->parent;
			break;
		}
		if (at->mount->parent == at->mount)
			break;
		*at = (struct path){at->mount->parent, at->mount->point};
	}
	mount_cross_locked(at);
	return (w->flags & WALK_NO_MOUNTS) && at->mount != from ? -EXDEV : 0;
}

/* What follows the component: its trailing slashes and whether it is the last. */
static const char *walk_after(const char *p, bool *slash)
{
	*slash = *p == '/';
	while (*p == '/')
		p++;
	return p;
}

/* A name that is not there may come to be when a file with a longer one is made, whose other name
 * it is: such have a tail. */
static bool walk_is_unsure(const struct dentry *negative)
{
	return negative->super->ops->fold && memchr(negative->name, '~', negative->len);
}

/* Does somebody have to be asked whether this cached entry still holds? */
static bool walk_must_ask(const struct dentry *d)
{
	const struct inode *inode = d->inode ? d->inode : d->parent->inode;

	return inode && (inode->ops->revalidate || (!d->inode && walk_is_unsure(d)));
}

/* A magic link leads anywhere. */
static int walk_may_jump(const struct walk *w)
{
	if (w->flags & WALK_NO_MAGIC)
		return -ELOOP;
	return w->flags & (WALK_BENEATH | WALK_IN_ROOT) ? -EXDEV : STEP_JUMP;
}

static bool walk_forbids_links(const struct walk *w, const struct mount *m)
{
	return (w->flags & WALK_NO_LINKS) || (atomic_load_relaxed(&m->flags) & MS_NOSYMFOLLOW);
}

/* Go into child: across mounts, through links. */
static int walk_enter(struct walk *w, struct path *at, struct dentry *child, const char *after,
		      bool last, bool slash) REQUIRES(dentry_lock)
{
	struct inode *inode = child->inode;
	const char *target;

	if (!inode)
		return -ENOENT;
	if (S_ISLNK(inode->mode) && (!last || slash || (w->flags & WALK_FOLLOW))) {
		int err = last ? protect_follow(at->dentry->inode, inode, w->cred) : 0;

		if (err)
			return err;
		if (walk_forbids_links(w, at->mount))
			return -ELOOP;
		if (inode->ops->jump)
			return walk_may_jump(w);
		target = inode->ops->link_target ? inode->ops->link_target(inode) : NULL;
		if (!target) {
			w->need = NEED_READLINK;
			return STEP_WAITS;
		}
		w->rest = after;
		return walk_push(w, at, target);
	}
	at->dentry = child;
	w->rest = after;
	if ((!last || !(w->flags & WALK_MOUNTPOINT)) && mount_cross_locked(at) &&
	    (w->flags & WALK_NO_MOUNTS))
		return -EXDEV;
	if (slash && !S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	return 0;
}

/* The name is used up. */
static int walk_end(struct walk *w, const struct path *at)
{
	if (w->flags & WALK_PARENT) {
		w->last_kind = WALK_ROOT;	/* "/", or "" */
		w->last_len = 0;
		return STEP_END;
	}
	if ((w->flags & WALK_DIRECTORY) && !S_ISDIR(at->dentry->inode->mode))
		return -ENOTDIR;
	return STEP_END;
}

/* One component. *found: the child that a STEP other than 0 is about. */
static int walk_step(struct walk *w, struct path *at, struct dentry **found)
	REQUIRES(dentry_lock)
{
	const char *name = w->rest, *end, *next;
	struct inode *dir = at->dentry->inode;
	struct dentry *child;
	bool slash, last;
	size_t len;
	int err;

	while (*name == '/')
		name++;
	w->rest = name;
	if (!*name)
		return walk_end(w, at);
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	err = inode_permission(dir, w->cred, CRED_EXEC);
	if (err)
		return err;
	for (end = name; *end && *end != '/'; end++)
		;
	len = (size_t)(end - name);
	if (len > DENTRY_NAME_MAX)
		return -ENAMETOOLONG;
	next = walk_after(end, &slash);
	last = !*next;
	if (last && (w->flags & WALK_PARENT)) {
		w->last = name;
		w->last_len = (u32)len;
		w->last_slash = slash;
		w->last_kind = WALK_NORMAL;
		if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
			w->last_kind = len == 1 ? WALK_DOT : WALK_DOTDOT;
		return STEP_END;
	}
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))) {
		w->rest = end;
		return len == 2 ? walk_up(w, at) : 0;
	}
	child = w->held ? w->held : dentry_find_locked(at->dentry, name, len);
	*found = child;
	if (!child) {
		w->need = NEED_LOOKUP;
		return STEP_WAITS;
	}
	if (!w->held && walk_must_ask(child))
		return STEP_ASK;
	/* `end` keeps the slashes: "link/" must stay a directory after the link. */
	return walk_enter(w, at, child, end, last, slash);
}

static bool walk_ask(struct dentry *d)
{
	const struct inode *inode = d->inode ? d->inode : d->parent->inode;

	if (inode->ops->revalidate && inode->ops->revalidate(d))
		return true;
	dentry_drop(d);
	return false;
}

/* Through a magic link, with no lock held. The place at which it stands is w->path. */
static int walk_jump(struct walk *w, struct dentry *link)
{
	struct path to = {};
	const char *end = w->rest;
	int err;

	if (++w->links > WALK_LINKS_MAX)
		return -ELOOP;
	err = link->inode->ops->jump(link->inode, &to);
	if (err)
		return err;
	if ((w->flags & WALK_NO_MOUNTS) && to.mount != w->path.mount) {
		path_put(&to);
		return -EXDEV;
	}
	path_put(&w->path);
	w->path = to;
	while (*end && *end != '/')
		end++;
	w->rest = end;
	if (*end == '/' && !S_ISDIR(to.dentry->inode->mode))
		return -ENOTDIR;
	return 0;
}

/* As far as one hold of the lock goes: a STEP or an error. w->path is where it stands then, and
 * w->held the child that the step is about. */
static int walk_run(struct walk *w)
{
	struct dentry *child = NULL, *used = NULL;
	struct path at = w->path, old = at;
	bool moved = false;
	int step;

	w->need = NEED_NOTHING;
	spin_lock(&dentry_lock);
	for (;;) {
		step = walk_step(w, &at, &child);
		if (step == STEP_WAITS || step == STEP_JUMP)
			break;
		if (w->held) {		/* it was for one component only */
			used = w->held;
			w->held = NULL;
		}
		if (step)
			break;
	}
	if (step > 0 && !path_same(&at, &old)) {
		mount_get(at.mount);
		dentry_get_locked(at.dentry);
		w->path = at;
		moved = true;
	}
	if ((step == STEP_JUMP || step == STEP_ASK || w->need == NEED_READLINK) && !w->held) {
		dentry_get_locked(child);
		w->held = child;
	}
	spin_unlock(&dentry_lock);
	dentry_put(used);
	if (moved)
		path_put(&old);
	return step;
}

int walk_try(struct walk *w)
{
	struct dentry *held;
	int step;

	for (;;) {
		step = walk_run(w);
		if (step < 0)
			return step;
		if (step == STEP_WAITS)
			return w->flags & WALK_CACHED ? -EAGAIN : WALK_WAITS;
		if (step == STEP_END)
			return 0;
		if (step == STEP_ASK && walk_ask(w->held))
			continue;	/* held: not asked again */
		held = w->held;
		w->held = NULL;
		if (step == STEP_JUMP)
			step = walk_jump(w, held);
		dentry_put(held);
		if (step < 0)
			return step;
	}
}

/* --- waiting --- */

/* A name that is not there, but in other letters: what is made is called as it is now. */
static bool walk_is_other(const struct dentry *d, const char *name, size_t len)
{
	return d->super->ops->fold && !d->inode && (d->len != len || memcmp(d->name, name, len));
}

static struct dentry *walk_enter_found(struct walk_child *f)
{
	const char *name = f->as ? f->as : f->name;
	struct dentry *d = dentry_add(f->dir, name, f->as ? strlen(name) : f->len, f->inode);

	kfree(f->as);
	return d;
}

co_t walk_child(struct co *co, struct walk_child *f)
{
	long err;

	CO_BEGIN;
	*f->found = dentry_find(f->dir, f->name, f->len);
	if (*f->found && walk_is_other(*f->found, f->name, f->len)) {
		dentry_drop(*f->found);
		dentry_put(*f->found);
		*f->found = NULL;
	}
	if (*f->found && walk_must_ask(*f->found) && !walk_ask(*f->found)) {
		dentry_put(*f->found);
		*f->found = NULL;
	}
	if (*f->found)
		CO_RETURN(0);
	if (f->len > DENTRY_NAME_MAX)
		CO_RETURN(-ENAMETOOLONG);
	if (atomic_load(&f->dir->inode->flags) & INODE_DEAD)
		CO_RETURN(-ENOENT);
	if (!f->dir->inode->ops->lookup.step)
		CO_RETURN(-ENOTDIR);
	CO_AWAIT_OP(err, f->dir->inode->ops->lookup, .dir = f->dir->inode, .name = f->name,
		    .len = f->len, .found = &f->inode, .as = &f->as);
	if (err)
		CO_RETURN(err);
	*f->found = walk_enter_found(f);
	CO_RETURN(*f->found ? 0 : -ENOMEM);
	CO_END;
}

static u32 walk_name_len(const char *name)
{
	u32 len = 0;

	while (name[len] && name[len] != '/')
		len++;
	return len;
}

/* Read the held link's target into fresh memory and go on with it. */
struct walk_read_link {
	struct co_frame co;
	struct walk *walk;
	char *text;
	long n;
};
static co_t walk_read_link(struct co *co, struct walk_read_link *f)
{
	struct path at;

	CO_BEGIN;
	if (!f->walk->held->inode->ops->readlink.step)
		CO_RETURN(-EINVAL);
	f->text = kmalloc(PATH_MAX);
	if (!f->text)
		CO_RETURN(-ENOMEM);
	CO_AWAIT_OP(f->n, f->walk->held->inode->ops->readlink, .inode = f->walk->held->inode,
		    .to = f->text, .size = PATH_MAX);
	dentry_put(f->walk->held);
	f->walk->held = NULL;
	if (f->n >= 0) {
		at = f->walk->path;
		f->walk->rest += walk_name_len(f->walk->rest);
		f->n = walk_push(f->walk, &at, f->text);
		if (!f->n && !path_same(&at, &f->walk->path)) {
			path_get(&at);
			path_put(&f->walk->path);
			f->walk->path = at;
		}
	}
	kfree(f->text);
	CO_RETURN(f->n);
	CO_END;
}

co_t walk_on(struct co *co, struct walk_on *f)
{
	CO_BEGIN;
	do {
		if (f->walk->need == NEED_LOOKUP) {
			f->dir = f->walk->path.dentry->inode;
			CO_READ_LOCK(&f->dir->lock);
			CO_AWAIT(f->err, walk_child, .dir = f->walk->path.dentry,
				 .name = f->walk->rest, .len = walk_name_len(f->walk->rest),
				 .found = &f->walk->held);
			rwlock_unlock_read(&f->dir->lock);
		} else {
			CO_AWAIT(f->err, walk_read_link, .walk = f->walk);
		}
		if (!f->err)
			f->err = walk_try(f->walk);
	} while (f->err == WALK_WAITS);
	CO_RETURN(f->err);
	CO_END;
}

co_t walk_follow(struct co *co, struct walk_follow *f)
{
	struct inode *inode;
	const char *target;
	struct path at;

	CO_BEGIN;
	/* The engine's state as if it had just come to the link: the rest starts at its name. */
	f->walk->rest = f->walk->last;
	dentry_get(f->link);
	f->walk->held = f->link;
	inode = f->link->inode;
	if (inode->ops->jump || walk_forbids_links(f->walk, f->walk->path.mount))
		CO_RETURN(-ELOOP);
	target = inode->ops->link_target ? inode->ops->link_target(inode) : NULL;
	if (!target) {
		CO_AWAIT(f->err, walk_read_link, .walk = f->walk);
	} else {
		at = f->walk->path;
		f->walk->rest += f->walk->last_len;
		f->err = walk_push(f->walk, &at, target);
		if (!f->err && !path_same(&at, &f->walk->path)) {
			path_get(&at);
			path_put(&f->walk->path);
			f->walk->path = at;
		}
		dentry_put(f->walk->held);
		f->walk->held = NULL;
	}
	if (!f->err)
		WALK(f->err, f->walk);
	CO_RETURN(f->err);
	CO_END;
}
