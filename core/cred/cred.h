/* core/cred/cred.h -- who a task is: ids, groups, capabilities; and the permission rules.
 *
 * A struct cred never changes once a task or file points at it: to change one, clone it, edit
 * the clone, publish that.
 *
 * Ids are the kernel's (core/cred/user_ns.h): cred_kernel_* and cred_shown_* translate those that
 * the current task passes in and reads.
 *
 * Ownership  cred_get/cred_put; a task's slot and an open file hold one each.
 * Locking    none needed: immutable. A task replaces only its own slot; others read it under
 *            core/proc's rules.
 */
#ifndef CRED_CRED_H
#define CRED_CRED_H

#include <linux/capability.h>

#include "core/base/atomic.h"
#include "core/cred/user_ns.h"
#include "coro/task.h"

/* All capabilities there are. */
#define CRED_CAP_ALL ((2ul << CAP_LAST_CAP) - 1)
#define CRED_MAX_GROUPS 65536u

struct cred {
	refcount refs;		/* [a] */
	struct user_ns *ns;	/* owned: where the capabilities count */
	/* all [I] once published */
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u64 permitted, effective, inheritable, bounding, ambient; /* bit n: capability n */
	u32 securebits;
	bool no_new_privs;
	u32 group_count;
	u32 groups[];		/* sorted */
};

/* Root with everything; NULL without memory. */
struct cred *cred_new_root(void);
/* The first one, at boot: panics without memory. */
struct cred *cred_first(void);

void cred_get(const struct cred *c);
void cred_put(const struct cred *c);

/* A private copy with refs 1, to be edited; NULL without memory. */
struct cred *cred_clone(const struct cred *c);
/* The same with other supplementary groups (sorted here); `count` at most CRED_MAX_GROUPS. */
struct cred *cred_clone_groups(const struct cred *c, const u32 *groups, u32 count);

/* The running task's, borrowed: valid until it changes its own. */
static inline const struct cred *cred_current(struct co *co)
{
	return co_task(co)->cred;
}

/* Make `c` (a reference, taken over) the task's own and drop what it had. */
void cred_replace(struct task *t, struct cred *c);

/* Capable of what is the whole machine's: in the first namespace. */
static inline bool cred_capable(const struct cred *c, unsigned cap)
{
	return (c->effective >> cap & 1) && c->ns == &user_ns_first;
}
/* In its own. */
static inline bool cred_capable_own(const struct cred *c, unsigned cap)
{
	return c->effective >> cap & 1;
}
/* In ns, and so towards all that belongs to that. */
bool cred_capable_in(const struct cred *c, const struct user_ns *ns, unsigned cap);
/* Towards an object of these owners: both are to have ids in its namespace. */
static inline bool cred_capable_of(const struct cred *c, u32 uid, u32 gid, unsigned cap)
{
	return (c->effective >> cap & 1) && user_ns_has_both(c->ns, uid, gid);
}

/* Who is root there: USER_NONE without a mapping. */
static inline u32 cred_root(const struct cred *c)
{
	return user_ns_into(c->ns, USER_UIDS, 0);
}

/* All capabilities in a namespace (a reference, taken over), as the first in it has them. */
void cred_enter_ns(struct cred *c, struct user_ns *ns);
/* Does `new` allow nothing that `old` did not? */
bool cred_is_subset(const struct cred *new, const struct cred *old);

/* The current task's namespace. */
static inline struct user_ns *cred_ns(void)
{
	const struct task *t = task_current();

	return t && t->cred ? t->cred->ns : &user_ns_first;
}
/* An id that the current task passes in; USER_NONE: it has no mapping. */
static inline u32 cred_kernel_uid(u32 uid)
{
	return user_ns_into(cred_ns(), USER_UIDS, uid);
}
static inline u32 cred_kernel_gid(u32 gid)
{
	return user_ns_into(cred_ns(), USER_GIDS, gid);
}
/* One that it reads. */
static inline u32 cred_shown_uid(u32 uid)
{
	return user_ns_shown(cred_ns(), USER_UIDS, uid);
}
static inline u32 cred_shown_gid(u32 gid)
{
	return user_ns_shown(cred_ns(), USER_GIDS, gid);
}

bool cred_in_group(const struct cred *c, u32 gid);	/* fsgid or supplementary */
bool cred_in_egroup(const struct cred *c, u32 gid);	/* egid or supplementary */

/* What one wants to do with an object; bits as in access(2). */
enum { CRED_EXEC = 1, CRED_WRITE = 2, CRED_READ = 4 };

/* Permission on an object with this mode (type bits included) and owner: 0 or -EACCES. */
int cred_permission(const struct cred *c, u32 mode, u32 uid, u32 gid, unsigned want);

/* What the mode refuses: do capabilities allow it? 0 or -EACCES. */
int cred_override(const struct cred *c, u32 mode, u32 uid, u32 gid, unsigned want);

/* May c do what only the owner may (chmod, utimes)? */
static inline bool cred_owns(const struct cred *c, u32 uid)
{
	return c->fsuid == uid ||
	       (cred_capable_own(c, CAP_FOWNER) && user_ns_has(c->ns, USER_UIDS, uid));
}

/* The sticky rule: may c remove or rename an entry of an object of these owners in a directory
 * of this mode and owner? */
bool cred_may_delete(const struct cred *c, u32 dir_mode, u32 dir_uid, u32 uid, u32 gid);

#endif
