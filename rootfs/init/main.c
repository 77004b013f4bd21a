/* What the first process does, in order. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

/* /usr/local/sbin/poweroff and its like are links to this program. */
static bool called_as_poweroff(const char *name)
{
	const char *slash = strrchr(name, '/');

	name = slash ? slash + 1 : name;
	return !strcmp(name, "poweroff") || !strcmp(name, "halt");
}

int main(int argc, char **argv)
{
	static struct options options;
	int self;

	if (argc > 0 && called_as_poweroff(argv[0])) {
		power_settle();
		power_off();
	}
	if (getpid() != 1) {
		static const char text[] = "init: only the kernel starts this\n";

		(void)!write(2, text, sizeof(text) - 1);
		return 1;
	}
	self = open("/init", O_RDONLY | O_CLOEXEC);
	mounts_early();
	options_read(&options);
	say_open(options.tty);
	if (!strcmp(options.mode, "exec"))
		say_framed();
	modules_insert();
	mounts_root(&options);
	mounts_late();
	network_up();
	if (!strcmp(options.mode, "exec"))
		job_run(&options);
	else if (!strcmp(options.mode, "shell"))
		shell_run(&options, self);
	else
		die("lichen.mode is neither shell nor exec", options.mode);
	power_settle();
	power_off();
}
