/* mem/space/userfault.c -- contexts: who waits for whom.
 *
 *	fault    fresh --read--> told --woken--> tried again
 *	change   noted (under the space's lock) --settle--> events --read--> goes on
 */
#include "mem/space/userfault.h"

#include "core/base/bits.h"
#include "mem/phys/slab.h"
#include "mem/space/pt.h"
#include "mem/space/userfault_note.h"
#include "mem/space/vma.h"

struct userfault *userfault_new(struct space *s, u32 flags)
{
	struct userfault *u = kzalloc(sizeof(*u));

	if (!u)
		return NULL;
	ref_init(&u->refs);
	space_get(s);
	u->space = s;
	u->flags = flags;
	spin_init(&u->lock, RANK_USERFAULT);
	list_init(&u->fresh);
	list_init(&u->told);
	list_init(&u->events);
	waitq_init(&u->readers);
	return u;
}

void userfault_get(struct userfault *u)
{
	ref_get(&u->refs);
}

void userfault_put(struct userfault *u)
{
	if (!u || !ref_put(&u->refs))
		return;
	space_put(u->space);
	kfree(u);
}

static void wake_fault(struct userfault_fault *w)
{
	atomic_store(&w->woken, true);
	waitq_wake(&w->wait);
}

static void wake_in(struct list *faults, u64 start, u64 len)
{
	struct userfault_fault *w;

	list_each(w, faults, link)
		if (PAGE_DOWN(w->addr) - start < len)
			wake_fault(w);
}

void userfault_wake(struct userfault *u, u64 start, u64 len)
{
	spin_lock(&u->lock);
	wake_in(&u->fresh, start, len);
	wake_in(&u->told, start, len);
	spin_unlock(&u->lock);
}

void userfault_release(struct userfault *u)
{
	struct userfault_note *n;

	spin_lock(&u->lock);
	atomic_store(&u->released, true);
	wake_in(&u->fresh, 0, ~0ul);
	wake_in(&u->told, 0, ~0ul);
	list_each(n, &u->events, link)
		waitq_wake(&n->wait);
	spin_unlock(&u->lock);
}

/* --- a fault --- */

/* Does the object have a page at index? Private memory without an object: no. */
static int object_has(const struct vma *v, u64 va)
{
	return v->pager && v->pager->ops->has ? v->pager->ops->has(v->pager, vma_index(v, va)) : 0;
}

/* Is it one the program settles? */
static bool is_settled_by_program(const struct vma *v, u64 va, u64 e, unsigned access, u32 *why)
{
	int has;

	*why = access & HAL_WRITE ? UFFD_PAGEFAULT_FLAG_WRITE : 0;
	if (e) {
		*why |= UFFD_PAGEFAULT_FLAG_WP;
		return access & HAL_WRITE && e & PTE_PROTECTED && v->flags & VMA_UF_WP;
	}
	has = object_has(v, va);
	if (has > 0) {
		*why |= UFFD_PAGEFAULT_FLAG_MINOR;
		return v->flags & VMA_UF_MINOR;
	}
	return !has && v->flags & VMA_UF_MISSING;
}

enum fault_result userfault_look(const struct vma *v, u64 va, unsigned access, u32 *why)
{
	struct userfault *u = v->userfault;
	u64 *slot, e;

	spin_lock(&v->space->pt_lock);
	slot = pt_slot(v->space, va);
	e = slot ? *slot : 0;
	spin_unlock(&v->space->pt_lock);
	if (e & PTE_POISONED)
		return FAULT_POISON;
	if (!u || atomic_load(&u->released) || !is_settled_by_program(v, va, e, access, why))
		return FAULT_DONE;
	if (atomic_load_relaxed(&u->features) & UFFD_FEATURE_SIGBUS)
		return FAULT_BUS;
	if (access & (FAULT_FORCE | FAULT_ALONE) || task_current()->exiting ||
	    (u->flags & UFFD_USER_MODE_ONLY && !(access & FAULT_USER)))
		return FAULT_BUS;
	return FAULT_WAIT;
}

