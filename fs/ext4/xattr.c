/* fs/ext4/xattr.c -- extended attributes: in the room behind an inode, in a block of its own, or
 * with their value in another inode.
 *
 * Nothing is kept: each question reads the inode's block again, which the device's page cache
 * has. Only access control lists and the mark of file capabilities are found when the inode is
 * read, since permission checks do not wait.
 */
#include <linux/capability.h>
#include <linux/stat.h>

#include "core/base/crc.h"
#include "fs/ext4/names.h"
#include "mem/phys/slab.h"
#include "vfs/acl.h"
#include "vfs/xattr.h"

#define VALUE_AHEAD 4	/* pages */

static const char *const xattr_prefixes[] = {
	[EXT4_XATTR_USER] = XATTR_USER_PREFIX,
	[EXT4_XATTR_ACL_ACCESS] = XATTR_NAME_POSIX_ACL_ACCESS,
	[EXT4_XATTR_ACL_DEFAULT] = XATTR_NAME_POSIX_ACL_DEFAULT,
	[EXT4_XATTR_TRUSTED] = XATTR_TRUSTED_PREFIX,
	[EXT4_XATTR_SECURITY] = XATTR_SECURITY_PREFIX,
};

static const char *xattr_prefix(const struct ext4_xattr_entry *e)
{
	return e->name_index < ARRAY_SIZE(xattr_prefixes) ? xattr_prefixes[e->name_index] : NULL;
}

u8 ext4_xattr_index(const char *name, const char **rest)
{
	static const u8 settable[] = {EXT4_XATTR_USER, EXT4_XATTR_TRUSTED, EXT4_XATTR_SECURITY};

	for (unsigned i = 0; i < ARRAY_SIZE(settable); i++) {
		*rest = xattr_after(name, xattr_prefixes[settable[i]]);
		if (*rest)
			return settable[i];
	}
	return 0;
}

/* --- a table's entries --- */

const struct ext4_xattr_entry *ext4_xattr_next(const struct ext4_xattr_entry *e)
{
	return (const void *)((const u8 *)e + round_up(sizeof(*e) + e->name_len, 4));
}

bool ext4_xattr_is_end(const struct ext4_xattr_entry *e)
{
	u32 head;

	memcpy(&head, e, sizeof(head));
	return !head;
}

/* Over the name's bytes, which some take for signed, and the value's words. */
static u32 entry_hash(const struct ext4_xattr_entry *e, const u8 *value, bool is_signed)
{
	u32 hash = 0, word;

	for (unsigned i = 0; i < e->name_len; i++) {
		u32 c = is_signed ? (u32)(signed char)e->name[i] : (u8)e->name[i];

		hash = (hash << 5 | hash >> 27) ^ c;
	}
	for (u32 i = 0; i < round_up(e->value_size, 4u); i += sizeof(word)) {
		memcpy(&word, value + i, sizeof(word));
		hash = (hash << 16 | hash >> 16) ^ word;
	}
	return hash;
}

u32 ext4_xattr_hash(const struct ext4_xattr_entry *e, const u8 *value)
{
	return entry_hash(e, value, false);
}

/* Does the value lie between the entries and the end? */
static bool entry_valid(const struct ext4_xattr_table *t, const struct ext4_xattr_entry *e,
			const u8 *entries_end)
{
	u64 room = (u64)(t->end - t->base), size = round_up((u64)e->value_size, 4ul);
	const u8 *value = t->base + e->value_offs;

	if (e->value_inum)
		return e->value_size <= XATTR_SIZE_MAX;
	if (!e->value_size)
		return true;
	if (e->value_offs > room || size > room - e->value_offs || value < entries_end)
		return false;
	return !t->hashed || e->hash == entry_hash(e, value, false) ||
	       e->hash == entry_hash(e, value, true);
}

bool ext4_xattr_valid(const struct ext4_xattr_table *t)
{
	const struct ext4_xattr_entry *e = (const void *)t->first, *first = e;
	const u8 *limit = t->end - sizeof(u32);

	if (t->end - t->first < (long)sizeof(u32))
		return false;
	for (; !ext4_xattr_is_end(e); e = ext4_xattr_next(e)) {
		if ((const u8 *)e + sizeof(*e) > limit || (const u8 *)ext4_xattr_next(e) > limit)
			return false;
	}
	limit = (const u8 *)e + sizeof(u32);
	for (e = first; !ext4_xattr_is_end(e); e = ext4_xattr_next(e))
		if (!entry_valid(t, e, limit))
			return false;
	return true;
}

