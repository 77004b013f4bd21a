/* Walks through file systems that may be damaged: mounts each disk named and looks at all
 * there is, as far as it can be looked at. Errors are counted, not fatal; that the kernel
 * lives through it is the test.
 *
 *     walk TYPE DEVICE...
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WHERE "/tmp/walk"

/* A damaged tree may have loops: there is an end to depth and number. */
enum { DEPTH_MAX = 12, ENTRIES_MAX = 3000, READ_MAX = 1 << 20, LIMIT_S = 60, PATH_SIZE = 4096 };

static int entries, errors;

static void read_file(const char *path, off_t size)
{
	static char data[32768];
	size_t total = 0;
	ssize_t n = 0;
	char *map;
	int fd = open(path, O_RDONLY | O_NONBLOCK);

	if (fd < 0) {
		errors++;
		return;
	}
	while (total < READ_MAX && (n = read(fd, data, sizeof(data))) > 0)
		total += (size_t)n;
	errors += n < 0;
	/* The last bytes, wherever they claim to be. */
	errors += pread(fd, data, 100, size > 100 ? size - 100 : 0) < 0;
	map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED)
		munmap(map, 4096);
	close(fd);
}

static void walk(const char *path, int depth);

static void look(const char *path, int depth)
{
	char target[PATH_SIZE];
	struct stat state;

	if (++entries > ENTRIES_MAX)
		return;
	if (lstat(path, &state) < 0)
		errors++;
	else if (S_ISDIR(state.st_mode))
		walk(path, depth + 1);
	else if (S_ISREG(state.st_mode))
		read_file(path, state.st_size);
	else if (S_ISLNK(state.st_mode))
		errors += readlink(path, target, sizeof(target)) < 0;
}

static void walk(const char *path, int depth)
{
	struct dirent *entry;
	char inner[PATH_SIZE];
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;

	if (!dir) {
		errors++;
		return;
	}
	errno = 0;
	while (entries <= ENTRIES_MAX && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name) < PATH_SIZE)
			look(inner, depth);
		errno = 0;
	}
	errors += errno != 0;
	closedir(dir);
}

static void try_device(const char *type, const char *device)
{
	if (mount(device, WHERE, type, MS_RDONLY, NULL) < 0) {
		printf("%s: %s\n", device, strerror(errno));
		return;
	}
	walk(WHERE, 0);
	printf("%s: %d entries, %d errors\n", device, entries, errors);
	if (umount(WHERE) < 0)
		printf("%s: cannot be unmounted: %s\n", device, strerror(errno));
}

int main(int argc, char **argv)
{
	int status, failed = 0;

	mkdir(WHERE, 0755);
	for (int i = 2; i < argc; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			alarm(LIMIT_S);
			try_device(argv[1], argv[i]);
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (status) {
			printf("%s: status %x\n", argv[i], status);
			failed++;
			umount2(WHERE, MNT_DETACH);
		}
		fflush(stdout);
	}
	return failed != 0;
}
