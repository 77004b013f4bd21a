/* vfs/mount_show.c -- mounts as text, for /proc/mounts and mountinfo. */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/mount.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "vfs/mount.h"
#include "vfs/mount_share.h"

struct mount_text {
	char path[PATH_MAX + 16];
	char point[2 * PATH_MAX], root[2 * PATH_MAX], source[2 * PATH_MAX];
	char options[256], super_options[512], shares[80];
};

/* Space, tab, newline and backslash as octal, as fstab wants it. */
static void mount_escape(char *to, size_t size, const char *from)
{
	char *end = to + size - 5;

	for (; *from && to < end; from++) {
		if (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\\')
			to += format(to, 5, "\\%03o", *from);
		else
			*to++ = *from;
	}
	*to = 0;
}

static void mount_show_options(const struct mount *m, char *to, size_t size)
{
	u32 flags = atomic_load_relaxed(&m->flags);
	static const struct {
		u32 bit;
		const char *text;
	} names[] = {
		{MS_NOSUID, ",nosuid"},	      {MS_NODEV, ",nodev"},
		{MS_NOEXEC, ",noexec"},	      {MS_NOATIME, ",noatime"},
		{MS_NODIRATIME, ",nodiratime"}, {MS_RELATIME, ",relatime"},
		{MS_NOSYMFOLLOW, ",nosymfollow"},
	};
	size_t len = format(to, size, "%s", mount_may_write(m) ? "ro" : "rw");

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].bit)
			len += format(to + len, size - len, "%s", names[i].text);
}

static const char *mount_show_synced(u32 synced)
{
	if (synced == SUPER_SYNCED)
		return ",sync,dirsync";
	return synced & (u32)MS_SYNCHRONOUS ? ",sync" : synced ? ",dirsync" : "";
}

/* The root of a bind mount: the path inside its own super. */
void mount_root_text(const struct mount *m, char *to, size_t size)
{
	const struct dentry *d;
	char *at = to + size - 1;

	*at = 0;
	spin_lock(&dentry_lock);
	for (d = m->root; d->parent != d && (size_t)(at - to) > d->len + 1ul; d = d->parent) {
		at -= d->len;
		memcpy(at, d->name, d->len);
		*--at = '/';
	}
	spin_unlock(&dentry_lock);
	if (!*at)
		*--at = '/';
	memmove(to, at, (size_t)(to + size - at));
}

/* Each with a space before it. */
static void mount_show_shares(const struct mount *m, const struct path *root, char *to,
			      size_t size)
{
	struct mount_shares s;
	size_t len = 0;

	mount_share_read(m, root, &s);
	to[0] = 0;
	if (s.group)
		len += format(to + len, size - len, " shared:%u", s.group);
	if (s.master)
		len += format(to + len, size - len, " master:%u", s.master);
	if (s.from && s.from != s.master)
		len += format(to + len, size - len, " propagate_from:%u", s.from);
	if (s.unbindable)
		format(to + len, size - len, " unbindable");
}

/* False: it does not lie below root. */
static bool mount_show_one(const struct mount *m, const struct path *root, struct mount_text *t,
			   struct mount_info *info)
{
	struct path at = {(struct mount *)m, m->root};
	bool outside;
	char *start;

	if (path_text(&at, root, t->path, sizeof(t->path), false, &start, &outside) < 0 || outside)
		return false;
	mount_escape(t->point, sizeof(t->point), start);
	mount_root_text(m, t->path, sizeof(t->path));
	mount_escape(t->root, sizeof(t->root), t->path);
	mount_escape(t->source, sizeof(t->source), m->source);
	mount_show_options(m, t->options, sizeof(t->options));
	mount_show_shares(m, root, t->shares, sizeof(t->shares));
	t->super_options[0] = 0;
	if (m->super->ops->show_options)
		m->super->ops->show_options(m->super, t->super_options + 2,
					    sizeof(t->super_options) - 2);
	else
		t->super_options[2] = 0;
	memcpy(t->super_options, m->super->read_only ? "ro" : "rw", 2);
	*info = (struct mount_info){
		.id = m->id, .parent_id = m->parent->id, .dev = m->super->dev,
		.source = t->source, .type = m->super->type->name, .root = t->root,
		.point = t->point, .options = t->options, .super_options = t->super_options,
		.shares = t->shares, .synced = mount_show_synced(atomic_load(&m->super->synced)),
	};
	return true;
}

int mount_each(struct mount_ns *ns, const struct path *root,
	       bool (*show)(void *arg, const struct mount_info *i), void *arg)
{
	struct mount_text *t = kmalloc(sizeof(*t));
	struct mount_info info;
	struct mount *m;
	bool more = true;

	if (!t)
		return -ENOMEM;
	for (unsigned n = 0; more && (m = mount_ns_nth(ns, n)); n++) {
		if (mount_show_one(m, root, t, &info))
			more = show(arg, &info);
		mount_put(m);
	}
	kfree(t);
	return 0;
}
