/* core/proc/core_parts.h -- a dump under way; between core*.c only.
 *
 * Units  bytes. The coroutines return 0 or a negative errno, which ends the dump.
 */
#ifndef PROC_CORE_PARTS_H
#define PROC_CORE_PARTS_H

#include "core/proc/core.h"
#include "mem/space/uio.h"
#include "vfs/file.h"
#include "vfs/text.h"

/* One mapping, and how much of it the file holds. */
struct core_area {
	u64 start, end, size;
	u32 flags;		/* VMA_* */
	bool mapped;		/* shows an object: all its pages can be asked for */
	bool named;		/* it is in NT_FILE, with */
	u32 path;		/* where in `paths` */
	u64 offset;		/* pages */
};

struct core {
	struct thread *by;	/* [I] who dumps */
	u32 left;		/* [s] threads that have yet to stop */
	int sig;		/* [I] */
	struct signal_info info;	/* [I] */
	u64 limit;		/* RLIMIT_CORE; none for a program */
	unsigned dumpable;	/* [I] enum space_dump */
	bool piped;		/* [I] to a program */
	bool counted;		/* core_pipe.c's */
	bool begun;		/* it counts as dumped */
	char pattern[CORE_PATTERN_MAX];	/* [I] what it was when this began */

	struct text name;	/* of the file; of a program its arguments, each with its NUL */
	u32 argc;
	struct file *file;	/* owned */
	char *page;		/* owned: what was not written yet */
	u32 used;		/* of it */
	u64 pos;		/* where in the file it goes */
	u64 written;		/* against the limit: holes do not count */
	bool hole;		/* the file ends with one */

	struct list areas;	/* pages of them, owned */
	u32 area_count;
	u32 thread_count;
	struct text paths;	/* of NT_FILE, each with its NUL */
	u32 file_count;
};

/* core_name.c: sets name and argc; -ENAMETOOLONG, -ENOMEM. */
int core_name(struct core *c);

/* core_pipe.c: start the program that reads `file`. */
struct core_pipe_open {
	struct co_frame co;
	struct core *core;
	struct file *ends[2];
	long err;
};
co_t core_pipe_open(struct co *co, struct core_pipe_open *f);
/* All is written: wait for it, if that is asked for. */
struct core_pipe_finish {
	struct co_frame co;
	struct core *core;
	long ignored;
};
co_t core_pipe_finish(struct co *co, struct core_pipe_finish *f);
void core_pipe_end(struct core *c);

/* core_out.c */
struct core_put {
	struct co_frame co;
	struct core *core;
	const void *from;
	size_t n, done;
	long err;
};
co_t core_put(struct co *co, struct core_put *f);
/* Zeros, as a hole where there can be one. */
struct core_skip {
	struct co_frame co;
	struct core *core;
	u64 n;
	u64 some;
	long err;
};
co_t core_skip(struct co *co, struct core_skip *f);
/* A page of memory. */
struct core_put_page {
	struct co_frame co;
	struct core *core;
	struct page *page;
	long err;
};
co_t core_put_page(struct co *co, struct core_put_page *f);
/* What is left, and the end where it belongs. */
struct core_finish {
	struct co_frame co;
	struct core *core;
	long err;
};
co_t core_finish(struct co *co, struct core_finish *f);

/* core_areas.c */
struct core_areas_take {
	struct co_frame co;
	struct core *core;
	struct areas_one *one;
	u64 at;
	long err;
};
co_t core_areas_take(struct co *co, struct core_areas_take *f);
/* The n-th of them: for loops, with *chunk NULL at first. */
const struct core_area *core_areas_nth(const struct core *c, u32 n, const void **chunk);
struct core_areas_write {
	struct co_frame co;
	struct core *core;
	u32 n;
	const void *chunk;
	long err;
};
co_t core_areas_write(struct co *co, struct core_areas_write *f);
void core_areas_free(struct core *c);

/* core_notes.c: bytes they take, and writing them. */
u64 core_notes_size(struct core *c);
struct core_notes_write {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	struct thread *thread;
	long err;
};
co_t core_notes_write(struct co *co, struct core_notes_write *f);

/* core.c: will t stay in the dump? */
bool core_shows(const struct core *c, const struct thread *t);

#endif
