/* tests/unit/test_vfs.c -- names, walks, files, mounts and pipes on a tmpfs. */
#include "vfs_machine.h"

/* --- the walk's errors --- */

struct walk_case {
	const char *name;
	unsigned flags;
	int want;
};

#define N250 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct walk_case walk_cases[] = {
	{"/", WALK_FOLLOW, 0},
	{"//", WALK_FOLLOW, 0},
	{"/.", WALK_FOLLOW, 0},
	{"/..", WALK_FOLLOW, 0},
	{"/../../d", WALK_FOLLOW, 0},
	{"", WALK_FOLLOW, -ENOENT},
	{"", WALK_EMPTY, 0},
	{"d", WALK_FOLLOW, 0},
	{"d/", WALK_FOLLOW, 0},
	{"d///", WALK_FOLLOW, 0},
	{"./d/./.", WALK_FOLLOW, 0},
	{"d/..//d", WALK_FOLLOW, 0},
	{"d/f", WALK_FOLLOW, 0},
	{"d/f", WALK_DIRECTORY, -ENOTDIR},
	{"d/f/", WALK_FOLLOW, -ENOTDIR},
	{"d/f/x", WALK_FOLLOW, -ENOTDIR},
	{"d/f/..", WALK_FOLLOW, -ENOTDIR},
	{"d/f/.", WALK_FOLLOW, -ENOTDIR},
	{"d/no", WALK_FOLLOW, -ENOENT},
	{"d/no/", WALK_FOLLOW, -ENOENT},
	{"d/no/x", WALK_FOLLOW, -ENOENT},
	{"no/..", WALK_FOLLOW, -ENOENT},
	{N250 "bbbbb", WALK_FOLLOW, -ENOENT},
	{N250 "bbbbbb", WALK_FOLLOW, -ENAMETOOLONG},
	{"ld", WALK_FOLLOW | WALK_DIRECTORY, 0},
	{"ld", WALK_DIRECTORY, -ENOTDIR},
	{"ld/", WALK_DIRECTORY, 0},
	{"ld/f", WALK_FOLLOW, 0},
	{"lf", WALK_FOLLOW, 0},
	{"lf/", WALK_FOLLOW, -ENOTDIR},
	{"lf/x", WALK_FOLLOW, -ENOTDIR},
	{"labs/f", WALK_FOLLOW, 0},
	{"lslash/f", WALK_FOLLOW, 0},
	{"d/lup/d/f", WALK_FOLLOW, 0},
	{"dangling", 0, 0},
	{"dangling", WALK_FOLLOW, -ENOENT},
	{"loop", WALK_FOLLOW, -ELOOP},
	{"loop", 0, 0},
	{"loop/x", 0, -ELOOP},
	{"c0", WALK_FOLLOW, 0},		/* a chain of 40 links */
	{"c", WALK_FOLLOW, -ELOOP},	/* of 41 */
	{"fslash", WALK_FOLLOW, -ENOTDIR}, /* -> d/f/ */
};

