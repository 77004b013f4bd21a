/* fs/overlayfs/readdir.c -- the merged listing of a directory.
 *
 * A listing is made of all layers when it is first read, and kept while the directory is open.
 * Each name has an id, which is its position; when the directory changes the listing is made
 * anew, and names that were there keep their ids, so a reader neither misses nor repeats one
 * because of it. Order as on Linux: what the lowest layer shows comes first, in its order, then
 * the rest from the top down.
 *
 * Memory comes in pages, cut into names and freed together.
 */
#include "fs/overlayfs/overlay.h"

#define TYPE_UNKNOWN 0
#define TYPE_CHAR    2	/* DT_CHR */
#define TYPE_DIR     4	/* DT_DIR */
#define EMIT_AT_ONCE 128

struct overlay_name {
	struct rb_node node;
	struct list order;
	u64 id, ino;
	u16 len;
	u8 type;
	bool hidden;	/* a whiteout */
	bool known;	/* the upper layer's inode is in the table, so ino is right */
	bool merged;	/* a directory of the upper layer and the lowest, whose number it has */
	u8 layer;	/* 0 the upper */
	char name[];
};

struct name_page {
	struct name_page *next;
	size_t used;
	char room[];
};

struct overlay_listing {
	struct rb_tree names;
	struct list order;	/* what is shown */
	struct list lowest;	/* while building: what the lowest layer shows */
	struct list hidden;	/* whiteouts */
	struct name_page *pages;
	u64 next_id;
	u32 changes;		/* the directory's count when this was made */
	/* While building: */
	struct dir_emit emit;
	struct overlay_inode *dir;
	unsigned layer;		/* being read; 0 the upper */
	bool is_lowest, failed;
	bool by_name;		/* names are looked up: there are layers or an older listing */
	bool merged;		/* some names are */
	unsigned chars;		/* devices the layer showed, which may be whiteouts */
	u64 pos;
};

void overlay_listing_free(struct overlay_listing *l)
{
	struct name_page *p;

	if (!l)
		return;
	while ((p = l->pages)) {
		l->pages = p->next;
		kfree(p);
	}
	kfree(l);
}

static struct overlay_listing *listing_new(struct overlay_inode *dir)
{
	struct overlay_listing *l = kzalloc(sizeof(*l));

	if (!l)
		return NULL;
	list_init(&l->order);
	list_init(&l->lowest);
	list_init(&l->hidden);
	l->dir = dir;
	l->changes = atomic_load(&dir->changes);
	return l;
}

/* --- names --- */

static int name_compare(const struct overlay_name *a, const char *name, size_t len)
{
	int c = memcmp(a->name, name, min((size_t)a->len, len));

	return c ? c : (int)a->len - (int)len;
}

static bool name_less(const struct rb_node *a, const struct rb_node *b)
{
	const struct overlay_name *x = container_of(a, struct overlay_name, node);
	const struct overlay_name *y = container_of(b, struct overlay_name, node);

	return name_compare(x, y->name, y->len) < 0;
}

struct name_key {
	const char *name;
	size_t len;
};

static bool name_before(const struct rb_node *n, u64 key)
{
	const struct name_key *k = (const struct name_key *)(uintptr_t)key;

	return name_compare(container_of(n, struct overlay_name, node), k->name, k->len) < 0;
}

static struct overlay_name *name_find(const struct overlay_listing *l, const char *name, size_t len)
{
	struct name_key key = {name, len};
	struct rb_node *n = rb_lower_bound(&l->names, name_before, (u64)(uintptr_t)&key);
	struct overlay_name *found = n ? container_of(n, struct overlay_name, node) : NULL;

	return found && !name_compare(found, name, len) ? found : NULL;
}

static struct overlay_name *name_new(struct overlay_listing *l, const char *name, size_t len)
{
	size_t size = round_up(sizeof(struct overlay_name) + len, 8ul);
	struct overlay_name *n;

