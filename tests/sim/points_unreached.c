/* tests/sim/points_unreached.c -- the awaits where no signal was sent, and the list of those where none
 * can be (tests/sim/unreached): a line for each of them, `FILE FUNCTION N - REASON`, the N-th await of that
 * function. Those that only workers and the way up pass are found out by the runs themselves.
 */
#include "core/base/string.h"
#include "coro/co.h"
#include "inside.h"
#include "points.h"

static u32 total(void)
{
	return (u32)(co_points_end - co_points_start);
}

/* Of its function, from 1. */
static u32 ordinal(const struct co_point *at)
{
	u32 n = 1;

	for (const struct co_point *p = co_points_start; p < co_points_end; p++)
		n += p->line < at->line && !strcmp(p->func, at->func) && !strcmp(p->file, at->file);
	return n;
}

static bool is_word(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - at) == n && !memcmp(at, word, n);
}

static const char *word_end(const char *at)
{
	while (*at && *at != ' ' && *at != '\n')
		at++;
	return at;
}

/* The await a line names; NULL: there is none. */
static const struct co_point *named(const char *line)
{
	const char *file = word_end(line), *func, *end;
	u64 n;

	if (*file != ' ')
		return NULL;
	func = word_end(file + 1);
	if (*func != ' ' || !string_to_u64(func + 1, &end, 10, &n) || memcmp(end, " - ", 3))
		return NULL;
	for (const struct co_point *p = co_points_start; p < co_points_end; p++)
		if (is_word(line, file, p->file) && is_word(file + 1, func, p->func) && ordinal(p) == n)
			return p;
	return NULL;
}

static unsigned check_lines(const char *list, bool *listed)
{
	unsigned wrong = 0;

	for (const char *line = list; *line; line += *line == '\n') {
		const char *end = strchr(line, '\n');
		const struct co_point *p;

		end = end ? end : line + strlen(line);
		if (*line != '#' && end > line) {
			p = named(line);
			if (p)
				listed[p - co_points_start] = true;
			if (!p || points_is_hit((u32)(p - co_points_start))) {
				wrong++;
				printf("%s: %.*s\n", p ? "listed, but reached" : "no such await",
				       (int)(end - line), line);
			}
		}
		line = end;
	}
	return wrong;
}

unsigned points_unlisted(const char *list, unsigned *count)
{
	static bool listed[POINTS_MAX];
	unsigned wrong = check_lines(list, listed);

	*count = 0;
	for (u32 i = 0; i < total(); i++) {
		const struct co_point *p = &co_points_start[i];

		*count += listed[i];
		if (listed[i] || points_is_hit(i) || (points->elsewhere[i] && !points->passed[i]))
			continue;
		wrong++;
		printf("neither reached nor listed: %s %s %u (line %u)\n", p->file, p->func, ordinal(p),
		       p->line);
	}
	return wrong;
}
