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
};

struct core {
	struct thread *by;	/* [I] who dumps */
	u32 left;		/* [s] threads that have yet to stop */
	int sig;		/* [I] */
	struct signal_info info;	/* [I] */
	u64 limit;		/* [I] RLIMIT_CORE */
	unsigned dumpable;	/* [I] enum space_dump */
	bool begun;		/* it counts as dumped */

	struct file *file;	/* owned */
	char *page;		/* owned: the name, then what was not written yet */
	u32 used;		/* of it */
	u64 pos;		/* where in the file it goes */
	u64 written;		/* against the limit: holes do not count */
	bool hole;		/* the file ends with one */

	struct list areas;	/* pages of them, owned */
	u32 area_count;
	u32 thread_count;
	struct text files, paths;	/* of NT_FILE */
	u32 file_count;
};

/* core_name.c: the file's name, terminated; -ENAMETOOLONG. */
int core_name(const struct core *c, char *to, size_t size);

/* core_out.c */
struct core_put {
	struct co_frame co;
	struct core *core;
	const void *from;
	size_t n, done;
	long err;
};
co_t core_put(struct co *co, struct core_put *f);
/* Zeros, as a hole. */
struct core_skip {
	struct co_frame co;
	struct core *core;
	u64 n;
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
