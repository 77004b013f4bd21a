/* core/base/random.c -- see random.h.
 *
 * base key --block--> new base key | seed of a CPU's key
 * CPU key  --block--> new CPU key  | 32 bytes of output, then whole blocks of output
 *
 * A block is the ChaCha20 function of a 256-bit key and a counter. Absorbing xors up to 32
 * bytes into the base key and replaces it by half a block of itself, which is one-way.
 */
#include "core/base/random.h"

#include "core/base/bits.h"
#include "core/base/spinlock.h"
#include "core/base/string.h"
#include "hal/clock.h"
#include "hal/machine.h"

#define RANDOM_RESEED_BYTES (1ul << 20)
#define RANDOM_ASK_NS	    (60ul * 1000000000ul)
#define KEY_WORDS	    8
#define KEY_BYTES	    32
#define BLOCK_BYTES	    64

struct random_cpu {
	u32 key[KEY_WORDS];	/* its CPU's */
	u64 generation;		/* of the base key it was drawn from; 0: none */
	u64 used;		/* bytes since then */
};

static struct random_base {
	spinlock lock;
	u32 key[KEY_WORDS];	/* under lock */
	u64 counter;		/* under lock */
	u64 generation;		/* [a] */
	u64 trusted_bytes;	/* [a] */
	u64 asked_ns;		/* [a] */
	void (*ask)(void);	/* [a] */
} base = {.lock = SPINLOCK_INIT(RANK_NONE), .generation = 1};

static struct random_cpu cpus[HAL_MAX_CPUS];

static inline u32 rotate(u32 x, unsigned by)
{
	return x << by | x >> (32 - by);
}

static inline void quarter(u32 *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotate(x[b] ^ x[c], 7);
}

/* ChaCha20 as in RFC 8439, with a 64-bit counter and a zero nonce. */
static void chacha_block(const u32 key[KEY_WORDS], u64 counter, u32 out[16])
{
	u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

	memcpy(in + 4, key, KEY_BYTES);
	in[12] = (u32)counter;
	in[13] = (u32)(counter >> 32);
	memcpy(out, in, sizeof(in));
	for (int round = 0; round < 10; round++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		out[i] += in[i];
}

/* The base key replaces itself; the other half of the block goes to half[]. */
static void random_step_base(u32 half[KEY_WORDS]) REQUIRES(base.lock)
{
	u32 block[16];

	chacha_block(base.key, base.counter++, block);
	memcpy(base.key, block, KEY_BYTES);
	memcpy(half, block + KEY_WORDS, KEY_BYTES);
}

void random_add(const void *from, size_t n, bool trusted)
{
	const u8 *p = from;
	size_t left = n;
	u32 half[KEY_WORDS], chunk[KEY_WORDS];

	spin_lock(&base.lock);
	while (left) {
		size_t part = min(left, (size_t)KEY_BYTES);

		memset(chunk, 0, sizeof(chunk));
		memcpy(chunk, p, part);
		for (int i = 0; i < KEY_WORDS; i++)
			base.key[i] ^= chunk[i];
		random_step_base(half);
		p += part;
		left -= part;
	}
	spin_unlock(&base.lock);
	if (trusted) {
		atomic_add(&base.trusted_bytes, (u64)n);
		atomic_add(&base.generation, 1ul);
	}
}

void random_init(void)
{
	u64 clocks[3] = {hal_clock_counter(), hal_clock_ns(), hal_clock_rtc_seconds()};
	size_t seed = min((size_t)hal_machine.rng_seed_len, sizeof(hal_machine.rng_seed));

	random_add(clocks, sizeof(clocks), false);
	random_add(hal_machine.rng_seed, seed, true);
	memset(hal_machine.rng_seed, 0, sizeof(hal_machine.rng_seed));
}

bool random_is_ready(void)
{
	return atomic_load(&base.trusted_bytes) >= KEY_BYTES;
}

void random_set_source(void (*ask)(void))
{
	atomic_store(&base.ask, ask);
	if (ask)
		ask();
}

/* This CPU's generator begins anew from the base key. */
static void random_rekey(struct random_cpu *me)
{
	u64 now = hal_clock_ns();
	u64 asked = atomic_load(&base.asked_ns);
	void (*ask)(void) = atomic_load(&base.ask);

	me->generation = atomic_load(&base.generation);
	spin_lock(&base.lock);
	base.key[0] ^= (u32)now;
	random_step_base(me->key);
	spin_unlock(&base.lock);
	me->used = 0;
	if (ask && now - asked >= RANDOM_ASK_NS && atomic_cas(&base.asked_ns, &asked, now))
		ask();
}

void random_bytes(void *to, size_t n)
{
	struct random_cpu *me = &cpus[hal_cpu_self()->id];
	u8 *p = to;
	u64 counter = 0;
	u32 block[16], key[KEY_WORDS];
	size_t part = min(n, (size_t)KEY_BYTES);

	if (me->generation != atomic_load(&base.generation) || me->used >= RANDOM_RESEED_BYTES)
		random_rekey(me);
	me->used += n;
	memcpy(key, me->key, KEY_BYTES);
	chacha_block(key, counter++, block);
	memcpy(me->key, block, KEY_BYTES);
	memcpy(p, block + KEY_WORDS, part);
	for (p += part, n -= part; n; p += part, n -= part) {
		part = min(n, (size_t)BLOCK_BYTES);
		chacha_block(key, counter++, block);
		memcpy(p, block, part);
	}
	memset(key, 0, sizeof(key));
	memset(block, 0, sizeof(block));
	/* Make the compiler keep the erasures. */
	__asm__ volatile("" : : "r"(key), "r"(block) : "memory");
}

u64 random_u64(void)
{
	u64 n;

	random_bytes(&n, sizeof(n));
	return n;
}
