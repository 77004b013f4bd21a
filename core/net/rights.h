/* core/net/rights.h -- open files on their way through a UNIX socket (SCM_RIGHTS).
 *
 * A file in a queue is "in flight". A socket that is only referred to from queues of sockets
 * which are themselves only referred to from such queues can never be received: the collector
 * finds those and empties their queues. Files that nobody received are let go by a worker, one
 * after the other, so a socket in a socket in a socket needs no deep stack.
 *
 * Ownership  a struct rights owns its files until rights_take.
 * Locking    rights_lock (RANK_NET_RIGHTS) covers what is in flight. Whoever looks at packets
 *            without taking them (MSG_PEEK) holds it too, so that the collector sees every new
 *            reference.
 */
#ifndef NET_RIGHTS_H
#define NET_RIGHTS_H

#include "core/net/abi.h"
#include "vfs/file.h"

struct socket;
struct user_counts;

struct rights {
	u32 count;
	bool counted;			/* in flight */
	struct user_counts *user;	/* owned: the sender's, counted there while in flight */
	struct list drop;		/* the worker's */
	struct file *files[];
};

extern spinlock rights_lock;

int rights_start(void);		/* the worker; 0 or -ENOMEM */

/* Room for count files, none in it; NULL without memory. */
struct rights *rights_new(u32 count);
/* It is about to be queued at `to`: -ETOOMANYREFS if the sender has too much in flight. */
int rights_fly(struct rights *r, struct socket *to);
/* It was taken from a queue. */
void rights_land(struct rights *r);
/* The same files once more, not flying: MSG_PEEK. NULL without memory. */
struct rights *rights_copy(const struct rights *r) REQUIRES(rights_lock);
/* Let go of all; never deep. */
void rights_drop(struct rights *r);

/* A UNIX socket was closed: look for what nobody can receive any more. */
void rights_collect(void);

#endif
