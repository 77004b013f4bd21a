/* fs/fat/options.c -- mount options, as Linux's vfat and msdos take them. */
#include "core/base/string.h"
#include "fs/fat/fat.h"
#include "vfs/fs_context.h"

/* An option that has fixed values, one of them, or none (NULL): what it does. */
struct option_word {
	const char *name, *value;
	u8 which;
};
enum {
	BOTH = 0, LONG = 64, SHORT = 128,	/* for whom */
	O_IGNORE = 0, O_UTF8, O_NO_UTF8, O_ESCAPE, O_NO_ESCAPE, O_QUIET, O_SHOWEXEC, O_IMMUTABLE,
	O_FLUSH, O_USEFREE, O_RODIR, O_DOTS, O_NO_DOTS, O_NO_TAIL, O_TAIL, O_UTC,
	O_CHECK_R, O_CHECK_N, O_CHECK_S, O_CONTINUE, O_PANIC, O_READ_ONLY,
	O_LOWER, O_WIN95, O_WINNT, O_MIXED, O_ASCII, O_LATIN1, O_CHARSET_UTF8,
};
static const struct option_word words[] = {
	{"debug", NULL, O_IGNORE}, {"quiet", NULL, O_QUIET}, {"showexec", NULL, O_SHOWEXEC},
	{"sys_immutable", NULL, O_IMMUTABLE}, {"flush", NULL, O_FLUSH},
	{"usefree", NULL, O_USEFREE}, {"rodir", NULL, O_RODIR}, {"tz", "UTC", O_UTC},
	{"check", "r", O_CHECK_R}, {"check", "relaxed", O_CHECK_R}, {"check", "n", O_CHECK_N},
	{"check", "normal", O_CHECK_N}, {"check", "s", O_CHECK_S}, {"check", "strict", O_CHECK_S},
	{"errors", "continue", O_CONTINUE}, {"errors", "panic", O_PANIC},
	{"errors", "remount-ro", O_READ_ONLY}, {"codepage", "437", O_IGNORE},
	/* They did something once. */
	{"posix", NULL, O_IGNORE | LONG}, {"fat", "12", O_IGNORE}, {"fat", "16", O_IGNORE},
	{"fat", "32", O_IGNORE}, {"conv", "b", O_IGNORE}, {"conv", "binary", O_IGNORE},
	{"conv", "t", O_IGNORE}, {"conv", "text", O_IGNORE}, {"conv", "a", O_IGNORE},
	{"conv", "auto", O_IGNORE},
	{"utf8", NULL, O_UTF8 | LONG}, {"utf8", "1", O_UTF8 | LONG}, {"utf8", "yes", O_UTF8 | LONG},
	{"utf8", "true", O_UTF8 | LONG}, {"utf8", "0", O_NO_UTF8 | LONG},
	{"utf8", "no", O_NO_UTF8 | LONG}, {"utf8", "false", O_NO_UTF8 | LONG},
	{"uni_xlate", NULL, O_ESCAPE | LONG}, {"uni_xlate", "1", O_ESCAPE | LONG},
	{"uni_xlate", "yes", O_ESCAPE | LONG}, {"uni_xlate", "true", O_ESCAPE | LONG},
	{"uni_xlate", "0", O_NO_ESCAPE | LONG}, {"uni_xlate", "no", O_NO_ESCAPE | LONG},
	{"uni_xlate", "false", O_NO_ESCAPE | LONG},
	{"nonumtail", NULL, O_NO_TAIL | LONG}, {"nonumtail", "1", O_NO_TAIL | LONG},
	{"nonumtail", "yes", O_NO_TAIL | LONG}, {"nonumtail", "true", O_NO_TAIL | LONG},
	{"nonumtail", "0", O_TAIL | LONG}, {"nonumtail", "no", O_TAIL | LONG},
	{"nonumtail", "false", O_TAIL | LONG},
	{"shortname", "lower", O_LOWER | LONG}, {"shortname", "win95", O_WIN95 | LONG},
	{"shortname", "winnt", O_WINNT | LONG}, {"shortname", "mixed", O_MIXED | LONG},
	{"iocharset", "ascii", O_ASCII | LONG}, {"iocharset", "iso8859-1", O_LATIN1 | LONG},
	{"iocharset", "utf8", O_CHARSET_UTF8 | LONG},
	{"dots", NULL, O_DOTS | SHORT}, {"nodots", NULL, O_NO_DOTS | SHORT},
	{"dotsOK", "yes", O_DOTS | SHORT}, {"dotsOK", "no", O_NO_DOTS | SHORT},
};

