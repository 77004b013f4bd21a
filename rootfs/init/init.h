/* rootfs/init/init.h -- the first process: the same binary on Linux and on Lichen.
 *
 * It is /init of the initial RAM file system. It makes a root out of what the kernel's
 * command line names, then either gives the console to a shell or runs one job and
 * reports over the console (frame.c says how), and powers off.
 *
 * Errors     A step the system can do without prints one line and is skipped (warn); a
 *            step it cannot do without prints one and powers off (die).
 */
#ifndef INIT_H
#define INIT_H

#include <stdbool.h>
#include <stddef.h>

/* What the kernel's command line says, after "lichen." */
struct options {
	char mode[16];		/* shell or exec */
	char root[64];		/* block device, or none: stay in the initial file system */
	char rootfstype[16];
	char job[64];		/* block device that holds the job, for exec */
	char tty[64];		/* the last console= */
	char term[64];		/* TERM of the shell */
	int rows, columns;	/* of the terminal; 0: unknown */
	bool persist;		/* mount the root itself writable, no overlay */
};

/* A job: NUL-terminated "key=value" strings as the archive's first member. */
struct job {
	char *cwd;
	char **argv, **envp, **get;	/* each NULL-terminated */
};

enum { NUMBER_MAX = 12 };		/* a decimal int with its NUL */

/* options.c */
void options_read(struct options *options);

/* say.c -- the console before and beside the job */
void say_open(const char *tty);
int say_fd(void);
void say_framed(void);			/* from now on die() also sends a frame */
void warn(const char *what, const char *why);
[[noreturn]] void die(const char *what, const char *why);
char *number(char text[static NUMBER_MAX], int value);

/* frame.c */
enum frame_type {
	FRAME_OUT, FRAME_ERR,		/* what the job wrote */
	FRAME_GET, FRAME_GOT,		/* a piece of a wanted file; its end: an errno or 0 */
	FRAME_STATUS,			/* "exit N" or "signal N": the last frame */
	FRAME_DIED,			/* init gave up: why */
};
void frame_send(int fd, enum frame_type type, const void *data, size_t size);

/* mounts.c */
void mounts_early(void);
void mounts_root(const struct options *options);
void mounts_late(void);
bool wait_for(const char *device);

/* network.c */
void network_up(void);

/* modules.c */
void modules_insert(void);

/* archive.c */
char *archive_take(const char *device, size_t *size);	/* the job; extracts the rest */

/* job.c, shell.c: run, then return; self is this program, open */
void job_run(const struct options *options);
void shell_run(const struct options *options, int self);

/* power.c */
void power_settle(void);		/* end every process, write everything back */
[[noreturn]] void power_off(void);

#endif
