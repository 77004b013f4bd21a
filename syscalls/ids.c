/* syscalls/ids.c -- user and group ids, supplementary groups, capabilities. */
#include <linux/capability.h>
#include <linux/securebits.h>

#include "core/cred/cred.h"
#include "core/proc/core.h"
#include "core/proc/thread.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "mem/space/uaccess.h"
#include "syscalls/retry.h"

#define KEEP ((u32)-1)	/* setres*id: leave it */

static long sys_getuid(struct task *t)
{
	return cred_shown_uid(t->cred->uid);
}
SYSCALL_PLAIN(getuid);

static long sys_geteuid(struct task *t)
{
	return cred_shown_uid(t->cred->euid);
}
SYSCALL_PLAIN(geteuid);

static long sys_getgid(struct task *t)
{
	return cred_shown_gid(t->cred->gid);
}
SYSCALL_PLAIN(getgid);

static long sys_getegid(struct task *t)
{
	return cred_shown_gid(t->cred->egid);
}
SYSCALL_PLAIN(getegid);

static long ids_put_three(struct task *t, uptr a, uptr b, uptr c, u32 x, u32 y, u32 z)
{
	if (user_put(t, a, &x, sizeof(x)) && user_put(t, b, &y, sizeof(y)) &&
	    user_put(t, c, &z, sizeof(z)))
		return 0;
	return SYS_MUST_WAIT;
}

static long sys_getresuid(struct task *t, uptr r, uptr e, uptr s)
{
	const struct cred *cred = t->cred;

	return ids_put_three(t, r, e, s, cred_shown_uid(cred->uid), cred_shown_uid(cred->euid),
			     cred_shown_uid(cred->suid));
}
SYSCALL_RETRY(getresuid, uptr, uptr, uptr);

static long sys_getresgid(struct task *t, uptr r, uptr e, uptr s)
{
	const struct cred *cred = t->cred;

	return ids_put_three(t, r, e, s, cred_shown_gid(cred->gid), cred_shown_gid(cred->egid),
			     cred_shown_gid(cred->sgid));
}
SYSCALL_RETRY(getresgid, uptr, uptr, uptr);

/* Capabilities follow the user ids between root and others: capabilities(7). */
static void ids_follow(struct cred *new, const struct cred *old)
{
	u32 root = cred_root(old);
	bool was_root = old->uid == root || old->euid == root || old->suid == root;
	bool is_root = new->uid == root || new->euid == root || new->suid == root;

	if (old->securebits & issecure_mask(SECURE_NO_SETUID_FIXUP))
		return;
	if (was_root && !is_root) {
		if (!(old->securebits & issecure_mask(SECURE_KEEP_CAPS)))
			new->permitted = new->effective = 0;
		new->ambient = 0;
	}
	if (old->euid == root && new->euid != root)
		new->effective = 0;
	if (old->euid != root && new->euid == root)
		new->effective = new->permitted;
}

/* Publish; the memory image of a process that changed who it is is nobody's to look at. */
static long ids_commit(struct task *t, struct cred *new)
{
	const struct cred *old = t->cred;

	if ((new->euid != old->euid || new->egid != old->egid || new->fsuid != old->fsuid ||
	     new->fsgid != old->fsgid || (new->permitted & ~old->permitted)) &&
	    t->space) {
		atomic_store(&t->space->dumpable,
			     (u8)atomic_load(&core_settings.suid_dumpable));
		atomic_store(&thread_of(t)->process->pdeath_signal, 0);
	}
	thread_set_cred(thread_of(t), new);
	return 0;
}

/* A user with too many processes may become one, but not run another program: who does not
 * look at setuid's result would go on as root otherwise. */
static void ids_check_limit(struct process *p)
{
	p->over_nproc = p->user->uid &&
			atomic_load(&p->user->processes) > rlimit_get(p, RLIMIT_NPROC);
}

/* -1 keeps; a value the process has in `a`, `b` or `c` is free, any other needs privilege. */
static bool ids_may(u32 want, u32 a, u32 b, u32 c, bool privileged)
{
	return want == KEEP || privileged || want == a || want == b || want == c;
}

static long ids_set_user(struct task *t, u32 r, u32 e, u32 s)
{
	struct cred *new = cred_clone(t->cred);
	const struct cred *old = t->cred;
	u32 uid_was = old->uid;
	long err;

	if (!new)
		return -ENOMEM;
	new->uid = r == KEEP ? old->uid : r;
	new->euid = e == KEEP ? old->euid : e;
	new->suid = s == KEEP ? old->suid : s;
	new->fsuid = new->euid;
	ids_follow(new, old);
	err = ids_commit(t, new);
	if (new->uid != uid_was)
		ids_check_limit(thread_of(t)->process);
	return err;
}