bool ext4_xattr_of_inode(const struct ext4 *fs, const u8 *data, struct ext4_xattr_table *t)
{
	const struct ext4_disk_inode *d = (const struct ext4_disk_inode *)data;
	u32 magic, at = EXT4_INODE_SIZE_OLD + d->extra_isize;

	if (fs->inode_size <= EXT4_INODE_SIZE_OLD || at + 2 * sizeof(u32) > fs->inode_size)
		return false;
	memcpy(&magic, data + at, sizeof(magic));
	t->first = t->base = data + at + sizeof(magic);
	t->end = data + fs->inode_size;
	t->hashed = false;
	return magic == EXT4_XATTR_MAGIC;
}

u32 ext4_xattr_checksum(const struct ext4 *fs, u64 block, const u8 *data)
{
	const u32 at = offsetof(struct ext4_xattr_head, checksum), zero = 0;
	u32 crc = crc_32c(fs->seed, &block, sizeof(block));

	crc = crc_32c(crc, data, at);
	crc = crc_32c(crc, &zero, sizeof(zero));
	return crc_32c(crc, data + at + sizeof(zero), fs->block_size - at - sizeof(zero));
}

const char *ext4_xattr_of_block(const struct ext4 *fs, u64 block, const u8 *data,
				struct ext4_xattr_table *t)
{
	const struct ext4_xattr_head *head = (const void *)data;

	if (head->magic != EXT4_XATTR_MAGIC || head->blocks != 1)
		return "is none";
	if (fs->checksums && head->checksum != ext4_xattr_checksum(fs, block, data))
		return "has a wrong checksum";
	*t = (struct ext4_xattr_table){.first = data + sizeof(*head), .base = data,
				  .end = data + fs->block_size, .hashed = true};
	return ext4_xattr_valid(t) ? NULL : "is damaged";
}

/* --- reading a table --- */

/* The tables of an inode one after the other. *table is good until the next step. */
struct xattr_step {
	struct co_frame co;
	struct ext4_inode *inode;
	const u8 *disk;		/* the inode on disk if the caller has it */
	unsigned step;		/* 0: behind the inode; 1: its block */
	struct ext4_xattr_table *table;
	struct page **page;
	u8 *data;
	const char *wrong;
	u64 block;
	long err;
};
/* 1: *table (and a reference of *page); 0: there is none; or an error. */
static co_t xattr_step(struct co *co, struct xattr_step *f)
{
	struct ext4 *fs = ext4_of(&f->inode->inode);

	CO_BEGIN;
	*f->page = NULL;
	if (f->step ? !f->inode->xattr_block : !f->inode->xattr_inside)
		CO_RETURN(0);
	if (f->step) {
		f->block = f->inode->xattr_block;
		f->err = ext4_blocks_valid(fs, f->block, 1) ? 0 : -EUCLEAN;
		f->wrong = "lies outside";
		if (!f->err)
			CO_AWAIT(f->err, ext4_block_get, .fs = fs, .block = f->block,
				 .page = f->page, .data = &f->data);
		if (!f->err) {
			f->wrong = ext4_xattr_of_block(ext4_of(&f->inode->inode), f->block, f->data,
						  f->table);
			f->err = f->wrong ? -EUCLEAN : 1;
		}
	} else {
		f->data = (u8 *)f->disk;
		f->err = 0;
		if (!f->data)
			CO_AWAIT(f->err, ext4_inode_locate, .fs = fs,
				 .ino = (u32)f->inode->inode.ino, .page = f->page,
				 .data = &f->data);
		f->wrong = "behind the inode is damaged";
		if (!f->err && ext4_xattr_of_inode(ext4_of(&f->inode->inode), f->data, f->table))
			f->err = ext4_xattr_valid(f->table) ? 1 : -EUCLEAN;
	}
	if (f->err == -EUCLEAN)
		ext4_damaged_inode(&f->inode->inode, "inode %lu: its table of attributes %s",
				   (unsigned long)f->inode->inode.ino, f->wrong);
	if (f->err != 1 && *f->page) {
		phys_page_put(*f->page);
		*f->page = NULL;
	}
	CO_RETURN(f->err);
	CO_END;
}

