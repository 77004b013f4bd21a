/* tests/fs/tree.c */
#include "tree.h"

#include <errno.h>
#include <ftw.h>
#include <linux/stat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/dev/blk.h"
#include "core/dev/virtio.h"
#include "hal/host/host.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "fs/tmpfs/tmpfs.h"
#include "vfs/entry.h"
#include "vfs/fs_context.h"
#include "vfs/mount.h"
#include "vfs/reaper.h"
#include "vfs/writeback.h"
#include "vfs/xattr.h"

#undef memcpy
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strchr
#include <string.h>

/* <fcntl.h> does not go together with the kernel's <linux/fcntl.h>, nor <sys/xattr.h>. */
int open(const char *path, int flags, ...);
ssize_t llistxattr(const char *path, char *to, size_t size);
ssize_t lgetxattr(const char *path, const char *name, void *to, size_t size);

#define MAX_DEPTH 24
#define MAX_FILES 400000

struct tree *tree_new(void)
{
	void *p = mmap(NULL, sizeof(struct tree), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void tree_clear(struct tree *t)
{
	t->len = 0;
	t->files = t->errors = 0;
	t->full = false;
}

__attribute__((format(printf, 2, 3))) static void add(struct tree *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->text + t->len, sizeof(t->text) - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(t->text) - t->len)
		t->full = true;
	else
		t->len += (size_t)n;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void tree_sort(struct tree *t)
{
	size_t n = 0, i = 0, at = 0;
	char **lines, *copy = malloc(t->len + 1);

	memcpy(copy, t->text, t->len);
	copy[t->len] = 0;
	for (size_t k = 0; k < t->len; k++)
		n += copy[k] == '\n';
	lines = calloc(n + 1, sizeof(*lines));
	for (char *line = copy, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		lines[i++] = line;
	}
	qsort(lines, n, sizeof(*lines), by_text);
	for (i = 0; i < n; i++)
		at += (size_t)sprintf(t->text + at, "%s\n", lines[i]);
	free(lines);
	free(copy);
}

const char *tree_difference(const struct tree *a, const struct tree *b)
{
	static char message[2048];
	size_t at = 0, line = 0;

	if (a->len == b->len && !memcmp(a->text, b->text, a->len))
		return NULL;
	for (; at < a->len && at < b->len && a->text[at] == b->text[at]; at++)
		if (a->text[at] == '\n')
			line = at + 1;
	snprintf(message, sizeof(message), "%.900s\nis not\n%.900s", a->text + line,
		 b->text + line);
	for (char *p = message; (p = strchr(p, '\n')); p++)
		if (strncmp(p, "\nis not\n", 8))
			*p = p[1] == 'i' ? '\n' : ' ';
	return message;
}

static u32 crc_add(u32 crc, const u8 *p, size_t n)
{
	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return crc;
}

/* A page of zeros is quick: sparse files are large. */
static u32 crc_page(u32 crc, const u8 *p, size_t n)
{
	static u32 table[256];

	if (!table[1])
		for (u32 b = 0; b < 256; b++) {
			u8 byte = (u8)b;

			table[b] = crc_add(0, &byte, 1);
		}
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}

/* --- the build host's view --- */

static struct tree *host_tree;
static size_t host_prefix;

static void host_xattrs(const char *path, const char *name)
{
	static char names[65536], value[65536];
	ssize_t n = llistxattr(path, names, sizeof(names)), size;

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		size = lgetxattr(path, names + at, value, sizeof(value));
		if (size >= 0)
			add(host_tree, "%s@%s %ld %08x\n", name, names + at, (long)size,
			    crc_page(0, (u8 *)value, (size_t)size));
	}
}

static int host_file(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	const char *name = path + host_prefix;
	static char buffer[1 << 20];
	u32 crc = 0;
	ssize_t n;
	int fd;

	if (!*name || !strcmp(name, "/lost+found"))
		return 0;
	host_tree->files++;
	host_xattrs(path, name);
	if (S_ISDIR(st->st_mode)) {
		add(host_tree, "%s %o %u %u\n", name, st->st_mode, st->st_uid, st->st_gid);
		return 0;
	}
	if (host_tree->brief)
		add(host_tree, "%s %o %u %u %lu ", name, st->st_mode, st->st_uid, st->st_gid,
		    (unsigned long)st->st_size);
	else
		add(host_tree, "%s %o %u %u %lu %lu %ld ", name, st->st_mode, st->st_uid,
		    st->st_gid, (unsigned long)st->st_nlink, (unsigned long)st->st_size,
		    (long)st->st_mtime);
	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, buffer, sizeof(buffer) - 1);
		buffer[n < 0 ? 0 : n] = 0;
		add(host_tree, "%s\n", buffer);
	} else if (S_ISREG(st->st_mode)) {
		fd = open(path, O_RDONLY);
		while ((n = read(fd, buffer, sizeof(buffer))) > 0)
			crc = crc_page(crc, (u8 *)buffer, (size_t)n);
		close(fd);
		add(host_tree, "%08x\n", crc);
	} else {
		add(host_tree, "%x\n", (u32)((st->st_rdev >> 8 & 0xfff) << 20 |
					     (st->st_rdev & 0xff)));
	}
	return 0;
}

