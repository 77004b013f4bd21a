/* syscalls/program.c */
#include "syscalls/program.h"

#include <linux/filter.h>

#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"

co_t program_from_user(struct co *co, struct program_from_user *f)
{
	CO_BEGIN;
	if (!f->from->len || f->from->len > BPF_MAXINSNS || !f->from->insns)
		CO_RETURN(-EINVAL);
	f->size = f->from->len * sizeof(*f->insns);
	f->insns = kmalloc(f->size);
	if (!f->insns)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, f->insns, uptr_of(f->from->insns), f->size);
	if (f->err) {
		kfree(f->insns);
		CO_RETURN(f->err);
	}
	*f->to = f->insns;
	CO_RETURN(0);
	CO_END;
}
