/* fs/procfs/proc_locks.c -- /proc/locks: who holds which lock on which file. */
#include "fs/procfs/proc.h"
#include "vfs/flock.h"

struct show_locks {
	struct text *to;
	const char *before;
	const struct file *file;	/* only those on its inode of these owners; NULL: all */
	const void *table;
	u64 n;
};

static void show_lock(void *arg, const struct inode *inode, const struct flock_range *r)
{
	static const char *const kinds[] = {
		[FLOCK_POSIX] = "POSIX", [FLOCK_OFD] = "OFDLCK", [FLOCK_WHOLE] = "FLOCK",
		[FLOCK_LEASE] = "LEASE",
	};
	static const char *const types[] = {
		[FLOCK_NONE] = "UNLCK", [FLOCK_SHARED] = "READ", [FLOCK_EXCLUSIVE] = "WRITE",
	};
	struct show_locks *s = arg;

	if (s->file &&
	    (s->file->inode != inode || (r->owner != s->file && r->owner != s->table)))
		return;
	text_add(s->to, "%s%lu: %-6s %s  %s %d %02x:%02x:%lu %lu ", s->before, ++s->n,
		 kinds[r->kind],
		 r->kind != FLOCK_LEASE ? "ADVISORY" : r->breaking ? "BREAKING" : "ACTIVE  ",
		 types[r->type], r->kind == FLOCK_OFD ? -1 : (int)r->pid, inode->super->dev >> 20,
		 inode->super->dev & 0xfffff, inode->ino, r->start);
	if (r->last >= INT64_MAX)
		text_add(s->to, "EOF\n");
	else
		text_add(s->to, "%lu\n", r->last);
}

int proc_locks_show(const struct proc_subject *who, struct text *to)
{
	struct show_locks s = {.to = to, .before = ""};

	flock_each(show_lock, &s);
	return 0;
}

void proc_locks_of(const struct file *file, const void *table, struct text *to)
{
	struct show_locks s = {.to = to, .before = "lock:\t", .file = file, .table = table};

	if (atomic_load_relaxed(&file->inode->locks))
		flock_each(show_lock, &s);
}
