/* core/net/tcp_option.c -- options of TCP that are more than on or off.
 *
 * Between two sockets of one machine nothing is sent twice, delayed or acknowledged, so most of
 * these say how to do what never happens; they keep what Linux would keep, within its bounds.
 */
#include <linux/tcp.h>

#include "core/base/string.h"
#include "core/net/inet.h"
#include "core/net/loopback.h"
#include "core/net/option.h"
#include "hal/clock.h"

#define TCP_NAME_MAX	 16u	/* of a way to avoid congestion, the zero included */
#define TCP_TIMER_MAX	 32767	/* seconds */
#define TCP_COUNT_MAX	 127
#define TCP_USER_MSS_MIN 88
#define TCP_USER_MSS_MAX 32767
#define TCP_CLAMP_MIN	 1152u	/* half of the least SO_RCVBUF */
#define TCP_NS_PER_MS	 1000000ul

/* What a segment holds: of a sender that heard of a window of 65,483 bytes, half of that less its
 * time stamp; of the other, and less for what somebody asked for. */
#define TCP_MSS_CLIENT4 32741
#define TCP_MSS_CLIENT6 32732
#define TCP_MSS_SERVER	32768
#define TCP_MSS_ADVISED 65483
#define TCP_STAMP_SIZE	12

static bool tcp_is_connected(const struct socket *s)
{
	u8 state = atomic_load(&s->state);

	return state != SOCKET_CLOSE && state != SOCKET_LISTEN;
}

void tcp_agree(struct inet_socket *client, struct inet_socket *server)
{
	bool v4 = inet_is_v4(&client->entry.remote);
	u16 wanted[2] = {atomic_load(&client->tcp.user_mss), atomic_load(&server->tcp.user_mss)};

	client->mss = v4 ? TCP_MSS_CLIENT4 : TCP_MSS_CLIENT6;
	server->mss = TCP_MSS_SERVER;
	for (unsigned n = 0; n < 2; n++) {
		if (!wanted[n])
			continue;
		client->mss = min(client->mss, (u16)(wanted[n] - TCP_STAMP_SIZE));
		server->mss = min(server->mss, (u16)(wanted[n] - TCP_STAMP_SIZE));
	}
}

/* --- setting --- */

static int tcp_set_mss(struct inet_socket *i, int n)
{
	if (n && (n < TCP_USER_MSS_MIN || n > TCP_USER_MSS_MAX))
		return -EINVAL;
	atomic_store(&i->tcp.user_mss, (u16)n);
	return 0;
}

static int tcp_set_clamp(struct inet_socket *i, int n)
{
	if (!n && atomic_load(&i->socket.state) != SOCKET_CLOSE)
		return -EINVAL;
	atomic_store(&i->tcp.window_clamp, n ? max((u32)n, TCP_CLAMP_MIN) : 0);
	return 0;
}

static int tcp_set_fastopen(struct inet_socket *i, int n)
{
	if (n < 0 || tcp_is_connected(&i->socket))
		return -EINVAL;
	atomic_store(&i->tcp.fastopen_queue, min((u32)n, (u32)SOMAXCONN_DEFAULT));
	return 0;
}

static int tcp_set_number(struct inet_socket *i, int option, int n)
{
	struct inet_tcp *t = &i->tcp;

	switch (option) {
	case TCP_MAXSEG:
		return tcp_set_mss(i, n);
	case TCP_KEEPIDLE:
		return inet_set_number(&t->keepidle_s, n, 1, TCP_TIMER_MAX);
	case TCP_KEEPINTVL:
		return inet_set_number(&t->keepintvl_s, n, 1, TCP_TIMER_MAX);
	case TCP_KEEPCNT:
		return inet_set_number(&t->keepcnt, n, 1, TCP_COUNT_MAX);
	case TCP_USER_TIMEOUT:
		return inet_set_number(&t->user_timeout_ms, n, 0, INT32_MAX);
	case TCP_WINDOW_CLAMP:
		return tcp_set_clamp(i, n);
	case TCP_FASTOPEN:
		return tcp_set_fastopen(i, n);
	case TCP_NOTSENT_LOWAT:
		atomic_store(&t->notsent_lowat, (u32)n);
		return 0;
	case TCP_THIN_DUPACK:
		return n < 0 || n > 1 ? -EINVAL : 0;	/* Linux keeps nothing either */
	case TCP_TIMESTAMP:
		return -EPERM;		/* for who repairs connections, which is not there */
	default:
		return -ENOPROTOOPT;
	}
}