static long ids_set_group(struct task *t, u32 r, u32 e, u32 s)
{
	struct cred *new = cred_clone(t->cred);
	const struct cred *old = t->cred;

	if (!new)
		return -ENOMEM;
	new->gid = r == KEEP ? old->gid : r;
	new->egid = e == KEEP ? old->egid : e;
	new->sgid = s == KEEP ? old->sgid : s;
	new->fsgid = new->egid;
	return ids_commit(t, new);
}

/* From a program's ids to the kernel's, of those that are to change; false: one has no mapping. */
static bool ids_take(enum user_kind kind, u32 *ids[], unsigned n)
{
	const struct user_ns *ns = cred_ns();

	for (unsigned i = 0; i < n; i++) {
		if (*ids[i] == KEEP)
			continue;
		*ids[i] = user_ns_into(ns, kind, *ids[i]);
		if (*ids[i] == USER_NONE)
			return false;
	}
	return true;
}
#define IDS_TAKE(kind, ...)                                           \
	ids_take(kind, (u32 *[]){__VA_ARGS__}, sizeof((u32 *[]){__VA_ARGS__}) / sizeof(u32 *))

static long sys_setuid(struct task *t, u32 uid)
{
	const struct cred *c = t->cred;

	uid = cred_kernel_uid(uid);
	if (uid == USER_NONE)
		return -EINVAL;
	if (cred_capable_own(c, CAP_SETUID))
		return ids_set_user(t, uid, uid, uid);
	if (uid != c->uid && uid != c->suid)
		return -EPERM;
	return ids_set_user(t, KEEP, uid, KEEP);
}
SYSCALL_PLAIN(setuid, u32);

static long sys_setgid(struct task *t, u32 gid)
{
	const struct cred *c = t->cred;

	gid = cred_kernel_gid(gid);
	if (gid == USER_NONE)
		return -EINVAL;
	if (cred_capable_own(c, CAP_SETGID))
		return ids_set_group(t, gid, gid, gid);
	if (gid != c->gid && gid != c->sgid)
		return -EPERM;
	return ids_set_group(t, KEEP, gid, KEEP);
}
SYSCALL_PLAIN(setgid, u32);

static long sys_setreuid(struct task *t, u32 r, u32 e)
{
	const struct cred *c = t->cred;
	bool able = cred_capable_own(c, CAP_SETUID);
	u32 effective;
	bool save;

	if (!IDS_TAKE(USER_UIDS, &r, &e))
		return -EINVAL;
	effective = e == KEEP ? c->euid : e;
	save = r != KEEP || (e != KEEP && e != c->uid);
	if (!ids_may(r, c->uid, c->euid, c->uid, able) ||
	    !ids_may(e, c->uid, c->euid, c->suid, able))
		return -EPERM;
	return ids_set_user(t, r, e, save ? effective : KEEP);
}
SYSCALL_PLAIN(setreuid, u32, u32);

static long sys_setregid(struct task *t, u32 r, u32 e)
{
	const struct cred *c = t->cred;
	bool able = cred_capable_own(c, CAP_SETGID);
	u32 effective;
	bool save;

	if (!IDS_TAKE(USER_GIDS, &r, &e))
		return -EINVAL;
	effective = e == KEEP ? c->egid : e;
	save = r != KEEP || (e != KEEP && e != c->gid);
	if (!ids_may(r, c->gid, c->egid, c->gid, able) ||
	    !ids_may(e, c->gid, c->egid, c->sgid, able))
		return -EPERM;
	return ids_set_group(t, r, e, save ? effective : KEEP);
}
SYSCALL_PLAIN(setregid, u32, u32);

static long sys_setresuid(struct task *t, u32 r, u32 e, u32 s)
{
	const struct cred *c = t->cred;
	bool able = cred_capable_own(c, CAP_SETUID);

	if (!IDS_TAKE(USER_UIDS, &r, &e, &s))
		return -EINVAL;
	if (!ids_may(r, c->uid, c->euid, c->suid, able) ||
	    !ids_may(e, c->uid, c->euid, c->suid, able) ||
	    !ids_may(s, c->uid, c->euid, c->suid, able))
		return -EPERM;
	return ids_set_user(t, r, e, s);
}
SYSCALL_PLAIN(setresuid, u32, u32, u32);

static long sys_setresgid(struct task *t, u32 r, u32 e, u32 s)
{
	const struct cred *c = t->cred;
	bool able = cred_capable_own(c, CAP_SETGID);

	if (!IDS_TAKE(USER_GIDS, &r, &e, &s))
		return -EINVAL;
	if (!ids_may(r, c->gid, c->egid, c->sgid, able) ||
	    !ids_may(e, c->gid, c->egid, c->sgid, able) ||
	    !ids_may(s, c->gid, c->egid, c->sgid, able))
		return -EPERM;
	return ids_set_group(t, r, e, s);
}
SYSCALL_PLAIN(setresgid, u32, u32, u32);

