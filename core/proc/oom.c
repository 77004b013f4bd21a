/* core/proc/oom.c */
#include "core/proc/oom.h"

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/proc/internal.h"
#include "hal/clock.h"
#include "mem/phys/buddy.h"
#include "mem/space/reclaim.h"
#include "mem/space/space.h"

#define NEVER	   INT64_MIN
#define PATIENCE_NS 3000000000ul /* for a victim to go */
#define LOOK_NS	   500000000ul	 /* until who waits for it looks for memory again */

static spinlock lock = SPINLOCK_INIT(RANK_PROC_OTHER);
static struct process *victim GUARDED_BY(&lock); /* owned; NULL: none is dying */
static u64 victim_since_ns GUARDED_BY(&lock);
static u32 choosing;	   /* [a] somebody looks for the next one */
static struct waitq gone;  /* woken when the victim is */

/* --- scores --- */

static u64 resident(const struct space *s)
{
	return atomic_load_relaxed(&s->rss_anon) + atomic_load_relaxed(&s->rss_file) +
	       atomic_load_relaxed(&s->rss_shm);
}

/* Pages; NEVER: it must not or cannot be ended. */
static i64 badness(struct process *p)
{
	i64 adj = atomic_load_relaxed(&p->oom_score_adj);
	struct space *s;
	u64 pages;

	if (p == process_first || adj == OOM_ADJ_MIN)
		return NEVER;
	s = process_space(p);
	if (!s)
		return NEVER;
	pages = resident(s) + atomic_load_relaxed(&s->tables);
	space_put(s);
	return (i64)pages + adj * (i64)(buddy_total_pages() / OOM_ADJ_MAX);
}

unsigned oom_score(struct process *p)
{
	i64 points = badness(p), score;

	if (points == NEVER)
		return 0;
	score = (1000 + points * 1000 / (i64)buddy_total_pages()) * 2 / 3;
	return (unsigned)max(score, (i64)0);
}

/* --- the victim under way --- */

/* Is somebody dying for memory? One who takes too long is given up. */
static bool somebody_is_dying(void)
{
	struct process *late = NULL;
	bool yes;

	spin_lock(&lock);
	yes = victim;
	if (victim && hal_clock_ns() - victim_since_ns > PATIENCE_NS) {
		late = victim;
		victim = NULL;
		yes = false;
	}
	spin_unlock(&lock);
	if (late) {
		atomic_store(&late->oom_given_up, true);
		log_warn("out of memory: process %d does not go", late->pid->nr);
		process_put(late);
		waitq_wake(&gone);
	}
	return yes;
}

/* Takes over the caller's reference. */
static void wait_for_it(struct process *p)
{
	spin_lock(&lock);
	victim = p;
	victim_since_ns = hal_clock_ns();
	spin_unlock(&lock);
}

void oom_process_gone(struct process *p)
{
	bool mine;

	spin_lock(&lock);
	mine = victim == p;
	if (mine)
		victim = NULL;
	spin_unlock(&lock);
	if (!mine)
		return;
	process_put(p); /* the caller has another */
	waitq_wake(&gone);
}

/* --- choosing --- */

static bool has_memory(struct process *p, bool *exiting)
{
	bool yes;

	spin_lock(&p->sig_lock);
	yes = p->space;
	*exiting = p->group_exiting;
	spin_unlock(&p->sig_lock);
	return yes;
}

static bool is_exiting(struct process *p)
{
	bool exiting;

	return has_memory(p, &exiting) && exiting && !atomic_load(&p->oom_given_up);
}

static bool is_gone(struct process *p)
{
	bool exiting;

	return !has_memory(p, &exiting);
}

