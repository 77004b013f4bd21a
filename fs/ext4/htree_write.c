/* fs/ext4/htree_write.c -- an index grows: leaves and nodes are split, levels added.
 *
 * An entry goes into the leaf that its hash leads to. If there is no room, one step makes some:
 * the leaf is split by hash if the node above it can name one more; else the uppermost full node
 * that lies below one with room is split; else the root's entries move into a node of their own,
 * a level deeper. Then the way down is looked for again. Each step is sound by itself and takes
 * what can be refused (memory, the block) before it changes anything.
 */
#include "fs/ext4/hash.h"
#include "fs/ext4/names.h"
#include "mem/phys/slab.h"

#define INDEX_ROOT_OFFSET (EXT4_DX_ROOT_INFO + 8)
#define DOTDOT_OFFSET	  12
#define ROUNDS_MAX	  16u	/* steps that one entry can need, and many more */

struct leaf_entry {
	u32 hash;
	u16 offset, size;
};

/* A leaf that is taken apart. */
struct ext4_leaf_work {
	u8 copy[PAGE_SIZE];
	struct leaf_entry entry[PAGE_SIZE / 12 + 1]; /* 12: the shortest */
	unsigned count;
};

/* --- leaves --- */

/* The entries that lie at `from` and after it. */
static void leaf_gather(const struct ext4 *fs, struct ext4_leaf_work *w, const u8 *block, u32 from,
			unsigned version)
{
	struct ext4_hash hash;
	u32 at = from;

	memcpy(w->copy, block, fs->block_size);
	w->count = 0;
	while (at < ext4_leaf_end(fs)) {
		const struct ext4_dirent *e = (const struct ext4_dirent *)(w->copy + at);

		if (e->inode) {
			ext4_hash(&hash, version, fs->hash_seed, e->name, e->name_len);
			w->entry[w->count++] = (struct leaf_entry){
				.hash = hash.major, .offset = (u16)at,
				.size = (u16)ext4_dirent_size(e->name_len)};
		}
		at += e->rec_len;
	}
}

static void leaf_sort(struct ext4_leaf_work *w)
{
	static const u16 gaps[] = {132, 57, 23, 10, 4, 1};

	for (unsigned g = 0; g < ARRAY_SIZE(gaps); g++)
		for (unsigned i = gaps[g]; i < w->count; i++) {
			struct leaf_entry e = w->entry[i];
			unsigned j = i;

			for (; j >= gaps[g] && w->entry[j - gaps[g]].hash > e.hash; j -= gaps[g])
				w->entry[j] = w->entry[j - gaps[g]];
			w->entry[j] = e;
		}
}

/* Entries [from, to) become the leaf `block`. */
static void leaf_fill(const struct ext4 *fs, const struct ext4_leaf_work *w, unsigned from,
		      unsigned to, u8 *block)
{
	struct ext4_dirent *last = (struct ext4_dirent *)block;
	u32 at = 0;

	ext4_leaf_clear(fs, block);
	for (unsigned i = from; i < to; i++) {
		last = (struct ext4_dirent *)(block + at);
		memcpy(last, w->copy + w->entry[i].offset, w->entry[i].size);
		last->rec_len = w->entry[i].size;
		at += w->entry[i].size;
	}
	if (at)
		last->rec_len = (u16)(last->rec_len + ext4_leaf_end(fs) - at);
}

/* How many entries stay, so that about half of the bytes go. */
static unsigned leaf_middle(const struct ext4 *fs, const struct ext4_leaf_work *w)
{
	u32 moved = 0;
	unsigned i = w->count;

	while (i && moved + w->entry[i - 1].size / 2u <= fs->block_size / 2)
		moved += w->entry[--i].size;
	return i ? i : w->count / 2;
}

/* --- nodes --- */

static struct ext4_dx_entry *node_entries(u8 *block, unsigned level)
{
	return (struct ext4_dx_entry *)(block + (level ? EXT4_DX_NODE_HEAD : INDEX_ROOT_OFFSET));
}

