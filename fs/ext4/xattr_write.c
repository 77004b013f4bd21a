/* fs/ext4/xattr_write.c -- extended attributes change.
 *
 * A table is not changed in place: the new one is made in memory from the old one's entries, and
 * fits or does not. A value goes behind the inode if it fits there, else into the inode's block;
 * what is too large for that is refused. A block that several inodes share (their count is in its
 * head) is left alone: who changes his gets one of his own.
 */
#include <linux/capability.h>

#include "core/base/crc.h"
#include "fs/ext4/names.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/xattr.h"

#define ENTRY_ALIGN 4u

struct ext4_xattr_work {
	/* Behind the inode; size 0: there is no room. */
	struct buffer *inode;
	u8 *body;	/* its magic number */
	u32 body_size;	/* bytes from there on */
	struct ext4_xattr_table body_table;
	const struct ext4_xattr_entry *in_body;
	/* Its block; NULL: none. */
	struct buffer *block;
	struct ext4_xattr_table block_table;
	const struct ext4_xattr_entry *in_block;
	u8 new_body[PAGE_SIZE], new_block[PAGE_SIZE];
};

/* --- a table in the making --- */

struct build {
	u8 *base;	/* values' offsets count from here */
	u32 at, values;	/* where the next entry goes, where values begin */
	bool hashed;
};

static bool build_entry(struct build *b, const struct ext4_xattr_entry *like, const char *name,
			const void *value)
{
	u32 size = like->value_inum ? 0 : like->value_size;
	u32 need = (u32)round_up(sizeof(*like) + like->name_len, ENTRY_ALIGN);
	u32 room = round_up(size, ENTRY_ALIGN);
	struct ext4_xattr_entry *e = (struct ext4_xattr_entry *)(b->base + b->at);

	if (b->at + need + sizeof(u32) + room > b->values)
		return false;
	*e = *like;
	memcpy(e->name, name, e->name_len);
	b->at += need;
	b->values -= room;
	e->value_offs = size ? (u16)b->values : 0;
	memcpy(b->base + b->values, value, size);
	if (!like->value_inum)
		e->hash = b->hashed ? ext4_xattr_hash(e, b->base + b->values) : 0;
	return true;
}

/* The order of a block's entries. */
static int entry_order(const struct ext4_xattr_set *f, const struct ext4_xattr_entry *e)
{
	size_t len = strlen(f->name);

	if (f->index != e->name_index)
		return f->index < e->name_index ? -1 : 1;
	if (len != e->name_len)
		return len < e->name_len ? -1 : 1;
	return memcmp(f->name, e->name, len);
}

static bool build_new(struct build *b, const struct ext4_xattr_set *f)
{
	const struct ext4_xattr_entry like = {.name_len = (u8)strlen(f->name),
					      .name_index = f->index,
					      .value_size = (u32)f->size};

	return f->size <= PAGE_SIZE && build_entry(b, &like, f->name, f->value);
}

/* What `old` (NULL: nothing) has, but not `gone`, and with `add` what f sets. false: it does not
 * fit. */
static bool build_table(struct build *b, const struct ext4_xattr_table *old,
			const struct ext4_xattr_entry *gone, const struct ext4_xattr_set *f,
			bool add)
{
	const struct ext4_xattr_entry *e = old ? (const void *)old->first : NULL;

	for (; e && !ext4_xattr_is_end(e); e = ext4_xattr_next(e)) {
		bool here = e == gone || (!gone && b->hashed && entry_order(f, e) < 0);

		if (add && here) {
			if (!build_new(b, f))
				return false;
			add = false;
		}
		if (e != gone && !build_entry(b, e, e->name, old->base + e->value_offs))
			return false;
	}
	return !add || build_new(b, f);
}

