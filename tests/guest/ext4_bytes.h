/* tests/guest/ext4_bytes.h -- the bytes of a small ext4: one group of blocks of 1 KiB; no journal, no
 * checksums. Blocks: 1 super block, 2 descriptor, 3 and 4 bitmaps, 5 to 20 inodes, 21 the root
 * directory.
 */
#ifndef EXT4_BYTES_H
#define EXT4_BYTES_H

#include <string.h>

#define IMAGE_BLOCKS 8192
#define IMAGE_USED   21		/* blocks 1 .. 21 */
#define IMAGE_INODES 64
#define IMAGE_ROOT   21
#define IMAGE_BYTES  ((IMAGE_USED + 1) * 1024)	/* what is not zeros */
#define IMAGE_SUPER(offset) (1024 + (offset))

static inline void image_put(unsigned char *to, unsigned long value, int size)
{
	for (int i = 0; i < size; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

struct image_field {
	short at, size;
	unsigned value;
};

static inline void image_fields(unsigned char *to, const struct image_field *fields, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		image_put(to + fields[i].at, fields[i].value, fields[i].size);
}
#define IMAGE_FIELDS(to, fields) image_fields(to, fields, sizeof(fields) / sizeof(fields[0]))

static inline void image_fill(unsigned char bytes[IMAGE_BYTES])
{
	static const struct image_field super[] = {
		{ 0, 4, IMAGE_INODES }, { 4, 4, IMAGE_BLOCKS },
		{ 12, 4, IMAGE_BLOCKS - 1 - IMAGE_USED }, { 16, 4, IMAGE_INODES - 10 },
		{ 20, 4, 1 }, { 32, 4, 8192 }, { 36, 4, 8192 }, { 40, 4, IMAGE_INODES },
		{ 54, 2, 0xffff }, { 56, 2, 0xef53 }, { 58, 2, 1 }, { 60, 2, 1 }, { 76, 4, 1 },
		{ 84, 4, 11 }, { 88, 2, 256 }, { 92, 4, 8 /* ext_attr */ },
		{ 96, 4, 0x42 /* extents, filetype */ }, { 348, 2, 32 }, { 350, 2, 32 },
	};
	static const struct image_field group[] = {
		{ 0, 4, 3 }, { 4, 4, 4 }, { 8, 4, 5 }, { 12, 2, IMAGE_BLOCKS - 1 - IMAGE_USED },
		{ 14, 2, IMAGE_INODES - 10 }, { 16, 2, 1 },
	};
	static const struct image_field root[] = {
		{ 0, 2, 040755 }, { 4, 4, 1024 }, { 26, 2, 2 }, { 28, 4, 2 }, { 32, 4, 0x80000 },
		{ 40, 2, 0xf30a }, { 42, 2, 1 }, { 44, 2, 4 }, { 56, 2, 1 }, { 60, 4, IMAGE_ROOT },
		{ 128, 2, 32 },
	};
	static const struct image_field names[] = {
		{ 0, 4, 2 }, { 4, 2, 12 }, { 6, 2, 1 | 2 << 8 }, { 8, 1, '.' },
		{ 12, 4, 2 }, { 16, 2, 1012 }, { 18, 2, 2 | 2 << 8 }, { 20, 2, '.' | '.' << 8 },
	};

	memset(bytes, 0, IMAGE_BYTES);
	IMAGE_FIELDS(bytes + IMAGE_SUPER(0), super);
	memcpy(bytes + IMAGE_SUPER(104), "lichen's ext4 im", 16);
	IMAGE_FIELDS(bytes + 2048, group);
	image_put(bytes + 3 * 1024, (1u << IMAGE_USED) - 1, 4);
	bytes[3 * 1024 + 1023] = 0x80;	/* there is no block 8192 */
	memset(bytes + 4 * 1024 + IMAGE_INODES / 8, 0xff, 1024 - IMAGE_INODES / 8);
	image_put(bytes + 4 * 1024, 0x3ff, 2);
	IMAGE_FIELDS(bytes + 5 * 1024 + 256, root);
	IMAGE_FIELDS(bytes + IMAGE_ROOT * 1024, names);
}

#endif
