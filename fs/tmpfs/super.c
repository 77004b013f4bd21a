/* fs/tmpfs/super.c -- mounting, options, and taking a whole tree down. */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "core/base/bits.h"
#include "core/base/random.h"
#include "core/base/string.h"
#include "fs/tmpfs/internal.h"
#include "fs/tmpfs/tmpfs.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"

#define TMPFS_DEFAULT_MODE 01777u

static u64 tmpfs_default_limit(void)
{
	return buddy_total_pages() / 2;
}

/* --- options --- */

/* A number with k, m or g behind it. */
static bool option_size(const char *s, const char **end, u64 *value)
{
	unsigned shift = 0;

	if (!string_to_u64(s, end, 0, value))
		return false;
	switch (**end | 0x20) {
	case 'k':
		shift = 10;
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	}
	if (!shift)
		return true;
	++*end;
	return !mul_overflows(*value, 1ul << shift, value);
}

/* One `name=value`; len is the name's. */
static bool option_apply(struct tmpfs_super *t, const char *name, size_t len, const char *value,
			 const char **end)
{
	u64 n;

	if (len == 4 && !strncmp(name, "size", 4)) {
		if (!option_size(value, end, &n))
			return false;
		if (**end == '%') {
			++*end;
			if (mul_overflows(n, buddy_total_pages(), &n))
				return false;
			t->max_pages = n / 100;
		} else {
			t->max_pages = n / PAGE_SIZE + !!(n % PAGE_SIZE);
		}
		return true;
	}
	if (len == 9 && !strncmp(name, "nr_blocks", 9))
		return option_size(value, end, &t->max_pages);
	if (len == 9 && !strncmp(name, "nr_inodes", 9))
		return option_size(value, end, &t->max_inodes);
	if (len == 4 && !strncmp(name, "mode", 4)) {
		if (!string_to_u64(value, end, 8, &n) || n > 07777)
			return false;
		t->mode = (u32)n;
		return true;
	}
	if (len == 3 && (!strncmp(name, "uid", 3) || !strncmp(name, "gid", 3))) {
		if (!string_to_u64(value, end, 10, &n) || n >= UINT32_MAX)
			return false;
		n = name[0] == 'u' ? cred_kernel_uid((u32)n) : cred_kernel_gid((u32)n);
		*(name[0] == 'u' ? &t->uid : &t->gid) = (u32)n;
		return n != USER_NONE;
	}
	return false;
}

/* Words without a value that change nothing here. */
static bool option_is_known_word(const char *word, size_t len)
{
	static const char *const words[] = {"inode64", "inode32", "noswap"};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (len == strlen(words[i]) && !strncmp(word, words[i], len))
			return true;
	return false;
}

static bool option_parse(struct tmpfs_super *t, const char *s)
{
	while (*s) {
		const char *end = s;
		size_t len;

		while (*end && *end != ',' && *end != '=')
			end++;
		len = (size_t)(end - s);
		if (*end == '=') {
			if (!option_apply(t, s, len, end + 1, &end))
				return false;
		} else if (len && !option_is_known_word(s, len)) {
			return false;
		}
		if (*end == ',')
			end++;
		else if (*end)
			return false;
		s = end;
	}
	return true;
}

/* Limits may change, though not below what is in use; the root's owner and mode stay. */
static int tmpfs_take_options(struct super *s, const char *options)
{
	struct tmpfs_super *t = s->private;
	struct tmpfs_super new = {.max_pages = atomic_load_relaxed(&t->max_pages),
				  .max_inodes = atomic_load_relaxed(&t->max_inodes)};

	if (!option_parse(&new, options))
		return -EINVAL;
	if ((new.max_pages && new.max_pages < atomic_load_relaxed(&t->pages)) ||
	    (new.max_inodes && new.max_inodes < atomic_load_relaxed(&t->inodes)))
		return -EINVAL;
	atomic_store_relaxed(&t->max_pages, new.max_pages);
	atomic_store_relaxed(&t->max_inodes, new.max_inodes);
	return 0;
}

struct tmpfs_remount {
	struct super_remount;
};
static co_t tmpfs_remount(struct co *co, struct tmpfs_remount *f)
{
	CO_BEGIN;
	CO_RETURN(tmpfs_take_options(f->super, f->options));
	CO_END;
}

static void tmpfs_show_options(struct super *s, char *to, size_t size)
{
	const struct tmpfs_super *t = s->private;
	size_t at = 0;

	*to = 0;
	if (t->max_pages != tmpfs_default_limit())
		at += format(to + at, size - at, ",size=%luk", t->max_pages * (PAGE_SIZE / 1024));
	if (t->max_inodes != tmpfs_default_limit())
		at += format(to + at, size - at, ",nr_inodes=%lu", t->max_inodes);
	if (t->mode != TMPFS_DEFAULT_MODE)
		at += format(to + at, size - at, ",mode=%03o", t->mode);
	if (t->uid)
		at += format(to + at, size - at, ",uid=%u", t->uid);
	if (t->gid)
		at += format(to + at, size - at, ",gid=%u", t->gid);
	format(to + at, size - at, ",inode64");
}

