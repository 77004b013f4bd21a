/* syscalls/usage.h -- times and usage in the ABI's layouts. */
#ifndef SYSCALLS_USAGE_H
#define SYSCALLS_USAGE_H

#include <linux/resource.h>

#include "core/proc/process.h"

void usage_to_rusage(const struct process_usage *u, struct rusage *to);

#endif
