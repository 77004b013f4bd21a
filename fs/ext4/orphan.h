/* fs/ext4/orphan.h -- what orphan.c and orphan_finish.c share. */
#ifndef EXT4_ORPHAN_H
#define EXT4_ORPHAN_H

#include "core/base/crc.h"
#include "fs/ext4/names.h"

#define ORPHAN_MAGIC 0x0b10ca04u

/* What ends a block of the file. */
struct orphan_tail {
	u32 magic, checksum;
};

struct ext4_orphan_file {
	u32 count, per_block, seed;
	struct {
		u64 block;
		u32 free;
	} at[];
};

/* ext4_inode.orphan: not at all, in the list, or past that at place n - 2 of the file. */
enum { ORPHAN_NONE, ORPHAN_LISTED, ORPHAN_FILED };

static inline u32 orphan_file_checksum(const struct ext4_orphan_file *o, u64 block, const u8 *data)
{
	u32 crc = crc_32c(o->seed, &block, sizeof(block));

	return crc_32c(crc, data, o->per_block * sizeof(u32));
}

static inline struct orphan_tail *orphan_file_tail(const struct ext4 *fs, const u8 *data)
{
	return (struct orphan_tail *)(data + fs->block_size - sizeof(struct orphan_tail));
}

/* The list begins at inode `ino`: in the super block. 1 credit. */
struct orphan_first_set {
	struct co_frame co;
	struct handle *handle;
	struct ext4 *fs;
	u32 ino;
	long err;
};
co_t orphan_first_set(struct co *co, struct orphan_first_set *f);

#endif
