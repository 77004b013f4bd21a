/* core/dev/pty.h -- pseudo terminals: a terminal whose line is a program.
 *
 * Opening ptmx makes a struct tty (the slave) whose driver is the master's file: what the
 * slave's program writes is read from the master, what is written to the master is input.
 * Its name in /dev/pts is the business of a host, which devpts registers.
 *
 * Ownership  the master's file holds a reference of the tty and of its host; each open slave
 *            one of the tty, and so does the slave's inode.
 * Locking    the tty's lock; the host's own.
 */
#ifndef DEV_PTY_H
#define DEV_PTY_H

#include "core/dev/tty.h"

/* Where slaves are named: one mounted devpts. None of these waits. */
struct pty_host {
	/* Enter t under a free number, which is returned; -ENOSPC, -ENOMEM. */
	int (*add)(struct pty_host *h, struct tty *t);
	/* The master is closed: the name goes, and so does its reference of t. */
	void (*remove)(struct pty_host *h, unsigned index);
	void (*get)(struct pty_host *h);
	void (*put)(struct pty_host *h);
	struct super *super;	/* [I] where the names are */
};

/* The host that /dev/ptmx uses from now on (a ptmx inode of devpts itself has its own in its
 * `private`); and that one goes. */
void pty_set_host(struct pty_host *h);
void pty_forget_host(struct pty_host *h);

/* The inode operations of devpts's nodes: only with these is `private` what is said here
 * (slaves: their tty; ptmx: the host). */
void pty_set_inode_ops(const struct inode_ops *slave, const struct inode_ops *ptmx);

/* The file system with a slave's name; as long as the master is open. */
struct super *pty_host_super(const struct tty *t);
/* A slave's number in a host. */
unsigned pty_index(const struct tty *t);
void pty_set_index(struct tty *t, unsigned index);

/* --- for tty_ioctl.c --- */
void pty_set_locked(struct tty *t, bool on);
bool pty_is_locked(struct tty *t);
void pty_set_packet(struct tty *t, bool on);
bool pty_has_packet(struct tty *t);
/* Tell a master in packet mode (TIOCPKT_FLUSHREAD, TIOCPKT_FLUSHWRITE). */
void pty_notice_flush(struct tty *t, u8 status) REQUIRES(t->lock);
long pty_flush_master(struct tty *t, bool in, bool out);

void pty_init(void);

#endif
