/* core/dev/tty_speed.h -- the speeds that CBAUD and CIBAUD encode. */
#ifndef DEV_TTY_SPEED_H
#define DEV_TTY_SPEED_H

#include <asm/termbits.h>

/* Make c_ispeed and c_ospeed say what c_cflag does. BOTHER: they say it themselves. */
void tty_speed_from_flags(struct ktermios *t);

#endif
