/* core/dev/pty_peer.c */
#include "core/dev/pty_peer.h"

#include "core/dev/pty.h"
#include "vfs/fd.h"
#include "vfs/mount_ns.h"
#include "vfs/open.h"

/* Some mount of the file system that has t's name: its root, referenced. */
static bool find_root(struct tty *t, struct path *to)
{
	struct super *super = pty_host_super(t);
	struct mount *m;

	for (unsigned n = 0; (m = mount_ns_nth(mount_ns_current(), n)); n++) {
		if (m->super == super) {
			*to = (struct path){m, m->root};
			dentry_get(m->root);
			return true;
		}
		mount_put(m);
	}
	return false;
}

co_t pty_peer(struct co *co, struct pty_peer *f)
{
	CO_BEGIN;
	if (!find_root(f->tty, &f->root))
		CO_RETURN(-EIO);
	format(f->name, sizeof(f->name), "%u", pty_index(f->tty));
	walk_start_at(&f->walk, cred_current(co), &f->root, &f->root, f->name, 0);
	WALK(f->err, &f->walk);
	path_put(&f->root);
	if (!f->err)
		CO_AWAIT(f->err, open_path, .path = &f->walk.path, .cred = cred_current(co),
			 .flags = f->flags, .file = &f->file);
	walk_finish(&f->walk);
	if (f->err)
		CO_RETURN(f->err);
	f->err = fd_add(fd_current(co), f->file, 0,
			rlimit_get(process_of(co), RLIMIT_NOFILE), f->flags & O_CLOEXEC);
	if (f->err < 0)
		file_put(f->file);
	CO_RETURN(f->err);
	CO_END;
}
