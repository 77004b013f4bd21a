/* core/proc/exec_rights.c -- who a program runs as: ids from its set-id bits, capabilities from
 * its file's and from being root, as capabilities(7) computes them.
 *
 *	permitted'   = (inheritable & file inheritable) | (bounding & file permitted) | ambient'
 *	effective'   = file effective ? permitted' : ambient'
 *	ambient'     = set-id or file capabilities ? nothing : ambient
 *
 * where a root user's program counts as having all of them.
 */
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/personality.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

#include "core/cred/cred.h"
#include "core/proc/exec_image.h"
#include "core/proc/internal.h"
#include "core/proc/seccomp.h"
#include "core/proc/trace.h"
#include "vfs/attr.h"
#include "vfs/mount.h"
#include "vfs/xattr.h"

/* What the file says. */
struct rights_file {
	u64 permitted, inheritable;
	bool there, effective;
};

static bool rights_may_gain(const struct file *file)
{
	return mount_may_suid(file->path.mount);
}

/* The set-id bits. */
static void rights_set_ids(struct exec_image *im, struct cred *new)
{
	struct attr_stat st;

	attr_stat(im->file->inode, &st);
	if (!rights_may_gain(im->file) || new->no_new_privs ||
	    !user_ns_has_both(new->ns, st.uid, st.gid))
		return;
	if (st.mode & S_ISUID) {
		new->euid = st.uid;
		im->clear_personality = PER_CLEAR_ON_SETID;
	}
	if ((st.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		new->egid = st.gid;
		im->clear_personality = PER_CLEAR_ON_SETID;
	}
}

/* n bytes of security.capability; what is not understood is not there. */
static struct rights_file rights_of_file(const u32 *caps, long n)
{
	u32 form = n > 0 ? caps[0] & VFS_CAP_REVISION_MASK : 0;

	if (!(form == VFS_CAP_REVISION_2 && n == XATTR_CAPS_SZ_2) &&
	    !(form == VFS_CAP_REVISION_3 && n == XATTR_CAPS_SZ_3 &&
	      user_ns_has_root(cred_ns(), caps[5])))
		return (struct rights_file){0};
	return (struct rights_file){
		.there = true, .effective = caps[0] & VFS_CAP_FLAGS_EFFECTIVE,
		.permitted = (caps[1] | (u64)caps[3] << 32) & CRED_CAP_ALL,
		.inheritable = (caps[2] | (u64)caps[4] << 32) & CRED_CAP_ALL,
	};
}

/* Permitted, but for ambient ones; *effective: they are in force. */
static long rights_permit(struct cred *new, const struct cred *old, const struct rights_file *file,
			  bool *effective)
{
	u32 root = cred_root(new);

	*effective = file->effective;
	new->permitted = (old->bounding & file->permitted) | (old->inheritable & file->inheritable);
	/* A program that does not know of capabilities would run with too few. */
	if (file->effective && (file->permitted & ~new->permitted))
		return -EPERM;
	/* Somebody's set-user-id root program with file capabilities has just those. */
	if ((old->securebits & issecure_mask(SECURE_NOROOT)) ||
	    (file->there && new->uid != root && new->euid == root))
		return 0;
	if (new->euid == root || new->uid == root)
		new->permitted = old->bounding | old->inheritable;
	if (new->euid == root)
		*effective = true;
	return 0;
}

/* Who traces a program would get its rights with it: only one who has them all may. */
static bool rights_watched(struct thread *t)
{
	struct trace *tr;
	bool watched;

	spin_lock(&proc_tree_lock);
	tr = trace_of(t);
	watched = tr && !tr->capable;
	spin_unlock(&proc_tree_lock);
	return watched;
}

/* Where one has to be capable to look into a program that is not to be read. */
static u8 rights_level(const struct exec_image *im, const struct cred *cred)
{
	struct inode *inode = im->file->inode;
	const struct user_ns *ns = cred->ns;

	if (inode_permission(inode, cred, CRED_READ))
		while (ns->parent && !user_ns_has_both(ns, inode->uid, inode->gid))
			ns = ns->parent;
	return (u8)ns->level;
}

static long rights_compute(struct exec_image *im, struct cred *new, const struct cred *old,
			   const struct rights_file *file, bool watched)
{
	bool effective, changed;
	long err = rights_permit(new, old, file, &effective);

	if (err)
		return err;
	if (new->permitted & ~(old->permitted | old->ambient))
		im->clear_personality = PER_CLEAR_ON_SETID;
	changed = new->euid != old->uid || new->egid != old->gid;
	if ((new->no_new_privs || watched) && (changed || (new->permitted & ~old->permitted))) {
		if (new->no_new_privs || !cred_capable_own(old, CAP_SETUID)) {
			new->euid = new->uid;
			new->egid = new->gid;
		}
		new->permitted &= old->permitted;
	}
	new->suid = new->fsuid = new->euid;
	new->sgid = new->fsgid = new->egid;
	if (file->there || changed)
		new->ambient = 0;
	new->permitted |= new->ambient;
	new->effective = effective ? new->permitted : new->ambient;
	new->securebits &= ~issecure_mask(SECURE_KEEP_CAPS);
	im->secure = changed || (new->uid != cred_root(new) &&
				 (effective || (new->permitted & ~new->ambient)));
	im->user_level = rights_level(im, new);
	/* Nobody looks into who became somebody, nor into what he may not read. */
	im->dumpable = old->euid == old->uid && old->egid == old->gid &&
		       new->euid == old->euid && new->egid == old->egid &&
		       new->fsuid == old->fsuid && new->fsgid == old->fsgid &&
		       !(new->permitted & ~old->permitted) &&
		       !inode_permission(im->file->inode, old, CRED_READ);
	return 0;
}

co_t exec_rights(struct co *co, struct exec_rights *f)
{
	struct process *p = process_of(co);
	struct rights_file file;
	struct cred *new;

	CO_BEGIN;
	/* Over the limit since it became another user, and still. */
	if (p->over_nproc && atomic_load(&p->user->processes) > rlimit_get(p, RLIMIT_NPROC))
		CO_RETURN(-EAGAIN);
	p->over_nproc = false;
	f->n = 0;
	if ((atomic_load_relaxed(&f->image->file->inode->flags) & INODE_CAPS) &&
	    rights_may_gain(f->image->file))
		CO_AWAIT(f->n, xattr_read, .inode = f->image->file->inode,
			 .name = XATTR_NAME_CAPS, .to = f->caps, .size = sizeof(f->caps));
	if (f->n < 0 && f->n != -ENODATA && f->n != -EOPNOTSUPP)
		CO_RETURN(f->n);
	new = cred_clone(cred_current(co));
	if (!new)
		CO_RETURN(-ENOMEM);
	f->image->cred = new;
	new->no_new_privs = seccomp_no_new_privs(thread_of_co(co));
	file = rights_of_file(f->caps, f->n);
	rights_set_ids(f->image, new);
	CO_RETURN(rights_compute(f->image, new, cred_current(co), &file,
				 rights_watched(thread_of_co(co))));
	CO_END;
}
