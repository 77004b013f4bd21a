/* syscalls/sockfilter.c */
#include "syscalls/sockfilter.h"

#include <linux/filter.h>

#include "core/net/filter.h"
#include "mem/space/uaccess.h"

co_t sockfilter_set(struct co *co, struct sockfilter_set *f)
{
	CO_BEGIN;
	if (f->len != sizeof(f->prog))
		CO_RETURN(-EINVAL);
	CO_COPY_FROM_USER(f->err, &f->prog, f->from, sizeof(f->prog));
	if (!f->err)
		f->err = filter_may_attach(f->socket);
	if (!f->err)
		CO_AWAIT(f->err, program_from_user, .from = &f->prog, .to = &f->insns);
	if (!f->err)
		f->err = filter_new(f->insns, f->prog.len, &f->filter);
	if (!f->err)
		f->err = filter_attach(f->socket, f->filter);
	CO_RETURN(f->err);
	CO_END;
}

co_t sockfilter_get(struct co *co, struct sockfilter_get *f)
{
	CO_BEGIN;
	f->filter = filter_get(f->socket);
	if (f->filter) {
		f->insns = filter_program(f->filter, &f->count);
		if (*f->len && *f->len < f->count)
			f->err = -EINVAL;
		else if (*f->len)
			CO_COPY_TO_USER(f->err, f->to, f->insns, f->count * sizeof(*f->insns));
		filter_put(f->filter);
	}
	*f->len = f->count;
	CO_RETURN(f->err);
	CO_END;
}
