/* tests/guest/uring.h -- rings by their system calls alone, for the tests of them.
 *
 * A ring that cannot be made, or a completion that does not come, ends the test.
 */
#ifndef URING_TEST_H
#define URING_TEST_H

#include <linux/io_uring.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;		/* both queues */
	size_t rings_size, sqes_size;
	char *sqes;
	unsigned sqe_size, cqe_size;
	unsigned tail;		/* of what was prepared, beyond what was submitted */
	unsigned submitted;
};

static inline int ring_setup(unsigned entries, struct io_uring_params *p)
{
	return (int)syscall(SYS_io_uring_setup, entries, p);
}

static inline int ring_enter_raw(int fd, unsigned submit, unsigned want, unsigned flags,
				 const void *arg, size_t size)
{
	return (int)syscall(SYS_io_uring_enter, fd, submit, want, flags, arg, size);
}

static inline int ring_register(const struct ring *r, unsigned what, const void *arg, unsigned n)
{
	return (int)syscall(SYS_io_uring_register, r->fd, what, arg, n);
}

static inline unsigned *ring_word(const struct ring *r, unsigned at)
{
	return (unsigned *)(r->rings + at);
}

static inline unsigned ring_load(const struct ring *r, unsigned at)
{
	return __atomic_load_n(ring_word(r, at), __ATOMIC_ACQUIRE);
}

static inline void ring_map(struct ring *r)
{
	size_t sq = r->p.sq_off.array + r->p.sq_entries * 4ul, cq;

	r->sqe_size = r->p.flags & IORING_SETUP_SQE128 ? 128 : 64;
	r->cqe_size = r->p.flags & IORING_SETUP_CQE32 ? 32 : 16;
	cq = r->p.cq_off.cqes + (size_t)r->p.cq_entries * r->cqe_size;
	r->rings_size = sq > cq ? sq : cq;
	r->sqes_size = (size_t)r->p.sq_entries * r->sqe_size;
	r->rings = mmap(NULL, r->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			IORING_OFF_SQ_RING);
	CHECK(r->rings != MAP_FAILED);
	r->sqes = mmap(NULL, r->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	CHECK(r->sqes != MAP_FAILED);
}

static inline struct ring ring_make_with(unsigned entries, struct io_uring_params p)
{
	struct ring r = { .p = p };

	r.fd = ring_setup(entries, &r.p);
	CHECK(r.fd >= 0);
	ring_map(&r);
	return r;
}

static inline struct ring ring_make(unsigned entries, unsigned flags)
{
	return ring_make_with(entries, (struct io_uring_params){ .flags = flags });
}

static inline void ring_unmap(struct ring *r)
{
	munmap(r->rings, r->rings_size);
	munmap(r->sqes, r->sqes_size);
}

static inline void ring_close(struct ring *r)
{
	ring_unmap(r);
	close(r->fd);
}

/* The next submission, empty but for these. */
static inline struct io_uring_sqe *ring_prepare(struct ring *r, int op, int fd, const void *addr,
						unsigned len, uint64_t off, uint64_t user_data)
{
	unsigned slot = r->tail++ & (r->p.sq_entries - 1);
	struct io_uring_sqe *sqe = (struct io_uring_sqe *)(r->sqes + slot * r->sqe_size);

	memset(sqe, 0, r->sqe_size);
	sqe->opcode = (uint8_t)op;
	sqe->fd = fd;
	sqe->addr = (uint64_t)addr;
	sqe->len = len;
	sqe->off = off;
	sqe->user_data = user_data;
	if (!(r->p.flags & IORING_SETUP_NO_SQARRAY))
		ring_word(r, r->p.sq_off.array)[slot] = slot;
	return sqe;
}

static inline struct io_uring_sqe *ring_nop(struct ring *r, uint64_t user_data)
{
	return ring_prepare(r, IORING_OP_NOP, -1, NULL, 0, 0, user_data);
}

/* What was prepared is there for the kernel; how many. */
static inline unsigned ring_publish(struct ring *r)
{
	unsigned n = r->tail - r->submitted;

	__atomic_store_n(ring_word(r, r->p.sq_off.tail), r->tail, __ATOMIC_RELEASE);
	r->submitted = r->tail;
	return n;
}

/* Submit what was prepared and wait for so many completions: io_uring_enter's result. */
static inline int ring_submit(struct ring *r, unsigned want)
{
	return ring_enter_raw(r->fd, ring_publish(r), want, want ? IORING_ENTER_GETEVENTS : 0,
			      NULL, 0);
}

static inline unsigned ring_ready(const struct ring *r)
{
	return ring_load(r, r->p.cq_off.tail) - ring_load(r, r->p.cq_off.head);
}

/* The first completion, left where it is; NULL: there is none. */
static inline struct io_uring_cqe *ring_peek(const struct ring *r)
{
	unsigned head = ring_load(r, r->p.cq_off.head);

	if (!ring_ready(r))
		return NULL;
	return (struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes +
				       (head & (r->p.cq_entries - 1)) * r->cqe_size);
}

static inline void ring_seen(const struct ring *r)
{
	__atomic_store_n(ring_word(r, r->p.cq_off.head), ring_load(r, r->p.cq_off.head) + 1,
			 __ATOMIC_RELEASE);
}

/* Take the first completion, waiting for it. */
static inline struct io_uring_cqe ring_take(struct ring *r)
{
	struct io_uring_cqe *at, cqe;

	while (!(at = ring_peek(r)))
		CHECK(ring_enter_raw(r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 0 ||
		      errno == EINTR);
	cqe.user_data = at->user_data;
	cqe.res = at->res;
	cqe.flags = at->flags;
	ring_seen(r);
	return cqe;
}

/* Take one that must be this one; its result. */
static inline int ring_expect(struct ring *r, uint64_t user_data)
{
	struct io_uring_cqe cqe = ring_take(r);

	CHECK_EQ(cqe.user_data, user_data);
	return cqe.res;
}

/* Submit the one that was prepared; its result. */
static inline int ring_do(struct ring *r, uint64_t user_data)
{
	CHECK_EQ(ring_submit(r, 1), 1);
	return ring_expect(r, user_data);
}

#endif
