/* The hostile values of each kind of argument. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

struct value {
	const char *name;
	uint64_t value;
};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct value fds[] = {
	{ "-1", (uint64_t)-1 }, { "closed", CLOSED }, { "1000000", 1000000 },
	{ "int-max", INT_MAX }, { "int-min", (uint64_t)INT_MIN }, { "at-fdcwd", (uint64_t)AT_FDCWD },
	{ "file", FILE_RW }, { "file-r", FILE_R }, { "file-w", FILE_W }, { "folder", FOLDER },
	{ "o-path", PATH_ONLY }, { "pipe-r", PIPE_R }, { "pipe-w", PIPE_W },
	{ "null", NULL_DEV }, { "terminal", TERMINAL }, { "event", EVENT }, { "epoll", EPOLL },
	{ "socket", SOCKET }, { "high-bits", 0xabcd00000000 | FILE_RW },
};

static const struct value pointers[] = {
	{ "null", 0 }, { "unmapped", UNMAPPED }, { "no-access", NO_ACCESS },
	{ "read-only", READ_ONLY }, { "last-page", USER_TOP - PAGE }, 
	{ "user-top", USER_TOP }, { "between", 0x00f0000000000000 }, { "kernel", KERNEL },
	{ "kernel-top", KERNEL_TOP },
	{ "minus-one", (uint64_t)-1 }, { "tagged", TAG | EXTRA },
};

static const struct value lengths[] = {
	{ "0", 0 }, { "1", 1 }, { "7", 7 }, { "4096", 4096 }, { "4097", 4097 }, { "8193", 8193 },
	{ "int-max", INT_MAX }, { "2G", 1ull << 31 }, { "4G", 1ull << 32 }, { "1<<47", 1ull << 47 },
	{ "long-max", LONG_MAX }, { "long-min", (uint64_t)LONG_MIN }, { "-1", (uint64_t)-1 },
	{ "-4096", (uint64_t)-4096 },
};

static const struct value counts[] = {
	{ "0", 0 }, { "1", 1 }, { "1024", 1024 }, { "1025", 1025 }, { "int-max", INT_MAX },
	{ "int-min", (uint64_t)INT_MIN }, { "-1", (uint64_t)-1 }, { "1<<60", 1ull << 60 },
};

static const struct value offsets[] = {
	{ "0", 0 }, { "1", 1 }, { "8191", 8191 }, { "1<<40", 1ull << 40 },
	{ "long-max", LONG_MAX }, { "long-max-1", LONG_MAX - 1 }, { "long-min", (uint64_t)LONG_MIN },
	{ "-1", (uint64_t)-1 },
};

static const struct value ints[] = {
	{ "-1", (uint64_t)-1 }, { "0", 0 }, { "1", 1 }, { "2", 2 }, { "3", 3 }, { "4", 4 },
	{ "64", 64 }, { "65", 65 }, { "1000", 1000 }, { "int-max", INT_MAX },
	{ "int-min", (uint64_t)INT_MIN }, { "1<<32", 1ull << 32 },
};

static const struct value pids[] = {
	{ "0", 0 }, { "-2", (uint64_t)-2 }, { "nobody", 4000000 }, { "int-max", INT_MAX },
	{ "int-min", (uint64_t)INT_MIN },
};

static const struct value addresses[] = {
	{ "null", 0 }, { "odd", PAGES + 1 }, { "inside", PAGES + PAGE }, { "before", PAGES - PAGE },
	{ "unmapped", UNMAPPED }, { "no-access", NO_ACCESS }, { "read-only", READ_ONLY },
	{ "last-page", USER_TOP - PAGE }, { "user-top", USER_TOP }, { "kernel", KERNEL },
	{ "kernel-top", KERNEL_TOP }, { "tagged", TAG | PAGES },
};

static const struct timespec times[] = {
	{ 0, -1 }, { 0, 1000000000 }, { -1, 0 }, { LONG_MIN, LONG_MIN }, { 0, LONG_MAX },
};
static const char *const time_names[] = {
	"ns-negative", "ns-a-second", "s-negative", "lowest", "ns-highest",
};

/* Paths that mean something, and those that only end badly. */
static const char *const paths[] = {
	"", "/", ".", "..", "folder/..", "/proc/self", "/dev/null/",
};
static const char *const names[] = {
	"missing", "missing/x", "missing/", "file", "file/", "file/x", "folder", "folder/", "link",
	"link/", "dangling", "dangling/", "loop", "loop/x", "to-folder/inner", "fifo", "folder/.",
};

