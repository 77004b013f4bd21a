/* fs/fat/register.h -- the FAT file systems: "vfat" with long names, "msdos" without. */
#ifndef FAT_REGISTER_H
#define FAT_REGISTER_H

void fat_register(void);	/* at boot, after fs_register's list is set up */

#endif
