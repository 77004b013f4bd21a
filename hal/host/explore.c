/* hal/host/explore.c -- every interleaving of a small program, each about once.
 *
 * A step is what one CPU does from a point to its next one: one atomic operation, on the
 * address its point named, and plain code that no other CPU's plain code races with (the free
 * runs under ThreadSanitizer show that). Two steps of different CPUs can change places without
 * a difference unless they touch the same address and one of them writes. So only orders that
 * differ for such a pair are worth a round: dynamic partial-order reduction, with sleep sets.
 *
 * A round follows a prefix of choices, then goes on freely, and records its steps. Afterwards
 * each step looks for an earlier one of another CPU that it depends on and that nothing else
 * put before it; at the state before that one, its CPU is to be tried too. The next round's
 * prefix leads to the deepest state with something left to try. A CPU whose step was tried at
 * a state sleeps below it, until something it depends on happens: those orders were seen.
 */
#include <string.h>

#include "hal/host/internal.h"

#define STEPS 4096

struct op {
	const volatile void *at;	/* NULL: touches nothing */
	bool reads;
};

/* A state on the current path and the step taken from it. */
struct node {
	u8 cpu;				/* the step */
	u8 enabled, tried, wanted, asleep; /* masks of CPUs */
	struct op next[HAL_MAX_CPUS];	/* what each would do */
};
static struct node path[STEPS + 1];
static u32 count, prefix_len;
static u32 cut;			/* steps of this round that were new; the rest repeats others */
static bool recording;
static struct host_exploration exploration;

bool host_exploring(void)
{
	return exploration.begin;
}

static bool dependent(struct op a, struct op b)
{
	return a.at && a.at == b.at && !(a.reads && b.reads);
}

/* Who sleeps below a state: those who did, or were tried there, and do not mind the step. */
static u8 sleep_below(const struct node *n)
{
	u8 asleep = 0;

	for (unsigned k = 0; k < host_cpu_total; k++)
		if ((n->asleep | n->tried) & 1u << k && k != n->cpu &&
		    !dependent(n->next[k], n->next[n->cpu]))
			asleep |= (u8)(1u << k);
	return asleep;
}

static unsigned first_or(u32 mask, unsigned preferred)
{
	return mask & 1u << preferred ? preferred : (unsigned)__builtin_ctz(mask);
}

static void new_state(struct node *n, u32 enabled, unsigned current)
{
	u32 awake;

	*n = (struct node){.enabled = (u8)enabled};
	for (unsigned k = 0; k < host_cpu_total; k++)
		n->next[k] = (struct op){host_cpus[k].at, host_cpus[k].reads};
	if (count && !exploration.preemptions)
		n->asleep = sleep_below(n - 1);
	awake = enabled & ~n->asleep;
	if (!awake && cut == UINT32_MAX)
		cut = count;
	if (exploration.preemptions)
		n->wanted = (u8)enabled;
	n->cpu = (u8)first_or(awake ? awake : enabled, current);
}

unsigned host_explore_next(u32 enabled, unsigned current)
{
	struct node *n = &path[count];

	if (!recording) {
		unsigned to;

		/* A round is being laid out: the others stay where they are. */
		if (host_exploring() && enabled & 1u << current)
			return current;
		do
			to = (unsigned)host_random(host_cpu_total);
		while (!(enabled & 1u << to));
		host_cpus[to].spinning = false;
		return to;
	}
	if (count == STEPS)
		host_fail("more than %d steps: too large to explore", STEPS);
	if (count >= prefix_len)
		new_state(n, enabled, current);
	else if (n->enabled != enabled || n->next[n->cpu].at != host_cpus[n->cpu].at)
		host_fail("step %u: the round does not repeat (CPUs %#x, then %#x could go on)",
			  count, n->enabled, enabled);
	n->tried |= (u8)(1u << n->cpu);
	for (unsigned k = 0; k < host_cpu_total; k++)
		if (k != n->cpu && host_cpus[k].spinning &&
		    host_cpus[k].at == host_cpus[n->cpu].at && !host_cpus[n->cpu].reads)
			host_cpus[k].spinning = false;
	count++;
	return n->cpu;
}

