/* syscalls/uring_net.c -- operations of rings on sockets that are not quite a system call. */
#include <linux/fcntl.h>
#include <linux/uio.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "syscalls/sockets.h"
#include "syscalls/uring_call.h"
#include "vfs/poll.h"

#define NET_FLAGS ((u32)(SOCK_CLOEXEC | SOCK_NONBLOCK))

/* Its socket; NULL: it is none. */
static struct socket *net_socket(const struct uring_request *r)
{
	return socket_of(r->file);
}

/* --- SOCKET --- */

static int socket_prepare(struct uring_request *r)
{
	int err = uring_call_check(r, URING_NO_ADDR | URING_NO_FLAGS | URING_NO_BUFFER |
					      URING_NO_FIXED);
	u32 flags = (u32)r->sqe.off & ~SOCK_TYPE_MASK;

	if (err)
		return err;
	return (r->sqe.file_index && (flags & SOCK_CLOEXEC)) || (flags & ~NET_FLAGS) ? -EINVAL : 0;
}

static co_t socket_begin(struct co *co, struct uring_request *r)
{
	const struct io_uring_sqe *q = &r->sqe;
	u32 type = (u32)q->off;
	struct file *file;
	struct socket *s;

	co->result = socket_new((u32)q->fd, type & SOCK_TYPE_MASK, q->len, &s);
	if (co->result)
		return CO_DONE;
	file = sockets_open(s, type);
	co->result = file ? uring_call_install(co, file, type & SOCK_CLOEXEC, q->file_index)
			  : -ENOMEM;
	return CO_DONE;
}

const struct uring_op uring_socket = {.prepare = socket_prepare, .begin = socket_begin};

/* --- ACCEPT --- */

#define ACCEPT_KNOWN \
	(IORING_ACCEPT_MULTISHOT | IORING_ACCEPT_DONTWAIT | IORING_ACCEPT_POLL_FIRST)

static int accept_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	int err = uring_call_check(r, URING_NO_LEN | URING_NO_BUFFER);

	if (err)
		return err;
	if ((s->ioprio & ~ACCEPT_KNOWN) || (s->accept_flags & ~NET_FLAGS))
		return -EINVAL;
	if (s->file_index && (s->accept_flags & SOCK_CLOEXEC))
		return -EINVAL;
	if ((s->ioprio & IORING_ACCEPT_MULTISHOT) && s->file_index &&
	    s->file_index != IORING_FILE_INDEX_ALLOC)
		return -EINVAL;
	return 0;
}

static bool accept_no_wait(const struct uring_request *r)
{
	return r->sqe.ioprio & IORING_ACCEPT_DONTWAIT;
}

/* One, or one after the other until something is wrong. */
struct uring_accept_op {
	struct co_frame co;
	struct uring_request *r;
	struct socket *made;
	struct file *file;
	char *name;
	int len;
	long n;
};

static long accept_open(struct uring_accept_op *f)
{
	const struct io_uring_sqe *s = &f->r->sqe;

	f->file = sockets_open(f->made, s->accept_flags);
	if (!f->file)
		return -ENOMEM;
	if (!s->addr)
		return 0;
	f->name = kmalloc(NET_NAME_MAX);
	f->len = f->name ? f->made->ops->name(f->made, true, f->name) : -ENOMEM;
	return f->len == -ENOMEM ? -ENOMEM : f->len < 0 ? -ECONNABORTED : 0;
}

static co_t uring_accept_op(struct co *co, struct uring_accept_op *f)
{
	CO_BEGIN;
	if (!net_socket(f->r))
		CO_RETURN(-ENOTSOCK);
	for (;;) {
		CO_AWAIT(f->n, socket_accept, .socket = net_socket(f->r),
			 .no_wait = accept_no_wait(f->r), .made = &f->made);
		if (f->n)
			CO_RETURN(f->n);
		f->n = accept_open(f);
		if (!f->n && f->r->sqe.addr)
			CO_AWAIT(f->n, sockets_name_out, .name = f->name, .len = f->len,
				 .to = uptr_of(f->r->sqe.addr),
				 .to_len = uptr_of(f->r->sqe.addr2));
		kfree(f->name);
		f->name = NULL;
		if (!f->n)
			f->n = uring_call_install(co, f->file,
						  f->r->sqe.accept_flags & SOCK_CLOEXEC,
						  f->r->sqe.file_index);
		else
			file_put(f->file);
		if (f->n < 0 || !(f->r->sqe.ioprio & IORING_ACCEPT_MULTISHOT) ||
		    !uring_may_post(f->r))
			break;
		uring_post_more(f->r, f->n, 0);
		CO_BREATHE;
	}
	CO_RETURN(f->n);
	CO_END;
}

