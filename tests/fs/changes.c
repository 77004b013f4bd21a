/* tests/fs/changes.c */
#include "changes.h"

#include <stdio.h>

#include <linux/falloc.h>

#include "hal/host/host.h"
#include "mem/phys/slab.h"
#include "vfs/allocate.h"
#include "vfs/entry.h"
#include "vfs/open.h"
#include "vfs/super.h"
#include "vfs/xattr.h"

#undef memcpy
#undef memset
#undef strlen
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* <fcntl.h> and <sys/xattr.h> do not go together with the kernel's headers. */
int open(const char *path, int flags, ...);
int renameat2(int old_dir, const char *old, int new_dir, const char *new, unsigned flags);
int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags);
int lremovexattr(const char *path, const char *name);

static const char *const kind_names[] = {
	"mkdir", "creat", "unlink", "rmdir", "rename", "exchange", "write", "truncate", "chmod",
	"symlink", "link", "setxattr", "removexattr", "sync",
	"collapse", "insert"};

static const char *const dirs[] = {"", "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/empty", "/new",
				   "/a/new", "/new/new", "/empty/new", "/many"};
static const char *const leaves[] = {"short", "page", "large", "odd", "new", "x", "y", "link",
				     "hard", "none", "b", "c", "d", "empty", "tail", "fifo",
				     "entry 3 abc", "entry 7 abcdefg"};

static char text[9000];

static void fill_text(void)
{
	for (size_t i = 0; !text[1] && i < sizeof(text); i++)
		text[i] = (char)(i * 7 % 251);
}

static void choose_path(char to[256])
{
	const char *dir = dirs[host_random(ARRAY_SIZE(dirs))];

	if (!host_random(5))
		snprintf(to, 256, "/many/entry of a longer name %lu", (unsigned long)host_random(2000));
	else if (host_random(4))
		snprintf(to, 256, "%s/%s", dir, leaves[host_random(ARRAY_SIZE(leaves))]);
	else
		snprintf(to, 256, "%s", *dir ? dir : "/new");
}

void change_choose(struct change *c, u32 kinds)
{
	do
		c->kind = (enum change_kind)host_random(CHANGE_KINDS);
	while (!(kinds & 1u << c->kind));
	c->n = host_random(20000);
	if (!host_random(8))
		c->n *= 1 + host_random(200);
	choose_path(c->a);
	choose_path(c->b);
}

const char *change_name(const struct change *c)
{
	return kind_names[c->kind];
}

/* One of a few names for an attribute. */
static const char *attribute(u64 n)
{
	static const char *const names[] = {"user.a", "user.longer_name", "user.b"};

	return names[n % ARRAY_SIZE(names)];
}

/* A range of whole pages. */
static void range_of(const struct change *c, u64 *at, u64 *len)
{
	*at = c->n % 16384 / 4096 * 4096;
	*len = (1 + c->n % 3) * 4096;
}

/* By hand: not every file system of a build host can. */
static long range_on_host(const struct change *c, const char *path)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
	bool in = c->kind == RANGE_IN;
	u64 at, len, size;
	struct stat st;
	char *bytes;
	long n = -1;

	if (fd < 0)
		return -1;
	range_of(c, &at, &len);
	n = fstat(fd, &st);
	size = (u64)st.st_size;
	if (!n && S_ISFIFO(st.st_mode)) {
		n = -1;
		errno = ESPIPE;
	} else if (!n && (in ? at : at + len) >= size) {
		n = -1;
		errno = EINVAL;
	}
	if (!n) {
		bytes = calloc(1, size + len);
		n = pread(fd, bytes, size, 0) == (ssize_t)size ? 0 : -1;
		memmove(bytes + at + (in ? len : 0), bytes + at + (in ? 0 : len),
			size - at - (in ? 0 : len));
		if (in)
			memset(bytes + at, 0, len);
		size = in ? size + len : size - len;
		if (!n && (pwrite(fd, bytes, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size)))
			n = -1;
		free(bytes);
	}
	close(fd);
	return n;
}

