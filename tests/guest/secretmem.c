/* Memory that is its programs' alone (memfd_secret). */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096

static int secret(unsigned flags)
{
	return (int)syscall(SYS_memfd_secret, flags);
}

static int sized(long size)
{
	int fd = secret(0);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, size), 0);
	return fd;
}

static char *mapped(int fd, size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

TEST(descriptors)
{
	char name[40], text[40] = "";
	struct stat st;
	int fd = secret(0);

	CHECK_ERR(secret(1), EINVAL);
	CHECK_ERR(secret(O_NONBLOCK), EINVAL);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_EQ(fcntl(secret(O_CLOEXEC), F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_size, 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK(readlink(name, text, sizeof(text) - 1) > 0);
	CHECK(!strcmp(text, "/secretmem (deleted)"));
	CHECK_ERR(open(name, O_RDONLY), ENXIO);
}

TEST(nothing_but_mapping)
{
	char byte = 0;
	int fd = sized(PAGE), pipes[2];

	CHECK_EQ(pipe(pipes), 0);
	CHECK_ERR(read(fd, &byte, 1), EINVAL);
	CHECK_ERR(write(fd, &byte, 1), EINVAL);
	CHECK_ERR(pread(fd, &byte, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(fd, &byte, 1, 0), ESPIPE);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_ERR(fallocate(fd, 0, 0, PAGE), EOPNOTSUPP);
	CHECK_ERR(fsync(fd), EINVAL);
	CHECK_ERR(splice(fd, NULL, pipes[1], NULL, 1, 0), EINVAL);
	CHECK_ERR(sendfile(pipes[1], fd, NULL, 1), EINVAL);
	CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
	CHECK_EQ(fchmod(fd, 0640), 0);
}

TEST(the_size_is_said_once)
{
	int fd = sized(2 * PAGE + 100);
	struct stat st;

	CHECK_ERR(ftruncate(fd, PAGE), EINVAL);
	CHECK_ERR(ftruncate(fd, 2 * PAGE + 100), EINVAL);
	CHECK_ERR(ftruncate(fd, 1 << 20), EINVAL);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 2 * PAGE + 100);
}

static void touch(char *at)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		*(volatile char *)at = 1;
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

TEST(mappings)
{
	int fd = secret(0), status;
	pid_t pid;
	char *p;

	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0), EINVAL);
	/* Mapped before there is something. */
	p = mapped(fd, 4 * PAGE);
	touch(p);
	CHECK_EQ(ftruncate(fd, 2 * PAGE + 100), 0);
	CHECK_EQ(p[0], 0);
	p[0] = 'a';
	p[2 * PAGE + 200] = 'b';	/* the rest of the last page */
	touch(p + 3 * PAGE);
	pid = fork();
	if (pid == 0) {
		p[1] = 'c';
		_exit(p[0] != 'a');
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(p[1], 'c');
	CHECK_EQ(mapped(fd, PAGE)[0], 'a');
	CHECK_EQ(madvise(p, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[0], 'a');
	CHECK_ERR(madvise(p, PAGE, MADV_REMOVE), EOPNOTSUPP);
	CHECK_ERR(msync(p, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(mprotect(p, PAGE, PROT_READ | PROT_EXEC), EACCES);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0), EPERM);
	close(fd);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

TEST(nobody_else_reads_it)
{
	char buf[8] = "";
	char *p = mapped(sized(PAGE), PAGE);
	struct iovec here = {buf, sizeof(buf)}, there = {p, sizeof(buf)};
	int mem = open("/proc/self/mem", O_RDWR), pipes[2];

	strcpy(p, "secret");
	CHECK_ERR(process_vm_readv(getpid(), &here, 1, &there, 1, 0), EFAULT);
	CHECK_ERR(process_vm_writev(getpid(), &here, 1, &there, 1, 0), EFAULT);
	CHECK_ERR(pread(mem, buf, sizeof(buf), (off_t)(unsigned long)p), EIO);
	CHECK_ERR(pwrite(mem, buf, sizeof(buf), (off_t)(unsigned long)p), EIO);
	CHECK_ERR(syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_EQ(syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
	/* Itself it may send it. */
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(write(pipes[1], p, 7), 7);
	CHECK_EQ(read(pipes[0], buf, 7), 7);
	CHECK(!strcmp(buf, "secret"));
}

TEST(no_debugger_reads_it)
{
	char *p = mapped(sized(PAGE), PAGE);
	int status;
	pid_t pid;

	strcpy(p, "secret");
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(p[0] != 's');
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	errno = 0;
	CHECK_EQ(ptrace(PTRACE_PEEKDATA, pid, p, NULL), -1);
	CHECK_EQ(errno, EIO);
	CHECK_ERR(ptrace(PTRACE_POKEDATA, pid, p, NULL), EIO);
	CHECK_EQ(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}