static struct ext4_dx_countlimit *node_count(struct ext4_dx_entry *entries)
{
	return (struct ext4_dx_countlimit *)entries;
}

static u16 node_limit(const struct ext4 *fs, unsigned level)
{
	u32 offset = level ? EXT4_DX_NODE_HEAD : INDEX_ROOT_OFFSET;

	return (u16)((fs->block_size - offset) / sizeof(struct ext4_dx_entry) - fs->checksums);
}

static bool node_is_full(const struct ext4 *fs, const struct ext4_index *p, unsigned level)
{
	return p->level[level].count >= node_limit(fs, level);
}

/* One more entry behind the one at `at`. */
static void node_insert(struct ext4_dx_entry *entries, unsigned at, u32 hash, u32 block)
{
	struct ext4_dx_countlimit *c = node_count(entries);

	memmove(&entries[at + 2], &entries[at + 1], (c->count - at - 1) * sizeof(*entries));
	entries[at + 1] = (struct ext4_dx_entry){.hash = hash, .block = block};
	c->count++;
}

/* An inner node of these entries, the first of which needs no hash. */
static void node_fill(const struct ext4 *fs, u8 *block, const struct ext4_dx_entry *from, u16 count)
{
	struct ext4_dx_entry *entries = node_entries(block, 1);

	memset(block, 0, fs->block_size);
	((struct ext4_dirent *)block)->rec_len = (u16)fs->block_size;
	memcpy(entries, from, count * sizeof(*from));
	*node_count(entries) = (struct ext4_dx_countlimit){node_limit(fs, 1), count};
}

/* --- steps --- */

/* What is split and the node above it are to be changed, and there is a new block. */
struct index_begin {
	struct co_frame co;
	struct ext4_index_add *add;
	u32 block;	/* what is split */
	long err;
};
static co_t index_begin(struct co *co, struct index_begin *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_access, .handle = f->add->handle, .dir = f->add->dir,
		 .block = f->block, .buffer = &f->add->old);
	if (f->err)
		CO_RETURN(f->err);
	if (f->add->level)
		CO_AWAIT(f->err, ext4_dir_access, .handle = f->add->handle, .dir = f->add->dir,
			 .block = f->add->path.level[f->add->level - 1].block,
			 .buffer = &f->add->above);
	f->add->new_block = ext4_dir_blocks(f->add->dir);
	if (!f->err)
		CO_AWAIT(f->err, ext4_dir_append, .handle = f->add->handle, .dir = f->add->dir,
			 .buffer = &f->add->new);
	CO_RETURN(f->err);
	CO_END;
}

static void index_finish(struct ext4_index_add *a, bool changed)
{
	struct buffer *const all[] = {a->old, a->above, a->new};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		if (changed && all[i])
			ext4_dir_seal(a->dir, all[i]->data);
		buffer_put(all[i]);
	}
	a->old = a->above = a->new = NULL;
}

static void leaf_split(struct ext4_index_add *a, struct ext4_leaf_work *w)
{
	const struct ext4 *fs = ext4_of(a->dir);
	struct ext4_dx_entry *above = node_entries(a->above->data, a->level - 1);
	unsigned middle;
	u32 hash;

	leaf_gather(fs, w, a->old->data, 0, ext4_hash_version(fs, a->path.hash_version));
	leaf_sort(w);
	middle = leaf_middle(fs, w);
	hash = w->entry[middle].hash;
	if (middle && w->entry[middle - 1].hash == hash)
		hash |= 1;	/* it goes on from the leaf before */
	leaf_fill(fs, w, 0, middle, a->old->data);
	leaf_fill(fs, w, middle, w->count, a->new->data);
	node_insert(above, a->path.level[a->level - 1].at, hash, a->new_block);
}

