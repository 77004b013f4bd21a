/* core/uring/ops.h -- the operations about rings and time themselves. */
#ifndef URING_OPS_H
#define URING_OPS_H

#include "core/uring/op.h"

/* timeout.c */
extern const struct uring_op uring_timeout, uring_timeout_remove, uring_link_timeout;
/* poll.c */
extern const struct uring_op uring_poll_add, uring_poll_remove;
/* cancel.c */
extern const struct uring_op uring_async_cancel;
/* message.c */
extern const struct uring_op uring_msg_ring, uring_files_update, uring_fixed_fd_install;
extern const struct uring_op uring_provide_buffers, uring_remove_buffers;

/* What a parked poll, or timeout, waits for is another from now on: under the ring's lock. */
struct timeout;
bool timeout_matches(const struct uring_request *r, u64 user_data);

#endif