	if (!l->pages || l->pages->used + size > PAGE_SIZE - sizeof(struct name_page)) {
		struct name_page *p = kmalloc(PAGE_SIZE);

		if (!p)
			return NULL;
		p->next = l->pages;
		p->used = 0;
		l->pages = p;
	}
	n = (struct overlay_name *)(l->pages->room + l->pages->used);
	l->pages->used += size;
	*n = (struct overlay_name){.len = (u16)len};
	memcpy(n->name, name, len);
	list_init(&n->order);
	if (l->by_name)
		rb_insert(&l->names, &n->node, name_less);
	return n;
}

/* --- building --- */

static struct inode *layer_dir(const struct overlay_inode *o, unsigned layer)
{
	return layer ? o->lower[layer - 1] : o->upper;
}

/* The number it shows, and whether that is sure. */
static void name_number(struct overlay_listing *l, struct overlay_name *n, u64 real)
{
	struct inode *known = NULL;

	n->ino = overlay_ino(l->layer ? l->dir->layer[l->layer - 1] : -1, real);
	if (!l->layer)
		known = overlay_find(overlay_fs(&l->dir->inode), real);
	if (known) {
		n->ino = known->ino;
		n->known = true;
		inode_put(known);
	}
	if (n->len == 1 && n->name[0] == '.') {
		n->ino = l->dir->inode.ino;
		n->known = true;
	}
	if (n->len == 2 && n->name[0] == '.' && n->name[1] == '.' && l->dir->parent) {
		n->ino = l->dir->parent->ino;
		n->known = true;
	}
}

static bool listing_take(struct dir_emit *to, const char *name, size_t len, u64 ino, u8 type,
			 u64 next_pos)
{
	struct overlay_listing *l = container_of(to, struct overlay_listing, emit);
	struct overlay_name *n = l->by_name ? name_find(l, name, len) : NULL;

	if (n) {
		if (!l->is_lowest || n->hidden)
			return true;
		/* A directory of both layers shows the lower one's number. */
		if (n->type == TYPE_DIR && type == TYPE_DIR && !n->known) {
			l->merged |= n->merged = !n->layer;
			name_number(l, n, ino);
		}
		list_remove(&n->order);
		list_add_back(&l->lowest, &n->order);
		return true;
	}
	n = name_new(l, name, len);
	if (!n) {
		l->failed = true;
		return false;
	}
	n->type = type;
	n->layer = (u8)l->layer;
	l->chars += type == TYPE_CHAR || type == TYPE_UNKNOWN;
	name_number(l, n, ino);
	list_add_back(l->is_lowest ? &l->lowest : &l->order, &n->order);
	return true;
}

/* Those devices of a layer that are whiteouts hide their name. */
struct listing_whiteouts {
	struct co_frame co;
	struct overlay_listing *l;
	struct list *list, *at, *next;
	struct overlay_name *n;
	struct inode *found;
	long err;
};
static co_t listing_whiteouts(struct co *co, struct listing_whiteouts *f)
{
	CO_BEGIN;
	f->list = f->l->is_lowest ? &f->l->lowest : &f->l->order;
	for (f->at = f->list->next; f->at != f->list; f->at = f->next) {
		f->n = list_entry(f->at, struct overlay_name, order);
		f->next = f->at->next;
		CO_BREATHE;
		if ((f->n->type != TYPE_CHAR && f->n->type != TYPE_UNKNOWN) ||
		    f->n->layer != f->l->layer)
			continue;
		CO_AWAIT(f->err, overlay_real_lookup, .dir = layer_dir(f->l->dir, f->l->layer),
			 .name = f->n->name, .len = f->n->len, .found = &f->found);
		if (f->err)
			CO_RETURN(f->err);
		if (f->found && overlay_is_whiteout(f->found)) {
			f->n->hidden = true;
			list_remove(&f->n->order);
			list_add_back(&f->l->hidden, &f->n->order);
		}
		inode_put(f->found);
	}
	CO_RETURN(0);
	CO_END;
}

