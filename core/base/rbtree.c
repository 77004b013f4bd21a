/* core/base/rbtree.c -- red-black trees.
 *
 * The augmentation is right before every rotation and a rotation keeps it right: the node
 * that moves down is recomputed first, then the one that moves up, whose subtree holds the
 * same nodes as before, so nothing above changes.
 */
#include "core/base/rbtree.h"

static void update(struct rb_tree *t, struct rb_node *n)
{
	if (t->update)
		t->update(n);
}

void rb_updated(struct rb_tree *t, struct rb_node *n)
{
	if (!t->update || !n)
		return;
	/* The node itself may stand elsewhere than when its value was computed. */
	t->update(n);
	while ((n = n->parent) && t->update(n))
		;
}

/* Put `with` (may be NULL) where `n` hangs below its parent. */
static void replace_child(struct rb_tree *t, struct rb_node *n, struct rb_node *with)
{
	struct rb_node *up = n->parent;

	if (!up)
		t->root = with;
	else if (up->left == n)
		up->left = with;
	else
		up->right = with;
	if (with)
		with->parent = up;
}

static void rotate_left(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *r = n->right;

	replace_child(t, n, r);
	n->right = r->left;
	if (r->left)
		r->left->parent = n;
	r->left = n;
	n->parent = r;
	update(t, n);
	update(t, r);
}

static void rotate_right(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *l = n->left;

	replace_child(t, n, l);
	n->left = l->right;
	if (l->right)
		l->right->parent = n;
	l->right = n;
	n->parent = l;
	update(t, n);
	update(t, l);
}

static void rotate(struct rb_tree *t, struct rb_node *n, bool left)
{
	if (left)
		rotate_left(t, n);
	else
		rotate_right(t, n);
}

static bool is_red(const struct rb_node *n)
{
	return n && n->red;
}

void rbtree_hang(struct rb_tree *t, struct rb_node *n, struct rb_node **at, struct rb_node *up)
{
	*n = (struct rb_node){.parent = up, .red = true};
	*at = n;
	rb_updated(t, n);

	while (is_red(n->parent)) {
		struct rb_node *p = n->parent, *g = p->parent;
		bool left = p == g->left;
		struct rb_node *uncle = left ? g->right : g->left;

		if (is_red(uncle)) {
			p->red = uncle->red = false;
			g->red = true;
			n = g;
			continue;
		}
		if (n == (left ? p->right : p->left)) {
			n = p;
			rotate(t, n, left);
			p = n->parent;
		}
		p->red = false;
		g->red = true;
		rotate(t, g, !left);
	}
	t->root->red = false;
}

void rbtree_append(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *last = rb_last(t);

	rbtree_hang(t, n, last ? &last->right : &t->root, last);
}

struct rb_node *rbtree_drop_first(struct rb_tree *t, struct rb_node *first)
{
	struct rb_node *next = rb_next(first);

	replace_child(t, first, first->right);
	return next;
}

/* The paths through n (NULL: the missing child of up) lack one black node. */
static void repair(struct rb_tree *t, struct rb_node *n, struct rb_node *up)
{
	while (n != t->root && !is_red(n)) {
		bool left = n == up->left;
		struct rb_node *s = left ? up->right : up->left;

		if (is_red(s)) {
			s->red = false;
			up->red = true;
			rotate(t, up, left);
			s = left ? up->right : up->left;
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			s->red = true;
			n = up;
			up = n->parent;
			continue;
		}
		if (!is_red(left ? s->right : s->left)) {
			(left ? s->left : s->right)->red = false;
			s->red = true;
			rotate(t, s, !left);
			s = left ? up->right : up->left;
		}
		s->red = up->red;
		up->red = false;
		(left ? s->right : s->left)->red = false;
		rotate(t, up, left);
		n = t->root;
		break;
	}
	if (n)
		n->red = false;
}

void rb_remove_one(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *child, *up, *next = NULL;
	bool black;

	if (n->left && n->right) {
		next = n->right;
		while (next->left)
			next = next->left;
		child = next->right;
		up = next->parent == n ? next : next->parent;
		black = !next->red;
		replace_child(t, next, child);
		next->left = n->left;
		next->right = n->right;
		if (next->left)
			next->left->parent = next;
		if (next->right)
			next->right->parent = next;
		next->red = n->red;
		replace_child(t, n, next);
	} else {
		child = n->left ? n->left : n->right;
		up = n->parent;
		black = !n->red;
		replace_child(t, n, child);
	}
	rb_updated(t, up);
	if (next && next != up)
		rb_updated(t, next);
	if (black)
		repair(t, child, up);
	*n = (struct rb_node){};
}

struct rb_node *rb_first(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	if (n->right) {
		n = n->right;
		while (n->left)
			n = n->left;
		return (struct rb_node *)n;
	}
	while (n->parent && n == n->parent->right)
		n = n->parent;
	return n->parent;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	if (n->left) {
		n = n->left;
		while (n->right)
			n = n->right;
		return (struct rb_node *)n;
	}
	while (n->parent && n == n->parent->left)
		n = n->parent;
	return n->parent;
}

struct rb_node *rb_lower_bound(const struct rb_tree *t,
			       bool (*before)(const struct rb_node *n, u64 key), u64 key)
{
	struct rb_node *n = t->root, *found = NULL;

	while (n)
		if (before(n, key)) {
			n = n->right;
		} else {
			found = n;
			n = n->left;
		}
	return found;
}
