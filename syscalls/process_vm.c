/* syscalls/process_vm.c -- process_vm_readv and process_vm_writev: another process's memory, with
 * the rights that its program has.
 */
#include <linux/uio.h>

#include "core/proc/trace.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "mem/space/uio.h"
#include "syscalls/syscall.h"

/* An array of vectors from user space; `vecs` becomes the caller's, NULL for none. */
struct process_vm_vecs {
	struct co_frame co;
	uptr from;
	u64 count;
	struct uio_vec **vecs;
	long err;
};
static co_t process_vm_vecs(struct co *co, struct process_vm_vecs *f)
{
	CO_BEGIN;
	if (f->count > UIO_MAXIOV)
		CO_RETURN(-EINVAL);
	if (!f->count)
		CO_RETURN(0);
	*f->vecs = kmalloc(f->count * sizeof(**f->vecs));
	if (!*f->vecs)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, *f->vecs, f->from, f->count * sizeof(**f->vecs));
	CO_RETURN(f->err);
	CO_END;
}

/* May the caller, and in what? 0 and a reference, or why not. */
static long process_vm_space(int pid, struct space **to)
{
	struct thread *t = thread_find(pid);
	long err;

	if (!t)
		return -ESRCH;
	err = trace_may(t, TRACE_ATTACH | TRACE_REAL_IDS);
	*to = err ? NULL : process_space(t->process);
	task_put(&t->task);
	return err ? err : *to ? 0 : -ESRCH;
}

/* One run of the other's memory, through a page of ours. Bytes moved, or an error if none. */
struct process_vm_one {
	struct co_frame co;
	struct space *space;
	struct uio *uio;
	struct uio_vec vec;
	char *page;
	bool write;
	u64 done, n, moved;
	long err;
};

/* From ours into the page, as far as the uio's memory is there. */
static u64 process_vm_take(struct process_vm_one *f)
{
	f->n = min(f->vec.len - f->done, PAGE_SIZE);
	f->n = min(f->n, f->uio->left);
	return f->write ? uio_copy_from(f->uio, f->page, f->n) : f->n;
}

static co_t process_vm_one(struct co *co, struct process_vm_one *f)
{
	CO_BEGIN;
	while (f->done < f->vec.len && f->uio->left) {
		f->n = process_vm_take(f);
		if (!f->n) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE);
			if (f->err)
				break;
			continue;
		}
		CO_AWAIT(f->err, space_access, .space = f->space, .buf = f->page, .len = f->n,
			 .addr = uptr_of(f->vec.base + f->done), .write = f->write);
		if (f->err < 0)
			break;
		f->n = (u64)f->err;
		f->err = 0;
		for (f->moved = f->write ? f->n : 0; f->moved < f->n;) {
			f->moved += uio_copy_to(f->uio, f->page + f->moved, f->n - f->moved);
			if (f->moved == f->n)
				break;
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->moved,
				 .write = true);
			if (f->err)
				break;
		}
		f->done += f->moved;
		if (f->err || !f->n)
			break;
		CO_BREATHE;
	}
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}

struct process_vm {
	struct co_frame co;
	int pid;
	uptr local;
	u64 local_count;
	uptr remote;
	u64 remote_count;
	u64 flags;
	bool write;
	struct uio_vec *here, *there;
	struct uio uio;
	struct space *space;
	char *page;
	u64 i, n, done;
	long err;
};
static co_t process_vm(struct co *co, struct process_vm *f)
{
	CO_BEGIN;
	if (f->flags)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, process_vm_vecs, .from = f->local, .count = f->local_count,
		 .vecs = &f->here);
	if (!f->err)
		f->err = uio_check_iov(f->here, (u32)f->local_count);
	if (f->err <= 0)
		goto out;
	f->uio = uio_user_iov(f->here, (u32)f->local_count);
	CO_AWAIT(f->err, process_vm_vecs, .from = f->remote, .count = f->remote_count,
		 .vecs = &f->there);
	for (f->i = 0; !f->err && f->i < f->remote_count; f->i++)
		if ((i64)f->there[f->i].len < 0)
			f->err = -EINVAL;
	for (f->i = f->n = 0; !f->err && f->i < f->remote_count; f->i++)
		f->n |= f->there[f->i].len;
	if (f->err || !f->n)
		goto out;
	f->err = process_vm_space(f->pid, &f->space);
	if (f->err)
		goto out;
	f->page = kmalloc(PAGE_SIZE);
	f->err = f->page ? 0 : -ENOMEM;
	for (f->i = 0; f->err >= 0 && f->i < f->remote_count && f->uio.left; f->i++) {
		CO_AWAIT(f->err, process_vm_one, .space = f->space, .uio = &f->uio,
			 .vec = f->there[f->i], .page = f->page, .write = f->write);
		if (f->err > 0)
			f->done += (u64)f->err;
		if (f->err >= 0 && (u64)f->err < f->there[f->i].len)
			break;
	}
	if (f->done)
		f->err = (long)f->done;
out:
	kfree(f->page);
	kfree(f->here);
	kfree(f->there);
	if (f->space)
		space_put(f->space);
	CO_RETURN(f->err);
	CO_END;
}

#define PROCESS_VM(name, writes)                                                       \
	co_t begin_##name(struct co *co, const u64 *a);                                \
	co_t begin_##name(struct co *co, const u64 *a)                                 \
	{                                                                              \
		return co_begin(co, process_vm, .pid = (int)a[0], .local = uptr_of(a[1]), \
				.local_count = (u32)a[2], .remote = uptr_of(a[3]),          \
				.remote_count = a[4], .flags = a[5], .write = (writes)); \
	}                                                                              \
	static_assert(true)
PROCESS_VM(process_vm_readv, false);
PROCESS_VM(process_vm_writev, true);
