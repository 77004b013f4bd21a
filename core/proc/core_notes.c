/* core/proc/core_notes.c -- the notes of a core file: for each thread its state and registers,
 * and behind the first thread's state what is the process's. The order is Linux's, which gdb
 * relies on: what follows a NT_PRSTATUS belongs to that thread.
 */
#include <linux/elf.h>

#include "core/cred/cred.h"
#include "core/proc/core_parts.h"
#include "core/proc/internal.h"
#include "core/proc/regset.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"

#define PF_RANDOMIZE  0x00400000u
#define PF_FORKNOEXEC 0x00000040u
#define PF_SIGNALED   0x00000400u
#define PF_DUMPCORE   0x00000200u

#define SIGINFO_SIZE 128	/* siginfo_t with its padding */

struct notes_time {
	i64 sec, usec;
};

/* struct elf_prstatus, which no header for programs has. */
struct notes_status {
	i32 signo, code, err;
	i16 cursig;
	u64 pending, held;
	i32 pid, ppid, pgrp, sid;
	struct notes_time utime, stime, cutime, cstime;
	u64 regs[34];
	i32 fp_valid;
};
static_assert(sizeof(struct notes_status) == 392);

/* struct elf_prpsinfo */
struct notes_info {
	u8 state, sname, zombie, nice;
	u64 flags;
	u32 uid, gid;
	i32 pid, ppid, pgrp, sid;
	char name[16], args[80];
};
static_assert(sizeof(struct notes_info) == 136);

/* What a note is put together in. */
struct core_notes {
	struct process_info of;
	union {
		struct notes_status status;
		struct notes_info info;
		u8 siginfo[SIGINFO_SIZE];
		u8 regs[REGSET_MAX];
		u64 words[3];
	};
	struct elf64_note head;
	char name[8];
};

static u64 note_size(u64 n)
{
	return sizeof(struct elf64_note) + 8 + round_up(n, 4);
}

/* --- writing one --- */

struct note_head {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	const char *name;
	u32 type;
	size_t n;
	long err;
};
static co_t note_head(struct co *co, struct note_head *f)
{
	struct core_notes *s = f->scratch;

	CO_BEGIN;
	s->head = (struct elf64_note){(Elf64_Word)strlen(f->name) + 1, (Elf64_Word)f->n, f->type};
	memset(s->name, 0, sizeof(s->name));
	string_copy(s->name, f->name, sizeof(s->name));
	CO_AWAIT(f->err, core_put, .core = f->core, .from = &s->head, .n = sizeof(s->head));
	if (!f->err)
		CO_AWAIT(f->err, core_put, .core = f->core, .from = s->name, .n = sizeof(s->name));
	CO_RETURN(f->err);
	CO_END;
}

struct note_pad {
	struct co_frame co;
	struct core *core;
	size_t n;
	long err;
};
static co_t note_pad(struct co *co, struct note_pad *f)
{
	static const char zeros[4];

	CO_BEGIN;
	CO_AWAIT(f->err, core_put, .core = f->core, .from = zeros, .n = round_up(f->n, 4) - f->n);
	CO_RETURN(f->err);
	CO_END;
}

struct note_put {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	const char *name;
	u32 type;
	const void *from;
	size_t n;
	long err;
};
static co_t note_put(struct co *co, struct note_put *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, note_head, .core = f->core, .scratch = f->scratch, .name = f->name,
		 .type = f->type, .n = f->n);
	if (!f->err)
		CO_AWAIT(f->err, core_put, .core = f->core, .from = f->from, .n = f->n);
	if (!f->err)
		CO_AWAIT(f->err, note_pad, .core = f->core, .n = f->n);
	CO_RETURN(f->err);
	CO_END;
}

/* --- the process's --- */

static void notes_fill_info(struct core_notes *s, const struct core *c)
{
	struct process *p = c->by->process;
	struct process_info *of = &s->of;
	bool leads = thread_id(c->by) == process_pid(p);
	struct cred *cred = process_cred(p);

	/* What the leader does: it runs, or waits for this. */
	s->info = (struct notes_info){
		.state = leads ? 0 : 2, .sname = leads ? 'R' : 'D', .nice = (u8)of->nice,
		.flags = PF_RANDOMIZE | PF_SIGNALED | (leads ? PF_DUMPCORE : 0) |
			 (p->has_execed ? 0 : PF_FORKNOEXEC),
		.uid = cred ? user_ns_shown(cred->ns, USER_UIDS, cred->uid) : 0,
		.gid = cred ? user_ns_shown(cred->ns, USER_GIDS, cred->gid) : 0,
		.pid = of->pid, .ppid = of->ppid, .pgrp = of->pgrp, .sid = of->session,
	};
	if (cred)
		cred_put(cred);
	string_copy(s->info.name, of->name, sizeof(s->info.name));
}

