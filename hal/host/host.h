/* hal/host/host.h -- a simulated machine for tests: what it is made of, and one run of it.
 *
 * host_run forks, so each run begins with the kernel's own initial data, and a crash of it is
 * a result. Inside, every simulated CPU is a thread:
 *
 *   seeded     one thread runs at a time; at every atomic operation, spinlock, interrupt
 *              window and entry the baton may pass to another CPU, drawn from the seed. The
 *              same seed gives the same run.
 *   free       the threads run together, for ThreadSanitizer.
 *   explored   one at a time too, in an order that hal/host/explore.c decides: all of them.
 *
 * Time is virtual: each step adds a little, and when every CPU is idle it jumps to the next
 * timer or device event.
 *
 * Ownership  a config and what it points at are borrowed for the run. A disk's image is
 *            changed in place only if it is MAP_SHARED memory; the run is another process.
 * Units      times in nanoseconds of virtual time, sizes in bytes.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "hal/types.h"
#include "hal/host/program.h"

struct hal_user;
struct host_result;

#define HOST_DISKS 9

enum host_mode { HOST_SEEDED, HOST_FREE, HOST_EXPLORED };

enum host_end {
	HOST_OFF,	/* hal_power_off */
	HOST_FAILED,	/* host_fail: an expectation of the test or of the machine broke */
	HOST_HALTED,	/* hal_halt: a panic */
	HOST_STUCK,	/* all CPUs idle, nothing due */
	HOST_LATE,	/* virtual time ran past limit_ns */
	HOST_CUT,	/* power was cut, as asked */
	HOST_CRASHED,	/* a signal or a sanitizer */
	HOST_RESET,
};

/* How a disk misbehaves. Rates are per 1024 requests. */
struct host_disk {
	u8 *image;		/* NULL: no disk */
	u64 size;		/* a multiple of 512 */
	bool read_only;
	u32 error_rate;		/* completes with an I/O error, data not moved */
	u32 slow_rate;		/* takes up to 100 ms instead of up to 1 ms */
	u32 segments;		/* it takes in a request; 0: as many as it can */
	const u8 *original;	/* what host_disk_restore brings back, whole pages; NULL: nothing */
	u64 cut_at_write;	/* not 0: power goes during the n-th write; unflushed ones tear */
};

struct host_config {
	u64 seed;
	enum host_mode mode;
	unsigned cpus;		/* 0: 1 */
	u64 memory;		/* 0: 64 MiB */
	const char *cmdline;
	const void *initrd;
	size_t initrd_size;
	struct host_disk disk[HOST_DISKS];
	const char *input;	/* typed at the console */
	u64 limit_ns;		/* 0: 1000 s */
	void (*begin)(void);	/* called in the run, first of all */
	/* Called in the run when it is stuck or late: say what everyone waits for. */
	void (*explain)(void);
	void (*finishing)(void); /* called in the run at its end, whatever it was but a crash */
	/* Looking on: before a system call's up-call, before user mode is entered, and when a
	 * program runs HOST_OP_HOOK. */
	void (*left_user)(const struct hal_user *u);
	void (*entering_user)(const struct hal_user *u);
	void (*hook)(struct hal_user *u, i64 what);
	/* A branch of the run (host_branch) has ended, like this. */
	void (*branched)(u64 n, const struct host_result *result);
	/* Programs: instructions at HOST_ROM, for a task that has no memory of its own. */
	const struct host_insn *rom;
	size_t rom_count;
	bool verbose;		/* the console goes to stderr as it comes */
	bool same_process;	/* do not fork: for a debugger. Ends the process. */
	void *shared;		/* a MAP_SHARED area for the test's own findings, or NULL */
};

struct host_result {
	enum host_end end;
	u64 ns;			/* virtual time at the end */
	u64 steps;		/* points passed */
	u64 rounds;		/* explored: orders tried */
	u64 digest;		/* of the order of points: equal runs have equal digests */
	int signal;		/* HOST_CRASHED: its number, or 0 */
	char why[512];
	char console[65536];	/* the last of it, terminated */
	size_t console_len;
};

/* In the run: another error_rate, from the next request on. */
void host_disk_fails(unsigned disk, u32 error_rate);
/* In the run: the disk, which nobody uses, has again what it had at the beginning. */
void host_disk_restore(unsigned disk);

/* One run. The result is also complete if the run crashed. */
enum host_end host_run(const struct host_config *config, struct host_result *result);
const char *host_end_name(enum host_end end);

/* Every interleaving of a program, in one run of mode HOST_EXPLORED. Once the machine is up a
 * worker calls host_explore and ends. Whenever every CPU is idle `settled` judges the round
 * and `begin` starts the next one, on CPU 0: it must leave things as they were the first time,
 * addresses included. The run ends (HOST_OFF) when all orders have been seen; result->rounds
 * says how many that were. Time stands still, so nothing in the program may depend on it. */
struct host_exploration {
	void (*begin)(void);
	bool (*settled)(void);
	u64 limit;	/* more rounds than this are a failure */
	unsigned preemptions; /* not 0: only orders that take a CPU that could go on from its
			       * work at most this often; for programs too large for all */
};
void host_explore(const struct host_exploration *e);

/* Be CPU 0 of a machine in this very thread, for tests that call kernel functions directly:
 * no other CPU runs, nothing is fork()ed, time only moves by host_advance. */
void host_attach(const struct host_config *config);
/* Give the attached thread another CPU's identity. */
void host_be_cpu(unsigned n);
void host_advance(u64 ns);
/* When attached: where hal_halt goes instead of abort(). Must not return. */
extern void (*host_halted)(void);

/* --- from inside a run --- */

extern struct host_config host_config;

/* HOST_OP_EXPECT that does not hold is an illegal instruction, not the end of the run. */
extern bool host_lenient;
extern int host_excused;	/* the last such one's line, and the value */
extern i64 host_excused_x;

/* End the run: the test's expectation broke. */
[[noreturn]] void host_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define host_expect(cond) \
	((cond) ? (void)0 : host_fail("%s:%d: expected: %s", __FILE__, __LINE__, #cond))

/* The run goes two ways from here: true in the branch, which is another process with all that
 * this one had; false in the trunk. The branch's end is told to host_config.branched, with n, in
 * the trunk and before that one ends. Seeded, with one CPU. */
bool host_branch(u64 n);

/* A number drawn from the seed, 0 .. n-1; n > 0. */
u64 host_random(u64 n);
u64 host_now(void);
/* Has power gone, is every queue of the disks empty... */
bool host_disks_quiet(void);

#endif
