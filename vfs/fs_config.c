/* vfs/fs_config.c */
#include "vfs/fs_config.h"

#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>

#include "core/base/string.h"
#include "core/cred/cred.h"
#include "mem/phys/slab.h"
#include "vfs/super.h"
#include "vfs/walk.h"

enum fs_config_state {
	FS_CONFIG_PARAMS,
	FS_CONFIG_CREATED,
	FS_CONFIG_CHANGING,
	FS_CONFIG_FAILED,
};

struct fs_config {
	enum fs_config_state state;
	struct fs_type *type;
	char *source;		/* owned; NULL: none was given */
	char *options;		/* owned, PAGE_SIZE: "name=value,..." */
	size_t used;
	char *message;		/* owned: what went wrong last, until it is read */
	bool read_only;		/* it is to be */
	u32 synced;		/* SUPER_SYNCED, as it is to be */
	struct mount *mount;	/* owned; NULL: not created */
};

static void fs_config_free(struct fs_config *c)
{
	mount_put(c->mount);
	kfree(c->source);
	kfree(c->options);
	kfree(c->message);
	kfree(c);
}

/* --- the file --- */

/* Keep a message; without memory there is none. */
static void fs_config_say(struct fs_config *c, const char *what, const char *key)
{
	size_t size = strlen(c->type->name) + strlen(what) + strlen(key) + 16;

	kfree(c->message);
	c->message = kmalloc(size);
	if (c->message)
		format(c->message, size, "e %s: %s '%s'\n", c->type->name, what, key);
}

/* What went wrong, once. */
struct fs_config_read {
	struct file_transfer;
	char *message;
	size_t len;
	long err;
};
static co_t fs_config_read(struct co *co, struct fs_config_read *f)
{
	struct fs_config *c = f->file->private;

	CO_BEGIN;
	CO_LOCK(&f->file->pos_lock);
	c = f->file->private;
	f->message = c->message;
	f->len = f->message ? strlen(f->message) : 0;
	f->err = !f->message ? -ENODATA : f->len > f->uio->left ? -EMSGSIZE : 0;
	if (!f->err)
		c->message = NULL;
	mutex_unlock(&f->file->pos_lock);
	if (f->err)
		CO_RETURN(f->err);
	for (size_t n = f->len; n; n = f->len) {
		f->len -= uio_copy_to(f->uio, f->message + strlen(f->message) - n, n);
		if (f->len)
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->len, .write = true);
		if (f->err)
			break;
	}
	f->len = strlen(f->message);
	kfree(f->message);
	CO_RETURN(f->err ? f->err : (long)f->len);
	CO_END;
}

static void fs_config_closed(struct file *file)
{
	fs_config_free(file->private);
}

static const struct file_ops fs_config_ops = {
	.read = CO_IMPLEMENTS(file_transfer, fs_config_read),
	.closed = fs_config_closed,
	.stream = true,
	.unspliced = true,
};

struct fs_config *fs_config_of(const struct file *file)
{
	return file->ops == &fs_config_ops ? file->private : NULL;
}

static int fs_config_open(struct fs_config *c, const struct cred *cred, struct file **file)
{
	struct inode *inode;

	c->options = kzalloc(PAGE_SIZE);
	inode = c->options ? inode_new_loose(0600) : NULL;
	*file = inode ? file_new_loose(inode, "anon_inode:[fscontext]", &fs_config_ops, O_RDWR,
				       cred)
		      : NULL;
	if (!*file) {
		fs_config_free(c);
		return -ENOMEM;
	}
	(*file)->private = c;
	return 0;
}

int fs_config_new(struct fs_type *type, const struct cred *cred, struct file **file)
{
	struct fs_config *c = kzalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->type = type;
	return fs_config_open(c, cred, file);
}

int fs_config_pick(const struct mount *m, const struct cred *cred, struct file **file)
{
	struct fs_config *c = kzalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->state = FS_CONFIG_CHANGING;
	c->read_only = atomic_load(&m->super->read_only);
	c->synced = atomic_load(&m->super->synced);
	c->mount = mount_new(m->super, m->root, 0, m->source);
	if (!c->mount) {
		fs_config_free(c);
		return -ENOMEM;
	}
	c->type = (struct fs_type *)m->super->type;
	return fs_config_open(c, cred, file);
}

/* --- parameters --- */

static int fs_config_set_source(struct fs_config *c, const char *value)
{
	size_t len = strlen(value);

	if (c->source || c->mount)
		return -EINVAL;
	c->source = kmalloc(len + 1);
	if (!c->source)
		return -ENOMEM;
	memcpy(c->source, value, len + 1);
	return 0;
}