struct notes_put_info {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	long n, err;
};
static co_t notes_put_info(struct co *co, struct notes_put_info *f)
{
	struct core_notes *s = f->scratch;
	struct space *space = space_current(co);

	CO_BEGIN;
	notes_fill_info(s, f->core);
	CO_AWAIT(f->n, space_access, .space = space, .addr = uptr_of(space->arg_start),
		 .buf = s->info.args, .force = true,
		 .len = min(space->arg_end - space->arg_start, sizeof(s->info.args) - 1));
	for (long i = 0; i < f->n; i++)
		if (!s->info.args[i])
			s->info.args[i] = ' ';
	CO_AWAIT(f->err, note_put, .core = f->core, .scratch = s, .name = "CORE",
		 .type = NT_PRPSINFO, .from = &s->info, .n = sizeof(s->info));
	CO_RETURN(f->err);
	CO_END;
}

static u64 notes_files_size(const struct core *c)
{
	return (2 + 3 * (u64)c->file_count) * sizeof(u64) + c->paths.len;
}

/* Too many mapped files, or no memory for their names: there is no such note. */
static bool notes_have_files(const struct core *c)
{
	return c->file_count && !c->paths.failed && notes_files_size(c) <= TEXT_MAX;
}

/* Of all areas where they are, or what they are called. */
struct notes_put_named {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	bool paths;
	u32 n;
	const void *chunk;
	long err;
};
static co_t notes_put_named(struct co *co, struct notes_put_named *f)
{
	const struct core_area *a;
	u64 *words = f->scratch->words;
	const char *path;

	CO_BEGIN;
	while ((a = core_areas_nth(f->core, f->n++, &f->chunk)) != NULL) {
		if (!a->named)
			continue;
		if (f->paths) {
			path = f->core->paths.data + a->path;
			CO_AWAIT(f->err, core_put, .core = f->core, .from = path,
				 .n = strlen(path) + 1);
		} else {
			words[0] = a->start;
			words[1] = a->end;
			words[2] = a->offset;
			CO_AWAIT(f->err, core_put, .core = f->core, .from = words,
				 .n = 3 * sizeof(u64));
		}
		if (f->err)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}

struct notes_put_files {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	long err;
};
static co_t notes_put_files(struct co *co, struct notes_put_files *f)
{
	struct core *c = f->core;

	CO_BEGIN;
	if (!notes_have_files(c))
		CO_RETURN(0);
	CO_AWAIT(f->err, note_head, .core = c, .scratch = f->scratch, .name = "CORE",
		 .type = NT_FILE, .n = notes_files_size(c));
	f->scratch->words[0] = c->file_count;
	f->scratch->words[1] = PAGE_SIZE;
	if (!f->err)
		CO_AWAIT(f->err, core_put, .core = c, .from = f->scratch->words,
			 .n = 2 * sizeof(u64));
	if (!f->err)
		CO_AWAIT(f->err, notes_put_named, .core = c, .scratch = f->scratch);
	if (!f->err)
		CO_AWAIT(f->err, notes_put_named, .core = c, .scratch = f->scratch, .paths = true);
	if (!f->err)
		CO_AWAIT(f->err, note_pad, .core = c, .n = notes_files_size(c));
	CO_RETURN(f->err);
	CO_END;
}

struct notes_put_process {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	long err;
};
static co_t notes_put_process(struct co *co, struct notes_put_process *f)
{
	struct core_notes *s = f->scratch;

	CO_BEGIN;
	CO_AWAIT(f->err, notes_put_info, .core = f->core, .scratch = s);
	if (f->err)
		CO_RETURN(f->err);
	memset(s->siginfo, 0, sizeof(s->siginfo));
	memcpy(s->siginfo, &f->core->info, sizeof(f->core->info));
	CO_AWAIT(f->err, note_put, .core = f->core, .scratch = s, .name = "CORE",
		 .type = NT_SIGINFO, .from = s->siginfo, .n = sizeof(s->siginfo));
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, note_put, .core = f->core, .scratch = s, .name = "CORE", .type = NT_AUXV,
		 .from = space_current(co)->auxv, .n = space_current(co)->auxv_words * sizeof(u64));
	if (!f->err)
		CO_AWAIT(f->err, notes_put_files, .core = f->core, .scratch = s);
	CO_RETURN(f->err);
	CO_END;
}

/* --- a thread's --- */

