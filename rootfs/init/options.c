/* Reads the options meant for init from the kernel's command line. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

static void set_text(char *to, size_t size, const char *value)
{
	if (strlen(value) >= size)
		return warn("an option is too long", value);
	strcpy(to, value);
}

/* One word of the command line; words meant for the kernel are passed over. */
static void set_option(struct options *options, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		value = word + strlen(word);
	else
		*value++ = '\0';

	if (!strcmp(word, "console")) {
		value[strcspn(value, ",")] = '\0';
		set_text(options->tty, sizeof(options->tty), value);
	} else if (!strcmp(word, "lichen.mode")) {
		set_text(options->mode, sizeof(options->mode), value);
	} else if (!strcmp(word, "lichen.root")) {
		set_text(options->root, sizeof(options->root), value);
	} else if (!strcmp(word, "lichen.rootfstype")) {
		set_text(options->rootfstype, sizeof(options->rootfstype), value);
	} else if (!strcmp(word, "lichen.job")) {
		set_text(options->job, sizeof(options->job), value);
	} else if (!strcmp(word, "lichen.term")) {
		set_text(options->term, sizeof(options->term), value);
	} else if (!strcmp(word, "lichen.rows")) {
		options->rows = atoi(value);
	} else if (!strcmp(word, "lichen.columns")) {
		options->columns = atoi(value);
	} else if (!strcmp(word, "lichen.persist")) {
		options->persist = true;
	}
}

void options_read(struct options *options)
{
	static char line[4096];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	*options = (struct options) {
		.mode = "shell", .root = "none", .rootfstype = "ext4", .job = "/dev/vdb",
		.tty = "console", .term = "vt100",
	};
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return warn("/proc/cmdline cannot be read", NULL);
	line[n] = '\0';
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		set_option(options, word);
}
