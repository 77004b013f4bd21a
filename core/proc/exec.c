/* core/proc/exec.c -- execve after its arguments are in: what kind of file, whose rights, the
 * new image, and the exchange.
 *
 * The new image is built beside the old one, so nearly everything that can fail does so while
 * there is still a program to return the error to. Then the other threads end, and from there
 * on nothing fails.
 */
#include "core/proc/exec.h"

#include <linux/mount.h>
#include <linux/stat.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/exec_image.h"
#include "core/proc/exit.h"
#include "core/proc/hwdebug.h"
#include "core/proc/internal.h"
#include "core/proc/proc_event.h"
#include "core/proc/request.h"
#include "core/proc/trace.h"
#include "coro/executor.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "vfs/attr.h"
#include "vfs/fd.h"
#include "vfs/mount.h"
#include "vfs/open.h"

/* --- scripts --- */

/* "#! interpreter [argument]" in the first 256 bytes: cut it in two. -ENOEXEC if it is cut off
 * or empty. */
static int exec_parse_script(char *head, char **interp, char **arg)
{
	char *end = head + EXEC_HEAD_SIZE - 1, *p, *line_end;

	*end = 0;
	line_end = strchr(head, '\n');
	if (!line_end) {
		/* The name itself must be whole; an argument may be cut. */
		for (p = head + 2; *p == ' ' || *p == '\t'; p++)
			;
		while (*p && *p != ' ' && *p != '\t')
			p++;
		if (p == end)
			return -ENOEXEC;
		*interp = p;
		*arg = NULL;
		if (!head[2] || p[-1] == ' ' || p[-1] == '\t')
			return 0;	/* the file ends here: no name, which is one too */
		line_end = head + strlen(head);
	}
	while (line_end > head && (line_end[-1] == ' ' || line_end[-1] == '\t'))
		line_end--;
	*line_end = 0;
	for (p = head + 2; *p == ' ' || *p == '\t'; p++)
		;
	if (p >= line_end)
		return -ENOEXEC;
	*interp = p;
	while (*p && *p != ' ' && *p != '\t')
		p++;
	*arg = NULL;
	if (!*p)
		return 0;
	*p++ = 0;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p)
		*arg = p;
	return 0;
}

/* The script's line comes before the arguments, its own name in place of the first. */
static int exec_script_args(struct exec_image *im, const char *script, char **interp)
{
	char *arg;
	int err = exec_parse_script(im->head, interp, &arg);

	if (err)
		return err;
	exec_args_drop_first(im->args);
	err = exec_args_prefix(im->args, script);
	if (!err && arg)
		err = exec_args_prefix(im->args, arg);
	if (!err)
		err = exec_args_prefix(im->args, *interp);
	return err;
}

#define EXEC_SCRIPT_DEPTH 5

/* Until image->file is something other than a script. */
struct exec_find_program {
	struct co_frame co;
	struct exec_image *image;
	struct uio uio;
	struct file *next;
	char *interp;
	unsigned depth;
	long err;
};
static co_t exec_find_program(struct co *co, struct exec_find_program *f)
{
	struct exec_image *im = f->image;

	CO_BEGIN;
	for (f->depth = 0;; f->depth++) {
		/* Nobody writes what runs, and nobody runs what is being written. */
		f->err = file_claim(im->file, -1);
		if (f->err)
			CO_RETURN(f->err);
		memset(im->head, 0, sizeof(im->head));
		f->uio = uio_kernel(im->head, sizeof(im->head));
		CO_AWAIT(f->err, file_read, .file = im->file, .uio = &f->uio, .pos = 0);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (im->head[0] != '#' || im->head[1] != '!')
			CO_RETURN(0);
		if (f->depth == EXEC_SCRIPT_DEPTH)
			CO_RETURN(-ELOOP);
		f->err = exec_script_args(im, f->depth ? im->path : im->name, &f->interp);
		if (f->err)
			CO_RETURN(f->err);
		string_copy(im->path, f->interp, sizeof(im->path));
		CO_AWAIT(f->err, open_kernel, .dirfd = AT_FDCWD, .name = im->path,
			 .walk_flags = WALK_FOLLOW | WALK_EMPTY, .flags = O_RDONLY,
			 .want = CRED_EXEC, .file = &f->next);
		if (f->err)
			CO_RETURN(f->err);
		file_put(im->file);
		im->file = f->next;
	}
	CO_END;
}

