/* fs/procfs/procfs.h -- the file systems "proc" and "sysfs". */
#ifndef PROCFS_PROCFS_H
#define PROCFS_PROCFS_H

/* At boot. */
void procfs_register(void);

#endif
