/* core/base/crc.c -- see crc.h. CRC32C eight bytes a step, by an instruction or by tables:
 * table[k][b] is the CRC of byte b followed by k zero bytes. */
#include "core/base/crc.h"

#include "core/base/string.h"
#include "hal/cpu.h"

#define CRC32C_POLYNOMIAL 0x82f63b78u
#define CRC16_POLYNOMIAL  0xa001u

static u32 table[8][256];	/* [I] after crc_init */
static u16 table16[256];	/* [I] */
static bool by_instruction;	/* [I] */

void crc_init(void)
{
	by_instruction = hal_has_crc32c();
	for (u32 b = 0; b < 256; b++) {
		u32 crc = b;
		u16 crc16 = (u16)b;

		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
			crc16 = (u16)(crc16 >> 1 ^ (crc16 & 1 ? CRC16_POLYNOMIAL : 0));
		}
		table[0][b] = crc;
		table16[b] = crc16;
	}
	for (int k = 1; k < 8; k++)
		for (u32 b = 0; b < 256; b++)
			table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xff];
}

u32 crc_32c(u32 crc, const void *data, size_t n)
{
	const u8 *p = data;
	u64 word;

	for (; by_instruction && n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		crc = hal_crc32c(crc, word);
	}
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		word ^= crc;
		crc = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^
		      table[5][word >> 16 & 0xff] ^ table[4][word >> 24 & 0xff] ^
		      table[3][word >> 32 & 0xff] ^ table[2][word >> 40 & 0xff] ^
		      table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

u16 crc_16(u16 crc, const void *data, size_t n)
{
	const u8 *p = data;

	while (n--)
		crc = (u16)(crc >> 8 ^ table16[(crc ^ *p++) & 0xff]);
	return crc;
}
