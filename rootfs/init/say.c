/* Lines on the console, and giving up with one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "init.h"

static int console = 2;
static bool framed;

char *number(char text[static NUMBER_MAX], int value)
{
	snprintf(text, NUMBER_MAX, "%d", value);
	return text;
}

/* Standard input, output and error become the console, whatever the kernel gave. */
void say_open(const char *tty)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", tty);
	fd = open(path, O_RDWR | O_NOCTTY);
	if (fd < 0)
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

int say_fd(void)
{
	return console;
}

/* Frames are bytes: nothing on the way may change them. */
void say_framed(void)
{
	struct termios raw;

	framed = true;
	if (tcgetattr(console, &raw) < 0)
		return warn("the console's mode cannot be read", strerror(errno));
	cfmakeraw(&raw);
	if (tcsetattr(console, TCSANOW, &raw) < 0)
		warn("the console's mode cannot be set", strerror(errno));
}

static size_t compose(char *line, size_t size, const char *what, const char *why)
{
	int n = why ? snprintf(line, size, "%s: %s", what, why) : snprintf(line, size, "%s", what);

	return (size_t)n < size ? (size_t)n : size - 1;
}

void warn(const char *what, const char *why)
{
	char text[256];
	int size = (int)compose(text, sizeof(text), what, why);

	dprintf(console, "init: %.*s\r\n", size, text);
}

void die(const char *what, const char *why)
{
	char text[256];
	size_t size = compose(text, sizeof(text), what, why);

	warn(what, why);
	if (framed)
		frame_send(console, FRAME_DIED, text, size);
	power_off();
}
