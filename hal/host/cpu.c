/* hal/host/cpu.c -- CPUs as threads, and who of them may run.
 *
 * Seeded and explored runs pass one baton. A CPU that has it runs until a point
 * (hal_sim_point, hal_relax, an idle, a step of user mode) where the baton may go to another
 * CPU that could go on: one that is started, not stopped, and not idle without an interrupt.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hal/irq.h"
#include "hal/machine.h"
#include "hal/host/internal.h"

struct host_cpu host_cpus[HAL_MAX_CPUS];
unsigned host_cpu_total = 1;
_Thread_local struct host_cpu *host_self;
u64 host_clock;

static pthread_mutex_t machine_lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local unsigned machine_depth;
static pthread_cond_t machine_changed = PTHREAD_COND_INITIALIZER;
static unsigned idle_count, started_count; /* free: under machine_lock */
static u64 until_switch;

static bool is_free(void)
{
	return host_config.mode == HOST_FREE && !host_attached;
}

void host_lock(void)
{
	if (is_free() && !machine_depth++)
		pthread_mutex_lock(&machine_lock);
}

void host_unlock(void)
{
	if (is_free() && !--machine_depth)
		pthread_mutex_unlock(&machine_lock);
}

u64 host_now(void)
{
	return __atomic_load_n(&host_clock, __ATOMIC_RELAXED);
}

/* --- the baton --- */