static co_t accept_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_accept_op, .r = r);
}

const struct uring_op uring_accept = {
	.flags = URING_FILE | URING_IOPRIO, .prepare = accept_prepare, .begin = accept_begin
};

/* --- SEND, RECV: one buffer, which may be chosen when there is something for it --- */

#define SEND_KNOWN IORING_RECVSEND_POLL_FIRST
#define RECV_KNOWN (IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT)

static bool net_selects(const struct uring_request *r)
{
	return r->sqe.flags & IOSQE_BUFFER_SELECT;
}

static bool net_is_multishot(const struct uring_request *r)
{
	return r->sqe.ioprio & IORING_RECV_MULTISHOT;
}

/* What became of the buffer that was chosen. */
static void net_chosen(struct uring_request *r, long n)
{
	if (n > 0)
		uring_select_used(r, (u64)n);
	else
		uring_unselect(r);
}

/* Of one buffer: less than all that was asked for severs a link. */
static long net_result(struct uring_request *r, long n, u32 len)
{
	r->fails = (r->sqe.msg_flags & MSG_WAITALL) && n >= 0 && n < len;
	return n;
}

/* args[0]: where to. */
static int net_keep_name(struct uring_request *r)
{
	r->args[0] = r->sqe.addr2;
	return uring_keep(r, &r->args[0], r->sqe.addr_len <= NET_NAME_MAX ? r->sqe.addr_len : 0);
}

static int send_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->file_index & 0xffff0000u || s->ioprio & ~SEND_KNOWN)
		return -EINVAL;
	return net_keep_name(r);
}

static int recv_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->file_index || s->addr2 || (s->ioprio & ~RECV_KNOWN))
		return -EINVAL;
	if (net_is_multishot(r) &&
	    (!net_selects(r) || (s->msg_flags & MSG_WAITALL) ||
	     (s->opcode == IORING_OP_RECV && s->len)))
		return -EINVAL;
	return 0;
}

/* Wait until the file may be ready. */
struct net_ready {
	struct co_frame co;
	struct poll_item item;
	long n;
};
static co_t net_ready(struct co *co, struct net_ready *f)
{
	CO_BEGIN;
	CO_AWAIT(f->n, poll_wait, .items = &f->item, .count = 1, .deadline_ns = CO_FOREVER);
	CO_RETURN(min(f->n, 0l));
	CO_END;
}

struct uring_send_op {
	struct co_frame co;
	struct uring_request *r;
	struct socket_message m;
	u64 at;
	u32 len;
	long n;
};
static co_t uring_send_op(struct co *co, struct uring_send_op *f)
{
	CO_BEGIN;
	if (!net_socket(f->r))
		CO_RETURN(-ENOTSOCK);
	f->at = f->r->sqe.addr;
	f->len = f->r->sqe.len;
	if (net_selects(f->r))
		f->n = uring_select(f->r, &f->at, &f->len);
	if (!f->n)
		f->n = message_buffer(&f->m.uio, uptr_of(f->at), f->len);
	if (f->n)
		CO_RETURN(f->n);
	if (f->r->args[0]) {
		f->m.name = kmalloc(NET_NAME_MAX);
		f->n = -ENOMEM;
		if (f->m.name)
			CO_AWAIT(f->n, sockets_name_in, .from = uptr_of(f->r->args[0]),
				 .len = f->r->sqe.addr_len, .name = f->m.name);
		f->m.name_len = f->r->sqe.addr_len;
	}
	f->m.flags = f->r->sqe.msg_flags | MSG_NOSIGNAL;
	if (!f->n)
		CO_AWAIT_OP(f->n, net_socket(f->r)->ops->send, .socket = net_socket(f->r),
			    .message = &f->m);
	kfree(f->m.name);
	if (f->n >= 0)
		uring_select_used(f->r, (u64)f->n);
	CO_RETURN(net_result(f->r, f->n, f->len));
	CO_END;
}

static co_t send_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_send_op, .r = r);
}

const struct uring_op uring_send = {
	.flags = URING_FILE | URING_IOPRIO | URING_BUFFERS, .prepare = send_prepare,
	.begin = send_begin
};

