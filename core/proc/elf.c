/* core/proc/elf.c */
#include "core/proc/elf.h"

#include <linux/mman.h>

#include "core/base/log.h"
#include "mem/phys/slab.h"
#include "mem/space/pin.h"
#include "mem/space/space.h"
#include "vfs/file.h"

#define ELF_MAX_PHDRS (65536 / sizeof(Elf64_Phdr))

co_t elf_pread(struct co *co, struct elf_pread *f)
{
	CO_BEGIN;
	f->uio = uio_kernel(f->buf, f->len);
	while (f->uio.left) {
		CO_AWAIT(f->n, file_read, .file = f->file, .uio = &f->uio,
			 .pos = (i64)(f->pos + f->len - f->uio.left));
		if (f->n < 0)
			CO_RETURN(f->n);
		if (f->n == 0)
			CO_RETURN(-ENOEXEC);
	}
	CO_RETURN(0);
	CO_END;
}

static int elf_check_head(const Elf64_Ehdr *h)
{
	/* The machine says it all: like Linux, nothing else of e_ident is looked at. */
	if (memcmp(h->e_ident, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC;
	if (h->e_machine != EM_AARCH64 || h->e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	if (!h->e_phnum || h->e_phnum > ELF_MAX_PHDRS)
		return -ENOEXEC;
	return 0;
}

/* One PT_LOAD: sane by itself and after those before it. */
static int elf_check_load(struct elf *elf, const Elf64_Phdr *p)
{
	u64 end, file_end;

	if (p->p_filesz > p->p_memsz || add_overflows(p->p_vaddr, p->p_memsz, &end) ||
	    add_overflows(p->p_offset, p->p_filesz, &file_end) || file_end > INT64_MAX ||
	    end > HAL_USER_END)
		return -EINVAL;
	if ((p->p_vaddr ^ p->p_offset) & ~PAGE_MASK)
		return -EINVAL;
	elf->lo = min(elf->lo, PAGE_DOWN(p->p_vaddr));
	elf->hi = max(elf->hi, PAGE_UP(end));
	if (p->p_align > PAGE_SIZE && bits_is_power(p->p_align) && p->p_align <= (1ul << 30))
		elf->align = max(elf->align, p->p_align);
	/* Headers inside the segment's file part are seen in memory. */
	if (elf->head.e_phoff >= p->p_offset && elf->head.e_phoff < file_end)
		elf->phdr_at = elf->head.e_phoff - p->p_offset + p->p_vaddr;
	return 0;
}

static int elf_check_phdrs(struct elf *elf)
{
	bool any = false;
	int err;

	elf->lo = UINT64_MAX;
	elf->hi = 0;
	elf->align = PAGE_SIZE;
	for (unsigned i = 0; i < elf->head.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->phdrs[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (!p->p_memsz)
			continue;
		err = elf_check_load(elf, p);
		if (err)
			return err;
		any = true;
	}
	return any ? 0 : -ENOEXEC;
}

co_t elf_read(struct co *co, struct elf_read *f)
{
	struct elf *elf = f->elf;
	size_t size;

	CO_BEGIN;
	*elf = (struct elf){.file = f->file};
	CO_AWAIT(f->err, elf_pread, .file = f->file, .buf = &elf->head, .len = sizeof(elf->head));
	if (!f->err)
		f->err = elf_check_head(&elf->head);
	if (f->err)
		CO_RETURN(f->err);
	size = elf->head.e_phnum * sizeof(*elf->phdrs);
	if (elf->head.e_phoff > INT64_MAX - size)
		CO_RETURN(-ENOEXEC);
	elf->phdrs = kmalloc(size);
	if (!elf->phdrs)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, elf_pread, .file = f->file, .buf = elf->phdrs,
		 .len = elf->head.e_phnum * sizeof(*elf->phdrs), .pos = elf->head.e_phoff);
	if (!f->err)
		f->err = elf_check_phdrs(elf);
	if (f->err)
		elf_drop(elf);
	CO_RETURN(f->err);
	CO_END;
}

void elf_drop(struct elf *elf)
{
	kfree(elf->phdrs);
	elf->phdrs = NULL;
}

const Elf64_Phdr *elf_interpreter(const struct elf *elf)
{
	for (unsigned i = 0; i < elf->head.e_phnum; i++)
		if (elf->phdrs[i].p_type == PT_INTERP)
			return &elf->phdrs[i];
	return NULL;
}

static u32 elf_prot(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* What /proc shows and where brk starts. */
static void elf_note_segment(struct elf *elf, const Elf64_Phdr *p)
{
	u64 start = elf->bias + p->p_vaddr;

	if ((p->p_flags & PF_X) && (!elf->code_end || start < elf->code_start))
		elf->code_start = start;
	if (p->p_flags & PF_X)
		elf->code_end = max(elf->code_end, start + p->p_filesz);
	elf->data_start = max(elf->data_start, start);
	elf->data_end = max(elf->data_end, start + p->p_filesz);
	elf->bss_end = max(elf->bss_end, start + p->p_memsz);
}

#define ELF_FIXED (MAP_PRIVATE | MAP_FIXED)

/* Where an ET_DYN goes when it may go anywhere: find room for all of it, then let it go; the
 * space is not in use yet, so the room stays. */
struct elf_place {
	struct co_frame co;
	struct elf *elf;
	struct space *space;
	u64 len;
	long at, ignored;
};
static co_t elf_place(struct co *co, struct elf_place *f)
{
	CO_BEGIN;
	f->len = f->elf->hi - f->elf->lo + f->elf->align - PAGE_SIZE;
	CO_AWAIT(f->at, space_map, .space = f->space, .len = f->len, .prot = PROT_NONE,
		 .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
	if (f->at < 0)
		CO_RETURN(f->at);
	CO_AWAIT(f->ignored, space_unmap, .space = f->space, .addr = (u64)f->at, .len = f->len);
	CO_RETURN((long)round_up((u64)f->at, f->elf->align));
	CO_END;
}

static u8 elf_zeros[PAGE_SIZE];

/* One segment: its file part, the rest of that page zeroed, the pages after it anonymous. */
struct elf_map_segment {
	struct co_frame co;
	struct elf *elf;
	struct space *space;
	const Elf64_Phdr *p;
	u64 start, file_end, end;
	struct pager *pager;
	long err;
};
static co_t elf_map_segment(struct co *co, struct elf_map_segment *f)
{
	const Elf64_Phdr *p = f->p;

	CO_BEGIN;
	f->start = f->elf->bias + p->p_vaddr;
	f->file_end = f->start + p->p_filesz;
	f->end = f->start + p->p_memsz;
	if (p->p_filesz) {
		f->err = file_mmap(f->elf->file, PAGE_DOWN(p->p_offset),
				   PAGE_UP(f->file_end) - PAGE_DOWN(f->start), false, false,
				   &f->pager);
		if (f->err)
			CO_RETURN(f->err);
		CO_AWAIT(f->err, space_map, .space = f->space, .addr = PAGE_DOWN(f->start),
			 .len = PAGE_UP(f->file_end) - PAGE_DOWN(f->start), .prot = elf_prot(p),
			 .flags = ELF_FIXED, .vma_flags = VMA_MAYWRITE | VMA_MAYEXEC,
			 .pager = f->pager, .file = f->elf->file,
			 .pgoff = p->p_offset >> PAGE_SHIFT);
		f->pager->ops->put(f->pager);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (f->end > f->file_end && (f->file_end & ~PAGE_MASK) && (p->p_flags & PF_W)) {
			CO_AWAIT(f->err, space_access, .space = f->space,
				 .addr = uptr_of(f->file_end), .buf = elf_zeros,
				 .len = PAGE_UP(f->file_end) - f->file_end, .write = true);
			if (f->err < 0)
				CO_RETURN(f->err);
		}
		f->start = PAGE_UP(f->file_end);
	}
	if (PAGE_UP(f->end) > PAGE_DOWN(f->start)) {
		CO_AWAIT(f->err, space_map, .space = f->space, .addr = PAGE_DOWN(f->start),
			 .len = PAGE_UP(f->end) - PAGE_DOWN(f->start), .prot = elf_prot(p),
			 .flags = ELF_FIXED | MAP_ANONYMOUS);
		if (f->err < 0)
			CO_RETURN(f->err);
	}
	elf_note_segment(f->elf, p);
	CO_RETURN(0);
	CO_END;
}

co_t elf_map(struct co *co, struct elf_map *f)
{
	struct elf *elf = f->elf;

	CO_BEGIN;
	f->result = (long)elf->lo;
	if (elf->head.e_type == ET_DYN) {
		f->result = (long)round_up(f->base, elf->align);
		if (!f->base)
			CO_AWAIT(f->result, elf_place, .elf = elf, .space = f->space);
		if (f->result < 0)
			CO_RETURN(f->result);
	}
	elf->bias = (u64)f->result - elf->lo;
	for (f->at = 0; f->at < elf->head.e_phnum; f->at++) {
		if (elf->phdrs[f->at].p_type != PT_LOAD || !elf->phdrs[f->at].p_memsz)
			continue;
		CO_AWAIT(f->result, elf_map_segment, .elf = elf, .space = f->space,
			 .p = &elf->phdrs[f->at]);
		if (f->result < 0)
			CO_RETURN(f->result);
	}
	if (elf->phdr_at)
		elf->phdr_at += elf->bias;
	CO_RETURN(0);
	CO_END;
}
