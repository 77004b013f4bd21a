/* fs/ext4/indirect_write.c -- block maps of ext2 and ext3 change: pointers are set, and taken away
 * from the end; tables of pointers are made when the first of theirs is set, and go with the last.
 */
#include "fs/ext4/write.h"

#define DIRECT 12u

static unsigned pointer_shift(struct inode *inode)
{
	return ext4_of(inode)->block_shift - 2;
}

static u32 *root_of(struct inode *inode)
{
	return ext4_inode(inode)->disk_block;
}

/* Which tree `block`, not a direct one, is in: its levels of tables; *left: where in it. */
static unsigned tree_of(struct inode *inode, u64 block, u64 *left)
{
	unsigned levels = 1, shift = pointer_shift(inode);

	*left = block - DIRECT;
	while (levels < 3 && *left >> levels * shift) {
		*left -= 1ul << levels * shift;
		levels++;
	}
	return levels;
}

unsigned ext4_indirect_levels(struct inode *inode, u64 block)
{
	u64 left;

	return block < DIRECT ? 0 : tree_of(inode, block, &left);
}

/* The root's bytes are copied by whoever writes the inode. */
static void root_set(struct inode *inode, u32 at, u32 value)
{
	spin_lock(&inode->attr_lock);
	root_of(inode)[at] = value;
	spin_unlock(&inode->attr_lock);
}

static u32 *table_of(struct buffer *b)
{
	return (u32 *)b->data;
}

/* --- setting --- */

/* The table that a pointer leads to: made if there is none. `parent` NULL: the pointer is in the
 * inode. *table gets a buffer. */
struct table_get {
	struct co_frame co;
	struct ext4_indirect_insert *i;
	struct buffer *parent;
	u32 at;
	struct buffer **table;
	u64 block;
	long err, ignored;
};
static co_t table_get(struct co *co, struct table_get *f)
{
	CO_BEGIN;
	f->block = f->parent ? table_of(f->parent)[f->at] : root_of(f->i->inode)[f->at];
	if (f->block) {
		CO_AWAIT(f->err, buffer_get, .journal = f->i->handle->journal, .block = f->block,
			 .buffer = f->table);
		CO_RETURN(f->err);
	}
	if (f->parent) {
		CO_AWAIT(f->err, journal_access, .handle = f->i->handle, .buffer = f->parent);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, ext4_alloc_block, .handle = f->i->handle, .inode = f->i->inode,
		 .goal = f->i->start, .start = &f->block, .promised = f->i->promised);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_create, .handle = f->i->handle, .block = f->block,
		 .buffer = f->table);
	if (f->err) {
		CO_AWAIT(f->ignored, ext4_free_blocks, .handle = f->i->handle,
			 .fs = ext4_of(f->i->inode), .start = f->block, .n = 1);
		CO_RETURN(f->err);
	}
	if (f->parent)
		table_of(f->parent)[f->at] = (u32)f->block;
	else
		root_set(f->i->inode, f->at, (u32)f->block);
	ext4_inode_add_blocks(f->i->inode, 1);
	CO_RETURN(0);
	CO_END;
}

static void set_next(struct ext4_indirect_insert *f)
{
	f->block++;
	f->start++;
	f->len--;
	++*f->done;
}

/* Set what lies in the inode. */
static int set_direct(struct ext4_indirect_insert *f)
{
	for (; f->len && f->block < DIRECT; set_next(f)) {
		if (root_of(f->inode)[f->block])
			return -EEXIST;
		root_set(f->inode, (u32)f->block, (u32)f->start);
	}
	return 0;
}

/* Set what lies in the last table of the way, which is accessed. */
static int set_pointers(struct ext4_indirect_insert *f)
{
	u32 *p = table_of(f->table), n = 1u << pointer_shift(f->inode);

	for (u32 at = (u32)f->left; f->len && at < n; at++, set_next(f)) {
		if (p[at])
			return -EEXIST;
		p[at] = (u32)f->start;
	}
	return 0;
}