static const struct ext4_xattr_entry *table_find(const struct ext4_xattr_table *t, const char *name)
{
	const struct ext4_xattr_entry *e = (const void *)t->first;

	for (; !ext4_xattr_is_end(e); e = ext4_xattr_next(e)) {
		const char *prefix = xattr_prefix(e);
		const char *rest = prefix ? xattr_after(name, prefix) : NULL;

		if (rest && strlen(rest) == e->name_len && !memcmp(rest, e->name, e->name_len))
			return e;
	}
	return NULL;
}

const struct ext4_xattr_entry *ext4_xattr_find(const struct ext4_xattr_table *t, u8 index,
					       const char *name)
{
	const struct ext4_xattr_entry *e = (const void *)t->first;
	size_t len = strlen(name);

	for (; !ext4_xattr_is_end(e); e = ext4_xattr_next(e))
		if (e->name_index == index && e->name_len == len && !memcmp(name, e->name, len))
			return e;
	return NULL;
}

/* A value that is another inode's contents. */
struct xattr_foreign {
	struct co_frame co;
	struct ext4 *fs;
	u32 ino, size;
	u8 *to;
	struct inode *inode;
	struct page *page;
	u32 done, n;
	long err;
};
static co_t xattr_foreign(struct co *co, struct xattr_foreign *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, ext4_inode_get, .fs = f->fs, .ino = f->ino, .inode = &f->inode,
		 .is_value = true);
	if (f->err)
		CO_RETURN(f->err);
	if (!(ext4_inode(f->inode)->flags & EXT4_EA_INODE_FL) || !S_ISREG(f->inode->mode) ||
	    inode_size(f->inode) != f->size) {
		ext4_damaged(f->fs, f->ino, 0ul, "inode %u is no attribute's value", f->ino);
		f->err = -EUCLEAN;
	}
	for (f->done = 0; !f->err && f->done < f->size; f->done += f->n) {
		f->n = min(f->size - f->done, (u32)PAGE_SIZE);
		CO_AWAIT(f->err, page_get_filled, .mapping = &f->inode->mapping,
			 .index = f->done >> PAGE_SHIFT, .ahead = VALUE_AHEAD, .page = &f->page);
		if (f->err == -ENODATA) {
			memset(f->to + f->done, 0, f->n);
			f->err = 0;
		} else if (!f->err) {
			memcpy(f->to + f->done, phys_page_data(f->page), f->n);
			phys_page_put(f->page);
		}
		CO_BREATHE;
	}
	inode_put(f->inode);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the operations --- */

/* As inode_getxattr; lists of access too. disk: as xattr_step's. */
struct xattr_value {
	struct co_frame co;
	struct ext4_inode *inode;
	const u8 *disk;
	const char *name;
	void *to;
	size_t size;
	struct ext4_xattr_table table;
	const struct ext4_xattr_entry *e;
	struct page *page;
	unsigned step;
	u32 foreign, value_size;
	long err;
};
static co_t xattr_value(struct co *co, struct xattr_value *f)
{
	CO_BEGIN;
	for (f->step = 0; f->step < 2 && !f->e; f->step++) {
		CO_AWAIT(f->err, xattr_step, .inode = f->inode, .disk = f->disk,
			 .step = f->step, .table = &f->table, .page = &f->page);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (!f->err)
			continue;
		f->e = table_find(&f->table, f->name);
		if (f->e) {
			f->value_size = f->e->value_size;
			f->foreign = f->e->value_inum;
			f->err = f->size && f->value_size > f->size ? -ERANGE : 0;
			if (!f->err && f->size && !f->foreign)
				memcpy(f->to, f->table.base + f->e->value_offs, f->value_size);
		}
		if (f->page)
			phys_page_put(f->page);
	}
	if (!f->e)
		CO_RETURN(-ENODATA);
	if (!f->err && f->size && f->foreign)
		CO_AWAIT(f->err, xattr_foreign, .fs = ext4_of(&f->inode->inode),
			 .ino = f->foreign, .size = f->value_size, .to = f->to);
	CO_RETURN(f->err ? f->err : (long)f->value_size);
	CO_END;
}

/* It is gone, though not yet on the disk (ext4_drop_caps). */
static bool is_dropped(struct inode *inode, const char *name, size_t len)
{
	return atomic_load_relaxed(&ext4_inode(inode)->caps_dropped) &&
	       len == sizeof(XATTR_NAME_CAPS) - 1 && !memcmp(name, XATTR_NAME_CAPS, len);
}

