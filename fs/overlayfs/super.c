/* fs/overlayfs/super.c -- mounting: options and layers. */
#include <linux/fs.h>

#include "fs/overlayfs/overlay.h"
#include "fs/overlayfs/overlayfs.h"
#include "vfs/walk.h"

/* The parts of a mount's data string, each from the heap. */
struct overlay_options {
	char *text;		/* what lower, upper and work point into */
	char *upper, *work;
	char *lower[OVERLAY_LOWERS];
	unsigned lowers;
};

/* Cut at unescaped `stop`: terminates the part and returns what follows, NULL at the end.
 * Backslashes of the part are kept: a part may be cut again. */
static char *cut(char *text, char stop)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == stop) {
			*text = 0;
			return text + 1;
		}
	}
	return NULL;
}

static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*to++ = *text;
	}
	*to = 0;
}

static int parse_lower(struct overlay_options *o, char *value)
{
	while (value) {
		char *next = cut(value, ':');

		if (!*value || o->lowers == OVERLAY_LOWERS) {
			log_err("overlayfs: %s", *value ? "too many lower layers"
							: "an empty lowerdir");
			return -EINVAL;
		}
		unescape(value);
		o->lower[o->lowers++] = value;
		value = next;
	}
	return 0;
}

/* Options that ask for what is so anyway. */
static bool is_default(const char *option)
{
	static const char *const defaults[] = {"redirect_dir=off", "redirect_dir=nofollow",
					       "index=off", "metacopy=off", "xino=off",
					       "xino=auto", "xino=on", "nfs_export=off",
					       "uuid=on", "uuid=off", "uuid=auto", "uuid=null",
					       "volatile", "userxattr"};

	for (unsigned i = 0; i < ARRAY_SIZE(defaults); i++)
		if (!strcmp(option, defaults[i]))
			return true;
	return !*option;
}

static int parse_options(struct overlay_options *o, const char *options)
{
	size_t len = strlen(options);
	char *at, *next;
	int err = 0;

	o->text = kmalloc(len + 1);
	if (!o->text)
		return -ENOMEM;
	memcpy(o->text, options, len + 1);
	for (at = o->text; at && !err; at = next) {
		next = cut(at, ',');
		if (!strncmp(at, "lowerdir=", 9))
			err = parse_lower(o, at + 9);
		else if (!strncmp(at, "upperdir=", 9))
			unescape(o->upper = at + 9);
		else if (!strncmp(at, "workdir=", 8))
			unescape(o->work = at + 8);
		else if (!is_default(at)) {
			log_err("overlayfs: unknown option \"%.64s\"", at);
			err = -EINVAL;
		}
	}
	if (!err && !o->lowers) {
		log_err("overlayfs: lowerdir is missing");
		err = -EINVAL;
	}
	if (!err && o->upper && !o->work) {
		log_err("overlayfs: workdir is missing");
		err = -EINVAL;
	}
	return err;
}

/* As /proc/mounts shows it. */
static char *options_text(const struct overlay_options *o)
{
	size_t room = 4 * PAGE_SIZE, at = 0;
	char *text = kmalloc(room);

	if (!text)
		return NULL;
	for (unsigned i = 0; i < o->lowers && at < room; i++)
		at += format(text + at, room - at, "%s%s", i ? ":" : ",lowerdir=", o->lower[i]);
	if (o->upper && at < room)
		at += format(text + at, room - at, ",upperdir=%s,workdir=%s", o->upper, o->work);
	if (o->upper && at < room)
		format(text + at, room - at, ",uuid=on");
	return text;
}

/* A layer's directory. */
struct overlay_layer {
	struct co_frame co;
	const char *name;
	struct path *to;
	struct walk *walk;
	long err;
};
static co_t overlay_layer(struct co *co, struct overlay_layer *f)
{
	CO_BEGIN;
	f->walk = kzalloc(sizeof(*f->walk));
	if (!f->walk)
		CO_RETURN(-ENOMEM);
	f->err = walk_start(f->walk, co, AT_FDCWD, f->name, WALK_FOLLOW | WALK_DIRECTORY);
	if (!f->err)
		WALK(f->err, f->walk);
	if (!f->err)
		walk_take(f->walk, f->to);
	else
		log_err("overlayfs: \"%.100s\" is not a directory: error %d", f->name,
			(int)-f->err);
	walk_finish(f->walk);
	kfree(f->walk);
	CO_RETURN(f->err);
	CO_END;
}