void tree_of_host(struct tree *t, const char *folder)
{
	tree_clear(t);
	host_tree = t;
	host_prefix = strlen(folder);
	nftw(folder, host_file, 32, FTW_PHYS);
	tree_sort(t);
}

/* --- the kernel's --- */

void tree_boot(void)
{
	space_init();
	reaper_setup();
	writeback_setup();
	super_setup();
	inode_setup();
	page_setup();
	dentry_init();
	mount_init();
	host_expect(reaper_start() == 0);
	virtio_init();
}

struct tree_name {
	struct tree_name *next;
	u64 ino;
	size_t len;
	char name[];
};

/* A directory to be listed. */
struct tree_work {
	struct tree_work *next;
	struct inode *dir;
	char *path;
	unsigned depth;
	struct tree_name *names, **end;
	struct dir_emit emit;
	u64 pos, last_pos;
	unsigned dots, taken;
};

/* Takes 50 at a time, so that positions are tried as well. */
static bool take_name(struct dir_emit *to, const char *name, size_t len, u64 ino, u8 type,
		      u64 next_pos)
{
	struct tree_work *w = container_of(to, struct tree_work, emit);
	struct tree_name *n;

	if (w->taken == 50)
		return false;
	w->taken++;
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.')) {
		w->dots++;
		return true;
	}
	n = malloc(sizeof(*n) + len + 1);
	*n = (struct tree_name){.ino = ino, .len = len};
	memcpy(n->name, name, len);
	n->name[len] = 0;
	*w->end = n;
	w->end = &n->next;
	return true;
}

static struct tree_work *work_new(struct inode *dir, const char *path, unsigned depth)
{
	struct tree_work *w = calloc(1, sizeof(*w));

	inode_get(dir);
	*w = (struct tree_work){.dir = dir, .path = strdup(path), .depth = depth};
	w->end = &w->names;
	w->emit.emit = take_name;
	return w;
}

static void work_free(struct tree_work *w)
{
	struct tree_name *n;

	while ((n = w->names)) {
		w->names = n->next;
		free(n);
	}
	inode_put(w->dir);
	free(w->path);
	free(w);
}

static void add_error(struct tree_of_inode *f, const char *what)
{
	f->tree->errors++;
	add(f->tree, "%s %s %ld\n", f->path, what, f->err);
}

static void add_start(struct tree_of_inode *f)
{
	struct inode *i = f->inode;

	if (i->ops->refresh)
		i->ops->refresh(i);
	f->tree->files++;
	add(f->tree, "%s %o %u %u", f->path, i->mode, i->uid, i->gid);
	if (S_ISDIR(i->mode))
		add(f->tree, "\n");
	else if (f->tree->brief)
		add(f->tree, " %lu ", i->size);
	else
		add(f->tree, " %u %lu %ld ", i->nlink, i->size, i->mtime.sec);
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		add(f->tree, "%x\n", i->rdev);
	else if (!S_ISDIR(i->mode) && !S_ISREG(i->mode) && !S_ISLNK(i->mode))
		add(f->tree, "0\n");
}

/* The page that an inode's data really is in. */
static struct mapping *data_of(struct inode *i)
{
	if (i->ops->data)
		return &i->ops->data(i)->mapping;
	return &i->mapping;
}

