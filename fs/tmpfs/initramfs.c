/* fs/tmpfs/initramfs.c */
#include "fs/tmpfs/initramfs.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/entry.h"
#include "vfs/open.h"

#define CPIO_HEADER  110u
#define CPIO_FIELDS  13u
#define CPIO_TRAILER "TRAILER!!!"

enum {
	CPIO_INO, CPIO_MODE, CPIO_UID, CPIO_GID, CPIO_NLINK, CPIO_MTIME, CPIO_SIZE,
	CPIO_DEV_MAJOR, CPIO_DEV_MINOR, CPIO_RDEV_MAJOR, CPIO_RDEV_MINOR, CPIO_NAME_SIZE,
};

/* A file with several names: the first name it had. */
struct initramfs_link {
	struct initramfs_link *next;
	u32 ino, dev;
	const char *name;
};

static bool cpio_hex(const char *s, u32 *value)
{
	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		unsigned c = (u8)s[i], digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20) - 'a' + 10;
		else
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

/* The item at offset `at`; false if the archive is broken there. */
static bool cpio_parse(const char *from, u64 size, u64 at, struct initramfs_item *to)
{
	u32 v[CPIO_FIELDS];
	u64 data;

	if (at > size || size - at < CPIO_HEADER ||
	    (memcmp(from + at, "070701", 6) && memcmp(from + at, "070702", 6)))
		return false;
	for (unsigned i = 0; i < CPIO_FIELDS; i++)
		if (!cpio_hex(from + at + 6 + 8 * i, &v[i]))
			return false;
	/* All of these are 32 bits, so the sums fit in 64. */
	if (!v[CPIO_NAME_SIZE] || v[CPIO_NAME_SIZE] > PATH_MAX ||
	    v[CPIO_NAME_SIZE] > size - at - CPIO_HEADER)
		return false;
	to->name = from + at + CPIO_HEADER;
	if (strnlen(to->name, v[CPIO_NAME_SIZE]) != v[CPIO_NAME_SIZE] - 1)
		return false;
	data = round_up(at + CPIO_HEADER + v[CPIO_NAME_SIZE], 4ul);
	if (v[CPIO_SIZE] && (data > size || v[CPIO_SIZE] > size - data))
		return false;
	to->data = from + min(data, size);
	to->size = v[CPIO_SIZE];
	to->next = round_up(data + v[CPIO_SIZE], 4ul);
	to->ino = v[CPIO_INO];
	to->dev = v[CPIO_DEV_MAJOR] << 20 | v[CPIO_DEV_MINOR];
	to->mode = v[CPIO_MODE];
	to->uid = v[CPIO_UID];
	to->gid = v[CPIO_GID];
	to->nlink = v[CPIO_NLINK];
	to->mtime = v[CPIO_MTIME];
	to->rdev = v[CPIO_RDEV_MAJOR] << 20 | v[CPIO_RDEV_MINOR];
	return true;
}

/* The first name of the item's file, or NULL if this is it (and it is remembered). */
static const char *initramfs_first_name(struct initramfs_unpack *f, bool *no_memory)
{
	struct initramfs_link *l;

	*no_memory = false;
	for (l = f->links; l; l = l->next)
		if (l->ino == f->item.ino && l->dev == f->item.dev)
			return l->name;
	l = kmalloc(sizeof(*l));
	if (!l) {
		*no_memory = true;
		return NULL;
	}
	*l = (struct initramfs_link){f->links, f->item.ino, f->item.dev, f->item.name};
	f->links = l;
	return NULL;
}

/* Owner, mode and time, exactly: the umask took part in making it. */
struct initramfs_attributes {
	struct co_frame co;
	const struct initramfs_item *item;
	struct walk walk;
	struct inode_attr attr;
	long err;
};
static co_t initramfs_attributes(struct co *co, struct initramfs_attributes *f)
{
	CO_BEGIN;
	f->err = walk_start(&f->walk, co, AT_FDCWD, f->item->name, 0);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err) {
		f->attr = (struct inode_attr){
			.valid = ATTR_UID | ATTR_GID | ATTR_MTIME | ATTR_ATIME,
			.uid = f->item->uid, .gid = f->item->gid,
			.mtime = {.sec = f->item->mtime}, .atime = {.sec = f->item->mtime},
		};
		CO_AWAIT(f->err, attr_change, .path = &f->walk.path, .attr = &f->attr);
	}
	/* The mode after the owner: a change of owner takes set-id bits away. */
	if (!f->err && !S_ISLNK(f->item->mode)) {
		f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = f->item->mode & 07777};
		CO_AWAIT(f->err, attr_change, .path = &f->walk.path, .attr = &f->attr);
	}
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}

