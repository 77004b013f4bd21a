/* core/base/list.h -- a doubly linked ring; the links live in the objects. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "hal/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(l) ((struct list){&(l), &(l)})

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_between(struct list *n, struct list *before, struct list *after)
{
	n->prev = before;
	n->next = after;
	before->next = n;
	after->prev = n;
}

static inline void list_add_front(struct list *l, struct list *n)
{
	list_insert_between(n, l, l->next);
}

static inline void list_add_back(struct list *l, struct list *n)
{
	list_insert_between(n, l->prev, l);
}

/* Afterwards n is an empty ring, so removing twice is harmless. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

/* Move all of `from` to the back of `to`. */
static inline void list_splice_back(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(l, type, member)   list_entry((l)->next, type, member)
#define list_last(l, type, member)    list_entry((l)->prev, type, member)

#define list_each(pos, l, member)                                             \
	for (pos = list_entry((l)->next, typeof(*pos), member);               \
	     &pos->member != (l);                                             \
	     pos = list_entry(pos->member.next, typeof(*pos), member))

/* pos may be removed in the body. */
#define list_each_safe(pos, tmp, l, member)                                   \
	for (pos = list_entry((l)->next, typeof(*pos), member),               \
	    tmp = list_entry(pos->member.next, typeof(*pos), member);         \
	     &pos->member != (l);                                             \
	     pos = tmp, tmp = list_entry(tmp->member.next, typeof(*tmp), member))

#endif
