/* core/proc/helper.c -- the start of a program of the kernel's own: a process is made as fork would
 * make it, but of nothing, and runs exec as the first thing it does.
 */
#include "core/proc/helper.h"

#include <linux/fcntl.h>

#include "core/cred/cred.h"
#include "core/proc/exec.h"
#include "core/proc/exit.h"
#include "core/proc/internal.h"
#include "mem/phys/slab.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/open.h"

#define HELPER_ARGS_MAX (128 * PAGE_SIZE)

/* --- in the new process --- */

/* Who waits for the start does so as for vfork's: until exec has been, or the end. */
struct helper_start {
	struct co_frame co;
	char *path;			/* owned */
	struct exec_args *args;		/* owned */
	struct file *file;
	long err;
};
static co_t helper_start(struct co *co, struct helper_start *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, open_kernel, .dirfd = AT_FDCWD, .name = f->path,
		 .walk_flags = WALK_FOLLOW, .flags = O_RDONLY, .want = CRED_EXEC, .file = &f->file);
	if (f->err) {
		exec_args_free(f->args);
	} else {
		CO_AWAIT(f->err, exec_run, .file = f->file, .name = f->path, .args = f->args);
		file_put(f->file);
	}
	kfree(f->path);
	if (f->err)
		CO_AWAIT(f->err, thread_exit);
	CO_RETURN(0);
	CO_END;
}

/* --- making it --- */

static struct exec_args *helper_args(const char *args, unsigned argc)
{
	struct exec_args *a = exec_args_new(HELPER_ARGS_MAX);

	for (; a && argc; argc--, args += strlen(args) + 1) {
		if (exec_args_add(a, args, false)) {
			exec_args_free(a);
			return NULL;
		}
	}
	return a;
}

static struct fs_context *helper_fs(void)
{
	struct fs_context *of_init = process_fs(process_first), *fs;

	fs = of_init ? fs_context_clone(of_init) : NULL;
	fs_context_put(of_init);
	if (fs)
		fs->umask = 022;
	return fs;
}

/* A table with one descriptor; `in` is taken over. */
static struct fd_table *helper_fds(struct file *in)
{
	struct fd_table *fds = fd_table_new();

	if (fds && !fd_add(fds, in, 0, 1, false))
		return fds;
	fd_table_put(fds);
	file_put(in);
	return NULL;
}

/* Not started yet; NULL without memory or a number for it. Takes fds over then only. */
static struct thread *helper_new(struct fd_table *fds)
{
	struct fs_context *fs = helper_fs();
	struct cred *root = cred_new_root();
	struct thread *t = fs && root ? process_new_parentless("helper", root, fs, fds) : NULL;

	if (!t) {
		fs_context_put(fs);
		cred_put(root);
		return NULL;
	}
	t->process->limits.of[RLIMIT_CORE] = (struct rlimit){1, 1};
	t->vforked = true;
	return t;
}

static void helper_begin(struct thread *t, char *path, struct exec_args *args)
{
	struct helper_start *first = co_push(&t->task.co, sizeof(*first));

	*first = (struct helper_start){.path = path, .args = args};
	co_enter(&t->task.co, &first->co, (co_step *)helper_start);
	process_count_fork();
	task_start(&t->task);
}

/* 0: it starts, and *p is its process, with a reference. */
static int helper_make(const struct helper_run *f, struct process **p)
{
	struct exec_args *args = helper_args(f->args, f->argc);
	char *path = kmalloc(strlen(f->args) + 1);
	struct fd_table *fds = helper_fds(f->in);
	struct thread *t = args && path && fds ? helper_new(fds) : NULL;

	if (!t) {
		exec_args_free(args);
		kfree(path);
		fd_table_put(fds);
		return -ENOMEM;
	}
	memcpy(path, f->args, strlen(f->args) + 1);
	*p = t->process;
	process_get(*p);
	helper_begin(t, path, args);
	thread_drop(t);
	return 0;
}

static bool helper_has_started(struct process *p)
{
	return atomic_load(&p->vfork_done);
}

static bool helper_runs(struct process *p)
{
	bool runs;

	spin_lock(&proc_tree_lock);
	runs = p->has_execed;
	spin_unlock(&proc_tree_lock);
	return runs;
}

co_t helper_run(struct co *co, struct helper_run *f)
{
	CO_BEGIN;
	f->err = helper_make(f, &f->process);
	if (f->err)
		CO_RETURN(f->err);
	CO_WAIT_IO(&f->process->vfork_wait, helper_has_started(f->process));
	f->err = helper_runs(f->process) ? 0 : -ENOEXEC;
	process_put(f->process);
	CO_RETURN(f->err);
	CO_END;
}