struct walks { struct co_frame co; long r; struct file *file; unsigned i; char a[8], b[8]; };
static co_t walks(struct co *co, struct walks *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	MKDIR(0, "d");
	OPEN(0, "d/f", O_CREAT | O_RDWR);
	CLOSE();
	SYMLINK(0, "d", "ld");
	SYMLINK(0, "d/f", "lf");
	SYMLINK(0, "/d", "labs");
	SYMLINK(0, "d//", "lslash");
	SYMLINK(0, "../", "d/lup");
	SYMLINK(0, "nowhere/x", "dangling");
	SYMLINK(0, "loop", "loop");
	SYMLINK(0, "d/f/", "fslash");
	for (f->i = 0; f->i < 40; f->i++) {
		format(f->a, sizeof(f->a), "c%u", f->i);
		format(f->b, sizeof(f->b), f->i == 39 ? "d" : "c%u", f->i + 1);
		SYMLINK(0, f->b, f->a);
	}
	SYMLINK(0, "c0", "c");
	/* Twice: with a cold cache and with a warm one. */
	for (f->i = 0; f->i < 2 * ARRAY_SIZE(walk_cases); f->i++) {
		if (f->i % 3 == 0)
			dentry_shrink_super(NULL);
		EXPECT(walk_cases[f->i % ARRAY_SIZE(walk_cases)].want, vfs_walk,
		       .name = walk_cases[f->i % ARRAY_SIZE(walk_cases)].name,
		       .flags = walk_cases[f->i % ARRAY_SIZE(walk_cases)].flags);
	}
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(walks)
static void test_walks(void **state) { co_machine_seeds(1, 1, begin_walks); }

/* --- making, removing, renaming --- */

struct entries { struct co_frame co; long r; struct file *file; u64 a, b; struct attr_stat st; struct walk w; };
static co_t entries(struct co *co, struct entries *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	MKDIR(0, "d");
	MKDIR(-EEXIST, "d");
	MKDIR(-EEXIST, "d/");
	MKDIR(-EEXIST, "/");
	MKDIR(-EEXIST, "d/.");
	MKDIR(-EEXIST, "d/..");
	MKDIR(-ENOENT, "x/y");
	MKDIR(0, "d/e/");
	MKNOD(-ENOENT, "d/n/", S_IFREG | 0600, 0);
	MKNOD(0, "d/n", S_IFREG | 0600, 0);
	MKNOD(-EEXIST, "d/n", S_IFREG | 0600, 0);
	MKNOD(0, "d/null", S_IFCHR | 0666, 1 << 20 | 3);
	MKDIR(-ENOTDIR, "d/n/x");
	UNLINK(-EISDIR, "d/e");
	RMDIR(-ENOTDIR, "d/n");
	UNLINK(-ENOTDIR, "d/n/");
	UNLINK(-ENOENT, "d/none");
	RMDIR(-ENOTEMPTY, "d");
	RMDIR(-EINVAL, "d/.");
	RMDIR(-ENOTEMPTY, "d/..");
	RMDIR(-EBUSY, "/");
	UNLINK(-EISDIR, "d/.");
	RMDIR(0, "d/e/");
	WALKS(-ENOENT, "d/e", 0);
	/* a removed directory takes nothing more */
	MKDIR(0, "dead");
	f->r = walk_start(&f->w, co, AT_FDCWD, "dead", 0);
	IS(f->r, 0);
	WALK(f->r, &f->w);
	IS(f->r, 0);
	RMDIR(0, "dead");
	fs_context_set_cwd(fs_current(co), &f->w.path);
	walk_finish(&f->w);
	MKDIR(-ENOENT, "x");
	OPEN(-ENOENT, "x", O_CREAT | O_RDWR);
	WALKS(0, "..", 0);
	f->r = walk_start(&f->w, co, AT_FDCWD, "/", 0);
	WALK(f->r, &f->w);
	fs_context_set_cwd(fs_current(co), &f->w.path);
	walk_finish(&f->w);
	/* rename */
	MKDIR(0, "r");
	MKDIR(0, "r/a");
	MKDIR(0, "r/a/b");
	MKNOD(0, "r/f", S_IFREG | 0600, 0);
	MKNOD(0, "r/g", S_IFREG | 0600, 0);
	RENAME(-EINVAL, "r/a", "r/a/b/c", 0);
	RENAME(-EINVAL, "r/a", "r/a/x", 0);
	RENAME(-ENOTEMPTY, "r/a/b", "r/a", 0);
	RENAME(-ENOENT, "r/none", "r/x", 0);
	RENAME(-EISDIR, "r/f", "r/a", 0);
	RENAME(-ENOTDIR, "r/a", "r/f", 0);
	RENAME(-ENOTDIR, "r/f/", "r/x", 0);
	RENAME(-ENOTDIR, "r/f", "r/x/", 0);
	RENAME(-EBUSY, "r/.", "r/x", 0);
	RENAME(-EEXIST, "r/f", "r/g", RENAME_NOREPLACE);
	RENAME(-ENOENT, "r/f", "r/none", RENAME_EXCHANGE);
	RENAME(-EINVAL, "r/f", "r/g", RENAME_EXCHANGE | RENAME_NOREPLACE);
	RENAME(-EINVAL, "r/f", "r/g", 64);
	RENAME(-EINVAL, "r/a", "r/a/b", RENAME_EXCHANGE);
	RENAME(0, "r/f", "r/f", 0);
	EXPECT(0, vfs_walk, .name = "r/f", .ino = &f->a);
	RENAME(0, "r/f", "r/g", 0);
	EXPECT(0, vfs_walk, .name = "r/g", .ino = &f->b);
	IS(f->a, f->b);
	WALKS(-ENOENT, "r/f", 0);
	RENAME(0, "r/a/b", "r/bb", 0);
	WALKS(0, "r/bb/../g", 0);
	RENAME(0, "r/bb/", "r/a/b", 0);
	RENAME(0, "r/a", "r/g", RENAME_EXCHANGE);
	WALKS(0, "r/g/b", WALK_DIRECTORY);
	WALKS(-ENOTDIR, "r/a", WALK_DIRECTORY);
	RENAME(0, "r/a", "r/moved", RENAME_WHITEOUT);
	EXPECT(0, vfs_walk, .name = "r/a", .ino = &f->b);
	host_expect(f->a != f->b);
	UNLINK(0, "r/a");
	MKDIR(0, "r/empty");
	RENAME(0, "r/g", "r/empty", 0);	/* a directory replaces an empty one */
	WALKS(0, "r/empty/b", 0);
	/* long names move to and fro between inline and allocated */
	RENAME(0, "r/moved", "r/" N250, 0);
	WALKS(0, "r/" N250, 0);
	RENAME(0, "r/empty", "r/" N250, RENAME_EXCHANGE);
	WALKS(0, "r/" N250 "/b", 0);
	RENAME(0, "r/" N250, "r/short", 0);
	WALKS(0, "r/short/b", 0);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(entries)
static void test_entries(void **state) { co_machine_seeds(1, 1, begin_entries); }

/* --- opening, reading, writing --- */

struct files { struct co_frame co; long r; struct file *file; char *buf, *back; u64 i; struct uio uio; };
static co_t files(struct co *co, struct files *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start, .options = "size=64k");
	f->buf = kzalloc(200000);
	f->back = kzalloc(200000);
	host_expect(f->buf && f->back);
	for (f->i = 0; f->i < 200000; f->i++)
		f->buf[f->i] = (char)(f->i * 7 + f->i / 4096);
	OPEN(-ENOENT, "f", O_RDWR);
	OPEN(-EISDIR, "f/", O_CREAT | O_RDWR);
	OPEN(-EISDIR, ".", O_CREAT | O_RDWR);
	OPEN(-EISDIR, "/", O_RDWR);
	OPEN(-EINVAL, "f", O_CREAT | O_DIRECTORY | O_RDWR);
	OPEN(0, "f", O_CREAT | O_EXCL | O_RDWR);
	WRITE(10000, f->file, f->buf, 10000, FILE_POS);
	IS(f->file->pos, 10000);
	IS(f->file->inode->blocks, 3 * 8);
	READ(0, f->file, f->back, 10, FILE_POS);
	READ(10000, f->file, f->back, 20000, 0);
	IS(memcmp(f->buf, f->back, 10000), 0);
	READ(5000, f->file, f->back, 9000, 5000);
	IS(memcmp(f->buf + 5000, f->back, 5000), 0);
	/* a hole */
	WRITE(5, f->file, f->buf, 5, 30000);
	IS(f->file->inode->size, 30005);
	IS(f->file->inode->blocks, 4 * 8);
	READ(25000, f->file, f->back, 25000, 0);
	IS(f->back[9999], f->buf[9999]);
	IS(f->back[10000], 0);
	IS(f->back[24999], 0);
	IS(file_try_seek(f->file, 0, SEEK_HOLE), 12288);
	IS(file_try_seek(f->file, 12288, SEEK_DATA), 28672);
	IS(file_try_seek(f->file, -5, SEEK_END), 30000);
	IS(file_try_seek(f->file, -1, SEEK_SET), -EINVAL);
	IS(file_try_seek(f->file, 30006, SEEK_DATA), -ENXIO);
	/* full: 16 pages */
	EXPECT(65536 - 4096 * 3, vfs_io, .file = f->file, .buf = f->buf, .len = 100000,
	       .pos = 12288, .write = true);
	EXPECT(-ENOSPC, vfs_io, .file = f->file, .buf = f->buf, .len = 1, .pos = 65536, .write = true);
	CLOSE();
	OPEN(-EEXIST, "f", O_CREAT | O_EXCL | O_RDWR);
	OPEN(0, "f", O_TRUNC | O_WRONLY | O_APPEND);
	IS(f->file->inode->size, 0);
	IS(f->file->inode->blocks, 0);
	READ(-EBADF, f->file, f->back, 1, 0);
	WRITE(3, f->file, "abc", 3, FILE_POS);
	WRITE(3, f->file, "def", 3, 0);
	IS(f->file->inode->size, 6);
	WRITE(-EINVAL, f->file, "x", 1, -5);
	CLOSE();
	/* unlinked but open */
	OPEN(0, "f", O_RDWR);
	UNLINK(0, "f");
	WALKS(-ENOENT, "f", 0);
	READ(6, f->file, f->back, 10, 0);
	IS(memcmp(f->back, "abcdef", 6), 0);
	CLOSE();
	/* through links */
	SYMLINK(0, "target", "l");
	OPEN(-ELOOP, "l", O_CREAT | O_NOFOLLOW | O_RDWR);
	OPEN(-EEXIST, "l", O_CREAT | O_EXCL | O_RDWR);
	OPEN(0, "l", O_CREAT | O_RDWR);
	CLOSE();
	FOUND("target");
	SYMLINK(0, "l", "l2");
	UNLINK(0, "target");
	OPEN(0, "l2", O_CREAT | O_RDWR);
	CLOSE();
	FOUND("target");
	OPEN(-ELOOP, "l", O_NOFOLLOW | O_RDONLY);
	OPEN(0, "l", O_NOFOLLOW | O_PATH);
	READ(-EBADF, f->file, f->back, 1, 0);
	CLOSE();
	MKNOD(0, "dev", S_IFCHR | 0666, 77);
	OPEN(-ENXIO, "dev", O_RDONLY);
	kfree(f->buf);
	kfree(f->back);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(files)
static void test_files(void **state) { co_machine_seeds(1, 1, begin_files); }

/* --- permissions: a task that is not root --- */

struct rights { struct co_frame co; long r; struct file *file; struct cred *user; struct inode_attr attr; struct walk w; };
static co_t rights(struct co *co, struct rights *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start, .options = "mode=755");
	MKDIR(0, "tmp");
	MKDIR(0, "secret");
	MKNOD(0, "secret/f", S_IFREG | 0644, 0);
	MKNOD(0, "readable", S_IFREG | 0644, 0);
	MKNOD(0, "tmp/roots", S_IFREG | 0666, 0);
	f->r = walk_start(&f->w, co, AT_FDCWD, "secret", 0);
	WALK(f->r, &f->w);
	f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = 0700};
	EXPECT(0, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr);
	walk_finish(&f->w);
	f->r = walk_start(&f->w, co, AT_FDCWD, "tmp", 0);
	WALK(f->r, &f->w);
	f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = 01777};
	EXPECT(0, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr);
	walk_finish(&f->w);
	f->user = cred_clone(cred_current(co));
	f->user->uid = f->user->euid = f->user->fsuid = 1000;
	f->user->gid = f->user->egid = f->user->fsgid = 1000;
	f->user->effective = 0;
	cred_replace(co_task(co), f->user);
	WALKS(-EACCES, "secret/f", 0);
	WALKS(-EACCES, "secret/..", 0);
	WALKS(0, "secret", 0);
	OPEN(-EACCES, "secret", O_RDONLY);
	OPEN(-EACCES, "readable", O_RDWR);
	OPEN(-EACCES, "readable", O_RDONLY | O_TRUNC);
	OPEN(0, "readable", O_RDONLY);
	CLOSE();
	OPEN(-EACCES, "new", O_CREAT | O_RDWR);
	MKDIR(-EACCES, "new");
	UNLINK(-EACCES, "readable");
	UNLINK(-EPERM, "tmp/roots");		/* sticky */
	RENAME(-EPERM, "tmp/roots", "tmp/x", 0);
	OPEN(0, "tmp/mine", O_CREAT | O_RDWR);
	IS(f->file->inode->uid, 1000);
	CLOSE();
	UNLINK(0, "tmp/mine");
	OPEN(-EPERM, "readable", O_RDONLY | O_NOATIME);
	f->r = walk_start(&f->w, co, AT_FDCWD, "readable", 0);
	WALK(f->r, &f->w);
	f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = 0777};
	EXPECT(-EPERM, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr);
	f->attr = (struct inode_attr){.valid = ATTR_UID, .uid = 1000};
	EXPECT(-EPERM, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr);
	f->attr = (struct inode_attr){.valid = ATTR_ATIME | ATTR_MTIME};
	EXPECT(-EACCES, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr, .now = true);
	EXPECT(-EPERM, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr);
	f->attr = (struct inode_attr){.valid = ATTR_SIZE};
	EXPECT(-EACCES, attr_change, .path = &f->w.path, .cred = cred_current(co), .attr = &f->attr);
	walk_finish(&f->w);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(rights)