/* --- between rounds --- */

struct clock {
	u32 of[HAL_MAX_CPUS];	/* 1 + the last step of each CPU that came before */
};
static struct clock clocks[STEPS], now[HAL_MAX_CPUS];

/* CPU p's operation comes after step j: could it have come before? Then it is to be tried. */
static void look_at_pair(unsigned p, u32 j)
{
	struct node *n = &path[j];

	if (n->cpu == p || now[p].of[n->cpu] > j)
		return;
	if (n->enabled & 1u << p)
		n->wanted |= (u8)(1u << p);
	else
		n->wanted |= n->enabled;
}

/* All earlier steps that p's operation depends on, back to the last write of that address. */
static void look_back(unsigned p, struct op op, u32 i, bool join)
{
	struct clock before = now[p];

	for (u32 j = i; j-- > 0;) {
		struct op other = path[j].next[path[j].cpu];

		if (!dependent(op, other))
			continue;
		look_at_pair(p, j);
		for (unsigned k = 0; k < host_cpu_total; k++)
			if (clocks[j].of[k] > before.of[k])
				before.of[k] = clocks[j].of[k];
		if (!other.reads)
			break;
	}
	if (join)
		now[p] = before;
}

static void find_races(void)
{
	u32 end = cut < count ? cut : count;

	memset(now, 0, sizeof(now));
	for (u32 i = 0; i < end; i++) {
		unsigned p = path[i].cpu;

		look_back(p, path[i].next[p], i, true);
		now[p].of[p] = i + 1;
		clocks[i] = now[p];
	}
}

/* Whether the step from state i takes a CPU that could go on from its work. */
static bool preempts(u32 i)
{
	return i && path[i].cpu != path[i - 1].cpu && path[i].enabled & 1u << path[i - 1].cpu;
}

static bool next_prefix(void)
{
	unsigned spent = 0;

	for (u32 i = 0; i < count; i++)
		spent += preempts(i);
	for (u32 i = count; i-- > 0;) {
		u32 left = path[i].wanted & ~path[i].tried & ~path[i].asleep;

		spent -= preempts(i);
		if (exploration.preemptions && spent >= exploration.preemptions && i &&
		    path[i].enabled & 1u << path[i - 1].cpu)
			left &= 1u << path[i - 1].cpu;
		if (!left)
			continue;
		path[i].cpu = (u8)__builtin_ctz(left);
		prefix_len = i + 1;
		return true;
	}
	return false;
}

static void bad_round(void)
{
	char order[STEPS + 1] = "";

	for (u32 i = 0; i < count; i++)
		order[i] = (char)('0' + path[i].cpu);
	if (host_config.explain)
		host_config.explain();
	host_fail("round %lu ended badly; CPUs in order: %s", host_result->rounds, order);
}

static void begin_round(void)
{
	/* As if an interrupt had brought it: that is what ends an idle. */
	host_pend(0, HOST_PEND_KICK);
	exploration.begin();
	count = 0;
	cut = UINT32_MAX;
	recording = true;
}

void host_explore_round(void)
{
	if (recording) {
		recording = false;
		host_result->rounds++;
		if (!exploration.settled())
			bad_round();
		if (!exploration.preemptions)
			find_races();
		if (!next_prefix())
			host_end(HOST_OFF, "%s", "");
		if (host_result->rounds >= exploration.limit)
			host_fail("not done after %lu rounds", host_result->rounds);
	}
	begin_round();
}

void host_explore(const struct host_exploration *e)
{
	if (host_config.mode != HOST_EXPLORED)
		host_fail("this run is not an exploration");
	exploration = *e;
}
