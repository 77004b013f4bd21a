/* core/start.c */
#include "core/start.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/dev/blk_cache.h"
#include "core/dev/chardev.h"
#include "core/dev/console.h"
#include "core/dev/loop.h"
#include "core/dev/part.h"
#include "core/dev/ramdisk.h"
#include "core/dev/virtio.h"
#include "core/ipc/ipc.h"
#include "core/net/netlink.h"
#include "core/net/rights.h"
#include "core/proc/async.h"
#include "core/proc/exec.h"
#include "core/proc/load.h"
#include "core/proc/process.h"
#include "fs/devfs/devpts.h"
#include "fs/devfs/devtmpfs.h"
#include "fs/ext4/ext4.h"
#include "fs/fat/register.h"
#include "fs/overlayfs/overlayfs.h"
#include "fs/procfs/procfs.h"
#include "fs/tmpfs/initramfs.h"
#include "fs/tmpfs/tmpfs.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "vfs/entry.h"
#include "vfs/fd.h"
#include "vfs/fs_context.h"
#include "vfs/memfd.h"
#include "vfs/mount.h"
#include "vfs/open.h"
#include "vfs/reaper.h"
#include "vfs/writeback.h"
#include "vfs/super.h"

#define START_ARGS_MAX	  PAGE_SIZE
#define START_CONSOLE_DEV (5u << 20 | 1u)
#define START_INIT	  "/init"

static const struct file_ops *start_block_ops(u32 number)
{
	return &blk_file_ops;
}

static void start_register(void)
{
	chardev_init(start_block_ops);
	blk_cache_start();
	console_init();
	ipc_init();
	netlink_init();
	tmpfs_register();
	ext4_register();
	fat_register();
	overlayfs_register();
	procfs_register();
	devtmpfs_register();
	devpts_register();
	virtio_init();
	loop_init();
}

static const char *start_reason(long err)
{
	switch (-err) {
	case ENOENT:
		return "not there";
	case EACCES:
		return "not a file that may be executed";
	case ENOEXEC:
		return "not an executable for this machine";
	case ELOOP:
		return "it leads to itself";
	case ENOMEM:
		return "no memory";
	case EINVAL:
	case EFAULT:
	case EIO:
		return "damaged";
	default:
		return "it failed";
	}
}

/* There is nothing to go on with. */
[[noreturn]] static void start_give_up(const char *what, long err)
{
	log_set_sink(NULL);
	panic_print("Lichen cannot start: %s: %s (error %ld)\n", what, start_reason(err), -err);
	hal_power_off();
}

/* --- the first process --- */

/* Runs as the first thing its only thread does: standard descriptors, then the program. */
struct start_init {
	struct co_frame co;
	struct file *file;
	struct exec_args *args;
	int fd;
	long err;
};
static co_t start_init(struct co *co, struct start_init *f)
{
	CO_BEGIN;
	CO_AWAIT(f->err, open_kernel, .name = "/dev/console", .flags = O_RDWR, .file = &f->file);
	if (f->err)
		log_warn("no console for init: error %ld", -f->err);
	for (f->fd = 0; !f->err && f->fd < 3; f->fd++) {
		if (f->fd)
			file_get(f->file);
		fd_add(fd_current(co), f->file, 0, 3, false);
	}
	CO_AWAIT(f->err, open_kernel, .name = START_INIT, .flags = O_RDONLY, .want = CRED_EXEC,
		 .file = &f->file);
	if (f->err)
		start_give_up(START_INIT " in the initial file system", f->err);
	f->args = exec_args_new(START_ARGS_MAX);
	if (!f->args || exec_args_add(f->args, START_INIT, false) ||
	    exec_args_add(f->args, "HOME=/", true) || exec_args_add(f->args, "TERM=linux", true))
		start_give_up("no memory for init's arguments", -ENOMEM);
	CO_AWAIT(f->err, exec_run, .file = f->file, .name = START_INIT, .args = f->args);
	if (f->err)
		start_give_up(START_INIT " cannot be run", f->err);
	file_put(f->file);
	CO_RETURN(0);
	CO_END;
}

static int start_first_process(struct co *co)
{
	struct fd_table *fds = fd_table_new();
	struct thread *t = NULL;
	struct start_init *first;

	if (fds) {
		cred_get(co_task(co)->cred);
		fs_context_get(co_task(co)->fs);
		t = process_new_init(co_task(co)->cred, co_task(co)->fs, fds);
	}
	if (!t)
		return -ENOMEM;
	first = co_push(&t->task.co, sizeof(*first));
	*first = (struct start_init){0};
	co_enter(&t->task.co, &first->co, (co_step *)start_init);
	task_start(&t->task);
	return 0;
}

/* --- the worker --- */

/* The first mount: a tmpfs with what Linux's built-in archive has, /dev/console and /root. */
struct start_rootfs {
	struct co_frame co;
	struct super *super;
	struct path root;
	long err;
};
static co_t start_rootfs(struct co *co, struct start_rootfs *f)
{
	CO_BEGIN;
	CO_AWAIT_OP(f->err, fs_find("tmpfs")->mount, .type = fs_find("tmpfs"), .source = "rootfs",
		    .options = "mode=755", .made = &f->super);
	if (f->err)
		CO_RETURN(f->err);
	f->err = mount_set_root(f->super, "rootfs");
	if (f->err)
		CO_RETURN(f->err);
	mount_root(&f->root);
	co_task(co)->fs = fs_context_new(&f->root);
	path_put(&f->root);
	if (!co_task(co)->fs)
		CO_RETURN(-ENOMEM);
	CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = "/dev", .mode = S_IFDIR | 0755);
	if (!f->err)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = "/dev/console",
			 .mode = S_IFCHR | 0600, .rdev = START_CONSOLE_DEV);
	if (!f->err)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = "/root",
			 .mode = S_IFDIR | 0700);
	CO_RETURN(f->err);
	CO_END;
}

struct start {
	struct co_frame co;
	u64 used;
	long err;
};
static co_t start(struct co *co, struct start *f)
{
	CO_BEGIN;
	co_task(co)->cred = cred_first();
	start_register();
	if (reaper_start() || writeback_launch() || rights_start() || async_start() ||
	    !load_start())
		start_give_up("no memory for workers", -ENOMEM);
	CO_AWAIT(f->err, start_rootfs);
	if (f->err)
		start_give_up("no initial file system", f->err);
	CO_AWAIT(f->err, memfd_setup);
	if (f->err)
		start_give_up("no file system for memory", f->err);
	if (hal_machine.initrd.size) {
		CO_AWAIT(f->err, initramfs_unpack,
			 .from = hal_phys_to_virt(hal_machine.initrd.base),
			 .size = hal_machine.initrd.size, .used = &f->used);
		if (f->err)
			log_err("the initrd cannot be unpacked: error %ld", -f->err);
		f->used = PAGE_UP(f->used);
		if (f->used < hal_machine.initrd.size)
			ramdisk_add(0, paddr_of(hal_machine.initrd.base.raw + f->used),
				    hal_machine.initrd.size - f->used);
	}
	CO_AWAIT(f->err, part_scan_all);
	f->err = start_first_process(co);
	if (f->err)
		start_give_up("no memory for the first process", f->err);
	CO_RETURN(0);
	CO_END;
}

void start_spawn(void)
{
	struct task *t;

	CO_SPAWN(t, "start", start);
	if (!t)
		panic("no memory for the first worker");
	task_put(t);
}
