/* SPDX-License-Identifier: MIT */
#include "compute.h"

#include <isa-l/crc.h>
#include <string.h>

#include "access.h"

/*
 * The memory is shared with clients and may change while it is looked at. So there is no
 * memcmp(3) here, of which some versions read outside of it in that case.
 */

typedef uint64_t words __attribute__((vector_size(32), aligned(1), may_alias));
typedef float floats __attribute__((vector_size(16), aligned(4), may_alias));

/* @bytes from a place in the repeated pattern on. */
static uint64_t compute_rotate(uint64_t pattern, uint64_t offset)
{
	const uint64_t twice[] = {pattern, pattern};
	uint64_t rotated;

	memcpy(&rotated, (const char *)twice + offset % sizeof(pattern), sizeof(rotated));
	return rotated;
}

static bool compute_is_aligned(const void *memory, size_t align)
{
	return (uintptr_t)memory % align == 0;
}

/*
 * What is read as one word is stored as one. ThreadSanitizer would hold a lock of its own
 * over such a store, and never release it if the guard jumps out of there.
 */
__attribute__((no_sanitize("thread"))) void compute_fill(void *arg)
{
	struct piece *piece = arg;
	uint64_t pattern = compute_rotate(*(const uint64_t *)piece->data, piece->offset);
	char *to = piece->memory[0], *end = to + piece->length;
	uint32_t half;

	if (piece->length == sizeof(pattern) && compute_is_aligned(to, sizeof(pattern))) {
		__atomic_store_n((uint64_t *)(void *)to, pattern, __ATOMIC_RELEASE);
		return;
	}
	if (piece->length == sizeof(half) && compute_is_aligned(to, sizeof(half))) {
		memcpy(&half, &pattern, sizeof(half));
		__atomic_store_n((uint32_t *)(void *)to, half, __ATOMIC_RELEASE);
		return;
	}
	for (; end - to >= (ptrdiff_t)sizeof(words); to += sizeof(words))
		*(words *)(void *)to = (words){pattern, pattern, pattern, pattern};
	for (; end - to >= (ptrdiff_t)sizeof(pattern); to += sizeof(pattern))
		memcpy(to, &pattern, sizeof(pattern));
	memcpy(to, &pattern, (size_t)(end - to));
}

static bool compute_words_differ(const char *a, const char *b)
{
	words difference =
		*(const words *)(const void *)a ^ *(const words *)(const void *)b;

	return difference[0] | difference[1] | difference[2] | difference[3];
}

/* @data: the place of the first difference, at which it stops. */
void compute_compare(void *arg)
{
	struct piece *piece = arg;
	const char *a = piece->memory[0], *b = piece->memory[1];
	size_t i = 0;

	while (piece->length - i >= sizeof(words) && !compute_words_differ(a + i, b + i))
		i += sizeof(words);
	while (i < piece->length && a[i] == b[i])
		i++;
	if (i == piece->length)
		return;
	*(uint64_t *)piece->data = piece->offset + i;
	piece->enough = true;
}

/* The library leaves both inversions of the RFC to its caller. */
void compute_crc(void *arg)
{
	struct piece *piece = arg;
	uint32_t *crc = piece->data;

	*crc = ~crc32_iscsi((unsigned char *)piece->memory[0], (int)piece->length, ~*crc);
}

void compute_xor(void *arg)
{
	struct piece *piece = arg;
	char *to = piece->memory[0];
	const char *a = piece->memory[1], *b = piece->memory[2];
	size_t i = 0;

	for (; piece->length - i >= sizeof(words); i += sizeof(words))
		*(words *)(void *)(to + i) = *(const words *)(const void *)(a + i) ^
					     *(const words *)(const void *)(b + i);
	for (; i < piece->length; i++)
		to[i] = (char)(a[i] ^ b[i]);
}

void compute_vadd(void *arg)
{
	struct piece *piece = arg;
	float *to = (void *)piece->memory[0];
	const float *a = (void *)piece->memory[1], *b = (void *)piece->memory[2];
	size_t n = piece->length / sizeof(float), i = 0;

	for (; n - i >= 4; i += 4)
		*(floats *)&to[i] = *(const floats *)&a[i] + *(const floats *)&b[i];
	for (; i < n; i++)
		to[i] = a[i] + b[i];
}

/* to += factor * row */
void add_scaled(float *to, const float *row, float factor, size_t n)
{
	const floats factors = {factor, factor, factor, factor};
	size_t i = 0;

	for (; n - i >= 4; i += 4)
		*(floats *)&to[i] += factors * *(const floats *)&row[i];
	for (; i < n; i++)
		to[i] += factor * row[i];
}
