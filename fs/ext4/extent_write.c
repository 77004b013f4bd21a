/* fs/ext4/extent_write.c -- extent trees change.
 *
 * Every change is one splice of a leaf: some neighbouring entries become others. Insertion puts
 * one in, or lengthens a neighbour; writing an unwritten extent makes up to three of one; removal
 * makes none, one or two; what moves keeps its place and has other keys. If the leaf has no room
 * for that, the lowest full nodes are split, from the top down (the root moves into a block first
 * if it is full), and the leaf is looked for again. A node that becomes empty goes, and its
 * parent's entry with it. An inner node's key is the first key below it, always.
 *
 * Before the bytes of the splice change, all that can fail has been done; what was split stays.
 */
#include "core/base/crc.h"
#include "fs/ext4/extent_write.h"

static u64 child_of(const struct ext4_extent *entry)
{
	const struct ext4_extent_index *x = (const struct ext4_extent_index *)entry;

	return x->leaf_lo | (u64)x->leaf_hi << 32;
}

/* The checksum behind the node's room. */
void ext4_node_seal(struct ext4_extent_edit *f, struct ext4_extent_header *h)
{
	size_t covered = sizeof(*h) + h->max * sizeof(struct ext4_extent);
	u32 crc;

	if (!ext4_of(f->inode)->checksums || (void *)h == ext4_inode(f->inode)->disk_block)
		return;
	crc = crc_32c(ext4_inode(f->inode)->seed, h, covered);
	memcpy((u8 *)h + covered, &crc, sizeof(crc));
}

/* The root's bytes are copied by whoever writes the inode. */
static void node_lock(struct ext4_extent_edit *f) ACQUIRES(f->inode->attr_lock)
{
	spin_lock(&f->inode->attr_lock);
}

static void node_unlock(struct ext4_extent_edit *f) RELEASES(f->inode->attr_lock)
{
	spin_unlock(&f->inode->attr_lock);
}

/* Entries [at, at + remove) become the `add` at `fresh`. */
void ext4_node_splice(struct ext4_extent_edit *f, struct ext4_extent_header *h, int at,
			unsigned remove, unsigned add, const struct ext4_extent *fresh)
{
	struct ext4_extent *x = ext4_node_entries(h) + at;

	node_lock(f);
	memmove(x + add, x + remove, (size_t)(h->entries - at - (int)remove) * sizeof(*x));
	memcpy(x, fresh, add * sizeof(*x));
	h->entries = (u16)(h->entries - remove + add);
	node_unlock(f);
}

/* --- the way to a leaf --- */

static void way_put(struct ext4_extent_edit *f)
{
	for (unsigned i = 0; i < ARRAY_SIZE(f->path); i++) {
		buffer_put(f->path[i].buffer);
		f->path[i].buffer = NULL;
	}
}

struct way_find {
	struct co_frame co;
	struct ext4_extent_edit *e;
	unsigned level;
	long err;
};

/* Look at the node of f->level: 1 with *child, 0 it is the leaf, or an error. */
static int way_step(struct way_find *f, u64 *child)
{
	struct ext4_extent_edit *e = f->e;
	struct ext4_extent_header *h = ext4_node(e, f->level);
	struct ext4_inode *i = ext4_inode(e->inode);
	u32 size = f->level ? ext4_of(e->inode)->block_size : sizeof(i->disk_block);
	const char *wrong = ext4_extent_wrong(i, h, (u16)(e->depth - f->level), size, !f->level);
	int at;

	if (wrong)
		return ext4_extent_bad(i, wrong);
	at = ext4_extent_search(h, e->look);
	if (f->level == e->depth) {
		e->path[f->level].at = (i16)at;
		return 0;
	}
	at = max(at, 0);
	e->path[f->level].at = (i16)at;
	*child = child_of(&ext4_node_entries(h)[at]);
	return ext4_blocks_valid(ext4_of(e->inode), *child, 1)
		       ? 1 : ext4_extent_bad(i, "a node lies outside the file system");
}

static co_t way_find(struct co *co, struct way_find *f)
{
	u64 child;

	CO_BEGIN;
	f->e->depth = ext4_node(f->e, 0)->depth;
	if (f->e->depth > EXT4_EXTENT_DEPTH_MAX)
		CO_RETURN(ext4_extent_bad(ext4_inode(f->e->inode), "it is too deep"));
	for (;; f->level++) {
		f->err = way_step(f, &child);
		if (f->err <= 0)
			break;
		CO_AWAIT(f->err, buffer_get, .journal = f->e->handle->journal, .block = child,
			 .buffer = &f->e->path[f->level + 1].buffer);
		if (f->err)
			break;
	}
	if (f->err)
		way_put(f->e);
	CO_RETURN(f->err);
	CO_END;
}