/* The lines of its extended attributes. */
struct tree_xattrs {
	struct co_frame co;
	struct inode *inode;
	struct tree *tree;
	const char *path;
	long n, size, at;
	char *names, *value;
};
static co_t tree_xattrs(struct co *co, struct tree_xattrs *f)
{
	static struct cred *root;

	CO_BEGIN;
	if (!root)
		root = cred_first();
	f->names = malloc(XATTR_LIST_MAX);
	f->value = malloc(XATTR_SIZE_MAX);
	CO_AWAIT(f->n, xattr_list, .inode = f->inode,
		 .names = {.to = f->names, .size = XATTR_LIST_MAX, .trusted = true});
	if (f->n < 0)
		add(f->tree, "%s: listxattr: %ld\n", f->path, f->n);
	for (f->at = 0; f->at < f->n; f->at += (long)strlen(f->names + f->at) + 1) {
		CO_AWAIT(f->size, xattr_get, .inode = f->inode, .cred = root,
			 .name = f->names + f->at, .to = f->value, .size = XATTR_SIZE_MAX);
		if (f->size < 0)
			add(f->tree, "%s@%s: %ld\n", f->path, f->names + f->at, f->size);
		else
			add(f->tree, "%s@%s %ld %08x\n", f->path, f->names + f->at, f->size,
			    crc_page(0, (u8 *)f->value, (size_t)f->size));
	}
	free(f->names);
	free(f->value);
	CO_RETURN(0);
	CO_END;
}

static char link_text[4097];
static const u8 zeros[PAGE_SIZE];

co_t tree_of_inode(struct co *co, struct tree_of_inode *f)
{
	CO_BEGIN;
	f->todo = work_new(f->root, "", 0);
	while ((f->work = f->todo)) {
		f->todo = f->work->next;
		f->err = 0;
		f->path = strdup(f->work->path);
		/* Its names. */
		do {
			f->work->taken = 0;
			f->work->last_pos = f->work->pos;
			CO_READ_LOCK(&f->work->dir->lock);
			CO_AWAIT_OP(f->err, f->work->dir->ops->readdir, .dir = f->work->dir,
				    .pos = &f->work->pos, .to = &f->work->emit);
			rwlock_unlock_read(&f->work->dir->lock);
			if (f->work->taken && f->work->pos == f->work->last_pos)
				host_fail("readdir of %s does not move on", f->work->path);
		} while (!f->err && f->work->taken && f->tree->files < MAX_FILES);
		if (f->err)
			add_error(f, "readdir");
		else if (f->work->dots != 2)
			add(f->tree, "%s lacks dots\n", f->path);
		free(f->path);
		/* What they stand for. */
		for (f->name = f->work->names; f->name; f->name = f->name->next) {
			host_expect(asprintf(&f->path, "%s/%s", f->work->path, f->name->name) > 0);
			if (!strcmp(f->path, "/lost+found") || f->tree->files > MAX_FILES)
				goto next;
			CO_READ_LOCK(&f->work->dir->lock);
			CO_AWAIT_OP(f->err, f->work->dir->ops->lookup, .dir = f->work->dir,
				    .name = f->name->name, .len = f->name->len,
				    .found = &f->inode);
			rwlock_unlock_read(&f->work->dir->lock);
			if (!f->err && !f->inode)
				f->err = -ENOENT;
			if (f->err) {
				add_error(f, "lookup");
				goto next;
			}
			if (f->inode->ino != f->name->ino)
				add(f->tree, "%s is %lu and %lu\n", f->path, f->name->ino,
				    f->inode->ino);
			CO_AWAIT(f->err, tree_xattrs, .inode = f->inode, .tree = f->tree,
				 .path = f->path);
			add_start(f);
			if (S_ISDIR(f->inode->mode) && f->work->depth < MAX_DEPTH) {
				struct tree_work *w = work_new(f->inode, f->path,
							       f->work->depth + 1);

				w->next = f->todo;
				f->todo = w;
			}
			if (S_ISLNK(f->inode->mode) && f->inode->ops->link_target &&
			    f->inode->ops->link_target(f->inode))
				add(f->tree, "%s\n", f->inode->ops->link_target(f->inode));
			else if (S_ISLNK(f->inode->mode)) {
				CO_AWAIT_OP(f->err, f->inode->ops->readlink, .inode = f->inode,
					    .to = link_text, .size = sizeof(link_text));
				if (f->err < 0)
					add_error(f, "readlink");
				else
					add(f->tree, "%s\n", link_text);
			}
			if (!S_ISREG(f->inode->mode))
				goto put;
			f->crc = 0;
			f->err = 0;
			/* A broken size is not a reason to read for ever. */
			for (f->index = 0; f->index << PAGE_SHIFT < f->inode->size &&
			     f->index < 1u << 20; f->index++) {
				CO_AWAIT(f->err, page_get_filled, .mapping = data_of(f->inode),
					 .index = f->index, .ahead = 1 + f->index % 17,
					 .page = &f->page);
				if (f->err == -ENODATA) {
					f->crc = crc_page(f->crc, zeros,
							  min(PAGE_SIZE, f->inode->size -
								      (f->index << PAGE_SHIFT)));
					f->err = 0;
					continue;
				}
				if (f->err)
					break;
				f->crc = crc_page(f->crc, phys_page_data(f->page),
						  min(PAGE_SIZE, f->inode->size -
							      (f->index << PAGE_SHIFT)));
				phys_page_put(f->page);
			}
			if (f->err)
				add_error(f, "read");
			else
				add(f->tree, "%08x\n", f->crc);
put:
			inode_put(f->inode);
next:
			free(f->path);
		}
		work_free(f->work);
	}
	CO_RETURN(0);
	CO_END;
}

