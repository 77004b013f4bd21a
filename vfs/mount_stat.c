/* vfs/mount_stat.c */
#include "vfs/mount_stat.h"

#include <linux/fs.h>
#include <linux/limits.h>

#include "mem/phys/slab.h"
#include "vfs/mount_share.h"

/* --- finding --- */

struct mount *mount_stat_find(struct mount_ns *ns, u64 id)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_lock);
	list_each(m, &ns->all, all)
		if (mount_stat_id(m) == id) {
			mount_get(m);
			found = m;
			break;
		}
	spin_unlock(&mount_lock);
	return found;
}

/* The place of m's root below top: up from mount point to mount point. */
bool mount_stat_is_below_locked(const struct mount *m, const struct path *top)
{
	const struct dentry *at = m->root;

	for (; m != top->mount; m = m->parent) {
		if (m->parent == m)
			return false;
		at = m->point;
	}
	return dentry_is_below(at, top->dentry);
}

bool mount_stat_is_below(const struct mount *m, const struct path *top)
{
	bool below;

	spin_lock(&mount_lock);
	below = mount_stat_is_below_locked(m, top);
	spin_unlock(&mount_lock);
	return below;
}

struct mount *mount_stat_next(struct mount_ns *ns, const struct path *top, u64 after, bool back,
			      u64 but)
{
	struct mount *m, *found = NULL;

	spin_lock(&mount_lock);
	list_each(m, &ns->all, all) {
		u64 id = mount_stat_id(m);

		if (id == but || (after && (back ? id >= after : id <= after)))
			continue;
		if (found && (back ? m->id < found->id : m->id > found->id))
			continue;
		if (mount_stat_is_below_locked(m, top))
			found = m;
	}
	if (found)
		mount_get(found);
	spin_unlock(&mount_lock);
	return found;
}

/* --- telling --- */

static u64 mount_stat_attr(u32 flags)
{
	u64 attr = 0;

	attr |= flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0;
	attr |= flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0;
	attr |= flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0;
	attr |= flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0;
	attr |= flags & MS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0;
	attr |= flags & MS_NOSYMFOLLOW ? MOUNT_ATTR_NOSYMFOLLOW : 0;
	if (flags & MS_NOATIME)
		return attr | MOUNT_ATTR_NOATIME;
	return flags & MS_RELATIME ? attr : attr | MOUNT_ATTR_STRICTATIME;
}

static void mount_stat_super(struct super *s, struct statmount *to)
{
	struct statfs_info info = {0};

	if (s->ops->statfs)
		s->ops->statfs(s, &info);
	to->sb_dev_major = s->dev >> 20;
	to->sb_dev_minor = s->dev & 0xfffff;
	to->sb_magic = info.type;
	to->sb_flags = (atomic_load(&s->read_only) ? MS_RDONLY : 0) | atomic_load(&s->synced);
}

/* 0: it was unmounted meanwhile. */
static u64 mount_stat_ns_id(const struct mount *m)
{
	u64 id;

	spin_lock(&mount_lock);
	id = m->ns ? m->ns->id : 0;
	spin_unlock(&mount_lock);
	return id;
}

static void mount_stat_basic(struct mount *m, const struct mount_shares *shares,
			     struct statmount *to)
{
	const struct mount *parent;

	spin_lock(&mount_lock);
	parent = m->parent;
	to->mnt_parent_id = mount_stat_id(parent);
	to->mnt_parent_id_old = parent->id;
	spin_unlock(&mount_lock);
	to->mnt_id = mount_stat_id(m);
	to->mnt_id_old = m->id;
	to->mnt_attr = mount_stat_attr(atomic_load_relaxed(&m->flags));
	to->mnt_peer_group = shares->group;
	to->mnt_master = shares->master;
	to->mnt_propagation = (shares->group ? MS_SHARED : 0) | (shares->master ? MS_SLAVE : 0) |
			      (shares->unbindable ? MS_UNBINDABLE : 0);
	if (!to->mnt_propagation)
		to->mnt_propagation = MS_PRIVATE;
}

/* Where the text begins, its end included in what is put. */
static u32 mount_stat_text(struct text *t, const char *s)
{
	u32 at = (u32)t->len;

	text_put(t, s, strlen(s) + 1);
	return at;
}

/* Room for the longest text of them. */
static int mount_stat_texts(struct mount *m, const struct path *root, u64 mask,
			    struct statmount *to, struct text *strings)
{
	struct path at = {m, m->root};
	char *buf = kmalloc(PATH_MAX), *start;
	bool outside;

	if (!buf)
		return -ENOMEM;
	text_put(strings, "", 1);
	if (mask & STATMOUNT_FS_TYPE)
		to->fs_type = mount_stat_text(strings, m->super->type->name);
	if (mask & STATMOUNT_MNT_ROOT) {
		mount_root_text(m, buf, PATH_MAX);
		to->mnt_root = mount_stat_text(strings, buf);
	}
	if ((mask & STATMOUNT_MNT_POINT) &&
	    path_text(&at, root, buf, PATH_MAX, false, &start, &outside) >= 0)
		to->mnt_point = mount_stat_text(strings, start);
	if (mask & STATMOUNT_MNT_OPTS) {
		buf[0] = 0;
		if (m->super->ops->show_options)
			m->super->ops->show_options(m->super, buf, PATH_MAX);
		if (buf[0])
			to->mnt_opts = mount_stat_text(strings, buf + 1);	/* a comma */
	}
	kfree(buf);
	return strings->failed ? -ENOMEM : 0;
}

#define MOUNT_STAT_TEXTS \
	(STATMOUNT_FS_TYPE | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT | STATMOUNT_MNT_OPTS)

int mount_stat(struct mount *m, const struct path *root, u64 mask, struct statmount *to,
	       struct text *strings)
{
	struct mount_shares shares;

	*to = (struct statmount){
		.mask = mask & (MOUNT_STAT_TEXTS | STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC |
				STATMOUNT_PROPAGATE_FROM | STATMOUNT_MNT_NS_ID)};
	if (mask & STATMOUNT_SB_BASIC)
		mount_stat_super(m->super, to);
	mount_share_read(m, root, &shares);
	if (mask & STATMOUNT_MNT_BASIC)
		mount_stat_basic(m, &shares, to);
	if (mask & STATMOUNT_PROPAGATE_FROM)
		to->propagate_from = shares.from;
	if (mask & STATMOUNT_MNT_NS_ID)
		to->mnt_ns_id = mount_stat_ns_id(m);
	return mask & MOUNT_STAT_TEXTS ? mount_stat_texts(m, root, mask, to, strings) : 0;
}
