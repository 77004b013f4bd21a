/* fs/procfs/proc_numa.c -- /proc/<pid>/numa_maps: mappings with where their pages are. There is
 * one node. */
#include <linux/mempolicy.h>

#include "core/proc/extra.h"
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"

static void show_path(struct text *to, const char *path, size_t len)
{
	text_add(to, " file=");
	for (size_t i = 0; i < len; i++)
		if (strchr("\n\t= ", path[i]))
			text_add(to, "\\%03o", (unsigned)(u8)path[i]);
		else
			text_put(to, &path[i], 1);
}

static const char *policy_name(int mode)
{
	static const char *const names[] = {
		[MPOL_DEFAULT] = "default", [MPOL_PREFERRED] = "prefer", [MPOL_BIND] = "bind",
		[MPOL_INTERLEAVE] = "interleave", [MPOL_LOCAL] = "local",
		[MPOL_PREFERRED_MANY] = "prefer (many)", [6] = "weighted interleave",
	};

	return names[mode];
}

/* All that name nodes name node 0, as far as there are any. */
static void show_policy(struct text *to, struct policy p)
{
	int mode = policy_mode(p);
	int own = mode & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);
	int balancing = mode & MPOL_F_NUMA_BALANCING;

	mode &= ~(own | balancing);
	text_add(to, "%s", policy_name(mode));
	if (own || balancing)
		text_add(to, "=%s%s%s",
			 own & MPOL_F_STATIC_NODES ? "static" : own ? "relative" : "",
			 own && balancing ? "|" : "", balancing ? "balancing" : "");
	if (policy_is_set(p) && mode != MPOL_LOCAL)
		text_add(to, ":0");
}

/* Of what has none of its own: the process's first thread's. */
static struct policy usual_policy(const struct proc_subject *who)
{
	struct task *t = process_task(who->process, who->ns,
				      who->tid ? who->tid : pid_nr(who->process->pid, who->ns));
	struct policy policy = {};

	if (t) {
		policy = extra_policy(thread_of(t));
		task_put(t);
	}
	return policy;
}

static void show_kind(struct text *to, const struct space *s, const struct vma_info *v)
{
	if (v->path_len && v->path[0] == '/')
		show_path(to, v->path, v->path_len);
	else if (v->start < s->brk && v->end > s->brk_start)
		text_add(to, " heap");
	else if (v->start <= s->stack_start && s->stack_start < v->end)
		text_add(to, " stack");
}

static void show_pages(struct text *to, const struct vma_count *c)
{
	u64 dirty = c->shared_dirty + c->private_dirty;

	if (c->anon)
		text_add(to, " anon=%lu", c->anon);
	if (dirty)
		text_add(to, " dirty=%lu", dirty);
	if (c->rss != c->anon && c->rss != dirty)
		text_add(to, " mapped=%lu", c->rss);
	if (c->most_mappings > 1)
		text_add(to, " mapmax=%lu", c->most_mappings);
	if (c->active < c->rss)
		text_add(to, " active=%lu", c->active);
	text_add(to, " N0=%lu kernelpagesize_kB=%lu", c->rss, PAGE_SIZE >> 10);
}

/* Large, so not in the frame. */
struct numa_row {
	struct vma_info info;
	struct vma_count count;
};

struct proc_numa {
	struct proc_generate;
	struct space *space;
	struct numa_row *row;
	struct policy usual;
	u64 at;
	long more, ignored;
};
static co_t proc_numa(struct co *co, struct proc_numa *f)
{
	CO_BEGIN;
	f->space = process_space(f->who->process);
	if (!f->space)
		CO_RETURN(0);
	f->usual = usual_policy(f->who);
	f->row = kmalloc(sizeof(*f->row));
	f->more = f->row ? 1 : -ENOMEM;
	while (f->more > 0) {
		CO_AWAIT(f->more, space_info, .space = f->space, .addr = f->at,
			 .info = &f->row->info);
		if (f->more <= 0)
			break;
		f->at = f->row->info.end;
		f->row->count = (struct vma_count){};
		CO_AWAIT(f->ignored, space_count, .space = f->space, .at = f->row->info.start,
			 .end = f->row->info.end, .count = &f->row->count);
		text_add(f->text, "%08lx ", f->row->info.start);
		show_policy(f->text, policy_is_set(f->row->info.policy) ? f->row->info.policy
									: f->usual);
		show_kind(f->text, f->space, &f->row->info);
		if (f->row->count.rss)
			show_pages(f->text, &f->row->count);
		text_put(f->text, "\n", 1);
		CO_BREATHE;
	}
	kfree(f->row);
	space_put(f->space);
	CO_RETURN(f->more);
	CO_END;
}

const struct proc_generate_op proc_numa_op = CO_IMPLEMENTS(proc_generate, proc_numa);
