/* core/proc/core.c -- the end of a process that leaves a core file: stop the others, open the
 * file, write it, let them go.
 */
#include "core/proc/core.h"

#include <linux/elf.h>
#include <linux/stat.h>

#include "core/cred/cred.h"
#include "core/proc/core_parts.h"
#include "core/proc/internal.h"
#include "core/proc/trace.h"
#include "coro/executor.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "vfs/attr.h"
#include "vfs/entry.h"
#include "vfs/fs_context.h"
#include "vfs/open.h"

/* --- the other threads --- */

bool core_shows(const struct core *c, const struct thread *t)
{
	return t == c->by || (!t->past_core && !t->leaving);
}

/* One thread fewer to wait for. */
static void core_count_stop(struct process *p, struct thread *t) REQUIRES(p->sig_lock)
{
	if (p->core && p->core->by != t && !--p->core->left)
		waitq_wake(&p->threads_wait);
}

void core_pass(struct thread *t)
{
	struct process *p = t->process;

	spin_lock(&p->sig_lock);
	t->past_core = true;
	core_count_stop(p, t);
	spin_unlock(&p->sig_lock);
}

void core_add(struct process *p)
{
	if (p->core)
		p->core->left++;
}

void core_interrupt(struct process *p)
{
	if (!p->core)
		return;
	p->group_status = SIGKILL;
	task_interrupt(&p->core->by->task, TASK_KILLED);
}

/* It stops here, or need not. */
static bool core_stop(struct thread *t)
{
	struct process *p = t->process;
	bool stops;

	executor_user_sync(&t->task);
	spin_lock(&p->sig_lock);
	stops = p->core && p->core->by != t;
	core_count_stop(p, t);
	spin_unlock(&p->sig_lock);
	return stops;
}

static bool core_is_over(struct process *p)
{
	bool over;

	spin_lock(&p->sig_lock);
	over = !p->core;
	spin_unlock(&p->sig_lock);
	return over;
}

co_t core_wait(struct co *co, struct core_wait *f)
{
	CO_BEGIN;
	if (core_stop(thread_of_co(co)))
		CO_WAIT_IO(&process_of(co)->threads_wait, core_is_over(process_of(co)));
	CO_RETURN(0);
	CO_END;
}

static bool core_is_still(struct core *c)
{
	struct process *p = c->by->process;
	bool still;

	spin_lock(&p->sig_lock);
	still = !c->left;
	spin_unlock(&p->sig_lock);
	return still;
}

/* --- the record --- */

/* A program gets one whatever the limit; but 1, which is its own, says none. A file holds a page at
 * least. */
static bool core_fits(const struct core *c)
{
	return c->piped ? c->limit != 1 : c->limit >= PAGE_SIZE;
}

/* NULL: none is wanted, or there is no memory for it. */
static struct core *core_new(struct thread *t, int sig, const struct signal_info *info)
{
	unsigned dumpable = atomic_load(&t->task.space->dumpable);
	struct core *c = dumpable == SPACE_DUMP_NEVER ? NULL : kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	c->by = t;
	c->sig = sig;
	c->info = *info;
	c->limit = rlimit_get(t->process, RLIMIT_CORE);
	c->dumpable = dumpable;
	list_init(&c->areas);
	core_pattern(c->pattern);
	c->piped = c->pattern[0] == '|';
	c->page = core_fits(c) ? kmalloc(PAGE_SIZE) : NULL;
	if (!c->page) {
		kfree(c);
		return NULL;
	}
	return c;
}

static void core_free(struct core *c)
{
	if (!c)
		return;
	file_put(c->file);
	core_pipe_end(c);
	core_areas_free(c);
	text_free(&c->name);
	text_free(&c->paths);
	kfree(c->page);
	kfree(c);
}

