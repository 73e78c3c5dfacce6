/* SPDX-License-Identifier: MIT */
#include "store/slots.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

#define BITS 64U

static uint32_t slots_words(uint32_t bits)
{
	return bits / BITS + (bits % BITS > 0);
}

static uint64_t slots_bit(uint32_t place)
{
	return UINT64_C(1) << place % BITS;
}

/* Bits beyond the end count as in use. */
static void slots_end_level(uint64_t *words, uint32_t bits)
{
	if (bits % BITS)
		words[bits / BITS] = ~UINT64_C(0) << bits % BITS;
}

int slots_init(struct slots *slots, uint32_t capacity)
{
	uint32_t bits = capacity;

	*slots = (struct slots){.capacity = capacity};
	do {
		uint64_t *words = calloc(slots_words(bits), sizeof(*words));

		if (!words) {
			slots_finish(slots);
			return -ENOMEM;
		}
		slots_end_level(words, bits);
		slots->levels[slots->n_levels++] = words;
		bits = slots_words(bits);
	} while (bits > 1);
	return 0;
}

void slots_finish(struct slots *slots)
{
	for (unsigned i = 0; i < slots->n_levels; i++)
		free(slots->levels[i]);
	*slots = (struct slots){0};
}

static void slots_set(struct slots *slots, uint32_t slot)
{
	uint32_t place = slot;

	for (unsigned i = 0; i < slots->n_levels; i++, place /= BITS) {
		uint64_t *word = &slots->levels[i][place / BITS];

		*word |= slots_bit(place);
		if (~*word)
			break;
	}
	slots->high = MAX(slots->high, slot + 1);
}

/* Each word that is skipped was passed by the growth of high before. */
static void slots_lower_high(struct slots *slots)
{
	const uint64_t *words = slots->levels[0];

	while (slots->high > 0) {
		uint32_t last = slots->high - 1;
		uint64_t used =
			words[last / BITS] & (slots_bit(last) | (slots_bit(last) - 1));

		if (used) {
			slots->high = last / BITS * BITS + BITS -
				      (uint32_t)__builtin_clzll(used);
			return;
		}
		slots->high = last / BITS * BITS;
	}
}

static void slots_clear(struct slots *slots, uint32_t slot)
{
	uint32_t place = slot;

	for (unsigned i = 0; i < slots->n_levels; i++, place /= BITS)
		slots->levels[i][place / BITS] &= ~slots_bit(place);
	if (slot + 1 == slots->high)
		slots_lower_high(slots);
}

static void slots_wake_oldest(struct slots *slots)
{
	slots_clear(slots, slots->resting[slots->rest_first]);
	slots->rest_first = (slots->rest_first + 1) % SLOTS_REST;
	slots->n_resting--;
}

/* From the root of the tree, which has one word. */
static uint32_t slots_lowest_free(const struct slots *slots)
{
	uint32_t place = 0;

	for (unsigned i = slots->n_levels; i-- > 0;) {
		uint64_t available = ~slots->levels[i][place];

		if (!available)
			return SLOTS_NONE;
		place = place * BITS + (uint32_t)__builtin_ctzll(available);
	}
	return place;
}

uint32_t slots_take(struct slots *slots)
{
	uint32_t slot = slots_lowest_free(slots);

	if (slot == SLOTS_NONE && slots->n_resting > 0) {
		slots_wake_oldest(slots);
		slot = slots_lowest_free(slots);
	}
	if (slot != SLOTS_NONE)
		slots_set(slots, slot);
	return slot;
}

void slots_put(struct slots *slots, uint32_t slot)
{
	if (slots->n_resting == SLOTS_REST)
		slots_wake_oldest(slots);
	slots->resting[(slots->rest_first + slots->n_resting++) % SLOTS_REST] = slot;
}

bool slots_claim(struct slots *slots, uint32_t slot)
{
	if (slot >= slots->capacity || slots_is_used(slots, slot))
		return false;
	slots_set(slots, slot);
	return true;
}

void slots_unclaim(struct slots *slots, uint32_t slot)
{
	slots_clear(slots, slot);
}

bool slots_is_used(const struct slots *slots, uint32_t slot)
{
	return slot < slots->capacity && slots->levels[0][slot / BITS] & slots_bit(slot);
}

/* The first set bit from @slot on, below @end, of words that are xored with @flip. */
static uint32_t slots_scan(const struct slots *slots, uint32_t slot, uint32_t end,
			   uint64_t flip)
{
	while (slot < end) {
		uint64_t word = slots->levels[0][slot / BITS] ^ flip;

		word &= ~(slots_bit(slot) - 1);
		if (word) {
			slot = slot / BITS * BITS + (uint32_t)__builtin_ctzll(word);
			return slot < end ? slot : SLOTS_NONE;
		}
		slot = slot / BITS * BITS + BITS;
	}
	return SLOTS_NONE;
}

uint32_t slots_next_used(const struct slots *slots, uint32_t slot)
{
	return slots_scan(slots, slot, slots->high, 0);
}

uint32_t slots_next_free(const struct slots *slots, uint32_t slot)
{
	return slots_scan(slots, slot, slots->capacity, ~UINT64_C(0));
}