/* No number of an object: those of other tries are not to be touched. */
static const struct value ids[] = {
	{ "-1", (uint64_t)-1 }, { "int-max", INT_MAX }, { "int-min", (uint64_t)INT_MIN },
};

int own_objects[OBJECTS];

static char *area_end(unsigned slot)
{
	return (char *)AREA(slot) + 2 * PAGE;
}

static bool pick(const struct value *table, size_t n, unsigned i, uint64_t *value,
		 const char **name)
{
	if (i >= n)
		return false;
	*value = table[i].value;
	*name = table[i].name;
	return true;
}

static uint64_t place(const void *data, uint64_t size, char *at)
{
	memcpy(at, data, size);
	for (uint64_t i = 0; i + 8 <= size; i += 4) {
		uint32_t word;

		memcpy(&word, at + i, 4);
		if (word == OWN_PID) {
			word = (uint32_t)getpid();
			memcpy(at + i, &word, 4);
		}
	}
	return (uint64_t)at;
}

/* Memory that begins well and goes on into nothing, or is not aligned. */
static bool memory_place(const struct argument *good, unsigned slot, unsigned i, uint64_t *value,
			 const char **name)
{
	uint64_t size = good->kind == KIND_OUT ? good->value : good->size;
	static const char *const how[] = { "odd", "to-the-end", "half-out", "all-but-one" };
	uint64_t inside[] = { 0, size, size / 2, size - 1 };
	char *at;

	if (i >= COUNT_OF(how) || size == 0 || size > 2 * PAGE)
		return false;
	at = i ? area_end(slot) - inside[i] : (char *)AREA(slot) + 1;
	if (good->data)
		memcpy(at, good->data, i ? inside[i] : size < PAGE ? size : PAGE);
	*value = (uint64_t)at;
	*name = how[i];
	return true;
}

static bool hostile_memory(const struct argument *good, unsigned slot, unsigned i, uint64_t *value,
			   const char **name)
{
	if (pick(pointers, COUNT_OF(pointers), i, value, name)) {
		/* Zeros, not the text at the page's start. */
		if (*value == READ_ONLY)
			*value += PAGE / 2;
		return true;
	}
	return memory_place(good, slot, i - COUNT_OF(pointers), value, name);
}

/* A path of exactly `length` bytes that leads to `end`. */
static void long_path(char *to, size_t length, const char *end)
{
	size_t left = length - strlen(end);

	for (size_t i = 0; i < left; i++)
		to[i] = i % 2 || i + 1 == left ? '/' : '.';
	strcpy(to + left, end);
}

/* Paths that only their bytes make hostile. */
static bool hostile_text(unsigned slot, unsigned i, uint64_t *value, const char **name)
{
	static const char *const how[] = {
		"no-end", "name-255", "name-256", "long-4095", "long-4096", "long-8000", "bytes",
		"to-the-end",
	};
	char *at = (char *)AREA(slot);

	if (i >= COUNT_OF(how))
		return false;
	*name = how[i];
	switch (i) {
	case 0:
		at = area_end(slot) - 16;
		memset(at, 'a', 16);
		break;
	case 1 ... 2:
		memset(at, 'n', 254 + i);
		at[254 + i] = '\0';
		break;
	case 3 ... 4:
		long_path(at, 4092 + i, "file");
		break;
	case 5:
		long_path(at, 8000, "file");
		break;
	case 6:
		strcpy(at, "\x01\xff\x80 \n*");
		break;
	case 7:
		at = area_end(slot) - 5;
		strcpy(at, "file");
		break;
	}
	*value = (uint64_t)at;
	return true;
}