struct index_split_leaf {
	struct co_frame co;
	struct ext4_index_add *add;
	struct ext4_leaf_work *work;
	long err;
};
static co_t index_split_leaf(struct co *co, struct index_split_leaf *f)
{
	CO_BEGIN;
	f->work = kmalloc(sizeof(*f->work));
	if (!f->work)
		CO_RETURN(-ENOMEM);
	f->add->level = f->add->path.levels;
	CO_AWAIT(f->err, index_begin, .add = f->add, .block = f->add->path.leaf);
	if (!f->err)
		leaf_split(f->add, f->work);
	index_finish(f->add, !f->err);
	kfree(f->work);
	CO_RETURN(f->err);
	CO_END;
}

/* The node at a->level loses its second half to a new one. */
static void node_split(struct ext4_index_add *a)
{
	struct ext4_dx_entry *old = node_entries(a->old->data, a->level);
	u16 count = node_count(old)->count, stays = count / 2;
	u32 hash = old[stays].hash;

	node_fill(ext4_of(a->dir), a->new->data, &old[stays], (u16)(count - stays));
	node_count(old)->count = stays;
	memset(&old[stays], 0, (count - stays) * sizeof(*old));
	node_insert(node_entries(a->above->data, a->level - 1), a->path.level[a->level - 1].at,
		    hash, a->new_block);
}

/* All that the root names is named by a new node, and that by the root. */
static void root_deepen(struct ext4_index_add *a)
{
	struct ext4_dx_entry *old = node_entries(a->old->data, 0);
	struct ext4_dx_root_info *info =
		(struct ext4_dx_root_info *)(a->old->data + EXT4_DX_ROOT_INFO);
	u16 count = node_count(old)->count;

	node_fill(ext4_of(a->dir), a->new->data, old, count);
	memset(&old[1], 0, (count - 1u) * sizeof(*old));
	node_count(old)->count = 1;
	old[0].block = a->new_block;
	info->indirect_levels++;
}

struct index_split_node {
	struct co_frame co;
	struct ext4_index_add *add;
	long err;
};
static co_t index_split_node(struct co *co, struct index_split_node *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, index_begin, .add = f->add,
		 .block = f->add->path.level[f->add->level].block);
	if (!f->err) {
		if (f->add->level)
			node_split(f->add);
		else
			root_deepen(f->add);
	}
	index_finish(f->add, !f->err);
	CO_RETURN(f->err);
	CO_END;
}

/* The node to be split before anything below it can be: a->level. 0: none, 1, or -ENOSPC. */
static int index_full_node(struct ext4_index_add *a)
{
	const struct ext4 *fs = ext4_of(a->dir);
	unsigned most = fs->incompat & EXT4_INCOMPAT_LARGEDIR ? 3 : 2;
	unsigned level = a->path.levels - 1u;

	if (!node_is_full(fs, &a->path, level))
		return 0;
	while (level && node_is_full(fs, &a->path, level - 1))
		level--;
	a->level = level;
	return !level && a->path.levels >= most ? -ENOSPC : 1;
}

/* Put it into the leaf if there is room: 1, 0 or an error. */
struct index_put {
	struct co_frame co;
	struct ext4_index_add *add;
	struct page *page;
	u8 *data;
	bool room;
	struct buffer *buffer;
	long err;
};
static co_t index_put(struct co *co, struct index_put *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_dir_block, .dir = f->add->dir, .block = f->add->path.leaf,
		 .page = &f->page, .data = &f->data);
	if (f->err)
		CO_RETURN(f->err);
	f->room = ext4_dirent_room(ext4_of(f->add->dir), f->data,
				   ext4_dirent_size(f->add->entry->len));
	phys_page_put(f->page);
	if (!f->room)
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_dir_access, .handle = f->add->handle, .dir = f->add->dir,
		 .block = f->add->path.leaf, .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	ext4_leaf_put(f->add->dir, f->buffer->data, f->add->entry);
	buffer_put(f->buffer);
	CO_RETURN(1);
	CO_END;
}

