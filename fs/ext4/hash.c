/* fs/ext4/hash.c -- see hash.h. */
#include "fs/ext4/hash.h"

#include "core/base/bits.h"
#include "core/base/string.h"
#include "fs/ext4/disk.h"

static inline u32 rotate(u32 x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static inline u32 byte_at(const char *name, size_t i, bool is_unsigned)
{
	return is_unsigned ? (u32)(u8)name[i] : (u32)(i32)(signed char)name[i];
}

/* Up to 4*words bytes of the name as big-endian words; what is missing is filled with the
 * length that is left. */
static void fill_words(u32 *to, unsigned words, const char *name, size_t left, bool is_unsigned)
{
	u32 pad = (u32)left | (u32)left << 8;
	size_t n = min(left, (size_t)words * 4);
	u32 word;
	size_t i;

	pad |= pad << 16;
	word = pad;
	for (i = 0; i < n; i++) {
		word = byte_at(name, i, is_unsigned) + (word << 8);
		if (i % 4 == 3) {
			*to++ = word;
			words--;
			word = pad;
		}
	}
	if (words) {
		*to++ = word;
		words--;
	}
	while (words--)
		*to++ = pad;
}

static u32 choose(u32 x, u32 y, u32 z)
{
	return z ^ (x & (y ^ z));
}

static u32 majority(u32 x, u32 y, u32 z)
{
	return (x & y) + ((x ^ y) & z);
}

static u32 parity(u32 x, u32 y, u32 z)
{
	return x ^ y ^ z;
}

/* The first three rounds of MD4 over half a block. */
static void half_md4(u32 state[4], const u32 in[8])
{
	static const struct {
		u32 (*mix)(u32 x, u32 y, u32 z);
		u32 constant;
		u8 word[8], shift[4];
	} rounds[3] = {
		{choose, 0, {0, 1, 2, 3, 4, 5, 6, 7}, {3, 7, 11, 19}},
		{majority, 0x5a827999, {1, 3, 5, 7, 0, 2, 4, 6}, {3, 5, 9, 13}},
		{parity, 0x6ed9eba1, {3, 7, 2, 6, 1, 5, 0, 4}, {3, 9, 11, 15}},
	};
	u32 s[4] = {state[0], state[1], state[2], state[3]};

	for (int r = 0; r < 3; r++)
		for (unsigned i = 0; i < 8; i++) {
			/* a, d, c, b, a, ... are mixed in turn */
			unsigned a = (4 - i % 4) % 4;
			u32 mixed = rounds[r].mix(s[(a + 1) % 4], s[(a + 2) % 4], s[(a + 3) % 4]);

			s[a] = rotate(s[a] + mixed + in[rounds[r].word[i]] + rounds[r].constant,
				      rounds[r].shift[i % 4]);
		}
	for (int i = 0; i < 4; i++)
		state[i] += s[i];
}

static void tea(u32 state[2], const u32 in[4])
{
	u32 x = state[0], y = state[1], sum = 0;

	for (int i = 0; i < 16; i++) {
		sum += 0x9e3779b9;
		x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
		y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
	}
	state[0] += x;
	state[1] += y;
}

static u32 legacy(const char *name, size_t len, bool is_unsigned)
{
	u32 last = 0x12a3fe2d, before = 0x37abe8f9;

	for (size_t i = 0; i < len; i++) {
		u32 hash = before + (last ^ byte_at(name, i, is_unsigned) * 7152373u);

		if (hash & 0x80000000u)
			hash -= 0x7fffffffu;
		before = last;
		last = hash;
	}
	return last << 1;
}

bool ext4_hash(struct ext4_hash *to, unsigned version, const u32 seed[4], const char *name,
	       size_t len)
{
	bool is_unsigned = version >= EXT4_HASH_UNSIGNED;
	u32 state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	u32 in[8];

	if (seed[0] | seed[1] | seed[2] | seed[3])
		memcpy(state, seed, sizeof(state));
	switch (version % EXT4_HASH_UNSIGNED) {
	case EXT4_HASH_LEGACY:
		*to = (struct ext4_hash){.major = legacy(name, len, is_unsigned)};
		break;
	case EXT4_HASH_HALF_MD4:
		for (size_t at = 0; at < len; at += 32) {
			fill_words(in, 8, name + at, len - at, is_unsigned);
			half_md4(state, in);
		}
		*to = (struct ext4_hash){.major = state[1], .minor = state[2]};
		break;
	default:
		for (size_t at = 0; at < len; at += 16) {
			fill_words(in, 4, name + at, len - at, is_unsigned);
			tea(state, in);
		}
		*to = (struct ext4_hash){.major = state[0], .minor = state[1]};
		break;
	}
	to->major &= ~1u;
	if (to->major == EXT4_HASH_END)
		to->major = EXT4_HASH_END - 2;
	return version < 2 * EXT4_HASH_UNSIGNED;
}
