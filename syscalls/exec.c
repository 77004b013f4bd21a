/* syscalls/exec.c -- execve and execveat. */
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "core/proc/exec.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "vfs/fd.h"
#include "vfs/open.h"

#define EXEC_STACK_SHARE 4	/* arguments take at most a quarter of the stack */
#define EXEC_ARG_MIN	 (32 * PAGE_SIZE)
#define EXEC_ARG_MAX	 (6ul << 20)

static u64 exec_arg_limit(struct thread *t)
{
	u64 limit = rlimit_get(t->process, RLIMIT_STACK) / EXEC_STACK_SHARE;

	return max(min(limit, EXEC_ARG_MAX), EXEC_ARG_MIN);
}

struct exec_call {
	struct co_frame co;
	int dirfd;
	uptr name, argv, envp;
	int flags;
	char *path;
	struct file *file;
	struct exec_args *args;
	i64 len;
	long err;
};

/* What AT_EXECFN says of a program given by descriptor. */
static void exec_name_descriptor(struct exec_call *f)
{
	char rest[64];

	if (f->path[0] == '/' || f->dirfd == AT_FDCWD)
		return;
	if (!f->path[0]) {
		format(f->path, PATH_MAX, "/dev/fd/%d", f->dirfd);
		return;
	}
	string_copy(rest, f->path, sizeof(rest));
	format(f->path, PATH_MAX, "/dev/fd/%d/%s", f->dirfd, rest);
}

static co_t exec_call(struct co *co, struct exec_call *f)
{
	CO_BEGIN;
	if (f->flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		CO_RETURN(-EINVAL);
	f->path = kmalloc(PATH_MAX);
	f->err = -ENOMEM;
	if (!f->path)
		goto out;
	CO_STRING_FROM_USER(f->len, f->path, f->name, PATH_MAX);
	f->err = f->len < 0 ? f->len : f->len == PATH_MAX ? -ENAMETOOLONG : 0;
	if (f->err)
		goto out;
	CO_AWAIT(f->err, open_kernel, .dirfd = f->dirfd, .name = f->path, .flags = O_RDONLY,
		 .walk_flags = (f->flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) |
			       (f->flags & AT_EMPTY_PATH ? WALK_EMPTY : 0),
		 .want = CRED_EXEC, .file = &f->file);
	if (f->err)
		goto out;
	exec_name_descriptor(f);
	f->args = exec_args_new(exec_arg_limit(thread_of_co(co)));
	f->err = -ENOMEM;
	if (!f->args)
		goto out;
	CO_AWAIT(f->err, exec_args_read, .args = f->args, .array = f->argv);
	if (!f->err)
		CO_AWAIT(f->err, exec_args_read, .args = f->args, .array = f->envp, .is_env = true);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, exec_run, .file = f->file, .name = f->path, .args = f->args);
	f->args = NULL;
out:
	exec_args_free(f->args);
	file_put(f->file);
	kfree(f->path);
	CO_RETURN(f->err);
	CO_END;
}

struct sys_execve {
	struct co_frame co;
	uptr name, argv, envp;
	long err;
};
static co_t sys_execve(struct co *co, struct sys_execve *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, exec_call, .dirfd = AT_FDCWD, .name = f->name, .argv = f->argv,
		 .envp = f->envp);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(execve, name, argv, envp);

struct sys_execveat {
	struct co_frame co;
	int dirfd;
	uptr name, argv, envp;
	int flags;
	long err;
};
static co_t sys_execveat(struct co *co, struct sys_execveat *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, exec_call, .dirfd = f->dirfd, .name = f->name, .argv = f->argv,
		 .envp = f->envp, .flags = f->flags);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(execveat, dirfd, name, argv, envp, flags);
