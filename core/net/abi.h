/* core/net/abi.h -- numbers of the socket interface that the UAPI headers lack.
 *
 * Source: Linux include/linux/socket.h and include/linux/net.h, which are not exported; libc
 * has them in <sys/socket.h>, and the guest tests compare behaviour through that.
 */
#ifndef NET_ABI_H
#define NET_ABI_H

#include <asm/socket.h>
#include <linux/socket.h>

#include "hal/types.h"

enum {
	AF_UNSPEC = 0,
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	AF_NETLINK = 16,
	AF_MAX = 46,
};

enum {
	SOCK_STREAM = 1,
	SOCK_DGRAM = 2,
	SOCK_RAW = 3,
	SOCK_RDM = 4,
	SOCK_SEQPACKET = 5,
	SOCK_DCCP = 6,
	SOCK_PACKET = 10,
	SOCK_MAX = 11,
	SOCK_TYPE_MASK = 15,
	SOCK_CLOEXEC = 02000000,
	SOCK_NONBLOCK = 04000,
};

enum {
	MSG_OOB = 1,
	MSG_PEEK = 2,
	MSG_CTRUNC = 8,
	MSG_TRUNC = 0x20,
	MSG_DONTWAIT = 0x40,
	MSG_EOR = 0x80,
	MSG_WAITALL = 0x100,
	MSG_ERRQUEUE = 0x2000,
	MSG_NOSIGNAL = 0x4000,
	MSG_MORE = 0x8000,
	MSG_WAITFORONE = 0x10000,
	MSG_CMSG_CLOEXEC = 0x40000000,
};

enum { SHUT_RD, SHUT_WR, SHUT_RDWR };

enum {
	SOL_IP = 0,
	SOL_TCP = 6,
	SOL_UDP = 17,
	SOL_IPV6 = 41,
	SOL_NETLINK = 270,
};

enum {
	SCM_RIGHTS = 1,
	SCM_CREDENTIALS = 2,
	SCM_PIDFD = 4,
	SCM_MAX_FD = 253,
};

#define SOMAXCONN_DEFAULT 4096

struct net_ucred {
	i32 pid;
	u32 uid, gid;
};

/* As recvmsg(2) and sendmsg(2) have it in user memory. */
struct net_msghdr {
	u64 name;
	i32 name_len;
	i32 pad1;
	u64 iov;
	u64 iov_len;
	u64 control;
	u64 control_len;
	u32 flags;
	i32 pad2;
};
struct net_mmsghdr {
	struct net_msghdr hdr;
	u32 len;
	u32 pad;
};
struct net_cmsghdr {
	u64 len;
	i32 level, type;
};

#endif
