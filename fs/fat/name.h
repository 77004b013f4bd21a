/* fs/fat/name.h -- names of files; nothing here waits.
 *
 * A name that a program gives is UTF-16 on the disk, in parts of 13 units, before an entry with a
 * short name, which is made of it; or nothing but that, if nothing would be lost. On "msdos" there
 * are short names only.
 *
 * Units  lengths of `uni` in 16 bits, of others in bytes.
 */
#ifndef FAT_NAME_H
#define FAT_NAME_H

#include "fs/fat/fat.h"

struct fat_name {
	u16 len;
	u16 uni[FAT_LONG_MAX];
	u8 short_name[FAT_NAME];
	u8 lower;		/* FAT_LOWER_*, of the short one */
	unsigned base_len;	/* of its base, before a tail */
	bool is_short;		/* it fits without loss but of case */
	bool has_long;		/* parts are needed */
};

/* 0, -ENOENT (nothing but dots), -EINVAL, -ENAMETOOLONG. */
int fat_name_parse(const struct fat *fs, const char *name, size_t len, struct fat_name *to);
bool fat_name_valid(const struct fat_name *name);	/* may a file be called so? */
/* Is it this one, but for case where that does not count? */
bool fat_name_is(const struct fat *fs, const struct fat_name *name, const u16 *uni, size_t len);
/* As programs see it, NUL-terminated; its length. */
size_t fat_name_show(const struct fat *fs, const u16 *uni, size_t len, char *to, size_t size);
/* super_ops.fold */
size_t fat_name_fold(const struct super *s, const char *name, size_t len, char *to);

size_t fat_short_to_uni(const struct fat *fs, const struct fat_disk_entry *e, u16 to[12]);
u8 fat_short_checksum(const u8 name[FAT_NAME]);
/* Make the short name; -EINVAL: nothing is left of it. */
int fat_name_shorten(const struct fat *fs, struct fat_name *name);
/* The short name with "~n", or with hexadecimal digits of `random` and a tail. */
void fat_name_tail(const struct fat_name *name, unsigned n, u8 to[FAT_NAME]);
void fat_name_random(const struct fat_name *name, u32 random, u8 to[FAT_NAME]);
/* Slots that the entry takes, and part `number` (from 1) of the long name. */
unsigned fat_name_slots(const struct fat_name *name);
void fat_name_part(const struct fat_name *name, unsigned number, struct fat_disk_part *to);

int fat_msdos_parse(const struct fat *fs, const char *name, size_t len, u8 to[FAT_NAME]);
size_t fat_msdos_show(const struct fat *fs, const struct fat_disk_entry *e, char *to);

#endif
