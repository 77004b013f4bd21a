/* vfs/fs_context.c */
#include "vfs/fs_context.h"

#include "mem/phys/slab.h"

struct fs_context *fs_context_new(const struct path *p)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	ref_init(&fs->refs);
	spin_init(&fs->lock, RANK_FILE);
	fs->root = fs->cwd = *p;
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
	spin_init(&new->lock, RANK_FILE);
	fs_context_root(fs, &new->root);
	fs_context_cwd(fs, &new->cwd);
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
	kfree(fs);
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

void fs_context_replace(struct fs_context *fs, const struct path *from, const struct path *to)
{
	struct path copy;
	bool root, cwd;

	spin_lock(&fs->lock);
	root = path_same(&fs->root, from);
	cwd = path_same(&fs->cwd, from);
	spin_unlock(&fs->lock);
	if (root) {
		path_get(to);
		copy = *to;
		fs_context_swap(fs, &fs->root, &copy);
	}
	if (cwd) {
		path_get(to);
		copy = *to;
		fs_context_swap(fs, &fs->cwd, &copy);
	}
}