u64 ext4_way_limit(struct ext4_extent_edit *f)
{
	for (unsigned level = f->depth; level-- > 0;) {
		struct ext4_extent_header *h = ext4_node(f, level);

		if (f->path[level].at + 1 < h->entries)
			return ext4_node_entries(h)[f->path[level].at + 1].block;
	}
	return (u64)UINT32_MAX + 1;
}

u64 ext4_way_key(struct ext4_extent_edit *f)
{
	u64 key = 0;

	for (unsigned level = 0; level < f->depth; level++) {
		struct ext4_extent *first = ext4_node_entries(ext4_node(f, level));

		key = max(key, (u64)first[f->path[level].at].block);
	}
	return key;
}

/* --- what is to be done in the leaf: 0, or an error --- */

int ext4_plan(struct ext4_extent_edit *f, int at, unsigned remove, unsigned add)
{
	f->at = (i16)at;
	f->remove = (u8)remove;
	f->add = (u8)add;
	return 0;
}

static bool extents_join(const struct ext4_extent *a, const struct ext4_extent *b)
{
	u32 limit = ext4_extent_unwritten(a) ? EXT4_EXTENT_UNWRITTEN_MAX : EXT4_EXTENT_INIT_MAX;

	return ext4_extent_unwritten(a) == ext4_extent_unwritten(b) &&
	       a->block + ext4_extent_len(a) == b->block &&
	       ext4_extent_start(a) + ext4_extent_len(a) == ext4_extent_start(b) &&
	       ext4_extent_len(a) + ext4_extent_len(b) <= limit;
}

static int plan_insert(struct ext4_extent_edit *f)
{
	struct ext4_extent_header *h = ext4_node(f, f->depth);
	struct ext4_extent *x = ext4_node_entries(h), *fresh = &f->fresh[0];
	int at = f->path[f->depth].at;
	u64 next = at + 1 < h->entries ? x[at + 1].block : ext4_way_limit(f);

	if (f->block + f->len > next ||
	    (at >= 0 && (u64)x[at].block + ext4_extent_len(&x[at]) > f->block))
		return -EEXIST;
	*fresh = ext4_extent_make(f->block, f->len, f->start, f->unwritten);
	if (at >= 0 && extents_join(&x[at], fresh)) {
		*fresh = x[at];
		fresh->len = (u16)(fresh->len + f->len);
		return ext4_plan(f, at, 1, 1);
	}
	if (at + 1 < h->entries && extents_join(fresh, &x[at + 1])) {
		fresh->len = (u16)(fresh->len + ext4_extent_len(&x[at + 1]));
		return ext4_plan(f, at + 1, 1, 1);
	}
	return ext4_plan(f, at + 1, 0, 1);
}

static int plan_convert(struct ext4_extent_edit *f)
{
	struct ext4_extent_header *h = ext4_node(f, f->depth);
	int at = f->path[f->depth].at;
	struct ext4_extent x;
	u64 skip, start, end;
	unsigned n = 0;

	if (at < 0)
		return -ENOENT;
	x = ext4_node_entries(h)[at];
	skip = f->block - x.block;
	end = (u64)x.block + ext4_extent_len(&x);
	start = ext4_extent_start(&x);
	if (f->block >= end || !ext4_extent_unwritten(&x) || start + skip != f->start)
		return -ENOENT;
	f->len = min(f->len, end - f->block);
	*f->did = (struct ext4_blocks){.start = f->start, .len = f->len};
	if (skip)
		f->fresh[n++] = ext4_extent_make(x.block, skip, start, true);
	f->fresh[n++] = ext4_extent_make(f->block, f->len, start + skip, false);
	if (f->block + f->len < end)
		f->fresh[n++] = ext4_extent_make(f->block + f->len, end - f->block - f->len,
					    start + skip + f->len, true);
	return ext4_plan(f, at, 1, n);
}

/* Cut [from, to] so that it lies in one group: then its blocks cost two credits. */
static u64 one_group(const struct ext4 *fs, const struct ext4_extent *x, u64 from, u64 to)
{
	u64 last = ext4_extent_start(x) + (to - x->block) - fs->first_data_block;
	u64 in_group = last % fs->blocks_per_group;

	return to - from > in_group ? to - in_group : from;
}