/* Behind the inode: into w->new_body. */
static bool build_body(struct ext4_xattr_work *w, const struct ext4_xattr_set *f, bool add)
{
	struct build b = {.base = w->new_body + sizeof(u32),
			  .values = w->body_size - (u32)sizeof(u32)};
	u32 magic = EXT4_XATTR_MAGIC;

	if (w->body_size < 2 * sizeof(u32))
		return false;
	memset(w->new_body, 0, w->body_size);
	if (!build_table(&b, w->body_table.first ? &w->body_table : NULL, w->in_body, f, add))
		return false;
	if (b.at)
		memcpy(w->new_body, &magic, sizeof(magic));
	return true;
}

/* Its block: into w->new_block, with a head. */
static bool build_block(struct ext4_xattr_work *w, const struct ext4_xattr_set *f, bool add)
{
	u32 size = ext4_of(f->inode)->block_size;
	struct build b = {.base = w->new_block, .at = sizeof(struct ext4_xattr_head),
			  .values = size, .hashed = true};

	memset(w->new_block, 0, size);
	*(struct ext4_xattr_head *)w->new_block = (struct ext4_xattr_head){
		.magic = EXT4_XATTR_MAGIC, .refcount = 1, .blocks = 1};
	return build_table(&b, w->block ? &w->block_table : NULL, w->in_block, f, add);
}

static bool block_is_empty(const u8 *block)
{
	return ext4_xattr_is_end((const void *)(block + sizeof(struct ext4_xattr_head)));
}

/* A block's hash over its entries', and its checksum. */
static void block_seal(const struct ext4 *fs, u64 block, u8 *data)
{
	struct ext4_xattr_head *head = (struct ext4_xattr_head *)data;
	const struct ext4_xattr_entry *e = (const void *)(head + 1);
	u32 hash = 0;

	for (; !ext4_xattr_is_end(e); e = ext4_xattr_next(e)) {
		if (!e->hash) {
			hash = 0;	/* one that nobody may share */
			break;
		}
		hash = (hash << 16 | hash >> 16) ^ e->hash;
	}
	head->hash = hash;
	if (fs->checksums)
		head->checksum = ext4_xattr_checksum(fs, block, data);
}

/* --- finding out --- */

/* The inode's buffer, to be changed, and its block's, if it has one. */
struct work_open {
	struct co_frame co;
	struct ext4_xattr_set *set;
	struct ext4_xattr_work *w;
	u32 offset;
	const char *wrong;
	long err;
};

static int work_body(struct work_open *f)
{
	struct ext4 *fs = ext4_of(f->set->inode);
	struct ext4_xattr_work *w = f->w;
	u8 *data = w->inode->data + f->offset;
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)data;
	u32 at = EXT4_INODE_SIZE_OLD + (fs->inode_size > EXT4_INODE_SIZE_OLD ? d->extra_isize : 0u);

	if (at + 2 * sizeof(u32) > fs->inode_size)
		return 0;
	w->body = data + at;
	w->body_size = fs->inode_size - at;
	if (!ext4_xattr_of_inode(fs, data, &w->body_table)) {
		w->body_table = (struct ext4_xattr_table){};
		return 0;
	}
	w->in_body = ext4_xattr_find(&w->body_table, f->set->index, f->set->name);
	return ext4_xattr_valid(&w->body_table) ? 0 : -EUCLEAN;
}

static co_t work_open(struct co *co, struct work_open *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_buffer, .fs = ext4_of(f->set->inode),
		 .ino = (u32)f->set->inode->ino, .buffer = &f->w->inode, .offset = &f->offset);
	if (f->err) {
		f->w->inode = NULL;
		CO_RETURN(f->err);
	}
	CO_AWAIT(f->err, journal_access, .handle = f->set->handle, .buffer = f->w->inode);
	if (!f->err)
		f->err = work_body(f);
	if (f->err || !ext4_inode(f->set->inode)->xattr_block)
		CO_RETURN(f->err);
	if (!ext4_blocks_valid(ext4_of(f->set->inode), ext4_inode(f->set->inode)->xattr_block, 1))
		CO_RETURN(-EUCLEAN);
	CO_AWAIT(f->err, buffer_get, .journal = f->set->handle->journal,
		 .block = ext4_inode(f->set->inode)->xattr_block, .buffer = &f->w->block);
	if (f->err) {
		f->w->block = NULL;
		CO_RETURN(f->err);
	}
	f->wrong = ext4_xattr_of_block(ext4_of(f->set->inode), f->w->block->block,
				       f->w->block->data, &f->w->block_table);
	if (f->wrong)
		CO_RETURN(-EUCLEAN);
	f->w->in_block = ext4_xattr_find(&f->w->block_table, f->set->index, f->set->name);
	CO_RETURN(0);
	CO_END;
}

