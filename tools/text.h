/* SPDX-License-Identifier: MIT */
/* text.h - numbers and untrusted bytes as text */
#ifndef DMABUFFS_TEXT_H
#define DMABUFFS_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Copies @in without control characters: a byte that is not printable ASCII becomes \xNN,
 * a backslash \\. Truncated to whole characters in @size bytes, always terminated.
 */
void text_escape(const char *in, char *out, size_t size);

/* Writes @in, normally UTF-8, as a JSON string in pure ASCII. */
void text_json(FILE *stream, const char *in);

/* The name of a bit; the last of an array has none. */
struct text_bit {
	uint64_t bit;
	const char *name;
};

/* Writes the names of the bits that are set, as a JSON array of strings. */
void text_json_bits(FILE *stream, const struct text_bit *names, uint64_t bits);

/* "17 B", "64.0 MiB" */
#define TEXT_BYTES_SIZE 16
void text_bytes(uint64_t bytes, char out[TEXT_BYTES_SIZE]);

/* "0600" and the like, 0 to 0777; -EINVAL for anything else. */
int text_parse_mode(const char *text, uint32_t *ret_mode);

/* Seconds as a decimal number, @minimum_ms to @maximum_ms; -EINVAL. */
int text_parse_seconds(const char *text, uint32_t minimum_ms, uint32_t maximum_ms,
		       uint32_t *ret_ms);

#endif
