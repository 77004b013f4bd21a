/* How much memory the kernel holds, and for what. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "stress.h"

#define FREE_AND_SLAB "MemFree+Slab+own"

enum { SETTLE_ROUNDS = 20, SETTLE_MS = 200, DROP_MS = 5000 };

/* Only Lichen's counts are exact: Linux keeps per-CPU objects and frees some later. */
static bool is_exact(void)
{
	struct utsname name;

	uname(&name);
	return !strcmp(name.sysname, "Lichen") || strstr(name.release, "lichen") ||
	       strstr(name.version, "Lichen");
}

static void drop_caches(void)
{
	char text[16] = "1";
	long end = now_ms() + DROP_MS;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	sync();
	if (fd < 0 || write(fd, "3", 1) != 1)
		perror("stress: drop_caches");
	close(fd);
	while (is_exact() && *text != '0' && now_ms() < end) {
		sleep_ms(20);
		fd = open("/proc/sys/vm/drop_caches", O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
			perror("stress: drop_caches");
		close(fd);
	}
}

/* Sockets that only refer to each other are looked for when a socket is closed, as on Linux. */
static void collect_sockets(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
		perror("stress: socketpair");
		return;
	}
	close(ends[0]);
	close(ends[1]);
}

static void add(struct memory *m, const char *name, long value)
{
	struct count *c = &m->counts[m->used];

	if (m->used == COUNTS_MAX)
		return;
	m->used++;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->value = value;
}

/* This program's own pages: what it touches for the first time is not the kernel's leak. */
static long own_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	long kib = -1;

	while (file && kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "RssAnon: %ld", &kib);
	if (kib < 0)
		perror("stress: RssAnon");
	if (file)
		fclose(file);
	return kib;
}

static unsigned long lines_of(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long lines = 0;
	int c;

	while (file && (c = fgetc(file)) != EOF)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

/* Threads and mounts, as the system says. */
static void read_totals(struct memory *m)
{
	FILE *file = fopen("/proc/loadavg", "r");
	long threads = -1;

	if (!file || fscanf(file, "%*s %*s %*s %*d/%ld", &threads) != 1)
		perror("stress: loadavg");
	if (file)
		fclose(file);
	add(m, "threads", threads);
	add(m, "mounts", (long)lines_of("/proc/self/mounts"));
}

static void read_counts(struct memory *m)
{
	char line[256], name[64];
	FILE *file = fopen("/proc/meminfo", "r");
	long value, sum = own_kib();

	m->used = 0;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63[^:]: %ld", name, &value) == 2 &&
		    (!strcmp(name, "MemFree") || !strcmp(name, "Slab")))
			sum += value;
	/* The same objects may lie on more pages than before: those pages are the slabs', so
	 * it is the sum that must be the same. How full a folder was decides how much of its
	 * buffer this program touched, so its own pages count too. */
	add(m, FREE_AND_SLAB, sum);
	if (file)
		fclose(file);
	file = fopen("/proc/slabinfo", "r");
	while (file && fgets(line, sizeof(line), file))
		if (line[0] != '#' && sscanf(line, "%63s %ld", name, &value) == 2 &&
		    strcmp(name, "slabinfo"))
			add(m, name, value);
	if (file)
		fclose(file);
	read_totals(m);
}

static long value_of(const struct memory *m, const char *name)
{
	for (unsigned i = 0; i < m->used; i++)
		if (!strcmp(m->counts[i].name, name))
			return m->counts[i].value;
	return -1;
}

/* The dead are buried in the background: until nothing changes any more. */
void memory_measure(struct memory *m)
{
	static struct memory last;

	for (int round = 0; round < SETTLE_ROUNDS; round++) {
		collect_sockets();
		drop_caches();
		read_counts(m);
		if (round && !memcmp(m, &last, sizeof(last)))
			return;
		last = *m;
		sleep_ms(SETTLE_MS);
	}
	printf("the counts do not settle\n");
}

/* Who is still there may be the reason. */
static void print_processes(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	char path[300], line[200];

	while (dir && (entry = readdir(dir))) {
		FILE *file;

		if (!strchr("123456789", entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(line, sizeof(line), file))
			printf("still there: %.60s\n", line);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
}

int memory_compare(const struct memory *before, const struct memory *after)
{
	int differences = 0;

	if (!is_exact())
		return 0;
	if (!after->used || value_of(after, FREE_AND_SLAB) <= 0)
		return printf("the kernel does not say what it holds\n"), 1;
	for (unsigned i = 0; i < after->used; i++) {
		const struct count *c = &after->counts[i];
		long was = value_of(before, c->name);

		if (was == c->value)
			continue;
		printf("%s: %ld before, %ld after\n", c->name, was, c->value);
		differences++;
	}
	if (differences)
		print_processes();
	return differences;
}
