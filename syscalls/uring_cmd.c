/* syscalls/uring_cmd.c -- IORING_OP_URING_CMD, which is the file's own matter: sockets'. */
#include <asm/ioctls.h>
#include <linux/sockios.h>

#include "core/net/ioctl.h"
#include "core/net/option.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/sockets.h"
#include "syscalls/uring_call.h"

co_t begin_setsockopt(struct co *co, const u64 *a);

static int cmd_prepare(struct uring_request *r)
{
	return r->sqe.__pad1 || r->sqe.uring_cmd_flags || r->sqe.ioprio ? -EINVAL : 0;
}

/* How much there is to read, or how much was sent and is on its way. */
static long cmd_query(struct uring_request *r, unsigned cmd)
{
	int value;
	long err = socket_query(socket_of(r->file), cmd, &value);

	return err ? err : value;
}

/* The value's length is the result. */
struct uring_cmd_get {
	struct co_frame co;
	struct uring_request *r;
	char *value;
	u32 len;
	long err;
};
static co_t uring_cmd_get(struct co *co, struct uring_cmd_get *f)
{
	CO_BEGIN;
	if (f->r->sqe.level != SOL_SOCKET || f->r->sqe.optname == SO_GET_FILTER)
		CO_RETURN(-EOPNOTSUPP);
	if ((i32)f->r->sqe.optlen < 0)
		CO_RETURN(-EINVAL);
	f->value = kzalloc(SOCKET_OPTION_MAX);
	if (!f->value)
		CO_RETURN(-ENOMEM);
	f->len = f->r->sqe.optlen;
	f->err = option_get(socket_of(f->r->file), SOL_SOCKET, (int)f->r->sqe.optname, f->value,
			    &f->len);
	if (!f->err)
		CO_COPY_TO_USER(f->err, uptr_of(f->r->sqe.optval), f->value, (size_t)f->len);
	kfree(f->value);
	CO_RETURN(f->err ? f->err : f->len);
	CO_END;
}

static co_t cmd_begin(struct co *co, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	co->result = -EOPNOTSUPP;
	if (!socket_of(r->file))
		return CO_DONE;
	switch (s->cmd_op) {
	case SOCKET_URING_OP_SIOCINQ:
		co->result = cmd_query(r, SIOCINQ);
		break;
	case SOCKET_URING_OP_SIOCOUTQ:
		co->result = cmd_query(r, SIOCOUTQ);
		break;
	case SOCKET_URING_OP_GETSOCKOPT:
		return co_begin(co, uring_cmd_get, .r = r);
	case SOCKET_URING_OP_SETSOCKOPT:
		r->args[0] = (u64)FD_GIVEN;
		r->args[1] = s->level;
		r->args[2] = s->optname;
		r->args[3] = s->optval;
		r->args[4] = s->optlen;
		return begin_setsockopt(co, r->args);
	}
	return CO_DONE;
}

const struct uring_op uring_cmd = {
	.flags = URING_FILE, .prepare = cmd_prepare, .begin = cmd_begin
};
