/* fs/procfs/proc_sys.c -- /proc/sys: what can be asked of the kernel by name, and changed. A
 * number that cannot be changed here is not writable, whatever it is elsewhere. */
#include "core/base/random.h"
#include "core/cred/cred.h"
#include "core/cred/user_counts.h"
#include "core/dev/console.h"
#include "core/net/inet.h"
#include "core/net/unix.h"
#include "core/proc/core.h"
#include "core/proc/pid.h"
#include "core/proc/user_become.h"
#include "core/proc/uts.h"
#include "core/proc/trace.h"
#include "core/proc/userfaultfd.h"
#include "fs/procfs/proc.h"
#include "mem/phys/buddy.h"
#include "mem/space/commit.h"
#include "mem/space/reclaim.h"
#include "mem/space/space.h"

/* --- names --- */

static int show_name(enum uts_name which, struct text *to)
{
	char name[UTS_MAX + 1];

	uts_read(which, name);
	text_add(to, "%s\n", name);
	return 0;
}

static int store_name(enum uts_name which, const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	if (!uts_may_set())
		return -EPERM;
	return uts_set(which, text, end ? (size_t)(end - text) : len);
}

static int hostname_show(const struct proc_subject *who, struct text *to)
{
	return show_name(UTS_HOSTNAME, to);
}

static int hostname_store(const struct proc_subject *who, const char *text, size_t len)
{
	return store_name(UTS_HOSTNAME, text, len);
}

static int domainname_show(const struct proc_subject *who, struct text *to)
{
	return show_name(UTS_DOMAINNAME, to);
}

static int domainname_store(const struct proc_subject *who, const char *text, size_t len)
{
	return store_name(UTS_DOMAINNAME, text, len);
}

/* --- process numbers: of who asks --- */

static int ns_last_pid_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", pid_last(pid_ns_here()));
	return 0;
}

static int ns_last_pid_store(const struct proc_subject *who, const char *text, size_t len)
{
	const struct cred *cred = task_current()->cred;
	const struct user_ns *users = pid_ns_here()->users;
	const char *end;
	u64 nr;

	if (!cred_capable_in(cred, users, CAP_SYS_ADMIN) &&
	    !cred_capable_in(cred, users, CAP_CHECKPOINT_RESTORE))
		return -EPERM;
	if (!string_to_u64(text, &end, 10, &nr) || nr > PID_MAX || (*end && *end != '\n'))
		return -EINVAL;
	pid_set_last(pid_ns_here(), (int)nr);
	return 0;
}

/* --- random --- */

static void show_uuid(struct text *to, const u8 from[16])
{
	u8 b[16];

	memcpy(b, from, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (unsigned n = 0; n < 16; n++)
		text_add(to, n == 4 || n == 6 || n == 8 || n == 10 ? "-%02x" : "%02x", b[n]);
	text_put(to, "\n", 1);
}

static int uuid_show(const struct proc_subject *who, struct text *to)
{
	u8 b[16];

	random_bytes(b, sizeof(b));
	show_uuid(to, b);
	return 0;
}

static int boot_id_show(const struct proc_subject *who, struct text *to)
{
	static spinlock lock = SPINLOCK_INIT(RANK_FS_PRIVATE);
	static u8 id[16];
	static bool made;

	spin_lock(&lock);
	if (!made)
		random_bytes(id, sizeof(id));
	made = true;
	spin_unlock(&lock);
	show_uuid(to, id);
	return 0;
}

static int entropy_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", random_is_ready() ? 256 : 0);
	return 0;
}

/* --- printk --- */

static int printk_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\t4\t1\t%u\n", console_level(), CONSOLE_LEVEL_DEFAULT);
	return 0;
}

