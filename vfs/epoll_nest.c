/* vfs/epoll_nest.c -- sets within sets: no circles, few levels.
 *
 * A wake goes up through the sets that contain the one it reached, recursively, so the levels
 * are few. Each set is visited once a check, and the links looked at have a limit too.
 */
#include "vfs/epoll_set.h"

#define EPOLL_NEST_LINKS 4096u
#define EPOLL_NEST_TOO_DEEP (EPOLL_NEST_MAX + 1)

/* Under epoll_lock. */
static u32 epoll_nest_check, epoll_nest_left;

/* Already known in this check? Else it is entered, so that a circle ends. */
static bool epoll_nest_seen(struct epoll *e) REQUIRES(epoll_lock)
{
	if (e->seen == epoll_nest_check)
		return true;
	e->seen = epoll_nest_check;
	e->depth = 0;
	return false;
}

static u32 epoll_nest_deeper(u32 depth, u32 below) REQUIRES(epoll_lock)
{
	if (!epoll_nest_left)
		return EPOLL_NEST_TOO_DEEP;
	epoll_nest_left--;
	return max(depth, min(below + 1, (u32)EPOLL_NEST_TOO_DEEP));
}

/* Levels below e; too deep if `outer` is among them. */
static u32 epoll_nest_below(struct epoll *e, const struct epoll *outer, u32 level)
	REQUIRES(epoll_lock)
{
	struct epoll_item *it;

	if (e == outer || level > EPOLL_NEST_MAX)
		return EPOLL_NEST_TOO_DEEP;
	if (epoll_nest_seen(e))
		return e->depth;
	list_each(it, &e->inner, in_inner) {
		e->depth = epoll_nest_deeper(
			e->depth, epoll_nest_below(it->file->private, outer, level + 1));
		if (e->depth > EPOLL_NEST_MAX)
			break;
	}
	return e->depth;
}

/* Levels above e. */
static u32 epoll_nest_above(struct epoll *e, u32 level) REQUIRES(epoll_lock)
{
	if (level > EPOLL_NEST_MAX)
		return EPOLL_NEST_TOO_DEEP;
	if (epoll_nest_seen(e))
		return e->depth;
	for (struct epoll_item *it = e->file->watchers; it; it = it->next) {
		e->depth = epoll_nest_deeper(e->depth, epoll_nest_above(it->set, level + 1));
		if (e->depth > EPOLL_NEST_MAX)
			break;
	}
	return e->depth;
}

bool epoll_nest_may(struct epoll *outer, struct epoll *inner)
{
	u32 below, above;

	epoll_nest_left = EPOLL_NEST_LINKS;
	epoll_nest_check++;
	below = epoll_nest_below(inner, outer, 0);
	if (below > EPOLL_NEST_MAX)
		return false;
	epoll_nest_check++;
	above = epoll_nest_above(outer, 0);
	return above + 1 + below <= EPOLL_NEST_MAX;
}
