/* core/dev/ldisc_out.h -- the line discipline's output half, for ldisc.c. */
#ifndef DEV_LDISC_OUT_H
#define DEV_LDISC_OUT_H

#include "core/dev/ldisc.h"

static inline bool ldisc_is_control(u8 c)
{
	return c < 0x20 || c == 0x7f;
}

/* Echo c; a control character as ^X if the settings ask for it. An echo that finds the
 * output ring full is lost. */
void ldisc_echo(struct ldisc *l, u8 c);
/* The same, never as ^X. */
void ldisc_echo_plain(struct ldisc *l, u8 c);
/* The same, for a byte that takes no column of its own. */
void ldisc_echo_joined(struct ldisc *l, u8 c);
/* Overwrite the last column, or just move back. */
void ldisc_rub_out(struct ldisc *l);
void ldisc_back(struct ldisc *l);
/* Close an ECHOPRT group. */
void ldisc_finish_erasing(struct ldisc *l);

#endif
