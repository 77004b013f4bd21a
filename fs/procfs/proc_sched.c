/* fs/procfs/proc_sched.c -- /proc/sys/kernel/sched_*: the limits of real-time tasks. */
#include "core/base/string.h"
#include "fs/procfs/proc.h"
#include "sched/deadline.h"

static int period_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", rt_limits().period_us);
	return 0;
}

static int runtime_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", rt_limits().runtime_us);
	return 0;
}

static int turn_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", rt_limits().turn_ms);
	return 0;
}

/* A number of 31 bits, or -1. */
static bool parse(const char *text, i32 *to)
{
	bool minus = *text == '-';
	const char *end;
	u64 n;

	if (!string_to_u64(text + minus, &end, 10, &n) || n > (minus ? 1 : INT32_MAX) ||
	    (*end && *end != '\n'))
		return false;
	*to = minus ? -(i32)n : (i32)n;
	return true;
}

static int period_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct rt_limits limits = rt_limits();
	i32 n;

	if (!parse(text, &n) || n <= 0)
		return -EINVAL;
	limits.period_us = (u32)n;
	return rt_set_limits(&limits);
}

static int runtime_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct rt_limits limits = rt_limits();

	return parse(text, &limits.runtime_us) ? rt_set_limits(&limits) : -EINVAL;
}

/* 0 or less: the usual. */
static int turn_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct rt_limits limits = rt_limits();
	i32 n;

	if (!parse(text, &n))
		return -EINVAL;
	limits.turn_ms = n > 0 ? (u32)n : RT_TURN_MS;
	return rt_set_limits(&limits);
}

static int period_max_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", deadline_limits().period_max_us);
	return 0;
}

static int period_min_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", deadline_limits().period_min_us);
	return 0;
}

static bool parse_u32(const char *text, u32 *to)
{
	const char *end;
	u64 n;

	if (!string_to_u64(text, &end, 10, &n) || n > UINT32_MAX || (*end && *end != '\n'))
		return false;
	*to = (u32)n;
	return true;
}

static int period_max_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct deadline_limits limits = deadline_limits();

	return parse_u32(text, &limits.period_max_us) ? deadline_set_limits(&limits) : -EINVAL;
}

static int period_min_store(const struct proc_subject *who, const char *text, size_t len)
{
	struct deadline_limits limits = deadline_limits();

	return parse_u32(text, &limits.period_min_us) ? deadline_set_limits(&limits) : -EINVAL;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}

const struct proc_entry proc_sched_limits[] = {
	FILE("sched_deadline_period_max_us", 0644, .show = period_max_show,
	     .store = period_max_store),
	FILE("sched_deadline_period_min_us", 0644, .show = period_min_show,
	     .store = period_min_store),
	FILE("sched_rr_timeslice_ms", 0644, .show = turn_show, .store = turn_store),
	FILE("sched_rt_period_us", 0644, .show = period_show, .store = period_store),
	FILE("sched_rt_runtime_us", 0644, .show = runtime_show, .store = runtime_store),
	{.children = proc_uring_settings},
};