static int printk_store(const struct proc_subject *who, const char *text, size_t len)
{
	const char *end;
	u64 n;

	if (!cred_capable(task_current()->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (!string_to_u64(text, &end, 10, &n) || n > 15)
		return -EINVAL;
	console_set_level((unsigned)n);
	return 0;
}

/* --- tracing --- */

static int ptrace_scope_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", trace_scope());
	return 0;
}

static int ptrace_scope_store(const struct proc_subject *who, const char *text, size_t len)
{
	const char *end;
	u64 n;

	if (!cred_capable(task_current()->cred, CAP_SYS_PTRACE))
		return -EPERM;
	if (!string_to_u64(text, &end, 10, &n) || n > 3)
		return -EINVAL;
	return trace_set_scope((unsigned)n);
}

/* --- core files --- */

static int core_pattern_show(const struct proc_subject *who, struct text *to)
{
	char pattern[CORE_PATTERN_MAX];

	core_pattern(pattern);
	text_add(to, "%s\n", pattern);
	return 0;
}

static int core_pattern_store(const struct proc_subject *who, const char *text, size_t len)
{
	core_set_pattern(text, len);
	return 0;
}

static int core_setting_store(const char *text, u32 *to, u64 most)
{
	const char *end;
	u64 n;

	if (!string_to_u64(text, &end, 10, &n) || n > most || (*end && *end != '\n'))
		return -EINVAL;
	atomic_store(to, (u32)n);
	return 0;
}

static int core_uses_pid_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", atomic_load(&core_settings.uses_pid));
	return 0;
}

static int core_uses_pid_store(const struct proc_subject *who, const char *text, size_t len)
{
	return core_setting_store(text, &core_settings.uses_pid, INT32_MAX);
}

/* A number with a sign, as Linux takes and shows it. */
static int core_pipe_limit_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", (int)atomic_load(&core_settings.pipe_limit));
	return 0;
}

static int core_pipe_limit_store(const struct proc_subject *who, const char *text, size_t len)
{
	bool negative = *text == '-';
	u32 n;
	int err = core_setting_store(text + negative, &n, INT32_MAX);

	if (!err)
		atomic_store(&core_settings.pipe_limit, negative ? -n : n);
	return err;
}

static int core_sort_vma_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", atomic_load(&core_settings.sort_areas));
	return 0;
}

static int core_sort_vma_store(const struct proc_subject *who, const char *text, size_t len)
{
	return core_setting_store(text, &core_settings.sort_areas, 1);
}

/* --- memory --- */

static int unprivileged_userfaultfd_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", atomic_load(&userfaultfd_unprivileged));
	return 0;
}

static int unprivileged_userfaultfd_store(const struct proc_subject *who, const char *text,
					  size_t len)
{
	return core_setting_store(text, &userfaultfd_unprivileged, 1);
}

static int drop_caches_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%d\n", reclaim_all_is_done() ? 0 : 1);
	return 0;
}

