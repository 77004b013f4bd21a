/* The end: nothing is lost that was written, and the machine goes off. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

/* Called by pid 1, or by `poweroff` run as root; kill(-1) spares pid 1 and the caller. */
void power_settle(void)
{
	if (kill(-1, SIGTERM) == 0) {
		kill(-1, SIGCONT);
		nanosleep(&(struct timespec) { .tv_nsec = 50 * 1000 * 1000 }, NULL);
		kill(-1, SIGKILL);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	sync();
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

void power_off(void)
{
	tcdrain(say_fd());
	sync();
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
