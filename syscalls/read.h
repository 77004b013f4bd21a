/* syscalls/read.h -- what reads and writes by other ways than read and write need of those. */
#ifndef SYSCALLS_READ_H
#define SYSCALLS_READ_H

#include "coro/task.h"
#include "vfs/file.h"

/* A task's limit of sizes as file_write wants it: plus one, so that 0 is none. */
u64 read_size_limit(struct task *t);
/* What a failed write means for its thread besides the errno, which is returned. */
long read_signals(struct task *t, const struct file *file, long n);
/* Is there any way to do it? Asked before the buffers are looked at. */
bool read_vec_can(const struct file *file, bool write);

#endif
