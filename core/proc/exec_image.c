/* core/proc/exec_image.c -- program, interpreter, vDSO, heap and stack in a fresh space. */
#include "core/proc/exec_image.h"

#include <linux/mman.h>
#include <linux/personality.h>

#include "core/cred/cred.h"
#include "core/proc/core.h"
#include "core/proc/exec_stack.h"
#include "core/proc/internal.h"
#include "core/base/random.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "mem/space/shm.h"
#include "vfs/open.h"

#define DYN_BASE   (HAL_USER_END / 3 * 2)	/* where a PIE goes, and a random bit above */
#define DYN_RANDOM 0x3fffffful
#define BRK_RANDOM ((1ul << 30) - 1)

bool exec_image_is_random(const struct exec_image *im)
{
	u32 persona = atomic_load(&process_current()->personality) & ~im->clear_personality;

	return !(persona & ADDR_NO_RANDOMIZE);
}

u64 exec_image_random(const struct exec_image *im, u64 mask)
{
	return exec_image_is_random(im) ? random_u64() & mask : 0;
}

void exec_image_free(struct exec_image *im)
{
	if (!im)
		return;
	elf_drop(&im->main);
	elf_drop(&im->interp);
	file_put(im->file);
	file_put(im->interp_file);
	cred_put(im->cred);
	kfree(im);
}

/* The interpreter's path out of the program, and the file it names. */
struct exec_open_interp {
	struct co_frame co;
	struct exec_image *image;
	const Elf64_Phdr *p;
	long err;
};
static co_t exec_open_interp(struct co *co, struct exec_open_interp *f)
{
	struct exec_image *im = f->image;

	CO_BEGIN;
	f->p = elf_interpreter(&im->main);
	if (!f->p)
		CO_RETURN(0);
	if (f->p->p_filesz < 2 || f->p->p_filesz > sizeof(im->path))
		CO_RETURN(-ENOEXEC);
	CO_AWAIT(f->err, elf_pread, .file = im->file, .buf = im->path, .len = f->p->p_filesz,
		 .pos = f->p->p_offset);
	if (f->err == -ENOEXEC)
		f->err = -EIO;		/* the file ends before it */
	else if (!f->err && im->path[f->p->p_filesz - 1])
		f->err = -ENOEXEC;
	if (f->err)
		CO_RETURN(f->err);
	/* An empty name is the working directory, which no one executes: -EACCES. */
	CO_AWAIT(f->err, open_kernel, .dirfd = AT_FDCWD, .name = im->path,
		 .walk_flags = WALK_FOLLOW | WALK_EMPTY, .flags = O_RDONLY, .want = CRED_EXEC,
		 .file = &im->interp_file);
	if (f->err)
		CO_RETURN(f->err);
	if (inode_size(im->interp_file->inode) < sizeof(im->interp.head))
		CO_RETURN(-EIO);
	CO_AWAIT(f->err, elf_read, .elf = &im->interp, .file = im->interp_file);
	/* Whatever is wrong with it, the program's library is what is broken. */
	CO_RETURN(f->err == -ENOEXEC || f->err == -EINVAL ? -ELIBBAD : f->err);
	CO_END;
}

struct exec_map_vdso {
	struct co_frame co;
	struct exec_image *image;
	long at, err;
};
static co_t exec_map_vdso(struct co *co, struct exec_map_vdso *f)
{
	struct space *s = f->image->space;

	CO_BEGIN;
	if (!vdso_size())
		CO_RETURN(0);
	CO_AWAIT(f->at, space_map, .space = s, .len = vdso_size(), .prot = PROT_READ,
		 .flags = MAP_PRIVATE, .vma_flags = VMA_FIXED, .pager = vdso_data_pager());
	if (f->at < 0)
		CO_RETURN(f->at);
	CO_AWAIT(f->err, space_map, .space = s, .addr = (u64)f->at + PAGE_SIZE,
		 .len = vdso_size() - PAGE_SIZE, .prot = PROT_READ | PROT_EXEC,
		 .flags = MAP_PRIVATE | MAP_FIXED,
		 .vma_flags = VMA_FIXED | VMA_MAYEXEC | VMA_MAYWRITE,
		 .pager = vdso_image_pager());
	if (f->err < 0)
		CO_RETURN(f->err);
	s->vdso = (u64)f->at + PAGE_SIZE;
	CO_RETURN(0);
	CO_END;
}

static void exec_set_heap(struct exec_image *im)
{
	struct space *s = im->space;
	u64 start = PAGE_UP(im->main.bss_end);

	/* Without an interpreter a PIE lies among the mappings: its heap gets another place. */
	if (im->main.head.e_type == ET_DYN && !im->interp_file)
		start = DYN_BASE;
	start += PAGE_DOWN(exec_image_random(im, BRK_RANDOM));
	s->brk_start = s->brk = start;
	s->code_start = im->main.code_start;
	s->code_end = im->main.code_end;
	s->data_start = im->main.data_start;
	s->data_end = im->main.data_end;
	s->dumpable = im->dumpable ? SPACE_DUMP_USER :
				     (u8)atomic_load(&core_settings.suid_dumpable);
	s->user_level = im->user_level;
	if (task_current()->space)
		s->dump_filter = atomic_load(&task_current()->space->dump_filter);
}

static u64 exec_program_base(const struct exec_image *im)
{
	if (im->main.head.e_type != ET_DYN || !im->interp_file)
		return 0;
	return (DYN_BASE + (exec_image_random(im, DYN_RANDOM) << PAGE_SHIFT)) &
	       ~(im->main.align - 1);
}

co_t exec_image_build(struct co *co, struct exec_image_build *f)
{
	struct exec_image *im = f->image;

	CO_BEGIN;
	CO_AWAIT(f->err, elf_read, .elf = &im->main, .file = im->file);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, exec_open_interp, .image = im);
	if (f->err)
		CO_RETURN(f->err);
	im->space = space_new();
	if (!im->space)
		CO_RETURN(-ENOMEM);
	exec_stack_choose(im);
	CO_AWAIT(f->err, elf_map, .elf = &im->main, .space = im->space,
		 .base = exec_program_base(im));
	if (f->err)
		CO_RETURN(f->err);
	im->entry = im->main.bias + im->main.head.e_entry;
	if (im->interp_file) {
		CO_AWAIT(f->err, elf_map, .elf = &im->interp, .space = im->space);
		if (f->err)
			CO_RETURN(f->err);
		im->entry = im->interp.bias + im->interp.head.e_entry;
	}
	if (im->entry >= HAL_USER_END)
		CO_RETURN(-EINVAL);
	CO_AWAIT(f->err, exec_map_vdso, .image = im);
	if (f->err)
		CO_RETURN(f->err);
	exec_set_heap(im);
	CO_AWAIT(f->err, exec_stack_write, .image = im);
	CO_RETURN(f->err);
	CO_END;
}