co_t tree_of_mount(struct co *co, struct tree_of_mount *f)
{
	CO_BEGIN;
	f->fs = fs_find(f->type);
	host_expect(f->fs);
	CO_AWAIT_OP(f->err, f->fs->mount, .type = f->fs, .source = "disk", .dev = f->dev,
		    .options = f->options ? f->options : "", .read_only = true,
		    .made = &f->super);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, tree_of_inode, .root = f->super->root, .tree = f->tree);
	if (f->made)
		*f->made = f->super;
	CO_RETURN(f->err);
	CO_END;
}

co_t tree_root(struct co *co, struct tree_root *f)
{
	struct path root;

	CO_BEGIN;
	tmpfs_register();
	co_task(co)->cred = cred_first();
	f->fs = fs_find("tmpfs");
	CO_AWAIT_OP(f->err, f->fs->mount, .type = f->fs, .source = "root", .options = "",
		    .made = &f->super);
	host_expect(!f->err);
	host_expect(!mount_set_root(f->super, "root"));
	mount_root(&root);
	co_task(co)->fs = fs_context_new(&root);
	path_put(&root);
	host_expect(co_task(co)->fs);
	co_task(co)->fs->umask = 0;
	for (; *f->dirs; f->dirs++) {
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = *f->dirs,
			 .mode = S_IFDIR | 0755);
		host_expect(!f->err);
	}
	CO_RETURN(0);
	CO_END;
}

co_t tree_mount(struct co *co, struct tree_mount *f)
{
	CO_BEGIN;
	f->walk = kzalloc(sizeof(*f->walk));
	host_expect(f->walk);
	f->err = walk_start(f->walk, co, AT_FDCWD, f->at, WALK_FOLLOW | WALK_DIRECTORY);
	if (!f->err)
		WALK(f->err, f->walk);
	if (!f->err)
		CO_AWAIT(f->err, mount_fs, .at = &f->walk->path, .type = fs_find(f->type),
			 .dev = f->dev, .source = f->type, .options = f->options,
			 .flags = f->flags);
	walk_finish(f->walk);
	if (!f->err && f->root) {
		f->err = walk_start(f->walk, co, AT_FDCWD, f->at, WALK_FOLLOW);
		if (!f->err)
			WALK(f->err, f->walk);
		if (!f->err)
			*f->root = f->walk->path.dentry->inode;
		walk_finish(f->walk);
	}
	kfree(f->walk);
	CO_RETURN(f->err);
	CO_END;
}

co_t tree_umount(struct co *co, struct tree_umount *f)
{
	long ignored;

	CO_BEGIN;
	f->walk = kzalloc(sizeof(*f->walk));
	host_expect(f->walk);
	f->err = walk_start(f->walk, co, AT_FDCWD, f->at, WALK_FOLLOW);
	if (!f->err)
		WALK(f->err, f->walk);
	if (!f->err)
		walk_take(f->walk, &f->path);
	walk_finish(f->walk);
	kfree(f->walk);
	if (f->err)
		CO_RETURN(f->err);
	f->err = mount_umount(&f->path, f->flags);
	path_put(&f->path);
	CO_AWAIT(ignored, reaper_wait);
	(void)ignored;
	CO_RETURN(f->err);
	CO_END;
}

unsigned tree_supers(const char *type)
{
	unsigned n = 0, i = 0;
	struct super *s;

	while ((s = super_nth(i++))) {
		n += !strcmp(s->type->name, type);
		super_put(s);
	}
	return n;
}