void fat_options_init(struct fat_options *o)
{
	*o = (struct fat_options){.allow_utime = -1, .check = 'n', .errors = FAT_ERRORS_READ_ONLY,
				  .shortname = FAT_SHORT_MIXED, .utf8 = true};
}

static void word_apply(struct fat_options *o, u8 what)
{
	switch (what & 63) {
	case O_UTF8: case O_NO_UTF8:
		o->utf8 = what == (O_UTF8 | LONG);
		break;
	case O_ESCAPE: case O_NO_ESCAPE:
		o->escape = what == (O_ESCAPE | LONG);
		break;
	case O_QUIET:
		o->quiet = true;
		break;
	case O_SHOWEXEC:
		o->showexec = true;
		break;
	case O_IMMUTABLE:
		o->sys_immutable = true;
		break;
	case O_FLUSH:
		o->flush = true;
		break;
	case O_USEFREE:
		o->usefree = true;
		break;
	case O_RODIR:
		o->rodir = true;
		break;
	case O_DOTS: case O_NO_DOTS:
		o->dots = what == (O_DOTS | SHORT);
		break;
	case O_NO_TAIL: case O_TAIL:
		o->no_tail = what == (O_NO_TAIL | LONG);
		break;
	case O_UTC:
		o->tz = FAT_TZ_UTC;
		break;
	case O_CHECK_R: case O_CHECK_N: case O_CHECK_S:
		o->check = "rns"[(what & 63) - O_CHECK_R];
		break;
	case O_CONTINUE: case O_PANIC: case O_READ_ONLY:
		o->errors = (u8)(FAT_ERRORS_CONTINUE + (what & 63) - O_CONTINUE);
		break;
	case O_LOWER: case O_WIN95: case O_WINNT: case O_MIXED:
		o->shortname = (u8)(FAT_SHORT_LOWER + (what & 63) - O_LOWER);
		break;
	case O_ASCII: case O_LATIN1: case O_CHARSET_UTF8:
		o->charset = (u8)(FAT_ASCII + (what & 63) - O_ASCII);
		break;
	default:
		break;
	}
}

/* --- numbers --- */

enum { N_UID, N_GID, N_UMASK, N_DMASK, N_FMASK, N_UTIME, N_OFFSET };
static const struct {
	const char *name;
	u8 base;
	u32 max;
} numbers[] = {
	[N_UID] = {"uid", 10, UINT32_MAX - 1}, [N_GID] = {"gid", 10, UINT32_MAX - 1},
	[N_UMASK] = {"umask", 8, UINT32_MAX}, [N_DMASK] = {"dmask", 8, UINT32_MAX},
	[N_FMASK] = {"fmask", 8, UINT32_MAX}, [N_UTIME] = {"allow_utime", 8, UINT32_MAX},
	[N_OFFSET] = {"time_offset", 10, 24 * 60},
};

static int number_apply(struct fat_options *o, unsigned which, const char *text, const char *end)
{
	bool minus = which == N_OFFSET && text < end && *text == '-';
	const char *stop;
	u64 value;

	if (!string_to_u64(text + minus, &stop, numbers[which].base, &value) || stop != end ||
	    value > numbers[which].max)
		return -EINVAL;
	switch (which) {
	case N_UID:
		o->uid = (u32)value;
		break;
	case N_GID:
		o->gid = (u32)value;
		break;
	case N_UMASK:
		o->fmask = o->dmask = (u16)(value & 0xffff);
		break;
	case N_DMASK:
		o->dmask = (u16)(value & 0xffff);
		break;
	case N_FMASK:
		o->fmask = (u16)(value & 0xffff);
		break;
	case N_UTIME:
		o->allow_utime = (i32)(value & 022);
		break;
	default:
		o->time_offset = (i16)(minus ? -(i64)value : (i64)value);
		o->tz = FAT_TZ_OFFSET;
		break;
	}
	return 0;
}

