/* core/report.h -- what a panic adds to its message, and the state of all tasks on request.
 *
 * Locking  report_panic waits for no lock; report_tasks is for a living kernel.
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "hal/types.h"

/* For panic_set_report: this CPU's task and its coroutine backtrace, then every other task. */
void report_panic(void);

/* Print every task's state and coroutine backtrace on the console by polling. For a serial
 * break: someone looks at a kernel that hangs. */
void report_tasks(void);

/* For watchdog_init: into the log, with the task's coroutine backtrace. */
struct executor;
void report_stuck(struct executor *ex, u64 ns);

#endif
