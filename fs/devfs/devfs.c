/* fs/devfs/devfs.c */
#include "fs/devfs/devfs.h"

#include "fs/devfs/devpts.h"
#include "fs/devfs/devtmpfs.h"

void devfs_register(void)
{
	devtmpfs_register();
	devpts_register();
}
