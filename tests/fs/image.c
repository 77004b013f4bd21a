/* tests/fs/image.c */
#include "image.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char scratch[64];

static void remove_scratch(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	if (system(command))
		perror(scratch);
}

const char *image_scratch(void)
{
	static pid_t owner;

	if (!owner) {
		owner = getpid();
		snprintf(scratch, sizeof(scratch), "/tmp/lichen-fs-XXXXXX");
		if (!mkdtemp(scratch))
			abort();
		atexit(remove_scratch);
	}
	return scratch;
}

void image_run(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command)) {
		fprintf(stderr, "failed: %s\n", command);
		abort();
	}
}

u8 *image_map(const char *path, size_t *size, bool shared)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	u8 *p;

	if (fd < 0 || fstat(fd, &st))
		abort();
	*size = (size_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	return p;
}

static void write_at(const char *folder, const char *name, off_t at, size_t n, unsigned seed)
{
	char path[512], *data = malloc(n + 1);
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	for (size_t i = 0; i < n; i++)
		data[i] = (char)((seed = seed * 1103515245 + 12345) >> 16);
	if (fd < 0 || pwrite(fd, data, n, at) != (ssize_t)n)
		abort();
	close(fd);
	free(data);
}

void image_attribute(const char *folder, const char *name, const char *what, size_t n)
{
	char path[600], *value = malloc(n + 1);

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (size_t i = 0; i < n; i++)
		value[i] = (char)(n * 31 + i * 7);
	if (lsetxattr(path, what, value, n, 0))
		perror(what);
	free(value);
}

static void access_list(const char *folder, const char *name, const char *what)
{
	static const struct {
		u32 version;
		struct { u16 tag, perm; u32 id; } entries[5];
	} list = {2, {{1, 7, ~0u}, {2, 5, 1000}, {4, 5, ~0u}, {0x10, 5, ~0u}, {0x20, 0, ~0u}}};
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (setxattr(path, what, &list, sizeof(list), 0))
		perror(what);
}

/* Behind inodes, in blocks, in both; values of all lengths. */
static void attributes(const char *folder)
{
	char name[40];

	image_attribute(folder, "short", "user.a", 1);
	image_attribute(folder, "short", "user.none", 0);
	image_attribute(folder, "page", "user.larger", 700);
	image_attribute(folder, "page", "trusted.t", 5);
	image_attribute(folder, "page", "security.caf\xc3\xa9", 33);
	image_attribute(folder, "a/link", "trusted.of_a_link", 12);
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "user.number_%d", i);
		image_attribute(folder, "pieces", name, (size_t)(i * 5));
	}
	access_list(folder, "a", "system.posix_acl_access");
	access_list(folder, "a", "system.posix_acl_default");
	access_list(folder, "a/large", "system.posix_acl_access");
}

void image_fill(const char *folder, unsigned entries)
{
	char path[600], name[300];
	int fd;

	image_run("mkdir -p %s/a/b/c/d %s/many %s/empty", folder, folder, folder);
	write_at(folder, "short", 0, 5, 1);
	write_at(folder, "page", 0, 4096, 2);
	write_at(folder, "a/large", 0, 3000000, 3);
	write_at(folder, "a/b/odd", 0, 123457, 4);
	snprintf(path, sizeof(path), "%s/a/b/c/none", folder);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	/* Holes: many extents, and a block map of three levels. */
	for (unsigned i = 0; i < 3000; i++)
		write_at(folder, "pieces", (off_t)i * 8192 + i % 3 * 1024, 1000, i);
	write_at(folder, "far", 70l << 20, 10000, 5);
	write_at(folder, "far", 300l << 10, 10000, 6);
	snprintf(path, sizeof(path), "%s/tail", folder);
	write_at(folder, "tail", 100, 3000, 7);
	if (truncate(path, 1 << 20))
		abort();
	for (unsigned i = 0; i < entries; i++) {
		snprintf(name, sizeof(name), "many/entry %u %.*s", i, i % 50,
			 "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz");
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		fd = open(path, O_CREAT | O_WRONLY, 0644);
		if (fd < 0)
			abort();
		close(fd);
	}
	memset(name, 'n', 255);
	name[255] = 0;
	snprintf(path, sizeof(path), "%s/a/%s", folder, name);
	close(open(path, O_CREAT | O_WRONLY, 04755));
	image_run("cd %s && ln -s short a/link && ln -s %0200d a/longlink && ln -s /x empty/l && "
		  "ln short a/hard && mkfifo a/fifo && chmod 1777 empty && chmod 6711 a/b/odd && "
		  "printf x > a/b/caf\xc3\xa9", folder, 7);
	attributes(folder);
	snprintf(path, sizeof(path), "%s/a/null", folder);
	if (!mknod(path, S_IFCHR | 0666, makedev(1, 3))) {
		snprintf(path, sizeof(path), "%s/a/disk", folder);
		mknod(path, S_IFBLK | 0660, makedev(254, 16));
		image_run("chown 1234:70000 %s/a/b/odd && touch -d 2030-02-03 %s/page && "
			  "touch -d 1955-02-03 %s/short", folder, folder, folder);
	}
}