/* True: one of those that every file system has, said without a value. */
static bool fs_config_is_common(struct fs_config *c, const char *key)
{
	if (!strcmp(key, "ro"))
		c->read_only = true;
	else if (!strcmp(key, "rw"))
		c->read_only = false;
	else if (!strcmp(key, "sync"))
		c->synced |= (u32)MS_SYNCHRONOUS;
	else if (!strcmp(key, "dirsync"))
		c->synced |= (u32)MS_DIRSYNC;
	else if (!strcmp(key, "async"))
		c->synced &= ~(u32)MS_SYNCHRONOUS;
	else
		return !strcmp(key, "nolazytime") || !strcmp(key, "nomand");
	return true;
}

int fs_config_set(struct fs_config *c, const char *key, const char *value)
{
	char *at = c->options + c->used;
	size_t room = PAGE_SIZE - c->used, len;
	int err;

	if (c->state != FS_CONFIG_PARAMS && c->state != FS_CONFIG_CHANGING)
		return -EBUSY;
	if (!value && fs_config_is_common(c, key))
		return 0;
	if (value && !strcmp(key, "source"))
		return fs_config_set_source(c, value);
	/* They are handed on as mount(2) has them. */
	if (!*key || strchr(key, ',') || strchr(key, '=') || (value && strchr(value, ',')))
		return -EINVAL;
	len = strlen(key) + (value ? strlen(value) + 1 : 0) + !!c->used;
	if (len >= room)
		return -EINVAL;
	format(at, room, "%s%s%s%s", c->used ? "," : "", key, value ? "=" : "",
	       value ? value : "");
	err = c->type->understands ? c->type->understands(at + !!c->used) : 0;
	if (err) {
		*at = 0;
		fs_config_say(c, err == -ENOENT ? "Unknown parameter" : "Bad value for", key);
		return -EINVAL;
	}
	c->used += len;
	return 0;
}

static void fs_config_forget(struct fs_config *c)
{
	c->used = 0;
	c->options[0] = 0;
}

/* --- making and changing --- */

/* The device that the source names. */
struct fs_config_device {
	struct co_frame co;
	struct fs_config_create *create;
	struct walk *walk;
	long err;
};
static co_t fs_config_device(struct co *co, struct fs_config_device *f)
{
	struct inode *inode;

	CO_BEGIN;
	if (!f->create->config->source)
		CO_RETURN(-EINVAL);
	f->walk = kzalloc(sizeof(*f->walk));
	if (!f->walk)
		CO_RETURN(-ENOMEM);
	f->err = walk_start(f->walk, co, AT_FDCWD, f->create->config->source, WALK_FOLLOW);
	if (!f->err)
		WALK(f->err, f->walk);
	if (!f->err) {
		inode = f->walk->path.dentry->inode;
		f->create->dev = inode->rdev;
		f->err = S_ISBLK(inode->mode) ? 0 : -ENOTBLK;
	}
	walk_finish(f->walk);
	kfree(f->walk);
	CO_RETURN(f->err);
	CO_END;
}

co_t fs_config_create(struct co *co, struct fs_config_create *f)
{
	struct fs_config *c = f->config;

	CO_BEGIN;
	if (c->state != FS_CONFIG_PARAMS)
		CO_RETURN(-EBUSY);
	if (!mount_may_make(c->type))
		CO_RETURN(-EPERM);
	if (c->type->needs_device)
		CO_AWAIT(f->err, fs_config_device, .create = f);
	if (!f->err)
		CO_AWAIT(f->err, mount_make, .type = f->config->type, .dev = f->dev,
			 .source = f->config->source ? f->config->source : "none",
			 .options = f->config->options,
			 .flags = (f->config->read_only ? MS_RDONLY : 0) | f->config->synced,
			 .made = &f->config->mount);
	f->config->state = f->err ? FS_CONFIG_FAILED : FS_CONFIG_CREATED;
	fs_config_forget(f->config);
	CO_RETURN(f->err);
	CO_END;
}

co_t fs_config_change(struct co *co, struct fs_config_change *f)
{
	struct fs_config *c = f->config;

	CO_BEGIN;
	if (c->state != FS_CONFIG_CHANGING)
		CO_RETURN(-EBUSY);
	if (!cred_capable_in(task_current()->cred, c->mount->super->users, CAP_SYS_ADMIN))
		CO_RETURN(-EPERM);
	CO_AWAIT(f->err, super_change, .super = c->mount->super, .read_only = c->read_only,
		 .synced = c->synced, .options = c->options);
	if (f->err)
		c->state = FS_CONFIG_FAILED;
	fs_config_forget(c);
	CO_RETURN(f->err);
	CO_END;
}

int fs_config_mount(struct fs_config *c, u32 flags, struct mount **m)
{
	int err;

	if (!c->mount)
		return -EINVAL;
	if (c->state != FS_CONFIG_CREATED)
		return -EBUSY;
	*m = mount_new(c->mount->super, c->mount->root, flags, c->mount->source);
	if (!*m)
		return -ENOMEM;
	err = mount_check_revealing(*m);
	if (err) {
		mount_put(*m);
		return err;
	}
	(*m)->loose = true;
	c->state = FS_CONFIG_CHANGING;
	return 0;
}
