/* tests/guest/rings.h -- one request of a ring at a time, written down where it is made. */
#ifndef RINGS_H
#define RINGS_H

#include "uring.h"

static inline struct ring rings_new(unsigned entries)
{
	return ring_make(entries, 0);
}

/* Submit one. */
static inline void rings_submit(struct ring *r, const struct io_uring_sqe *sqe)
{
	*ring_nop(r, 0) = *sqe;
	CHECK_EQ(ring_submit(r, 0), 1);
}

/* Submit it; what its only completion says. */
static inline int rings_run(struct ring *r, const struct io_uring_sqe *sqe)
{
	struct io_uring_cqe cqe;

	rings_submit(r, sqe);
	cqe = ring_take(r);
	CHECK_EQ(cqe.user_data, sqe->user_data);
	CHECK(!(cqe.flags & IORING_CQE_F_MORE));
	return cqe.res;
}
#define RUN(r, ...) rings_run((r), &(struct io_uring_sqe){.user_data = __LINE__, __VA_ARGS__})
#define ADDRESS(p) .addr = (unsigned long)(p)
#define ADDRESS2(p) .addr2 = (unsigned long)(p)

#endif
