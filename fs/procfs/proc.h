/* fs/procfs/proc.h -- how /proc is described: tables of entries, and what each shows.
 *
 * An entry is a name with a way to make its text (show, or generate where that must wait), to
 * take one (store), to point somewhere (link: as text; jump: as a place) or its children. The
 * same tables serve every process; a subject says which one is meant.
 *
 * Ownership  tables are constants. An inode owns a reference of its subject's process.
 * Units      numbers of threads and processes are of the namespace `ns`.
 * Locking    show, store, link and jump run without locks and never wait.
 */
#ifndef PROCFS_PROC_H
#define PROCFS_PROC_H

#include <linux/stat.h>

#include "core/proc/process.h"
#include "vfs/text.h"
#include "vfs/file.h"
#include "vfs/super.h"

struct proc_subject {
	const struct pid_ns *ns;	/* what shows its numbers; the super's */
	struct process *process;	/* NULL: the system */
	int tid;			/* 0: the process as a whole */
	int fd;				/* -1: none */
};

struct proc_generate {
	struct co_frame co;
	const struct proc_subject *who;
	struct text *text;
};
CO_OPERATION(proc_generate);

enum proc_kind {
	PROC_PLAIN,	/* a file, a link, or a directory with nothing but `children` */
	PROC_ROOT,	/* and the processes */
	PROC_TASKS,	/* the threads of a process */
	PROC_FDS,	/* its descriptors, as links */
	PROC_FDINFOS,	/* the same, as files */
	PROC_BLOCKS,	/* the disks, by name; the subject's fd is its id */
	PROC_PARTITIONS, /* a disk's partitions, by name; the same */
	PROC_BLOCK_NUMBERS, /* links to those, by device number */
	PROC_CLASS_BLOCKS, /* links to those, by name */
	PROC_CPUS,	/* cpu0...; the subject's fd is its number */
	PROC_MEMORY,	/* memory8...; the subject's fd is its place */
};

enum {
	PROC_INSPECT = 1,	/* only for who may look into the process */
	PROC_PROCESS_ONLY = 2,	/* not below task/ */
	PROC_THREAD_ONLY = 8,	/* only below task/ */
	PROC_ADMIN = 4,		/* opening needs CAP_SYS_ADMIN */
	PROC_LOOP_ONLY = 16,	/* only of a loop device that has a file */
	PROC_DEVICE_ONLY = 32,	/* as long as the block device is there */
};

struct proc_entry {
	const char *name;	/* NULL ends a table, or it goes on in `children` */
	u32 mode;
	enum proc_kind kind;
	u32 needs;
	const struct proc_entry *children;
	int (*show)(const struct proc_subject *who, struct text *to);
	const struct proc_generate_op *generate; /* instead of show, where it must wait */
	const struct file_ops *ops;	/* instead of all of these, where it is no text */
	int (*store)(const struct proc_subject *who, const char *text, size_t len);
	/* The target, at most size bytes without a NUL; its length. */
	int (*link)(const struct proc_subject *who, char *to, size_t size);
	int (*jump)(const struct proc_subject *who, struct path *to);
};

struct proc_inode {
	struct inode inode;		/* first */
	const struct proc_entry *entry;	/* [I] */
	struct proc_subject who;	/* [I] process: owned */
};

/* The tables, by file. */
extern const struct proc_entry proc_root_entries[];	/* proc_root.c */
extern const struct proc_entry proc_pid_entries[];	/* proc_pid.c */
extern const struct proc_entry proc_sys_entries[];	/* proc_sys.c */
extern const struct proc_entry proc_sys_fs_entries[];	/* proc_sys_fs.c */
extern const struct proc_entry proc_net_entries[];	/* proc_net.c */
extern const struct proc_entry proc_sched_limits[];	/* proc_sched.c */
extern const struct proc_entry proc_uring_settings[];	/* proc_sys_uring.c */
extern const struct proc_entry proc_sysvipc_entries[], proc_ipc_limits[], /* proc_ipc.c */
	proc_mqueue_limits[];
extern const struct proc_entry proc_ns_entries[];	/* proc_ns.c */
extern const struct proc_entry proc_fd_link, proc_fdinfo_file; /* proc_fd.c */
extern const struct proc_entry sysfs_entries[];		/* sysfs.c */
extern const struct proc_entry sysfs_block_dir, sysfs_part_dir, sysfs_block_link;
extern const struct proc_entry sysfs_loop_entries[];	/* sysfs_loop.c */
bool sysfs_has_loop(const struct proc_subject *who);
bool sysfs_has_block(const struct proc_subject *who);
extern const struct proc_entry sysfs_system_entries[];	/* sysfs_cpu.c */
extern const struct proc_entry sysfs_cpu_dir, sysfs_memory_dir;
/* The n-th CPU or block of memory as text; false past the last. */
bool sysfs_system_name(enum proc_kind kind, int n, char to[16]);
/* The n-th block device of a directory of such, its name or number as text: its id, -1 past the
 * last. */
