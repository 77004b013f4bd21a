/* fs/ext4/htree.c -- hashed directories.
 *
 * Block 0 holds "." and ".." and, in what looks like the rest of the second entry, the root of
 * an index: (hash, block) pairs in rising order, of leaves or of further nodes. A leaf is an
 * ordinary block of entries, unsorted. The lowest bit of a pair's hash says that names of that
 * hash begin in the leaf before.
 *
 * A listing follows the order of hashes, as Linux's does, so that programs that print what
 * they read print the same. A position is (major >> 1, minor). Each step gathers one leaf, and
 * those its last hash goes on in, sorts it, and hands it out.
 */
#include "fs/ext4/ext4.h"
#include "fs/ext4/hash.h"
#include "mem/phys/slab.h"

#define INDEX_ROOT_OFFSET (EXT4_DX_ROOT_INFO + 8)
#define INDEX_BLOCK_MASK  0x0fffffffu
#define POS_END		  0x7fffffffffffffffull

unsigned ext4_hash_version(const struct ext4 *fs, unsigned root_says)
{
	return root_says + (fs->hash_unsigned ? EXT4_HASH_UNSIGNED : 0);
}

bool ext4_is_indexed(struct inode *dir)
{
	const struct ext4 *fs = ext4_of(dir);
	struct ext4_inode *e = ext4_inode(dir);

	if (!fs->dir_index || atomic_load_relaxed(&e->no_index))
		return false;
	if (e->flags & EXT4_INDEX_FL)
		return true;
	return ext4_dir_blocks(dir) == 1 && fs->hash_version < EXT4_HASH_UNSIGNED;
}

void ext4_index_broken(struct inode *dir)
{
	if (!atomic_swap(&ext4_inode(dir)->no_index, 1u))
		ext4_bad(ext4_of(dir), "directory %lu: the index is broken and not used",
			 (unsigned long)dir->ino);
}

unsigned ext4_index_offset(const struct ext4 *fs, const u8 *block)
{
	const struct ext4_dirent *first = (const struct ext4_dirent *)block;
	const struct ext4_dirent *second = (const struct ext4_dirent *)(block + 12);
	const struct ext4_dx_root_info *info =
		(const struct ext4_dx_root_info *)(block + EXT4_DX_ROOT_INFO);

	if (first->rec_len == fs->block_size && !first->inode && !first->name_len)
		return EXT4_DX_NODE_HEAD;
	if (first->rec_len == 12 && second->rec_len == fs->block_size - 12 &&
	    !info->reserved && info->info_length == sizeof(*info))
		return INDEX_ROOT_OFFSET;
	return 0;
}

/* --- the index --- */

/* Choose the entry of a node at level `at` of the path. */
static int node_choose(struct ext4_index_walk *f, const u8 *data)
{
	const struct ext4 *fs = ext4_of(f->dir);
	unsigned offset = ext4_index_offset(fs, data);
	const struct ext4_dx_entry *entries = (const struct ext4_dx_entry *)(data + offset);
	const struct ext4_dx_countlimit *c = (const struct ext4_dx_countlimit *)entries;
	const struct ext4_dx_root_info *info =
		(const struct ext4_dx_root_info *)(data + EXT4_DX_ROOT_INFO);
	struct ext4_index *p = f->path;
	unsigned room = (fs->block_size - offset) / sizeof(*entries) - fs->checksums;
	unsigned low = 1, high = c->count;

	if (offset != (f->at ? EXT4_DX_NODE_HEAD : INDEX_ROOT_OFFSET))
		return -EUCLEAN;
	if (c->limit != room || !c->count || c->count > c->limit)
		return -EUCLEAN;
	if (!f->at) {
		if (info->hash_version >= EXT4_HASH_UNSIGNED ||
		    info->indirect_levels >= EXT4_INDEX_LEVELS)
			return -EUCLEAN;
		p->hash_version = info->hash_version;
		p->levels = info->indirect_levels + 1;
	}
	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (entries[middle].hash <= f->hash)
			low = middle + 1;
		else
			high = middle;
	}
	p->level[f->at].count = c->count;
	if (!f->next)
		p->level[f->at].at = (u16)(low - 1);
	if (p->level[f->at].at >= c->count)
		return -EUCLEAN;
	low = p->level[f->at].at;
	p->level[f->at].next_hash = low + 1 < c->count ? entries[low + 1].hash : 0;
	f->block = entries[low].block & INDEX_BLOCK_MASK;
	return f->block ? 0 : -EUCLEAN;
}

/* The level where the path goes on, or -1 at the end. */
static int path_next_level(const struct ext4_index *p)
{
	int at = p->levels - 1;

	while (at >= 0 && p->level[at].at + 1 >= p->level[at].count)
		at--;
	return at;
}

