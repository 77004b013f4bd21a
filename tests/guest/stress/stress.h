/* tests/guest/stress/stress.h */
#ifndef STRESS_H
#define STRESS_H

#include <stdint.h>
#include <sys/types.h>

#define FOLDER		"/tmp/stress"
#define EXEC_WORD	"executed"

enum { EXIT_WRONG = 77 };

/* A worker's life: until it dies in one of the ways there are. */
[[noreturn]] void work(unsigned number, uint64_t random);
/* For finding what it is: the one deed that workers do, by its place; -1: any. */
extern int only_deed;
/* What a worker that executes this program becomes. */
int executed(int argc, char **argv);

long now_ms(void);
void sleep_ms(long ms);

/* What the kernel says it holds. */
enum { COUNTS_MAX = 128, NAME_MAX_ = 32 };
struct memory {
	unsigned used;
	struct count {
		char name[NAME_MAX_];
		long value;
	} counts[COUNTS_MAX];
};
void memory_measure(struct memory *m);
/* Print each count that differs; how many do. */
int memory_compare(const struct memory *before, const struct memory *after);

#endif