/* The one to end, referenced; NULL: nobody can be. */
struct oom_choose {
	struct co_frame co;
	struct process **chosen;
	i64 points;
	int nr;
};
static co_t oom_choose(struct co *co, struct oom_choose *f)
{
	struct process *p, *before;
	i64 points;

	CO_BEGIN;
	f->points = NEVER;
	for (f->nr = 1; (p = process_next(&pid_ns_first, f->nr)); f->nr++) {
		f->nr = p->pid->nr;
		before = p;
		points = atomic_load(&p->oom_given_up) ? NEVER : badness(p);
		/* Memory is on its way already: that is the one to wait for. */
		if (is_exiting(p))
			points = INT64_MAX;
		if (points > f->points) {
			before = *f->chosen;
			*f->chosen = p;
			f->points = points;
		}
		process_put(before);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

static void say(struct process *p, const struct space *s)
{
	struct process_info info;

	process_info(p, &pid_ns_first, &info);
	log_warn("Out of memory: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, "
		 "file-rss:%lukB, shmem-rss:%lukB, pgtables:%lukB oom_score_adj:%d", info.pid,
		 info.name, s->pages_total << (PAGE_SHIFT - 10),
		 atomic_load_relaxed(&s->rss_anon) << (PAGE_SHIFT - 10),
		 atomic_load_relaxed(&s->rss_file) << (PAGE_SHIFT - 10),
		 atomic_load_relaxed(&s->rss_shm) << (PAGE_SHIFT - 10),
		 atomic_load_relaxed(&s->tables) << (PAGE_SHIFT - 10), info.oom_score_adj);
}

/* End p and everybody else who runs in its memory. */
struct oom_end {
	struct co_frame co;
	struct process *process;
	struct space *space;
	int nr;
};
static co_t oom_end(struct co *co, struct oom_end *f)
{
	struct process *p;
	struct space *s;

	CO_BEGIN;
	f->space = process_space(f->process);
	if (!f->space)
		CO_RETURN(0); /* it went by itself */
	if (!is_exiting(f->process))
		say(f->process, f->space);
	for (f->nr = 1; (p = process_next(&pid_ns_first, f->nr)); f->nr++) {
		f->nr = p->pid->nr;
		s = process_space(p);
		if (s == f->space && p != process_first)
			signal_group_exit(p, SIGKILL);
		if (s)
			space_put(s);
		process_put(p);
		CO_BREATHE;
	}
	space_put(f->space);
	CO_RETURN(0);
	CO_END;
}

/* --- for who needs memory --- */

static bool may_wait(struct co *co)
{
	/* A worker, or somebody who is on its way out: its own memory comes free. */
	return co_task(co)->user && !thread_of_co(co)->leaving;
}

struct oom_kill {
	struct reclaim_kill;
	struct process *chosen;
	long err;
};
static co_t oom_kill(struct co *co, struct oom_kill *f)
{
	CO_BEGIN;
	if (!may_wait(co))
		CO_RETURN(-ENOMEM);
	if (!somebody_is_dying() && !atomic_swap(&choosing, 1u)) {
		CO_AWAIT(f->err, oom_choose, .chosen = &f->chosen);
		if (f->chosen) {
			process_get(f->chosen);
			wait_for_it(f->chosen);
			CO_AWAIT(f->err, oom_end, .process = f->chosen);
			/* It may have gone before it was the one. */
			if (is_gone(f->chosen))
				oom_process_gone(f->chosen);
			process_put(f->chosen);
		}
		atomic_store(&choosing, 0u);
		waitq_wake(&gone);
		if (!f->chosen)
			CO_RETURN(-ENOMEM);
	}
	CO_WAIT_KILLABLE_UNTIL(f->err, &gone, !atomic_load(&choosing) && !somebody_is_dying(),
			       hal_clock_ns() + LOOK_NS);
	CO_RETURN(f->err == -EINTR ? -EINTR : 0);
	CO_END;
}

void oom_init(void)
{
	static const struct reclaim_kill_ops ops = {
		.kill = CO_IMPLEMENTS(reclaim_kill, oom_kill)};

	waitq_init(&gone);
	spin_lock(&lock);
	victim = NULL;
	spin_unlock(&lock);
	atomic_store(&choosing, 0u);
	reclaim_set_kill(&ops);
}
