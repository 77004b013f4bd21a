/* vfs/fd.h -- descriptor tables.
 *
 * Ownership  a table is shared by CLONE_FILES and counted; each entry owns a reference of its
 *            file. fd_get hands out another.
 * Locking    the table's spinlock; nothing here waits except fd_table_close.
 */
#ifndef VFS_FD_H
#define VFS_FD_H

#include "coro/task.h"
#include "vfs/file.h"

#define FD_MAX (1u << 20)	/* nr_open */

struct fd_table {
	refcount refs;		/* [a] */
	spinlock lock;		/* RANK_FDS */
	u32 size;		/* entries allocated; under lock */
	u32 lowest;		/* none below is free */
	u32 reserved;		/* how many are */
	struct file **files;
	u64 *cloexec;		/* bits; of a number without a file: it is reserved */
};

static inline struct fd_table *fd_current(struct co *co)
{
	return co_task(co)->fds;
}

struct fd_table *fd_table_new(void);	/* NULL without memory */
/* A private copy with refs 1 (fork); NULL without memory. */
struct fd_table *fd_table_clone(struct fd_table *t);
void fd_table_get(struct fd_table *t);
/* The last one closes everything; NULL is ignored. Files that must wait to be released are
 * left to the reaper; where order matters (exit), await fd_table_close first. */
void fd_table_put(struct fd_table *t);

/* Stands for the file that the current task was handed instead of a number: a request's. Set at
 * boot by the layer above; a reference, or NULL if there is none. */
#define FD_GIVEN INT32_MIN
extern struct file *(*fd_given)(void);

/* The file with a reference, or NULL. Files opened with O_PATH are not found by fd_get. */
struct file *fd_get(struct fd_table *t, int fd);
struct file *fd_get_any(struct fd_table *t, int fd);

/* The same for one system call, with nothing counted if the table is the caller's alone: then
 * nobody else can close the number before the call is over. Given back by fd_return. */
struct fd_loan {
	struct file *file;	/* NULL: there is none */
	bool counted;
};
struct fd_loan fd_borrow_shared(struct fd_table *t, int fd);

static inline struct fd_loan fd_borrow(struct fd_table *t, int fd) NO_LOCK_ANALYSIS
{
	struct file *file;

	if (atomic_load(&t->refs.n) != 1)
		return fd_borrow_shared(t, fd);
	file = (u32)fd < t->size ? t->files[fd] : NULL;
	if (file && (file->mode & FILE_PATH))
		file = NULL;
	return (struct fd_loan){file, false};
}

static inline void fd_return(struct fd_loan loan)
{
	if (loan.counted)
		file_put(loan.file);
}

/* Install file (reference taken over on success) at the lowest free number >= from and below
 * limit (RLIMIT_NOFILE). The number, -EMFILE or -ENOMEM; -EINVAL if from >= limit. */
int fd_add(struct fd_table *t, struct file *file, unsigned from, u64 limit, bool cloexec);
/* A number that nobody else gets, but that is not open yet: for who tells it before it is sure
 * that the file will be. As fd_add; then fd_settle, with a file (reference taken over) or NULL. */
int fd_reserve(struct fd_table *t, u64 limit);
void fd_settle(struct fd_table *t, int fd, struct file *file, bool cloexec);
/* Two numbers at once or none (pipe2). */
int fd_add_two(struct fd_table *t, struct file *a, struct file *b, u64 limit, bool cloexec,
	       int fds[2]);
/* dup2/dup3: at exactly fd. *old gets what was there, or NULL; to be file_put or closed. The
 * number, -EBADF if it is not below the limit, or -EBUSY if it is reserved. Reference taken over on
 * success. */
int fd_install(struct fd_table *t, int fd, struct file *file, u64 limit, bool cloexec,
	   struct file **old);
/* A descriptor of this table stood for file and does not any more: record locks go, and the file
 * hears of it. For who took it out; close and exec do it themselves. */
void fd_closed(struct file *file, struct fd_table *t);
/* Take out: the file, whose reference is the caller's now; NULL if there is none. */
struct file *fd_take(struct fd_table *t, int fd);
/* Take out the first one in [first, last] (any, or only cloexec ones); its number in *fd. */
struct file *fd_take_next(struct fd_table *t, unsigned first, unsigned last, bool cloexec_only,
			  unsigned *fd);
/* -EBADF if it is not open. */
int fd_get_cloexec(struct fd_table *t, int fd);
int fd_set_cloexec(struct fd_table *t, int fd, bool on);
void fd_set_cloexec_range(struct fd_table *t, unsigned first, unsigned last);
/* The first open number >= from, or -1: for /proc/pid/fd. */
int fd_next(struct fd_table *t, unsigned from);
u32 fd_table_size(struct fd_table *t);

/* Close a range, awaiting what has to wait: exec (0, ~0, cloexec_only), exit, close_range. */
struct fd_close_range {
	struct co_frame co;
	struct fd_table *table;
	unsigned first, last;
	bool cloexec_only;
	struct file *file;
	unsigned at;
	long ignored;
};
co_t fd_close_range(struct co *co, struct fd_close_range *f);

#endif