/* The end of the process begins; the others are told to stop. false: it began before. */
static bool core_start(struct core *c, struct process *p)
{
	struct thread *each;
	bool starts;

	spin_lock(&p->sig_lock);
	starts = !p->group_exiting && !p->exec_by;
	if (starts) {
		signal_group_exit_locked(p, c->sig);
		p->core = c;
		list_each(each, &p->threads, in_process)
			if (each != c->by && !each->past_core && !each->leaving)
				c->left++;
		/* What it waits for from here on is the dump's. */
		task_clear_flags(&c->by->task, TASK_KILLED | TASK_SIGNAL);
	}
	spin_unlock(&p->sig_lock);
	return starts;
}

static void core_end(struct core *c, struct process *p)
{
	spin_lock(&p->sig_lock);
	if (c->begun && !(atomic_load(&c->by->task.flags) & TASK_KILLED))
		p->group_status |= 0x80;
	p->core = NULL;
	atomic_or(&c->by->task.flags, (u32)(TASK_KILLED | TASK_SIGNAL));
	spin_unlock(&p->sig_lock);
	waitq_wake(&p->threads_wait);
}

static u32 core_count_threads(const struct core *c)
{
	struct process *p = c->by->process;
	struct thread *each;
	u32 n = 0;

	spin_lock(&p->sig_lock);
	list_each(each, &p->threads, in_process)
		n += core_shows(c, each);
	spin_unlock(&p->sig_lock);
	return n;
}

/* --- the file --- */

/* As root, from init's root directory: whose program it was may not read it. */
struct core_identity {
	struct cred *cred;
	struct fs_context *fs;
};

/* The thread's own are kept in *i; -ENOMEM. */
static int core_become_root(struct thread *t, struct core_identity *i)
{
	struct cred *root = cred_clone(t->task.cred);
	struct fs_context *fs = process_fs(process_first);

	if (!root || !fs) {
		cred_put(root);
		fs_context_put(fs);
		return -ENOMEM;
	}
	root->fsuid = 0;
	i->cred = thread_cred(t);
	thread_set_cred(t, root);
	spin_lock(&t->process->sig_lock);
	i->fs = t->task.fs;
	t->task.fs = fs;
	spin_unlock(&t->process->sig_lock);
	return 0;
}

static void core_become_oneself(struct thread *t, struct core_identity *i)
{
	struct fs_context *fs = t->task.fs;

	if (!i->cred)
		return;
	thread_set_cred(t, i->cred);
	spin_lock(&t->process->sig_lock);
	t->task.fs = i->fs;
	spin_unlock(&t->process->sig_lock);
	fs_context_put(fs);
}

/* Nobody else's, and nobody else's to read. */
static bool core_may_write(const struct file *file, const struct cred *cred)
{
	struct attr_stat st;

	attr_stat(file->inode, &st);
	return S_ISREG(st.mode) && st.nlink == 1 && st.uid == cred->fsuid &&
	       (st.mode & 0677) == 0600;
}

struct core_open_file {
	struct co_frame co;
	struct core *core;
	struct core_identity own;
	long err;
};
static co_t core_open_file(struct co *co, struct core_open_file *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	if (c->dumpable == SPACE_DUMP_ROOT) {
		f->err = c->name.data[0] == '/' ? core_become_root(c->by, &f->own) : -EPERM;
		if (f->err)
			CO_RETURN(f->err);
	} else {
		CO_AWAIT(f->err, entry_remove, .dirfd = AT_FDCWD, .name = c->name.data);
	}
	CO_AWAIT(f->err, open_at, .dirfd = AT_FDCWD, .name = c->name.data, .mode = 0600,
		 .flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE,
		 .file = &c->file);
	if (!f->err && !core_may_write(c->file, cred_current(co)))
		f->err = -EPERM;
	core_become_oneself(c->by, &f->own);
	CO_RETURN(f->err);
	CO_END;
}

