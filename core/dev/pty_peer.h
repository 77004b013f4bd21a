/* core/dev/pty_peer.h -- TIOCGPTPEER: open the slave of a master without its name. */
#ifndef DEV_PTY_PEER_H
#define DEV_PTY_PEER_H

#include "core/dev/tty.h"
#include "vfs/walk.h"

/* The new descriptor, or a negative errno. */
struct pty_peer {
	struct co_frame co;
	struct tty *tty;	/* borrowed */
	u32 flags;		/* O_* */
	char name[8];
	struct walk walk;
	struct path root;	/* a mount of the slave's devpts */
	struct file *file;
	long err;
};
co_t pty_peer(struct co *co, struct pty_peer *f);

#endif
