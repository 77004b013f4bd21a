/* core/proc/exec_stack.c -- the new program's stack, as the ABI wants it at the entry:
 *
 *	stack_top  8 zero bytes, the file's name, environment strings, argument strings,
 *	           platform name, 16 random bytes,
 *	           auxv, 0, environment pointers, 0, argument pointers
 *	sp ->      the number of arguments
 */
#include "core/proc/exec_stack.h"

#include <asm/auxvec.h>
#include <linux/auxvec.h>
#include <linux/mman.h>

#include "core/cred/cred.h"
#include "core/proc/internal.h"
#include "core/base/random.h"
#include "hal/machine.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"

#define STACK_EXTRA   (128ul << 10)	/* mapped below what is written */
#define STACK_RANDOM  0x3fffful		/* pages the top may lie lower */
#define MMAP_RANDOM   0x3fffffful
#define MIN_SIGSTACK  4720		/* AT_MINSIGSTKSZ: a frame and its alignment */

static const char platform[] = "aarch64";

static u32 exec_argc(const struct exec_args *a)
{
	return a->prefix_count + a->argc - (a->skip_first && a->argc);
}

static u64 exec_prefix_bytes(const struct exec_args *a)
{
	u64 n = 0;

	for (unsigned i = 0; i < a->prefix_count; i++)
		n += strlen(a->prefix[i]) + 1;
	return n;
}

/* --- auxv --- */

static void aux(struct space *s, u64 type, u64 value)
{
	s->auxv[s->auxv_words++] = type;
	s->auxv[s->auxv_words++] = value;
}

/* In Linux's order; LD_SHOW_AUXV=1 shows it. */
static void exec_fill_auxv(struct exec_image *im)
{
	struct space *s = im->space;
	const struct cred *c = im->cred;

	s->auxv_words = 0;
	if (s->vdso)
		aux(s, AT_SYSINFO_EHDR, s->vdso);
	aux(s, AT_MINSIGSTKSZ, MIN_SIGSTACK);
	aux(s, AT_HWCAP, hal_machine.hwcap);
	aux(s, AT_PAGESZ, PAGE_SIZE);
	aux(s, AT_CLKTCK, 100);
	aux(s, AT_PHDR, im->main.phdr_at);
	aux(s, AT_PHENT, sizeof(Elf64_Phdr));
	aux(s, AT_PHNUM, im->main.head.e_phnum);
	aux(s, AT_BASE, im->interp_file ? im->interp.bias : 0);
	aux(s, AT_FLAGS, 0);
	aux(s, AT_ENTRY, im->main.bias + im->main.head.e_entry);
	aux(s, AT_UID, user_ns_shown(c->ns, USER_UIDS, c->uid));
	aux(s, AT_EUID, user_ns_shown(c->ns, USER_UIDS, c->euid));
	aux(s, AT_GID, user_ns_shown(c->ns, USER_GIDS, c->gid));
	aux(s, AT_EGID, user_ns_shown(c->ns, USER_GIDS, c->egid));
	aux(s, AT_SECURE, im->secure);
	aux(s, AT_RANDOM, im->random_at);
	aux(s, AT_HWCAP2, hal_machine.hwcap2);
	aux(s, AT_EXECFN, im->name_at);
	aux(s, AT_PLATFORM, im->platform_at);
	aux(s, AT_RSEQ_FEATURE_SIZE, 28);
	aux(s, AT_RSEQ_ALIGN, 32);
	aux(s, AT_NULL, 0);
}

/* --- layout --- */

static u64 exec_table_words(const struct exec_image *im)
{
	return 1 + exec_argc(im->args) + 1 + im->args->envc + 1 + im->space->auxv_words;
}

/* Decide every address. The auxv's length does not depend on its values. */
static void exec_layout(struct exec_image *im)
{
	const struct exec_args *a = im->args;
	u64 at = im->stack_top - 8;

	at -= strlen(im->name) + 1;
	im->name_at = at;
	at -= a->bytes;
	im->strings_at = at;
	at -= exec_prefix_bytes(a);
	im->prefix_at = at;
	at = (at & ~15ul) - exec_image_random(im, 0x1ff0);
	at -= sizeof(platform);
	im->platform_at = at;
	at -= sizeof(im->random);
	im->random_at = at;
	exec_fill_auxv(im);
	im->sp = (at - exec_table_words(im) * sizeof(u64)) & ~15ul;
	im->space->stack_start = im->sp;
	im->space->arg_start = im->prefix_at;
	im->space->env_end = im->name_at;
}

/* How high the stack may start and where mmap begins below it. */
void exec_stack_choose(struct exec_image *im)
{
	u64 gap = im->stack_limit, max_gap = HAL_USER_END / 6 * 5;

	im->stack_top = HAL_USER_END - (exec_image_random(im, STACK_RANDOM) << PAGE_SHIFT);
	gap += SPACE_STACK_GAP;
	if (exec_image_is_random(im))
		gap += STACK_RANDOM << PAGE_SHIFT;
	gap = max(min(gap, max_gap), 128ul << 20);
	im->space->mmap_base = PAGE_DOWN(HAL_USER_END - gap) -
			       (exec_image_random(im, MMAP_RANDOM) << PAGE_SHIFT);
}