/* The last extent with blocks in [f->block, f->last]: those go. */
static int plan_remove(struct ext4_extent_edit *f)
{
	struct ext4_extent_header *h = ext4_node(f, f->depth);
	int at = f->path[f->depth].at;
	struct ext4_extent x;
	u64 from, to, end;
	unsigned n = 0;

	if (at < 0 && f->depth && f->look > f->block) {
		/* Its leaf begins later than its key says: the one before. */
		u64 key = ext4_way_key(f);

		if (key <= f->block || key > f->look)
			return -ENOENT;
		f->look = key - 1;
		return -EAGAIN;
	}
	if (at < 0)
		return -ENOENT;
	x = ext4_node_entries(h)[at];
	end = (u64)x.block + ext4_extent_len(&x);
	from = max(f->block, (u64)x.block);
	to = min(f->last, end - 1);
	if (from > to)
		return -ENOENT;
	if (!ext4_blocks_valid(ext4_of(f->inode), ext4_extent_start(&x), ext4_extent_len(&x)))
		return ext4_extent_bad(ext4_inode(f->inode),
				       "an extent lies outside the file system");
	from = one_group(ext4_of(f->inode), &x, from, to);
	*f->did = (struct ext4_blocks){.start = ext4_extent_start(&x) + (from - x.block),
				       .len = to - from + 1};
	if (from > x.block)
		f->fresh[n++] = ext4_extent_make(x.block, from - x.block, ext4_extent_start(&x),
					    ext4_extent_unwritten(&x));
	if (to + 1 < end)
		f->fresh[n++] = ext4_extent_make(to + 1, end - to - 1,
					    ext4_extent_start(&x) + (to + 1 - x.block),
					    ext4_extent_unwritten(&x));
	return ext4_plan(f, at, 1, n);
}

static int plan_make(struct ext4_extent_edit *f)
{
	switch (f->what) {
	case EXT4_EXTENT_INSERT:
		return plan_insert(f);
	case EXT4_EXTENT_CONVERT:
		return plan_convert(f);
	case EXT4_EXTENT_REMOVE:
		return plan_remove(f);
	case EXT4_EXTENT_SPLIT:
		return ext4_plan_split(f);
	case EXT4_EXTENT_LEFT:
		return ext4_plan_left(f);
	case EXT4_EXTENT_RIGHT:
		return ext4_plan_right(f);
	}
	return -EINVAL;
}

/* --- doing it --- */

/* Join what the splice made with its neighbours, and with each other. */
static void leaf_join(struct ext4_extent_edit *f, struct ext4_extent_header *h)
{
	struct ext4_extent *x = ext4_node_entries(h);

	for (int i = min(f->at + f->add, (int)h->entries) - 1; i >= max(f->at - 1, 0); i--)
		if (i + 1 < h->entries && extents_join(&x[i], &x[i + 1])) {
			struct ext4_extent both = x[i];

			both.len = (u16)(both.len + ext4_extent_len(&x[i + 1]));
			ext4_node_splice(f, h, i, 2, 1, &both);
		}
}

/* The first key of the node at `level` is another: its ancestors say so. */
static void way_rekey(struct ext4_extent_edit *f, unsigned level)
{
	while (level && ext4_node(f, level)->entries) {
		struct ext4_extent_header *h = ext4_node(f, level - 1);
		struct ext4_extent *x = ext4_node_entries(h) + f->path[level - 1].at;
		u32 key = ext4_node_entries(ext4_node(f, level))->block;

		if (x->block == key)
			return;
		node_lock(f);
		x->block = key;
		node_unlock(f);
		ext4_node_seal(f, h);
		level--;
	}
}

/* Nodes that are empty go, from the leaf up. */
struct way_prune {
	struct co_frame co;
	struct ext4_extent_edit *e;
	unsigned level;
	long err;
};
static co_t way_prune(struct co *co, struct way_prune *f)
{
	struct ext4_extent_header *h;

	CO_BEGIN;
	for (f->level = f->e->depth; f->level && !ext4_node(f->e, f->level)->entries; f->level--) {
		CO_AWAIT(f->err, ext4_free_blocks, .handle = f->e->handle,
			 .fs = ext4_of(f->e->inode), .start = f->e->path[f->level].buffer->block,
			 .n = 1, .metadata = true);
		if (f->err) {	/* there is no way back to a tree that is one */
			journal_abort(f->e->handle->journal, (int)f->err);
			CO_RETURN(f->err);
		}
		ext4_inode_add_blocks(f->e->inode, -1);
		h = ext4_node(f->e, f->level - 1);
		ext4_node_splice(f->e, h, f->e->path[f->level - 1].at, 1, 0, NULL);
		ext4_node_seal(f->e, h);
	}
	h = ext4_node(f->e, 0);
	if (!f->level && !h->entries) {
		node_lock(f->e);
		h->depth = 0;
		h->max = EXT4_ROOT_MAX;
		node_unlock(f->e);
	}
	way_rekey(f->e, f->level);
	CO_RETURN(0);
	CO_END;
}

