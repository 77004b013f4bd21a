/* fs/procfs/proc_sys_uring.c -- /proc/sys/kernel/io_uring_*: who may make rings. */
#include "core/base/string.h"
#include "core/uring/uring.h"
#include "fs/procfs/proc.h"

/* A number of these alone on its line. */
static int setting_store(const char *text, i64 least, i64 most, i32 *to)
{
	bool minus = *text == '-';
	const char *end;
	u64 n;
	i64 value;

	if (!string_to_u64(text + minus, &end, 10, &n) || n > 1ul << 31 || (*end && *end != '\n'))
		return -EINVAL;
	value = minus ? -(i64)n : (i64)n;
	if (value < least || value > most)
		return -EINVAL;
	atomic_store(to, (i32)value);
	return 0;
}

static int disabled_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", atomic_load_relaxed(&uring_settings.disabled));
	return 0;
}

static int disabled_store(const struct proc_subject *who, const char *text, size_t len)
{
	return setting_store(text, 0, 2, &uring_settings.disabled);
}

static int group_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", atomic_load_relaxed(&uring_settings.group));
	return 0;
}

static int group_store(const struct proc_subject *who, const char *text, size_t len)
{
	return setting_store(text, INT32_MIN, INT32_MAX, &uring_settings.group);
}

#define FILE(name_, ...) {.name = name_, .mode = S_IFREG | 0644, __VA_ARGS__}

const struct proc_entry proc_uring_settings[] = {
	FILE("io_uring_disabled", .show = disabled_show, .store = disabled_store),
	FILE("io_uring_group", .show = group_show, .store = group_store),
	{.children = proc_ipc_limits},
};
