/* fs/ext4/hash.h -- the hashes of names that order hashed directories. */
#ifndef EXT4_HASH_H
#define EXT4_HASH_H

#include "hal/types.h"

#define EXT4_HASH_END 0xfffffffeu	/* no name has this hash nor a greater one */

struct ext4_hash {
	u32 major;	/* even: the lowest bit marks a continued hash in the index */
	u32 minor;
};

/* The hash of a name by version (EXT4_HASH_*, plus EXT4_HASH_UNSIGNED where bytes count as
 * unsigned) and the file system's seed. false for an unknown version. */
bool ext4_hash(struct ext4_hash *to, unsigned version, const u32 seed[4], const char *name,
	       size_t len);

#endif
