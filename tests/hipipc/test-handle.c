/* SPDX-License-Identifier: MIT */
/* test-handle.c - encoding and decoding of handles */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <hipipc-provider.h>
#include <hipipc.h>
#include <util.h>

#include "handle.h"

#define MEMFD (1U << HIPIPC_KIND_MEMFD)
#define EVENT (1U << HIPIPC_KIND_EVENT)

TestSuite(handle);

static const struct hipipc_handle example = {
	.kind = HIPIPC_KIND_MEMFD,
	.uuid = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
	.bytes = 0x1122334455,
	.base = 0x2000,
	.offset = 0x30,
};

static void expect_refused(const struct hipipc_handle *handle, uint32_t kinds)
{
	char bytes[HIPIPC_HANDLE_BYTES];
	struct hipipc_handle decoded = {.bytes = 99};

	handle_encode(handle, bytes);
	cr_expect(eq(int, handle_decode(bytes, kinds, &decoded), -EINVAL));
	cr_expect(eq(u64, decoded.bytes, 99), "an output of a failed call");
}

Test(handle, is_as_big_as_the_runtimes_say)
{
	cr_expect(eq(sz, sizeof(hipIpcMemHandle_t), HIPIPC_HANDLE_BYTES));
	cr_expect(eq(sz, sizeof(hipIpcEventHandle_t), HIPIPC_HANDLE_BYTES));
	cr_expect(eq(sz, sizeof(cudaIpcMemHandle_t), HIPIPC_HANDLE_BYTES));
	cr_expect(eq(sz, sizeof(cudaIpcEventHandle_t), HIPIPC_HANDLE_BYTES));
}

Test(handle, comes_back_as_it_was)
{
	char bytes[HIPIPC_HANDLE_BYTES], again[HIPIPC_HANDLE_BYTES];
	struct hipipc_handle decoded;

	handle_encode(&example, bytes);
	cr_assert(zero(int, handle_decode(bytes, MEMFD, &decoded)));
	cr_expect(zero(int, memcmp(&decoded.uuid, &example.uuid, sizeof(decoded.uuid))));
	cr_expect(eq(u32, decoded.kind, example.kind));
	cr_expect(eq(u64, decoded.bytes, example.bytes));
	cr_expect(eq(u64, decoded.base, example.base));
	cr_expect(eq(u64, decoded.offset, example.offset));
	handle_encode(&decoded, again);
	cr_expect(zero(int, memcmp(bytes, again, sizeof(bytes))));
}

/*
 * Version 1 as released, written by hand: later versions must read it. The checksum is
 * the CRC-32C of the 60 bytes before it, computed bit by bit below.
 */
static uint32_t slow_crc32c(const unsigned char *data, size_t size)
{
	uint32_t crc = ~0U;

	while (size--) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

Test(handle, version_1_for_ever)
{
	unsigned char golden[HIPIPC_HANDLE_BYTES] = {
		'h',  'i',  'p',  'i',  1,    0,  1,  0, /* magic, version, kind */
		1,    2,    3,    4,    5,    6,  7,  8,
		9,    10,   11,   12,   13,   14, 15, 16, /* UUID */
		0x55, 0x44, 0x33, 0x22, 0x11, 0,  0,  0,  /* bytes */
		0,    0x20, 0,    0,    0,    0,  0,  0,  /* base */
		0x30, 0,    0,    0,    0,    0,  0,  0,  /* offset */
	};
	uint32_t crc = slow_crc32c(golden, offsetof(struct hipipc_handle, check));
	char bytes[HIPIPC_HANDLE_BYTES];

	for (int i = 0; i < 4; i++)
		golden[60 + i] = (unsigned char)(crc >> (8 * i));
	handle_encode(&example, bytes);
	cr_expect(zero(int, memcmp(bytes, golden, sizeof(bytes))));
}

Test(handle, of_zeroes_is_none)
{
	const char bytes[HIPIPC_HANDLE_BYTES] = {0};
	struct hipipc_handle decoded;

	cr_expect(eq(int, handle_decode(bytes, ~0U, &decoded), -EINVAL));
}

Test(handle, with_any_bit_changed_is_none)
{
	char bytes[HIPIPC_HANDLE_BYTES];
	struct hipipc_handle decoded;

	handle_encode(&example, bytes);
	for (size_t bit = 0; bit < sizeof(bytes) * 8; bit++) {
		bytes[bit / 8] ^= (char)(1 << bit % 8);
		cr_expect(eq(int, handle_decode(bytes, ~0U, &decoded), -EINVAL),
			  "bit %zu", bit);
		bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
	cr_expect(zero(int, handle_decode(bytes, MEMFD, &decoded)));
}

/* With a correct checksum: the content is checked anyway. */
Test(handle, with_senseless_fields_is_none)
{
	struct hipipc_handle handle = example;

	expect_refused(&handle, EVENT);
	handle.kind = 0;
	expect_refused(&handle, ~0U & ~1U);
	handle.kind = 40;
	expect_refused(&handle, ~0U);
	handle = example;
	handle.bytes = handle.offset = 0;
	expect_refused(&handle, MEMFD);
	handle = example;
	handle.offset = handle.bytes;
	expect_refused(&handle, MEMFD);
	handle = example;
	handle.base = UINT64_MAX - handle.bytes + 1;
	expect_refused(&handle, MEMFD);
}

static void sign(unsigned char bytes[HIPIPC_HANDLE_BYTES])
{
	uint32_t crc = slow_crc32c(bytes, offsetof(struct hipipc_handle, check));

	for (int i = 0; i < 4; i++)
		bytes[60 + i] = (unsigned char)(crc >> (8 * i));
}

Test(handle, of_another_version_or_with_more_in_it_is_none)
{
	static const size_t places[] = {0, 3,  4,
					5, 48, 59}; /* magic, version, reserved */
	unsigned char bytes[HIPIPC_HANDLE_BYTES];
	struct hipipc_handle decoded;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		handle_encode(&example, (char *)bytes);
		bytes[places[i]]++;
		sign(bytes);
		cr_expect(eq(int, handle_decode((char *)bytes, ~0U, &decoded), -EINVAL),
			  "byte %zu", places[i]);
	}
}
