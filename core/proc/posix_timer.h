/* core/proc/posix_timer.h -- timers that send signals: timer_create and setitimer.
 *
 * A timer that fires does so in an interrupt, where no signal can be sent: it goes on a list
 * and wakes a worker, which sends. Timers on CPU time look again when the time could have been
 * used up at the earliest.
 *
 * Ownership  a process's list holds one reference of each timer, the expired list another.
 * Units      ns.
 * Locking    process->sig_lock for the list; a timer's own lock [l] for what it is set to and
 *            for arming it. Nothing here waits.
 */
#ifndef PROC_POSIX_TIMER_H
#define PROC_POSIX_TIMER_H

#include "core/proc/thread.h"

struct posix_timer {
	refcount refs;			/* [a] */
	struct list link;		/* process->timers, [s] */
	struct process *process;	/* [I] owned; NULL: told through `notified` */
	void (*notified)(struct posix_timer *t, u64 times);	/* [I] by the worker, or NULL */
	void (*release)(struct posix_timer *t);	/* [I] frees the record; NULL: kfree */
	struct user_counts *user;	/* [I] owned: whose queued signals it is one of, or NULL */
	struct thread *target;		/* [I] owned task reference, or NULL */
	int id;				/* [I] -1 - which: setitimer's; -4: RLIMIT_CPU's */
	int clock;			/* [I] */
	int notify;			/* [I] SIGEV_* */
	spinlock lock;			/* RANK_POSIX_TIMER */
	struct timer timer;		/* [l] */
	struct signal_record record;	/* [s] */
	struct list wall;		/* wall_timer.c's: while it goes by the wall clock */
	u64 wall_offset;		/* the same's: the clock's, when it was armed */
	u64 interval;			/* [l] */
	u64 cpu_deadline;		/* [l] a CPU clock's value */
	u64 expired;			/* [a] times since the worker looked */
	u32 queued;			/* [a] on the expired list */
	bool dead;			/* [l] deleted: it is not armed any more */
	struct posix_timer *next;	/* the expired list's */
};

struct posix_timer_setting {
	u64 value;	/* until it fires; 0: it does not */
	u64 interval;
};

void posix_timer_start_worker(void);	/* at boot */

/* 0 if there can be such a timer. */
int posix_timer_check(int clock, const sigevent_t *event);
/* Checked here too; *id gets the number. -EAGAIN: no memory, or RLIMIT_SIGPENDING. */
int posix_timer_create(struct process *p, int clock, const sigevent_t *event, int *id);
int posix_timer_set(struct process *p, int id, bool absolute,
		    const struct posix_timer_setting *new, struct posix_timer_setting *old);
int posix_timer_get(struct process *p, int id, struct posix_timer_setting *to);
int posix_timer_overrun(struct process *p, int id);
int posix_timer_delete(struct process *p, int id);

/* How timer_create made it. */
struct posix_timer_made {
	int id, clock;
	int notify, signal;	/* SIGEV_*; the signal */
	int to;			/* the thread's number, or the process's */
	u64 value;
};
/* The one with the greatest number below id; false: none. */
bool posix_timer_below(struct process *p, const struct pid_ns *ns, int id,
		       struct posix_timer_made *to);

/* A timer inside another object (timerfd): set up with one reference, changed and read as
 * above, and at the end killed, which drops that reference. */
void posix_timer_init(struct posix_timer *t, int clock,
		      void (*notified)(struct posix_timer *t, u64 times),
		      void (*release)(struct posix_timer *t));
int posix_timer_change(struct posix_timer *t, bool absolute,
		       const struct posix_timer_setting *new, struct posix_timer_setting *old);
void posix_timer_read(struct posix_timer *t, struct posix_timer_setting *to);
/* It has fired so many times, though nothing of it was armed. */
void posix_timer_missed(struct posix_timer *t, u64 times);
void posix_timer_kill(struct posix_timer *t);

/* A timer that a process has without creating it (itimer.c), by its number below 0; made, where
 * `make` says so, when it is first asked for. A reference, or NULL. */
struct posix_timer *posix_timer_own(struct process *p, int id, int clock, bool make);
void posix_timer_put(struct posix_timer *t);
/* The clock's time, of a timer on CPU time. */
u64 posix_timer_cpu_now(struct posix_timer *t);

#endif