co_t ext4_index_add(struct co *co, struct ext4_index_add *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_index_hash, .dir = f->dir, .name = f->entry->name,
		 .len = f->entry->len, .hash = &f->hash);
	for (; !f->err && f->rounds < ROUNDS_MAX; f->rounds++) {
		CO_AWAIT(f->err, ext4_index_walk, .dir = f->dir, .path = &f->path, .hash = f->hash);
		if (!f->err)
			CO_AWAIT(f->err, index_put, .add = f);
		if (f->err)
			CO_RETURN(min(f->err, 0l));
		f->err = index_full_node(f);
		if (f->err > 0)
			CO_AWAIT(f->err, index_split_node, .add = f);
		else if (!f->err)
			CO_AWAIT(f->err, index_split_leaf, .add = f);
	}
	CO_RETURN(f->err ? f->err : -EUCLEAN);
	CO_END;
}

/* --- a new index --- */

/* Do "." and ".." stand where a root needs them? */
static bool dots_in_place(const u8 *block)
{
	const struct ext4_dirent *dot = (const struct ext4_dirent *)block;
	const struct ext4_dirent *dotdot = (const struct ext4_dirent *)(block + DOTDOT_OFFSET);

	return dot->rec_len == DOTDOT_OFFSET && dot->name_len == 1 && dotdot->name_len == 2 &&
	       dotdot->name[0] == '.' && dotdot->name[1] == '.';
}

/* Everything but the dots moves into the leaf; the rest of the block becomes the root. */
static void root_make(struct ext4_index_make *f)
{
	const struct ext4 *fs = ext4_of(f->dir);
	struct ext4_dirent *dotdot = (struct ext4_dirent *)(f->root->data + DOTDOT_OFFSET);
	struct ext4_dx_root_info *info =
		(struct ext4_dx_root_info *)(f->root->data + EXT4_DX_ROOT_INFO);
	struct ext4_dx_entry *entries = node_entries(f->root->data, 0);

	leaf_gather(fs, f->work, f->root->data, DOTDOT_OFFSET + dotdot->rec_len,
		    ext4_hash_version(fs, fs->hash_version));
	leaf_fill(fs, f->work, 0, f->work->count, f->leaf->data);
	dotdot->rec_len = (u16)(fs->block_size - DOTDOT_OFFSET);
	memset(info, 0, fs->block_size - EXT4_DX_ROOT_INFO);
	info->hash_version = fs->hash_version;
	info->info_length = sizeof(*info);
	entries[0].block = ext4_dir_blocks(f->dir) - 1;
	*node_count(entries) = (struct ext4_dx_countlimit){node_limit(fs, 0), 1};
	ext4_inode(f->dir)->flags |= EXT4_INDEX_FL;
	ext4_dir_seal(f->dir, f->root->data);
	ext4_dir_seal(f->dir, f->leaf->data);
}

co_t ext4_index_make(struct co *co, struct ext4_index_make *f)
{
	CO_BEGIN;
	f->work = kmalloc(sizeof(*f->work));
	if (!f->work)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, ext4_dir_access, .handle = f->handle, .dir = f->dir, .block = 0,
		 .buffer = &f->root);
	if (!f->err && !dots_in_place(f->root->data))
		f->err = -EUCLEAN;
	if (!f->err)
		CO_AWAIT(f->err, ext4_dir_append, .handle = f->handle, .dir = f->dir,
			 .buffer = &f->leaf);
	if (!f->err) {
		root_make(f);
		CO_AWAIT(f->err, ext4_inode_write, .handle = f->handle, .inode = f->dir);
		if (f->err)
			ext4_give_up(ext4_of(f->dir), "a new index", f->err);
	}
	buffer_put(f->leaf);
	buffer_put(f->root);
	kfree(f->work);
	CO_RETURN(f->err);
	CO_END;
}
