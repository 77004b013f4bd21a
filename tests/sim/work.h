/* tests/sim/work.h -- what the simulated programs do. */
#ifndef SIM_WORK_H
#define SIM_WORK_H

#include "program.h"

/* Each 8-byte word k of /mnt/pattern is k * WORK_PATTERN. */
#define WORK_PATTERN	   0x1e3779b97f4a7c15l
#define WORK_PATTERN_WORDS 24576l

/* Hooks the programs call (host_config.hook). */
enum { WORK_QUIET = 1, WORK_FAIL, WORK_FAILED, WORK_SAME, WORK_NOTE,
       WORK_ARM, WORK_DISARM, WORK_WATCH, WORK_HANDLED, WORK_STUCK, WORK_ENDED, WORK_ALONE,
       WORK_REFUSE,	/* the x24-th allocation from now fails */
       WORK_REFUSED,	/* none does; in a branch x24 becomes 1, for a loop that counts it down */
       WORK_BAD_DISK,	/* the x23-th disk fails */
       WORK_GOOD_DISK,	/* and does not any more */
       WORK_FRESH_DISKS };	/* those from SIM_FRESH on are as they were at the beginning */
#define SIM_FRESH 2

/* Mount the disk and let four processes do `rounds` random things each. */
void work_mixed(struct prog *p, unsigned rounds);
/* Two processes do `rounds` random ones each of the sweeps, which reach most of the system calls
 * and most of their ways; an allocation fails if findings->fail_nth says so. */
void work_sweep(struct prog *p, unsigned rounds);
/* The same sequence of calls three times: to warm up, with the n-th allocation failing, and
 * again; memory is then as it was after the first. */
void work_allocations(struct prog *p);

/* One of the sweeps, twice; the second time with points.h's branches, and nothing is leaked over
 * it. False past the last one. */
bool work_points(struct prog *p, unsigned thing);

#endif
