/* fs/procfs/proc_user.c -- uid_map, gid_map, setgroups: whose ids a user namespace has. An open
 * file is about the namespace that the process was in then. */
#include "core/base/bits.h"
#include "core/cred/cred.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"

enum { USER_MAPS_UIDS = USER_UIDS, USER_MAPS_GIDS = USER_GIDS, USER_SETGROUPS };

/* Which of the three; by the name that the entry has. */
static unsigned user_file_kind(const struct file *file)
{
	const struct proc_entry *e = proc_inode_of(file->inode)->entry;

	return e->ops == &proc_uid_map_ops   ? USER_MAPS_UIDS
	       : e->ops == &proc_gid_map_ops ? USER_MAPS_GIDS
					     : USER_SETGROUPS;
}

struct user_open {
	struct file_opened;
};
static co_t user_open(struct co *co, struct user_open *f)
{
	struct cred *cred;
	struct user_ns *ns;
	bool may;

	CO_BEGIN;
	cred = process_cred(proc_inode_of(f->file->inode)->who.process);
	if (!cred)
		CO_RETURN(-EINVAL);
	ns = cred->ns;
	may = user_file_kind(f->file) != USER_SETGROUPS || !(f->file->mode & FILE_WRITE) ||
	      cred_capable_in(cred_current(co), ns, CAP_SYS_ADMIN);
	if (may) {
		user_ns_get(ns);
		f->file->private = ns;
	}
	cred_put(cred);
	CO_RETURN(may ? 0 : -EACCES);
	CO_END;
}

static void user_closed(struct file *file)
{
	user_ns_put(file->private);
}

/* --- reading --- */

/* The ids outside are those of whoever opened it, or of the namespace above his. */
static void user_show_map(const struct file *file, enum user_kind kind, struct text *to)
{
	const struct user_ns *ns = file->private, *outside = file->cred->ns;
	const struct user_map *map = atomic_load(&ns->maps[kind]);

	if (ns == outside && ns->parent)
		outside = ns->parent;
	if (!ns->parent)
		text_add(to, "%10u %10u %10u\n", 0u,
			 user_ns_from(outside, kind, 0), USER_NONE);
	for (u32 i = 0; map && i < map->count; i++)
		text_add(to, "%10u %10u %10u\n", map->at[i].first,
			 user_ns_from(outside, kind, map->at[i].kernel), map->at[i].count);
}

static void user_show(const struct file *file, struct text *to)
{
	const struct user_ns *ns = file->private;
	unsigned kind = user_file_kind(file);

	if (kind == USER_SETGROUPS)
		text_add(to, "%s\n", atomic_load(&ns->setgroups_denied) ? "deny" : "allow");
	else
		user_show_map(file, (enum user_kind)kind, to);
}

struct user_read {
	struct file_transfer;
	struct text text;
	u64 done, n;
	long err;
};
static co_t user_read(struct co *co, struct user_read *f)
{
	CO_BEGIN;
	user_show(f->file, &f->text);
	f->err = f->text.failed ? -ENOMEM : 0;
	while (!f->err && f->uio->left && (u64)f->pos + f->done < f->text.len) {
		f->n = min(f->uio->left, PAGE_SIZE);
		f->n = min(f->n, f->text.len - (u64)f->pos - f->done);
		f->n = uio_copy_to(f->uio, f->text.data + f->pos + f->done, f->n);
		f->done += f->n;
		if (!f->n)
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = PAGE_SIZE,
				 .write = true);
	}
	text_free(&f->text);
	CO_RETURN(f->done ? (i64)f->done : f->err);
	CO_END;
}

/* --- what is written --- */

static const char *user_skip(const char *s)
{
	while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		s++;
	return s;
}

/* A number, and white space after it unless it may be the last; false: there is none. */
static bool user_number(const char **s, bool last, u32 *to)
{
	const char *end;
	u64 n = 0;

	*s = user_skip(*s);
	if (**s < '0' || **s > '9' || !string_to_u64(*s, &end, 10, &n) ||
	    (user_skip(end) == end && (*end || !last)))
		return false;
	*to = (u32)n;
	*s = end;
	return true;
}

static bool user_overlaps(u32 a, u32 a_count, u32 b, u32 b_count)
{
	return a < b + b_count && b < a + a_count;
}

/* A line without its end: -EINVAL if it is none, or does not fit to those before it. */
static int user_parse_line(const char *s, struct user_extent *v, u32 n)
{
	struct user_extent *e = &v[n];

	if (!user_number(&s, false, &e->first) || !user_number(&s, false, &e->kernel) ||
	    !user_number(&s, true, &e->count) || *user_skip(s))
		return -EINVAL;
	if (e->first == USER_NONE || e->kernel == USER_NONE || !e->count ||
	    e->first + e->count <= e->first || e->kernel + e->count <= e->kernel)
		return -EINVAL;
	for (u32 i = 0; i < n; i++)
		if (user_overlaps(v[i].first, v[i].count, e->first, e->count) ||
		    user_overlaps(v[i].kernel, v[i].count, e->kernel, e->count))
			return -EINVAL;
	return 0;
}

