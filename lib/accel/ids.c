/* SPDX-License-Identifier: MIT */
#include "ids.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define WORD_BITS 64U

void accel_ids_init(struct accel_ids *ids, unsigned bits)
{
	assert(bits >= 1 && bits <= 20);
	*ids = (struct accel_ids){.max = (1U << bits) - 1, .next = 1};
}

void accel_ids_finish(struct accel_ids *ids)
{
	free(ids->used);
	*ids = (struct accel_ids){0};
}

/* The first number from @from on that is not in use; more than max: none. */
static uint32_t ids_find_free(const struct accel_ids *ids, uint32_t from)
{
	uint64_t below = (1ULL << from % WORD_BITS) - 1;

	for (uint32_t word = from / WORD_BITS; word < ids->n_words; word++) {
		uint64_t unused = ~(ids->used[word] | below);

		if (unused)
			return word * WORD_BITS + (uint32_t)__builtin_ctzll(unused);
		below = 0;
	}
	return MAX(from, ids->n_words * WORD_BITS);
}

static int ids_make_room(struct accel_ids *ids, uint32_t id)
{
	uint32_t n_words = MAX(ids->n_words * 2, id / WORD_BITS + 1);
	uint64_t *used;

	if (id / WORD_BITS < ids->n_words)
		return 0;
	n_words = MIN(n_words, ids->max / WORD_BITS + 1);
	used = realloc(ids->used, n_words * sizeof(*used));
	if (!used)
		return -ENOMEM;
	memset(used + ids->n_words, 0, (n_words - ids->n_words) * sizeof(*used));
	ids->used = used;
	ids->n_words = n_words;
	return 0;
}

int accel_ids_get(struct accel_ids *ids, uint32_t *ret_id)
{
	uint32_t id;

	if (ids->n_used == ids->max)
		return -ENOSPC;
	id = ids_find_free(ids, ids->next);
	if (id > ids->max)
		id = ids_find_free(ids, 1);
	if (ids_make_room(ids, id) < 0)
		return -ENOMEM;
	ids->used[id / WORD_BITS] |= 1ULL << id % WORD_BITS;
	ids->n_used++;
	ids->next = id == ids->max ? 1 : id + 1;
	*ret_id = id;
	return 0;
}

int accel_ids_claim(struct accel_ids *ids, uint32_t id)
{
	uint64_t bit = 1ULL << id % WORD_BITS;

	if (!id || id > ids->max)
		return -EINVAL;
	if (ids_make_room(ids, id) < 0)
		return -ENOMEM;
	if (ids->used[id / WORD_BITS] & bit)
		return -EEXIST;
	ids->used[id / WORD_BITS] |= bit;
	ids->n_used++;
	/* What was freed before is not known, so the search goes on behind all. */
	if (id >= ids->next)
		ids->next = id == ids->max ? 1 : id + 1;
	return 0;
}

void accel_ids_put(struct accel_ids *ids, uint32_t id)
{
	uint64_t bit = 1ULL << id % WORD_BITS;

	assert(id >= 1 && id / WORD_BITS < ids->n_words &&
	       ids->used[id / WORD_BITS] & bit);
	ids->used[id / WORD_BITS] &= ~bit;
	ids->n_used--;
}
