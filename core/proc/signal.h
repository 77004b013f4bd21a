/* core/proc/signal.h -- signals: sending, masks, queues; delivery is in deliver.c.
 *
 * A signal is pending on a thread or on the process. A thread with one that it does not
 * block has TASK_SIGNAL set, which ends its interruptible waits; one whose process is going
 * down has TASK_KILLED, which ends killable ones too.
 *
 * Ownership  a queued record belongs to its queue.
 * Locking    process->sig_lock covers queues, masks, group stop and exit; a struct sighand
 *            has its own lock inside it, as processes may share one (CLONE_SIGHAND).
 *            Senders may hold proc_tree_lock. Nothing here waits.
 */
#ifndef PROC_SIGNAL_H
#define PROC_SIGNAL_H

#include <asm/signal.h>
#include <asm/siginfo.h>
#include <linux/signal.h>

#include "core/base/list.h"
#include "core/base/spinlock.h"

struct thread;
struct process;
struct user_counts;
struct pid;

typedef u64 sigmask;
#define SIG_BIT(sig) (1ul << ((sig)-1))
#define SIG_UNBLOCKABLE (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))
#define SIG_STOPS (SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define SIG_IGNORED_BY_DEFAULT \
	(SIG_BIT(SIGCHLD) | SIG_BIT(SIGCONT) | SIG_BIT(SIGURG) | SIG_BIT(SIGWINCH))
#define SIG_DUMPS                                                                          \
	(SIG_BIT(SIGQUIT) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGABRT) |        \
	 SIG_BIT(SIGFPE) | SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGSYS) |          \
	 SIG_BIT(SIGXCPU) | SIG_BIT(SIGXFSZ))
#define SIG_SYNCHRONOUS                                                                    \
	(SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) |         \
	 SIG_BIT(SIGFPE) | SIG_BIT(SIGSYS))

/* siginfo_t without its padding. */
struct signal_info {
	__SIGINFO;
};

struct signal_record {
	struct list link;		/* in a signal_queue */
	struct user_counts *user;	/* counted there; NULL: a timer's own record */
	bool queued;			/* a timer's: in a queue */
	int overrun_last;		/* a timer's: of the signal taken last */
	struct signal_info info;
};

struct signal_queue {
	sigmask pending;
	struct list records;	/* a pending signal may have none (no memory): SI_USER, pid 0 */
};

struct sigact {
	u64 handler;		/* 0: SIG_DFL, 1: SIG_IGN */
	u64 flags;		/* SA_* */
	u64 restorer;
	sigmask mask;
};
struct sighand {
	refcount refs;		/* [a] */
	spinlock lock;		/* RANK_PROC_OTHER */
	struct sigact act[64];	/* under lock; [sig - 1] */
};

void signal_init(void);
void signal_queue_init(struct signal_queue *q);
void signal_queue_flush(struct signal_queue *q, sigmask which);

struct sighand *sighand_new(void);
struct sighand *sighand_copy(struct sighand *from);
void sighand_get(struct sighand *s);
void sighand_put(struct sighand *s);

/* --- sending; none checks permission --- */

/* info NULL: from the kernel (SI_KERNEL). 0, or -EAGAIN (real-time, queue full). */
int signal_process(struct process *p, int sig, const struct signal_info *info);
int signal_thread(struct thread *t, int sig, const struct signal_info *info);
/* A timer's: the record is its own and queued at most once; true if it now is. `extra`: so
 * many expirations more than one. */
bool signal_timer(struct process *p, struct thread *t, struct signal_record *r, u64 extra);
/* The same, from a timer that goes: its record leaves the queue. */
void signal_forget(struct process *p, struct signal_record *r);

/* To the current thread, whatever it blocks or ignores: a fault. addr: si_addr. */
void signal_force(struct thread *t, int sig, int code, u64 addr);
void signal_force_info(struct thread *t, const struct signal_info *info);

/* Fill in a record for kill(2) by the current thread. */
void signal_info_user(struct signal_info *info, int sig, int code);
/* Does it say who sent it? Then its si_uid is the kernel's until it is queued. */
static inline bool signal_names_sender(const struct signal_info *info)
{
	return info->si_code <= 0 && info->si_code != SI_TIMER && info->si_code != SI_SIGIO;
}

/* Whether the current thread may signal p: 0 or -EPERM. */
int signal_may(struct process *p, int sig);

/* kill(2) in all its forms: pid > 0, 0, -1, < -1. sig 0 only checks. */
int signal_kill(int pid, int sig, const struct signal_info *info);
/* The same to the group that pid names. */
int signal_kill_group(struct pid *pid, int sig, const struct signal_info *info);

/* The whole process goes down with this wait status (exit code << 8, or the signal). The
 * first caller's status counts. */
void signal_group_exit(struct process *p, int status);

/* --- masks and state of the current thread --- */

void signal_set_mask(struct thread *t, sigmask blocked);
/* For calls with a temporary mask (ppoll, sigsuspend): the old one comes back after the
 * handler, or at once if none runs (when user_return is through). */
void signal_set_temporary_mask(struct thread *t, sigmask blocked);
/* The call finished without a signal: the old mask comes back now. */
void signal_restore_mask(struct thread *t);
/* Set or clear TASK_SIGNAL according to what is pending. */
void signal_recalculate(struct thread *t);
/* What of `set` is pending, whatever is blocked. */
bool signal_pending(struct thread *t);
/* Anything of `set` pending on t or its process. */
sigmask signal_pending_set(struct thread *t);
/* Take one pending signal of `set`; 0: none. */
int signal_take(struct thread *t, sigmask set, struct signal_info *info);

/* Is this signal ignored / blocked by the current thread? For the terminal's SIGTTIN and
 * SIGTTOU rules. */
bool signal_is_ignored(struct thread *t, int sig);
bool signal_is_blocked(struct thread *t, int sig);

/* A write to a pipe nobody reads, a file grown beyond its limit: SIGPIPE, SIGXFSZ for the
 * current thread. Called by the system calls and by vfs's hook. */
void signal_self(int sig);

/* For exec: handlers back to default (ignored ones stay), alternate stack forgotten. */
int signal_exec(struct thread *t);

/* New action for sig of t's process; old may be NULL. Flushes what became ignored. */
int signal_action(struct thread *t, int sig, const struct sigact *act, struct sigact *old);

#endif