struct core_open {
	struct co_frame co;
	struct core *core;
	long err;
};
static co_t core_open(struct co *co, struct core_open *f)
{
	CO_BEGIN;
	f->err = core_name(f->core);
	if (f->err)
		CO_RETURN(f->err);
	if (f->core->piped) {
		f->core->limit = RLIM_INFINITY;
		CO_AWAIT(f->err, core_pipe_open, .core = f->core);
	} else {
		CO_AWAIT(f->err, core_open_file, .core = f->core);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- its head --- */

struct core_put_headers {
	struct co_frame co;
	struct core *core;
	union {
		Elf64_Ehdr elf;
		Elf64_Phdr segment;
	};
	u64 at;			/* where in the file the next segment goes */
	u32 n;
	const void *chunk;
	long err;
};

static Elf64_Ehdr core_elf_header(const struct core *c)
{
	return (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE, .e_machine = EM_AARCH64, .e_version = EV_CURRENT,
		.e_phoff = sizeof(Elf64_Ehdr), .e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = (Elf64_Half)(c->area_count + 1),
	};
}
static_assert(SPACE_MAX_VMAS + 1 < PN_XNUM);

static Elf64_Phdr core_segment(const struct core_area *a, u64 at)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = at, .p_vaddr = a->start, .p_filesz = a->size,
		.p_memsz = a->end - a->start, .p_align = PAGE_SIZE,
		.p_flags = (a->flags & VMA_READ ? PF_R : 0) | (a->flags & VMA_WRITE ? PF_W : 0) |
			   (a->flags & VMA_EXEC ? PF_X : 0),
	};
}

static co_t core_put_headers(struct co *co, struct core_put_headers *f)
{
	struct core *c = f->core;
	const struct core_area *a;

	CO_BEGIN;
	f->elf = core_elf_header(c);
	CO_AWAIT(f->err, core_put, .core = c, .from = &f->elf, .n = sizeof(f->elf));
	if (f->err)
		CO_RETURN(f->err);
	f->segment = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_align = 4, .p_filesz = core_notes_size(c),
		.p_offset = sizeof(Elf64_Ehdr) + (c->area_count + 1) * sizeof(Elf64_Phdr),
	};
	f->at = PAGE_UP(f->segment.p_offset + f->segment.p_filesz);
	CO_AWAIT(f->err, core_put, .core = c, .from = &f->segment, .n = sizeof(f->segment));
	while (!f->err && (a = core_areas_nth(c, f->n++, &f->chunk)) != NULL) {
		f->segment = core_segment(a, f->at);
		f->at += a->size;
		CO_AWAIT(f->err, core_put, .core = c, .from = &f->segment,
			 .n = sizeof(f->segment));
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- the whole --- */

struct core_write {
	struct co_frame co;
	struct core *core;
	long err, end;
};
static co_t core_write(struct co *co, struct core_write *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	CO_AWAIT(f->err, core_open, .core = c);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, core_areas_take, .core = c);
	if (f->err)
		CO_RETURN(f->err);
	c->thread_count = core_count_threads(c);
	c->begun = true;
	CO_AWAIT(f->err, core_put_headers, .core = c);
	if (!f->err)
		CO_AWAIT(f->err, core_notes_write, .core = c);
	if (!f->err)
		CO_AWAIT(f->err, core_skip, .core = c, .n = PAGE_UP(c->pos + c->used) -
							  (c->pos + c->used));
	if (!f->err)
		CO_AWAIT(f->err, core_areas_write, .core = c);
	CO_AWAIT(f->end, core_finish, .core = c);
	if (c->piped)
		CO_AWAIT(f->end, core_pipe_finish, .core = c);
	CO_RETURN(f->err ? f->err : f->end);
	CO_END;
}

co_t core_dump(struct co *co, struct core_dump *f)
{
	struct thread *t = thread_of_co(co);
	struct process *p = process_of(co);

	CO_BEGIN;
	f->core = core_new(t, f->sig, f->info);
	if (!f->core || !core_start(f->core, p)) {
		core_free(f->core);
		signal_group_exit(p, f->sig);
		CO_RETURN(0);
	}
	executor_user_sync(&t->task);
	CO_WAIT_KILLABLE(f->err, &p->threads_wait, core_is_still(f->core));
	if (!f->err)
		CO_AWAIT(f->err, core_write, .core = f->core);
	core_end(f->core, p);
	core_free(f->core);
	CO_RETURN(0);
	CO_END;
}
