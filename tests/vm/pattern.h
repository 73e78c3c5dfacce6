/* SPDX-License-Identifier: MIT */
/* Bytes that differ by page, writer and step of a test. */
#ifndef DMABUFFS_TESTS_VM_PATTERN_H
#define DMABUFFS_TESTS_VM_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_PAGE 4096
/* four pages, so that an error of one page is detected */
#define PATTERN_SIZE ((size_t)4 * PATTERN_PAGE)

/* The pages in each exchange between exporter and importer. */
enum pattern_page {
	PAGE_FROM_EXPORTER, /* written by the exporter before the export */
	PAGE_FROM_MAPPING,  /* written by the importer through the real descriptor */
	PAGE_FROM_WRITE,    /* written by the importer with pwrite(2) on the file */
	PAGE_LATER,         /* written by the exporter while the importer has it open */
};

static inline unsigned char pattern_byte(enum pattern_page page, size_t i)
{
	return (unsigned char)(0x31 * (page + 1) + i * 7 + (i >> 8));
}

/* data: the first byte of the page */
static inline void pattern_fill(unsigned char *data, enum pattern_page page)
{
	size_t i;

	for (i = 0; i < PATTERN_PAGE; i++)
		data[i] = pattern_byte(page, i);
}

static inline bool pattern_is(const unsigned char *data, enum pattern_page page)
{
	size_t i;

	for (i = 0; i < PATTERN_PAGE; i++)
		if (data[i] != pattern_byte(page, i))
			return false;
	return true;
}

#endif
