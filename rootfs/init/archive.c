/* The job disk: a ustar archive. Its first member describes the job; the others are files
 * to put in place before it runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init.h"

enum { BLOCK = 512, JOB_MAX = 1 << 20 };

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
	char linkname[100], magic[6], version[2], uname[32], gname[32], major[8], minor[8];
	char prefix[155], pad[12];
};
static_assert(sizeof(struct ustar) == BLOCK, "a ustar header is one block");

static void read_all(int fd, void *data, size_t size)
{
	for (char *at = data; size;) {
		ssize_t n = read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("the job cannot be read", n ? strerror(errno) : "it is cut short");
		at += n;
		size -= (size_t)n;
	}
}

static size_t octal(const char *digits, size_t width)
{
	size_t value = 0;

	for (size_t i = 0; i < width && digits[i] >= '0' && digits[i] <= '7'; i++)
		value = value * 8 + (size_t)(digits[i] - '0');
	return value;
}

/* The next header, or false at the archive's end. */
static bool next(int fd, struct ustar *header)
{
	read_all(fd, header, BLOCK);
	if (!header->name[0])
		return false;
	if (memcmp(header->magic, "ustar", 5))
		die("the job disk holds no archive", NULL);
	return true;
}

static void take_path(const struct ustar *header, char path[static 300])
{
	size_t n = 0;

	path[n++] = '/';
	if (header->prefix[0]) {
		n += strnlen(header->prefix, sizeof(header->prefix));
		memcpy(path + 1, header->prefix, n - 1);
		path[n++] = '/';
	}
	memcpy(path + n, header->name, sizeof(header->name));
	path[n + sizeof(header->name)] = '\0';
}

static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void take_file(int from, const char *path, size_t size, mode_t mode)
{
	static char block[64 * 1024];
	int to;

	unlink(path);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (to < 0)
		die(path, strerror(errno));
	while (size) {
		size_t n = size < sizeof(block) ? size : sizeof(block);

		read_all(from, block, (n + BLOCK - 1) / BLOCK * BLOCK);
		if (write(to, block, n) != (ssize_t)n)
			die(path, "it cannot be written");
		size -= n;
	}
	fchmod(to, mode);
	close(to);
}

static void take_member(int fd, const struct ustar *header)
{
	mode_t mode = (mode_t)octal(header->mode, sizeof(header->mode)) & 07777;
	char path[300], target[101];

	take_path(header, path);
	make_parents(path);
	switch (header->type) {
	case '0':
		return take_file(fd, path, octal(header->size, sizeof(header->size)), mode);
	case '2':
		memcpy(target, header->linkname, 100);
		target[100] = '\0';
		unlink(path);
		if (symlink(target, path) < 0)
			die(path, strerror(errno));
		return;
	case '5':
		if (mkdir(path, mode) < 0 && errno != EEXIST)
			die(path, strerror(errno));
		return;
	default:
		die(path, "no such kind of file in a job");
	}
}

char *archive_take(const char *device, size_t *size)
{
	struct ustar header;
	char *job;
	int fd;

	if (!wait_for(device))
		die("there is no job disk", device);
	fd = open(device, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(device, strerror(errno));
	if (!next(fd, &header))
		die("the job disk is empty", device);
	*size = octal(header.size, sizeof(header.size));
	if (!*size || *size > JOB_MAX)
		die("the job's description has no sensible size", device);
	job = malloc(*size + BLOCK);
	if (!job)
		die("no memory for the job", NULL);
	read_all(fd, job, (*size + BLOCK - 1) / BLOCK * BLOCK);
	job[*size - 1] = '\0';
	while (next(fd, &header))
		take_member(fd, &header);
	close(fd);
	return job;
}
