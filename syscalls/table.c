/* syscalls/table.c -- every system call there is, by family.
 *
 * P: plain form only; A: awaitable only; B: both, the plain one tries first.
 */
#include <asm/unistd.h>

#include "syscalls/syscall.h"

#define CALLS(P, A, B)                                                         \
	/* open.c */                                                          \
	A(openat) A(openat2) B(close) A(close_range)                                      \
	/* read.c */                                                          \
	B(read) B(write) B(pread64) B(pwrite64) B(lseek)                       \
	A(readv) A(writev) A(preadv) A(pwritev) A(preadv2) A(pwritev2)         \
	A(sendfile) A(copy_file_range)                                         \
	/* aio.c */                                                           \
	A(io_setup) A(io_destroy) A(io_submit) A(io_cancel)                    \
	A(io_getevents) A(io_pgetevents)                                       \
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
	/* fd.c, lock.c */                                                    \
	P(dup) A(dup3) B(fcntl) A(flock) A(ioctl)                              \
	/* mount.c, mount_fd.c */                                             \
	A(mount) A(umount2) A(pivot_root)                                      \
	A(open_tree) A(move_mount) A(mount_setattr)                            \
	/* fsopen.c, mount_stat.c */                                           \
	A(fsopen) A(fsconfig) A(fsmount) A(fspick) A(statmount) A(listmount)   \
	/* handle.c */                                                         \
	A(name_to_handle_at) A(open_by_handle_at)                              \
	/* sync.c */                                                          \
	A(sync) A(fsync) A(fdatasync) A(syncfs) P(fadvise64)                   \
	A(sync_file_range) A(cachestat)                                        \
	/* pipe.c, poll.c, epoll.c, eventfd.c */                               \
	B(pipe2) A(ppoll) A(pselect6)                                          \
	P(epoll_create1) B(epoll_ctl) B(epoll_pwait) A(epoll_pwait2) P(eventfd2) \
	/* uring.c */                                                          \
	A(io_uring_setup) A(io_uring_enter) A(io_uring_register)               \
	/* allocate.c, splice.c, vmsplice.c, xattr.c */                       \
	A(fallocate) A(splice) A(tee) P(readahead) A(vmsplice)                 \
	A(setxattr) A(lsetxattr) A(fsetxattr) A(getxattr) A(lgetxattr)         \
	A(fgetxattr) A(listxattr) A(llistxattr) A(flistxattr)                  \
	A(removexattr) A(lremovexattr) A(fremovexattr)                         \
	/* memfd.c */                                                         \
	A(memfd_create) P(memfd_secret)                                        \
	/* inotify.c */                                                       \
	P(inotify_init1) A(inotify_add_watch) P(inotify_rm_watch)              \
	/* socket.c, message.c */                                             \
	P(socket) B(socketpair) A(bind) P(listen) A(accept) A(accept4)         \
	A(connect) A(getsockname) A(getpeername) P(shutdown)                   \
	A(setsockopt) A(getsockopt) B(sendto) B(recvfrom)                      \
	A(sendmsg) A(recvmsg) A(sendmmsg) A(recvmmsg)                          \
	/* process.c, exec.c, wait.c */                                       \
	A(clone) A(clone3) A(execve) A(execveat) A(exit) P(exit_group)         \
	A(wait4) A(waitid) P(set_tid_address) P(personality)                    \
	P(getpid) P(gettid) P(getppid) P(setpgid) P(getpgid) P(setsid) P(getsid) \
	/* namespace.c */                                                      \
	B(unshare) P(setns)                                                    \
	/* pidfd.c */                                                         \
	P(pidfd_open) B(pidfd_send_signal) P(pidfd_getfd) B(kcmp)              \
	/* ptrace.c, process_vm.c, seccomp.c */                               \
	A(ptrace) A(process_vm_readv) A(process_vm_writev) A(seccomp)          \
	/* signal.c */                                                        \
	P(kill) P(tkill) P(tgkill) B(rt_sigaction) B(rt_sigprocmask)           \
	B(rt_sigpending) A(rt_sigsuspend) A(rt_sigtimedwait)                   \
	B(rt_sigqueueinfo) B(rt_tgsigqueueinfo) B(sigaltstack)                 \
	A(rt_sigreturn) A(restart_syscall) B(signalfd4)                        \
	/* mm.c */                                                            \
	A(brk) A(mmap) A(munmap) A(mprotect) A(mremap) A(madvise) A(msync)     \
	A(mincore)                                                             \
	/* process_madvise.c, userfaultfd.c */                                 \
	A(process_madvise) P(userfaultfd)                                      \
	/* mempolicy.c */                                                      \
	A(mbind) A(get_mempolicy) A(set_mempolicy) A(set_mempolicy_home_node)  \
	A(migrate_pages) A(move_pages)                                         \
	/* mlock.c */                                                         \
	A(mlock) A(mlock2) A(munlock) A(mlockall) A(munlockall) A(mseal)       \
	P(pkey_alloc) P(pkey_free) A(pkey_mprotect) A(remap_file_pages)        \
	/* mq.c, shm.c, sem.c, msg.c */                                        \
	A(mq_open) A(mq_unlink) A(mq_timedsend) A(mq_timedreceive)             \
	B(mq_notify) B(mq_getsetattr)                                          \
	P(shmget) A(shmat) A(shmdt) A(shmctl)                                  \
	P(semget) A(semop) A(semtimedop) A(semctl)                             \
	P(msgget) A(msgsnd) A(msgrcv) A(msgctl)                                \
	/* ioprio.c */                                                        \
	P(ioprio_set) P(ioprio_get)                                            \
	/* futex.c, futex2.c */                                               \
	A(futex) P(set_robust_list) B(get_robust_list)                         \
	A(futex_waitv) A(futex_wake) A(futex_wait) A(futex_requeue)            \
	/* time.c */                                                          \
	B(clock_gettime) B(clock_getres) B(clock_settime) B(gettimeofday)      \
	B(settimeofday) B(adjtimex) B(clock_adjtime) A(nanosleep)              \
	A(clock_nanosleep) B(getitimer) B(setitimer) B(timer_create)           \
	B(timer_settime) B(timer_gettime) P(timer_getoverrun) P(timer_delete)  \
	P(timerfd_create) B(timerfd_settime) B(timerfd_gettime)                \
	/* usage.c */                                                         \
	B(times) B(getrusage) B(prlimit64) B(getrlimit) B(setrlimit)           \
	/* ids.c */                                                           \
	P(getuid) P(geteuid) P(getgid) P(getegid) B(getresuid) B(getresgid)    \
	P(setuid) P(setgid) P(setreuid) P(setregid) P(setresuid) P(setresgid)  \
	P(setfsuid) P(setfsgid) A(getgroups) A(setgroups) B(capget) B(capset)  \
	/* sched.c */                                                         \
	P(sched_yield) B(sched_getaffinity) B(sched_setaffinity)               \
	P(setpriority) P(getpriority) B(getcpu)                                \
	/* sched_attr.c */                                                    \
	B(sched_setscheduler) B(sched_setparam) P(sched_getscheduler)          \
	B(sched_getparam) P(sched_get_priority_max) P(sched_get_priority_min)  \
	B(sched_rr_get_interval) B(sched_getattr) B(sched_setattr)             \
	/* misc.c */                                                          \
	A(uname) B(sethostname) B(setdomainname) B(sysinfo) A(getrandom)       \
	B(rseq) A(membarrier) P(reboot) B(prctl)   \
	/* syslog.c */                                                         \
	A(syslog)

#define DECLARE_P(n) long plain_##n(struct task *t, const u64 *a);
#define DECLARE_A(n) co_t begin_##n(struct co *co, const u64 *a);
#define DECLARE_B(n) DECLARE_P(n) DECLARE_A(n)
CALLS(DECLARE_P, DECLARE_A, DECLARE_B)

#define PLAIN_P(n) [__NR_##n] = plain_##n,
#define PLAIN_A(n) [__NR_##n] = dispatch_must_wait,
syscall_plain_fn *const syscall_plain[SYSCALL_MAX + 1] = {
	[0 ... SYSCALL_MAX] = dispatch_unknown,
	CALLS(PLAIN_P, PLAIN_A, PLAIN_P)
};

#define ENTRY_P(n) [__NR_##n] = {#n, NULL},
#define ENTRY_A(n) [__NR_##n] = {#n, begin_##n},
const struct syscall syscall_table[SYSCALL_MAX] = {CALLS(ENTRY_P, ENTRY_A, ENTRY_A)};
