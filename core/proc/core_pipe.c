/* core/proc/core_pipe.c -- a dump that goes to a program: the pattern is `|` and its command line.
 *
 * The program runs as helper.h says, with the read end of a pipe for its standard input. Whatever
 * becomes of it ends the dump and nothing else: without a reader the pipe cannot be written to.
 */
#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/proc/core_parts.h"
#include "core/proc/helper.h"
#include "vfs/pipe.h"

static u32 pipe_dumps;		/* [a] under way */

/* It counts until core_pipe_end; false: there are too many already. */
static bool pipe_start(struct core *c)
{
	u32 most = atomic_load(&core_settings.pipe_limit);

	c->counted = true;
	return atomic_add(&pipe_dumps, 1u) + 1 <= most || !most;
}

void core_pipe_end(struct core *c)
{
	if (c->counted)
		atomic_sub(&pipe_dumps, 1u);
	c->counted = false;
}

/* Root's, as the program is. */
static int pipe_new(struct file *ends[2])
{
	struct cred *root = cred_new_root();
	int err = root ? pipe_make(ends, 0, root) : -ENOMEM;

	cred_put(root);
	return err;
}

co_t core_pipe_open(struct co *co, struct core_pipe_open *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	if (!pipe_start(c)) {
		log_info("%s (%d): core_pipe_limit is reached, no core file",
			 c->by->task.name, c->by->process->pid->nr);
		CO_RETURN(-EUSERS);
	}
	f->err = pipe_new(f->ends);
	if (f->err)
		CO_RETURN(f->err);
	c->file = f->ends[1];
	CO_AWAIT(f->err, helper_run, .args = c->name.data, .argc = c->argc, .in = f->ends[0]);
	if (f->err)
		log_info("%s: does not run, no core file", c->name.data);
	CO_RETURN(f->err);
	CO_END;
}

co_t core_pipe_finish(struct co *co, struct core_pipe_finish *f)
{
	CO_BEGIN;
	if (atomic_load(&core_settings.pipe_limit))
		CO_AWAIT(f->ignored, pipe_drain, .file = f->core->file);
	CO_RETURN(0);
	CO_END;
}
