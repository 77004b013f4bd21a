/* core/proc/oom.h -- which process has to end when there is no memory left.
 *
 * The one that has most: resident pages and page tables, and oom_score_adj thousandths of all
 * memory on top. It is killed, with all that share its memory, and whoever wants memory waits
 * until it is gone. One that does not go within seconds (it may wait for a lock whose holder
 * waits for memory) is given up and the next one chosen; so nobody waits for ever.
 *
 * Ownership  the victim under way is referenced until it is gone or given up.
 * Locking    its own, inside proc_tree_lock.
 */
#ifndef PROC_OOM_H
#define PROC_OOM_H

#include "core/proc/process.h"

#define OOM_ADJ_MIN (-1000) /* never */
#define OOM_ADJ_MAX 1000

void oom_init(void);

/* As /proc/pid/oom_score shows it: 0 for who is never chosen. */
unsigned oom_score(struct process *p);

/* p's memory is free now. */
void oom_process_gone(struct process *p);

#endif