/* An upper directory that hides the lower one of its name has a number of its own. */
struct listing_opaque {
	struct co_frame co;
	struct overlay_listing *l;
	struct list *at;
	struct overlay_name *n;
	struct inode *found;
	long err;
};
static co_t listing_opaque(struct co *co, struct listing_opaque *f)
{
	CO_BEGIN;
	for (f->at = f->l->order.next; f->at != &f->l->order; f->at = f->at->next) {
		f->n = list_entry(f->at, struct overlay_name, order);
		CO_BREATHE;
		if (!f->n->merged)
			continue;
		CO_AWAIT(f->err, overlay_real_lookup, .dir = f->l->dir->upper,
			 .name = f->n->name, .len = f->n->len, .found = &f->found);
		if (f->err)
			CO_RETURN(f->err);
		if (f->found && atomic_load(&f->found->flags) & INODE_OPAQUE)
			f->n->ino = overlay_ino(-1, f->found->ino);
		inode_put(f->found);
	}
	CO_RETURN(0);
	CO_END;
}

/* Names in their final order with their ids: those of `old` keep theirs. */
static void listing_number(struct overlay_listing *l, const struct overlay_listing *old)
{
	struct list rest = LIST_INIT(rest);
	struct overlay_name *o, *n, *tmp;

	list_splice_back(&l->lowest, &l->order);
	list_splice_back(&rest, &l->lowest);
	if (old) {
		l->next_id = old->next_id;
		list_each(o, &old->order, order) {
			n = name_find(l, o->name, o->len);
			if (!n || n->hidden)
				continue;
			n->id = o->id;
			list_remove(&n->order);
			list_add_back(&l->order, &n->order);
		}
	}
	list_each_safe(n, tmp, &rest, order) {
		n->id = l->next_id++;
		list_remove(&n->order);
		list_add_back(&l->order, &n->order);
	}
}

/* Read all layers. With o->copying held. */
struct listing_build {
	struct co_frame co;
	struct overlay_listing *l;
	const struct overlay_listing *old;
	struct inode *real;
	long err;
};
static co_t listing_build(struct co *co, struct listing_build *f)
{
	CO_BEGIN;
	f->l->emit.emit = listing_take;
	f->l->by_name = f->old || f->l->dir->lowers + !!f->l->dir->upper > 1;
	for (f->l->layer = f->l->dir->upper ? 0 : 1; f->l->layer <= f->l->dir->lowers;
	     f->l->layer++) {
		f->l->is_lowest = f->l->layer == f->l->dir->lowers;
		f->l->pos = 0;
		f->real = layer_dir(f->l->dir, f->l->layer);
		CO_READ_LOCK(&f->real->lock);
		CO_AWAIT_OP(f->err, f->real->ops->readdir, .dir = f->real, .pos = &f->l->pos,
			    .to = &f->l->emit);
		rwlock_unlock_read(&f->real->lock);
		if (!f->err && f->l->failed)
			f->err = -ENOMEM;
		if (!f->err && f->l->chars)
			CO_AWAIT(f->err, listing_whiteouts, .l = f->l);
		f->l->chars = 0;
		if (f->err)
			CO_RETURN(f->err);
	}
	listing_number(f->l, f->old);
	if (f->l->merged)
		CO_AWAIT(f->err, listing_opaque, .l = f->l);
	CO_RETURN(f->err);
	CO_END;
}

/* --- reading --- */

/* Hand out from *pos on, some at a time; false: the taker has enough or that was all. */
static bool listing_emit(struct overlay_listing *l, u64 *pos, struct dir_emit *to)
{
	unsigned left = EMIT_AT_ONCE;
	struct overlay_name *n;

	list_each(n, &l->order, order) {
		if (n->id < *pos)
			continue;
		if (!left--)
			return true;
		if (!to->emit(to, n->name, n->len, n->ino, n->type, n->id + 1))
			return false;
		*pos = n->id + 1;
	}
	return false;
}