static int path_advance(struct ext4_index_walk *f)
{
	struct ext4_index *p = f->path;
	int at = path_next_level(p);

	if (at < 0)
		return -EUCLEAN;
	p->level[at].at++;
	for (unsigned below = (unsigned)at + 1; below < p->levels; below++)
		p->level[below].at = 0;
	f->at = (unsigned)at;
	f->block = p->level[at].block;
	return 0;
}

static void path_finish(struct ext4_index_walk *f)
{
	int at = path_next_level(f->path);

	f->path->leaf = f->block;
	f->path->last = at < 0;
	f->path->next_hash = at < 0 ? 0 : f->path->level[at].next_hash;
}

co_t ext4_index_walk(struct co *co, struct ext4_index_walk *f)
{
	CO_BEGIN;
	if (f->next)
		f->err = path_advance(f);
	else
		f->path->levels = 1;
	for (; !f->err && f->at < f->path->levels; f->at++) {
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->block,
			 .page = &f->page, .data = &f->data);
		if (f->err)
			CO_RETURN(f->err);
		f->path->level[f->at].block = f->block;
		f->err = node_choose(f, f->data);
		phys_page_put(f->page);
	}
	if (!f->err)
		path_finish(f);
	CO_RETURN(f->err);
	CO_END;
}

static int root_hash(struct ext4_index_hash *f, const u8 *data)
{
	const struct ext4 *fs = ext4_of(f->dir);
	const struct ext4_dx_root_info *info =
		(const struct ext4_dx_root_info *)(data + EXT4_DX_ROOT_INFO);
	struct ext4_hash hash;

	if (info->hash_version >= EXT4_HASH_UNSIGNED)
		return -EUCLEAN;
	ext4_hash(&hash, ext4_hash_version(fs, info->hash_version), fs->hash_seed, f->name, f->len);
	*f->hash = hash.major;
	return 0;
}

co_t ext4_index_hash(struct co *co, struct ext4_index_hash *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = 0, .page = &f->page,
		 .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	f->err = root_hash(f, f->data);
	phys_page_put(f->page);
	CO_RETURN(f->err);
	CO_END;
}

/* --- listing in order --- */

#define SORT_BLOCKS 5	/* the root's, for "." and "..", and leaves of one hash */

struct sorted_entry {
	struct ext4_hash hash;
	u16 offset;
	u8 block;	/* of ext4_sorted.data */
};

/* One step's entries. */
struct ext4_sorted {
	struct ext4_index path;
	unsigned version;
	struct page *page[SORT_BLOCKS];
	u8 *data[SORT_BLOCKS];
	unsigned blocks, count, room;
	struct sorted_entry *entries;
	u64 next;	/* position of what follows */
};

static u64 hash_pos(struct ext4_hash h)
{
	return (u64)(h.major >> 1) << 32 | h.minor;
}

static void sorted_reset(struct ext4_sorted *s)
{
	for (unsigned i = 0; i < s->blocks; i++)
		phys_page_put(s->page[i]);
	s->blocks = s->count = 0;
}

static void sorted_free(struct ext4_sorted *s)
{
	if (!s)
		return;
	sorted_reset(s);
	kfree(s->entries);
	kfree(s);
}

static struct ext4_sorted *sorted_new(const struct inode *dir)
{
	struct ext4_sorted *s = kzalloc(sizeof(*s));
	unsigned blocks = min(ext4_dir_blocks(dir), (u32)SORT_BLOCKS);

	if (!s)
		return NULL;
	s->room = blocks * (ext4_of(dir)->block_size / 12);
	s->entries = kcalloc(s->room, sizeof(*s->entries));
	if (s->entries)
		return s;
	kfree(s);
	return NULL;
}

/* Take what lies at `pos` and after it from the block added last. `dots`: only "." and "..",
 * at the positions that an indexed directory gives them. */
static void sorted_gather(struct inode *dir, struct ext4_sorted *s, u64 pos, bool dots)
{
	const struct ext4 *fs = ext4_of(dir);
	unsigned block = s->blocks - 1, seen = 0;
	u32 at = 0;

	while (at < fs->block_size && (!dots || seen < 2) && s->count < s->room) {
		const struct ext4_dirent *e = (const struct ext4_dirent *)(s->data[block] + at);
		struct sorted_entry *to = &s->entries[s->count];

		*to = (struct sorted_entry){.offset = (u16)at, .block = (u8)block};
		at += e->rec_len;
		if (!e->inode)
			continue;
		if (dots)
			to->hash.major = 2 * seen++;
		else
			ext4_hash(&to->hash, s->version, fs->hash_seed, e->name,
				  e->name_len);
		if (hash_pos(to->hash) >= pos)
			s->count++;
	}
}