int sysfs_block_name(enum proc_kind kind, const struct proc_subject *who, int n, char to[16]);

/* inode.c: an inode for an entry in a directory (NULL: a root); NULL without memory. */
struct inode *proc_inode_new(struct super *s, const struct inode *dir, const char *name,
			     size_t len, const struct proc_entry *entry,
			     const struct proc_subject *who);
static inline struct proc_inode *proc_inode_of(const struct inode *inode)
{
	return (struct proc_inode *)inode;
}
u64 proc_inode_number(const struct inode *dir, const char *name, size_t len);
/* Does what the inode is about still exist? */
bool proc_inode_holds(const struct proc_inode *p);

/* dir.c */
extern const struct proc_entry proc_pid_dir;	/* /proc/<pid> */
struct proc_lookup {
	struct inode_lookup;
};
co_t proc_lookup(struct co *co, struct proc_lookup *f);
struct proc_readdir {
	struct inode_readdir;
	char name[16];
};
co_t proc_readdir(struct co *co, struct proc_readdir *f);

/* file.c */
extern const struct file_ops proc_file_ops;

/* proc_mem.c */
extern const struct file_ops proc_mem_ops;
void proc_mem_closed(struct file *file);
i64 proc_mem_seek(struct file *file, i64 offset, int whence);
/* proc_user.c */
extern const struct file_ops proc_uid_map_ops, proc_gid_map_ops, proc_setgroups_ops;
/* proc_pagemap.c */
extern const struct file_ops proc_pagemap_ops;

/* proc_fd.c: -ENOENT if it is not open. */
int proc_fd_exists(const struct proc_subject *who, u32 *mode);

/* proc_maps.c, proc_smaps.c, proc_numa.c: what must wait. */
extern const struct proc_generate_op proc_maps_op, proc_smaps_op, proc_rollup_op, proc_cmdline_op,
	proc_environ_op, proc_numa_op;
struct space;
struct vma_info;
/* A line of maps. */
void proc_maps_show(const struct space *s, const struct vma_info *v, struct text *to);
/* proc_status.c */
/* The effective priority as Linux shows it: 0 .. 39 by nice value, -2 .. -100 real-time. */
int proc_priority(const struct process_info *i);
int proc_stat_show(const struct proc_subject *who, struct text *to);
int proc_status_show(const struct proc_subject *who, struct text *to);
int proc_statm_show(const struct proc_subject *who, struct text *to);
int proc_limits_show(const struct proc_subject *who, struct text *to);
/* proc_locks.c */
int proc_locks_show(const struct proc_subject *who, struct text *to);
/* Those that the file, or the table it is open in, holds on it. */
void proc_locks_of(const struct file *file, const void *table, const struct pid_ns *ns,
		   struct text *to);
/* proc_usage.c */
int proc_io_show(const struct proc_subject *who, struct text *to);
int proc_schedstat_show(const struct proc_subject *who, struct text *to);
int proc_sched_show(const struct proc_subject *who, struct text *to);
int proc_loginuid_show(const struct proc_subject *who, struct text *to);
int proc_children_show(const struct proc_subject *who, struct text *to);
/* proc_timers.c */
extern const struct proc_generate_op proc_timers_op;
/* proc_system.c */
extern const struct proc_generate_op proc_meminfo_op;
int proc_cpuinfo_show(const struct proc_subject *who, struct text *to);
int proc_stat_all_show(const struct proc_subject *who, struct text *to);
int proc_softirqs_show(const struct proc_subject *who, struct text *to);
int proc_zoneinfo_show(const struct proc_subject *who, struct text *to);
int proc_uptime_show(const struct proc_subject *who, struct text *to);
int proc_loadavg_show(const struct proc_subject *who, struct text *to);
int proc_interrupts_show(const struct proc_subject *who, struct text *to);
int proc_vmstat_show(const struct proc_subject *who, struct text *to);
int proc_slabinfo_show(const struct proc_subject *who, struct text *to);
int proc_executor_show(const struct proc_subject *who, struct text *to);
int proc_executor_store(const struct proc_subject *who, const char *text, size_t len);

#endif