co_t overlay_readdir(struct co *co, struct overlay_readdir *f)
{
	CO_BEGIN;
	CO_LOCK(&overlay_of(f->dir)->copying);
	f->err = 0;
	if (!overlay_of(f->dir)->listing ||
	    overlay_of(f->dir)->listing->changes != atomic_load(&overlay_of(f->dir)->changes)) {
		f->fresh = listing_new(overlay_of(f->dir));
		if (!f->fresh) {
			f->err = -ENOMEM;
			goto out;
		}
		CO_AWAIT(f->err, listing_build, .l = f->fresh,
			 .old = overlay_of(f->dir)->listing);
		if (f->err) {
			overlay_listing_free(f->fresh);
			goto out;
		}
		overlay_listing_free(overlay_of(f->dir)->listing);
		overlay_of(f->dir)->listing = f->fresh;
	}
	while (listing_emit(overlay_of(f->dir)->listing, f->pos, f->to))
		CO_BREATHE;
out:
	mutex_unlock(&overlay_of(f->dir)->copying);
	CO_RETURN(f->err);
	CO_END;
}

/* Does it show a name other than "." and ".."? */
static bool listing_is_empty(const struct overlay_listing *l)
{
	const struct overlay_name *n;

	list_each(n, &l->order, order)
		if (!(n->name[0] == '.' && (n->len == 1 || (n->len == 2 && n->name[1] == '.'))))
			return false;
	return true;
}

/* Take the next whiteout of the upper layer out of the listing. */
static struct overlay_name *listing_next_whiteout(struct overlay_listing *l)
{
	struct overlay_name *n;

	while (!list_empty(&l->hidden)) {
		n = list_first(&l->hidden, struct overlay_name, order);
		list_remove(&n->order);
		if (!n->layer)
			return n;
	}
	return NULL;
}

co_t overlay_clear(struct co *co, struct overlay_clear *f)
{
	CO_BEGIN;
	CO_LOCK(&overlay_of(f->dir)->copying);
	f->err = -ENOMEM;
	f->listing = listing_new(overlay_of(f->dir));
	if (!f->listing)
		goto out;
	CO_AWAIT(f->err, listing_build, .l = f->listing);
	if (!f->err && !listing_is_empty(f->listing))
		f->err = -ENOTEMPTY;
	while (!f->err && overlay_of(f->dir)->upper &&
	       (f->name = listing_next_whiteout(f->listing))) {
		CO_AWAIT(f->err, overlay_remove, .dir = overlay_of(f->dir)->upper,
			 .name = f->name->name, .len = f->name->len);
		/* What was hidden must stay so if the removal fails half-way. */
		atomic_or(&overlay_of(f->dir)->upper->flags, (u32)INODE_OPAQUE);
		CO_BREATHE;
	}
out:
	overlay_listing_free(f->listing);
	mutex_unlock(&overlay_of(f->dir)->copying);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the open directory --- */

struct overlay_dir_open {
	struct file_opened;
};
static co_t overlay_dir_open(struct co *co, struct overlay_dir_open *f)
{
	CO_BEGIN;
	atomic_add(&overlay_of(f->file->inode)->openers, 1u);
	CO_RETURN(0);
	CO_END;
}

/* The listing goes with the last who may read it. */
struct overlay_dir_release {
	struct file_released;
};
static co_t overlay_dir_release(struct co *co, struct overlay_dir_release *f)
{
	CO_BEGIN;
	if (atomic_sub(&overlay_of(f->file->inode)->openers, 1u) != 1)
		CO_RETURN(0);
	CO_LOCK(&overlay_of(f->file->inode)->copying);
	if (!atomic_load(&overlay_of(f->file->inode)->openers)) {
		overlay_listing_free(overlay_of(f->file->inode)->listing);
		overlay_of(f->file->inode)->listing = NULL;
	}
	mutex_unlock(&overlay_of(f->file->inode)->copying);
	CO_RETURN(0);
	CO_END;
}

static int overlay_dir_mmap(struct file *file, u64 offset, u64 size, bool shared, bool write,
			    struct pager **pager)
{
	return -ENODEV;
}

const struct file_ops overlay_dir_file_ops = {
	.open = CO_IMPLEMENTS(file_opened, overlay_dir_open),
	.release = CO_IMPLEMENTS(file_released, overlay_dir_release),
	.mmap = overlay_dir_mmap,
};