static struct notes_time notes_time(u64 ns)
{
	return (struct notes_time){(i64)(ns / 1000000000), (i64)(ns % 1000000000 / 1000)};
}

static void notes_fill_status(struct core_notes *s, const struct core *c, struct thread *t)
{
	struct process *p = t->process;
	const struct process_info *of = &s->of;
	struct process_usage usage;

	spin_lock(&p->sig_lock);
	if (thread_id(t) == of->pid)
		process_usage_locked(p, &usage);
	else
		thread_usage(t, &usage);
	s->status = (struct notes_status){
		.signo = c->sig, .cursig = (i16)c->sig,
		.pending = t->pending.pending, .held = t->blocked,
		.pid = thread_id(t), .ppid = of->ppid, .pgrp = of->pgrp, .sid = of->session,
		.utime = notes_time(usage.user_ns), .stime = notes_time(usage.system_ns),
		.cutime = notes_time(of->children.user_ns),
		.cstime = notes_time(of->children.system_ns),
		.fp_valid = 1,
	};
	spin_unlock(&p->sig_lock);
	regset_nth(0)->get(t, s->status.regs);
}

/* The registers that are not in its status. */
struct notes_put_sets {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	struct thread *thread;
	unsigned n;
	long err;
};
static co_t notes_put_sets(struct co *co, struct notes_put_sets *f)
{
	const struct regset *set;

	CO_BEGIN;
	for (f->n = 1; (set = regset_nth(f->n)) != NULL; f->n++) {
		set->get(f->thread, f->scratch->regs);
		CO_AWAIT(f->err, note_put, .core = f->core, .scratch = f->scratch,
			 .name = set->type == NT_PRFPREG ? "CORE" : "LINUX", .type = set->type,
			 .from = f->scratch->regs, .n = set->size);
		if (f->err)
			CO_RETURN(f->err);
	}
	CO_RETURN(0);
	CO_END;
}

struct notes_put_thread {
	struct co_frame co;
	struct core *core;
	struct core_notes *scratch;
	struct thread *thread;
	long err;
};
static co_t notes_put_thread(struct co *co, struct notes_put_thread *f)
{
	struct core_notes *s = f->scratch;

	CO_BEGIN;
	notes_fill_status(s, f->core, f->thread);
	CO_AWAIT(f->err, note_put, .core = f->core, .scratch = s, .name = "CORE",
		 .type = NT_PRSTATUS, .from = &s->status, .n = sizeof(s->status));
	if (!f->err && f->thread == f->core->by)
		CO_AWAIT(f->err, notes_put_process, .core = f->core, .scratch = s);
	if (!f->err)
		CO_AWAIT(f->err, notes_put_sets, .core = f->core, .scratch = s,
			 .thread = f->thread);
	CO_RETURN(f->err);
	CO_END;
}

/* --- all --- */

u64 core_notes_size(struct core *c)
{
	u64 each = note_size(sizeof(struct notes_status)), all;
	const struct regset *set;

	for (unsigned n = 1; (set = regset_nth(n)) != NULL; n++)
		each += note_size(set->size);
	all = each * c->thread_count + note_size(sizeof(struct notes_info)) +
	      note_size(SIGINFO_SIZE) +
	      note_size(c->by->task.space->auxv_words * sizeof(u64));
	return notes_have_files(c) ? all + note_size(notes_files_size(c)) : all;
}

/* The thread after t that is shown, besides the one that dumps; t NULL: the first. None of them
 * goes away meanwhile. */
static struct thread *notes_next(const struct core *c, struct thread *t)
{
	struct process *p = c->by->process;
	struct list *at;

	spin_lock(&p->sig_lock);
	at = t == c->by ? p->threads.next : t->in_process.next;
	for (t = NULL; at != &p->threads; at = at->next) {
		t = list_entry(at, struct thread, in_process);
		if (t != c->by && core_shows(c, t))
			break;
		t = NULL;
	}
	spin_unlock(&p->sig_lock);
	return t;
}

co_t core_notes_write(struct co *co, struct core_notes_write *f)
{
	CO_BEGIN;
	f->scratch = kmalloc(sizeof(*f->scratch));
	if (!f->scratch)
		CO_RETURN(-ENOMEM);
	process_info(f->core->by->process, pid_ns_here(), &f->scratch->of);
	for (f->thread = f->core->by; f->thread; f->thread = notes_next(f->core, f->thread)) {
		CO_AWAIT(f->err, notes_put_thread, .core = f->core, .scratch = f->scratch,
			 .thread = f->thread);
		if (f->err)
			break;
		CO_BREATHE;
	}
	kfree(f->scratch);
	CO_RETURN(f->err);
	CO_END;
}