static void test_rights(void **state) { co_machine_seeds(1, 1, begin_rights); }

/* --- listing --- */

struct listing { struct co_frame co; long r; struct file *file; struct vfs_names *n; u64 pos; unsigned i; char a[16]; struct inode *dir; };
static co_t listing(struct co *co, struct listing *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	f->n = kzalloc(sizeof(*f->n));
	f->n->emit.emit = vfs_emit;
	for (f->i = 0; f->i < 10; f->i++) {
		format(f->a, sizeof(f->a), "f%u", f->i);
		MKNOD(0, f->a, S_IFREG | 0600, 0);
	}
	OPEN(0, "/", O_RDONLY | O_DIRECTORY);
	f->dir = f->file->inode;
	IS(f->dir->size, 40 + 200);
	CO_READ_LOCK(&f->dir->lock);
	f->n->most = 5;
	CO_AWAIT_OP(f->r, f->dir->ops->readdir, .dir = f->dir, .pos = &f->pos, .to = &f->n->emit);
	rwlock_unlock_read(&f->dir->lock);
	IS(f->r, 0);
	IS(strcmp(f->n->text, ". .. f9 f8 f7"), 0);
	/* gone behind and ahead of the cursor, made again: no repeats, no gaps */
	UNLINK(0, "f1");
	UNLINK(0, "f5");
	MKNOD(0, "f1", S_IFREG | 0600, 0);
	f->n->most = 0;
	CO_READ_LOCK(&f->dir->lock);
	CO_AWAIT_OP(f->r, f->dir->ops->readdir, .dir = f->dir, .pos = &f->pos, .to = &f->n->emit);
	rwlock_unlock_read(&f->dir->lock);
	IS(strcmp(f->n->text, ". .. f9 f8 f7 f6 f4 f3 f2 f0"), 0);
	CLOSE();
	kfree(f->n);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(listing)
static void test_listing(void **state) { co_machine_seeds(1, 1, begin_listing); }

/* --- mounts --- */

static unsigned shown;
static char shown_text[1024];
static bool show(void *arg, const struct mount_info *i)
{
	shown++;
	format(shown_text + strlen(shown_text), sizeof(shown_text) - strlen(shown_text),
	       "%s %s %s %s %s;", i->source, i->point, i->root, i->type, i->options);
	return true;
}

struct mounts { struct co_frame co; long r; struct file *file; struct walk w, v; struct path root; u64 before; };
#define AT(walk_, n)                                                    \
	do {                                                            \
		f->r = walk_start(&f->walk_, co, AT_FDCWD, n, WALK_FOLLOW); \
		IS(f->r, 0);                                            \
		WALK(f->r, &f->walk_);                                  \
		IS(f->r, 0);                                            \
	} while (0)
static co_t mounts(struct co *co, struct mounts *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	f->before = vfs_memory() + co_machine_frame_pages(co);
	MKDIR(0, "m");
	MKDIR(0, "b");
	AT(w, "m");
	EXPECT(-EINVAL, mount_fs, .at = &f->w.path, .type = fs_find("tmpfs"), .source = "t",
	       .options = "nonsense");
	EXPECT(0, mount_fs, .at = &f->w.path, .type = fs_find("tmpfs"), .source = "a b",
	       .options = "size=1m", .flags = MS_NOSUID);
	walk_finish(&f->w);
	MKNOD(0, "m/f", S_IFREG | 0600, 0);
	MKDIR(0, "m/sub");
	RMDIR(-EBUSY, "m");
	RENAME(-EBUSY, "m", "n", 0);
	RENAME(-EXDEV, "m/f", "f", 0);
	WALKS(0, "m/../m/sub/../f", 0);
	/* bind, read-only */
	AT(w, "m/sub");
	AT(v, "b");
	IS(mount_bind(&f->w.path, &f->v.path, false), 0);
	walk_finish(&f->v);
	walk_finish(&f->w);
	AT(v, "b");
	IS(mount_set_flags(&f->v.path, MS_RDONLY), 0);
	walk_finish(&f->v);
	OPEN(-EROFS, "b/x", O_CREAT | O_RDWR);
	OPEN(0, "m/sub/x", O_CREAT | O_RDWR);
	CLOSE();
	OPEN(-EROFS, "b/x", O_RDWR);
	OPEN(0, "b/x", O_RDONLY);
	mount_root(&f->root);
	IS(mount_each(mount_ns_first(), &f->root, show, NULL), 0);
	path_put(&f->root);
	IS(shown, 3);
	if (strcmp(shown_text, "rootfs / / tmpfs rw,relatime;"
			       "a\\040b /m / tmpfs rw,nosuid,relatime;"
			       "a\\040b /b /sub tmpfs ro,relatime;"))
		host_fail("mounts: %s", shown_text);
	/* busy, detach, gone */
	AT(v, "b");
	IS(mount_umount(&f->v.path, 0), -EBUSY);
	IS(mount_umount(&f->v.path, 2), 0);
	IS(mount_umount(&f->v.path, 0), -EINVAL);
	walk_finish(&f->v);
	READ(0, f->file, f->root.dentry, 0, 0);
	CLOSE();
	WALKS(-ENOENT, "b/x", 0);
	AT(w, "m");
	AT(v, "b");
	IS(mount_move(&f->w.path, &f->v.path), 0);
	walk_finish(&f->v);
	IS(mount_umount(&f->w.path, 0), 0);
	walk_finish(&f->w);
	CO_AWAIT(f->r, reaper_wait);
	RMDIR(0, "m");
	RMDIR(0, "b");
	CO_AWAIT(f->r, reaper_wait);
	IS(vfs_memory() + co_machine_frame_pages(co), f->before);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(mounts)
static void test_mounts(void **state) { shown = 0; shown_text[0] = 0; co_machine_seeds(1, 1, begin_mounts); }

/* --- pipes --- */

struct pipe_writer { struct co_frame co; struct file *end; u64 total, done, seed; char *buf; long r; unsigned n; };
static co_t pipe_writer(struct co *co, struct pipe_writer *f)
{
	CO_BEGIN;
	f->buf = kmalloc(20000);
	while (f->done < f->total) {
		f->n = (unsigned)((f->done * 2654435761u >> 7) % 19999 + 1);
		f->n = (unsigned)min((u64)f->n, f->total - f->done);
		for (unsigned i = 0; i < f->n; i++)
			f->buf[i] = (char)((f->done + i) * 31 >> 3);
		WRITE(f->n, f->end, f->buf, f->n, FILE_POS);
		f->done += f->n;
	}
	kfree(f->buf);
	EXPECT(0, file_close, .file = f->end);
	CO_RETURN(0);
	CO_END;
}
struct pipes { struct co_frame co; long r; struct file *ends[2]; struct task *t; char *buf; u64 done; };
static co_t pipes(struct co *co, struct pipes *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	IS(pipe_make(f->ends, O_NONBLOCK, cred_current(co)), 0);
	f->buf = kzalloc(100000);
	READ(-EAGAIN, f->ends[0], f->buf, 10, FILE_POS);
	READ(-EBADF, f->ends[1], f->buf, 10, FILE_POS);
	WRITE(5, f->ends[1], "hello", 5, FILE_POS);
	IS(file_poll(f->ends[0], NULL), POLLIN | POLLRDNORM);
	IS(file_poll(f->ends[1], NULL), POLLOUT | POLLWRNORM);
	READ(-ESPIPE, f->ends[0], f->buf, 10, 0);
	READ(5, f->ends[0], f->buf, 10, FILE_POS);
	IS(memcmp(f->buf, "hello", 5), 0);
	/* atomicity: PIPE_BUF bytes go in whole or not at all */
	WRITE(65536 - 4000, f->ends[1], f->buf, 65536 - 4000, FILE_POS);
	WRITE(-EAGAIN, f->ends[1], f->buf, 4096, FILE_POS);
	WRITE(4000, f->ends[1], f->buf, 4000, FILE_POS);
	IS(file_poll(f->ends[1], NULL), 0);
	IS(pipe_size_set(f->ends[1], 4096, cred_current(co)), -EBUSY);
	READ(65536, f->ends[0], f->buf, 100000, FILE_POS);
	IS(pipe_size(f->ends[0]), 65536);
	IS(pipe_size_set(f->ends[1], 5000, cred_current(co)), 8192);
	WRITE(8192, f->ends[1], f->buf, 10000, FILE_POS);
	IS(pipe_size_set(f->ends[1], 1 << 17, cred_current(co)), 1 << 17);
	WRITE(100000, f->ends[1], f->buf, 100000, FILE_POS);
	EXPECT(0, file_close, .file = f->ends[1]);
	IS(file_poll(f->ends[0], NULL), POLLIN | POLLRDNORM | POLLHUP);
	READ(100000, f->ends[0], f->buf, 100000, FILE_POS);
	READ(8192, f->ends[0], f->buf, 100000, FILE_POS);
	READ(0, f->ends[0], f->buf, 100000, FILE_POS);
	EXPECT(0, file_close, .file = f->ends[0]);
	IS(pipe_make(f->ends, 0, cred_current(co)), 0);
	EXPECT(0, file_close, .file = f->ends[0]);
	IS(file_poll(f->ends[1], NULL), POLLOUT | POLLWRNORM | POLLERR);
	WRITE(-EPIPE, f->ends[1], "x", 1, FILE_POS);
	EXPECT(0, file_close, .file = f->ends[1]);
	/* two tasks */
	IS(pipe_make(f->ends, 0, cred_current(co)), 0);
	CO_SPAWN(f->t, "writer", pipe_writer, .end = f->ends[1], .total = 300000);
	for (;;) {
		CO_AWAIT(f->r, vfs_io, .file = f->ends[0], .buf = f->buf,
			 .len = f->done % 7001 + 1, .pos = FILE_POS);
		host_expect(f->r >= 0);
		if (!f->r)
			break;
		for (long i = 0; i < f->r; i++)
			if (f->buf[i] != (char)((f->done + (u64)i) * 31 >> 3))
				host_fail("byte %lu of the pipe is wrong", f->done + (u64)i);
		f->done += (u64)f->r;
	}
	IS(f->done, 300000);
	CO_JOIN(f->r, f->t);
	IS(f->r, 0);
	EXPECT(0, file_close, .file = f->ends[0]);
	kfree(f->buf);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(pipes)
static void test_pipes(void **state)
{
	co_machine_seeds(10, 2, begin_pipes);
	vfs_free_runs(3, 2, begin_pipes);
}

/* One wake for two readers: the first passes it on. */
struct pipe_reader { struct co_frame co; struct file *end; char byte; long r; };
static co_t pipe_reader(struct co *co, struct pipe_reader *f)
{
	CO_BEGIN;
	READ(1, f->end, &f->byte, 1, FILE_POS);
	CO_RETURN(0);
	CO_END;
}
struct two_readers { struct co_frame co; long r; struct file *ends[2]; struct task *t[2]; };
static co_t two_readers(struct co *co, struct two_readers *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	IS(pipe_make(f->ends, 0, cred_current(co)), 0);
	CO_SPAWN(f->t[0], "r0", pipe_reader, .end = f->ends[0]);
	CO_SPAWN(f->t[1], "r1", pipe_reader, .end = f->ends[0]);
	CO_SLEEP_UNTIL(f->r, hal_clock_ns() + 1000000);
	WRITE(2, f->ends[1], "ab", 2, FILE_POS);
	CO_JOIN(f->r, f->t[0]);
	CO_JOIN(f->r, f->t[1]);
	EXPECT(0, file_close, .file = f->ends[0]);
	EXPECT(0, file_close, .file = f->ends[1]);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(two_readers)
static void test_two_readers(void **state) { co_machine_seeds(10, 2, begin_two_readers); }

struct fifo_writer { struct co_frame co; struct task *from; struct file *file; long r; };
static co_t fifo_writer(struct co *co, struct fifo_writer *f)
{
	CO_BEGIN;
	co_task(co)->fs = f->from->fs;
	co_task(co)->cred = f->from->cred;
	OPEN(0, "fifo", O_WRONLY);
	WRITE(3, f->file, "abc", 3, FILE_POS);
	CLOSE();
	co_task(co)->fs = NULL;
	co_task(co)->cred = NULL;
	CO_RETURN(0);
	CO_END;
}
struct fifos { struct co_frame co; long r; struct file *file; struct task *t; char buf[16]; };
static co_t fifos(struct co *co, struct fifos *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	MKNOD(0, "fifo", S_IFIFO | 0600, 0);
	OPEN(-ENXIO, "fifo", O_WRONLY | O_NONBLOCK);
	OPEN(0, "fifo", O_RDONLY | O_NONBLOCK);
	IS(file_poll(f->file, NULL), 0);
	READ(0, f->file, f->buf, 4, FILE_POS);
	CLOSE();
	OPEN(0, "fifo", O_RDWR);
	WRITE(2, f->file, "xy", 2, FILE_POS);
	READ(2, f->file, f->buf, 4, FILE_POS);
	CLOSE();
	CO_SPAWN(f->t, "writer", fifo_writer, .from = co_task(co));
	OPEN(0, "fifo", O_RDONLY);
	READ(3, f->file, f->buf, 10, FILE_POS);
	READ(0, f->file, f->buf, 10, FILE_POS);
	IS(file_poll(f->file, NULL), POLLHUP);
	CLOSE();
	CO_JOIN(f->r, f->t);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(fifos)
static void test_fifos(void **state) { co_machine_seeds(30, 2, begin_fifos); }

/* --- descriptors --- */

struct fds { struct co_frame co; long r; struct file *file, *old; struct fd_table *t, *c; int pair[2]; unsigned i; };
static co_t fds(struct co *co, struct fds *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	f->t = fd_current(co);
	OPEN(0, "f", O_CREAT | O_RDWR);
	for (f->i = 0; f->i < 100; f->i++) {
		file_get(f->file);
		IS(fd_add(f->t, f->file, 0, 100, f->i & 1), f->i);
	}
	IS(fd_add(f->t, f->file, 0, 100, false), -EMFILE);
	file_put(fd_take(f->t, 42));
	file_put(fd_take(f->t, 17));
	IS((long)fd_take(f->t, 17), 0);
	IS((long)fd_take(f->t, -1), 0);
	file_get(f->file);
	IS(fd_add(f->t, f->file, 20, 100, false), 42);
	file_get(f->file);
	IS(fd_add(f->t, f->file, 0, 100, false), 17);
	IS(fd_get_cloexec(f->t, 17), 0);
	IS(fd_get_cloexec(f->t, 19), 1);
	IS(fd_install(f->t, 100, f->file, 100, false, &f->old), -EBADF);
	file_get(f->file);
	IS(fd_install(f->t, 500, f->file, 1000, true, &f->old), 500);
	IS((long)f->old, 0);
	file_put(fd_take(f->t, 30));
	IS(fd_reserve(f->t, 1000), 30);
	IS(fd_reserve(f->t, 1000), 100);
	IS((long)fd_get(f->t, 30), 0);
	IS(fd_get_cloexec(f->t, 30), -EBADF);
	IS((long)fd_take(f->t, 30), 0);
	IS(fd_install(f->t, 30, f->file, 1000, true, &f->old), -EBUSY);
	f->c = fd_table_clone(f->t);
	host_expect(f->c);
	file_get(f->file);
	IS(fd_add(f->c, f->file, 0, 1000, false), 30);
	fd_settle(f->t, 30, NULL, true);
	IS(fd_reserve(f->t, 1000), 30);
	file_get(f->file);
	fd_settle(f->t, 30, f->file, false);
	IS(fd_get_cloexec(f->t, 30), 0);
	fd_settle(f->t, 100, NULL, false);
	EXPECT(0, fd_close_range, .table = f->t, .first = 0, .last = ~0u, .cloexec_only = true);
	IS(fd_next(f->t, 0), 0);
	IS(fd_next(f->t, 19), 20);
	IS(fd_get_cloexec(f->c, 500), 1);
	fd_table_put(f->c);
	EXPECT(0, fd_close_range, .table = f->t, .first = 0, .last = ~0u);
	IS(fd_next(f->t, 0), -1);
	IS(f->file->refs.n, 1);
	CLOSE();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(fds)
static void test_fds(void **state) { co_machine_seeds(1, 1, begin_fds); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks), cmocka_unit_test(test_entries),
		cmocka_unit_test(test_files), cmocka_unit_test(test_rights),
		cmocka_unit_test(test_listing), cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_pipes), cmocka_unit_test(test_two_readers),
		cmocka_unit_test(test_fifos),
		cmocka_unit_test(test_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
