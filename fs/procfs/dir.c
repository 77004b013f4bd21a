/* fs/procfs/dir.c -- directories of /proc: a table, and in some the processes, threads or
 * descriptors there are just now.
 *
 * Positions: 0 and 1 are "." and "..", then the table's entries, from MOVING on what moves
 * (MOVING + number of the process or descriptor, or the thread's place).
 */
#include "fs/procfs/proc.h"
#include "vfs/fd.h"

#define MOVING 1024ul

enum { DT_DIR_ = 4, DT_REG_ = 8, DT_LNK_ = 10 };

const struct proc_entry proc_pid_dir = {.mode = S_IFDIR | 0555, .children = proc_pid_entries};

static u8 type_of(const struct proc_entry *e)
{
	return S_ISDIR(e->mode) ? DT_DIR_ : S_ISLNK(e->mode) ? DT_LNK_ : DT_REG_;
}

static const struct proc_entry *entry_of(enum proc_kind kind)
{
	switch (kind) {
	case PROC_FDS:
		return &proc_fd_link;
	case PROC_FDINFOS:
		return &proc_fdinfo_file;
	case PROC_BLOCKS:
		return &sysfs_block_dir;
	case PROC_PARTITIONS:
		return &sysfs_part_dir;
	case PROC_BLOCK_NUMBERS:
	case PROC_CLASS_BLOCKS:
		return &sysfs_block_link;
	case PROC_CPUS:
		return &sysfs_cpu_dir;
	case PROC_MEMORY:
		return &sysfs_memory_dir;
	default:
		return &proc_pid_dir;
	}
}

/* A number as the kernel writes it: no leading zeros. -1: it is none. */
static int parse(const char *name, size_t len)
{
	int n = 0;

	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + (name[i] - '0');
	}
	return n;
}

static bool shown(const struct proc_inode *dir, const struct proc_entry *e)
{
	if ((e->needs & PROC_LOOP_ONLY) && !sysfs_has_loop(&dir->who))
		return false;
	return !(e->needs & (dir->who.tid ? PROC_PROCESS_ONLY : PROC_THREAD_ONLY));
}

/* The entry at e, or where the table goes on; NULL at the end. */
static const struct proc_entry *entry_at(const struct proc_entry *e)
{
	while (e && !e->name)
		e = e->children;
	return e;
}

static const struct proc_entry *find_fixed(const struct proc_inode *dir, const char *name,
					   size_t len)
{
	const struct proc_entry *e = entry_at(dir->entry->children);

	for (; e; e = entry_at(e + 1))
		if (strlen(e->name) == len && !memcmp(e->name, name, len) && shown(dir, e))
			return e;
	return NULL;
}

/* The subject numbered n of a directory that has such; its process is referenced. */
static bool find_moving(const struct proc_inode *dir, int n, struct proc_subject *who)
{
	struct process_info info;
	u32 mode;

	*who = dir->who;
	switch (dir->entry->kind) {
	case PROC_ROOT:
		who->process = process_find_in(who->ns, n);
		return who->process;
	case PROC_TASKS:
		who->tid = n;
		if (!process_thread_info(who->process, who->ns, n, &info))
			return false;
		break;
	case PROC_FDS:
	case PROC_FDINFOS:
		who->fd = n;
		if (proc_fd_exists(who, &mode))
			return false;
		break;
	default:
		return false;
	}
	process_get(who->process);
	return true;
}

/* The n-th device in a directory of such, its name as text: its number as a subject; -1 past the
 * last, or it is no such directory. */
static int device_name(const struct proc_inode *dir, int n, char to[16])
{
	enum proc_kind kind = dir->entry->kind;

	if (kind == PROC_CPUS || kind == PROC_MEMORY)
		return sysfs_system_name(kind, n, to) ? n : -1;
	return sysfs_block_name(kind, &dir->who, n, to);
}

/* The device of that name; -1: none. */
static int find_device(const struct proc_inode *dir, const char *name, size_t len)
{
	char text[16];

	for (int n = 0, id; (id = device_name(dir, n, text)) >= 0; n++)
		if (strlen(text) == len && !memcmp(text, name, len))
			return id;
	return -1;
}