struct initramfs_file {
	struct co_frame co;
	const struct initramfs_item *item;
	struct file *file;
	struct uio uio;
	long err, ignored;
};
static co_t initramfs_file(struct co *co, struct initramfs_file *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, open_at, .dirfd = AT_FDCWD, .name = f->item->name,
		 .flags = O_WRONLY | O_CREAT | O_NOFOLLOW, .mode = 0600, .file = &f->file);
	if (f->err)
		CO_RETURN(f->err);
	f->uio = uio_kernel_const(f->item->data, f->item->size);
	if (f->item->size)
		CO_AWAIT(f->err, file_write, .file = f->file, .uio = &f->uio, .pos = FILE_POS);
	if (f->err >= 0)
		f->err = f->uio.left ? -ENOSPC : 0;
	CO_AWAIT(f->ignored, file_close, .file = f->file);
	CO_RETURN(f->err);
	CO_END;
}

/* A symbolic link's target, which the archive does not terminate. */
static char *initramfs_target(const struct initramfs_item *i)
{
	char *text;

	if (!i->size || i->size >= PATH_MAX)
		return NULL;
	text = kmalloc(i->size + 1);
	if (!text)
		return NULL;
	memcpy(text, i->data, i->size);
	text[i->size] = 0;
	return text;
}

/* A second name for a file that was made. */
struct initramfs_hard_link {
	struct co_frame co;
	const char *first, *name;
	struct walk walk;
	long err;
};
static co_t initramfs_hard_link(struct co *co, struct initramfs_hard_link *f)
{
	CO_BEGIN;
	f->err = walk_start(&f->walk, co, AT_FDCWD, f->first, 0);
	if (!f->err)
		WALK(f->err, &f->walk);
	if (!f->err)
		CO_AWAIT(f->err, entry_link, .from = &f->walk.path, .dirfd = AT_FDCWD,
			 .name = f->name);
	walk_finish(&f->walk);
	CO_RETURN(f->err);
	CO_END;
}

struct initramfs_item_make {
	struct co_frame co;
	struct initramfs_unpack *all;
	const struct initramfs_item *item;
	char *target;
	const char *first;
	long err;
};
static co_t initramfs_item_make(struct co *co, struct initramfs_item_make *f)
{
	bool no_memory;

	CO_BEGIN;
	f->item = &f->all->item;
	if (!S_ISDIR(f->item->mode)) {
		/* Later entries replace earlier ones. */
		CO_AWAIT(f->err, entry_remove, .dirfd = AT_FDCWD, .name = f->item->name);
		if (f->err && f->err != -ENOENT)
			CO_RETURN(f->err);
	}
	if (S_ISREG(f->item->mode) && f->item->nlink > 1) {
		f->first = initramfs_first_name(f->all, &no_memory);
		if (no_memory)
			CO_RETURN(-ENOMEM);
	}
	f->err = 0;
	if (f->first)
		CO_AWAIT(f->err, initramfs_hard_link, .first = f->first, .name = f->item->name);
	if (f->err)
		CO_RETURN(f->err);
	if (S_ISREG(f->item->mode)) {
		if (!f->first || f->item->size)
			CO_AWAIT(f->err, initramfs_file, .item = f->item);
	} else if (S_ISLNK(f->item->mode)) {
		f->target = initramfs_target(f->item);
		if (!f->target)
			CO_RETURN(-EINVAL);
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = f->item->name,
			 .mode = S_IFLNK | 0777, .target = f->target);
		kfree(f->target);
	} else if (S_ISDIR(f->item->mode) || S_ISCHR(f->item->mode) || S_ISBLK(f->item->mode) ||
		   S_ISFIFO(f->item->mode) || S_ISSOCK(f->item->mode)) {
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = f->item->name,
			 .mode = f->item->mode & (S_IFMT | 07777), .rdev = f->item->rdev);
		if (f->err == -EEXIST && S_ISDIR(f->item->mode))
			f->err = 0;
	} else {
		f->err = -EINVAL;
	}
	if (!f->err)
		CO_AWAIT(f->err, initramfs_attributes, .item = f->item);
	CO_RETURN(f->err);
	CO_END;
}

static void initramfs_forget_links(struct initramfs_unpack *f)
{
	while (f->links) {
		struct initramfs_link *l = f->links;

		f->links = l->next;
		kfree(l);
	}
}

co_t initramfs_unpack(struct co *co, struct initramfs_unpack *f)
{
	CO_BEGIN;
	for (;;) {
		if (!cpio_parse(f->from, f->size, f->at, &f->item)) {
			log_err("initramfs: broken archive at byte %lu of %lu", f->at, f->size);
			f->err = -EINVAL;
			break;
		}
		f->at = f->item.next;
		if (!strcmp(f->item.name, CPIO_TRAILER))
			break;
		CO_AWAIT(f->err, initramfs_item_make, .all = f);
		if (f->err) {
			log_err("initramfs: %s: error %ld", f->item.name, -f->err);
			break;
		}
		CO_BREATHE;
	}
	initramfs_forget_links(f);
	*f->used = min(f->at, f->size);
	CO_RETURN(f->err);
	CO_END;
}
