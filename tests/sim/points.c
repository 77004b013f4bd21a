/* tests/sim/points.c */
#include "points.h"

#include "core/proc/process.h"
#include "core/proc/thread.h"
#include "coro/executor.h"
#include "hal/host/host.h"
#include "inside.h"
#include "mem/phys/fail.h"
#include "syscalls/syscall.h"
#include "work.h"

struct points *points;

/* The trunk's. */
static bool armed;
static u64 chances;
static struct process *watchdog;

/* The branch's. */
static bool lenient;	/* what the program expects may be wrong */
static struct {
	bool due, sent, judged, done;
	enum points_kind kind;
	struct thread *thread;	/* a reference on its task once it is sent */
	const struct co_point *at;
	int nr;			/* of the call; -1: none */
	u64 pc, x[6];		/* as it was made */
	bool slept;
	unsigned log;
} branch;

static u32 point_index(const struct co_point *at)
{
	return (u32)(at - co_points_start);
}

static const char *call_name(int nr)
{
	return nr >= 0 && nr < SYSCALL_MAX && syscall_table[nr].name ? syscall_table[nr].name :
								      "no call";
}

/* --- which are tried --- */

static bool place_is_new(u64 place)
{
	u64 hash = place * 0x9e3779b97f4a7c15ul >> 32;

	for (u32 i = 0; i < POINTS_PLACES; i++) {
		u64 *slot = &points->places[(hash + i) % POINTS_PLACES];

		if (*slot == place)
			return false;
		if (!*slot) {
			*slot = place;
			return true;
		}
	}
	return false;
}

static bool branch_of(u64 n)
{
	if (points->only)
		return n + 1 == points->only;
	points->branches++;
	for (branch.log = 0; points->log[branch.log].n; branch.log++)
		; /* at most three are at work, or were and their end is not known yet */
	points->log[branch.log].n = n + 1;
	points->log[branch.log].through = false;
	return host_branch(n);
}

static bool is_victim(const struct task *t)
{
	const struct thread *thread = thread_of((struct task *)t);

	return t->user && thread->process->pid->nr != 1 && thread->process != watchdog;
}

/* Where it is, for a report. */
static void describe(void)
{
	static const char *const kinds[] = {"a signal", "a signal with SA_RESTART", "SIGKILL"};

	snprintf(points->log[branch.log].where, sizeof(points->log[0].where),
		 "%s in %s at %s:%u %s%s", kinds[branch.kind], call_name(branch.thread->syscall), branch.at->file,
		 branch.at->line, branch.at->func, branch.slept ? ", asleep" : "");
}

static bool await_is_new(const struct thread *t, const struct co_point *at, bool slept)
{
	u64 call = points->each ? (u64)(t->syscall + 1) : 0;

	points->passed[point_index(at)] = true;
	return place_is_new(call << 20 | (u64)point_index(at) << 2 | slept << 1 | 1);
}

static bool stack_is_new(const struct thread *t)
{
	bool new = false;

	for (const struct co_frame *f = t->task.co.leaf; f; f = f->caller)
		new |= await_is_new(t, f->at, true);
	return new;
}

/* A thread passes an await, or sleeps in one that its callers await: try it, if nobody has. True
 * in a branch. */
static bool chance(struct thread *t, const struct co_point *at, bool slept)
{
	u64 n = chances++ * POINTS_KINDS;

	if (!points->only && !(slept ? stack_is_new(t) : await_is_new(t, at, false)))
		return false;
	if (t->syscall >= 0 && t->syscall < POINTS_CALLS && !points->only)
		points->tried[t->syscall]++;
	for (unsigned kind = 0; kind < POINTS_KINDS; kind++)
		if (branch_of(n + kind)) {
			armed = false;
			branch.due = true;
			branch.kind = kind;
			branch.thread = t;
			branch.at = at;
			branch.slept = slept;
			lenient = true;
			describe();
			return true;
		}
	return false;
}

/* --- the signal --- */

static void note_frame(void *arg, const struct co_point *at)
{
	__atomic_fetch_add(&points->hit[point_index(at)][branch.kind], 1u, __ATOMIC_RELAXED);
}

static void set_restart(struct process *p, bool on)
{
	struct sigact *act = &p->sighand->act[SIGURG - 1];

	spin_lock(&p->sighand->lock);
	act->flags = (act->flags & ~(u64)SA_RESTART) | (on ? SA_RESTART : 0);
	spin_unlock(&p->sighand->lock);
}

static void send(void)
{
	struct thread *t = branch.thread;

	branch.due = false;
	branch.sent = true;
	branch.nr = t->syscall;
	branch.pc = t->user.pc;
	branch.x[0] = t->orig_x0;
	for (unsigned i = 1; i < 6; i++)
		branch.x[i] = t->user.x[i];
	task_get(&t->task);
	co_backtrace(&t->task.co, note_frame, NULL);
	if (branch.kind == POINTS_KILL) {
		signal_process(t->process, SIGKILL, NULL);
		return;
	}
	set_restart(t->process, branch.kind == POINTS_AGAIN);
	signal_thread(t, SIGURG, NULL);
}

