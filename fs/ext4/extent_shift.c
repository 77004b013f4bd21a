/* fs/ext4/extent_shift.c -- extents move to other logical blocks, all from one on by as much, a
 * leaf at a time: to the left beginning with the first leaf, to the right with the last. So they
 * stay in order after each step, and no extent changes its place in the tree.
 */
#include "fs/ext4/extent_write.h"

/* An extent that f->block lies in, and not at its beginning, becomes two. */
int ext4_plan_split(struct ext4_extent_edit *f)
{
	int at = f->path[f->depth].at;
	struct ext4_extent x;
	u64 skip;

	if (at < 0)
		return -ENOENT;
	x = ext4_node_entries(ext4_node(f, f->depth))[at];
	skip = f->block - x.block;
	if (!skip || skip >= ext4_extent_len(&x))
		return -ENOENT;
	f->fresh[0] = ext4_extent_make(x.block, skip, ext4_extent_start(&x),
				       ext4_extent_unwritten(&x));
	f->fresh[1] = ext4_extent_make(f->block, ext4_extent_len(&x) - skip,
				       ext4_extent_start(&x) + skip, ext4_extent_unwritten(&x));
	return ext4_plan(f, at, 1, 2);
}

static u64 extent_end(const struct ext4_extent *x)
{
	return (u64)x->block + ext4_extent_len(x);
}

/* The leaf's first entry from f->block on. */
static int first_moved(struct ext4_extent_edit *f, const struct ext4_extent_header *h)
{
	int at = ext4_extent_search(h, f->block);
	const struct ext4_extent *x = (const struct ext4_extent *)(h + 1);

	return at >= 0 && x[at].block == f->block ? at : at + 1;
}

/* Entries [from, to] can be moved by f->len: they are in order, and before `limit`. */
static bool can_move(struct ext4_extent_edit *f, const struct ext4_extent *x, int from, int to,
		     u64 limit)
{
	for (int i = from; i <= to; i++)
		if (extent_end(&x[i]) > (i < to ? x[i + 1].block : limit))
			return false;
	if (f->what == EXT4_EXTENT_RIGHT)
		return true;
	return x[from].block >= f->len + (from ? extent_end(&x[from - 1]) : 0);
}

int ext4_plan_left(struct ext4_extent_edit *f)
{
	struct ext4_extent_header *h = ext4_node(f, f->depth);
	int first = first_moved(f, h);

	*f->next = ext4_way_limit(f);
	if (*f->next <= f->block)
		return ext4_extent_bad(ext4_inode(f->inode), "nodes are out of order");
	if (first >= h->entries)
		return -ENOENT;
	if (!can_move(f, ext4_node_entries(h), first, h->entries - 1, *f->next))
		return ext4_extent_bad(ext4_inode(f->inode), "extents are out of order");
	return ext4_plan(f, first, 1, 1);
}

int ext4_plan_right(struct ext4_extent_edit *f)
{
	struct ext4_extent_header *h = ext4_node(f, f->depth);
	const struct ext4_extent *x = ext4_node_entries(h);
	int first = first_moved(f, h), last = f->path[f->depth].at;
	u64 key = ext4_way_key(f);
	u64 limit = last + 1 < h->entries ? x[last + 1].block : ext4_way_limit(f);

	*f->next = key > f->block && key <= f->last ? key : 0;
	if (first > last)
		return -ENOENT;
	limit = min(limit, (u64)UINT32_MAX);
	if (!can_move(f, x, first, last, limit))
		return ext4_extent_bad(ext4_inode(f->inode), "extents are out of order");
	/* Room that was had behind the end may reach too far. */
	if (extent_end(&x[last]) + f->len > limit)
		return -EINVAL;
	return ext4_plan(f, first, 1, 1);
}

void ext4_leaf_shift(struct ext4_extent_edit *f, struct ext4_extent_header *h)
{
	struct ext4_extent *x = ext4_node_entries(h);
	bool right = f->what == EXT4_EXTENT_RIGHT;
	int last = right ? f->path[f->depth].at : h->entries - 1;

	spin_lock(&f->inode->attr_lock);
	for (int i = f->at; i <= last; i++)
		x[i].block += right ? (u32)f->len : -(u32)f->len;
	spin_unlock(&f->inode->attr_lock);
}
