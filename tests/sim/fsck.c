#include "fsck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 8192

static char said[HOST_DISKS][SAID_MAX];	/* "": not to be checked */
static bool repaired;			/* the last one asked of */

[[noreturn]] static void give_up(const char *what)
{
	perror(what);
	abort();
}

static int image_fd(const struct host_disk *d)
{
	int fd = memfd_create("disk", 0);

	if (fd < 0 || write(fd, d->image, d->size) != (ssize_t)d->size)
		give_up("the copy of a disk");
	return fd;
}

/* Is it not clean (EXT4_VALID_FS), is there a journal to be replayed (EXT4_FEATURE_INCOMPAT_RECOVER), are
 * there orphans (s_last_orphan, EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT)? */
static bool was_left(const struct host_disk *d)
{
	const u8 *super = (const u8 *)d->image + 1024;
	u32 orphan;

	memcpy(&orphan, super + 0xe8, sizeof(orphan));
	return !(super[0x3a] & 1) || (super[0x60] & 4) || orphan || (super[0x66] & 1);
}

static bool is_fat(const struct host_disk *d)
{
	return !memcmp((const char *)d->image + 0x36, "FAT", 3) ||
	       !memcmp((const char *)d->image + 0x52, "FAT", 3);
}

/* Run a checker on the disk in descriptor 9, its output to `out`. */
static void run(int disk, int out, char *const argv[])
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		give_up("fork");
	if (!pid) {
		dup2(disk, 9);
		dup2(out, 1);
		dup2(out, 2);
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) > 4)
		give_up(argv[0]);
}

/* All that is said, with a newline before and behind. What was left as by a crash is first repaired as
 * after one. */
static void ask(const struct host_disk *d, char to[SAID_MAX])
{
	static char *const fat[] = {SIM_FSCK_FAT, "-n", "/proc/self/fd/9", NULL};
	static char *const repair[] = {SIM_E2FSCK, "-p", "/proc/self/fd/9", NULL};
	static char *const ext4[] = {SIM_E2FSCK, "-f", "-n", "/proc/self/fd/9", NULL};
	int disk = image_fd(d), out = memfd_create("output", 0);
	ssize_t n;

	if (is_fat(d)) {
		run(disk, out, fat);
	} else {
		repaired = was_left(d);
		if (repaired)
			run(disk, out, repair);
		run(disk, out, ext4);
	}
	n = pread(out, to + 1, SAID_MAX - 2, 0);
	if (n <= 0)
		give_up("the output");
	to[0] = '\n';
	to[1 + n] = 0;
	close(disk);
	close(out);
}

void fsck_note(const struct host_disk *d, unsigned n)
{
	ask(d, said[n]);
}

static bool ends_with(const char *line, size_t len, const char *end)
{
	return len >= strlen(end) && !memcmp(line + len - strlen(end), end, strlen(end));
}

/* How many more clusters are free than is said: those of damage count as free, while it is there. */
static bool is_known_difference(const char *line, const char *before)
{
	static const char format[] = "Free cluster summary wrong (%d vs. really %d)";
	const char *was = strstr(before, "Free cluster summary wrong");
	int a, b, c, d;

	return was && sscanf(line, format, &a, &b) == 2 && sscanf(was, format, &c, &d) == 2 &&
	       b >= a && b - a <= d - c;
}

static bool has_any(const char *line, size_t len, const char *const *of)
{
	for (; *of; of++)
		if (memmem(line, len, *of, strlen(*of)))
			return true;
	return false;
}

/* The last line counts files and clusters. */
static bool is_allowed(const char *line, size_t len, const char *before)
{
	static const char *const always[] = {" could be shorter.", " could be narrower.", NULL};
	/* Whether orphans may be there it does not ask itself until it is forced to look; what it cut off
	 * from one it then finds to be missing. */
	static const char *const after_repair[] = {
		": recovering journal", ": clean, ", ": Clearing orphaned inode ", ": Truncating orphaned inode ",
		"Feature orphan_present is set but orphan file is clean.", "CLEARED.", "IGNORED.",
		"contains a file system with errors, check forced", "was not cleanly unmounted, check forced",
		"Free blocks count wrong (", "Fix? no", "Clear? no",
		"Filesystem still has errors", NULL};
	char whole[512];

	if (ends_with(line, len, " clusters\n") || ends_with(line, len, " blocks\n") || len == 1)
		return true;
	if (has_any(line, len, always) || (repaired && has_any(line, len, after_repair)) ||
	    is_known_difference(line, before))
		return true;
	snprintf(whole, sizeof(whole), "\n%.*s", (int)len, line);
	return strstr(before, whole);
}

static bool check(unsigned n)
{
	const struct host_disk *d = &host_config.disk[n];
	static char now[SAID_MAX];
	bool good = true;

	if (!memcmp(d->image, d->original, d->size))
		return true;
	ask(d, now);
	for (char *line = now + 1, *end; (end = strchr(line, '\n')); line = end + 1)
		if (!is_allowed(line, (size_t)(end + 1 - line), said[n])) {
			fprintf(stderr, "disk %u: %.*s\n", n, (int)(end - line), line);
			good = false;
		}
	return good;
}

void fsck_all(void)
{
	bool good = true;

	for (unsigned n = 0; n < HOST_DISKS; n++)
		if (said[n][0])
			good = check(n) && good;
	if (!good)
		abort();
}