/* --- storing --- */

static struct ext4_xattr_head *block_head(struct buffer *b)
{
	return (struct ext4_xattr_head *)b->data;
}

/* The inode has no part in its block any more. */
struct block_leave {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	struct buffer *block;
	long err;
};
static co_t block_leave(struct co *co, struct block_leave *f)
{
	CO_BEGIN;
	if (block_head(f->block)->refcount > 1) {
		CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->block);
		if (!f->err) {
			block_head(f->block)->refcount--;
			block_seal(ext4_of(f->inode), f->block->block, f->block->data);
		}
	} else {
		CO_AWAIT(f->err, ext4_free_blocks, .handle = f->handle, .fs = ext4_of(f->inode),
			 .start = f->block->block, .n = 1, .metadata = true);
	}
	if (!f->err)
		ext4_inode_add_blocks(f->inode, -1);
	CO_RETURN(f->err);
	CO_END;
}

/* What w->new_block says becomes the inode's block. */
struct block_store {
	struct co_frame co;
	struct handle *handle;
	struct inode *inode;
	struct ext4_xattr_work *w;
	u64 start;
	struct buffer *new;
	long err;
};
static co_t block_store(struct co *co, struct block_store *f)
{
	CO_BEGIN;
	if (block_is_empty(f->w->new_block)) {
		if (f->w->block)
			CO_AWAIT(f->err, block_leave, .handle = f->handle, .inode = f->inode,
				 .block = f->w->block);
		if (!f->err)
			ext4_inode(f->inode)->xattr_block = 0;
		CO_RETURN(f->err);
	}
	if (f->w->block && block_head(f->w->block)->refcount == 1) {
		CO_AWAIT(f->err, journal_access, .handle = f->handle, .buffer = f->w->block);
		if (f->err)
			CO_RETURN(f->err);
		memcpy(f->w->block->data, f->w->new_block, ext4_of(f->inode)->block_size);
		block_seal(ext4_of(f->inode), f->w->block->block, f->w->block->data);
		CO_RETURN(0);
	}
	CO_AWAIT(f->err, ext4_alloc_block, .handle = f->handle, .inode = f->inode,
		 .start = &f->start);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_create, .handle = f->handle, .block = f->start,
		 .buffer = &f->new);
	if (!f->err && f->w->block)
		CO_AWAIT(f->err, block_leave, .handle = f->handle, .inode = f->inode,
			 .block = f->w->block);
	if (f->err) {
		buffer_put(f->new);
		CO_RETURN(ext4_give_up(ext4_of(f->inode), "a new block of attributes", f->err));
	}
	memcpy(f->new->data, f->w->new_block, ext4_of(f->inode)->block_size);
	block_seal(ext4_of(f->inode), f->start, f->new->data);
	buffer_put(f->new);
	ext4_inode(f->inode)->xattr_block = f->start;
	ext4_inode_add_blocks(f->inode, 1);
	CO_RETURN(0);
	CO_END;
}

static void body_store(struct inode *inode, struct ext4_xattr_work *w)
{
	u32 magic;

	memcpy(w->body, w->new_body, w->body_size);
	memcpy(&magic, w->new_body, sizeof(magic));
	ext4_inode(inode)->xattr_inside = magic;
}

/* --- one change --- */

