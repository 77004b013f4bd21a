/* core/base/rbtree.h -- a red-black tree; nodes live in the objects, with an optional
 * augmentation (a value of a node computed from its children) kept up to date.
 *
 * Locking  the caller's.
 */
#ifndef BASE_RBTREE_H
#define BASE_RBTREE_H

#include "hal/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool red;
};

struct rb_tree {
	struct rb_node *root;
	/* Recompute the node's value from its own and its children's; false if it is as it was.
	 * May be NULL. */
	bool (*update)(struct rb_node *n);
};

/* Hang n at the empty place *at below up. */
void rbtree_hang(struct rb_tree *t, struct rb_node *n, struct rb_node **at, struct rb_node *up);
void rb_remove_one(struct rb_tree *t, struct rb_node *n);

/* Into an empty tree, by who keeps the node's value right for a node alone. */
static inline void rb_insert_only(struct rb_tree *t, struct rb_node *n)
{
	*n = (struct rb_node){};
	t->root = n;
}

/* Into a tree that may be large: the order is known here, so that a step down is short. */
static inline void rb_insert_below(struct rb_tree *t, struct rb_node *n,
				   bool (*less)(const struct rb_node *a, const struct rb_node *b))
{
	struct rb_node **at = &t->root, *up = NULL;

	while (*at) {
		up = *at;
		at = less(n, up) ? &up->left : &up->right;
	}
	rbtree_hang(t, n, at, up);
}

/* Insert n; less(a, b) says whether a goes before b; equal ones go after. A tree that comes
 * and goes with its only node, as a run queue's and a CPU's timers do, costs next to nothing. */
static inline void rb_insert(struct rb_tree *t, struct rb_node *n,
			     bool (*less)(const struct rb_node *a, const struct rb_node *b))
{
	if (t->root) {
		rb_insert_below(t, n, less);
		return;
	}
	rb_insert_only(t, n);
	if (t->update)
		t->update(n);
}

static inline void rb_remove(struct rb_tree *t, struct rb_node *n)
{
	if (t->root == n && !n->left && !n->right)
		t->root = NULL;
	else
		rb_remove_one(t, n);
}

/* Insert n behind all others. */
void rbtree_append(struct rb_tree *t, struct rb_node *n);

/* Take out the first node of a tree that is on its way out: it stays in order, but is balanced
 * and augmented no more. The node that is the first now, or NULL. */
struct rb_node *rbtree_drop_first(struct rb_tree *t, struct rb_node *first);

/* The node's own value changed without moving it: fix the augmentation up to the root. */
void rb_updated(struct rb_tree *t, struct rb_node *n);

struct rb_node *rb_first(const struct rb_tree *t);
struct rb_node *rb_last(const struct rb_tree *t);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

/* The first node for which before(n, key) is false, where before is true for a prefix of
 * the order; NULL if it is true for all. */
struct rb_node *rb_lower_bound(const struct rb_tree *t,
			       bool (*before)(const struct rb_node *n, u64 key), u64 key);

#endif