/* Shell sort: at most some hundred entries, no recursion, no memory. */
static void sorted_sort(struct ext4_sorted *s)
{
	static const u16 gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

	for (unsigned g = 0; g < ARRAY_SIZE(gaps); g++)
		for (unsigned i = gaps[g]; i < s->count; i++) {
			struct sorted_entry e = s->entries[i];
			unsigned j = i;

			for (; j >= gaps[g] && hash_pos(s->entries[j - gaps[g]].hash) >
						       hash_pos(e.hash); j -= gaps[g])
				s->entries[j] = s->entries[j - gaps[g]];
			s->entries[j] = e;
		}
}

/* false: the taker has enough, and *pos leads to what it did not take. */
static bool sorted_emit(struct inode *dir, struct ext4_sorted *s, u64 *pos, struct dir_emit *to)
{
	const struct ext4 *fs = ext4_of(dir);

	for (unsigned i = 0; i < s->count; i++) {
		const struct sorted_entry *at = &s->entries[i];
		const struct ext4_dirent *e =
			(const struct ext4_dirent *)(s->data[at->block] + at->offset);
		u64 next = i + 1 < s->count ? hash_pos(s->entries[i + 1].hash) : s->next;

		if (!to->emit(to, e->name, e->name_len, e->inode,
			      ext4_dirent_type(fs, e), next))
			return false;
		*pos = next;
	}
	*pos = s->next;
	return true;
}

/* Gather the step that begins at *pos. */
struct ext4_sorted_step {
	struct co_frame co;
	struct inode *dir;
	struct ext4_sorted *s;
	u64 pos;
	u64 block;
	bool dots;
	long err;
};
static co_t ext4_sorted_step(struct co *co, struct ext4_sorted_step *f)
{
	CO_BEGIN;
	f->s->version = ext4_hash_version(ext4_of(f->dir), ext4_of(f->dir)->hash_version);
	f->s->next = POS_END;
	f->s->path.last = true;
	f->dots = (ext4_inode(f->dir)->flags & EXT4_INDEX_FL) && f->pos <= 1ul << 32;
	if (ext4_inode(f->dir)->flags & EXT4_INDEX_FL) {
		CO_AWAIT(f->err, ext4_index_walk, .dir = f->dir, .path = &f->s->path,
			 .hash = (u32)(f->pos >> 32) << 1);
		if (f->err)
			CO_RETURN(f->err);
		f->s->version = ext4_hash_version(ext4_of(f->dir), f->s->path.hash_version);
		f->block = f->dots ? 0 : f->s->path.leaf;
	}
	for (;;) {
		if (f->s->blocks == SORT_BLOCKS)
			CO_RETURN(-EUCLEAN);
		CO_AWAIT(f->err, ext4_dir_block, .dir = f->dir, .block = f->block,
			 .page = &f->s->page[f->s->blocks], .data = &f->s->data[f->s->blocks]);
		if (f->err)
			CO_RETURN(f->err);
		f->s->blocks++;
		sorted_gather(f->dir, f->s, f->pos, f->dots);
		if (f->dots) {
			f->dots = false;
			f->block = f->s->path.leaf;
			continue;
		}
		if (f->s->path.last || !(f->s->path.next_hash & 1))
			break;
		CO_AWAIT(f->err, ext4_index_walk, .dir = f->dir, .path = &f->s->path,
			 .next = true);
		if (f->err)
			CO_RETURN(f->err);
		f->block = f->s->path.leaf;
	}
	if (!f->s->path.last)
		f->s->next = (u64)(f->s->path.next_hash >> 1) << 32;
	/* Positions must grow, or a broken index would never end. */
	CO_RETURN(f->s->next > f->pos ? 0 : -EUCLEAN);
	CO_END;
}

co_t ext4_readdir_hashed(struct co *co, struct ext4_readdir_hashed *f)
{
	CO_BEGIN;
	if (*f->pos >= POS_END)
		CO_RETURN(0);
	f->sorted = sorted_new(f->dir);
	if (!f->sorted)
		CO_RETURN(-ENOMEM);
	while (*f->pos < POS_END) {
		CO_AWAIT(f->err, ext4_sorted_step, .dir = f->dir, .s = f->sorted, .pos = *f->pos);
		if (f->err)
			break;
		sorted_sort(f->sorted);
		if (!sorted_emit(f->dir, f->sorted, f->pos, f->to))
			break;
		sorted_reset(f->sorted);
		CO_BREATHE;
	}
	sorted_free(f->sorted);
	if (f->err == -EUCLEAN)
		ext4_index_broken(f->dir);
	CO_RETURN(f->err);
	CO_END;
}