/* Where workers and init come, whom no signal is sent. */
static void note_elsewhere(const struct task *t)
{
	if (!t->user || thread_of((struct task *)t)->process->pid->nr == 1)
		for (const struct co_frame *f = t->co.leaf; f; f = f->caller)
			if (f->at)
				points->elsewhere[point_index(f->at)] = true;
}

/* A handler may run only where its signal came before what was waited for; to be killed there
 * is always in order. */
static enum co_forced force(struct co *co)
{
	struct task *t = co_task(co);

	note_elsewhere(t);
	if (!armed || points->refusing || !is_victim(t) ||
	    !chance(thread_of(t), co->leaf->at, false))
		return CO_GOES_ON;
	return branch.kind == POINTS_KILL ? CO_WAITS_OUT : CO_WAITS;
}

static void parked(struct task *t)
{
	if (branch.due && t == &branch.thread->task) {
		send();
		return;
	}
	note_elsewhere(t);
	if (!armed || points->refusing || !t->co.leaf || !is_victim(t))
		return;
	if (chance(thread_of(t), t->co.leaf->at, true))
		send();
}

/* --- an allocation --- */

/* By whom it is asked for, and what those are doing: the frames above us. */
__attribute__((no_sanitize("address"))) static u64 who_asks(void)
{
	const u64 *frame = __builtin_frame_address(0);
	u64 hash = 1;

	for (unsigned i = 0; i < 24; i++) {
		const u64 *above = (const u64 *)frame[0];

		hash = (hash ^ frame[1]) * 0x1e3779b97f4a7c15ul;
		if (above <= frame || above > frame + 16384)
			break;
		frame = above;
	}
	return hash;
}

static bool is_init(void)
{
	struct task *t = task_current();

	return t && t->user && thread_of(t)->process->pid->nr == 1;
}

static bool refuse(void)
{
	u64 hash;

	if (!armed || !points->refusing || is_init())
		return false;
	hash = who_asks();
	if (!points->only && !place_is_new(hash | 1)) {
		chances++;
		return false;
	}
	points->refused++;
	if (!branch_of(chances++))
		return false;
	armed = false;
	branch.kind = POINTS_REFUSE;
	branch.sent = true;
	snprintf(points->log[branch.log].where, sizeof(points->log[0].where), "an allocation of %s",
		 task_current() ? task_current()->name : "nobody");
	lenient = true;
	return true;
}

void points_go_long_way(void)
{
	co_long_way = true;
}

void points_begin(void)
{
	co_force = force;
	executor_parked = parked;
	fault_chosen = refuse;
	co_long_way = points->seed % 2;
}

/* --- what came of it --- */

static enum points_outcome outcome_of(u64 pc, u64 x0)
{
	if (pc == branch.pc - 4)
		return POINTS_RESTARTS;
	return pc == branch.pc && x0 == (u64)-EINTR ? POINTS_EINTR : POINTS_COMPLETES;
}

/* The handler runs: x9 and x10 are what pc and x0 will be; x11 and x12 are to be instead. A call
 * that was interrupted is made again, so that the program need not know. */
static void handled(struct hal_user *u)
{
	enum points_outcome outcome = outcome_of(u->x[9], u->x[10]);

	u->x[11] = u->x[9];
	u->x[12] = u->x[10];
	if (!branch.sent || branch.judged || thread_current() != branch.thread)
		return;
	branch.judged = true;
	if (branch.nr < 0) { /* on its way back; its call may have been interrupted before */
		if (u->x[10] == (u64)-EINTR) {
			u->x[11] -= 4;
			u->x[12] = thread_current()->orig_x0;
		}
		return;
	}
	__atomic_fetch_add(&points->outcomes[branch.nr % POINTS_CALLS][outcome], 1u,
			   __ATOMIC_RELAXED);
	if (!(points_expected(branch.nr, branch.x, branch.kind) & outcome))
		host_fail("%s %s (%ld)", call_name(branch.nr),
			  outcome == POINTS_RESTARTS ? "is made again" :
			  outcome == POINTS_EINTR    ? "gives -EINTR" :
						       "completes",
			  (long)u->x[10]);
	if (outcome == POINTS_EINTR) {
		u->x[11] = branch.pc - 4;
		u->x[12] = branch.x[0];
	}
}

/* The program has not ended for long. */
static void stuck(void)
{
	inside_explain();
	if (!branch.sent)
		host_fail("the program does not end, without a signal");
	if (branch.kind == POINTS_KILL && branch.thread->task.state != TASK_DEAD)
		host_fail("what was killed is not dead");
	if (branch.kind < POINTS_KILL)
		host_fail("the program does not end");
}

