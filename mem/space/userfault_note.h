/* mem/space/userfault_note.h -- a change of a space that a program wants to read of; for
 * mem/space/userfault*.c only.
 *
 * Ownership  a note is the space's until the task that made it settles it, then that task's.
 * Locking    `next` and the space's list: the space's lock, for writing; `link`, `told`: the
 *            context's lock.
 */
#ifndef SPACE_USERFAULT_NOTE_H
#define SPACE_USERFAULT_NOTE_H

#include "mem/space/userfault.h"

struct userfault_note {
	struct userfault_note *next;
	struct userfault *on;		/* [I] owned */
	struct userfault *child;	/* [I] owned: the copy's after a fork; NULL: no fork */
	const struct task *task;	/* [I] whose it is; compared only */
	struct uffd_msg msg;
	struct list link;		/* in the context's events */
	bool told;			/* [a] */
	struct waitq wait;
};

/* It was read: its task goes on. With the context's lock held. */
void userfault_note_told(struct userfault_note *n);

#endif