/* Goes on in the background; 0 is read when it is done. Dirty pages stay, as on Linux. */
static int drop_caches_store(const struct proc_subject *who, const char *text, size_t len)
{
	const char *end;
	u64 n;

	if (!cred_capable(task_current()->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (!string_to_u64(text, &end, 10, &n) || n < 1 || n > 4)
		return -EINVAL;
	return reclaim_all();
}

/* A number of the settings for promised memory. */
static int setting_store(const char *text, u64 *to, u64 most)
{
	const char *end;
	u64 n;

	if (!string_to_u64(text, &end, 10, &n) || n > most || (*end && *end != '\n'))
		return -EINVAL;
	atomic_store(to, n);
	return 0;
}

#define SETTING(name_, field_, most_)                                                           \
	static int name_##_show(const struct proc_subject *who, struct text *to)                \
	{                                                                                       \
		text_add(to, "%lu\n", atomic_load_relaxed(&commit_settings.field_));            \
		return 0;                                                                       \
	}                                                                                       \
	static int name_##_set(const char *text)                                                \
	{                                                                                       \
		return setting_store(text, &commit_settings.field_, most_);                     \
	}
SETTING(overcommit_memory, mode, COMMIT_STRICT)
SETTING(overcommit_ratio, ratio, INT32_MAX)
SETTING(overcommit_kbytes, kbytes, INT64_MAX)
SETTING(user_reserve_kbytes, user_reserve_kbytes, INT64_MAX)

static int overcommit_memory_store(const struct proc_subject *who, const char *text, size_t len)
{
	return overcommit_memory_set(text);
}

/* Of the two that say what the limit is, the one written last holds. */
static int overcommit_ratio_store(const struct proc_subject *who, const char *text, size_t len)
{
	int err = overcommit_ratio_set(text);

	if (!err)
		atomic_store(&commit_settings.kbytes, 0ul);
	return err;
}

static int overcommit_kbytes_store(const struct proc_subject *who, const char *text, size_t len)
{
	int err = overcommit_kbytes_set(text);

	if (!err)
		atomic_store(&commit_settings.ratio, 0ul);
	return err;
}

static int user_reserve_kbytes_store(const struct proc_subject *who, const char *text, size_t len)
{
	return user_reserve_kbytes_set(text);
}

/* --- constants --- */

static int threads_max_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", min(buddy_total_pages() / 8, (u64)PID_MAX));
	return 0;
}

#define CONSTANT(name_, format_, value_)                                                        \
	static int name_##_show(const struct proc_subject *who, struct text *to)                \
	{                                                                                       \
		text_add(to, format_ "\n", value_);                                             \
		return 0;                                                                       \
	}
CONSTANT(seccomp_avail, "%s", "kill_process kill_thread trap errno trace log allow")
CONSTANT(seccomp_logged, "%s", "kill_process kill_thread trap errno trace log")
CONSTANT(ostype, "%s", UTS_SYSNAME)
CONSTANT(osrelease, "%s", UTS_RELEASE)
CONSTANT(version, "%s", UTS_VERSION)
CONSTANT(pid_max, "%d", PID_MAX)
CONSTANT(cap_last_cap, "%d", CAP_LAST_CAP)
CONSTANT(ngroups_max, "%u", CRED_MAX_GROUPS)
CONSTANT(overflow_id, "%d", 65534)
CONSTANT(randomize_va_space, "%d", 2)
CONSTANT(poolsize, "%d", 256)
CONSTANT(one, "%d", 1)
CONSTANT(net_buffer, "%u", SOCKET_BUFFER)
CONSTANT(somaxconn, "%d", SOMAXCONN_DEFAULT)
CONSTANT(max_dgram_qlen, "%u", UNIX_QUEUE)
CONSTANT(zero, "%d", 0)
CONSTANT(max_map_count, "%d", SPACE_MAX_VMAS)
CONSTANT(mmap_min_addr, "%lu", SPACE_MIN_ADDR)

static int port_range_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\t%u\n", INET_PORT_FIRST, INET_PORT_LAST);
	return 0;
}

#define FILE(name_, mode_, ...) {.name = name_, .mode = S_IFREG | (mode_), __VA_ARGS__}
#define DIR(name_, ...)		{.name = name_, .mode = S_IFDIR | 0555, __VA_ARGS__}

static const struct proc_entry random_entries[] = {
	FILE("boot_id", 0444, .show = boot_id_show),
	FILE("entropy_avail", 0444, .show = entropy_show),
	FILE("poolsize", 0444, .show = poolsize_show),
	FILE("uuid", 0444, .show = uuid_show),
	{},
};

static const struct proc_entry seccomp_entries[] = {
	FILE("actions_avail", 0444, .show = seccomp_avail_show),
	FILE("actions_logged", 0444, .show = seccomp_logged_show),
	{},
};

static const struct proc_entry yama_entries[] = {
	FILE("ptrace_scope", 0644, .show = ptrace_scope_show, .store = ptrace_scope_store),
	{},
};

/* --- user namespaces --- */

static int userns_clone_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%u\n", atomic_load_relaxed(&user_become_unprivileged));
	return 0;
}

static int userns_clone_store(const struct proc_subject *who, const char *text, size_t len)
{
	const char *end;
	u64 n;

	if (!string_to_u64(text, &end, 10, &n) || n > INT32_MAX || (*end && *end != '\n'))
		return -EINVAL;
	atomic_store(&user_become_unprivileged, (u32)n);
	return 0;
}

static int max_user_namespaces_show(const struct proc_subject *who, struct text *to)
{
	text_add(to, "%lu\n", atomic_load_relaxed(&user_limits.user_spaces));
	return 0;
}

static int max_user_namespaces_store(const struct proc_subject *who, const char *text, size_t len)
{
	const char *end;
	u64 n;

	if (!string_to_u64(text, &end, 10, &n) || n > INT32_MAX || (*end && *end != '\n'))
		return -EINVAL;
	atomic_store(&user_limits.user_spaces, n);
	return 0;
}

static const struct proc_entry user_entries[] = {
	FILE("max_user_namespaces", 0644, .show = max_user_namespaces_show,
	     .store = max_user_namespaces_store),
	{},
};

