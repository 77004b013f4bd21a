/* fs/procfs/proc_smaps.c -- mappings with what of them is in memory: smaps, smaps_rollup. */
#include "fs/procfs/proc.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"

#define KIB(pages) ((pages) << (PAGE_SHIFT - 10))

static u64 share_kib(u64 share)
{
	return share >> (VMA_COUNT_SHIFT + 10);
}

static void show_row(struct text *to, const char *name, u64 kib)
{
	char label[32];

	format(label, sizeof(label), "%s:", name);
	text_add(to, "%-16s%8lu kB\n", label, kib);
}

/* What is counted. Zeros are of what does not happen here: no swap, no huge or merged pages. */
static void show_counts(struct text *to, const struct vma_count *c, u64 locked, bool rollup)
{
	static const char *const none[] = {
		"KSM", "LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped",
		"Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss",
	};

	show_row(to, "Rss", KIB(c->rss));
	show_row(to, "Pss", share_kib(c->pss));
	show_row(to, "Pss_Dirty", share_kib(c->pss_dirty));
	if (rollup) {
		show_row(to, "Pss_Anon", share_kib(c->pss_anon));
		show_row(to, "Pss_File", share_kib(c->pss_file));
		show_row(to, "Pss_Shmem", share_kib(c->pss_shm));
	}
	show_row(to, "Shared_Clean", KIB(c->shared_clean));
	show_row(to, "Shared_Dirty", KIB(c->shared_dirty));
	show_row(to, "Private_Clean", KIB(c->private_clean));
	show_row(to, "Private_Dirty", KIB(c->private_dirty));
	show_row(to, "Anonymous", KIB(c->anon));
	for (size_t n = 0; n < ARRAY_SIZE(none); n++)
		show_row(to, none[n], 0);
	show_row(to, "Locked", share_kib(locked));
}

static void show_flags(struct text *to, u32 flags)
{
	static const struct {
		u32 flag;
		const char *name;
	} names[] = {
		{VMA_READ, "rd"}, {VMA_WRITE, "wr"}, {VMA_EXEC, "ex"}, {VMA_SHARED, "sh"},
		{0, "mr"}, {VMA_MAYWRITE, "mw"}, {VMA_MAYEXEC, "me"}, {VMA_GROWSDOWN, "gd"},
		{VMA_LOCKED, "lo"}, {VMA_DONTFORK, "dc"}, {VMA_ONFAULT, "lf"},
		{VMA_NORESERVE, "nr"}, {VMA_WIPEONFORK, "wf"}, {VMA_DONTDUMP, "dd"},
		{VMA_UF_MISSING, "um"}, {VMA_UF_WP, "uw"}, {VMA_UF_MINOR, "ui"}, {VMA_SEALED, "sl"},
	};

	text_add(to, "VmFlags:");
	for (size_t n = 0; n < ARRAY_SIZE(names); n++)
		if (!names[n].flag || (flags & names[n].flag))
			text_add(to, " %s", names[n].name);
	text_add(to, " \n");
}

static void show_sizes(struct text *to, const struct vma_info *v, const struct vma_count *c)
{
	show_row(to, "Size", (v->end - v->start) >> 10);
	show_row(to, "KernelPageSize", PAGE_SIZE >> 10);
	show_row(to, "MMUPageSize", PAGE_SIZE >> 10);
	show_counts(to, c, v->flags & VMA_LOCKED ? c->pss : 0, false);
	text_add(to, "THPeligible:    %8d\n", 0);
	show_flags(to, v->flags);
}

static void add_counts(struct vma_count *to, const struct vma_count *c)
{
	to->rss += c->rss;
	to->anon += c->anon;
	to->shared_clean += c->shared_clean;
	to->shared_dirty += c->shared_dirty;
	to->private_clean += c->private_clean;
	to->private_dirty += c->private_dirty;
	to->pss += c->pss;
	to->pss_dirty += c->pss_dirty;
	to->pss_anon += c->pss_anon;
	to->pss_file += c->pss_file;
	to->pss_shm += c->pss_shm;
}

/* Large, so not in the frame. */
struct smaps {
	struct vma_info info;
	struct vma_count count, sum;
	u64 locked, first;
};

struct proc_smaps {
	struct proc_generate;
	struct space *space;
	struct smaps *s;
	u64 at;
	bool rollup;
	long more;
};
static co_t proc_smaps(struct co *co, struct proc_smaps *f)
{
	CO_BEGIN;
	f->space = process_space(f->who->process);
	if (!f->space)
		CO_RETURN(f->rollup ? -ESRCH : 0);
	f->s = kzalloc(sizeof(*f->s));
	f->more = f->s ? 1 : -ENOMEM;
	while (f->more > 0) {
		CO_AWAIT(f->more, space_info, .space = f->space, .addr = f->at,
			 .info = &f->s->info);
		if (f->more <= 0)
			break;
		f->at = f->s->info.end;
		f->s->count = (struct vma_count){};
		CO_AWAIT(f->more, space_count, .space = f->space, .at = f->s->info.start,
			 .end = f->s->info.end, .count = &f->s->count);
		f->more = 1;
		if (!f->s->sum.rss && !f->s->first)
			f->s->first = f->s->info.start;
		add_counts(&f->s->sum, &f->s->count);
		if (f->s->info.flags & VMA_LOCKED)
			f->s->locked += f->s->count.pss;
		if (!f->rollup) {
			proc_maps_show(f->space, &f->s->info, f->text);
			show_sizes(f->text, &f->s->info, &f->s->count);
		}
		CO_BREATHE;
	}
	if (!f->more && f->rollup) {
		text_add(f->text, "%08lx-%08lx ---p 00000000 00:00 0 %25s[rollup]\n",
			 f->s->first, f->at, "");
		show_counts(f->text, &f->s->sum, f->s->locked, true);
	}
	kfree(f->s);
	space_put(f->space);
	CO_RETURN(f->more);
	CO_END;
}

struct proc_rollup {
	struct proc_smaps;
};
static co_t proc_rollup(struct co *co, struct proc_rollup *f)
{
	if (!f->co.at)
		f->rollup = true;
	return proc_smaps(co, (struct proc_smaps *)f);
}

const struct proc_generate_op proc_smaps_op = CO_IMPLEMENTS(proc_generate, proc_smaps);
const struct proc_generate_op proc_rollup_op = CO_IMPLEMENTS(proc_generate, proc_rollup);
