/* core/net/loopback.c */
#include "core/net/loopback.h"

#include <linux/sockios.h>

#include "core/base/atomic.h"
#include "core/base/string.h"
#include "core/cred/cred.h"
#include "core/net/abi.h"

const u8 loopback_v4[4] = {127, 0, 0, 1};
const u8 loopback_v6[16] = {[15] = 1};

static u64 loopback_packets, loopback_bytes;	/* [a] */

void loopback_count(u32 bytes)
{
	atomic_add_relaxed(&loopback_packets, 1ul);
	atomic_add_relaxed(&loopback_bytes, (u64)bytes);
}

void loopback_stats(u64 *packets, u64 *bytes)
{
	*packets = atomic_load_relaxed(&loopback_packets);
	*bytes = atomic_load_relaxed(&loopback_bytes);
}

/* --- ioctl --- */

static void loopback_put_address(struct loopback_request *r, u8 a, u8 d)
{
	memset(r->bytes, 0, sizeof(r->bytes));
	r->address.family = AF_INET;
	r->address.addr[0] = a;
	r->address.addr[3] = d;
}

static int loopback_address(unsigned cmd, struct loopback_request *r)
{
	switch (cmd) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
		loopback_put_address(r, 127, 1);
		return 0;
	case SIOCGIFNETMASK:
		loopback_put_address(r, 255, 0);
		return 0;
	case SIOCGIFBRDADDR:
		loopback_put_address(r, 0, 0);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int loopback_value(unsigned cmd, struct loopback_request *r)
{
	switch (cmd) {
	case SIOCGIFINDEX:
		r->value = LOOPBACK_INDEX;
		return 0;
	case SIOCGIFFLAGS:
		r->flags = (i16)LOOPBACK_FLAGS;
		return 0;
	case SIOCGIFMTU:
		r->value = LOOPBACK_MTU;
		return 0;
	case SIOCGIFMETRIC:
		r->value = 0;
		return 0;
	case SIOCGIFTXQLEN:
		r->value = LOOPBACK_QUEUE;
		return 0;
	case SIOCGIFHWADDR:
		memset(r->bytes, 0, sizeof(r->bytes));
		r->address.family = LOOPBACK_TYPE;
		return 0;
	default:
		return -ENOTTY;
	}
}

int loopback_ioctl(unsigned cmd, struct loopback_request *r, bool inet)
{
	bool known;
	int err;

	if (cmd == SIOCGIFNAME) {
		if (r->value != LOOPBACK_INDEX)
			return -ENODEV;
		string_copy(r->name, LOOPBACK_NAME, sizeof(r->name));
		return 0;
	}
	known = !strncmp(r->name, LOOPBACK_NAME, sizeof(r->name));
	if (cmd == SIOCSIFFLAGS) {
		if (!cred_capable(task_current()->cred, CAP_NET_ADMIN))
			return -EPERM;
		/* It is up, and stays so. */
		return !known ? -ENODEV : r->flags & LOOPBACK_UP ? 0 : -EOPNOTSUPP;
	}
	err = inet ? loopback_address(cmd, r) : -ENOTTY;
	if (err == -ENOTTY)
		err = loopback_value(cmd, r);
	return err || known ? err : -ENODEV;
}
