/* tests/unit/vfs_machine.h -- a root tmpfs on the simulated machine, and calls by name. */
#ifndef VFS_MACHINE_H
#define VFS_MACHINE_H

#include <sys/stat.h>

#include "co_machine.h"

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "fs/tmpfs/tmpfs.h"
#include "mem/phys/shrink.h"
#include "mem/space/space.h"
#include "vfs/attr.h"
#include "vfs/entry.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/mount_ns.h"
#include "vfs/open.h"
#include "vfs/pipe.h"
#include "vfs/reaper.h"
#include "vfs/writeback.h"
#include "vfs/super.h"

#include <linux/fcntl.h>
#include <linux/fs.h>

/* The kernel's are arm64's; this file is compiled with the build host's headers. */
#undef O_DIRECTORY
#undef O_NOFOLLOW
#undef O_DIRECT
#undef O_LARGEFILE
#define O_DIRECTORY 040000
#define O_NOFOLLOW  0100000
#define O_DIRECT    0200000
#define O_LARGEFILE 0400000

/* Await and compare. */
#define EXPECT(want, fn, ...)                                                             \
	do {                                                                              \
		CO_AWAIT(f->r, fn, __VA_ARGS__);                                          \
		if (f->r != (want))                                                       \
			host_fail("%s:%d: %s(%s) gave %ld, not %ld", __FILE__, __LINE__, #fn, \
				  #__VA_ARGS__, (long)f->r, (long)(want));                \
	} while (0)
#define IS(got, want)                                                                     \
	do {                                                                              \
		if ((long)(got) != (long)(want))                                          \
			host_fail("%s:%d: %s is %ld, not %ld", __FILE__, __LINE__, #got,  \
				  (long)(got), (long)(want));                             \
	} while (0)

/* What boot does, and a task that has credentials, a root and descriptors. */
struct vfs_start {
	struct co_frame co;
	const char *options;
	struct super *super;
	struct path root;
	long r;
};
static co_t vfs_start(struct co *co, struct vfs_start *f)
{
	CO_BEGIN;
	space_init();
	reaper_setup();
	writeback_setup();
	super_setup();
	inode_setup();
	page_setup();
	dentry_init();
	mount_init();
	tmpfs_register();
	host_expect(!reaper_start());
	co_task(co)->cred = cred_first();
	CO_AWAIT_OP(f->r, fs_find("tmpfs")->mount, .type = fs_find("tmpfs"), .source = "rootfs",
		    .options = f->options ? f->options : "", .made = &f->super);
	host_expect(!f->r);
	host_expect(!mount_set_root(f->super, "rootfs"));
	mount_root(&f->root);
	co_task(co)->fs = fs_context_new(&f->root);
	co_task(co)->fds = fd_table_new();
	path_put(&f->root);
	host_expect(co_task(co)->fs && co_task(co)->fds);
	CO_RETURN(0);
	CO_END;
}

/* A walk of `name` with these flags: its result; *ino (may be NULL) what it led to. */
struct vfs_walk {
	struct co_frame co;
	const char *name;
	unsigned flags;
	u64 *ino;
	struct walk w;
	long r;
};
static co_t vfs_walk(struct co *co, struct vfs_walk *f)
{
	CO_BEGIN;
	f->r = walk_start(&f->w, co, AT_FDCWD, f->name, f->flags);
	if (!f->r)
		WALK(f->r, &f->w);
	if (!f->r && f->ino)
		*f->ino = f->w.path.dentry->inode->ino;
	walk_finish(&f->w);
	CO_RETURN(f->r);
	CO_END;
}

#define MKDIR(want, n) EXPECT(want, entry_make, .dirfd = AT_FDCWD, .name = (n), .mode = S_IFDIR | 0777)
#define SYMLINK(want, t, n) EXPECT(want, entry_make, .dirfd = AT_FDCWD, .name = (n), \
				   .mode = S_IFLNK | 0777, .target = (t))