/* How many extents a text has, into v[USER_EXTENTS]; -EINVAL. The text is taken apart. */
static int user_parse(char *s, struct user_extent *v)
{
	u32 n = 0;

	while (s) {
		char *next = strchr(s, '\n');

		if (next) {
			*next++ = 0;
			if (!*next)
				next = NULL;
		}
		if (n == USER_EXTENTS || user_parse_line(s, v, n))
			return -EINVAL;
		n++;
		s = next;
	}
	return (int)n;
}

/* Whoever maps root of the namespace above may leave files with capabilities that count there: so
 * he needs what it takes to do that. */
static bool user_may_map_root(const struct file *file, const struct user_ns *ns,
			      const struct user_extent *v, u32 n)
{
	bool root = false;

	for (u32 i = 0; i < n; i++)
		root |= !v[i].kernel;
	if (!root)
		return true;
	return ns == file->cred->ns ? ns->parent_could_setfcap
				    : cred_capable_in(file->cred, ns->parent, CAP_SETFCAP);
}

/* May this be the map? Its `kernel` is the namespace's above. */
static bool user_may_map(const struct file *file, enum user_kind kind, const struct user_extent *v,
			 u32 n)
{
	const unsigned cap = kind == USER_UIDS ? CAP_SETUID : CAP_SETGID;
	const struct user_ns *ns = file->private;
	const struct cred *cred = file->cred;

	if (kind == USER_UIDS && !user_may_map_root(file, ns, v, n))
		return false;
	/* Himself, alone: he gains nothing by it, if it does not let him drop a group. */
	if (n == 1 && v->count == 1 && ns->owner == cred->euid) {
		u32 id = user_ns_into(ns->parent, kind, v->kernel);

		if (kind == USER_UIDS ? id == cred->euid
				      : id == cred->egid && atomic_load(&ns->setgroups_denied))
			return true;
	}
	return cred_capable_in(task_current()->cred, ns->parent, cap) &&
	       cred_capable_in(cred, ns->parent, cap);
}

static int user_store_map(const struct file *file, enum user_kind kind, char *text)
{
	struct user_ns *ns = file->private;
	struct user_extent *v;
	int n;

	if (!ns->parent || (file->cred->ns != ns && file->cred->ns != ns->parent) ||
	    atomic_load(&ns->maps[kind]) || !cred_capable_in(file->cred, ns, CAP_SYS_ADMIN))
		return -EPERM;
	v = kcalloc(USER_EXTENTS, sizeof(*v));
	if (!v)
		return -ENOMEM;
	n = user_parse(text, v);
	if (n > 0)
		n = user_may_map(file, kind, v, (u32)n) ? user_ns_give(ns, kind, v, (u32)n)
							: -EPERM;
	kfree(v);
	return n;
}

static int user_store_setgroups(const struct file *file, const char *text)
{
	bool allow = !strncmp(text, "allow", 5);

	if (!allow && strncmp(text, "deny", 4))
		return -EINVAL;
	if (*user_skip(text + (allow ? 5 : 4)))
		return -EINVAL;
	return user_ns_set_setgroups(file->private, allow);
}

struct user_write {
	struct file_transfer;
	char *text;
	size_t n, at;
	long err;
};
static co_t user_write(struct co *co, struct user_write *f)
{
	unsigned kind;

	CO_BEGIN;
	f->n = f->uio->left;
	/* All of it at once. */
	if (f->pos || f->n >= (user_file_kind(f->file) == USER_SETGROUPS ? 8 : PAGE_SIZE))
		CO_RETURN(-EINVAL);
	f->text = kzalloc(f->n + 1);
	if (!f->text)
		CO_RETURN(-ENOMEM);
	while (!f->err && f->at < f->n) {
		f->at += uio_copy_from(f->uio, f->text + f->at, f->n - f->at);
		if (f->at < f->n)
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->at);
	}
	kind = user_file_kind(f->file);
	if (!f->err)
		f->err = kind == USER_SETGROUPS
				 ? user_store_setgroups(f->file, f->text)
				 : user_store_map(f->file, (enum user_kind)kind, f->text);
	kfree(f->text);
	CO_RETURN(f->err ? f->err : (i64)f->n);
	CO_END;
}

#define USER_FILE_OPS                                          \
	{                                                      \
		.open = CO_IMPLEMENTS(file_opened, user_open), \
		.read = CO_IMPLEMENTS(file_transfer, user_read),  \
		.write = CO_IMPLEMENTS(file_transfer, user_write), \
		.closed = user_closed,                         \
	}
const struct file_ops proc_uid_map_ops = USER_FILE_OPS, proc_gid_map_ops = USER_FILE_OPS,
		      proc_setgroups_ops = USER_FILE_OPS;