struct uring_recv_op {
	struct co_frame co;
	struct uring_request *r;
	struct socket_message m;
	u64 at;
	u32 len;
	long n;
};

/* Where it goes, and whether it may wait there: not with a buffer that others could use. */
static long recv_place(struct uring_recv_op *f)
{
	long err = 0;

	f->at = f->r->sqe.addr;
	f->len = f->r->sqe.len;
	if (net_selects(f->r))
		err = uring_select(f->r, &f->at, &f->len);
	if (!err)
		err = message_buffer(&f->m.uio, uptr_of(f->at), f->len);
	f->m.flags = f->r->sqe.msg_flags;
	if (net_selects(f->r))
		f->m.flags |= MSG_DONTWAIT;
	return err;
}

/* May it wait for what is not there yet? */
static bool recv_may_wait(const struct uring_request *r)
{
	return !(r->sqe.msg_flags & MSG_DONTWAIT);
}

/* More of it is there already. */
static u32 recv_flags(const struct uring_request *r)
{
	return atomic_load_relaxed(&net_socket(r)->queued) ? IORING_CQE_F_SOCK_NONEMPTY : 0;
}

static bool recv_goes_on(struct uring_recv_op *f)
{
	u32 flags = f->r->cqe_flags | recv_flags(f->r);

	if (f->n <= 0 || !net_is_multishot(f->r) || !uring_may_post(f->r))
		return false;
	uring_post_more(f->r, f->n, flags);
	uring_select_next(f->r);
	return true;
}

static co_t uring_recv_op(struct co *co, struct uring_recv_op *f)
{
	CO_BEGIN;
	if (!net_socket(f->r))
		CO_RETURN(-ENOTSOCK);
	for (;;) {
		f->n = recv_place(f);
		if (f->n)
			CO_RETURN(f->n);
		CO_AWAIT_OP(f->n, net_socket(f->r)->ops->receive, .socket = net_socket(f->r),
			    .message = &f->m);
		net_chosen(f->r, f->n);
		if (f->n == -EAGAIN && recv_may_wait(f->r)) {
			CO_AWAIT(f->n, net_ready, .item = {.file = f->r->file, .events = POLLIN});
			if (f->n)
				CO_RETURN(f->n);
		} else if (!recv_goes_on(f)) {
			break;
		}
		CO_BREATHE;
	}
	if (f->n >= 0)
		f->r->cqe_flags |= recv_flags(f->r);
	CO_RETURN(net_result(f->r, f->n, f->len));
	CO_END;
}

static co_t recv_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_recv_op, .r = r);
}

const struct uring_op uring_recv = {
	.flags = URING_FILE | URING_IOPRIO | URING_BUFFERS, .prepare = recv_prepare,
	.begin = recv_begin
};

/* --- SENDMSG, RECVMSG --- */

/* args[0]: the header; with it its vectors and, to send, the address are kept. */
static int net_keep_header(struct uring_request *r, bool sends)
{
	struct net_msghdr *hdr;
	int err;

	r->args[0] = r->sqe.addr;
	err = uring_keep(r, &r->args[0], sizeof(*hdr));
	hdr = err ? NULL : uring_kept(r, r->args[0], sizeof(*hdr));
	if (hdr && hdr->iov_len <= UIO_MAXIOV)
		err = uring_keep(r, &hdr->iov, hdr->iov_len * sizeof(struct uio_vec));
	if (hdr && !err && sends && hdr->name_len > 0)
		err = uring_keep(r, &hdr->name, (u64)min(hdr->name_len, (i32)NET_NAME_MAX));
	return err;
}

static int sendmsg_prepare(struct uring_request *r)
{
	int err = r->sqe.addr2 || net_selects(r) ? -EINVAL : send_prepare(r);

	return err ? err : net_keep_header(r, true);
}

static int recvmsg_prepare(struct uring_request *r)
{
	int err = net_is_multishot(r) ? -EINVAL : recv_prepare(r);

	/* It is read each time that there may be something. */
	r->keeps |= net_selects(r);
	return err ? err : net_keep_header(r, false);
}

static co_t net_no_socket(struct co *co)
{
	co->result = -ENOTSOCK;
	return CO_DONE;
}