/* The space's lock is held, for reading at least. */
static void enter_fault(struct userfault_wait *f, struct task *t)
{
	struct vma *v = vma_at(f->space, f->addr);
	struct userfault_fault *w = &f->fault;
	struct userfault *u;

	if (!v || !(v->flags & VMA_USERFAULT) ||
	    userfault_look(v, PAGE_DOWN(f->addr), f->access, &w->why) != FAULT_WAIT)
		return;
	u = v->userfault;
	spin_lock(&u->lock);
	if (!u->released) {
		userfault_get(u);
		f->on = u;
		w->addr = f->addr;
		w->task = t;
		waitq_init(&w->wait);
		list_add_back(&u->fresh, &w->link);
		waitq_wake(&u->readers);
	}
	spin_unlock(&u->lock);
}

co_t userfault_wait(struct co *co, struct userfault_wait *f)
{
	CO_BEGIN;
	CO_READ_LOCK(&f->space->lock);
	enter_fault(f, co_task(co));
	rwlock_unlock_read(&f->space->lock);
	if (!f->on)
		CO_RETURN(0);
	if (f->access & FAULT_USER)
		CO_WAIT(f->err, &f->fault.wait, atomic_load(&f->fault.woken));
	else
		CO_WAIT_KILLABLE(f->err, &f->fault.wait, atomic_load(&f->fault.woken));
	spin_lock(&f->on->lock);
	list_remove(&f->fault.link);
	spin_unlock(&f->on->lock);
	userfault_put(f->on);
	CO_RETURN(f->err);
	CO_END;
}

/* --- reading --- */

static void describe_fault(struct userfault *u, const struct userfault_fault *w,
			   int (*tid)(struct task *t), struct uffd_msg *msg)
{
	u64 features = atomic_load_relaxed(&u->features);

	*msg = (struct uffd_msg){.event = UFFD_EVENT_PAGEFAULT};
	msg->arg.pagefault.flags = w->why;
	msg->arg.pagefault.address =
		features & UFFD_FEATURE_EXACT_ADDRESS ? w->addr : PAGE_DOWN(w->addr);
	if (features & UFFD_FEATURE_THREAD_ID)
		msg->arg.pagefault.feat.ptid = (u32)tid(w->task);
}

static bool put_message(struct uio *to, const struct uffd_msg *msg)
{
	struct uio start = *to;

	if (uio_copy_to(to, msg, sizeof(*msg)) == sizeof(*msg))
		return true;
	*to = start;
	return false;
}

/* The first event, to *to. */
static i64 take_event(struct userfault *u, struct uio *to, struct userfault **child, int fd)
	REQUIRES(u->lock)
{
	struct userfault_note *n = list_first(&u->events, struct userfault_note, link);

	if (fd >= 0 && n->child != *child)	/* another reader was faster */
		return -EAGAIN;
	if (n->child && fd < 0) {
		userfault_get(n->child);
		*child = n->child;
		return USERFAULT_FORK;
	}
	if (n->child)
		n->msg.arg.fork.ufd = (u32)fd;
	if (!put_message(to, &n->msg))
		return -EFAULT;
	if (n->child)
		atomic_store(&n->child->answered, true);
	userfault_note_told(n);
	return sizeof(n->msg);
}

i64 userfault_take(struct userfault *u, struct uio *to, int (*tid)(struct task *t),
		   struct userfault **child, int fd)
{
	struct userfault_fault *w;
	struct uffd_msg msg;
	i64 n = -EAGAIN;

	spin_lock(&u->lock);
	if (!list_empty(&u->fresh) && fd < 0) {
		w = list_first(&u->fresh, struct userfault_fault, link);
		describe_fault(u, w, tid, &msg);
		n = put_message(to, &msg) ? (i64)sizeof(msg) : -EFAULT;
		if (n > 0) {
			list_remove(&w->link);
			list_add_back(&u->told, &w->link);
		}
	} else if (!list_empty(&u->events)) {
		n = take_event(u, to, child, fd);
	}
	spin_unlock(&u->lock);
	return n;
}

bool userfault_readable(struct userfault *u)
{
	bool any;

	spin_lock(&u->lock);
	any = !list_empty(&u->fresh) || !list_empty(&u->events);
	spin_unlock(&u->lock);
	return any;
}

void userfault_count(struct userfault *u, u32 *pending, u32 *total)
{
	struct userfault_fault *w;

	*pending = *total = 0;
	spin_lock(&u->lock);
	list_each(w, &u->fresh, link)
		(*pending)++;
	list_each(w, &u->told, link)
		(*total)++;
	spin_unlock(&u->lock);
	*total += *pending;
}