static const struct proc_entry kernel_entries[] = {
	FILE("cap_last_cap", 0444, .show = cap_last_cap_show),
	FILE("core_pattern", 0644, .show = core_pattern_show, .store = core_pattern_store),
	FILE("core_pipe_limit", 0644, .show = core_pipe_limit_show,
	     .store = core_pipe_limit_store),
	FILE("core_sort_vma", 0644, .show = core_sort_vma_show, .store = core_sort_vma_store),
	FILE("core_uses_pid", 0644, .show = core_uses_pid_show, .store = core_uses_pid_store),
	FILE("dmesg_restrict", 0444, .show = one_show),
	FILE("domainname", 0644, .show = domainname_show, .store = domainname_store),
	FILE("hostname", 0644, .show = hostname_show, .store = hostname_store),
	FILE("ngroups_max", 0444, .show = ngroups_max_show),
	FILE("ns_last_pid", 0666, .show = ns_last_pid_show, .store = ns_last_pid_store),
	FILE("osrelease", 0444, .show = osrelease_show),
	FILE("ostype", 0444, .show = ostype_show),
	FILE("overflowgid", 0444, .show = overflow_id_show),
	FILE("overflowuid", 0444, .show = overflow_id_show),
	FILE("pid_max", 0444, .show = pid_max_show),
	FILE("printk", 0644, .show = printk_show, .store = printk_store),
	DIR("random", .children = random_entries),
	FILE("randomize_va_space", 0444, .show = randomize_va_space_show),
	DIR("seccomp", .children = seccomp_entries),
	FILE("tainted", 0444, .show = zero_show),
	FILE("threads-max", 0444, .show = threads_max_show),
	FILE("unprivileged_userns_clone", 0644, .show = userns_clone_show,
	     .store = userns_clone_store),
	FILE("version", 0444, .show = version_show),
	DIR("yama", .children = yama_entries),
	{.children = proc_sched_limits},
};

static const struct proc_entry vm_entries[] = {
	FILE("drop_caches", 0644, .show = drop_caches_show, .store = drop_caches_store),
	FILE("max_map_count", 0444, .show = max_map_count_show),
	FILE("memfd_noexec", 0444, .show = zero_show),
	FILE("mmap_min_addr", 0444, .show = mmap_min_addr_show),
	FILE("overcommit_kbytes", 0644, .show = overcommit_kbytes_show,
	     .store = overcommit_kbytes_store),
	FILE("overcommit_memory", 0644, .show = overcommit_memory_show,
	     .store = overcommit_memory_store),
	FILE("overcommit_ratio", 0644, .show = overcommit_ratio_show,
	     .store = overcommit_ratio_store),
	FILE("unprivileged_userfaultfd", 0644, .show = unprivileged_userfaultfd_show,
	     .store = unprivileged_userfaultfd_store),
	FILE("user_reserve_kbytes", 0644, .show = user_reserve_kbytes_show,
	     .store = user_reserve_kbytes_store),
	{},
};

static const struct proc_entry net_core_entries[] = {
	FILE("rmem_default", 0444, .show = net_buffer_show),
	FILE("rmem_max", 0444, .show = net_buffer_show),
	FILE("somaxconn", 0444, .show = somaxconn_show),
	FILE("wmem_default", 0444, .show = net_buffer_show),
	FILE("wmem_max", 0444, .show = net_buffer_show),
	{},
};

static const struct proc_entry net_ipv4_entries[] = {
	FILE("ip_local_port_range", 0444, .show = port_range_show),
	{},
};

static const struct proc_entry net_unix_entries[] = {
	FILE("max_dgram_qlen", 0444, .show = max_dgram_qlen_show),
	{},
};

static const struct proc_entry net_entries[] = {
	DIR("core", .children = net_core_entries),
	DIR("ipv4", .children = net_ipv4_entries),
	DIR("unix", .children = net_unix_entries),
	{},
};

const struct proc_entry proc_sys_entries[] = {
	DIR("fs", .children = proc_sys_fs_entries),
	DIR("kernel", .children = kernel_entries),
	DIR("net", .children = net_entries),
	DIR("user", .children = user_entries),
	DIR("vm", .children = vm_entries),
	{},
};