/* Can these hold the changes? */
static int check_upper(const struct overlay *ov)
{
	const struct inode *upper = ov->top.dentry->inode, *work = ov->work.dentry->inode;

	if (upper->super != work->super || upper == work ||
	    dentry_is_below(ov->work.dentry, ov->top.dentry) ||
	    dentry_is_below(ov->top.dentry, ov->work.dentry)) {
		log_err("overlayfs: workdir and upperdir must be separate on one file system");
		return -EINVAL;
	}
	if (strcmp(upper->super->type->name, "tmpfs")) {
		log_err("overlayfs: upperdir must be on a tmpfs");
		return -EINVAL;
	}
	if (atomic_load(&upper->super->read_only))
		return -EROFS;
	return 0;
}

/* How many file systems lie below one over these lower layers (an upper one is a tmpfs). */
static unsigned stack_depth(const struct overlay *ov)
{
	unsigned depth = 0;

	for (unsigned i = 0; i < ov->lowers; i++)
		depth = max(depth, ov->lower[i].dentry->super->depth);
	return depth + 1;
}

static int make_root(struct overlay *ov, const struct fs_mount *m)
{
	struct overlay_inode *o = overlay_new(ov->lowers);
	struct super *s = super_new(m->type, &overlay_super_ops);
	int err;

	if (!o || !s) {
		overlay_drop(o);
		if (s)
			super_abandon(s);
		return -ENOMEM;
	}
	s->private = ov;
	s->depth = stack_depth(ov);
	s->acls = (ov->top.dentry ? ov->top : ov->lower[0]).dentry->super->acls;
	s->read_only = !ov->top.dentry;
	s->block_size = (ov->top.dentry ? ov->top : ov->lower[0]).dentry->super->block_size;
	ov->super = s;
	if (ov->top.dentry) {
		o->upper = ov->top.dentry->inode;
		inode_get(o->upper);
	}
	for (; o->lowers < ov->lowers; o->lowers++) {
		o->lower[o->lowers] = ov->lower[o->lowers].dentry->inode;
		o->layer[o->lowers] = (u8)o->lowers;
		inode_get(o->lower[o->lowers]);
	}
	err = overlay_finish(ov, o, NULL, NULL, 0, &s->root);
	if (err)
		super_abandon(s);
	return err;
}

static struct overlay *overlay_alloc(void)
{
	struct overlay *ov = kzalloc(sizeof(*ov));

	if (!ov)
		return NULL;
	spin_init(&ov->lock, RANK_FS_PRIVATE);
	for (unsigned i = 0; i < OVERLAY_BUCKETS; i++)
		list_init(&ov->table[i]);
	return ov;
}

struct overlay_mount {
	struct fs_mount;
	struct overlay *ov;
	struct overlay_options *o;
	long err;
};
static co_t overlay_mount(struct co *co, struct overlay_mount *f)
{
	CO_BEGIN;
	f->err = -ENOMEM;
	f->ov = overlay_alloc();
	f->o = kzalloc(sizeof(*f->o));
	if (!f->ov || !f->o)
		goto out;
	f->err = parse_options(f->o, f->options);
	while (!f->err && f->ov->lowers < f->o->lowers) {
		CO_AWAIT(f->err, overlay_layer, .name = f->o->lower[f->ov->lowers],
			 .to = &f->ov->lower[f->ov->lowers]);
		if (!f->err)
			f->ov->lowers++;
	}
	if (!f->err && f->o->upper)
		CO_AWAIT(f->err, overlay_layer, .name = f->o->upper, .to = &f->ov->top);
	if (!f->err && f->o->upper)
		CO_AWAIT(f->err, overlay_layer, .name = f->o->work, .to = &f->ov->work);
	if (!f->err && f->o->upper)
		f->err = check_upper(f->ov);
	if (!f->err && stack_depth(f->ov) > CO_RANK_STACK_MAX) {
		log_err("overlayfs: maximum fs stacking depth exceeded");
		f->err = -EINVAL;
	}
	if (f->err)
		goto out;
	f->err = -ENOMEM;
	f->ov->options = options_text(f->o);
	if (!f->ov->options)
		goto out;
	f->err = make_root(f->ov, (struct fs_mount *)f);
	if (f->err)
		goto out;
	*f->made = f->ov->super;
	f->ov = NULL;
out:
	if (f->ov) {
		path_put(&f->ov->top);
		path_put(&f->ov->work);
		while (f->ov->lowers)
			path_put(&f->ov->lower[--f->ov->lowers]);
		kfree(f->ov->options);
		kfree(f->ov);
	}
	if (f->o)
		kfree(f->o->text);
	kfree(f->o);
	CO_RETURN(f->err);
	CO_END;
}

static struct fs_type overlay_type = {
	.name = "overlay",
	.mount = CO_IMPLEMENTS(fs_mount, overlay_mount),
};

void overlayfs_register(void)
{
	fs_register(&overlay_type);
}