/* --- the table's words, one after the other --- */

/* The offset of the next string in the pages; moves past it. */
static u64 exec_next_string(struct exec_image *im)
{
	const struct exec_args *a = im->args;
	u64 start = im->table.offset, at = start;

	while (at < a->bytes) {
		const char *page = phys_page_data(a->pages[at >> PAGE_SHIFT]);
		const char *from = page + (at & ~PAGE_MASK);
		size_t room = min(PAGE_SIZE - (at & ~PAGE_MASK), a->bytes - at);
		const char *nul = memchr(from, 0, room);

		if (nul) {
			at += (u64)(nul - from) + 1;
			break;
		}
		at += room;
	}
	im->table.offset = at;
	return start;
}

static u64 exec_prefix_address(const struct exec_image *im, u64 n)
{
	u64 at = im->prefix_at;

	for (u64 i = 0; i < n; i++)
		at += strlen(im->args->prefix[i]) + 1;
	return at;
}

static u64 exec_word(struct exec_image *im)
{
	const struct exec_args *a = im->args;
	u64 n = im->table.word++, argc = exec_argc(a);

	if (n == 0) {
		if (a->skip_first && a->argc)
			exec_next_string(im);
		return argc;
	}
	n--;
	if (n < a->prefix_count)
		return exec_prefix_address(im, n);
	if (n < argc)
		return im->strings_at + exec_next_string(im);
	n -= argc;
	if (n == 0) {
		im->space->arg_end = im->space->env_start = im->strings_at + im->table.offset;
		return 0;
	}
	n--;
	if (n < a->envc)
		return im->strings_at + exec_next_string(im);
	n -= a->envc;
	return n == 0 ? 0 : im->space->auxv[n - 1];
}

static u64 exec_fill_words(struct exec_image *im)
{
	u64 left = exec_table_words(im) - im->table.word, n = min(left, (u64)EXEC_WORDS);

	for (u64 i = 0; i < n; i++)
		im->words[i] = exec_word(im);
	return n;
}

/* --- writing --- */

co_t exec_stack_write(struct co *co, struct exec_stack_write *f)
{
	struct exec_image *im = f->image;
	struct exec_args *a = im->args;

	CO_BEGIN;
	exec_layout(im);
	f->len = PAGE_UP(im->stack_top - im->sp + STACK_EXTRA);
	CO_AWAIT(f->err, space_map, .space = im->space, .addr = im->stack_top - f->len,
		 .len = f->len, .prot = PROT_READ | PROT_WRITE, .vma_flags = VMA_GROWSDOWN,
		 .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN);
	if (f->err < 0)
		CO_RETURN(f->err);
	random_bytes(im->random, sizeof(im->random));
	CO_AWAIT(f->err, space_access, .space = im->space, .addr = uptr_of(im->name_at),
		 .buf = (void *)im->name, .len = strlen(im->name) + 1, .write = true);
	if (f->err < 0)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, space_access, .space = im->space, .addr = uptr_of(im->platform_at),
		 .buf = (void *)platform, .len = sizeof(platform), .write = true);
	if (f->err < 0)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, space_access, .space = im->space, .addr = uptr_of(im->random_at),
		 .buf = im->random, .len = sizeof(im->random), .write = true);
	if (f->err < 0)
		CO_RETURN(f->err);
	for (f->at = 0; f->at < a->prefix_count; f->at++) {
		CO_AWAIT(f->err, space_access, .space = im->space,
			 .addr = uptr_of(exec_prefix_address(im, f->at)), .buf = a->prefix[f->at],
			 .len = strlen(a->prefix[f->at]) + 1, .write = true);
		if (f->err < 0)
			CO_RETURN(f->err);
	}
	for (f->at = 0; f->at < a->bytes; f->at += PAGE_SIZE) {
		CO_AWAIT(f->err, space_access, .space = im->space,
			 .addr = uptr_of(im->strings_at + f->at),
			 .buf = phys_page_data(a->pages[f->at >> PAGE_SHIFT]),
			 .len = min(PAGE_SIZE, a->bytes - f->at), .write = true);
		if (f->err < 0)
			CO_RETURN(f->err);
		CO_BREATHE;
	}
	f->at = im->sp;
	while ((f->len = exec_fill_words(im))) {
		CO_AWAIT(f->err, space_access, .space = im->space, .addr = uptr_of(f->at),
			 .buf = im->words, .len = f->len * sizeof(u64), .write = true);
		if (f->err < 0)
			CO_RETURN(f->err);
		f->at += f->len * sizeof(u64);
		CO_BREATHE;
	}
	CO_RETURN(0);
	CO_END;
}
