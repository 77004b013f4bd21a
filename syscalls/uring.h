/* syscalls/uring.h -- the operations of rings, a file per family; uring_table.c is their list. */
#ifndef SYSCALLS_URING_H
#define SYSCALLS_URING_H

#include "core/uring/op.h"

/* For uring_set_ops. */
extern const struct uring_op *const uring_table[IORING_OP_LAST];

/* uring_rw.c */
extern const struct uring_op uring_nop, uring_read, uring_readv, uring_write, uring_writev;
extern const struct uring_op uring_fixed, uring_read_multishot;

/* uring.c: the ring's file, by a descriptor or by a number of the process's own: 0 and a reference,
 * -EBADF, -EINVAL. */
int uring_file_of(struct co *co, int fd, bool registered, struct file **file);

/* uring_fs.c */
extern const struct uring_op uring_openat, uring_openat2, uring_close, uring_fsync, uring_fadvise,
	uring_madvise, uring_splice, uring_tee;

/* uring_net.c */
extern const struct uring_op uring_socket, uring_accept, uring_send, uring_recv, uring_sendmsg,
	uring_recvmsg, uring_zc;

/* uring_cmd.c */
extern const struct uring_op uring_cmd;

#endif
