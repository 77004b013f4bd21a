/* tests/guest/abuse/calls.h -- the words that the tables of calls (*.def) are written in.
 *
 *	COUNT(read, FD(FILE_RW), OUT(16), LEN(16))
 *
 * is a call and the arguments of a harmless use of it. The program makes that call, and then
 * again with each argument in turn replaced by every hostile value of its kind. COUNT shows
 * the result of a call that succeeds, CALL only that it did (a pid, an address). A call may
 * have several rows. Each try has a process, a folder and open descriptors of its own, so a
 * row may do to itself what it likes, but nothing that reaches others.
 *
 * Addresses and descriptors are constants, so that rows are constant data.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stdint.h>

enum kind {
	NO_ARGUMENT,
	KIND_VALUE,	/* passed as it is, never varied */
	KIND_TEXT,	/* a string, never varied */
	KIND_FD,	/* a descriptor; AT_FDCWD is one for some */
	KIND_IN,	/* memory that the call reads */
	KIND_OUT,	/* memory that the call writes */
	KIND_PATH,	/* a path that the call only looks at */
	KIND_NAME,	/* a path or string; no variant of it means anything outside the folder */
	KIND_LENGTH,	/* bytes */
	KIND_COUNT,	/* entries: an int */
	KIND_OFFSET,	/* a place in a file */
	KIND_FLAGS,	/* bits: each is flipped */
	KIND_INT,	/* one of a few numbers */
	KIND_PID,	/* self; never everybody */
	KIND_ADDRESS,	/* of mapped pages */
	KIND_ID,	/* of a System V object of the try's own: value is which */
	KIND_TIME,	/* a struct timespec that the call reads */
};

struct argument {
	enum kind kind;
	uint64_t value;		/* or how many bytes, where memory is written */
	const void *data;	/* what the memory holds before the call */
	uint64_t size;
};

enum { ARGUMENTS_MAX = 6 };

struct call {
	const char *name;
	long number;
	bool counts;
	struct argument args[ARGUMENTS_MAX];
};

/* Descriptors that are open, and one that is not. */
enum {
	FILE_RW = 20, FILE_R, FILE_W, FOLDER, PATH_ONLY, PIPE_R, PIPE_W, NULL_DEV, TERMINAL,
	EVENT, EPOLL, SOCKET, SOCKET_PEER, QUEUE, FD_END, CLOSED = 50,
};

/* Memory. Argument i owns AREA(i): two pages that may be written, then nothing. */
#define PAGE		4096ull
#define AREA(i)		(0x7000000000ull + (i) * 16 * PAGE)
#define EXTRA		AREA(8)			/* as above, of no argument */
#define READ_ONLY	AREA(10)		/* one page, zero but for "file" at its start */
#define NO_ACCESS	AREA(11)		/* one page */
#define UNMAPPED	AREA(12)
#define PAGES		AREA(14)		/* eight pages, for calls about mappings */
#define KERNEL		0xffff000000000000ull
#define KERNEL_TOP	0xfffffffffffff000ull
#define USER_TOP	0x0001000000000000ull	/* the first address that is not the user's */
#define TAG		0x0500000000000000ull	/* a tag in the top byte; nobody asked for tags */

#define VAL(v)		{ KIND_VALUE, (uint64_t)(v), NULL, 0 }
#define NONE		VAL(0)
#define FD(v)		{ KIND_FD, (uint64_t)(v), NULL, 0 }
#define AT		FD(AT_FDCWD)
#define IN(type, ...)	{ KIND_IN, 0, &(const type) { __VA_ARGS__ }, sizeof(type) }
#define INS(type, n, ...) { KIND_IN, 0, &(const type[n]) { __VA_ARGS__ }, sizeof(type[n]) }
#define OUT(n)		{ KIND_OUT, (n), NULL, 0 }
#define INOUT(type, ...) { KIND_OUT, sizeof(type), &(const type) { __VA_ARGS__ }, sizeof(type) }
#define PATH(s)		{ KIND_PATH, 0, s, sizeof(s) }
#define NAME(s)		{ KIND_NAME, 0, s, sizeof(s) }
#define TEXT(s)		{ KIND_TEXT, 0, s, sizeof(s) }
#define LEN(v)		{ KIND_LENGTH, (uint64_t)(v), NULL, 0 }
#define N(v)		{ KIND_COUNT, (uint64_t)(v), NULL, 0 }
#define OFF(v)		{ KIND_OFFSET, (uint64_t)(v), NULL, 0 }
#define FLAGS(v)	{ KIND_FLAGS, (uint64_t)(v), NULL, 0 }
#define INT(v)		{ KIND_INT, (uint64_t)(v), NULL, 0 }
#define SELF		{ KIND_PID, 0, NULL, 0 }
#define ID(v)		{ KIND_ID, (v), NULL, 0 }
#define ADDR(v)		{ KIND_ADDRESS, (uint64_t)(v), NULL, 0 }
#define TIME(s, ns)	{ KIND_TIME, 0, &(const struct timespec) { (s), (ns) }, \
			  sizeof(struct timespec) }

/* What stands for the caller's own process id in a row's value or data. */
#define OWN_PID		0x70696400ull

/* System V's objects that a try has for itself. */
enum { SEMAPHORES, SEGMENT, MESSAGES, OBJECTS };
extern int own_objects[OBJECTS];

extern const struct call calls[];
extern const unsigned calls_count;

/* The i-th hostile value of an argument in a slot, its memory filled; false after the last.
 * `name` says in a word what it is. */
bool hostile_value(const struct argument *good, unsigned slot, unsigned i, uint64_t *value,
		   const char **name);
/* The harmless value, its memory filled. */
uint64_t harmless_value(const struct argument *good, unsigned slot);

#endif
