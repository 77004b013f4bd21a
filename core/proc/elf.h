/* core/proc/elf.h -- ELF64 files: checked headers, and mapping them into a space.
 *
 * Ownership  elf_drop frees the program headers; the file is borrowed.
 */
#ifndef PROC_ELF_H
#define PROC_ELF_H

#include <linux/elf.h>

#include "core/proc/thread.h"
#include "mem/space/uio.h"

struct file;
struct space;

struct elf {
	struct file *file;
	Elf64_Ehdr head;
	Elf64_Phdr *phdrs;	/* head.e_phnum of them */
	u64 lo, hi;		/* addresses its segments span, page-aligned */
	u64 align;		/* the largest p_align, at least a page */
	u64 bias;		/* added to every address; elf_map sets it */
	u64 phdr_at;		/* where the program headers are in memory; 0: nowhere */
	u64 code_start, code_end, data_start, data_end, bss_end;
};

/* Exactly len bytes at pos: 0, -ENOEXEC if the file is shorter, or its error. */
struct elf_pread {
	struct co_frame co;
	struct file *file;
	void *buf;
	u64 len, pos;
	struct uio uio;
	long n;
};
co_t elf_pread(struct co *co, struct elf_pread *f);

/* Read and check the headers. -ENOEXEC for what is not a runnable arm64 ELF64. */
struct elf_read {
	struct co_frame co;
	struct elf *elf;
	struct file *file;
	long err;
};
co_t elf_read(struct co *co, struct elf_read *f);
void elf_drop(struct elf *elf);

/* The PT_INTERP header, or NULL. */
const Elf64_Phdr *elf_interpreter(const struct elf *elf);

/* Map the segments. ET_DYN: at `base` if it is not 0, else where mmap finds room. */
struct elf_map {
	struct co_frame co;
	struct elf *elf;
	struct space *space;
	u64 base;
	unsigned at;
	u64 start, file_end, end;
	struct pager *pager;
	long result;
};
co_t elf_map(struct co *co, struct elf_map *f);

#endif
