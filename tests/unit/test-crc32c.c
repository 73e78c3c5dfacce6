/* SPDX-License-Identifier: MIT */
/* test-crc32c.c - the checksum of handles */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "crc32c.h"
#include "util.h"

#define SIZE 32

/* RFC 3720, appendix B.4. */
Test(crc32c, examples_of_the_standard)
{
	static const uint8_t read_pdu[48] = {
		[0] = 0x01,  [1] = 0xc0,  [16] = 0x14, [22] = 0x04,
		[27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
	};
	uint8_t zeroes[SIZE] = {0}, ones[SIZE], up[SIZE], down[SIZE];

	for (size_t i = 0; i < SIZE; i++) {
		ones[i] = 0xff;
		up[i] = (uint8_t)i;
		down[i] = (uint8_t)(SIZE - 1 - i);
	}
	cr_assert(eq(u32, crc32c(zeroes, SIZE), 0x8a9136aa));
	cr_assert(eq(u32, crc32c(ones, SIZE), 0x62a8ab43));
	cr_assert(eq(u32, crc32c(up, SIZE), 0x46dd794e));
	cr_assert(eq(u32, crc32c(down, SIZE), 0x113fdb5c));
	cr_assert(eq(u32, crc32c(read_pdu, sizeof(read_pdu)), 0xd9963a56));
}

Test(crc32c, any_length)
{
	cr_assert(zero(u32, crc32c(NULL, 0)));
	cr_assert(eq(u32, crc32c("a", 1), 0xc1d04330));
	cr_assert(eq(u32, crc32c("123456789", 9), 0xe3069283));
}

/* Bit by bit: slow, but simple enough to be verified by reading. */
static uint32_t slow_crc32c(const uint8_t *bytes, size_t size)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

Test(crc32c, each_byte_value)
{
	for (unsigned value = 0; value < 256; value++) {
		uint8_t byte = (uint8_t)value;

		cr_assert(eq(u32, crc32c(&byte, 1), slow_crc32c(&byte, 1)));
		cr_assert(eq(u32, crc32c_by_table(&byte, 1), slow_crc32c(&byte, 1)));
	}
}

/* Each implementation that this machine has, at each length and alignment. */
Test(crc32c, each_way)
{
	uint8_t bytes[80];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151 + 7);
	for (size_t first = 0; first < 8; first++)
		for (size_t size = 0; size <= 64; size++) {
			uint32_t want = slow_crc32c(bytes + first, size);

			cr_assert(eq(u32, crc32c(bytes + first, size), want));
			cr_assert(eq(u32, crc32c_by_table(bytes + first, size), want));
		}
}