/* --- the other threads --- */

static int exec_claim(struct thread *t)
{
	struct process *p = t->process;
	struct thread *each;
	int err = 0;

	spin_lock(&p->sig_lock);
	if (p->group_exiting || p->exec_by) {
		err = -EAGAIN;
	} else {
		p->exec_by = t;
		atomic_store_relaxed(&p->stop_signal, 0);
		p->stopped = false;
		t->stop_counted = false;
		list_each(each, &p->threads, in_process)
			if (each != t && !each->leaving)
				task_interrupt(&each->task, TASK_KILLED | TASK_SIGNAL);
		waitq_wake(&p->stop_wait);
	}
	spin_unlock(&p->sig_lock);
	return err;
}

/* No thread but this one, nor one that a tracer has yet to wait for. */
static bool exec_is_alone(struct process *p)
{
	bool alone;

	spin_lock(&proc_tree_lock);
	alone = p->thread_count == 1 && !p->trace_zombies;
	spin_unlock(&proc_tree_lock);
	return alone;
}

static void exec_unclaim(struct process *p)
{
	spin_lock(&p->sig_lock);
	p->exec_by = NULL;
	spin_unlock(&p->sig_lock);
}

/* The thread that runs exec becomes the leader, whoever was. */
static void exec_take_lead(struct thread *t)
{
	struct process *p = t->process;
	struct pid *old = t->tid;
	struct task *gone = NULL;

	spin_lock(&proc_tree_lock);
	p->has_execed = true;
	if (old != p->pid) {
		gone = trace_replace_leader(p);
		old->thread = NULL;
		pid_unname(old);
		pid_get(p->pid);
		t->tid = p->pid;
		p->pid->thread = t;
	} else {
		old = NULL;
	}
	spin_unlock(&proc_tree_lock);
	pid_put(old);
	if (gone)
		task_put(gone);
}

/* --- the exchange --- */

static const char *exec_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Everything of the thread and process that an exec sets anew. */
static void exec_reset(struct thread *t, struct exec_image *im)
{
	struct process *p = t->process;
	struct file *exe = im->file, *old_exe;

	im->file = NULL;
	string_copy(t->task.name, exec_base_name(im->name), sizeof(t->task.name));
	spin_lock(&p->sig_lock);
	old_exe = p->exe;
	p->exe = exe;
	spin_unlock(&p->sig_lock);
	file_put(old_exe);
	if (im->secure || !im->dumpable)
		p->pdeath_signal = 0;
	p->personality &= ~im->clear_personality;
	posix_timer_release_all(p, true);
	thread_forget_restart(t);
	t->fault_esr = 0;
	t->rseq = uptr_of(0);
	t->rseq_cpu = UINT32_MAX;
	thread_set_cred(t, im->cred);
	im->cred = NULL;
}

static struct space *exec_switch_space(struct thread *t, struct exec_image *im)
{
	struct process *p = t->process;
	struct space *old = t->task.space, *record;

	spin_lock(&p->sig_lock);
	record = p->space;
	p->space = im->space;
	space_get(im->space);
	t->task.space = im->space;
	spin_unlock(&p->sig_lock);
	executor_use_space(&t->task);
	im->space = NULL;
	if (record)
		space_put(record);
	rlimit_apply(p);
	return old;
}

static void exec_enter(struct thread *t, u64 entry, u64 sp)
{
	bool step = t->user.step;

	executor_user_sync(&t->task);
	hwdebug_forget(t);
	hal_user_init(&t->user, entry, sp);
	t->user.step = step;
	t->user.tls = 0;
	t->user.fp = (struct hal_fp){0};
	t->user.fp_cpu = -1;
}