/* A name as far as it goes: cubic or reno. */
static int tcp_set_congestion(struct inet_socket *i, const char *value, u32 len)
{
	char name[TCP_NAME_MAX] = "";

	if (!len)
		return -EINVAL;
	memcpy(name, value, min(len, TCP_NAME_MAX - 1));
	if (!strcmp(name, "reno"))
		atomic_or(&i->options, (u32)INET_RENO);
	else if (!strcmp(name, "cubic"))
		atomic_and(&i->options, ~(u32)INET_RENO);
	else
		return -ENOENT;
	return 0;
}

int tcp_set_option(struct inet_socket *i, int option, const char *value, u32 len)
{
	if (option == TCP_CONGESTION)
		return tcp_set_congestion(i, value, len);
	if (option == TCP_ULP)
		return len ? -ENOENT : -EINVAL;		/* there are none */
	if (len < sizeof(int))
		return -EINVAL;
	return tcp_set_number(i, option, option_int(value));
}

/* --- getting --- */

static int tcp_mss(const struct inet_socket *i)
{
	u16 wanted = atomic_load(&i->tcp.user_mss);

	if (tcp_is_connected(&i->socket) && i->mss)
		return i->mss;
	return wanted ? wanted : TCP_MSS_DEFAULT;
}

static int tcp_get_info(struct inet_socket *i, char *value, u32 *len)
{
	struct socket *s = &i->socket;
	struct tcp_info info;

	memset(&info, 0, sizeof(info));
	info.tcpi_state = atomic_load(&s->state);
	info.tcpi_pmtu = LOOPBACK_MTU;
	info.tcpi_snd_mss = info.tcpi_rcv_mss = (u32)tcp_mss(i);
	info.tcpi_advmss = TCP_MSS_ADVISED;
	info.tcpi_unacked = info.tcpi_state == SOCKET_LISTEN ? atomic_load(&s->pending_count) : 0;
	info.tcpi_sacked = info.tcpi_state == SOCKET_LISTEN ? atomic_load(&s->backlog) : 0;
	info.tcpi_rcv_space = atomic_load_relaxed(&s->rcvbuf);
	return option_put_bytes(value, len, &info, sizeof(info));
}

static int tcp_get_number(const struct inet_socket *i, int option, u32 *n)
{
	const struct inet_tcp *t = &i->tcp;

	switch (option) {
	case TCP_MAXSEG:
		*n = (u32)tcp_mss(i);
		return 0;
	case TCP_KEEPIDLE:
		*n = t->keepidle_s ? t->keepidle_s : 7200;
		return 0;
	case TCP_KEEPINTVL:
		*n = t->keepintvl_s ? t->keepintvl_s : 75;
		return 0;
	case TCP_KEEPCNT:
		*n = t->keepcnt ? t->keepcnt : 9;
		return 0;
	case TCP_USER_TIMEOUT:
		*n = t->user_timeout_ms;
		return 0;
	case TCP_WINDOW_CLAMP:
		*n = t->window_clamp;
		if (!*n && tcp_is_connected(&i->socket))
			*n = LOOPBACK_MTU;
		return 0;
	case TCP_FASTOPEN:
		*n = t->fastopen_queue;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*n = t->notsent_lowat;
		return 0;
	case TCP_THIN_DUPACK:
		*n = 0;
		return 0;
	case TCP_TIMESTAMP:
		*n = (u32)(hal_clock_ns() / TCP_NS_PER_MS);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int tcp_get_option(struct inet_socket *i, int option, char *value, u32 *len)
{
	char name[TCP_NAME_MAX] = "cubic";
	u32 n;
	int err;

	switch (option) {
	case TCP_INFO:
		return tcp_get_info(i, value, len);
	case TCP_CONGESTION:
		if (atomic_load(&i->options) & INET_RENO)
			memcpy(name, "reno", sizeof("reno"));
		return option_put_bytes(value, len, name, sizeof(name));
	case TCP_CC_INFO:
	case TCP_ULP:
		*len = 0;	/* neither has anything to say */
		return 0;
	default:
		err = tcp_get_number(i, option, &n);
		return err ? err : option_put(value, len, (int)n);
	}
}
