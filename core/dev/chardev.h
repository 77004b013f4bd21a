/* core/dev/chardev.h -- device numbers: who drives them, and what /dev shows of them.
 *
 * Ownership  records are their registrar's, static, and never go away.
 * Units      numbers are Linux's: major << 20 | minor.
 * Locking    registration happens at boot, before the first task; constant afterwards.
 */
#ifndef DEV_CHARDEV_H
#define DEV_CHARDEV_H

#include <linux/stat.h>

#include "core/base/list.h"
#include "vfs/file.h"

#define CHARDEV_NUMBER(major, minor) ((u32)(major) << 20 | (u32)(minor))
#define CHARDEV_MAJOR(number)	     ((number) >> 20)
#define CHARDEV_MINOR(number)	     ((number) & 0xfffff)

/* Numbers of Linux's list. */
enum {
	CHARDEV_MEM = 1,
	CHARDEV_TTYAUX = 5,	/* tty, console, ptmx */
	CHARDEV_PTM = 128,
	CHARDEV_PTS = 136,
	CHARDEV_AMA = 204,	/* minor 64 is ttyAMA0 */
};

/* A range of numbers with one driver. */
struct chardev {
	const char *name;		/* [I] in /proc/devices */
	u32 major, first, count;	/* [I] minors first .. first + count - 1 */
	const struct file_ops *ops;	/* [I] */
	struct list link;
};

/* A name in /dev. */
struct chardev_node {
	const char *name;
	u32 mode;	/* S_IFCHR and permissions */
	u32 number;
	struct list link;
};

void chardev_register(struct chardev *dev);
void chardev_add_node(struct chardev_node *node);

/* The driver of a number; NULL: none. */
const struct file_ops *chardev_ops(u32 number);

/* For /proc/devices and devtmpfs: the n-th, in order of registration; NULL past the last. */
const struct chardev *chardev_nth(unsigned n);
const struct chardev_node *chardev_nth_node(unsigned n);

/* At boot: the devices of this folder (memory, terminals, pseudo terminals, the log; the
 * console's has an init of its own), and vfs learns where to ask. Block devices answer
 * through `block_ops`, which may be NULL. */
void chardev_init(const struct file_ops *(*block_ops)(u32 number));

#endif
