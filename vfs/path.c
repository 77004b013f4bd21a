/* vfs/path.c */
#include "vfs/path.h"

#include "core/base/string.h"
#include "vfs/mount.h"

void path_get(const struct path *p)
{
	mount_get(p->mount);
	dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	struct path old = *p;

	*p = (struct path){};
	dentry_put(old.dentry);
	if (old.mount)
		mount_put(old.mount);
}

/* Put n bytes in front of *at; false if they do not fit. */
static bool path_prepend(char **at, char *low, const char *text, size_t n)
{
	if ((size_t)(*at - low) < n)
		return false;
	*at -= n;
	memcpy(*at, text, n);
	return true;
}

long path_text(const struct path *p, const struct path *root, char *buf, size_t size, bool mark,
	       char **start, bool *outside)
{
	struct path at = *p;
	char *to = buf + size;
	bool fits, found = false;

	fits = path_prepend(&to, buf, "", 1);
	spin_lock(&dentry_lock);
	if (at.dentry->parent == at.dentry && !(at.dentry->flags & DENTRY_ROOT)) {
		/* Lies in no directory: a pipe, a socket. It has a name, not a path. */
		fits = fits && path_prepend(&to, buf, at.dentry->name, at.dentry->len);
		found = true;
		goto out;
	}
	if (mark && !(at.dentry->flags & (DENTRY_HASHED | DENTRY_ROOT)))
		fits = fits && path_prepend(&to, buf, " (deleted)", 10);
	while (fits) {
		if (root && path_same(&at, root)) {
			found = true;
			break;
		}
		if (at.dentry == at.mount->root) {
			if (at.mount->parent == at.mount) {
				found = !root;
				break;
			}
			at = (struct path){at.mount->parent, at.mount->point};
			continue;
		}
		if (at.dentry->parent == at.dentry)
			break;
		fits = path_prepend(&to, buf, at.dentry->name, at.dentry->len) &&
		       path_prepend(&to, buf, "/", 1);
		at.dentry = at.dentry->parent;
	}
	if (fits && (!*to || *to == ' '))
		fits = path_prepend(&to, buf, "/", 1);
out:
	spin_unlock(&dentry_lock);
	if (outside)
		*outside = !found;
	*start = to;
	return fits ? buf + size - 1 - to : -ENAMETOOLONG;
}
