/* core/net/option.h -- getsockopt and setsockopt. What is not there is -ENOPROTOOPT: an option
 * that would be ignored is refused. Nothing here waits. */
#ifndef NET_OPTION_H
#define NET_OPTION_H

#include "core/net/socket.h"

/* value: len bytes, at most SOCKET_OPTION_MAX. */
int option_set(struct socket *s, int level, int option, const char *value, u32 len);
/* value: SOCKET_OPTION_MAX bytes; *len: how much is wanted, then how much there is. */
int option_get(struct socket *s, int level, int option, char *value, u32 *len);

/* For the families: an int at value. */
int option_int(const char *value);
int option_put(char *value, u32 *len, int result);
/* May the caller have what only CAP_NET_ADMIN or CAP_NET_RAW may? */
bool option_is_admin(void);
int option_put_bytes(char *value, u32 *len, const void *result, u32 size);

#endif
