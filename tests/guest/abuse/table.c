/* The tables of calls, as data. */
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

#define CALL(n, ...)	{ #n, SYS_##n, false, { __VA_ARGS__ } },
#define COUNT(n, ...)	{ #n, SYS_##n, true, { __VA_ARGS__ } },

#pragma clang diagnostic ignored "-Wmissing-field-initializers"

const struct call calls[] = {
#include "calls_file.def"
#include "calls_ipc.def"
#include "calls_memory.def"
#include "calls_process.def"
#include "calls_signal.def"
#include "calls_socket.def"
};

const unsigned calls_count = sizeof(calls) / sizeof(calls[0]);
