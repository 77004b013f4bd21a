/* tests/sim/points_expect.c -- what a signal with a handler makes of a call that waits, on Linux.
 *
 * Sources: signal(7), and what Linux 6.12 was seen to do.
 */
#include <asm/unistd.h>
#include <linux/futex.h>

#include "core/base/bits.h"
#include "points.h"

enum class {
	COMPLETES,	/* no signal but a deadly one ends it early */
	RESTARTS,	/* -EINTR, or again with SA_RESTART */
	TIMED,		/* the same, but always -EINTR with a time limit on the socket */
	NEVER,		/* -EINTR even with SA_RESTART */
	ALWAYS,		/* made again even without SA_RESTART */
	UNJUDGED,	/* does not return to where it was made */
};

static const u8 classes[POINTS_CALLS] = {
	[__NR_openat] = RESTARTS, [__NR_openat2] = RESTARTS,
	[__NR_read] = RESTARTS, [__NR_write] = RESTARTS,
	[__NR_readv] = RESTARTS, [__NR_writev] = RESTARTS,
	[__NR_preadv2] = RESTARTS, [__NR_pwritev2] = RESTARTS,
	[__NR_sendfile] = RESTARTS, [__NR_splice] = RESTARTS, [__NR_tee] = RESTARTS, [__NR_truncate] = RESTARTS,
	[__NR_vmsplice] = RESTARTS,
	[__NR_ioctl] = RESTARTS, [__NR_flock] = RESTARTS, [__NR_fcntl] = RESTARTS,
	[__NR_wait4] = RESTARTS, [__NR_waitid] = RESTARTS, [__NR_syslog] = RESTARTS,
	[__NR_mq_timedsend] = RESTARTS, [__NR_mq_timedreceive] = RESTARTS,
	[__NR_getrandom] = RESTARTS, [__NR_futex] = RESTARTS, [__NR_futex_wait] = RESTARTS,
	[__NR_futex_waitv] = RESTARTS,
	[__NR_accept] = TIMED, [__NR_accept4] = TIMED, [__NR_connect] = TIMED,
	[__NR_sendto] = TIMED, [__NR_recvfrom] = TIMED, [__NR_sendmsg] = TIMED,
	[__NR_recvmsg] = TIMED, [__NR_sendmmsg] = TIMED, [__NR_recvmmsg] = TIMED,
	[__NR_ppoll] = NEVER, [__NR_pselect6] = NEVER, [__NR_epoll_pwait] = NEVER,
	[__NR_epoll_pwait2] = NEVER, [__NR_rt_sigsuspend] = NEVER, [__NR_rt_sigtimedwait] = NEVER,
	[__NR_nanosleep] = NEVER, [__NR_clock_nanosleep] = NEVER, [__NR_msgrcv] = NEVER,
	[__NR_msgsnd] = NEVER, [__NR_semop] = NEVER, [__NR_semtimedop] = NEVER,
	[__NR_restart_syscall] = NEVER, [__NR_io_getevents] = NEVER, [__NR_io_pgetevents] = NEVER,
	[__NR_io_uring_enter] = NEVER, [__NR_io_uring_register] = NEVER,
	[__NR_clone] = ALWAYS, [__NR_clone3] = ALWAYS,
	[__NR_rt_sigreturn] = UNJUDGED, [__NR_execve] = UNJUDGED, [__NR_execveat] = UNJUDGED,
	[__NR_exit] = UNJUDGED, [__NR_exit_group] = UNJUDGED,
};

static enum class class_of(int nr, const u64 *x)
{
	if (nr == __NR_futex)
		switch (x[1] & FUTEX_CMD_MASK) {
		case FUTEX_LOCK_PI:
		case FUTEX_LOCK_PI2:
		case FUTEX_WAIT_REQUEUE_PI:
			return ALWAYS;
		case FUTEX_WAIT:
		case FUTEX_WAIT_BITSET:
			return x[3] ? NEVER : RESTARTS;
		}
	return nr >= 0 && nr < POINTS_CALLS ? classes[nr] : COMPLETES;
}

unsigned points_expected(int nr, const u64 *x, enum points_kind kind)
{
	bool again = kind == POINTS_AGAIN;

	switch (class_of(nr, x)) {
	case COMPLETES:
		return POINTS_COMPLETES;
	case RESTARTS:
		return POINTS_COMPLETES | (again ? POINTS_RESTARTS : POINTS_EINTR);
	case TIMED:
		return POINTS_COMPLETES | POINTS_EINTR | (again ? POINTS_RESTARTS : 0);
	case NEVER:
		return POINTS_COMPLETES | POINTS_EINTR;
	case ALWAYS:
		return POINTS_COMPLETES | POINTS_RESTARTS;
	case UNJUDGED:
		break;
	}
	return POINTS_COMPLETES | POINTS_RESTARTS | POINTS_EINTR;
}

bool points_may_be_short(int nr)
{
	switch (nr) {
	case __NR_read:
	case __NR_write:
	case __NR_readv:
	case __NR_writev:
	case __NR_preadv2:
	case __NR_pwritev2:
	case __NR_sendfile:
	case __NR_splice:
	case __NR_tee:
	case __NR_vmsplice:
	case __NR_sendto:
	case __NR_recvfrom:
	case __NR_sendmsg:
	case __NR_recvmsg:
	case __NR_sendmmsg:
	case __NR_recvmmsg:
	case __NR_getrandom:
	case __NR_restart_syscall: /* what was to be gone on with is forgotten */
		return true;
	default:
		return false;
	}
}