/* What root may do with files comes and goes with the file system's user id. */
#define IDS_FS_CAPS                                                                          \
	(1ul << CAP_CHOWN | 1ul << CAP_DAC_OVERRIDE | 1ul << CAP_DAC_READ_SEARCH |           \
	 1ul << CAP_FOWNER | 1ul << CAP_FSETID | 1ul << CAP_LINUX_IMMUTABLE |                \
	 1ul << CAP_MKNOD | 1ul << CAP_MAC_OVERRIDE)

static void ids_follow_fs(struct cred *new, const struct cred *old)
{
	u32 root = cred_root(old);

	if (old->securebits & issecure_mask(SECURE_NO_SETUID_FIXUP))
		return;
	if (old->fsuid == root && new->fsuid != root)
		new->effective &= ~IDS_FS_CAPS;
	if (old->fsuid != root && new->fsuid == root)
		new->effective |= new->permitted & IDS_FS_CAPS;
}

/* setfs*id never fail: they tell the old value. */
static long sys_setfsuid(struct task *t, u32 uid)
{
	const struct cred *c = t->cred;
	struct cred *new;
	u32 old = cred_shown_uid(c->fsuid);

	uid = cred_kernel_uid(uid);
	if (uid == USER_NONE ||
	    !(cred_capable_own(c, CAP_SETUID) || uid == c->uid || uid == c->euid ||
	      uid == c->suid || uid == c->fsuid))
		return old;
	new = cred_clone(c);
	if (new) {
		new->fsuid = uid;
		ids_follow_fs(new, c);
		ids_commit(t, new);
	}
	return old;
}
SYSCALL_PLAIN(setfsuid, u32);

static long sys_setfsgid(struct task *t, u32 gid)
{
	const struct cred *c = t->cred;
	struct cred *new;
	u32 old = cred_shown_gid(c->fsgid);

	gid = cred_kernel_gid(gid);
	if (gid == USER_NONE ||
	    !(cred_capable_own(c, CAP_SETGID) || gid == c->gid || gid == c->egid ||
	      gid == c->sgid || gid == c->fsgid))
		return old;
	new = cred_clone(c);
	if (new) {
		new->fsgid = gid;
		ids_commit(t, new);
	}
	return old;
}
SYSCALL_PLAIN(setfsgid, u32);

/* --- supplementary groups --- */

#define GROUPS_STEP 2048u	/* between two breaths */

/* As their reader sees them, from one on: where to go on. */
static u32 groups_show(const struct cred *c, u32 *to, u32 at)
{
	const struct user_ns *users = cred_ns();
	u32 end = min(at + GROUPS_STEP, c->group_count);

	for (; at < end; at++)
		to[at] = user_ns_shown(users, USER_GIDS, c->groups[at]);
	return at;
}

struct sys_getgroups {
	struct co_frame co;
	int size;
	uptr list;
	u32 *shown;
	u32 at;
	long err;
};
static co_t sys_getgroups(struct co *co, struct sys_getgroups *f)
{
	CO_BEGIN;
	if (f->size < 0)
		CO_RETURN(-EINVAL);
	if (!f->size || !cred_current(co)->group_count)
		CO_RETURN((long)cred_current(co)->group_count);
	if ((u32)f->size < cred_current(co)->group_count)
		CO_RETURN(-EINVAL);
	/* Its own credentials change only by its own calls. */
	f->shown = kmalloc(cred_current(co)->group_count * sizeof(u32));
	if (!f->shown)
		CO_RETURN(-ENOMEM);
	for (;;) {
		f->at = groups_show(cred_current(co), f->shown, f->at);
		if (f->at == cred_current(co)->group_count)
			break;
		CO_BREATHE;
	}
	CO_COPY_TO_USER(f->err, f->list, f->shown,
			cred_current(co)->group_count * sizeof(u32));
	kfree(f->shown);
	CO_RETURN(f->err ? f->err : (long)cred_current(co)->group_count);
	CO_END;
}
SYSCALL_CO(getgroups, size, list);

/* From a program's ids to the kernel's, a step of them; false: one has no mapping. */
static bool groups_take(u32 *groups, u32 *at, u32 count)
{
	const struct user_ns *users = cred_ns();
	u32 end = min(*at + GROUPS_STEP, count);

	for (; *at < end; ++*at) {
		groups[*at] = user_ns_into(users, USER_GIDS, groups[*at]);
		if (groups[*at] == USER_NONE)
			return false;
	}
	return true;
}

