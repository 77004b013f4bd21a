/* tests/fs/changes.h -- random changes of a tree of files, made through the kernel on the simulated
 * machine and by the build host's own, which must give the same answers.
 */
#ifndef CHANGES_H
#define CHANGES_H

#include "coro/co.h"
#include "vfs/attr.h"
#include "vfs/file.h"
#include "vfs/walk.h"

enum change_kind { MAKE_DIR, MAKE_FILE, REMOVE, REMOVE_DIR, RENAME, EXCHANGE, WRITE, TRUNCATE,
		   CHMOD, SYMLINK, LINK, SET_XATTR, REMOVE_XATTR, SYNC, RANGE_OUT,
		   RANGE_IN, CHANGE_KINDS };

struct change {
	enum change_kind kind;
	char a[256], b[256];	/* below where the tree is */
	u64 n;
};

/* A random one of those kinds whose bit is set. */
void change_choose(struct change *c, u32 kinds);
const char *change_name(const struct change *c);

/* On the build host, below `folder`: 0 or -errno. */
long change_on_host(const struct change *c, const char *folder);

/* In the run, below `at`. `sync`: what is written is waited for (fsync). */
struct change_make {
	struct co_frame co;
	const struct change *change;
	const char *at;
	bool sync;
	struct file *file;
	struct uio uio;
	struct walk *walk;
	struct inode_attr attr;
	u64 at_byte, len;
	long err;
};
co_t change_make(struct co *co, struct change_make *f);

#endif
