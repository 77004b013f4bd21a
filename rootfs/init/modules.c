/* Inserts the modules of the initial file system, in the order its list gives. Only Linux
 * has any.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init.h"

static void insert(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		warn(path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void modules_insert(void)
{
	static char list[4096];
	int fd = open("/modules/list", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, list, sizeof(list) - 1);
	close(fd);
	if (n < 0)
		return warn("/modules/list", strerror(errno));
	list[n] = '\0';
	for (char *name = strtok(list, "\n"); name; name = strtok(NULL, "\n"))
		insert(name);
}