/* An own table of descriptors: another process may share it. */
static int exec_own_fds(struct thread *t)
{
	struct process *p = t->process;
	struct fd_table *own, *old;

	if (atomic_load(&t->task.fds->refs.n) == 1)
		return 0;
	own = fd_table_clone(t->task.fds);
	if (!own)
		return -ENOMEM;
	spin_lock(&p->sig_lock);
	old = t->task.fds;
	t->task.fds = own;
	spin_unlock(&p->sig_lock);
	fd_table_put(old);
	return 0;
}

/* Point of no return: the image is ready and this is the only thread. */
struct exec_commit {
	struct co_frame co;
	struct exec_image *image;
	struct space *old;
	long ignored;
};
static co_t exec_commit(struct co *co, struct exec_commit *f)
{
	struct thread *t = thread_of_co(co);
	struct exec_image *im = f->image;

	CO_BEGIN;
	exec_take_lead(t);
	if (co_task(co)->space)
		CO_AWAIT(f->ignored, exit_release_user);
	f->old = exec_switch_space(t, im);
	exit_tell_vfork_parent(t);
	exec_reset(t, im);
	if (f->old)
		CO_AWAIT(f->ignored, space_leave, .space = f->old);
	CO_AWAIT(f->ignored, fd_close_range, .table = co_task(co)->fds, .last = UINT32_MAX,
		 .cloexec_only = true);
	exec_enter(t, im->entry, im->sp);
	exec_unclaim(t->process);
	CO_RETURN(0);
	CO_END;
}

/* Nobody attaches while it is open whose rights the program will have. */
static void exec_count(struct process *p, int by)
{
	spin_lock(&p->sig_lock);
	p->execs_running += (u32)by;
	atomic_store(&p->exec_count, p->exec_count + 1);
	spin_unlock(&p->sig_lock);
	if (by < 0)
		waitq_wake(&p->threads_wait);
}

static struct exec_image *exec_image_new(struct exec_run *f, struct thread *t)
{
	struct exec_image *im = kzalloc(sizeof(*im));

	if (!im)
		return NULL;
	file_get(f->file);
	im->file = f->file;
	im->args = f->args;
	im->name = f->name;
	im->stack_limit = rlimit_get(t->process, RLIMIT_STACK);
	if (im->stack_limit > HAL_USER_END)
		im->stack_limit = HAL_USER_END;
	return im;
}

co_t exec_run(struct co *co, struct exec_run *f)
{
	struct thread *t = thread_of_co(co);

	CO_BEGIN;
	f->err = -ENOMEM;
	f->image = exec_image_new(f, t);
	if (!f->image)
		goto out;
	CO_AWAIT(f->err, exec_find_program, .image = f->image);
	if (f->err)
		goto out;
	/* An empty argument list: the program would take its environment for arguments. */
	if (!f->args->argc && !f->args->prefix_count)
		f->err = exec_args_prefix(f->args, "");
	if (f->err)
		goto out;
	f->tid = trace_nr(t, t->tid);
	f->counted = true;
	exec_count(t->process, 1);
	CO_AWAIT(f->err, exec_rights, .image = f->image);
	if (f->err)
		goto out;
	CO_AWAIT(f->err, exec_image_build, .image = f->image);
	if (f->err)
		goto out;
	f->err = exec_claim(t);
	if (f->err)
		goto out;
	CO_WAIT_KILLABLE(f->err, &t->process->threads_wait, exec_is_alone(t->process));
	if (!f->err && t->process->requests)
		CO_AWAIT(f->ignored, request_end_all, .reopen = true);
	if (!f->err)
		f->err = exec_own_fds(t);
	if (!f->err)
		f->err = signal_exec(t);
	if (f->err)
		exec_unclaim(t->process);
	else
		CO_AWAIT(f->err, exec_commit, .image = f->image);
out:
	if (f->counted)
		exec_count(t->process, -1);
	if (!f->err && trace_of(t))
		CO_AWAIT(f->ignored, trace_exec, .tid = f->tid);
	if (!f->err)
		proc_event_thread(t, PROC_EVENT_EXEC);
	if (f->image && f->image->space)
		CO_AWAIT(f->ignored, space_leave, .space = f->image->space);
	exec_image_free(f->image);
	exec_args_free(f->args);
	CO_RETURN(f->err);
	CO_END;
}