co_t ext4_getxattr(struct co *co, struct ext4_getxattr *f)
{
	CO_BEGIN;
	if (is_dropped(f->inode, f->name, strlen(f->name)))
		CO_RETURN(-ENODATA);
	CO_AWAIT(f->n, xattr_value, .inode = ext4_inode(f->inode), .name = f->name, .to = f->to,
		 .size = f->size);
	CO_RETURN(f->n);
	CO_END;
}

static void table_list(struct inode *inode, const struct ext4_xattr_table *t,
		       struct xattr_names *to)
{
	const struct ext4_xattr_entry *e = (const void *)t->first;
	char name[XATTR_NAME_MAX + 32];
	size_t len;

	for (; !ext4_xattr_is_end(e); e = ext4_xattr_next(e)) {
		const char *prefix = xattr_prefix(e);

		if (!prefix)
			continue;
		len = format(name, sizeof(name), "%s%.*s", prefix, (int)e->name_len, e->name);
		if (!is_dropped(inode, name, len))
			xattr_names_add(to, name, len);
	}
}

co_t ext4_listxattr(struct co *co, struct ext4_listxattr *f)
{
	CO_BEGIN;
	for (f->step = 0; f->step < 2; f->step++) {
		CO_AWAIT(f->err, xattr_step, .inode = ext4_inode(f->inode), .step = f->step,
			 .table = &f->table, .page = &f->page);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (f->err)
			table_list(f->inode, &f->table, f->to);
		if (f->page)
			phys_page_put(f->page);
	}
	CO_RETURN(0);
	CO_END;
}

/* --- what is found when an inode is read --- */

/* A list as it lies on the disk: entries without an id are shorter. NULL if it is none. */
static struct acl *acl_from_disk(const u8 *value, size_t size)
{
	struct acl *a = acl_new((u32)size / 4);	/* at most */
	u32 version, n = 0;
	size_t at = sizeof(version);

	if (!a || size < sizeof(version))
		goto bad;
	memcpy(&version, value, sizeof(version));
	if (version != EXT4_ACL_VERSION)
		goto bad;
	while (at + 4 <= size) {
		struct acl_entry *e = &a->entries[n++];

		memcpy(&e->tag, value + at, 2);
		memcpy(&e->perm, value + at + 2, 2);
		at += 4;
		if (e->tag != ACL_USER && e->tag != ACL_GROUP)
			continue;
		if (at + 4 > size)
			goto bad;
		memcpy(&e->id, value + at, 4);
		at += 4;
	}
	a->count = n;
	if (at == size && acl_valid(a))
		return a;
bad:
	acl_put(a);
	return NULL;
}

co_t ext4_xattr_load(struct co *co, struct ext4_xattr_load *f)
{
	static const char *const names[] = {XATTR_NAME_POSIX_ACL_ACCESS,
					    XATTR_NAME_POSIX_ACL_DEFAULT};
	struct acl *a;

	CO_BEGIN;
	f->value = kmalloc(XATTR_SIZE_MAX);
	if (!f->value)
		CO_RETURN(-ENOMEM);
	for (f->which = 0; f->which < 2; f->which++) {
		CO_AWAIT(f->n, xattr_value, .inode = f->inode, .disk = f->disk,
			 .name = names[f->which], .to = f->value, .size = XATTR_SIZE_MAX);
		if (f->n < 0 && f->n != -ENODATA)
			break;
		if (f->n < 0)
			continue;
		a = acl_from_disk(f->value, (size_t)f->n);
		if (!a) {
			ext4_bad(ext4_of(&f->inode->inode), "inode %lu: %s is none",
				 (unsigned long)f->inode->inode.ino, names[f->which]);
			f->n = -EUCLEAN;
			break;
		}
		acl_set(&f->inode->inode, f->which, a);
	}
	kfree(f->value);
	if (f->n == -ENODATA || f->n >= 0) {
		CO_AWAIT(f->n, xattr_value, .inode = f->inode, .disk = f->disk,
			 .name = XATTR_NAME_CAPS);
		if (f->n >= 0)
			f->inode->inode.flags |= INODE_CAPS;
	}
	CO_RETURN(f->n == -ENODATA ? 0 : min(f->n, 0l));
	CO_END;
}

bool ext4_xattr_inside(const struct ext4 *fs, const u8 *data)
{
	struct ext4_xattr_table t;

	return ext4_xattr_of_inode(fs, data, &t);
}
