/* core/proc/core_name.c -- what a core file is called: the pattern, as core(5) describes it. */
#include <linux/limits.h>

#include "core/cred/cred.h"
#include "core/proc/clock.h"
#include "core/proc/core_parts.h"
#include "core/proc/uts.h"
#include "coro/executor.h"
#include "mem/phys/slab.h"
#include "mem/space/space.h"
#include "vfs/path.h"

struct core_settings core_settings;

static spinlock pattern_lock = SPINLOCK_INIT(RANK_PROC_OTHER);
static char pattern[CORE_PATTERN_MAX] = "core";

void core_pattern(char to[CORE_PATTERN_MAX])
{
	spin_lock(&pattern_lock);
	string_copy(to, pattern, CORE_PATTERN_MAX);
	spin_unlock(&pattern_lock);
}

void core_set_pattern(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	if (end)
		len = (size_t)(end - text);
	len = strnlen(text, len);
	spin_lock(&pattern_lock);
	string_copy(pattern, text, min(len + 1, sizeof(pattern)));
	spin_unlock(&pattern_lock);
}

static void name_add_number(struct text *n, u64 value)
{
	text_add(n, "%lu", value);
}

/* One component at most, which leads nowhere else. */
static void name_add_word(struct text *n, const char *word)
{
	size_t from = n->len, len = strlen(word);
	char *to;

	text_put(n, len ? word : "!", len ? len : 1);
	if (n->failed)
		return;
	to = n->data + from;
	if (!strcmp(word, ".") || !strcmp(word, ".."))
		to[0] = '!';
	for (size_t i = 0; i < len; i++)
		if (to[i] == '/')
			to[i] = '!';
}

static void name_add_exe(struct text *n, const struct thread *t, bool base_only)
{
	struct file *exe = process_exe(t->process);
	char *text = exe ? kmalloc(PAGE_SIZE) : NULL, *start, *slash;
	char unknown[40];

	if (text && path_text(&exe->path, NULL, text, PAGE_SIZE, true, &start, NULL) >= 0) {
		slash = base_only ? strrchr(start, '/') : NULL;
		name_add_word(n, slash ? slash + 1 : start);
	} else {
		format(unknown, sizeof(unknown), "%s (path unknown)", t->task.name);
		name_add_word(n, unknown);
	}
	kfree(text);
	if (exe)
		file_put(exe);
}

/* What %c stands for; true: the process's number. */
static bool name_add_item(struct text *n, const struct core *c, char item)
{
	const struct thread *t = c->by;
	char host[UTS_MAX + 1];

	switch (item) {
	case '%':
		text_put(n, "%", 1);
		return false;
	case 'p':
		name_add_number(n, t->process->pid->own);
		return true;
	case 'P':
		name_add_number(n, t->process->pid->nr);
		return true;
	case 'i':
		name_add_number(n, t->tid->own);
		return false;
	case 'I':
		name_add_number(n, t->tid->nr);
		return false;
	case 'u':
		name_add_number(n, t->task.cred->uid);
		return false;
	case 'g':
		name_add_number(n, t->task.cred->gid);
		return false;
	case 'd':
		name_add_number(n, c->dumpable);
		return false;
	case 's':
		name_add_number(n, (u64)c->sig);
		return false;
	case 't':
		name_add_number(n, clock_wall_ns() / 1000000000);
		return false;
	case 'c':
		name_add_number(n, c->limit);
		return false;
	case 'C':
		name_add_number(n, t->task.home->id);
		return false;
	case 'h':
		uts_read(UTS_HOSTNAME, host);
		name_add_word(n, host);
		return false;
	case 'e':
		name_add_word(n, t->task.name);
		return false;
	case 'f':
	case 'E':
		name_add_exe(n, t, item == 'f');
		return false;
	default:
		return false;
	}
}

static bool name_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A program's arguments part at spaces, before what stands for something is put in its place. */
int core_name(struct core *c)
{
	bool has_pid = false, gap = false;
	struct text *n = &c->name;

	c->argc = 1;
	for (const char *at = c->pattern + c->piped; *at; at++) {
		if (c->piped && name_is_space(*at)) {
			gap |= n->len != 0;
			continue;
		}
		if (gap) {
			text_put(n, "", 1);
			c->argc++;
			gap = false;
		}
		if (*at != '%')
			text_put(n, at, 1);
		else if (*++at)
			has_pid |= name_add_item(n, c, *at);
		else
			break;
	}
	if (!c->piped && !has_pid && atomic_load(&core_settings.uses_pid)) {
		text_put(n, ".", 1);
		name_add_number(n, c->by->process->pid->own);
	}
	text_put(n, "", 1);
	if (n->failed)
		return -ENOMEM;
	return !c->piped && n->len > PATH_MAX ? -ENAMETOOLONG : 0;
}