/* --- one option --- */

static bool same(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(text, word, len);
}

static bool is_for(u8 which, bool long_names)
{
	return !(which & (long_names ? SHORT : LONG));
}

/* 0, -ENOENT: there is none of that name, -EINVAL. */
static int option_apply(struct fat_options *o, const char *text, size_t len, bool long_names)
{
	const char *is = memchr(text, '=', len);
	size_t name = is ? (size_t)(is - text) : len;
	int err = -ENOENT;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		const struct option_word *w = &words[i];

		if (!same(text, name, w->name) || !is_for(w->which, long_names))
			continue;
		if (!w->value == !is && (!is || same(is + 1, len - name - 1, w->value))) {
			word_apply(o, w->which);
			return 0;
		}
		err = -EINVAL;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
		if (same(text, name, numbers[i].name))
			return is ? number_apply(o, i, is + 1, text + len) : -EINVAL;
	return err;
}

int fat_options_parse(struct fat_options *o, const char *text, bool long_names)
{
	while (*text) {
		const char *comma = strchr(text, ',');
		size_t len = comma ? (size_t)(comma - text) : strlen(text);

		if (len && option_apply(o, text, len, long_names)) {
			log_err("fat: mount option \"%.*s\"", (int)min(len, 64ul), text);
			return -EINVAL;
		}
		text += len + (comma ? 1 : 0);
	}
	if (o->escape)
		o->utf8 = false;
	if (o->allow_utime == -1)
		o->allow_utime = ~o->dmask & 022;
	return 0;
}

int fat_options_understands(const char *option, bool long_names)
{
	struct fat_options ignored;

	fat_options_init(&ignored);
	return option_apply(&ignored, option, strlen(option), long_names);
}

/* --- as they are shown --- */

static const char *const shortnames[] = {"lower", "win95", "winnt", "mixed"};
static const char *const charsets[] = {"ascii", "iso8859-1", "utf8"};
static const char *const on_errors[] = {"continue", "panic", "remount-ro"};

static size_t show_long(const struct fat *fs, char *to, size_t size)
{
	return format(to, size, ",iocharset=%s,shortname=%s", charsets[fs->options.charset],
		      shortnames[fs->options.shortname]);
}

static size_t show_owner(const struct fat_options *o, char *to, size_t size)
{
	size_t at = 0;

	*to = 0;
	if (o->uid)
		at += format(to + at, size - at, ",uid=%u", o->uid);
	if (o->gid)
		at += format(to + at, size - at, ",gid=%u", o->gid);
	at += format(to + at, size - at, ",fmask=%04o,dmask=%04o", o->fmask, o->dmask);
	if (o->allow_utime != (~o->dmask & 022))
		at += format(to + at, size - at, ",allow_utime=%04o", (u32)o->allow_utime);
	return at + format(to + at, size - at, ",codepage=437");
}

void fat_options_show(struct super *s, char *to, size_t size)
{
	const struct fat *fs = s->private;
	const struct fat_options *o = &fs->options;
	bool vfat = fs->long_names;
	size_t at = show_owner(o, to, size);

	if (vfat)
		at += show_long(fs, to + at, size - at);
	if (o->check != 'n')
		at += format(to + at, size - at, ",check=%c", o->check);
	at += format(to + at, size - at, "%s%s%s%s", o->usefree ? ",usefree" : "",
		     o->quiet ? ",quiet" : "", o->showexec ? ",showexec" : "",
		     o->sys_immutable ? ",sys_immutable" : "");
	at += format(to + at, size - at, "%s%s%s%s%s", !vfat && o->dots ? ",dotsOK=yes" : "",
		     vfat && o->utf8 ? ",utf8" : "", vfat && o->escape ? ",uni_xlate" : "",
		     vfat && o->no_tail ? ",nonumtail" : "", vfat && o->rodir ? ",rodir" : "");
	if (o->flush)
		at += format(to + at, size - at, ",flush");
	if (o->tz == FAT_TZ_UTC)
		at += format(to + at, size - at, ",tz=UTC");
	else if (o->tz == FAT_TZ_OFFSET)
		at += format(to + at, size - at, ",time_offset=%d", o->time_offset);
	format(to + at, size - at, ",errors=%s", on_errors[o->errors]);
}
