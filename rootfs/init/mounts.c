/* Makes the tree the job or the shell sees. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

static void try_mount(const char *type, const char *where, unsigned long flags, const char *data)
{
	char text[80];

	mkdir(where, 0755);
	if (mount(type, where, type, flags, data) == 0)
		return;
	snprintf(text, sizeof(text), "mounting %s on %s", type, where);
	warn(text, strerror(errno));
}

void mounts_early(void)
{
	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755") < 0 && errno != EBUSY)
		warn("mounting devtmpfs on /dev", strerror(errno));
	try_mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	try_mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/* Devices may take a moment to appear. */
bool wait_for(const char *device)
{
	for (int tries = 0; tries < 300; tries++) {
		if (access(device, F_OK) == 0)
			return true;
		nanosleep(&(struct timespec) { .tv_nsec = 10 * 1000 * 1000 }, NULL);
	}
	return false;
}

static void need_mount(const char *device, const char *where, const char *type,
		       unsigned long flags, const char *data)
{
	char text[160];

	mkdir(where, 0755);
	if (mount(device, where, type, flags, data) == 0)
		return;
	snprintf(text, sizeof(text), "the root cannot be made: mounting %s (%s)", device, type);
	die(text, strerror(errno));
}

/* What is already mounted moves along; then the new root becomes "/". */
static void enter(const char *root)
{
	static const char *const along[] = { "/dev", "/proc", "/sys" };

	if (chdir(root) < 0)
		die("the root cannot be entered", strerror(errno));
	for (size_t i = 0; i < sizeof(along) / sizeof(along[0]); i++) {
		mkdir(along[i] + 1, 0755);
		if (mount(along[i], along[i] + 1, NULL, MS_MOVE, NULL) < 0)
			warn(along[i], strerror(errno));
	}
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		warn("the old root stays below the new one", strerror(errno));
	if (chroot(".") < 0 || chdir("/") < 0)
		die("the root cannot be entered", strerror(errno));
}

void mounts_root(const struct options *options)
{
	if (!strcmp(options->root, "none"))
		return;
	if (!wait_for(options->root))
		die("there is no root device", options->root);
	if (options->persist) {
		need_mount(options->root, "/lower", options->rootfstype, 0, NULL);
		return enter("/lower");
	}
	need_mount(options->root, "/lower", options->rootfstype, MS_RDONLY, NULL);
	need_mount("tmpfs", "/changes", "tmpfs", 0, "mode=755");
	mkdir("/changes/upper", 0755);
	mkdir("/changes/work", 0755);
	need_mount("overlay", "/newroot", "overlay", 0,
		   "lowerdir=/lower,upperdir=/changes/upper,workdir=/changes/work");
	enter("/newroot");
}

static void link_at(const char *to, const char *path)
{
	if (symlink(to, path) < 0 && errno != EEXIST)
		warn(path, strerror(errno));
}

static void write_if_missing(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 && errno != EEXIST)
		warn(path, strerror(errno));
	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

/* What a distribution's own start-up would have made. */
void mounts_late(void)
{
	try_mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
	try_mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	try_mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
	try_mount("tmpfs", "/tmp", 0, "mode=1777");
	mkdir("/run/lock", 01777);
	mkdir("/etc", 0755);
	mkdir("/root", 0700);
	link_at("/proc/self/fd", "/dev/fd");
	link_at("/proc/self/fd/0", "/dev/stdin");
	link_at("/proc/self/fd/1", "/dev/stdout");
	link_at("/proc/self/fd/2", "/dev/stderr");
	write_if_missing("/etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\tlichen\n");
	if (sethostname("lichen", 6) < 0)
		warn("setting the host name", strerror(errno));
}
