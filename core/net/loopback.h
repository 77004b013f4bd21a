/* core/net/loopback.h -- `lo`, the one network interface: 127.0.0.1/8 and ::1/128.
 *
 * Everything about it is constant but its counters.
 */
#ifndef NET_LOOPBACK_H
#define NET_LOOPBACK_H

#include "hal/types.h"

#define LOOPBACK_NAME	      "lo"
#define LOOPBACK_INDEX	      1
#define LOOPBACK_TYPE	      772	/* ARPHRD_LOOPBACK of linux/if_arp.h */
#define LOOPBACK_MTU	      65536u
#define LOOPBACK_QUEUE	      1000u
#define LOOPBACK_ADDRESS_SIZE 6
/* IFF_UP, IFF_LOOPBACK, IFF_RUNNING, IFF_LOWER_UP */
#define LOOPBACK_FLAGS	      0x10049u

#define LOOPBACK_UP	      1u	/* IFF_UP */

extern const u8 loopback_v4[4], loopback_v6[16];

/* A packet of this many bytes went through. */
void loopback_count(u32 bytes);
void loopback_stats(u64 *packets, u64 *bytes);

/* struct ifreq of linux/if.h, which needs a C library's headers. */
struct loopback_request {
	char name[16];
	union {
		struct {
			u16 family, port;
			u8 addr[4];
		} address;
		i32 value;
		i16 flags;
		char bytes[24];
	};
};

/* SIOCGIF* and SIOCSIF* about one interface: 0, or an error; -ENOTTY: not one of these. `inet`:
 * the socket is one of the IP families, which alone know addresses. */
int loopback_ioctl(unsigned cmd, struct loopback_request *r, bool inet);

#endif
