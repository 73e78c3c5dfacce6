/* SPDX-License-Identifier: MIT */
/* reader.h - turns a fuzzer's bytes into numbers that are often valid */
#ifndef DMABUFFS_FUZZ_READER_H
#define DMABUFFS_FUZZ_READER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_PAGE 4096UL

struct reader {
	const uint8_t *data;
	size_t size;
};

/* An invariant; a violation crashes, and the fuzzer keeps the input. */
#define MUST(condition)                                                                  \
	do {                                                                             \
		if (!(condition)) {                                                      \
			fprintf(stderr, "%s:%d: %s: false\n", __FILE__, __LINE__,        \
				#condition);                                             \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* Returns 0 when none are left. */
static inline uint8_t read_byte(struct reader *reader)
{
	if (!reader->size)
		return 0;
	reader->size--;
	return *reader->data++;
}

static inline uint64_t read_bytes(struct reader *reader, unsigned int n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | read_byte(reader);
	return value;
}

/* One byte selects small numbers, powers of two, pages, and the ends of ranges. */
static inline uint64_t read_number(struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	switch (byte >> 5) {
	case 0:
	case 1:
		return byte;
	case 2:
	case 3:
		return UINT64_C(1) << (byte & 0x3f);
	case 4:
		return (byte & 0x1f) * FUZZ_PAGE;
	case 5:
		return (UINT64_C(1) << (byte & 0x1f)) - 1;
	case 6:
		return ~(uint64_t)(byte & 0x1f);
	default:
		return read_bytes(reader, byte & 0x10 ? 8 : 4);
	}
}

#endif