/* It has, with this status. */
static void ended(u64 status)
{
	bool handler = branch.sent && branch.kind < POINTS_KILL;

	if (branch.sent && !handler)
		return;
	if (status == SIGILL && handler && branch.nr >= 0 && points_may_be_short(branch.nr))
		__atomic_fetch_add(&points->broke_off[branch.nr], 1u, __ATOMIC_RELAXED);
	else if (status)
		host_fail("the program's status is %#lx, line %d: %ld", status, host_excused, host_excused_x);
}

/* Nothing is different for init. */
void points_entering_user(const struct hal_user *u)
{
	inside_entering_user(u);
	host_lenient = lenient && thread_current()->process->pid->nr != 1;
}

void points_hook(struct hal_user *u, i64 what)
{
	switch (what) {
	case WORK_ARM:
		armed = true;
		watchdog = NULL; /* it has yet to come; this was the last one's */
		break;
	case WORK_ALONE: /* and whoever was to be refused something, or fail, has ended */
		lenient = false;
		fault_at(0);
		for (unsigned disk = 0; disk < HOST_DISKS; disk++)
			host_disk_fails(disk, 0);
		break;
	case WORK_DISARM:
		armed = false;
		if (branch.due || branch.sent) /* due still: it had been killed before */
			points->log[branch.log].through = true;
		else
			points->trunk_through = true;
		if (branch.sent && branch.thread)
			task_put(&branch.thread->task);
		break;
	case WORK_REFUSED:
		inside_hook(u, what);
		/* The rest of the tries tell nothing. */
		if (branch.sent)
			u->x[24] = 1;
		break;
	case WORK_WATCH:
		watchdog = thread_current()->process;
		break;
	case WORK_HANDLED:
		handled(u);
		break;
	case WORK_STUCK:
		stuck();
		break;
	case WORK_ENDED:
		ended(u->x[21]);
		break;
	default:
		inside_hook(u, what);
	}
}


void points_branched(u64 n, const struct host_result *result)
{
	unsigned i = 0;

	while (i < POINTS_LOG - 1 && points->log[i].n != n + 1)
		i++;
	points->log[i].n = 0;
	if (result->end == HOST_OFF && points->log[i].through)
		return;
	points->failures++;
	printf("%s: %s: %s\n", points->log[i].where, host_end_name(result->end),
	       result->end == HOST_OFF ? "init ended early" : result->why);
	printf("replay: %s -v -t %u -b %lu %s %lu\n", points->self, points->thing, n,
	       points->refusing ? "refusals" : "signals", points->seed);
	fflush(NULL);
}

/* --- the figures --- */

static u32 point_total(void)
{
	return (u32)(co_points_end - co_points_start);
}

static u32 count_hit(enum points_kind kind)
{
	u32 n = 0;

	for (u32 i = 0; i < point_total(); i++)
		n += points->hit[i][kind] != 0;
	return n;
}

bool points_is_hit(u32 i)
{
	return points->hit[i][POINTS_SIGNAL] && points->hit[i][POINTS_KILL];
}

static u32 count_elsewhere(void)
{
	u32 n = 0;

	for (u32 i = 0; i < point_total(); i++)
		n += points->elsewhere[i] && !points->passed[i];
	return n;
}

unsigned points_hit(void)
{
	u32 n = 0;

	for (u32 i = 0; i < point_total(); i++)
		n += points_is_hit(i);
	return n * 100 / (point_total() - count_elsewhere());
}

static void print_calls(void)
{
	printf("call, awaits tried; it restarted, gave -EINTR, completed; programs broken off:\n");
	for (u32 nr = 0; nr < POINTS_CALLS; nr++) {
		const u32 *o = points->outcomes[nr];

		if (points->tried[nr])
			printf("  %-18s %4u  %4u %4u %5u  %u\n", call_name((int)nr), points->tried[nr],
			       o[POINTS_RESTARTS], o[POINTS_EINTR], o[POINTS_COMPLETES],
			       points->broke_off[nr]);
	}
}

static void print_missed(void)
{
	printf("awaits where no signal was sent:\n");
	for (u32 i = 0; i < point_total(); i++)
		if (!points_is_hit(i))
			printf("  %s:%u %s%s\n", co_points_start[i].file, co_points_start[i].line,
			       co_points_start[i].func, points->passed[i] ? " (passed)" :
			       points->elsewhere[i] ? " (a worker's, or init's)" : "");
}

void points_print(bool all)
{
	if (points->refusing) {
		printf("refusals: %lu allocations refused, one at a time; %lu failures\n",
		       points->refused, points->failures);
		return;
	}
	printf("signals: of %u awaits, %u of them only of workers and at boot, a signal was sent at %u, "
	       "one with SA_RESTART at %u, SIGKILL at %u: %u %%; %lu branches, %lu failures\n",
	       point_total(), count_elsewhere(), count_hit(POINTS_SIGNAL), count_hit(POINTS_AGAIN),
	       count_hit(POINTS_KILL), points_hit(), points->branches, points->failures);
	if (all) {
		print_calls();
		print_missed();
	}
}
