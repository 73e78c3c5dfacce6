/* SPDX-License-Identifier: MIT */
#include "crc32c.h"

#include <string.h>

/* What four bits of the remainder contribute: the polynomial 0x82f63b78, reflected. */
static const uint32_t crc32c_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_by_table(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t crc = ~0U;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ crc32c_table[crc & 15];
		crc = crc >> 4 ^ crc32c_table[crc & 15];
	}
	return ~crc;
}

/* libhipipc computes one for each handle that it makes or opens. */
#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_sse42(const void *data,
								  size_t size)
{
	const char *bytes = data;
	uint64_t crc = ~0U, word;

	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	for (; size; size--)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, (uint8_t)*bytes++);
	return ~(uint32_t)crc;
}

uint32_t crc32c(const void *data, size_t size)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_by_sse42(data, size)
						: crc32c_by_table(data, size);
}
#else
uint32_t crc32c(const void *data, size_t size)
{
	return crc32c_by_table(data, size);
}
#endif