/* Whatever of the path may change. */
struct way_access {
	struct co_frame co;
	struct ext4_extent_edit *e;
	unsigned level;
	long err;
};
static co_t way_access(struct co *co, struct way_access *f)
{
	CO_BEGIN;
	for (f->level = f->e->depth; f->level; f->level--) {
		CO_AWAIT(f->err, journal_access, .handle = f->e->handle,
			 .buffer = f->e->path[f->level].buffer);
		/* Only its first entry concerns those above. */
		if (f->err || (f->level == f->e->depth ? f->e->at : f->e->path[f->level].at))
			break;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* One leaf with no more than the root can hold: back into the root. It need not be. */
struct tree_collapse {
	struct co_frame co;
	struct ext4_extent_edit *e;
	long err;
};

static bool tree_collapses(struct ext4_extent_edit *f)
{
	return f->depth == 1 && ext4_node(f, 0)->entries == 1 &&
	       ext4_node(f, 1)->entries <= EXT4_ROOT_MAX && f->handle->credits >= 4;
}

static co_t tree_collapse(struct co *co, struct tree_collapse *f)
{
	struct ext4_extent_header *root, *leaf;

	CO_BEGIN;
	CO_AWAIT(f->err, ext4_free_blocks, .handle = f->e->handle, .fs = ext4_of(f->e->inode),
		 .start = f->e->path[1].buffer->block, .n = 1, .metadata = true);
	if (f->err)
		CO_RETURN(0);
	ext4_inode_add_blocks(f->e->inode, -1);
	root = ext4_node(f->e, 0);
	leaf = ext4_node(f->e, 1);
	ext4_node_splice(f->e, root, 0, 1, leaf->entries, ext4_node_entries(leaf));
	node_lock(f->e);
	root->depth = 0;
	node_unlock(f->e);
	CO_RETURN(0);
	CO_END;
}

co_t ext4_extent_edit(struct co *co, struct ext4_extent_edit *f)
{
	struct ext4_extent_header *h;

	CO_BEGIN;
	f->look = f->what == EXT4_EXTENT_REMOVE || f->what == EXT4_EXTENT_RIGHT ? f->last
										 : f->block;
	for (;;) {
		CO_AWAIT(f->err, way_find, .e = f);
		if (f->err)
			CO_RETURN(f->err);
		f->err = plan_make(f);
		h = ext4_node(f, f->depth);
		if (!f->err && h->entries - f->remove + f->add <= h->max)
			break;
		if (!f->err)
			CO_AWAIT(f->err, ext4_node_split, .e = f);
		else if (f->err == -EAGAIN)
			f->err = 0;
		way_put(f);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, way_access, .e = f);
	if (!f->err && f->what == EXT4_EXTENT_REMOVE)
		CO_AWAIT(f->err, ext4_free_blocks, .handle = f->handle, .fs = ext4_of(f->inode),
			 .start = f->did->start, .n = f->did->len, .metadata = f->metadata);
	if (!f->err) {
		h = ext4_node(f, f->depth);
		if (f->what == EXT4_EXTENT_LEFT || f->what == EXT4_EXTENT_RIGHT)
			ext4_leaf_shift(f, h);
		else
			ext4_node_splice(f, h, f->at, f->remove, f->add, f->fresh);
		if (f->what != EXT4_EXTENT_SPLIT)
			leaf_join(f, h);
		ext4_node_seal(f, h);
		f->emptied = !h->entries;
		if (f->emptied)
			CO_AWAIT(f->err, way_prune, .e = f);
		else
			way_rekey(f, f->depth);
		if (!f->emptied && f->what != EXT4_EXTENT_INSERT && tree_collapses(f))
			CO_AWAIT(f->err, tree_collapse, .e = f);
	}
	way_put(f);
	CO_RETURN(f->err);
	CO_END;
}

void ext4_extent_init(struct ext4_inode *e)
{
	struct ext4_extent_header *h = (struct ext4_extent_header *)e->disk_block;

	memset(e->disk_block, 0, sizeof(e->disk_block));
	*h = (struct ext4_extent_header){.magic = EXT4_EXTENT_MAGIC, .max = EXT4_ROOT_MAX};
}
