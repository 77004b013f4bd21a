/* fs/fat/name.c -- names: as programs have them, as UTF-16, and short ones in the codepage. */
#include "fs/fat/name.h"

#include "core/base/string.h"

/* --- codepage 437 --- */

static const u16 cp437[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7,
	0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
	0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
	0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
	0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba,
	0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
	0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556,
	0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
	0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
	0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
	0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
	0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
	0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4,
	0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
	0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
	0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};
/* Pairs of lower and upper case. */
static const u8 cp437_cases[][2] = {
	{0x81, 0x9a}, {0x82, 0x90}, {0x84, 0x8e}, {0x86, 0x8f}, {0x87, 0x80},
	{0x91, 0x92}, {0x94, 0x99}, {0xa4, 0xa5}, {0xe5, 0xe4}, {0xed, 0xe8},
};

static u8 cp_case(u8 c, bool upper)
{
	if (c < 0x80)
		return upper ? c - (c >= 'a' && c <= 'z' ? 32 : 0)
			     : c + (c >= 'A' && c <= 'Z' ? 32 : 0);
	for (unsigned i = 0; i < ARRAY_SIZE(cp437_cases); i++)
		if (c == cp437_cases[i][!upper])
			return cp437_cases[i][upper];
	return c;
}

static u16 cp_to_uni(u8 c)
{
	return c < 0x80 ? c : cp437[c - 0x80];
}

/* 0: it has none. */
static u8 cp_from_uni(u16 u)
{
	if (u < 0x80)
		return (u8)u;
	for (unsigned i = 0; i < ARRAY_SIZE(cp437); i++)
		if (cp437[i] == u)
			return (u8)(0x80 + i);
	return 0;
}

/* --- UTF-8 --- */

/* One character of at most 4 bytes: its length, or -EINVAL. */
static int utf8_get(const u8 *s, size_t left, u32 *c)
{
	static const u32 least[5] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned n = *s < 0x80 ? 1 : *s < 0xc0 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;

	if (!n || n > left || *s >= 0xf8)
		return -EINVAL;
	*c = n == 1 ? *s : *s & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -EINVAL;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return -EINVAL;
	return (int)n;
}