static void tmpfs_statfs(struct super *s, struct statfs_info *to)
{
	const struct tmpfs_super *t = s->private;
	u64 pages = atomic_load_relaxed(&t->pages), inodes = atomic_load_relaxed(&t->inodes);

	*to = (struct statfs_info){
		.type = TMPFS_MAGIC, .block_size = PAGE_SIZE, .blocks = t->max_pages,
		.files = t->max_inodes, .fsid = s->dev, .name_max = 255,
	};
	to->blocks_free = to->blocks_available = t->max_pages - min(pages, t->max_pages);
	to->files_free = t->max_inodes - min(inodes, t->max_inodes);
}

/* --- life --- */

static void tmpfs_shutdown(struct super *s)
{
	kfree(s->private);
}

/* Everything goes: directories queue up on a list, so the depth of the tree does not matter. */
struct tmpfs_unmounted {
	struct super_let_go;
	struct list work;
	struct inode *dir, *child;
	long ignored;
};
static co_t tmpfs_unmounted(struct co *co, struct tmpfs_unmounted *f)
{
	CO_BEGIN;
	list_init(&f->work);
	inode_get(f->super->root);
	list_add_back(&f->work, &tmpfs_of(f->super->root)->work);
	while (!list_empty(&f->work)) {
		f->dir = &list_first(&f->work, struct tmpfs_inode, work)->inode;
		list_remove(&tmpfs_of(f->dir)->work);
		CO_WRITE_LOCK(&f->dir->lock);
		while (tmpfs_first(f->dir)) {
			f->child = tmpfs_leave(f->dir, tmpfs_first(f->dir));
			if (S_ISDIR(f->child->mode))
				list_add_back(&f->work, &tmpfs_of(f->child)->work);
			else
				CO_AWAIT(f->ignored, inode_put_wait, .inode = f->child);
			CO_BREATHE;
		}
		rwlock_unlock_write(&f->dir->lock);
		inode_put(f->dir);
	}
	CO_RETURN(0);
	CO_END;
}

static const struct super_ops tmpfs_super_ops = {
	.free_inode = tmpfs_inode_free,
	.statfs = tmpfs_statfs,
	.unmounted = CO_IMPLEMENTS(super_let_go, tmpfs_unmounted),
	.shutdown = tmpfs_shutdown,
	.remount = CO_IMPLEMENTS(super_remount, tmpfs_remount),
	.show_options = tmpfs_show_options,
	.by_number = CO_IMPLEMENTS(super_by_number, tmpfs_by_number),
	.generation = tmpfs_generation,
};

static long tmpfs_make(const struct fs_mount *f)
{
	struct tmpfs_super *t = kzalloc(sizeof(*t));
	struct super *s;
	int err = -ENOMEM;

	if (!t)
		return -ENOMEM;
	t->max_pages = t->max_inodes = tmpfs_default_limit();
	t->mode = TMPFS_DEFAULT_MODE;
	t->next_ino = 1;
	t->uid = task_current()->cred ? task_current()->cred->fsuid : 0;
	t->gid = task_current()->cred ? task_current()->cred->fsgid : 0;
	t->secret = random_u64();
	if (!option_parse(t, f->options)) {
		kfree(t);
		return -EINVAL;
	}
	s = super_new(f->type, &tmpfs_super_ops);
	if (!s)
		goto out;
	s->private = t;
	s->acls = true;
	s->fileattr = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL;
	err = tmpfs_inode_new(s, S_IFDIR | t->mode, t->uid, t->gid, &s->root);
	if (err) {
		super_abandon(s);
		goto out;
	}
	*f->made = s;
	return 0;
out:
	kfree(t);
	return err;
}

struct tmpfs_mount {
	struct fs_mount;
};
static co_t tmpfs_mount(struct co *co, struct tmpfs_mount *f)
{
	CO_BEGIN;
	CO_RETURN(tmpfs_make((const struct fs_mount *)f));
	CO_END;
}

static int tmpfs_understands(const char *option)
{
	static const char *const names[] = {"size", "nr_blocks", "nr_inodes", "mode", "uid", "gid"};
	struct tmpfs_super ignored;
	size_t len = 0;

	if (option_parse(&ignored, option))
		return 0;
	while (option[len] && option[len] != '=')
		len++;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (len == strlen(names[i]) && !strncmp(option, names[i], len))
			return -EINVAL;
	return option_is_known_word(option, len) ? -EINVAL : -ENOENT;
}

static struct fs_type tmpfs_type = {
	.name = "tmpfs",
	.for_users = true,
	.understands = tmpfs_understands,
	.mount = CO_IMPLEMENTS(fs_mount, tmpfs_mount),
};

void tmpfs_register(void)
{
	tmpfs_inode_setup();
	fs_register(&tmpfs_type);
}
