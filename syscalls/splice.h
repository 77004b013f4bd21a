/* syscalls/splice.h -- splice and tee between files. */
#ifndef SYSCALLS_SPLICE_H
#define SYSCALLS_SPLICE_H

#include "syscalls/syscall.h"
#include "vfs/file.h"

#define SPLICE_FLAGS 15u	/* SPLICE_F_* */

/* One end of it: its place, given or its own. */
struct splice_end {
	struct file *file;	/* borrowed */
	bool given;
	i64 place;
	bool pipe;
};

struct splice_run {
	struct splice_end in, out;
	u64 len;
	u32 flags;		/* within SPLICE_FLAGS */
};

/* How many bytes went through, or an error. */
struct splice_files {
	struct co_frame co;
	struct splice_run *run;
	struct uio uio;
	char *buf;
	long n;
};
co_t splice_files(struct co *co, struct splice_files *f);

struct splice_tee {
	struct co_frame co;
	struct splice_run *run;
	struct uio uio;
	char *buf;
	long n;
};
co_t splice_tee(struct co *co, struct splice_tee *f);

#endif
