/* mem/space/userfault_note.c -- telling a program what became of memory whose faults it settles.
 *
 * Under the space's lock what happened is only noted, and registrations are moved along. When
 * the lock is gone, the task that noted it hands it to the context and waits until it was read.
 */
#include "mem/space/userfault_note.h"

#include "core/base/bits.h"
#include "mem/phys/slab.h"
#include "mem/space/pt.h"
#include "mem/space/vma.h"

#define NOTES_MAX 4096u		/* of a space: nobody pays for them */

static bool wants(const struct vma *v, u64 feature)
{
	const struct userfault *u = v->userfault;

	return u && !atomic_load(&u->released) && atomic_load_relaxed(&u->features) & feature;
}

static struct userfault_note *note(struct space *s, struct userfault *on, u8 event)
{
	struct userfault_note *n = NULL;

	if (atomic_load_relaxed(&s->note_count) < NOTES_MAX)
		n = kzalloc(sizeof(*n));
	if (!n)
		return NULL;
	atomic_add_relaxed(&s->note_count, 1u);
	userfault_get(on);
	atomic_add(&on->changing, 1u);
	n->on = on;
	n->task = task_current();
	n->msg.event = event;
	list_init(&n->link);
	waitq_init(&n->wait);
	n->next = s->notes;
	atomic_store_relaxed(&s->notes, n);
	return n;
}

static void note_free(struct userfault_note *n)
{
	atomic_sub(&n->on->changing, 1u);
	atomic_sub(&n->on->space->note_count, 1u);
	if (n->child) {
		if (!n->told)	/* nobody has a descriptor of it */
			userfault_release(n->child);
		userfault_put(n->child);
	}
	userfault_put(n->on);
	kfree(n);
}

void userfault_note_told(struct userfault_note *n)
{
	list_remove(&n->link);
	atomic_store(&n->told, true);
	waitq_wake(&n->wait);
}

/* --- registrations that move along --- */

void userfault_copy_vma(struct vma *v, const struct vma *like)
{
	v->userfault = like->userfault;
	if (v->userfault)
		userfault_get(v->userfault);
}

static u32 flags_without(u32 flags)
{
	flags &= ~(u32)(VMA_UF_MISSING | VMA_UF_WP | VMA_UF_MINOR);
	return flags & VMA_POISONED ? flags : flags & ~(u32)VMA_USERFAULT;
}

void userfault_clear_vma(struct vma *v)
{
	struct userfault *u = v->userfault;

	v->userfault = NULL;
	vma_set_flags(v, flags_without(v->flags));
	userfault_put(u);
}

/* --- noting --- */

/* What was noted since `last` was the newest does not happen. */
static void forget(struct space *s, const struct userfault_note *last)
{
	while (s->notes != last) {
		struct userfault_note *n = s->notes;

		atomic_store_relaxed(&s->notes, n->next);
		note_free(n);
	}
}

static bool note_one_unmap(struct space *s, struct userfault *on, u64 start, u64 end)
{
	struct userfault_note *n = note(s, on, UFFD_EVENT_UNMAP);

	if (!n)
		return false;
	n->msg.arg.remove.start = start;
	n->msg.arg.remove.end = end;
	return true;
}

/* Once for the whole range, whatever VMAs of a context it has. */
int userfault_note_unmap(struct space *s, u64 start, u64 end)
{
	const struct userfault_note *last = s->notes;

	for (struct vma *v = vma_find(s, start); v && v->start < end; v = vma_next(v))
		if (v->userfault)
			v->userfault->noted = false;
	for (struct vma *v = vma_find(s, start); v && v->start < end; v = vma_next(v)) {
		if (!wants(v, UFFD_FEATURE_EVENT_UNMAP) || v->userfault->noted)
			continue;
		if (!note_one_unmap(s, v->userfault, start, end)) {
			forget(s, last);
			return -ENOMEM;
		}
		v->userfault->noted = true;
	}
	return s->notes != last;
}

int userfault_note_remove(const struct vma *v, u64 start, u64 end)
{
	struct userfault_note *n;

	if (!wants(v, UFFD_FEATURE_EVENT_REMOVE))
		return 0;
	n = note(v->space, v->userfault, UFFD_EVENT_REMOVE);
	if (!n)
		return -ENOMEM;
	n->msg.arg.remove.start = start;
	n->msg.arg.remove.end = end;
	return 1;
}

int userfault_note_remap(struct vma *copy, u64 from, u64 to, u64 len)
{
	struct userfault_note *n;

	if (!wants(copy, UFFD_FEATURE_EVENT_REMAP)) {
		userfault_put(copy->userfault);
		copy->userfault = NULL;
		copy->flags = flags_without(copy->flags);
		return 0;
	}
	n = note(copy->space, copy->userfault, UFFD_EVENT_REMAP);
	if (!n)
		return -ENOMEM;
	n->msg.arg.remap.from = from;
	n->msg.arg.remap.to = to;
	n->msg.arg.remap.len = len;
	return 1;
}

/* The context that the copy's VMAs have in the place of v's. */
static struct userfault *fork_context(struct space *to, const struct vma *v)
{
	struct userfault_note *n = v->space->notes;
	struct userfault *u;

	while (n && (n->task != task_current() || n->on != v->userfault || !n->child))
		n = n->next;
	if (n)
		return n->child;
	u = userfault_new(to, v->userfault->flags);
	n = u ? note(v->space, v->userfault, UFFD_EVENT_FORK) : NULL;
	if (!n) {
		userfault_put(u);
		return NULL;
	}
	u->features = atomic_load_relaxed(&v->userfault->features);
	n->child = u;
	return u;
}

int userfault_note_fork(struct vma *child, const struct vma *v)
{
	struct userfault *u;

	if (!wants(v, UFFD_FEATURE_EVENT_FORK)) {
		child->flags = flags_without(child->flags);
		return 0;
	}
	u = fork_context(child->space, v);
	if (!u)
		return -ENOMEM;
	userfault_get(u);
	child->userfault = u;
	return 1;
}

/* --- telling --- */

/* Take out one of the current task's, the oldest. */
static struct userfault_note *take_own(struct space *s)
{
	struct userfault_note **at, **found = NULL, *n;

	for (at = &s->notes; *at; at = &(*at)->next)
		if ((*at)->task == task_current())
			found = at;
	if (!found)
		return NULL;
	n = *found;
	atomic_store_relaxed(found, n->next);
	return n;
}

/* false: nobody will ever read it. */
static bool hand_over(struct userfault_note *n)
{
	bool there;

	spin_lock(&n->on->lock);
	there = !n->on->released;
	if (there) {
		list_add_back(&n->on->events, &n->link);
		waitq_wake(&n->on->readers);
	}
	spin_unlock(&n->on->lock);
	return there;
}

static void take_back(struct userfault_note *n)
{
	spin_lock(&n->on->lock);
	list_remove(&n->link);
	spin_unlock(&n->on->lock);
}

co_t userfault_settle(struct co *co, struct userfault_settle *f)
{
	CO_BEGIN;
	for (;;) {
		CO_WRITE_LOCK(&f->space->lock);
		f->note = take_own(f->space);
		rwlock_unlock_write(&f->space->lock);
		if (!f->note)
			CO_RETURN(0);
		if (!f->drop && hand_over(f->note)) {
			CO_WAIT_KILLABLE(f->err, &f->note->wait, atomic_load(&f->note->told) ||
					 atomic_load(&f->note->on->released));
			take_back(f->note);
		}
		note_free(f->note);
	}
	CO_END;
}