struct sys_setgroups {
	struct co_frame co;
	int size;
	uptr list;
	u32 *groups;
	u32 at;
	struct cred *new;
	long err;
};
static co_t sys_setgroups(struct co *co, struct sys_setgroups *f)
{
	CO_BEGIN;
	if (!cred_capable_own(cred_current(co), CAP_SETGID) || !user_ns_may_setgroups(cred_ns()))
		CO_RETURN(-EPERM);
	if ((u32)f->size > CRED_MAX_GROUPS)
		CO_RETURN(-EINVAL);
	f->groups = kmalloc(max((u32)f->size, 1u) * sizeof(u32));
	if (!f->groups)
		CO_RETURN(-ENOMEM);
	CO_COPY_FROM_USER(f->err, f->groups, f->list, (u32)f->size * sizeof(u32));
	while (!f->err && f->at < (u32)f->size) {
		if (!groups_take(f->groups, &f->at, (u32)f->size))
			f->err = -EINVAL;
		else
			CO_BREATHE;
	}
	if (!f->err) {
		f->new = cred_clone_groups(cred_current(co), f->groups, (u32)f->size);
		f->err = f->new ? ids_commit(co_task(co), f->new) : -ENOMEM;
	}
	kfree(f->groups);
	CO_RETURN(f->err);
	CO_END;
}
SYSCALL_CO(setgroups, size, list);

/* --- capabilities --- */

struct cap_header {
	u32 version;
	int pid;
};
struct cap_data {
	u32 effective, permitted, inheritable;
};

/* How many halves a version has; 0: unknown, and the header gets the one we know. */
static unsigned cap_halves(u32 version)
{
	switch (version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return 2;
	default:
		return 0;
	}
}

static long cap_refuse_version(struct task *t, uptr header, bool only_asked)
{
	u32 known = _LINUX_CAPABILITY_VERSION_3;

	if (!user_put(t, header, &known, sizeof(known)))
		return SYS_MUST_WAIT;
	return only_asked ? 0 : -EINVAL;
}

static long sys_capget(struct task *t, uptr header, uptr data)
{
	struct cap_header h;
	struct cap_data d[2];
	struct thread *other = NULL;
	struct cred *c;
	unsigned n;

	if (!user_get(t, &h.version, header, sizeof(h.version)))
		return SYS_MUST_WAIT;
	n = cap_halves(h.version);
	if (!n)
		return cap_refuse_version(t, header, !data.raw);
	if (!data.raw)
		return 0;
	if (!user_get(t, &h, header, sizeof(h)))
		return SYS_MUST_WAIT;
	if (h.pid < 0)
		return -EINVAL;
	if (h.pid && h.pid != thread_id(thread_of(t))) {
		other = thread_find(h.pid);
		if (!other)
			return -ESRCH;
	}
	c = thread_cred(other ? other : thread_of(t));
	for (unsigned i = 0; i < 2; i++)
		d[i] = (struct cap_data){(u32)(c->effective >> (32 * i)),
					 (u32)(c->permitted >> (32 * i)),
					 (u32)(c->inheritable >> (32 * i))};
	cred_put(c);
	if (other)
		task_put(&other->task);
	return user_put(t, data, d, n * sizeof(*d)) ? 0 : SYS_MUST_WAIT;
}
SYSCALL_RETRY(capget, uptr, uptr);

static u64 cap_join(u32 low, u32 high)
{
	return ((u64)high << 32 | low) & CRED_CAP_ALL;
}

static long sys_capset(struct task *t, uptr header, uptr data)
{
	const struct cred *old = t->cred;
	struct cap_header h;
	struct cap_data d[2] = {0};
	struct cred *new;
	u64 effective, permitted, inheritable;
	unsigned n;

	if (!user_get(t, &h, header, sizeof(h)))
		return SYS_MUST_WAIT;
	n = cap_halves(h.version);
	if (!n)
		return cap_refuse_version(t, header, false);
	if (h.pid && h.pid != thread_id(thread_of(t)))
		return -EPERM;
	if (!user_get(t, d, data, n * sizeof(*d)))
		return SYS_MUST_WAIT;
	effective = cap_join(d[0].effective, d[1].effective);
	permitted = cap_join(d[0].permitted, d[1].permitted);
	inheritable = cap_join(d[0].inheritable, d[1].inheritable);
	if ((permitted & ~old->permitted) || (effective & ~permitted) ||
	    (inheritable & ~(old->inheritable | old->bounding)) ||
	    (!cred_capable_own(old, CAP_SETPCAP) &&
	     (inheritable & ~(old->inheritable | old->permitted))))
		return -EPERM;
	new = cred_clone(old);
	if (!new)
		return -ENOMEM;
	new->effective = effective;
	new->permitted = permitted;
	new->inheritable = inheritable;
	new->ambient &= permitted & inheritable;
	return ids_commit(t, new);
}
SYSCALL_RETRY(capset, uptr, uptr);