long change_on_host(const struct change *c, const char *folder)
{
	char a[600], b[600];
	int fd;
	long n = 0;

	snprintf(a, sizeof(a), "%s%s", folder, c->a);
	snprintf(b, sizeof(b), "%s%s", folder, c->b);
	fill_text();
	switch (c->kind) {
	case MAKE_DIR:
		n = mkdir(a, 0751);
		break;
	case MAKE_FILE:
		fd = open(a, O_CREAT | O_EXCL | O_WRONLY | O_NONBLOCK, 0640);
		n = fd < 0 ? -1 : close(fd);
		break;
	case REMOVE:
		n = unlink(a);
		break;
	case REMOVE_DIR:
		n = rmdir(a);
		break;
	case RENAME:
		n = renameat2(AT_FDCWD, a, AT_FDCWD, b, 0);
		break;
	case EXCHANGE:
		n = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
		break;
	case WRITE:
		fd = open(a, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
		n = fd < 0 ? -1 : 0;
		if (!n && pwrite(fd, text, c->n % sizeof(text), (off_t)c->n) < 0)
			n = -1;
		if (fd >= 0)
			close(fd);
		break;
	case TRUNCATE:
		fd = open(a, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_TRUNC);
		n = fd < 0 ? -1 : ftruncate(fd, (off_t)c->n);
		if (fd >= 0)
			close(fd);
		break;
	case CHMOD:
		n = fchmodat(AT_FDCWD, a, c->n & 0777, 0);
		break;
	case SYMLINK:
		n = symlink("nowhere", a);
		break;
	case LINK:
		n = linkat(AT_FDCWD, a, AT_FDCWD, b, 0);
		break;
	case SET_XATTR:
		n = lsetxattr(a, attribute(c->n), text, c->n % 250, 0);
		break;
	case RANGE_OUT:
	case RANGE_IN:
		n = range_on_host(c, a);
		break;
	case REMOVE_XATTR:
		n = lremovexattr(a, attribute(c->n));
		break;
	default:
		break;
	}
	return n ? -errno : 0;
}

#define WALKED (1u << CHMOD | 1u << LINK | 1u << SET_XATTR | 1u << REMOVE_XATTR)

static char ours_a[300], ours_b[300];

co_t change_make(struct co *co, struct change_make *f)
{
	CO_BEGIN;
	fill_text();
	snprintf(ours_a, sizeof(ours_a), "%s%s", f->at, f->change->a);
	snprintf(ours_b, sizeof(ours_b), "%s%s", f->at, f->change->b);
	if (f->change->kind == MAKE_DIR)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = ours_a,
			 .mode = S_IFDIR | 0751);
	if (f->change->kind == MAKE_FILE)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = ours_a,
			 .mode = S_IFREG | 0640);
	if (f->change->kind == SYMLINK)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = ours_a, .mode = S_IFLNK,
			 .target = "nowhere");
	if (f->change->kind == REMOVE || f->change->kind == REMOVE_DIR)
		CO_AWAIT(f->err, entry_remove, .dirfd = AT_FDCWD, .name = ours_a,
			 .directory = f->change->kind == REMOVE_DIR);
	if (f->change->kind == RENAME || f->change->kind == EXCHANGE)
		CO_AWAIT(f->err, entry_rename, .old_dirfd = AT_FDCWD, .new_dirfd = AT_FDCWD,
			 .old_name = ours_a, .new_name = ours_b,
			 .flags = f->change->kind == EXCHANGE ? RENAME_EXCHANGE : 0);
	if (f->change->kind == WRITE || f->change->kind == TRUNCATE) {
		CO_AWAIT(f->err, open_at, .dirfd = AT_FDCWD, .name = ours_a,
			 .flags = 01 | 04000 | 0100000 /* O_WRONLY|O_NONBLOCK|O_NOFOLLOW, arm64 */ |
				  (f->change->kind == TRUNCATE ? O_TRUNC : 0),
			 .file = &f->file);
		if (!f->err && f->change->kind == WRITE) {
			f->uio = uio_kernel_const(text, f->change->n % sizeof(text));
			CO_AWAIT(f->err, file_write, .file = f->file, .uio = &f->uio,
				 .pos = (i64)f->change->n);
			f->err = f->err < 0 ? f->err : 0;
			if (!f->err && f->sync)
				CO_AWAIT(f->err, file_sync, .file = f->file);
		} else if (!f->err) {
			f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = f->change->n};
			CO_AWAIT(f->err, attr_change, .path = &f->file->path,
				 .cred = f->file->cred, .attr = &f->attr, .opened = true);
		}
		file_put(f->file);
	}
	if (f->change->kind == RANGE_OUT || f->change->kind == RANGE_IN) {
		CO_AWAIT(f->err, open_at, .dirfd = AT_FDCWD, .name = ours_a,
			 .flags = 02 | 04000 | 0100000, .file = &f->file);
		range_of(f->change, &f->at_byte, &f->len);
		if (!f->err)
			CO_AWAIT(f->err, file_allocate, .file = f->file, .offset = (i64)f->at_byte,
				 .len = (i64)f->len, .mode = f->change->kind == RANGE_IN
				 ? FALLOC_FL_INSERT_RANGE : FALLOC_FL_COLLAPSE_RANGE);
		file_put(f->file);
	}
	if (f->change->kind == SYNC)
		CO_AWAIT(f->err, super_sync_all);
	if (1u << f->change->kind & WALKED) {
		f->walk = kzalloc(sizeof(*f->walk));
		f->err = walk_start(f->walk, co, AT_FDCWD, ours_a,
				    f->change->kind == CHMOD ? WALK_FOLLOW : 0);
		if (!f->err)
			WALK(f->err, f->walk);
		f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = f->change->n & 0777};
		if (!f->err && f->change->kind == CHMOD)
			CO_AWAIT(f->err, attr_change, .path = &f->walk->path,
				 .cred = cred_current(co), .attr = &f->attr);
		else if (!f->err && f->change->kind == LINK)
			CO_AWAIT(f->err, entry_link, .from = &f->walk->path, .dirfd = AT_FDCWD,
				 .name = ours_b);
		else if (!f->err)
			CO_AWAIT(f->err, xattr_set, .path = &f->walk->path,
				 .cred = cred_current(co), .name = attribute(f->change->n),
				 .value = f->change->kind == SET_XATTR ? text : NULL,
				 .size = f->change->n % 250);
		walk_finish(f->walk);
		kfree(f->walk);
	}
	CO_RETURN(f->err);
	CO_END;
}

