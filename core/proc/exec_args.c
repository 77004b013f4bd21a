/* core/proc/exec_args.c -- argument and environment strings between two images.
 *
 * The strings stand one after the other, each with its NUL, in pages of their own, exactly as
 * they will stand on the new stack: arguments, environment, name.
 */
#include "core/proc/exec_args.h"

#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"

#define ARG_STRING_MAX (32 * PAGE_SIZE)	/* MAX_ARG_STRLEN of the ABI */

struct exec_args *exec_args_new(u64 limit)
{
	struct exec_args *a = kzalloc(sizeof(*a));

	if (!a)
		return NULL;
	a->limit = limit;
	a->pages = kcalloc((limit >> PAGE_SHIFT) + 2, sizeof(*a->pages));
	if (a->pages)
		return a;
	kfree(a);
	return NULL;
}

void exec_args_free(struct exec_args *a)
{
	if (!a)
		return;
	for (u64 i = 0; i < a->page_count; i++)
		phys_page_put(a->pages[i]);
	for (unsigned i = 0; i < a->prefix_count; i++)
		kfree(a->prefix[i]);
	kfree(a->pages);
	kfree(a);
}

int exec_args_room(struct exec_args *a, char **to, size_t *room)
{
	struct page *p;

	if (a->bytes >= a->page_count << PAGE_SHIFT) {
		if (a->bytes >= a->limit)
			return -E2BIG;
		p = buddy_alloc(0, 0);
		if (!p)
			return -ENOMEM;
		a->pages[a->page_count++] = p;
	}
	*to = (char *)phys_page_data(a->pages[a->bytes >> PAGE_SHIFT]) + (a->bytes & ~PAGE_MASK);
	*room = PAGE_SIZE - (a->bytes & ~PAGE_MASK);
	return 0;
}

static int exec_args_count(struct exec_args *a, bool is_env)
{
	if (is_env)
		a->envc++;
	else
		a->argc++;
	/* The pointers count too, as on Linux. */
	return a->bytes + (u64)(a->argc + a->envc) * sizeof(u64) > a->limit ? -E2BIG : 0;
}

int exec_args_add(struct exec_args *a, const char *s, bool is_env)
{
	size_t left = strlen(s) + 1, room;
	char *to;
	int err;

	while (left) {
		err = exec_args_room(a, &to, &room);
		if (err)
			return err;
		room = min(room, left);
		memcpy(to, s, room);
		s += room;
		left -= room;
		a->bytes += room;
	}
	return exec_args_count(a, is_env);
}

int exec_args_prefix(struct exec_args *a, const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy;

	if (a->prefix_count == ARRAY_SIZE(a->prefix))
		return -ELOOP;
	copy = kmalloc(n);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, s, n);
	for (unsigned i = a->prefix_count++; i > 0; i--)
		a->prefix[i] = a->prefix[i - 1];
	a->prefix[0] = copy;
	return 0;
}

void exec_args_drop_first(struct exec_args *a)
{
	if (!a->prefix_count) {
		a->skip_first = true;
		return;
	}
	kfree(a->prefix[0]);
	a->prefix_count--;
	for (unsigned i = 0; i < a->prefix_count; i++)
		a->prefix[i] = a->prefix[i + 1];
}

/* One string of the array, straight into the pages. */
struct exec_args_string {
	struct co_frame co;
	struct exec_args *args;
	u64 from;
	u64 done;
	char *to;
	size_t room;
	i64 len;
};
static co_t exec_args_string(struct co *co, struct exec_args_string *f)
{
	CO_BEGIN;
	for (;;) {
		f->len = exec_args_room(f->args, &f->to, &f->room);
		if (f->len)
			CO_RETURN(f->len);
		CO_STRING_FROM_USER(f->len, f->to, uptr_of(f->from + f->done), f->room);
		if (f->len < 0)
			CO_RETURN(f->len);
		if ((size_t)f->len < f->room) {
			f->args->bytes += (u64)f->len + 1;
			CO_RETURN(0);
		}
		f->args->bytes += f->room;
		f->done += f->room;
		if (f->done >= ARG_STRING_MAX)
			CO_RETURN(-E2BIG);
		CO_BREATHE;
	}
	CO_END;
}

co_t exec_args_read(struct co *co, struct exec_args_read *f)
{
	CO_BEGIN;
	if (!f->array.raw)
		CO_RETURN(0);
	for (f->at = 0;; f->at++) {
		CO_COPY_FROM_USER(f->err, &f->string, uptr_add(f->array, f->at * sizeof(u64)),
				  sizeof(u64));
		if (f->err || !f->string)
			CO_RETURN(f->err);
		CO_AWAIT(f->err, exec_args_string, .args = f->args, .from = f->string);
		if (!f->err)
			f->err = exec_args_count(f->args, f->is_env);
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_END;
}