static unsigned utf8_put(u32 c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* --- between programs' bytes and UTF-16 --- */

static bool is_utf8(const struct fat *fs)
{
	return fs->options.utf8 || fs->options.charset == FAT_UTF8;
}

/* ":1234" stands for a character, with uni_xlate: its value, or -1. */
static int escape_get(const struct fat *fs, const u8 *s, size_t left)
{
	int value = 0;

	if (!fs->options.escape || *s != ':')
		return -1;
	if (left < 5)
		return -EINVAL;
	for (unsigned i = 1; i < 5; i++) {
		int digit = s[i] >= '0' && s[i] <= '9'	 ? s[i] - '0'
			    : s[i] >= 'a' && s[i] <= 'f' ? s[i] - 'a' + 10
			    : s[i] >= 'A' && s[i] <= 'F' ? s[i] - 'A' + 10
							 : -1;

		if (digit < 0)
			return -EINVAL;
		value = value << 4 | digit;
	}
	return value;
}

/* One character: bytes taken, or -EINVAL. */
static int char_get(const struct fat *fs, const u8 *s, size_t left, u32 *c)
{
	int escaped = escape_get(fs, s, left);

	if (escaped == -EINVAL)
		return -EINVAL;
	if (escaped >= 0) {
		*c = (u32)escaped;
		return 5;
	}
	if (is_utf8(fs))
		return utf8_get(s, left, c);
	*c = *s;
	return *s >= 0x80 && fs->options.charset == FAT_ASCII ? -EINVAL : 1;
}

int fat_name_parse(const struct fat *fs, const char *name, size_t len, struct fat_name *to)
{
	u32 c = 0;

	while (len && name[len - 1] == '.')
		len--;
	if (!len)
		return -ENOENT;
	to->len = 0;
	for (size_t at = 0; at < len;) {
		int n = char_get(fs, (const u8 *)name + at, len - at, &c);

		if (n < 0)
			return n;
		at += (size_t)n;
		if (to->len + (c >= 0x10000 ? 2u : 1u) > FAT_LONG_MAX)
			return -ENAMETOOLONG;
		if (c >= 0x10000) {
			to->uni[to->len++] = (u16)(0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		to->uni[to->len++] = (u16)c;
	}
	return 0;
}

bool fat_name_valid(const struct fat_name *name)
{
	if (name->uni[name->len - 1] == ' ')
		return false;
	for (unsigned i = 0; i < name->len; i++)
		if (name->uni[i] < 0x20 ||
		    (name->uni[i] < 0x80 && strchr("*?<>|\":/\\", name->uni[i])))
			return false;
	return true;
}

size_t fat_name_show(const struct fat *fs, const u16 *uni, size_t len, char *to, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 < size; i++) {
		u32 c = uni[i];

		if (is_utf8(fs) && c >= 0xd800 && c < 0xe000) {
			/* Half a pair is not shown. */
			if (c >= 0xdc00 || i + 1 == len || (uni[i + 1] & 0xfc00) != 0xdc00)
				continue;
			c = 0x10000 + ((c & 0x3ff) << 10) + (uni[++i] & 0x3ff);
		}
		if (is_utf8(fs))
			n += utf8_put(c, to + n);
		else if (c < (fs->options.charset == FAT_ASCII ? 0x80u : 0x100u))
			to[n++] = (char)c;
		else if (fs->options.escape)
			n += format(to + n, size - n, ":%04x", c);
		else
			to[n++] = '?';
	}
	to[n] = 0;
	return n;
}

/* --- which are the same --- */

/* How far case is ignored: not at all, ASCII, ISO 8859-1. */
static unsigned fold_depth(const struct fat *fs)
{
	if (fs->options.check == 's' || fs->options.charset == FAT_UTF8)
		return 0;
	return fs->options.charset == FAT_LATIN1 && !fs->options.utf8 ? 2 : 1;
}

static u32 fold_char(unsigned depth, u32 c)
{
	if (depth && c >= 'A' && c <= 'Z')
		return c + 32;
	if (depth == 2 && c >= 0xc0 && c <= 0xde && c != 0xd7)
		return c + 32;
	return c;
}

bool fat_name_is(const struct fat *fs, const struct fat_name *name, const u16 *uni, size_t len)
{
	unsigned depth = fold_depth(fs);

	if (len != name->len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (fold_char(depth, uni[i]) != fold_char(depth, name->uni[i]))
			return false;
	return true;
}

size_t fat_name_fold(const struct super *s, const char *name, size_t len, char *to)
{
	const struct fat *fs = s->private;
	unsigned depth = fold_depth(fs);

	if (!fs->long_names) {
		if (!fat_msdos_parse(fs, name, len, (u8 *)to))
			return FAT_NAME;
		memcpy(to, name, len);
		return len;
	}
	while (len && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++)
		to[i] = (char)fold_char(depth, (u8)name[i]);
	return len;
}

/* --- short names --- */

static size_t short_part(const struct fat *fs, const u8 *from, size_t len, bool lower, u16 *to)
{
	size_t n = len;

	while (n && from[n - 1] == ' ')
		n--;
	for (size_t i = 0; i < n; i++)
		to[i] = cp_to_uni(lower ? cp_case(from[i], false) : from[i]);
	return n;
}

size_t fat_short_to_uni(const struct fat *fs, const struct fat_disk_entry *e, u16 to[12])
{
	bool all = fs->options.shortname == FAT_SHORT_LOWER;
	bool some = fs->options.shortname >= FAT_SHORT_WINNT;
	u8 name[FAT_NAME];
	size_t n, more;

	memcpy(name, e->name, FAT_NAME);
	if (name[0] == FAT_IS_E5)
		name[0] = FAT_DELETED;
	n = short_part(fs, name, 8, all || (some && e->lower & FAT_LOWER_BASE), to);
	if (!n)
		return 0;
	more = short_part(fs, name + 8, 3, all || (some && e->lower & FAT_LOWER_EXT), to + n + 1);
	if (!more)
		return n;
	to[n] = '.';
	return n + 1 + more;
}

u8 fat_short_checksum(const u8 name[FAT_NAME])
{
	u8 sum = 0;

	for (unsigned i = 0; i < FAT_NAME; i++)
		sum = (u8)((sum << 7 | sum >> 1) + name[i]);
	return sum;
}

/* What making a short name of a long one found out about its base or extension. */
struct shorten {
	bool fits;		/* nothing was left out or replaced */
	bool lower, upper;	/* no letter is of the other case */
};

/* One character in the codepage: 0 if it is left out. */
static u8 shorten_char(u16 u, struct shorten *s)
{
	u8 c, up;

	if (u == '.' || u == ' ') {
		s->fits = false;
		return 0;
	}
	c = u < 0x80 && strchr("+,;=[]", u) ? 0 : cp_from_uni(u);
	if (!c) {
		s->fits = false;
		return '_';
	}
	if (c >= 0x7f)
		s->lower = s->upper = false;
	up = cp_case(c, true);
	if (up >= 'A' && up <= 'Z') {
		if (up == c)
			s->lower = false;
		else
			s->upper = false;
	}
	return up;
}

/* Up to `room` bytes of [from, end): how many; *all: nothing came after them. */
static unsigned shorten_part(const u16 *from, const u16 *end, unsigned room, u8 *to,
			     struct shorten *s, bool *all)
{
	unsigned n = 0;

	for (; from < end && n < room; from++) {
		u8 c = shorten_char(*from, s);

		if (c)
			to[n++] = c;
	}
	*all = *all && from == end;
	return n;
}

/* Where the extension begins: after the last dot, unless nothing stands before that or behind. */
static const u16 *extension_of(const struct fat_name *name)
{
	const u16 *end = name->uni + name->len, *dot = end, *p = name->uni;

	while (dot > name->uni && dot[-1] != '.')
		dot--;
	if (dot == name->uni || dot == end)
		return NULL;
	while (p < dot - 1 && (*p == '.' || *p == ' '))
		p++;
	return p < dot - 1 ? dot : NULL;
}

int fat_name_shorten(const struct fat *fs, struct fat_name *name)
{
	struct shorten base = {true, true, true}, ext = {true, true, true};
	const u16 *end = name->uni + name->len, *dot = extension_of(name);
	bool all = true, winnt = fs->options.shortname == FAT_SHORT_WINNT;

	memset(name->short_name, ' ', FAT_NAME);
	name->base_len = shorten_part(name->uni, dot ? dot - 1 : end, 8, name->short_name, &base,
				      &all);
	if (!name->base_len)
		return -EINVAL;
	if (dot)
		shorten_part(dot, end, 3, name->short_name + 8, &ext, &all);
	if (name->short_name[0] == FAT_DELETED)
		name->short_name[0] = FAT_IS_E5;
	name->lower = 0;
	name->is_short = all && base.fits && ext.fits;
	name->has_long = true;
	if (!name->is_short)
		return 0;
	if (winnt && (base.upper || base.lower) && (ext.upper || ext.lower)) {
		name->has_long = false;
		name->lower = (u8)((base.upper ? 0 : FAT_LOWER_BASE) |
				   (ext.upper ? 0 : FAT_LOWER_EXT));
	} else if (!winnt) {
		name->has_long = !(base.upper && ext.upper);
	}
	return 0;
}

void fat_name_tail(const struct fat_name *name, unsigned n, u8 to[FAT_NAME])
{
	unsigned at = min(name->base_len, 6u);

	memcpy(to, name->short_name, FAT_NAME);
	memset(to + at, ' ', 8 - at);
	to[at] = '~';
	to[at + 1] = (u8)('0' + n);
}

void fat_name_random(const struct fat_name *name, u32 random, u8 to[FAT_NAME])
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned at = min(name->base_len, 2u);

	memcpy(to, name->short_name, FAT_NAME);
	memset(to + at, ' ', 8 - at);
	for (unsigned i = 0; i < 4; i++)
		to[at + i] = (u8)digits[random >> (12 - 4 * i) & 15];
	to[at + 4] = '~';
	to[at + 5] = (u8)('1' + (random >> 16 & 7));
}

unsigned fat_name_slots(const struct fat_name *name)
{
	return name->has_long ? (name->len + FAT_PART - 1) / FAT_PART + 1 : 1;
}

void fat_name_part(const struct fat_name *name, unsigned number, struct fat_disk_part *to)
{
	unsigned last = fat_name_slots(name) - 1;
	u16 part[FAT_PART];

	for (unsigned i = 0; i < FAT_PART; i++) {
		unsigned at = (number - 1) * FAT_PART + i;

		part[i] = at < name->len ? name->uni[at] : at == name->len ? 0 : 0xffff;
	}
	*to = (struct fat_disk_part){
		.number = (u8)(number | (number == last ? FAT_PART_LAST : 0)),
		.attr = FAT_LONG,
		.checksum = fat_short_checksum(name->short_name),
	};
	memcpy(to->name0, part, sizeof(to->name0));
	memcpy(to->name5, part + 5, sizeof(to->name5));
	memcpy(to->name11, part + 11, sizeof(to->name11));
}

/* --- msdos: nothing but short names --- */

/* May this byte be in one? */
static bool msdos_char(const struct fat *fs, u8 c)
{
	char check = fs->options.check;

	if (c < ' ' || c == ':' || c == '\\')
		return false;
	if (check != 'r' && strchr("*?<>|\"", c))
		return false;
	return check != 's' || (!strchr("+=,; ", c) && !(c >= 'A' && c <= 'Z'));
}

/* Up to `room` bytes of a part, until a dot: moves *name. -EINVAL. */
static int msdos_part(const struct fat *fs, const char **name, const char *end, unsigned room,
		      u8 *to)
{
	unsigned n = 0;

	for (; *name < end && **name != '.' && n < room; ++*name) {
		u8 c = (u8)**name;

		if (!msdos_char(fs, c))
			return -EINVAL;
		to[n++] = c >= 'a' && c <= 'z' ? c - 32 : c;
	}
	return n && to[n - 1] == ' ' ? -EINVAL : 0;
}

int fat_msdos_parse(const struct fat *fs, const char *name, size_t len, u8 to[FAT_NAME])
{
	const char *end = name + len;
	bool strict = fs->options.check == 's';

	if (name < end && *name == '.') {
		if (!fs->options.dots)
			return -EINVAL;
		name++;
	}
	memset(to, ' ', FAT_NAME);
	if (name == end || *name == '.' || msdos_part(fs, &name, end, 8, to))
		return -EINVAL;
	if (to[0] == FAT_DELETED)
		to[0] = FAT_IS_E5;
	if (strict && name < end && *name != '.')
		return -EINVAL;
	while (name < end && *name != '.')
		name++;
	if (name == end)
		return 0;
	name++;
	if (msdos_part(fs, &name, end, 3, to + 8))
		return -EINVAL;
	return strict && name < end ? -EINVAL : 0;
}

size_t fat_msdos_show(const struct fat *fs, const struct fat_disk_entry *e, char *to)
{
	size_t n = 0, base = 8, ext = 3;

	while (base && e->name[base - 1] == ' ')
		base--;
	while (ext && e->name[8 + ext - 1] == ' ')
		ext--;
	if (!base)
		return 0;
	if (fs->options.dots && (e->attr & FAT_HIDDEN))
		to[n++] = '.';
	for (size_t i = 0; i < base + ext; i++) {
		u8 c = e->name[i < base ? i : 8 + i - base];

		if (i == base)
			to[n++] = '.';
		if (!i && c == FAT_IS_E5)
			c = FAT_DELETED;
		to[n++] = (char)(c + (c >= 'A' && c <= 'Z' ? 32 : 0));
	}
	to[n] = 0;
	return n;
}