static void baton_wait(struct host_cpu *me)
{
	while (!__atomic_load_n(&me->go, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &me->go, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	__atomic_store_n(&me->go, 0u, __ATOMIC_RELAXED);
}

static void baton_give(struct host_cpu *to)
{
	__atomic_store_n(&to->go, 1u, __ATOMIC_RELEASE);
	syscall(SYS_futex, &to->go, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void baton_pass(unsigned to)
{
	struct host_cpu *me = host_self;

	if (&host_cpus[to] == me)
		return;
	baton_give(&host_cpus[to]);
	baton_wait(me);
}

static bool could_go_on(const struct host_cpu *c)
{
	return c->started && !c->stopped && !(c->idle && !c->pending) && !c->spinning;
}

static u32 enabled_mask(void)
{
	u32 mask = 0;

	for (unsigned i = 0; i < host_cpu_total; i++)
		if (could_go_on(&host_cpus[i]))
			mask |= 1u << i;
	return mask;
}

static unsigned nth_bit(u32 mask, u64 n)
{
	while (n--)
		mask &= mask - 1;
	return (unsigned)__builtin_ctz(mask);
}

/* Some seeds switch at almost every point, others rarely: both find bugs of their own. */
static u64 draw_stretch(void)
{
	static const u8 means[] = {2, 6, 20, 60};

	return 1 + host_random(2ul * means[host_config.seed % 4]);
}

static unsigned choose(u32 mask, bool leave)
{
	unsigned me = host_self->cpu.id;

	if (host_config.mode == HOST_EXPLORED)
		return host_explore_next(mask, me);
	if (!leave && --until_switch && mask & 1u << me)
		return me;
	until_switch = draw_stretch();
	if (leave && mask & ~(1u << me))
		mask &= ~(1u << me);
	return nth_bit(mask, host_random((u64)__builtin_popcount(mask)));
}

/* Account a step: time passes, and what is due happens. */
static void tick(u64 ns)
{
	u64 now = __atomic_add_fetch(&host_clock, ns, __ATOMIC_RELAXED);

	if (now >= host_event_next()) {
		host_lock();
		host_events_run();
		if (is_free())
			pthread_cond_broadcast(&machine_changed);
		host_unlock();
	}
	if (now > host_config.limit_ns && !host_attached)
		host_end(HOST_LATE, "still running after %lu ms of virtual time", now / 1000000);
}

/* All CPUs that exist are idle (or spin for one that is): jump to what is due next. */
static void jump(void)
{
	u64 due = host_event_next();

	if (due == HAL_TIMER_NEVER)
		host_end(HOST_STUCK, "every CPU is idle and nothing is due");
	if (due > host_now())
		__atomic_store_n(&host_clock, due, __ATOMIC_RELAXED);
	tick(0);
}

static void point(const volatile void *what, bool reads, bool leave)
{
	struct host_cpu *me = host_self;
	u32 mask;

	if (__atomic_load_n(&host_ended, __ATOMIC_RELAXED))
		return;
	tick(host_config.mode == HOST_EXPLORED ? 0 : HOST_STEP_NS);
	if (host_attached || is_free())
		return;
	me->at = what;
	me->reads = reads;
	host_result->steps++;
	mask = enabled_mask();
	if (!mask)
		host_end(HOST_STUCK, "every CPU waits for another");
	if (mask != 1u << me->cpu.id || host_config.mode == HOST_EXPLORED)
		baton_pass(choose(mask, leave));
	host_result->digest = host_result->digest * 31 + me->cpu.id;
}

void hal_sim_point(const volatile void *what)
{
	if (host_self)
		point(what, false, false);
}

void hal_sim_read(const volatile void *what)
{
	if (host_self)
		point(what, true, false);
}

/* The CPU spins: nothing changes for it until another one does something. */
void hal_relax(void)
{
	static u64 spins;
	struct host_cpu *me = host_self;

	if (is_free()) {
		tick(HOST_STEP_NS);
		sched_yield();
		return;
	}
	if (host_attached)
		host_fail("spins for a lock that nobody else can release");
	if (host_config.mode == HOST_EXPLORED) {
		u32 mask;

		me->spinning = true;
		mask = enabled_mask();
		if (!mask)
			host_end(HOST_STUCK, "every CPU spins or is idle");
		baton_pass(choose(mask, true));
		return;
	}
	/* Alone: every other CPU is idle, so who should release it? */
	if (enabled_mask() == 1u << me->cpu.id) {
		if (++spins > 10000)
			host_end(HOST_STUCK, "CPU %u spins and all others are idle", me->cpu.id);
	} else {
		spins = 0;
	}
	point(me->at, true, true);
}

/* --- hal/cpu.h --- */

struct hal_cpu *hal_cpu_self(void)
{
	return &host_self->cpu;
}

unsigned hal_cpu_count(void)
{
	return host_cpu_total;
}

struct hal_cpu *hal_cpu_nth(unsigned n)
{
	return &host_cpus[n].cpu;
}

bool hal_irq_pending(void)
{
	if (host_config.mode == HOST_EXPLORED)
		hal_sim_read(&host_self->pending);
	return __atomic_load_n(&host_self->pending, __ATOMIC_ACQUIRE);
}

void host_pend(unsigned cpu, u32 bits)
{
	__atomic_fetch_or(&host_cpus[cpu].pending, bits, __ATOMIC_ACQ_REL);
}

void hal_cpu_kick(unsigned n)
{
	hal_sim_point(&host_cpus[n].pending);
	host_lock();
	host_pend(n, HOST_PEND_KICK);
	if (is_free())
		pthread_cond_broadcast(&machine_changed);
	host_unlock();
}

void hal_irq_window(void)
{
	u32 what = __atomic_exchange_n(&host_self->pending, 0u, __ATOMIC_ACQ_REL);

	if (what & HOST_PEND_DEVICE)
		host_irq_deliver();
	if (what & HOST_PEND_TIMER)
		hal_upcalls.timer();
	if (what & HOST_PEND_KICK)
		hal_upcalls.kicked();
}

static bool anyone_pending(void)
{
	for (unsigned i = 0; i < host_cpu_total; i++)
		if (__atomic_load_n(&host_cpus[i].pending, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

static void idle_free(struct host_cpu *me)
{
	host_lock();
	idle_count++;
	while (!__atomic_load_n(&me->pending, __ATOMIC_ACQUIRE)) {
		if (idle_count == started_count && !anyone_pending()) {
			jump();
			pthread_cond_broadcast(&machine_changed);
			continue;
		}
		pthread_cond_wait(&machine_changed, &machine_lock);
	}
	idle_count--;
	host_unlock();
}

static void idle_baton(struct host_cpu *me)
{
	me->at = &me->pending;
	me->reads = false;
	me->idle = true;
	while (!me->pending) {
		u32 mask = enabled_mask();

		if (mask) {
			baton_pass(choose(mask, true));
		} else if (host_exploring()) {
			/* A round is over; CPU 0 begins the next. */
			if (me == &host_cpus[0]) {
				me->idle = false;
				host_explore_round();
				me->idle = true;
			} else {
				baton_pass(0);
			}
		} else {
			jump();
		}
	}
	me->idle = false;
}

void hal_cpu_idle(void)
{
	struct host_cpu *me = host_self;

	hal_sim_point(&me->pending);
	if (host_attached)
		host_fail("an attached CPU goes idle");
	if (!hal_irq_pending()) {
		if (is_free())
			idle_free(me);
		else
			idle_baton(me);
	}
	hal_irq_window();
}

/* --- threads --- */

static void *cpu_thread(void *arg)
{
	struct host_cpu *me = arg;

	host_self = me;
	baton_wait(me);
	host_user_loop(me);
	return NULL;
}

int hal_cpu_start(unsigned n)
{
	if (n >= host_cpu_total || host_cpus[n].started)
		return -EIO;
	hal_sim_point(&host_cpus[n].started);
	host_lock();
	host_cpus[n].started = true;
	started_count++;
	host_unlock();
	if (is_free())
		baton_give(&host_cpus[n]);
	return 0;
}

void host_cpus_run(void)
{
	until_switch = draw_stretch();
	host_clock = 1000000; /* a machine has run for a moment before its kernel does */
	for (unsigned i = 0; i < host_cpu_total; i++)
		if (pthread_create(&host_cpus[i].thread, NULL, cpu_thread, &host_cpus[i]))
			host_end(HOST_FAILED, "no thread for CPU %u", i);
	host_cpus[0].started = true;
	started_count = 1;
	baton_give(&host_cpus[0]);
	for (;;)
		pause();
}

/* --- hal/clock.h --- */

u64 hal_clock_ns(void)
{
	if (host_self)
		tick(host_config.mode == HOST_EXPLORED ? 0 : HOST_STEP_NS);
	return host_now();
}

u64 hal_clock_counter(void)
{
	return host_now() / 16;
}

u64 hal_clock_hz(void)
{
	return 62500000;
}

u64 hal_clock_counter_at_zero(void)
{
	return 0;
}

u64 hal_clock_rtc_seconds(void)
{
	return 1750000000;
}