static long set_check(const struct ext4_xattr_set *f, const struct ext4_xattr_work *w)
{
	const struct ext4_xattr_entry *there = w->in_body ? w->in_body : w->in_block;

	if (!there && (!f->value || (f->flags & XATTR_REPLACE)))
		return -ENODATA;
	if (there && (f->flags & XATTR_CREATE))
		return -EEXIST;
	/* Its value is an inode of its own, which would have to go. */
	return there && there->value_inum ? -EOPNOTSUPP : 0;
}

/* Which of the two change: bits. */
enum { IN_BODY = 1, IN_BLOCK = 2 };

static int set_build(const struct ext4_xattr_set *f, struct ext4_xattr_work *w)
{
	int where = (w->in_body ? IN_BODY : 0) | (w->in_block ? IN_BLOCK : 0);

	if (!f->value) {
		build_body(w, f, false);	/* it only shrinks */
		build_block(w, f, false);
		return where;
	}
	if (build_body(w, f, true)) {
		build_block(w, f, false);
		return where | IN_BODY;
	}
	if (!build_block(w, f, true))
		return -ENOSPC;
	build_body(w, f, false);
	return where | IN_BLOCK;
}

struct xattr_store {
	struct co_frame co;
	struct ext4_xattr_set *set;
	struct ext4_xattr_work *w;
	int where;
	long err;
};
static co_t xattr_store(struct co *co, struct xattr_store *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, work_open, .set = f->set, .w = f->w);
	if (!f->err)
		f->err = set_check(f->set, f->w);
	if (f->err)
		CO_RETURN(f->err);
	f->where = set_build(f->set, f->w);
	if (f->where < 0)
		CO_RETURN(f->where);
	if (f->where & IN_BLOCK)
		CO_AWAIT(f->err, block_store, .handle = f->set->handle, .inode = f->set->inode,
			 .w = f->w);
	if (f->err)
		CO_RETURN(f->err);
	if (f->where & IN_BODY)
		body_store(f->set->inode, f->w);
	CO_AWAIT(f->err, ext4_inode_write, .handle = f->set->handle, .inode = f->set->inode);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_xattr_set(struct co *co, struct ext4_xattr_set *f)
{
	CO_BEGIN;
	f->work = kzalloc(sizeof(*f->work));
	if (!f->work)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, xattr_store, .set = f, .w = f->work);
	if (f->err == -EUCLEAN)
		ext4_damaged_inode(f->inode, "inode %lu: its attributes are damaged",
				   (unsigned long)f->inode->ino);
	buffer_put(f->work->block);
	buffer_put(f->work->inode);
	kfree(f->work);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_xattr_drop(struct co *co, struct ext4_xattr_drop *f)
{
	CO_BEGIN;
	if (!ext4_inode(f->inode)->xattr_block)
		CO_RETURN(0);
	if (!ext4_blocks_valid(ext4_of(f->inode), ext4_inode(f->inode)->xattr_block, 1))
		CO_RETURN(-EUCLEAN);
	CO_AWAIT(f->err, buffer_get, .journal = f->handle->journal,
		 .block = ext4_inode(f->inode)->xattr_block, .buffer = &f->buffer);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, block_leave, .handle = f->handle, .inode = f->inode, .block = f->buffer);
	if (!f->err)
		ext4_inode(f->inode)->xattr_block = 0;
	buffer_put(f->buffer);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the operations --- */

static void note_caps(struct inode *inode, bool there)
{
	atomic_store(&ext4_inode(inode)->caps_dropped, 0u);
	if (there)
		atomic_or(&inode->flags, (u32)INODE_CAPS);
	else
		atomic_and(&inode->flags, ~(u32)INODE_CAPS);
}

