/* What requests of a ring cost, with io_uring_enter and the program's own part. */
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static struct {
	int fd;
	unsigned *sq_tail, *cq_head, *cq_tail, *array;
	unsigned sq_mask;
	struct io_uring_sqe *sqes;
	int pipe[2];
} ring;

static void make_ring(void)
{
	struct io_uring_params p = {0};
	char *rings;

	ring.fd = (int)syscall(SYS_io_uring_setup, RING_MANY, &p);
	if (ring.fd < 0)
		die("io_uring_setup");
	rings = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED,
		     ring.fd, IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, p.sq_entries * sizeof(*ring.sqes), PROT_READ | PROT_WRITE,
			 MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (rings == MAP_FAILED || ring.sqes == MAP_FAILED || pipe(ring.pipe))
		die("a ring");
	ring.sq_tail = (unsigned *)(rings + p.sq_off.tail);
	ring.array = (unsigned *)(rings + p.sq_off.array);
	ring.cq_head = (unsigned *)(rings + p.cq_off.head);
	ring.cq_tail = (unsigned *)(rings + p.cq_off.tail);
	ring.sq_mask = p.sq_entries - 1;
}

static void enter(unsigned submit, unsigned wait)
{
	if (syscall(SYS_io_uring_enter, ring.fd, submit, wait, wait ? IORING_ENTER_GETEVENTS : 0,
		    NULL, 0) != submit)
		die("io_uring_enter");
}

/* n requests of one kind, a byte each. */
static void prepare(unsigned char op, unsigned n)
{
	static char bytes[RING_MANY];
	unsigned tail = *ring.sq_tail;

	for (unsigned i = 0; i < n; i++, tail++) {
		struct io_uring_sqe *sqe = &ring.sqes[tail & ring.sq_mask];

		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = op;
		sqe->fd = ring.pipe[0];
		if (op == IORING_OP_READ) {
			sqe->addr = (uintptr_t)&bytes[i];
			sqe->len = 1;
		}
		sqe->user_data = i;
		ring.array[tail & ring.sq_mask] = tail & ring.sq_mask;
	}
	__atomic_store_n(ring.sq_tail, tail, __ATOMIC_RELEASE);
}

static void take(unsigned n)
{
	unsigned head = *ring.cq_head;

	if (__atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE) - head != n)
		die("completions");
	__atomic_store_n(ring.cq_head, head + n, __ATOMIC_RELEASE);
}

static void give(unsigned n)
{
	static const char bytes[RING_MANY];

	if (write(ring.pipe[1], bytes, n) != n)
		die("write");
}

static void nops(unsigned n)
{
	prepare(IORING_OP_NOP, n);
	enter(n, n);
	take(n);
}

/* Of a pipe that has them. */
static void reads(unsigned n)
{
	give(n);
	prepare(IORING_OP_READ, n);
	enter(n, n);
	take(n);
}

/* Of a pipe that gets them when all wait. */
static void waits(unsigned n)
{
	prepare(IORING_OP_READ, n);
	enter(n, 0);
	give(n);
	enter(0, n);
	take(n);
}

static void measure(void (*round)(unsigned n), unsigned n, long rounds)
{
	make_ring();
	for (int warm = 0; warm < 2; warm++) {
		if (warm)
			begin();
		for (long i = 0; i < (warm ? rounds : WARM_ROUNDS); i++) {
			round(n);
			ROUND_DONE;
		}
	}
	end(rounds * n);
}

void bench_ring_nop(long rounds) { measure(nops, 1, rounds); }
void bench_ring_nops(long rounds) { measure(nops, RING_MANY, rounds); }
void bench_ring_read(long rounds) { measure(reads, 1, rounds); }
void bench_ring_reads(long rounds) { measure(reads, RING_MANY, rounds); }
void bench_ring_wait(long rounds) { measure(waits, 1, rounds); }
void bench_ring_waits(long rounds) { measure(waits, RING_MANY, rounds); }
