/* fs/ext4/options.c -- mount options, as Linux's ext4 takes them. */
#include "core/base/string.h"
#include "fs/ext4/ext4.h"

/* Options that ask for what is so anyway, or for less than is done. */
static const char *const options_kept[] = {
	"", "defaults", "data=ordered", "data=writeback", "barrier", "barrier=0", "barrier=1",
	"nobarrier", "acl", "user_xattr",
	"delalloc", "nodelalloc", "init_itable", "noinit_itable", "journal_checksum",
	"nojournal_checksum", "auto_da_alloc", "noauto_da_alloc", "block_validity",
};

/* What only a later type takes; one that ends with '=' is the beginning. */
static const struct {
	enum ext4_type from;
	const char *option;
} options_later[] = {
	{EXT4_AS_EXT3, "noload"}, {EXT4_AS_EXT3, "norecovery"}, {EXT4_AS_EXT3, "commit="},
	{EXT4_AS_EXT3, "data="}, {EXT4_AS_EXT4, "delalloc"}, {EXT4_AS_EXT4, "nodelalloc"},
	{EXT4_AS_EXT4, "journal_checksum"}, {EXT4_AS_EXT4, "nojournal_checksum"},
};

static bool option_of_later(const struct ext4 *fs, const char *option, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(options_later); i++) {
		size_t n = strlen(options_later[i].option);

		if (fs->type < options_later[i].from && len >= n &&
		    !memcmp(option, options_later[i].option, n) &&
		    (len == n || option[n - 1] == '='))
			return true;
	}
	return false;
}

/* A number after `name`, which ends with '='. */
static bool option_number(const char *option, size_t len, const char *name, u32 *to)
{
	size_t n = strlen(name);
	u64 value = 0;

	if (len <= n || len > n + 9 || memcmp(option, name, n))
		return false;
	for (; n < len; n++) {
		if (option[n] < '0' || option[n] > '9')
			return false;
		value = value * 10 + (u64)(option[n] - '0');
	}
	*to = (u32)value;
	return true;
}

static bool option_is(const char *option, size_t len, const char *name)
{
	return len == strlen(name) && !memcmp(option, name, len);
}

static bool option_parse(struct ext4_options *to, const char *option, size_t len)
{
	u32 ignored;

	if (option_is(option, len, "noload") || option_is(option, len, "norecovery"))
		to->no_load = true;
	else if (option_is(option, len, "discard") || option_is(option, len, "nodiscard"))
		to->discard = len == strlen("discard");
	else if (option_is(option, len, "errors=continue"))
		to->errors = EXT4_ERRORS_CONTINUE;
	else if (option_is(option, len, "errors=remount-ro"))
		to->errors = EXT4_ERRORS_READ_ONLY;
	else if (option_is(option, len, "errors=panic"))
		to->errors = EXT4_ERRORS_PANIC;
	else if (option_number(option, len, "stripe=", &ignored))
		return true;	/* where files are put best, not whether */
	else if (!option_number(option, len, "commit=", &to->commit_seconds)) {
		for (unsigned i = 0; i < ARRAY_SIZE(options_kept); i++)
			if (option_is(option, len, options_kept[i]))
				return true;
		return false;
	}
	return true;
}

int ext4_options_parse(struct ext4 *fs, const char *text, struct ext4_options *to)
{
	while (*text) {
		const char *comma = strchr(text, ',');
		size_t len = comma ? (size_t)(comma - text) : strlen(text);

		if (option_of_later(fs, text, len)) {
			ext4_bad(fs, "mount option \"%.*s\" is not one of ext%u's",
				 (int)min(len, 64ul), text, (unsigned)fs->type);
			return -EINVAL;
		}
		if (!option_parse(to, text, len)) {
			ext4_bad(fs, "unknown mount option \"%.*s\"", (int)min(len, 64ul), text);
			return -EINVAL;
		}
		text += len + (comma ? 1 : 0);
	}
	return 0;
}

void ext4_options_show(struct super *s, char *to, size_t size)
{
	const struct ext4 *fs = s->private;
	static const char *const errors[] = {
		[EXT4_ERRORS_CONTINUE] = ",errors=continue",
		[EXT4_ERRORS_READ_ONLY] = ",errors=remount-ro",
		[EXT4_ERRORS_PANIC] = ",errors=panic",
	};
	char commit[24] = "";

	if (fs->options.commit_seconds)
		format(commit, sizeof(commit), ",commit=%u", fs->options.commit_seconds);
	format(to, size, "%s%s%s%s", fs->options.no_load ? ",norecovery" : "",
	       fs->options.errors != fs->errors_usual ? errors[fs->options.errors] : "",
	       fs->options.discard ? ",discard" : "", commit);
}
