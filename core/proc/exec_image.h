/* core/proc/exec_image.h -- a new program's space, built completely beside the old one. */
#ifndef PROC_EXEC_IMAGE_H
#define PROC_EXEC_IMAGE_H

#include "core/proc/elf.h"
#include "core/proc/exec_args.h"

#define EXEC_HEAD_SIZE 256	/* what of a file decides its kind; BINPRM_BUF_SIZE */
#define EXEC_WORDS     64	/* of the stack's table written at a time */

struct exec_image {
	struct elf main, interp;
	struct file *file, *interp_file;	/* owned */
	struct exec_args *args;			/* borrowed */
	const char *name;			/* AT_EXECFN; borrowed */
	struct space *space;			/* owned until it is used */
	struct cred *cred;			/* owned: after the exec */
	bool secure, dumpable;
	u8 user_level;		/* of the space that is built */
	u32 clear_personality;
	u64 entry, sp;

	/* the stack, from the top down */
	u64 stack_top, name_at, strings_at, prefix_at, platform_at, random_at;
	u64 stack_limit;
	struct {
		u64 word;		/* next of the table */
		u64 offset;		/* next string in the pages */
	} table;
	u64 words[EXEC_WORDS];
	u8 random[16];
	char head[EXEC_HEAD_SIZE];
	char path[4096];
};

struct exec_image_build {
	struct co_frame co;
	struct exec_image *image;
	u64 at;
	long err;
	u64 len;
};
/* From image->file (an ELF), args, name, cred: 0, or a negative errno and nothing kept but
 * what exec_image_free frees. */
co_t exec_image_build(struct co *co, struct exec_image_build *f);

/* image->file's program: whose rights it gets (cred, secure, dumpable), set-id bits and file
 * capabilities considered. -EPERM for one that cannot have what it needs, -EAGAIN for a user
 * with too many processes. */
struct exec_rights {
	struct co_frame co;
	struct exec_image *image;
	u32 caps[6];		/* security.capability */
	long n;
};
co_t exec_rights(struct co *co, struct exec_rights *f);

/* Where things go is random, but for who asked for the same places every time (0 then). */
bool exec_image_is_random(const struct exec_image *im);
u64 exec_image_random(const struct exec_image *im, u64 mask);

/* Drops what it owns; the space through exec_image_leave before. */
void exec_image_free(struct exec_image *image);

#endif
