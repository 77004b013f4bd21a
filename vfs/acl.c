/* vfs/acl.c -- access control lists. */
#include "vfs/acl.h"

#include <linux/posix_acl_xattr.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/xattr.h"

static size_t acl_size(u32 count)
{
	return sizeof(struct acl) + count * sizeof(struct acl_entry);
}

struct acl *acl_new(u32 count)
{
	struct acl *a = kzalloc(acl_size(count));

	if (!a)
		return NULL;
	ref_init(&a->refs);
	a->count = count;
	return a;
}

void acl_get(struct acl *a)
{
	ref_get(&a->refs);
}

void acl_put(struct acl *a)
{
	if (a && ref_put(&a->refs))
		kfree(a);
}

static struct acl *acl_clone(const struct acl *a)
{
	struct acl *new = acl_new(a->count);

	if (new)
		memcpy(new->entries, a->entries, a->count * sizeof(*a->entries));
	return new;
}

/* --- its text --- */

static bool acl_tag_known(u16 tag)
{
	return tag == ACL_USER_OBJ || tag == ACL_USER || tag == ACL_GROUP_OBJ ||
	       tag == ACL_GROUP || tag == ACL_MASK || tag == ACL_OTHER;
}

static bool acl_has_id(u16 tag)
{
	return tag == ACL_USER || tag == ACL_GROUP;
}

static enum user_kind acl_kind(u16 tag)
{
	return tag == ACL_USER ? USER_UIDS : USER_GIDS;
}

