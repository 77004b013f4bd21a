/* syscalls/table.c -- every system call there is, by family.
 *
 * P: plain form only; A: awaitable only; B: both, the plain one tries first.
 */
#include <asm/unistd.h>

#include "syscalls/syscall.h"

#define CALLS(P, A, B)                                                         \
	/* open.c */                                                          \
	A(openat) B(close) A(close_range)                                      \
	/* read.c */                                                          \
	B(read) B(write) B(pread64) B(pwrite64) B(lseek)                       \
	A(readv) A(writev) A(preadv) A(pwritev) A(preadv2) A(pwritev2)         \
	A(sendfile) A(copy_file_range)                                         \
	/* stat.c */                                                          \
	B(newfstatat) B(fstat) A(statx) B(faccessat) B(faccessat2)             \
	A(readlinkat) A(statfs) A(fstatfs)                                     \
	/* dir.c */                                                           \
	A(getdents64) A(chdir) P(fchdir) A(chroot) A(getcwd) P(umask)          \
	/* link.c */                                                          \
	A(mkdirat) A(mknodat) A(symlinkat) A(linkat) A(unlinkat)               \
	A(renameat) A(renameat2)                                               \
	/* attr.c */                                                          \
	A(fchmod) A(fchmodat) A(fchmodat2) A(fchown) A(fchownat) A(utimensat)  \
	A(truncate) A(ftruncate)                                               \
	/* fd.c */                                                            \
	P(dup) A(dup3) B(fcntl) A(flock) A(ioctl)                              \
	/* mount.c */                                                         \
	A(mount) A(umount2) A(pivot_root)                                      \
	/* sync.c */                                                          \
	A(sync) A(fsync) A(fdatasync) A(syncfs) P(fadvise64)                       \
	/* pipe.c, poll.c */                                                  \
	B(pipe2) A(ppoll) A(pselect6)

#define DECLARE_P(n) long plain_##n(struct task *t, const u64 *a);
#define DECLARE_A(n) co_t begin_##n(struct co *co, const u64 *a);
#define DECLARE_B(n) DECLARE_P(n) DECLARE_A(n)
CALLS(DECLARE_P, DECLARE_A, DECLARE_B)

#define ENTRY_P(n) [__NR_##n] = {#n, plain_##n, NULL},
#define ENTRY_A(n) [__NR_##n] = {#n, NULL, begin_##n},
#define ENTRY_B(n) [__NR_##n] = {#n, plain_##n, begin_##n},
const struct syscall syscall_table[SYSCALL_MAX] = {CALLS(ENTRY_P, ENTRY_A, ENTRY_B)};
