/* tests/guest/core_file.h -- what the tests of core files share: to leave one, and to look into it. */
#ifndef CORE_FILE_H
#define CORE_FILE_H

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#define PAGE 4096ul
#define PATTERN "/proc/sys/kernel/core_pattern"
#define USES_PID "/proc/sys/kernel/core_uses_pid"
#define MARK 0x1234567890abcdeful

/* --- leaving one --- */

static inline void limit_core(rlim_t most)
{
	struct rlimit limit = { most, RLIM_INFINITY };

	CHECK_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
}

/* Die with a known register. */
[[noreturn]] static inline void crash(void)
{
	register unsigned long x19 asm("x19") = MARK;

	asm volatile("brk #0" : : "r"(x19));
	abort();
}

static inline pid_t crashing(rlim_t limit, void (*prepare)(void))
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid)
		return pid;
	limit_core(limit);
	if (prepare)
		prepare();
	crash();
}

static inline int crash_status(rlim_t limit, void (*prepare)(void))
{
	return test_wait(crashing(limit, prepare));
}

static inline long size_of(const char *path)
{
	struct stat st;

	CHECK_EQ(stat(path, &st), 0);
	return st.st_size;
}

/* --- looking into one --- */

static struct {
	char *data;
	size_t size;
	Elf64_Ehdr *elf;
	Elf64_Phdr *segments;
} core;

static inline void core_open(const char *path)
{
	int fd = open(path, O_RDONLY);

	CHECK(fd >= 0);
	core.size = (size_t)size_of(path);
	core.data = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(core.data != MAP_FAILED);
	close(fd);
	core.elf = (Elf64_Ehdr *)core.data;
	CHECK_EQ(memcmp(core.elf->e_ident, ELFMAG, SELFMAG), 0);
	CHECK_EQ(core.elf->e_type, ET_CORE);
	CHECK_EQ(core.elf->e_machine, EM_AARCH64);
	CHECK_EQ(core.elf->e_phentsize, sizeof(Elf64_Phdr));
	core.segments = (Elf64_Phdr *)(core.data + core.elf->e_phoff);
	CHECK_EQ(core.segments[0].p_type, PT_NOTE);
}

static inline const Elf64_Phdr *core_segment(const void *at)
{
	uint64_t va = (uint64_t)at;

	for (int i = 1; i < core.elf->e_phnum; i++)
		if (va - core.segments[i].p_vaddr < core.segments[i].p_memsz)
			return &core.segments[i];
	return NULL;
}

/* What it holds of an address; NULL: nothing. */
static inline const void *core_memory(const void *at)
{
	const Elf64_Phdr *s = core_segment(at);
	uint64_t offset;

	CHECK(s);
	offset = (uint64_t)at - s->p_vaddr;
	CHECK(s->p_offset + s->p_filesz <= core.size);
	return offset < s->p_filesz ? core.data + s->p_offset + offset : NULL;
}

struct note {
	uint32_t type, size;
	const char *name;
	const void *data;
};

/* The note at *offset, which moves on. */
static inline bool core_note(size_t *offset, struct note *to)
{
	const char *at = core.data + core.segments[0].p_offset + *offset;
	const Elf64_Nhdr *head = (const Elf64_Nhdr *)at;

	if (*offset == core.segments[0].p_filesz)
		return false;
	CHECK(*offset < core.segments[0].p_filesz);
	at += sizeof(*head);
	*to = (struct note){ head->n_type, head->n_descsz, at, at + (head->n_namesz + 3) / 4 * 4 };
	*offset = (size_t)((const char *)to->data - core.data - core.segments[0].p_offset) +
		  (head->n_descsz + 3) / 4 * 4;
	return true;
}

static inline bool core_find_note(uint32_t type, struct note *to)
{
	for (size_t offset = 0; core_note(&offset, to);)
		if (to->type == type)
			return true;
	return false;
}

/* struct elf_prstatus of arm64 */
struct prstatus {
	int32_t signo, code, err;
	int16_t cursig;
	uint64_t pending, held;
	int32_t pid, ppid, pgrp, sid;
	int64_t times[8];
	uint64_t regs[34];
	int32_t fp_valid;
};
_Static_assert(sizeof(struct prstatus) == 392, "");

struct prpsinfo {
	uint8_t state, sname, zombie, nice;
	uint64_t flags;
	uint32_t uid, gid;
	int32_t pid, ppid, pgrp, sid;
	char name[16], args[80];
};
_Static_assert(sizeof(struct prpsinfo) == 136, "");

#endif
