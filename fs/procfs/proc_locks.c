/* fs/procfs/proc_locks.c -- /proc/locks: who holds which lock on which file. */
#include "fs/procfs/proc.h"
#include "vfs/flock.h"

struct show_locks {
	struct text *to;
	const struct pid_ns *ns;
	const char *before;
	const struct file *file;	/* only those on its inode of these owners; NULL: all */
	const void *table;
	u64 n;
};

static void show_lock(void *arg, const struct inode *inode, const struct flock_range *r)
	REQUIRES(proc_tree_lock)
{
	static const char *const kinds[] = {
		[FLOCK_POSIX] = "POSIX", [FLOCK_OFD] = "OFDLCK", [FLOCK_WHOLE] = "FLOCK",
		[FLOCK_LEASE] = "LEASE",
	};
	static const char *const types[] = {
		[FLOCK_NONE] = "UNLCK", [FLOCK_SHARED] = "READ", [FLOCK_EXCLUSIVE] = "WRITE",
	};
	struct show_locks *s = arg;
	int pid;

	if (s->file &&
	    (s->file->inode != inode || (r->owner != s->file && r->owner != s->table)))
		return;
	pid = r->kind == FLOCK_OFD ? -1 : pid_translate_locked((int)r->pid, s->ns);
	/* Whom one does not see holds nothing. */
	if (!pid)
		return;
	text_add(s->to, "%s%lu: %-6s %s  %s %d %02x:%02x:%lu %lu ", s->before, ++s->n,
		 kinds[r->kind],
		 r->kind != FLOCK_LEASE ? "ADVISORY" : r->breaking ? "BREAKING" : "ACTIVE  ",
		 types[r->type], pid, inode->super->dev >> 20,
		 inode->super->dev & 0xfffff, inode->ino, r->start);
	if (r->last >= INT64_MAX)
		text_add(s->to, "EOF\n");
	else
		text_add(s->to, "%lu\n", r->last);
}

static void show_locks(struct show_locks *s)
{
	spin_lock(&proc_tree_lock);
	flock_each(show_lock, s);
	spin_unlock(&proc_tree_lock);
}

int proc_locks_show(const struct proc_subject *who, struct text *to)
{
	struct show_locks s = {.to = to, .ns = who->ns, .before = ""};

	show_locks(&s);
	return 0;
}

void proc_locks_of(const struct file *file, const void *table, const struct pid_ns *ns,
		   struct text *to)
{
	struct show_locks s = {
		.to = to, .ns = ns, .before = "lock:\t", .file = file, .table = table
	};

	if (atomic_load_relaxed(&file->inode->locks))
		show_locks(&s);
}