static bool hostile_path(const struct argument *good, unsigned slot, unsigned i, uint64_t *value,
			 const char **name)
{
	const char *text = NULL;

	if (pick(pointers, COUNT_OF(pointers), i, value, name))
		return true;
	i -= COUNT_OF(pointers);
	if (hostile_text(slot, i, value, name))
		return true;
	for (i -= 8; !text; i -= COUNT_OF(names)) {
		if (i < COUNT_OF(names))
			text = names[i];
		else if (good->kind == KIND_NAME || i >= COUNT_OF(names) + COUNT_OF(paths))
			return false;
		else
			text = paths[i - COUNT_OF(names)];
	}
	*name = *text ? text : "empty";
	*value = place(text, strlen(text) + 1, (char *)AREA(slot));
	return true;
}

static bool hostile_flags(const struct argument *good, unsigned i, uint64_t *value,
			  const char **name)
{
	static char text[16];
	static const struct value more[] = {
		{ "all", UINT32_MAX }, { "all-64", UINT64_MAX }, { "1<<32", 1ull << 32 },
		{ "1<<63", 1ull << 63 },
	};

	if (i >= 32)
		return pick(more, COUNT_OF(more), i - 32, value, name);
	text[0] = '^';
	strcpy(text + 1 + (i >= 10), "0");
	text[1] = (char)('0' + (i >= 10 ? i / 10 : i));
	if (i >= 10)
		text[2] = (char)('0' + i % 10);
	*value = good->value ^ 1ull << i;
	*name = text;
	return true;
}

static bool hostile_time(const struct argument *good, unsigned slot, unsigned i, uint64_t *value,
			 const char **name)
{
	if (i < COUNT_OF(times)) {
		*value = place(&times[i], sizeof(times[i]), (char *)AREA(slot));
		*name = time_names[i];
		return true;
	}
	return hostile_memory(good, slot, i - COUNT_OF(times), value, name);
}

bool hostile_value(const struct argument *good, unsigned slot, unsigned i, uint64_t *value,
		   const char **name)
{
	switch (good->kind) {
	case NO_ARGUMENT:
	case KIND_VALUE:
	case KIND_TEXT:
		return false;
	case KIND_FD:
		return pick(fds, COUNT_OF(fds), i, value, name);
	case KIND_IN:
	case KIND_OUT:
		return hostile_memory(good, slot, i, value, name);
	case KIND_PATH:
	case KIND_NAME:
		return hostile_path(good, slot, i, value, name);
	case KIND_LENGTH:
		return pick(lengths, COUNT_OF(lengths), i, value, name);
	case KIND_COUNT:
		return pick(counts, COUNT_OF(counts), i, value, name);
	case KIND_OFFSET:
		return pick(offsets, COUNT_OF(offsets), i, value, name);
	case KIND_FLAGS:
		return hostile_flags(good, i, value, name);
	case KIND_INT:
		return pick(ints, COUNT_OF(ints), i, value, name);
	case KIND_PID:
		return pick(pids, COUNT_OF(pids), i, value, name);
	case KIND_ID:
		return pick(ids, COUNT_OF(ids), i, value, name);
	case KIND_ADDRESS:
		return pick(addresses, COUNT_OF(addresses), i, value, name);
	case KIND_TIME:
		return hostile_time(good, slot, i, value, name);
	}
	abort();
}

uint64_t harmless_value(const struct argument *good, unsigned slot)
{
	switch (good->kind) {
	case KIND_IN:
	case KIND_OUT:
	case KIND_TEXT:
	case KIND_PATH:
	case KIND_NAME:
	case KIND_TIME:
		return good->data ? place(good->data, good->size, (char *)AREA(slot)) : AREA(slot);
	case KIND_PID:
		return (uint64_t)getpid();
	case KIND_ID:
		return (uint64_t)own_objects[good->value];
	default:
		return good->value == OWN_PID ? (uint64_t)getpid() : good->value;
	}
}