#define MKNOD(want, n, m, d) EXPECT(want, entry_make, .dirfd = AT_FDCWD, .name = (n), .mode = (m), .rdev = (d))
#define UNLINK(want, n) EXPECT(want, entry_remove, .dirfd = AT_FDCWD, .name = (n))
#define RMDIR(want, n) EXPECT(want, entry_remove, .dirfd = AT_FDCWD, .name = (n), .directory = true)
#define RENAME(want, a, b, fl) EXPECT(want, entry_rename, .old_dirfd = AT_FDCWD, .new_dirfd = AT_FDCWD, \
				      .old_name = (a), .new_name = (b), .flags = (fl))
#define OPEN(want, n, fl) EXPECT(want, open_at, .dirfd = AT_FDCWD, .name = (n), .flags = (fl), \
				 .mode = 0666, .file = &f->file)
#define CLOSE() EXPECT(0, file_close, .file = f->file)
#define FOUND(n) EXPECT(0, vfs_walk, .name = (n), .flags = WALK_FOLLOW)
#define WALKS(want, n, fl) EXPECT(want, vfs_walk, .name = (n), .flags = (fl))

/* Kernel memory in and out. */
struct vfs_io {
	struct co_frame co;
	struct file *file;
	void *buf;
	u64 len;
	i64 pos;
	bool write;
	struct uio uio;
	long r;
};
static co_t vfs_io(struct co *co, struct vfs_io *f)
{
	CO_BEGIN;
	f->uio = uio_kernel(f->buf, f->len);
	f->r = f->write ? file_try_write(f->file, &f->uio, f->pos, 0)
			: file_try_read(f->file, &f->uio, f->pos);
	if (f->r == FILE_WAITS) {
		f->uio = uio_kernel(f->buf, f->len);
		if (f->write)
			CO_AWAIT(f->r, file_write, .file = f->file, .uio = &f->uio, .pos = f->pos);
		else
			CO_AWAIT(f->r, file_read, .file = f->file, .uio = &f->uio, .pos = f->pos);
	}
	CO_RETURN(f->r);
	CO_END;
}
#define READ(want, fl, b, n, p) EXPECT(want, vfs_io, .file = (fl), .buf = (b), .len = (n), .pos = (p))
#define WRITE(want, fl, b, n, p) \
	EXPECT(want, vfs_io, .file = (fl), .buf = (void *)(b), .len = (n), .pos = (p), .write = true)

/* Several runs with the CPUs really at once: what TSan looks at. */
static inline void vfs_free_runs(unsigned n, unsigned cpus, co_machine_main *first)
{
	static struct host_result r;

	for (unsigned seed = 1; seed <= n; seed++) {
		struct host_config config = {.seed = seed, .cpus = cpus, .memory = 16ul << 20,
					     .mode = HOST_FREE};

		if (co_machine_run(config, first, &r) != HOST_OFF)
			fail_msg("free run %u: %s: %s\n%s", seed, host_end_name(r.end), r.why,
				 r.console);
	}
}

/* A directory's names in one string, separated by spaces, in its order. */
struct vfs_names {
	struct dir_emit emit;
	char text[1024];
	unsigned count, most;
};
static bool vfs_emit(struct dir_emit *e, const char *name, size_t len, u64 ino, u8 type, u64 next)
{
	struct vfs_names *n = container_of(e, struct vfs_names, emit);
	size_t at = strlen(n->text);

	if (n->most && n->count == n->most)
		return false;
	n->count++;
	if (at + len + 2 < sizeof(n->text)) {
		if (at)
			n->text[at++] = ' ';
		memcpy(n->text + at, name, len);
		n->text[at + len] = 0;
	}
	return true;
}

/* Everything gone: caches emptied, so that pages can be compared. */
static u64 vfs_memory(void)
{
	shrink_run(~0ul >> 1);
	dentry_shrink_super(NULL);
	slab_drain();
	buddy_drain();
	return buddy_free_pages();
}

#endif