co_t ext4_indirect_insert(struct co *co, struct ext4_indirect_insert *f)
{
	CO_BEGIN;
	if ((f->start + f->len) >> 32)
		CO_RETURN(-EFBIG);
	f->err = set_direct(f);
	while (f->len && !f->err) {
		f->levels = tree_of(f->inode, f->block, &f->left);
		f->at = DIRECT + f->levels - 1;
		while (f->levels) {
			f->fresh = NULL;
			CO_AWAIT(f->err, table_get, .i = f, .parent = f->table, .at = f->at,
				 .table = &f->fresh);
			buffer_put(f->table);
			f->table = f->fresh;
			if (f->err)
				break;
			f->levels--;
			f->at = (u32)(f->left >> f->levels * pointer_shift(f->inode));
			f->left &= (1ul << f->levels * pointer_shift(f->inode)) - 1;
		}
		f->left = f->at;
		if (!f->err)
			CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->table);
		if (!f->err)
			f->err = set_pointers(f);
		buffer_put(f->table);
		f->table = NULL;
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- taking away --- */

/* The highest run of adjacent blocks among pointers [from, end): its first pointer, *n of them;
 * *n 0: there is none. At most a group's worth, and only a group's. */
static u32 last_run(const struct ext4 *fs, const u32 *p, u32 from, u32 end, u32 *n)
{
	u32 at = end;

	while (at > from && !p[at - 1])
		at--;
	*n = 0;
	if (at == from)
		return at;
	at--;
	for (*n = 1; at > from && p[at - 1] && p[at - 1] + 1 == p[at] &&
		     (p[at] - fs->first_data_block) % fs->blocks_per_group; at--)
		++*n;
	return at;
}

static bool table_is_empty(struct inode *inode, struct buffer *b)
{
	const u64 *p = (const u64 *)b->data;

	for (u32 i = 0; i < ext4_of(inode)->block_size / sizeof(*p); i++)
		if (p[i])
			return false;
	return true;
}

/* Direct pointers. */
struct remove_direct {
	struct co_frame co;
	struct ext4_indirect_remove *r;
	u32 at, n;
	long err;
};
static co_t remove_direct(struct co *co, struct remove_direct *f)
{
	CO_BEGIN;
	f->at = last_run(ext4_of(f->r->inode), root_of(f->r->inode), (u32)f->r->from,
			 (u32)*f->r->end, &f->n);
	*f->r->end = f->at;
	if (!f->n)
		CO_RETURN(-ENOENT);
	CO_AWAIT(f->err, ext4_free_blocks, .handle = f->r->handle, .fs = ext4_of(f->r->inode),
		 .start = root_of(f->r->inode)[f->at], .n = f->n, .metadata = f->r->metadata);
	if (f->err)
		CO_RETURN(f->err);
	ext4_inode_add_blocks(f->r->inode, -(i64)f->n);
	while (f->n--)
		root_set(f->r->inode, f->at + f->n, 0);
	CO_RETURN(0);
	CO_END;
}

/* Go down to the table with block *end - 1: 0, or 1 with *end moved to where the hole begins. */
struct remove_descend {
	struct co_frame co;
	struct ext4_indirect_remove *r;
	u64 left, block;
	long err;
};
static co_t remove_descend(struct co *co, struct remove_descend *f)
{
	CO_BEGIN;
	f->r->depth = tree_of(f->r->inode, *f->r->end - 1, &f->left);
	f->block = root_of(f->r->inode)[DIRECT + f->r->depth - 1];
	for (f->r->level = 0; f->r->level < f->r->depth; f->r->level++) {
		if (!f->block) {
			*f->r->end = max(f->r->from, *f->r->end - 1 - f->left);
			CO_RETURN(1);
		}
		CO_AWAIT(f->err, buffer_get, .journal = f->r->handle->journal, .block = f->block,
			 .buffer = &f->r->path[f->r->level].table);
		if (f->err)
			CO_RETURN(f->err);
		f->block = (f->r->depth - f->r->level - 1) * pointer_shift(f->r->inode);
		f->r->path[f->r->level].at = (u32)(f->left >> f->block);
		f->left &= (1ul << f->block) - 1;
		f->block = table_of(f->r->path[f->r->level].table)[f->r->path[f->r->level].at];
	}
	CO_RETURN(0);
	CO_END;
}

/* Tables without a pointer go, from the last up; all are accessed. */
struct remove_tables {
	struct co_frame co;
	struct ext4_indirect_remove *r;
	unsigned level;
	long err;
};
static co_t remove_tables(struct co *co, struct remove_tables *f)
{
	CO_BEGIN;
	for (f->level = f->r->depth; f->level; f->level--) {
		if (!table_is_empty(f->r->inode, f->r->path[f->level - 1].table))
			break;
		CO_AWAIT(f->err, ext4_free_blocks, .handle = f->r->handle,
			 .fs = ext4_of(f->r->inode), .n = 1, .metadata = true,
			 .start = f->r->path[f->level - 1].table->block);
		if (f->err)	/* it may stay, empty */
			CO_RETURN(f->err);
		ext4_inode_add_blocks(f->r->inode, -1);
		if (f->level > 1)
			table_of(f->r->path[f->level - 2].table)[f->r->path[f->level - 2].at] = 0;
		else
			root_set(f->r->inode, DIRECT + f->r->depth - 1, 0);
	}
	CO_RETURN(0);
	CO_END;
}

/* The highest run in the table that the path leads to. */
struct remove_run {
	struct co_frame co;
	struct ext4_indirect_remove *r;
	u32 at, n, first;
	unsigned level;
	long err;
};
static co_t remove_run(struct co *co, struct remove_run *f)
{
	u32 *p, from, end;

	CO_BEGIN;
	for (f->level = 0; f->level < f->r->depth; f->level++) {
		CO_AWAIT(f->err, journal_access, .handle = f->r->handle,
			 .buffer = f->r->path[f->level].table);
		if (f->err)
			CO_RETURN(f->err);
	}
	p = table_of(f->r->path[f->r->depth - 1].table);
	end = f->r->path[f->r->depth - 1].at + 1;
	from = end - (u32)min((u64)end, *f->r->end - f->r->from);
	f->at = last_run(ext4_of(f->r->inode), p, from, end, &f->n);
	*f->r->end -= end - f->at;
	if (f->n) {
		CO_AWAIT(f->err, ext4_free_blocks, .handle = f->r->handle,
			 .fs = ext4_of(f->r->inode), .n = f->n, .metadata = f->r->metadata,
			 .start = table_of(f->r->path[f->r->depth - 1].table)[f->at]);
		if (f->err)
			CO_RETURN(f->err);
		ext4_inode_add_blocks(f->r->inode, -(i64)f->n);
		memset(table_of(f->r->path[f->r->depth - 1].table) + f->at, 0, f->n * sizeof(u32));
	}
	CO_AWAIT(f->err, remove_tables, .r = f->r);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_indirect_remove(struct co *co, struct ext4_indirect_remove *f)
{
	CO_BEGIN;
	if (*f->end <= DIRECT) {
		CO_AWAIT(f->err, remove_direct, .r = f);
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, remove_descend, .r = f);
	if (!f->err)
		CO_AWAIT(f->err, remove_run, .r = f);
	for (unsigned i = 0; i < ARRAY_SIZE(f->path); i++)
		buffer_put(f->path[i].table);
	CO_RETURN(f->err < 0 ? f->err : 0);
	CO_END;
}
