/* syscalls/name.h -- path names from user space, and device numbers to and from it.
 *
 * Ownership  NAME_FROM_USER's buffer is the caller's to kfree, also after an error.
 */
#ifndef SYSCALLS_NAME_H
#define SYSCALLS_NAME_H

#include <linux/limits.h>

#include "core/base/string.h"
#include "mem/phys/slab.h"
#include "mem/space/uaccess.h"
#include "syscalls/syscall.h"
#include "vfs/walk.h"

/* err becomes 0, -EFAULT, -ENAMETOOLONG or -ENOMEM. */
#define NAME_FROM_USER(err, name, from)                                       \
	do {                                                                  \
		(name) = kmalloc(PATH_MAX);                                   \
		(err) = -ENOMEM;                                              \
		if (name)                                                     \
			CO_STRING_FROM_USER(err, name, from, PATH_MAX);       \
		if ((err) >= 0)                                               \
			(err) = (err) == PATH_MAX ? -ENAMETOOLONG : 0;        \
	} while (0)

/* The same for a plain form, into its stack: 0, an error, or SYS_MUST_WAIT. */
static inline long name_try(char name[PATH_MAX], uptr from)
{
	i64 len = hal_string_from_user(name, from, PATH_MAX);

	if (len < 0)
		return SYS_MUST_WAIT;
	return len == PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Device numbers as user space sees them (Linux's new_encode_dev) and ours, major << 20 | minor. */
static inline u32 name_dev_out(u32 dev)
{
	u32 major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}
static inline u32 name_dev_in(u32 dev)
{
	return ((dev & 0xfff00) >> 8) << 20 | (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

#endif
