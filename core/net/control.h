/* core/net/control.h -- control messages (cmsg) of sendmsg and recvmsg.
 *
 * Ownership  what a struct socket_control holds is dropped by control_drop.
 */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "core/net/socket.h"

/* The most that one call is given: every kind of message once. */
#define CONTROL_MOST 2048u

/* Read what the caller sends with a message: 0 or an error; c may be partly filled then. */
int control_parse(struct socket *s, const char *buf, u64 len, struct socket_control *c);

/* Write what came with a message into buf[room]: descriptors are installed. How much was
 * written; *got: MSG_CTRUNC is added. */
u32 control_build(struct socket *s, struct socket_control *c, char *buf, u32 room, bool cloexec,
		  u32 *got);
/* The caller could not take buf: take the descriptors in it back. */
void control_undo(const char *buf, u32 len);

/* Nobody has room for control messages: *got says whether there were some. */
void control_skip(struct socket *s, const struct socket_control *c, u32 *got);
void control_drop(struct socket_control *c);

struct pid;
/* A new descriptor that stands for this process, closed by exec: its number, or an error. */
int control_pidfd(struct pid *pid);

/* Append one, cut to the room there is. */
void control_add(char *buf, u32 *used, u32 room, int level, int type, const void *data, u32 size,
		 u32 *got);

#endif