struct setxattr_once {
	struct ext4_once;
	struct handle handle;
	const char *rest;
	u8 index;
	long err;
};
static co_t setxattr_once(struct co *co, struct setxattr_once *f)
{
	const struct inode_setxattr *x = f->of;

	CO_BEGIN;
	f->index = ext4_xattr_index(x->name, &f->rest);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(x->inode)->journal,
		 .handle = &f->handle, .credits = EXT4_XATTR_CREDITS);
	if (f->err)
		CO_RETURN(f->err);
	inode_touch(x->inode, ATTR_CTIME);
	CO_AWAIT(f->err, ext4_xattr_set, .handle = &f->handle, .inode = x->inode,
		 .index = f->index, .name = f->rest, .value = x->value, .size = x->size,
		 .flags = x->flags);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

co_t ext4_setxattr(struct co *co, struct ext4_setxattr *f)
{
	static const struct ext4_once_op once = CO_IMPLEMENTS(ext4_once, setxattr_once);
	const char *rest;

	CO_BEGIN;
	if (!ext4_xattr_index(f->name, &rest))
		CO_RETURN(-EOPNOTSUPP);
	CO_AWAIT(f->err, ext4_with_room, .fs = ext4_of(f->inode), .once = &once, .of = f);
	if (!f->err && !strcmp(f->name, XATTR_NAME_CAPS))
		note_caps(f->inode, f->value);
	if (!f->err)
		CO_AWAIT(f->err, ext4_settle, .inode = f->inode);
	CO_RETURN(f->err);
	CO_END;
}

void ext4_drop_caps(struct inode *inode)
{
	atomic_and(&inode->flags, ~(u32)INODE_CAPS);
	atomic_store(&ext4_inode(inode)->caps_dropped, 1u);
	inode_touch(inode, 0);	/* it is to be written */
}

/* Who changes attributes at this moment leaves it for the next time. */
co_t ext4_caps_remove(struct co *co, struct ext4_caps_remove *f)
{
	CO_BEGIN;
	if (!rwlock_try_write(&f->inode->lock)) {
		inode_touch(f->inode, 0);	/* it stays dirty */
		CO_RETURN(0);
	}
	CO_AWAIT(f->err, ext4_xattr_set, .handle = f->handle, .inode = f->inode,
		 .index = EXT4_XATTR_SECURITY, .name = "capability");
	if (!f->err || f->err == -ENODATA)
		atomic_store(&ext4_inode(f->inode)->caps_dropped, 0u);
	rwlock_unlock_write(&f->inode->lock);
	CO_RETURN(f->err == -ENODATA ? 0 : f->err);
	CO_END;
}

/* --- access control lists --- */

/* A version, then tag and bits of each entry, and whose it is where the tag does not say. */
static size_t acl_to_disk(const struct acl *a, u8 *to)
{
	const u32 version = EXT4_ACL_VERSION;
	size_t at = sizeof(version);

	memcpy(to, &version, sizeof(version));
	for (u32 i = 0; i < a->count; i++) {
		const struct acl_entry *e = &a->entries[i];

		memcpy(to + at, &e->tag, 2);
		memcpy(to + at + 2, &e->perm, 2);
		at += 4;
		if (e->tag != ACL_USER && e->tag != ACL_GROUP)
			continue;
		memcpy(to + at, &e->id, 4);
		at += 4;
	}
	return at;
}

co_t ext4_acl_store(struct co *co, struct ext4_acl_store *f)
{
	CO_BEGIN;
	if (f->acl) {
		f->value = kmalloc(sizeof(u32) + f->acl->count * 8ul);
		if (!f->value)
			CO_RETURN(-ENOMEM);
	}
	CO_AWAIT(f->err, ext4_xattr_set, .handle = f->handle, .inode = f->inode,
		 .index = f->is_default ? EXT4_XATTR_ACL_DEFAULT : EXT4_XATTR_ACL_ACCESS,
		 .name = "", .value = f->value,
		 .size = f->acl ? acl_to_disk(f->acl, f->value) : 0);
	kfree(f->value);
	CO_RETURN(f->err == -ENODATA && !f->acl ? 0 : f->err);
	CO_END;
}
