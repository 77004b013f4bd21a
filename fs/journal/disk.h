/* fs/journal/disk.h -- what lies in a log: JBD2's format. All numbers are big-endian.
 *
 * Block 0 of the log is its super block. A transaction is any number of descriptor blocks, each
 * followed by the blocks that its tags name, and of revoke blocks, then one commit block.
 *
 * Units  block numbers in file system blocks; log blocks count from the start of the log.
 */
#ifndef JOURNAL_DISK_H
#define JOURNAL_DISK_H

#include "hal/types.h"

#define JOURNAL_MAGIC 0xc03b3998u

typedef struct { u16 raw; } be16;
typedef struct { u32 raw; } be32;
typedef struct { u64 raw; } be64;

static inline u16 be16_get(be16 n)
{
	return __builtin_bswap16(n.raw);
}
static inline u32 be32_get(be32 n)
{
	return __builtin_bswap32(n.raw);
}
static inline be16 be16_of(u16 n)
{
	return (be16){__builtin_bswap16(n)};
}
static inline be32 be32_of(u32 n)
{
	return (be32){__builtin_bswap32(n)};
}
static inline be64 be64_of(u64 n)
{
	return (be64){__builtin_bswap64(n)};
}

enum {	/* head.type */
	JOURNAL_DESCRIPTOR = 1,
	JOURNAL_COMMIT = 2,
	JOURNAL_SUPER_V1 = 3,
	JOURNAL_SUPER_V2 = 4,
	JOURNAL_REVOKE = 5,
};

struct journal_head {
	be32 magic, type, sequence;
};

struct journal_super {
	struct journal_head head;
	be32 block_size;
	be32 max_len;		/* log blocks */
	be32 first;		/* where the log proper begins */
	be32 sequence;		/* of the first transaction to be looked for */
	be32 start;		/* its log block; 0: the log is empty */
	be32 error;
	/* from here on only in version 2 */
	be32 compat, incompat, ro_compat;
	u8 uuid[16];
	be32 users;
	be32 dynamic_super;
	be32 max_transaction, max_trans_data;
	u8 checksum_type;
	u8 padding2[3];
	be32 fast_blocks;
	be32 log_head;		/* where the log goes on, when it is empty */
	be32 padding[40];
	be32 checksum;
	u8 user_ids[16 * 48];
};
static_assert(sizeof(struct journal_super) == 1024);
static_assert(offsetof(struct journal_super, checksum) == 0xfc);

enum {
	JOURNAL_COMPAT_CHECKSUM = 0x1,
	JOURNAL_INCOMPAT_REVOKE = 0x1,
	JOURNAL_INCOMPAT_64BIT = 0x2,
	JOURNAL_INCOMPAT_ASYNC_COMMIT = 0x4,
	JOURNAL_INCOMPAT_CSUM_V2 = 0x8,
	JOURNAL_INCOMPAT_CSUM_V3 = 0x10,
	JOURNAL_INCOMPAT_FAST_COMMIT = 0x20,
};
#define JOURNAL_CHECKSUM_CRC32C 4
#define JOURNAL_FAST_BLOCKS	256	/* of the log's end, if its super block says 0 */

/* A tag with csum_v3. */
struct journal_tag3 {
	be32 block, flags, block_high, checksum;
};
/* And without: block_high only with 64bit. */
struct journal_tag {
	be32 block;
	be16 checksum, flags;
	be32 block_high;
};
enum {	/* tag.flags */
	JOURNAL_TAG_ESCAPED = 1,	/* its first four bytes were the magic number */
	JOURNAL_TAG_SAME_UUID = 2,	/* no UUID follows the tag */
	JOURNAL_TAG_LAST = 8,
};
#define JOURNAL_UUID_SIZE 16u
#define JOURNAL_TAIL_SIZE 4u	/* the checksum at the end of descriptor and revoke blocks */

struct journal_revoke_head {
	struct journal_head head;
	be32 used;		/* bytes, with this head */
};

struct journal_commit_block {
	struct journal_head head;
	u8 checksum_type, checksum_size;
	u8 padding[2];
	be32 checksum[8];
	be64 seconds;
	be32 nanoseconds;
};

#endif
