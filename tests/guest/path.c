/* Finding files by name: every way that fails, and who may. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

enum { NOBODY = 65534 };

static struct stat state;

TEST(empty_and_missing)
{
	CHECK_ERR(stat("", &state), ENOENT);
	CHECK_ERR(stat("none", &state), ENOENT);
	CHECK_ERR(stat("none/more", &state), ENOENT);
	CHECK_ERR(stat("/etc/passwd/more", &state), ENOTDIR);
	CHECK_ERR(stat("/etc/passwd/", &state), ENOTDIR);
	CHECK_ERR(stat("/etc/passwd/.", &state), ENOTDIR);
	CHECK_ERR(stat("/etc/passwd/..", &state), ENOTDIR);
	CHECK_ERR(chdir("/etc/passwd"), ENOTDIR);
}

TEST(slashes_and_dots)
{
	struct stat root;

	CHECK_EQ(stat("/", &root), 0);
	CHECK_EQ(stat("/../..", &state), 0);
	CHECK_EQ(state.st_ino, root.st_ino);
	CHECK_EQ(stat("///etc//./../etc///passwd", &state), 0);
	CHECK(S_ISREG(state.st_mode));
	CHECK_EQ(stat("//", &state), 0);
}

TEST(trailing_slashes)
{
	mkdir("d", 0755);
	test_write_file("f", "x");
	symlink("d", "to-d");
	symlink("f", "to-f");
	CHECK_EQ(stat("d/", &state), 0);
	CHECK_EQ(stat("to-d/", &state), 0);
	CHECK_EQ(lstat("to-d/", &state), 0);
	CHECK(S_ISDIR(state.st_mode));
	CHECK_ERR(stat("to-f/", &state), ENOTDIR);
	CHECK_EQ(mkdir("e/", 0755), 0);
	CHECK_EQ(rmdir("e/"), 0);
	CHECK_ERR(open("new/", O_CREAT | O_WRONLY, 0600), EISDIR);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(rename("f", "g/"), ENOTDIR);
	CHECK_EQ(rename("d/", "h/"), 0);
	CHECK_ERR(link("f", "l/"), ENOENT);
	CHECK_ERR(symlink("f", "l/"), ENOENT);
	CHECK_ERR(rmdir("to-d/"), ENOTDIR);
}

TEST(links_that_loop)
{
	char name[16], to[16];

	symlink("self", "self");
	CHECK_ERR(stat("self", &state), ELOOP);
	CHECK_ERR(open("self", O_RDONLY), ELOOP);
	CHECK_ERR(open("self", O_CREAT | O_WRONLY, 0600), ELOOP);
	CHECK_EQ(lstat("self", &state), 0);
	test_write_file("l0", "x");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		CHECK_EQ(symlink(to, name), 0);
	}
	CHECK_EQ(stat("l40", &state), 0);
	CHECK_ERR(stat("l41", &state), ELOOP);
}

TEST(links_inside_a_path)
{
	mkdir("d", 0755);
	test_write_file("d/f", "x");
	symlink("d", "a");
	symlink("../d", "d/up");
	symlink("/etc", "abs");
	CHECK_EQ(stat("a/f", &state), 0);
	CHECK_EQ(stat("a/up/up/up/f", &state), 0);
	CHECK_EQ(stat("abs/passwd", &state), 0);
	CHECK_EQ(symlink("nowhere/x", "dangling"), 0);
	CHECK_ERR(open("dangling", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_EQ(symlink("d/made", "creates"), 0);
	CHECK(open("creates", O_CREAT | O_WRONLY, 0600) >= 0);
	CHECK_EQ(stat("d/made", &state), 0);
}

TEST(lengths)
{
	static char name[PATH_MAX + 10];

	memset(name, 'n', 255);
	CHECK(open(name, O_CREAT | O_WRONLY, 0600) >= 0);
	name[255] = 'n';
	CHECK_ERR(open(name, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	CHECK_ERR(stat(name, &state), ENAMETOOLONG);
	for (int i = 0; i < PATH_MAX; i++)
		name[i] = i % 2 ? '/' : '.';
	name[PATH_MAX - 1] = '\0';
	CHECK_EQ(stat(name, &state), 0);
	name[PATH_MAX - 1] = '/';
	CHECK_ERR(stat(name, &state), ENAMETOOLONG);
	CHECK_ERR(symlink(name, "l"), ENAMETOOLONG);
}

TEST(working_folder)
{
	char here[PATH_MAX], there[PATH_MAX];
	int fd;

	CHECK(getcwd(here, sizeof(here)));
	mkdir("d", 0755);
	fd = open(".", O_RDONLY);
	CHECK_EQ(chdir("d/../d/."), 0);
	CHECK(getcwd(there, sizeof(there)));
	CHECK_EQ(strcmp(there + strlen(here), "/d"), 0);
	CHECK_EQ(fchdir(fd), 0);
	CHECK(!getcwd(there, 2));
	CHECK_EQ(errno, ERANGE);
}

static void inside_a_root(void *argument)
{
	(void)argument;
	CHECK_EQ(chroot("jail"), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(stat("/in", &state), 0);
	CHECK_EQ(stat("/../../in", &state), 0);
	CHECK_ERR(stat("/etc", &state), ENOENT);
	CHECK_ERR(stat("/out", &state), ENOENT);
}

TEST(another_root)
{
	mkdir("jail", 0755);
	test_write_file("jail/in", "x");
	symlink("/etc", "jail/out");
	CHECK_EQ(WEXITSTATUS(test_child(inside_a_root, NULL)), 0);
}

static void as_nobody(void *argument)
{
	(void)argument;
	CHECK_ERR(open("secret", O_RDONLY), EACCES);
	CHECK_EQ(stat("secret", &state), 0);
	CHECK(open("public", O_RDONLY) >= 0);
	CHECK_ERR(open("public", O_WRONLY), EACCES);
	CHECK_ERR(open("public", O_RDWR | O_TRUNC), EACCES);
	CHECK_ERR(truncate("public", 0), EACCES);
	CHECK_ERR(open("new", O_CREAT | O_WRONLY, 0600), EACCES);
	CHECK_ERR(mkdir("new", 0755), EACCES);
	CHECK_ERR(unlink("public"), EACCES);
	CHECK_ERR(rename("public", "other"), EACCES);
	CHECK_ERR(chmod("public", 0777), EPERM);
	CHECK_ERR(chown("public", NOBODY, NOBODY), EPERM);
	CHECK_ERR(utimensat(AT_FDCWD, "public", NULL, 0), EACCES);
	CHECK_ERR(mknod("n", S_IFCHR | 0600, 0x105), EACCES);
	CHECK_ERR(access("secret", R_OK), EACCES);
	CHECK_EQ(access("public", R_OK), 0);
	CHECK_ERR(access("public", X_OK), EACCES);
	CHECK_ERR(chroot("."), EPERM);
	CHECK_ERR(sethostname("x", 1), EPERM);
}

TEST(another_user)
{
	test_write_file("secret", "x");
	chmod("secret", 0600);
	test_write_file("public", "x");
	CHECK_EQ(test_child_as(NOBODY, as_nobody, NULL), 0);
}

static void below_folders(void *argument)
{
	(void)argument;
	CHECK_ERR(stat("no-x/f", &state), EACCES);
	CHECK_ERR(chdir("no-x"), EACCES);
	CHECK(open("no-x", O_RDONLY) >= 0);
	CHECK_EQ(stat("no-r/f", &state), 0);
	CHECK_ERR(open("no-r", O_RDONLY), EACCES);
	CHECK(open("mine/new", O_CREAT | O_WRONLY, 0600) >= 0);
	CHECK_ERR(unlink("sticky/f"), EPERM);
	CHECK_ERR(rename("sticky/f", "sticky/g"), EPERM);
	CHECK(open("sticky/own", O_CREAT | O_WRONLY, 0600) >= 0);
	CHECK_EQ(unlink("sticky/own"), 0);
}

static void make_folder(const char *path, mode_t mode)
{
	char file[64];

	mkdir(path, 0755);
	snprintf(file, sizeof(file), "%s/f", path);
	test_write_file(file, "x");
	CHECK_EQ(chmod(path, mode), 0);
}

TEST(another_user_and_folders)
{
	make_folder("no-x", 0744);
	make_folder("no-r", 0711);
	make_folder("sticky", 01777);
	mkdir("mine", 0700);
	chown("mine", NOBODY, NOBODY);
	CHECK_EQ(test_child_as(NOBODY, below_folders, NULL), 0);
}

static void owner_without_rights(void *argument)
{
	(void)argument;
	CHECK_ERR(open("owned", O_RDONLY), EACCES);
	CHECK_EQ(chmod("owned", 0600), 0);
	CHECK(open("owned", O_RDONLY) >= 0);
	CHECK(open("group", O_RDONLY) >= 0);
	CHECK_ERR(open("group", O_WRONLY), EACCES);
}

TEST(the_class_that_counts)
{
	test_write_file("owned", "x");
	chown("owned", NOBODY, 0);
	chmod("owned", 0077);
	test_write_file("group", "x");
	chown("group", 0, NOBODY);
	chmod("group", 0047);
	CHECK_EQ(test_child_as(NOBODY, owner_without_rights, NULL), 0);
}

TEST(inherited_group)
{
	mkdir("d", 0755);
	chown("d", 0, 123);
	chmod("d", 02755);
	test_write_file("d/f", "x");
	CHECK_EQ(stat("d/f", &state), 0);
	CHECK_EQ(state.st_gid, 123);
	mkdir("d/e", 0755);
	CHECK_EQ(stat("d/e", &state), 0);
	CHECK_EQ(state.st_mode & 07777, 02755);
}

static void change_ids(void *argument)
{
	uid_t real, effective, saved;

	(void)argument;
	CHECK_EQ(setresuid(1, 2, 3), 0);
	CHECK_EQ(getresuid(&real, &effective, &saved), 0);
	CHECK(real == 1 && effective == 2 && saved == 3);
	CHECK_ERR(setuid(5), EPERM);
	CHECK_EQ(setreuid((uid_t)-1, 3), 0);
	CHECK_EQ(geteuid(), 3);
	CHECK_ERR(setresuid(0, 0, 0), EPERM);
	CHECK_ERR(setgid(5), EPERM);
	CHECK_ERR(kill(1, 0), EPERM);
}

TEST(changing_ids)
{
	CHECK_EQ(test_child(change_ids, NULL), 0);
}

TEST(umask_of_a_process)
{
	CHECK_EQ(umask(027), 022);
	close(open("f", O_CREAT | O_WRONLY, 0666));
	CHECK_EQ(stat("f", &state), 0);
	CHECK_EQ(state.st_mode & 0777, 0640);
}