static int look_up(struct proc_inode *dir, const char *name, size_t len, struct inode **found)
{
	const struct proc_entry *e = find_fixed(dir, name, len);
	struct proc_subject who = dir->who;
	int n;

	*found = NULL;
	if (!e) {
		e = entry_of(dir->entry->kind);
		n = find_device(dir, name, len);
		if (n >= 0)
			who.fd = n;
		else if ((n = parse(name, len)) < 0 || !find_moving(dir, n, &who))
			return -ENOENT;	/* nothing can be made here: not a negative entry */
	}
	*found = proc_inode_new(dir->inode.super, &dir->inode, name, len, e, &who);
	if (who.process != dir->who.process || who.tid != dir->who.tid || who.fd != dir->who.fd)
		if (who.process)
			process_put(who.process);
	return *found ? 0 : -ENOMEM;
}

co_t proc_lookup(struct co *co, struct proc_lookup *f)
{
	struct proc_inode *dir;

	CO_BEGIN;
	dir = proc_inode_of(f->dir);
	if (!proc_inode_holds(dir))
		CO_RETURN(-ENOENT);
	CO_RETURN(look_up(dir, f->name, f->len, f->found));
	CO_END;
}

/* What moves, at or after `from`: its number, and where it stands; -1: no more. */
static int next_moving(const struct proc_inode *dir, u64 from, u64 *at)
{
	struct process *p = dir->who.process;
	struct fd_table *fds;
	int n = -1;

	*at = from;
	switch (dir->entry->kind) {
	case PROC_ROOT:
		p = process_next(dir->who.ns, (int)from);
		if (p) {
			n = pid_nr(p->pid, dir->who.ns);
			process_put(p);
			*at = (u64)n;
		}
		break;
	case PROC_TASKS:
		n = process_nth_tid(p, dir->who.ns, (unsigned)from);
		n = n ? n : -1;
		break;
	case PROC_FDS:
	case PROC_FDINFOS:
		fds = process_fds(p);
		if (fds) {
			n = fd_next(fds, (unsigned)from);
			fd_table_put(fds);
			*at = (u64)n;
		}
		break;
	default:
		n = device_name(dir, (int)from, (char[16]){}) >= 0 ? (int)from : -1;
		break;
	}
	return n;
}

/* What it is called. */
static size_t name_moving(const struct proc_inode *dir, int n, char to[16])
{
	return device_name(dir, n, to) >= 0 ? strlen(to) : format(to, 16, "%d", n);
}

static bool emit(struct proc_readdir *f, const char *name, size_t len, u8 type, u64 next)
{
	u64 ino = name[0] == '.' ? f->dir->ino : proc_inode_number(f->dir, name, len);

	if (!f->to->emit(f->to, name, len, ino, type, next))
		return false;
	*f->pos = next;
	return true;
}

/* The part that does not move; false: the receiver has enough. */
static bool emit_fixed(struct proc_readdir *f, struct proc_inode *dir)
{
	const struct proc_entry *e = entry_at(dir->entry->children);
	u64 i = 2;

	if (*f->pos == 0 && !emit(f, ".", 1, DT_DIR_, 1))
		return false;
	if (*f->pos == 1 && !emit(f, "..", 2, DT_DIR_, 2))
		return false;
	for (; e; e = entry_at(e + 1), i++)
		if (i >= *f->pos && shown(dir, e) &&
		    !emit(f, e->name, strlen(e->name), type_of(e), i + 1))
			return false;
	*f->pos = max(*f->pos, MOVING);
	return true;
}

co_t proc_readdir(struct co *co, struct proc_readdir *f)
{
	struct proc_inode *dir;
	u64 at;
	int n, err;

	CO_BEGIN;
	dir = proc_inode_of(f->dir);
	if (!proc_inode_holds(dir))
		CO_RETURN(-ENOENT);
	if (dir->entry->kind == PROC_FDS) {
		err = process_may_inspect(dir->who.process);
		if (err)
			CO_RETURN(err == -EPERM ? -EACCES : err);
	}
	if (!emit_fixed(f, dir))
		CO_RETURN(0);
	for (;;) {
		dir = proc_inode_of(f->dir);
		n = next_moving(dir, *f->pos - MOVING, &at);
		if (n < 0)
			CO_RETURN(0);
		if (!emit(f, f->name, name_moving(dir, n, f->name), type_of(
			  entry_of(dir->entry->kind)), MOVING + at + 1))
			CO_RETURN(0);
		CO_BREATHE;
	}
	CO_END;
}
