/* fs/procfs/proc_ns.c -- /proc/<pid>/ns: links to the namespaces a process is in. */
#include "core/proc/nsfs.h"
#include "core/proc/pid_ns.h"
#include "fs/procfs/proc.h"

static int ns_jump(const struct proc_subject *who, enum nsfs_kind kind, struct path *to)
{
	struct nsfs_spaces of;
	int err;

	if (!nsfs_spaces_of(who->process, &of))
		return -ENOENT;
	err = nsfs_path(kind, &of, to);
	nsfs_spaces_put(&of);
	return err;
}

/* Where nobody is yet is no place to show. */
static int pid_for_children_jump(const struct proc_subject *who, struct path *to)
{
	struct nsfs_spaces of = {.pids = pid_ns_begun_for_children(who->process)};
	int err = of.pids ? nsfs_path(NSFS_PID, &of, to) : -ENOENT;

	nsfs_spaces_put(&of);
	return err;
}

#define JUMP(name, kind)                                                          \
	static int name##_jump(const struct proc_subject *who, struct path *to)    \
	{                                                                         \
		return ns_jump(who, kind, to);                                    \
	}
JUMP(time, NSFS_TIME)
JUMP(cgroup, NSFS_CGROUP)
JUMP(pid, NSFS_PID)
JUMP(user, NSFS_USER)
JUMP(uts, NSFS_UTS)
JUMP(ipc, NSFS_IPC)
JUMP(net, NSFS_NET)
JUMP(mnt, NSFS_MNT)

#define LINK(name_, ...) {.name = name_, .mode = S_IFLNK | 0777, __VA_ARGS__}

const struct proc_entry proc_ns_entries[] = {
	LINK("net", .jump = net_jump),
	LINK("uts", .jump = uts_jump),
	LINK("ipc", .jump = ipc_jump),
	LINK("pid", .jump = pid_jump),
	LINK("pid_for_children", .jump = pid_for_children_jump),
	LINK("user", .jump = user_jump),
	LINK("mnt", .jump = mnt_jump),
	LINK("cgroup", .jump = cgroup_jump),
	LINK("time", .jump = time_jump),
	LINK("time_for_children", .jump = time_jump),
	{},
};
