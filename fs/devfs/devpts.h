/* fs/devfs/devpts.h -- devpts: the names of pseudo terminals' slaves, and a ptmx of its own.
 *
 * Every mount is an instance with numbers of its own. /dev/ptmx works on the instance mounted
 * last.
 */
#ifndef DEVFS_DEVPTS_H
#define DEVFS_DEVPTS_H

void devpts_register(void);

#endif
