/* fs/procfs/proc_maps.c -- what of /proc/<pid> takes waiting: looking through an address space
 * and reading from it. */
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"

#define PATH_COLUMN 73	/* where Linux puts the path of a mapping */

/* --- maps --- */

static const char *name_of(const struct space *s, const struct vma_info *v)
{
	if (v->start < s->brk && v->end > s->brk_start && s->brk > s->brk_start)
		return "[heap]";
	if (s->stack_start >= v->start && s->stack_start < v->end)
		return "[stack]";
	return NULL;
}

void proc_maps_show(const struct space *s, const struct vma_info *v, struct text *to)
{
	size_t line = to->len, at;
	const char *name = v->path_len ? v->path : name_of(s, v);
	size_t len = v->path_len ? v->path_len : name ? strlen(name) : 0;

	text_add(to, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", v->start, v->end,
		 v->flags & VMA_READ ? 'r' : '-', v->flags & VMA_WRITE ? 'w' : '-',
		 v->flags & VMA_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p', v->offset,
		 (unsigned)(v->dev >> 20), (unsigned)(v->dev & 0xfffff), v->ino);
	if (len) {
		at = to->len - line;
		while (at++ < PATH_COLUMN)
			text_put(to, " ", 1);
		text_put(to, name, len);
	}
	text_put(to, "\n", 1);
}

struct proc_maps {
	struct proc_generate;
	struct space *space;
	struct vma_info *info;
	u64 at;
	long more;
};
static co_t proc_maps(struct co *co, struct proc_maps *f)
{
	CO_BEGIN;
	f->space = process_space(f->who->process);
	if (!f->space)
		CO_RETURN(0);
	f->info = kmalloc(sizeof(*f->info));
	f->more = f->info ? 0 : -ENOMEM;
	while (!f->more) {
		CO_AWAIT(f->more, space_info, .space = f->space, .addr = f->at,
			 .info = f->info);
		if (f->more <= 0)
			break;
		f->more = 0;
		proc_maps_show(f->space, f->info, f->text);
		f->at = f->info->end;
		CO_BREATHE;
	}
	kfree(f->info);
	space_put(f->space);
	CO_RETURN(f->more);
	CO_END;
}

/* --- memory of the process --- */

/* Append [start, end) of the space, as far as it can be read. */
struct proc_copy {
	struct co_frame co;
	struct space *space;
	u64 at, end;
	struct text *text;
	char *to;
	long n;
};
static co_t proc_copy(struct co *co, struct proc_copy *f)
{
	CO_BEGIN;
	while (f->at < f->end) {
		f->n = (long)min(f->end - f->at, PAGE_SIZE);
		f->to = text_reserve(f->text, (size_t)f->n);
		if (!f->to)
			CO_RETURN(-ENOMEM);
		CO_AWAIT(f->n, space_access, .space = f->space, .addr = uptr_of(f->at),
			 .buf = f->to, .len = (size_t)f->n, .alone = true);
		if (f->n <= 0)
			CO_RETURN(f->n == -EINTR ? -EINTR : 0);
		f->text->len += (size_t)f->n;
		f->at += (u64)f->n;
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

struct proc_cmdline {
	struct proc_generate;
	struct space *space;
	long err;
};
static co_t proc_cmdline(struct co *co, struct proc_cmdline *f)
{
	CO_BEGIN;
	f->space = process_space(f->who->process);
	if (!f->space)
		CO_RETURN(0);
	CO_AWAIT(f->err, proc_copy, .space = f->space, .at = f->space->arg_start,
		 .end = f->space->arg_end, .text = f->text);
	/* A program that overwrote its arguments beyond their end (setproctitle): the title is
	 * one string that may go on where the environment was. */
	if (!f->err && f->text->len && f->text->data[f->text->len - 1])
		CO_AWAIT(f->err, proc_copy, .space = f->space, .at = f->space->env_start,
			 .end = f->space->env_end, .text = f->text);
	if (!f->err && f->text->len &&
	    f->text->len > f->space->arg_end - f->space->arg_start)
		f->text->len = strnlen(f->text->data, f->text->len);
	space_put(f->space);
	CO_RETURN(f->err);
	CO_END;
}

struct proc_environ {
	struct proc_generate;
	struct space *space;
	long err;
};
static co_t proc_environ(struct co *co, struct proc_environ *f)
{
	CO_BEGIN;
	f->space = process_space(f->who->process);
	if (!f->space)
		CO_RETURN(0);
	CO_AWAIT(f->err, proc_copy, .space = f->space, .at = f->space->env_start,
		 .end = f->space->env_end, .text = f->text);
	space_put(f->space);
	CO_RETURN(f->err);
	CO_END;
}

const struct proc_generate_op proc_maps_op = CO_IMPLEMENTS(proc_generate, proc_maps);
const struct proc_generate_op proc_cmdline_op = CO_IMPLEMENTS(proc_generate, proc_cmdline);
const struct proc_generate_op proc_environ_op = CO_IMPLEMENTS(proc_generate, proc_environ);