static co_t sendmsg_begin(struct co *co, struct uring_request *r)
{
	if (!net_socket(r))
		return net_no_socket(co);
	return co_begin(co, message_send, .file = r->file, .from = uptr_of(r->args[0]),
			.flags = r->sqe.msg_flags | MSG_NOSIGNAL);
}

/* Into a buffer that is chosen when there is something for it. */
struct uring_recvmsg_op {
	struct co_frame co;
	struct uring_request *r;
	u64 at;
	u32 len;
	long n;
};
static co_t uring_recvmsg_op(struct co *co, struct uring_recvmsg_op *f)
{
	CO_BEGIN;
	for (;;) {
		f->len = 0;
		f->n = uring_select(f->r, &f->at, &f->len);
		if (f->n)
			CO_RETURN(f->n);
		CO_AWAIT(f->n, message_receive, .file = f->r->file,
			 .from = uptr_of(f->r->args[0]), .to = uptr_of(f->r->sqe.addr),
			 .given = true, .at = f->at, .len = f->len,
			 .flags = f->r->sqe.msg_flags | MSG_DONTWAIT);
		net_chosen(f->r, f->n);
		if (f->n != -EAGAIN || !recv_may_wait(f->r))
			break;
		CO_AWAIT(f->n, net_ready, .item = {.file = f->r->file, .events = POLLIN});
		if (f->n)
			break;
	}
	CO_RETURN(f->n);
	CO_END;
}

static co_t recvmsg_begin(struct co *co, struct uring_request *r)
{
	if (!net_socket(r))
		return net_no_socket(co);
	if (net_selects(r))
		return co_begin(co, uring_recvmsg_op, .r = r);
	return co_begin(co, message_receive, .file = r->file, .from = uptr_of(r->args[0]),
			.to = uptr_of(r->sqe.addr), .flags = r->sqe.msg_flags);
}

const struct uring_op uring_sendmsg = {
	.flags = URING_FILE | URING_IOPRIO, .prepare = sendmsg_prepare, .begin = sendmsg_begin
};
const struct uring_op uring_recvmsg = {
	.flags = URING_FILE | URING_IOPRIO | URING_BUFFERS, .prepare = recvmsg_prepare,
	.begin = recvmsg_begin
};

/* --- SEND_ZC, SENDMSG_ZC: the bytes are copied, so that the buffer is free again at once; which is
 * told by a completion of its own, as by who sends it from where it is --- */

#define ZC_KNOWN (IORING_RECVSEND_POLL_FIRST | IORING_SEND_ZC_REPORT_USAGE)

static int zc_prepare(struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	if (s->addr3 || s->__pad2[0] || (s->flags & IOSQE_CQE_SKIP_SUCCESS) ||
	    (s->ioprio & ~ZC_KNOWN))
		return -EINVAL;
	if (s->opcode == IORING_OP_SENDMSG_ZC)
		return s->addr2 || s->file_index ? -EINVAL : net_keep_header(r, true);
	return s->file_index & 0xffff0000u ? -EINVAL : net_keep_name(r);
}

struct uring_zc_op {
	struct co_frame co;
	struct uring_request *r;
	long n;
};

static bool zc_can(const struct uring_request *r)
{
	u16 family = net_socket(r)->family;

	return family == AF_INET || family == AF_INET6;
}

static co_t uring_zc_op(struct co *co, struct uring_zc_op *f)
{
	CO_BEGIN;
	if (!net_socket(f->r))
		f->n = -ENOTSOCK;
	else if (!zc_can(f->r))
		f->n = -EOPNOTSUPP;
	else if (f->r->sqe.opcode == IORING_OP_SEND_ZC)
		CO_AWAIT(f->n, uring_send_op, .r = f->r);
	else
		CO_AWAIT(f->n, message_send, .file = f->r->file, .from = uptr_of(f->r->args[0]),
			 .flags = f->r->sqe.msg_flags | MSG_NOSIGNAL);
	f->r->fails |= f->n < 0;
	uring_post_more(f->r, f->n, 0);
	f->r->cqe_flags = IORING_CQE_F_NOTIF;
	CO_RETURN(f->r->sqe.ioprio & IORING_SEND_ZC_REPORT_USAGE
			  ? (i32)IORING_NOTIF_USAGE_ZC_COPIED : 0);
	CO_END;
}

static co_t zc_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_zc_op, .r = r);
}

const struct uring_op uring_zc = {
	.flags = URING_FILE | URING_IOPRIO, .prepare = zc_prepare, .begin = zc_begin
};
