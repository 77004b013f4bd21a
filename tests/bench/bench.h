/* tests/bench/bench.h -- what the operations that are measured share. */
#ifndef BENCH_H
#define BENCH_H

#define WARM_ROUNDS 200

/* A label, and no instruction: `./lichen profile` counts how often a loop came by. */
#define ROUND_DONE __asm__ volatile("bench_round_%=:" ::: "memory")

void die(const char *what);
/* Between the warming and the measuring, and after the measuring: so many operations. */
void begin(void);
void end(long rounds);

/* ring.c: requests of a ring, alone and RING_MANY at once; one round is one submission. */
#define RING_MANY 32
void bench_ring_nop(long rounds);
void bench_ring_nops(long rounds);
void bench_ring_read(long rounds);
void bench_ring_reads(long rounds);
void bench_ring_wait(long rounds);
void bench_ring_waits(long rounds);

#endif
