/* core/proc/random.c
 *
 * One key under a lock. Every request takes a block for its own stream's key and replaces
 * the master key (fast key erasure): what was handed out cannot be computed later.
 */
#include "core/proc/random.h"

#include "core/base/bits.h"
#include "core/base/spinlock.h"
#include "core/base/string.h"
#include "hal/clock.h"
#include "hal/machine.h"

static struct {
	spinlock lock;
	u32 key[8];
	u64 counter;
} pool;

static u32 rotate(u32 v, int n)
{
	return v << n | v >> (32 - n);
}

static void quarter(u32 s[16], int a, int b, int c, int d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

/* RFC 8439's block function, nonce 0. */
static void random_block(const u32 key[8], u64 counter, u32 out[16])
{
	static const u32 sigma[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	u32 in[16];

	for (int i = 0; i < 4; i++)
		in[i] = sigma[i];
	for (int i = 0; i < 8; i++)
		in[4 + i] = key[i];
	in[12] = (u32)counter;
	in[13] = (u32)(counter >> 32);
	in[14] = in[15] = 0;
	for (int i = 0; i < 16; i++)
		out[i] = in[i];
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++)
			quarter(out, i, 4 + i, 8 + i, 12 + i);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += in[i];
}

/* A fresh key for one request; the master key moves on. */
static void random_take_key(u32 key[8])
{
	u32 block[16];

	spin_lock(&pool.lock);
	pool.key[0] ^= (u32)hal_clock_counter();
	random_block(pool.key, pool.counter++, block);
	for (int i = 0; i < 8; i++) {
		pool.key[i] = block[i];
		key[i] = block[8 + i];
	}
	spin_unlock(&pool.lock);
}

void random_fill(void *to, size_t n)
{
	u32 key[8], block[16];
	u64 counter = 0;
	u8 *out = to;

	random_take_key(key);
	while (n) {
		size_t part = min(n, sizeof(block));

		random_block(key, counter++, block);
		memcpy(out, block, part);
		out += part;
		n -= part;
	}
}

u64 random_u64(void)
{
	u64 value;

	random_fill(&value, sizeof(value));
	return value;
}

void random_mix(const void *from, size_t n)
{
	const u8 *bytes = from;
	u32 block[16];

	spin_lock(&pool.lock);
	while (n) {
		size_t part = min(n, sizeof(pool.key));
		u8 *key = (u8 *)pool.key;

		for (size_t i = 0; i < part; i++)
			key[i] ^= bytes[i];
		random_block(pool.key, pool.counter++, block);
		for (int i = 0; i < 8; i++)
			pool.key[i] = block[i];
		bytes += part;
		n -= part;
	}
	spin_unlock(&pool.lock);
}

void random_init(void)
{
	u64 times[3] = {hal_clock_counter(), hal_clock_rtc_seconds(), hal_machine.midr};

	spin_init(&pool.lock, RANK_DEV);
	random_mix(times, sizeof(times));
	random_mix(hal_machine.rng_seed, sizeof(hal_machine.rng_seed));
}
