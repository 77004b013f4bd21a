/* fs/procfs/proc_sys_fs.c -- /proc/sys/fs: limits and rules of files. The files' own modes say who
 * may change them: no capability is asked for. */
#include "core/base/bits.h"
#include "core/cred/user_counts.h"
#include "core/proc/core.h"
#include "core/uring/aio.h"
#include "fs/procfs/proc.h"
#include "mem/phys/buddy.h"
#include "mem/space/space.h"
#include "vfs/dnotify.h"
#include "vfs/fd.h"
#include "vfs/inotify.h"
#include "vfs/lease.h"
#include "vfs/mount.h"
#include "vfs/pipe_limit.h"
#include "vfs/protect.h"

/* A number alone on its line. */
static bool number_parse(const char *text, u64 most, u64 *to)
{
	const char *end;

	return string_to_u64(text, &end, 10, to) && *to <= most && (!*end || *end == '\n');
}

/* --- rules --- */

static int protected_store(enum protect_rule rule, unsigned most, const char *text)
{
	u64 n;

	if (!number_parse(text, most, &n))
		return -EINVAL;
	protect_set(rule, (unsigned)n);
	return 0;
}

#define PROTECTED(name_, rule_, most_)                                                          \
	static int name_##_show(const struct proc_subject *who, struct text *to)                \
	{                                                                                       \
		text_add(to, "%u\n", protect_get(rule_));                                       \
		return 0;                                                                       \
	}                                                                                       \
	static int name_##_store(const struct proc_subject *who, const char *text, size_t len)  \
	{                                                                                       \
		return protected_store(rule_, most_, text);                                     \
	}
PROTECTED(hardlinks, PROTECT_HARDLINKS, 1)
PROTECTED(symlinks, PROTECT_SYMLINKS, 1)
PROTECTED(fifos, PROTECT_FIFOS, 2)
PROTECTED(regular, PROTECT_REGULAR, 2)

static int suid_dumpable_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", atomic_load(&core_settings.suid_dumpable));
	return 0;
}

static int suid_dumpable_store(const struct proc_subject *who, const char *text, size_t len)
{
	u64 n;

	if (!number_parse(text, SPACE_DUMP_ROOT, &n))
		return -EINVAL;
	atomic_store(&core_settings.suid_dumpable, (u32)n);
	return 0;
}

/* --- numbers --- */

#define NUMBER(name_, variable_, type_, most_)                                                  \
	static int name_##_show(const struct proc_subject *who, struct text *to)                \
	{                                                                                       \
		text_add(to, "%lu\n", (u64)atomic_load_relaxed(&variable_));                    \
		return 0;                                                                       \
	}                                                                                       \
	static int name_##_store(const struct proc_subject *who, const char *text, size_t len)  \
	{                                                                                       \
		u64 n;                                                                          \
                                                                                                \
		if (!number_parse(text, most_, &n))                                             \
			return -EINVAL;                                                         \
		atomic_store(&variable_, (type_)n);                                             \
		return 0;                                                                       \
	}
NUMBER(aio_max, aio_limit.most, u64, UINT64_MAX)
NUMBER(break_time, lease_settings.break_time, i32, INT32_MAX)
NUMBER(leases, lease_settings.enabled, i32, INT32_MAX)
NUMBER(dnotify, dnotify_enabled, i32, INT32_MAX)
NUMBER(inotify_instances, user_limits.inotify_instances, u64, INT32_MAX)
NUMBER(inotify_watches, user_limits.inotify_watches, u64, INT32_MAX)
NUMBER(inotify_events, inotify_events_max, u32, INT32_MAX)
NUMBER(epoll_watches, user_limits.epoll_items, u64, INT64_MAX)
NUMBER(pipe_soft, user_limits.pipe_pages, u64, UINT64_MAX)
NUMBER(pipe_hard, user_limits.pipe_pages_hard, u64, UINT64_MAX)

static int aio_used_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", atomic_load_relaxed(&aio_limit.used));
	return 0;
}

static int pipe_size_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", atomic_load_relaxed(&pipe_limit_bytes));
	return 0;
}

/* A power of two, and a page at least. */
static int pipe_size_store(const struct proc_subject *who, const char *text, size_t len)
{
	u64 n;

	if (!number_parse(text, 1ul << 31, &n))
		return -EINVAL;
	n = max(n, PAGE_SIZE);
	if (!bits_is_power(n))
		n = 2ul << bits_log2(n);
	atomic_store(&pipe_limit_bytes, (u32)n);
	return 0;
}

static int file_max_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", buddy_total_pages());
	return 0;
}

static int nr_open_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", FD_MAX);
	return 0;
}

static int mount_max_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", MOUNT_MAX);
	return 0;
}

static int overflow_id_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "65534\n");
	return 0;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define SET(name_, mode_, by_)	FILE(name_, mode_, .show = by_##_show, .store = by_##_store)
#define DIR(name_, ...)		{.name = name_, .mode = S_IFDIR | 0555, __VA_ARGS__}

static const struct proc_entry epoll_entries[] = {
	SET("max_user_watches", 0644, epoll_watches),
	{},
};

static const struct proc_entry inotify_entries[] = {
	SET("max_queued_events", 0644, inotify_events),
	SET("max_user_instances", 0644, inotify_instances),
	SET("max_user_watches", 0644, inotify_watches),
	{},
};

const struct proc_entry proc_sys_fs_entries[] = {
	SET("aio-max-nr", 0644, aio_max),
	FILE("aio-nr", 0444, .show = aio_used_show),
	SET("dir-notify-enable", 0644, dnotify),
	DIR("epoll", .children = epoll_entries),
	FILE("file-max", 0444, .show = file_max_show),
	DIR("inotify", .children = inotify_entries),
	SET("lease-break-time", 0644, break_time),
	SET("leases-enable", 0644, leases),
	FILE("mount-max", 0444, .show = mount_max_show),
	DIR("mqueue", .children = proc_mqueue_limits),
	FILE("nr_open", 0444, .show = nr_open_show),
	FILE("overflowgid", 0444, .show = overflow_id_show),
	FILE("overflowuid", 0444, .show = overflow_id_show),
	SET("pipe-max-size", 0644, pipe_size),
	SET("pipe-user-pages-hard", 0644, pipe_hard),
	SET("pipe-user-pages-soft", 0644, pipe_soft),
	SET("protected_fifos", 0600, fifos),
	SET("protected_hardlinks", 0600, hardlinks),
	SET("protected_regular", 0600, regular),
	SET("protected_symlinks", 0600, symlinks),
	SET("suid_dumpable", 0644, suid_dumpable),
	{},
};
