#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

#define FOLDER "/tmp/abuse"

enum { EXIT_BROKEN = 99, FILE_SIZE = 8192 };

void scratch_fail(const char *what)
{
	dprintf(2, "calls: %s: %s\n", what, strerror(errno));
	_exit(EXIT_BROKEN);
}

int setgroups_none(void)
{
	return setgroups(0, NULL);
}

void scratch_enter(unsigned lane)
{
	char path[64];

	umask(022);
	snprintf(path, sizeof(path), FOLDER "/%u", lane);
	mkdir(FOLDER, 0755);
	if (mkdir(path, 0777) < 0 || chmod(path, 0777) < 0 || chdir(path) < 0)
		scratch_fail(path);
}

static void make_file(const char *path, mode_t mode, const char *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		scratch_fail(path);
	if (fchmod(fd, mode) < 0)
		scratch_fail("fchmod");
	close(fd);
}

void scratch_fill(void)
{
	static char data[FILE_SIZE];

	memset(data, 'a', sizeof(data));
	make_file("file", 0666, data, sizeof(data));
	make_file("file2", 0666, data, 5);
	make_file("program", 0755, "#!", 2);
	if (mkdir("folder", 0777) < 0 || mkdir("empty", 0777) < 0)
		scratch_fail("mkdir");
	make_file("folder/inner", 0644, data, 10);
	if (symlink("file", "link") < 0 || symlink("missing", "dangling") < 0 ||
	    symlink("loop", "loop") < 0 || symlink("folder", "to-folder") < 0)
		scratch_fail("symlink");
	if (mkfifo("fifo", 0666) < 0)
		scratch_fail("mkfifo");
}

static bool mounts;

static void empty(const char *path);

static void drop(const char *path, bool folder)
{
	while (mounts && umount2(path, MNT_DETACH) == 0)
		;
	if (unlinkat(AT_FDCWD, path, 0) == 0)
		return;
	if (folder || errno == EISDIR)
		empty(path);
	if (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) < 0)
		scratch_fail(path);
}

static void empty(const char *path)
{
	struct dirent *entry;
	char inner[600];
	DIR *dir = opendir(path);

	if (!dir)
		scratch_fail(path);
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		drop(inner, entry->d_type == DT_DIR);
	}
	closedir(dir);
}

void scratch_empty(bool with_mounts)
{
	mounts = with_mounts;
	empty(".");
}
