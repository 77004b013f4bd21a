/* syscalls/uring_fs.c -- operations of rings on files and names that are not quite a system call.
 */
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "core/uring/uring.h"
#include "syscalls/open.h"
#include "syscalls/splice.h"
#include "syscalls/uring_call.h"
#include "vfs/fd.h"
#include "vfs/file.h"

co_t begin_close(struct co *co, const u64 *a);
co_t begin_madvise(struct co *co, const u64 *a);
syscall_plain_fn plain_fadvise64;

/* --- OPENAT, OPENAT2 --- */

/* A direct descriptor is not the process's, so exec does not close it. */
static int openat_prepare(struct uring_request *r)
{
	int err = uring_call_check(r, URING_NO_BUFFER | URING_NO_FIXED);

	if (!err && r->sqe.file_index && (r->sqe.open_flags & O_CLOEXEC))
		err = -EINVAL;
	r->args[0] = r->sqe.addr;
	return err ? err : uring_keep(r, &r->args[0], URING_STRING);
}

static co_t openat_begin(struct co *co, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	return co_begin(co, sys_openat, .dirfd = s->fd, .path = uptr_of(r->args[0]),
			.flags = s->open_flags, .mode = s->len, .file_index = s->file_index);
}

const struct uring_op uring_openat = {.prepare = openat_prepare, .begin = openat_begin};

static int openat2_prepare(struct uring_request *r)
{
	int err = uring_call_check(r, URING_NO_BUFFER | URING_NO_FIXED);

	if (!err && r->sqe.len < sizeof(struct open_how))
		err = -EINVAL;
	r->args[0] = r->sqe.addr;
	r->args[1] = r->sqe.off;
	if (!err && r->sqe.len <= PAGE_SIZE)
		err = uring_keep(r, &r->args[1], r->sqe.len);
	return err ? err : uring_keep(r, &r->args[0], URING_STRING);
}

static co_t openat2_begin(struct co *co, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	return co_begin(co, sys_openat2, .dirfd = s->fd, .path = uptr_of(r->args[0]),
			.from = uptr_of(r->args[1]), .size = s->len, .file_index = s->file_index);
}

const struct uring_op uring_openat2 = {.prepare = openat2_prepare, .begin = openat2_begin};

/* --- CLOSE --- */

static int close_prepare(struct uring_request *r)
{
	int err = uring_call_check(r, URING_NO_FIXED | URING_NO_OFF | URING_NO_ADDR | URING_NO_LEN |
					      URING_NO_FLAGS | URING_NO_BUFFER);

	return err ? err : r->sqe.file_index && r->sqe.fd ? -EINVAL : 0;
}

/* A ring is not closed by a request of one. */
static bool close_is_ring(struct uring_request *r)
{
	struct file *file = fd_get(task_current()->fds, r->sqe.fd);
	bool is = file && uring_of(file);

	file_put(file);
	return is;
}

static co_t close_begin(struct co *co, struct uring_request *r)
{
	if (r->sqe.file_index) {
		co->result = uring_uninstall(r->ring, r->sqe.file_index - 1);
		return CO_DONE;
	}
	if (close_is_ring(r)) {
		co->result = -EBADF;
		return CO_DONE;
	}
	r->args[0] = (u64)r->sqe.fd;
	return begin_close(co, r->args);
}

const struct uring_op uring_close = {.prepare = close_prepare, .begin = close_begin};

/* --- FSYNC --- */

static int fsync_prepare(struct uring_request *r)
{
	int err = uring_call_check(r, URING_NO_ADDR | URING_NO_REST);

	return err ? err : r->sqe.fsync_flags & ~IORING_FSYNC_DATASYNC ? -EINVAL : 0;
}

/* All of the file, whatever part was asked for. */
static co_t fsync_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, file_sync, .file = r->file,
			.data_only = r->sqe.fsync_flags & IORING_FSYNC_DATASYNC);
}

const struct uring_op uring_fsync = {
	.flags = URING_FILE, .prepare = fsync_prepare, .begin = fsync_begin
};

/* --- advice --- */

static int advise_prepare(struct uring_request *r)
{
	return uring_call_check(r, URING_NO_REST);
}

static co_t fadvise_begin(struct co *co, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;
	const u64 a[6] = {(u64)FD_GIVEN, s->off, s->addr ? s->addr : s->len, s->fadvise_advice};

	co->result = plain_fadvise64(co_task(co), a);
	return CO_DONE;
}

const struct uring_op uring_fadvise = {
	.flags = URING_FILE, .prepare = advise_prepare, .begin = fadvise_begin
};

static co_t madvise_begin(struct co *co, struct uring_request *r)
{
	const struct io_uring_sqe *s = &r->sqe;

	r->args[0] = s->addr;
	r->args[1] = s->off ? s->off : s->len;
	r->args[2] = s->fadvise_advice;
	return begin_madvise(co, r->args);
}

const struct uring_op uring_madvise = {.prepare = advise_prepare, .begin = madvise_begin};

/* --- SPLICE, TEE --- */

static int splice_prepare(struct uring_request *r)
{
	return r->sqe.splice_flags & ~(SPLICE_F_FD_IN_FIXED | SPLICE_FLAGS) ? -EINVAL : 0;
}

static int tee_prepare(struct uring_request *r)
{
	return r->sqe.splice_off_in || r->sqe.off ? -EINVAL : splice_prepare(r);
}

static struct file *splice_in(struct uring_request *r)
{
	return r->sqe.splice_flags & SPLICE_F_FD_IN_FIXED
		       ? uring_file(r->ring, (u32)r->sqe.splice_fd_in)
		       : fd_get(task_current()->fds, r->sqe.splice_fd_in);
}

struct uring_splice_op {
	struct co_frame co;
	struct uring_request *r;
	bool tee;
	struct splice_run run;
	long n;
};
static co_t uring_splice_op(struct co *co, struct uring_splice_op *f)
{
	CO_BEGIN;
	f->run.in.file = splice_in(f->r);
	if (!f->run.in.file)
		CO_RETURN(-EBADF);
	f->run.out.file = f->r->file;
	f->run.in.given = !f->tee && f->r->sqe.splice_off_in != UINT64_MAX;
	f->run.in.place = (i64)f->r->sqe.splice_off_in;
	f->run.out.given = !f->tee && f->r->sqe.off != UINT64_MAX;
	f->run.out.place = (i64)f->r->sqe.off;
	f->run.len = f->r->sqe.len;
	f->run.flags = f->r->sqe.splice_flags & SPLICE_FLAGS;
	if (f->tee)
		CO_AWAIT(f->n, splice_tee, .run = &f->run);
	else
		CO_AWAIT(f->n, splice_files, .run = &f->run);
	file_put(f->run.in.file);
	CO_RETURN(f->n);
	CO_END;
}

/* Less than was asked for severs a link. */
static co_t splice_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_splice_op, .r = r);
}

static co_t tee_begin(struct co *co, struct uring_request *r)
{
	return co_begin(co, uring_splice_op, .r = r, .tee = true);
}

const struct uring_op uring_splice = {
	.flags = URING_FILE, .prepare = splice_prepare, .begin = splice_begin
};
const struct uring_op uring_tee = {
	.flags = URING_FILE, .prepare = tee_prepare, .begin = tee_begin
};
