/* vfs/fs_context.c */
#include "vfs/fs_context.h"

#include "mem/phys/slab.h"
#include "vfs/mount_ns.h"

struct fs_context *fs_context_new(const struct path *p)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	ref_init(&fs->refs);
	fs->users = 1;
	spin_init(&fs->lock, RANK_FILE);
	fs->root = fs->cwd = *p;
	fs->ns = mount_ns_first();
	mount_ns_get(fs->ns);
	path_get(p);
	path_get(p);
	fs->umask = 022;
	return fs;
}

struct fs_context *fs_context_clone(struct fs_context *fs)
{
	struct fs_context *new = kzalloc(sizeof(*new));

	if (!new)
		return NULL;
	ref_init(&new->refs);
	new->users = 1;
	spin_init(&new->lock, RANK_FILE);
	fs_context_root(fs, &new->root);
	fs_context_cwd(fs, &new->cwd);
	new->ns = fs_context_ns(fs);
	new->umask = atomic_load_relaxed(&fs->umask);
	return new;
}

void fs_context_get(struct fs_context *fs)
{
	ref_get(&fs->refs);
}

void fs_context_put(struct fs_context *fs)
{
	if (!fs || !ref_put(&fs->refs))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	mount_ns_put(fs->ns);
	kfree(fs);
}

void fs_context_share(struct fs_context *fs)
{
	atomic_add(&fs->users, 1u);
	fs_context_get(fs);
}

void fs_context_leave(struct fs_context *fs)
{
	if (fs)
		atomic_sub(&fs->users, 1u);
	fs_context_put(fs);
}

struct mount_ns *fs_context_ns(struct fs_context *fs)
{
	struct mount_ns *ns;

	spin_lock(&fs->lock);
	ns = fs->ns;
	mount_ns_get(ns);
	spin_unlock(&fs->lock);
	return ns;
}

void fs_context_root(struct fs_context *fs, struct path *to)
{
	spin_lock(&fs->lock);
	*to = fs->root;
	path_get(to);
	spin_unlock(&fs->lock);
}

void fs_context_cwd(struct fs_context *fs, struct path *to)
{
	spin_lock(&fs->lock);
	*to = fs->cwd;
	path_get(to);
	spin_unlock(&fs->lock);
}

static void fs_context_swap(struct fs_context *fs, struct path *slot, struct path *with)
{
	struct path old;

	spin_lock(&fs->lock);
	old = *slot;
	*slot = *with;
	spin_unlock(&fs->lock);
	path_put(&old);
	*with = (struct path){};
}

void fs_context_set_root(struct fs_context *fs, struct path *p)
{
	fs_context_swap(fs, &fs->root, p);
}

void fs_context_set_cwd(struct fs_context *fs, struct path *p)
{
	fs_context_swap(fs, &fs->cwd, p);
}

int fs_context_renew_ns(struct fs_context *fs, struct user_ns *users)
{
	struct mount_ns *old = fs->ns;
	struct path *paths[2] = {&fs->root, &fs->cwd};
	int err = mount_ns_copy(old, users, paths, 2, &fs->ns);

	if (!err)
		mount_ns_put(old);
	return err;
}

bool fs_context_is_confined(struct fs_context *fs)
{
	struct mount_ns *ns = fs_context_ns(fs);
	struct path root, top;
	bool confined;

	fs_context_root(fs, &root);
	mount_ns_root(ns, &top);
	confined = !path_same(&root, &top);
	path_put(&root);
	path_put(&top);
	mount_ns_put(ns);
	return confined;
}

void fs_context_enter_ns(struct fs_context *fs, struct mount_ns *ns)
{
	struct path root, cwd;
	struct mount_ns *old;

	mount_ns_get(ns);
	mount_ns_root(ns, &root);
	path_get(&root);
	cwd = root;
	spin_lock(&fs->lock);
	old = fs->ns;
	fs->ns = ns;
	spin_unlock(&fs->lock);
	fs_context_swap(fs, &fs->root, &root);
	fs_context_swap(fs, &fs->cwd, &cwd);
	mount_ns_put(old);
}

unsigned fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to)
{
	struct path *const places[] = {&fs->root, &fs->cwd};
	unsigned n = 0;

	spin_lock(&fs->lock);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		if (path_same(places[i], from)) {
			path_get(to);
			*places[i] = *to;
			n++;
		}
	spin_unlock(&fs->lock);
	return n;
}