int acl_parse(const void *value, size_t size, struct acl **to)
{
	const struct posix_acl_xattr_header *head = value;
	const struct posix_acl_xattr_entry *from = (const void *)(head + 1);
	struct acl *a;
	u32 count;

	*to = NULL;
	if (!size)
		return 0;
	if (size < sizeof(*head))
		return -EINVAL;
	if (head->a_version != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	if ((size - sizeof(*head)) % sizeof(*from))
		return -EINVAL;
	count = (u32)((size - sizeof(*head)) / sizeof(*from));
	if (!count)
		return 0;
	a = acl_new(count);
	if (!a)
		return -ENOMEM;
	for (u32 i = 0; i < count; i++) {
		a->entries[i] = (struct acl_entry){from[i].e_tag, from[i].e_perm, from[i].e_id};
		if (acl_has_id(from[i].e_tag))
			a->entries[i].id = user_ns_into(cred_ns(), acl_kind(from[i].e_tag),
							from[i].e_id);
		if (!acl_tag_known(from[i].e_tag) ||
		    (acl_has_id(from[i].e_tag) && a->entries[i].id == USER_NONE)) {
			acl_put(a);
			return -EINVAL;
		}
	}
	*to = a;
	return 0;
}

long acl_text(const struct acl *a, void *to, size_t size)
{
	struct posix_acl_xattr_header *head = to;
	struct posix_acl_xattr_entry *e = (void *)(head + 1);
	size_t need = sizeof(*head) + a->count * sizeof(*e);

	if (!size)
		return (long)need;
	if (size < need)
		return -ERANGE;
	head->a_version = POSIX_ACL_XATTR_VERSION;
	for (u32 i = 0; i < a->count; i++) {
		e[i].e_tag = a->entries[i].tag;
		e[i].e_perm = a->entries[i].perm;
		e[i].e_id = !acl_has_id(e[i].e_tag)
				    ? USER_NONE
				    : user_ns_from(cred_ns(), acl_kind(e[i].e_tag),
						   a->entries[i].id);
	}
	return (long)need;
}

/* Owner, users, group, groups, mask, others; a mask is needed where there are users or groups. */
bool acl_valid(const struct acl *a)
{
	enum { OWNER, USERS, GROUPS, OTHERS, END } at = OWNER;
	bool needs_mask = false;

	for (u32 i = 0; i < a->count; i++) {
		const struct acl_entry *e = &a->entries[i];

		if (e->perm & ~7u)
			return false;
		needs_mask |= acl_has_id(e->tag);
		if (e->tag == ACL_USER_OBJ && at == OWNER)
			at = USERS;
		else if (e->tag == ACL_GROUP_OBJ && at == USERS)
			at = GROUPS;
		else if (e->tag == ACL_MASK && at == GROUPS)
			at = OTHERS;
		else if (e->tag == ACL_OTHER && (at == OTHERS || (at == GROUPS && !needs_mask)))
			at = END;
		else if (!(e->tag == ACL_USER && at == USERS) &&
			 !(e->tag == ACL_GROUP && at == GROUPS))
			return false;
	}
	return at == END;
}

bool acl_mode(const struct acl *a, u32 *mode)
{
	u32 bits = 0, mask = 0;
	bool all = true, masked = false;

	for (u32 i = 0; i < a->count; i++) {
		const struct acl_entry *e = &a->entries[i];

		if (e->tag == ACL_USER_OBJ) {
			bits |= (u32)e->perm << 6;
		} else if (e->tag == ACL_GROUP_OBJ) {
			bits |= (u32)e->perm << 3;
		} else if (e->tag == ACL_OTHER) {
			bits |= e->perm;
		} else {
			all = false;
			if (e->tag == ACL_MASK) {
				masked = true;
				mask = e->perm;
			}
		}
	}
	if (masked)
		bits = (bits & ~070u) | mask << 3;
	*mode = (*mode & ~0777u) | bits;
	return all;
}

/* --- an inode's --- */

static struct acl **acl_slot(struct inode *inode, bool is_default)
{
	return is_default ? &inode->default_acl : &inode->acl;
}

struct acl *acl_of(struct inode *inode, bool is_default)
{
	struct acl *a;

	spin_lock(&inode->attr_lock);
	a = *acl_slot(inode, is_default);
	if (a)
		acl_get(a);
	spin_unlock(&inode->attr_lock);
	return a;
}

void acl_set(struct inode *inode, bool is_default, struct acl *a)
{
	struct acl **slot = acl_slot(inode, is_default), *old;

	spin_lock(&inode->attr_lock);
	old = *slot;
	atomic_store(slot, a);
	spin_unlock(&inode->attr_lock);
	acl_put(old);
}

void acl_share(struct inode *to, struct inode *from)
{
	for (int is_default = 0; is_default < 2; is_default++)
		acl_set(to, is_default, acl_of(from, is_default));
}

void acl_list(struct inode *inode, struct xattr_names *to)
{
	if (atomic_load_relaxed(&inode->acl))
		xattr_names_add(to, XATTR_NAME_POSIX_ACL_ACCESS,
				sizeof(XATTR_NAME_POSIX_ACL_ACCESS) - 1);
	if (atomic_load_relaxed(&inode->default_acl))
		xattr_names_add(to, XATTR_NAME_POSIX_ACL_DEFAULT,
				sizeof(XATTR_NAME_POSIX_ACL_DEFAULT) - 1);
}

/* --- what it allows --- */

static unsigned acl_mask(const struct acl *a, u32 from)
{
	for (u32 i = from; i < a->count; i++)
		if (a->entries[i].tag == ACL_MASK)
			return a->entries[i].perm;
	return 7;
}

/* A user's own entry decides; else any of the groups that fit, the masks included; else the
 * one for others, but not for members of a group that said no. */
static bool acl_allows(const struct acl *a, const struct cred *cred, u32 uid, u32 gid,
		       unsigned want)
{
	bool member = false;

	for (u32 i = 0; i < a->count; i++) {
		const struct acl_entry *e = &a->entries[i];

		if (e->tag == ACL_USER_OBJ && cred->fsuid == uid)
			return !(want & ~e->perm);
		if (e->tag == ACL_USER && cred->fsuid == e->id)
			return !(want & ~(e->perm & acl_mask(a, i)));
		if ((e->tag == ACL_GROUP_OBJ && cred_in_group(cred, gid)) ||
		    (e->tag == ACL_GROUP && cred_in_group(cred, e->id))) {
			member = true;
			if (!(want & ~e->perm))
				return !(want & ~acl_mask(a, i));
		}
		if (e->tag == ACL_OTHER)
			return !member && !(want & ~e->perm);
	}
	return false;
}

int acl_permission(struct inode *inode, const struct cred *cred, unsigned want)
{
	bool allowed;
	u32 mode;

	spin_lock(&inode->attr_lock);
	mode = inode->mode;
	/* Without any bits in the mask, which the mode shows, nobody is looked for. */
	if (!inode->acl || cred->fsuid == inode->uid || !(mode & 070))
		allowed = !cred_permission(cred, mode, inode->uid, inode->gid, want);
	else
		allowed = acl_allows(inode->acl, cred, inode->uid, inode->gid, want);
	spin_unlock(&inode->attr_lock);
	return allowed ? 0 : cred_override(cred, mode, inode->uid, inode->gid, want);
}

/* --- chmod, and making --- */

int acl_chmod(struct inode *inode, u32 mode, struct acl **to)
{
	struct acl *old = acl_of(inode, false), *a;
	struct acl_entry *group = NULL, *mask = NULL;

	*to = NULL;
	if (!old)
		return 0;
	a = acl_clone(old);
	acl_put(old);
	if (!a)
		return -ENOMEM;
	for (u32 i = 0; i < a->count; i++) {
		struct acl_entry *e = &a->entries[i];

		if (e->tag == ACL_USER_OBJ)
			e->perm = mode >> 6 & 7;
		else if (e->tag == ACL_OTHER)
			e->perm = mode & 7;
		else if (e->tag == ACL_GROUP_OBJ)
			group = e;
		else if (e->tag == ACL_MASK)
			mask = e;
	}
	if (mask || group)
		(mask ? mask : group)->perm = mode >> 3 & 7;
	*to = a;
	return 0;
}

/* What the creator asked for limits the list, and the list what was asked for. True if the
 * mode says it all then. */
static bool acl_limit(struct acl *a, u32 *mode)
{
	struct acl_entry *group = NULL, *mask = NULL;
	u32 m = *mode & 0777;
	bool all = true;

	for (u32 i = 0; i < a->count; i++) {
		struct acl_entry *e = &a->entries[i];

		if (e->tag == ACL_USER_OBJ) {
			e->perm &= m >> 6;
			m &= (u32)e->perm << 6 | 077;
		} else if (e->tag == ACL_OTHER) {
			e->perm &= m;
			m &= e->perm | 0770u;
		} else if (e->tag == ACL_GROUP_OBJ) {
			group = e;
		} else {
			all = false;
			if (e->tag == ACL_MASK)
				mask = e;
		}
	}
	if (mask)
		group = mask;
	if (group) {
		group->perm &= m >> 3 & 7;
		m &= (u32)group->perm << 3 | 0707;
	}
	*mode = (*mode & ~0777u) | m;
	return all;
}

int acl_inherit(struct inode *dir, u32 umask, u32 *mode, struct acl **acl,
		struct acl **default_acl)
{
	struct acl *from;

	*acl = *default_acl = NULL;
	if (S_ISLNK(*mode))
		return 0;
	from = atomic_load_relaxed(&dir->default_acl) ? acl_of(dir, true) : NULL;
	if (!from) {
		*mode &= ~umask;
		return 0;
	}
	*acl = acl_clone(from);
	if (!*acl) {
		acl_put(from);
		return -ENOMEM;
	}
	if (acl_limit(*acl, mode)) {
		acl_put(*acl);
		*acl = NULL;
	}
	if (S_ISDIR(*mode))
		*default_acl = from;
	else
		acl_put(from);
	return 0;
}
