/* core/proc/pid_ns.h -- namespaces of process numbers: made, gone to, ended.
 *
 * Whoever is born first in one is its number 1, gets its orphans, and takes all of it along when
 * it ends; nobody is born there afterwards. A process stays where it was born; what it may choose
 * is where its children are.
 *
 * Ownership  pid_ns_get/pid_ns_put (core/proc/pid.h).
 * Locking    proc_tree_lock, and a process's sig_lock for where its children are born. Only
 *            pid_ns_end waits.
 */
#ifndef PROC_PID_NS_H
#define PROC_PID_NS_H

#include "core/proc/process.h"

#define PID_NS_LEVELS 32	/* below the first, as many as Linux has */

/* One below `parent` that belongs to `users`, with a reference, in which nobody is yet: 0, -EINVAL
 * (the parent is not of these or those above), -ENOMEM, -ENOSPC. */
int pid_ns_new(struct pid_ns *parent, struct user_ns *users, struct pid_ns **to);

/* Is ns `above` or below it? */
static inline bool pid_ns_is_within(const struct pid_ns *ns, const struct pid_ns *above)
{
	return pid_ns_above(ns, above->level) == above;
}

/* Where p's children are born, with a reference. */
struct pid_ns *pid_ns_for_children(struct process *p);
/* The same if somebody has been born there; else NULL. */
struct pid_ns *pid_ns_begun_for_children(struct process *p);

/* What reboot means in ns, not the first: its first process ends as if by that signal. */
void pid_ns_reboot(struct pid_ns *ns, int sig);

/* p came to, or goes from, where it is counted. */
void pid_ns_count(struct process *p, int by) REQUIRES(proc_tree_lock);

/* The current process, the first of its namespace, is ending: all others there do so before. */
struct pid_ns_end {
	struct co_frame co;
	int nr;
};
co_t pid_ns_end(struct co *co, struct pid_ns_end *f);

#endif
