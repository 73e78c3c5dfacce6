/* SPDX-License-Identifier: MIT */
#include "store/uniques.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

#define UNIQUES_MIN_ROOM 16

int uniques_reserve(struct uniques *uniques, size_t n)
{
	size_t room = UNIQUES_MIN_ROOM;
	struct uniques larger;

	while (room < 2 * n)
		room *= 2;
	if (room <= uniques->room)
		return 0;
	larger = (struct uniques){calloc(room, sizeof(*larger.entries)), room, 0};
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < uniques->room; i++)
		uniques_add(&larger, uniques->entries[i].key, uniques->entries[i].what,
			    uniques->entries[i].value);
	uniques_finish(uniques);
	*uniques = larger;
	return 0;
}

void uniques_finish(struct uniques *uniques)
{
	free(uniques->entries);
	*uniques = (struct uniques){0};
}

/* By the high bits of the product, on which every bit of the key acts. */
static size_t uniques_place(const struct uniques *uniques, uint64_t key)
{
	return (key * UINT64_C(0x9e3779b97f4a7c15)) >>
	       (unsigned)__builtin_clzll(uniques->room - 1);
}

/* The entry of this key, or the unused one where it belongs. */
static struct unique *uniques_entry(const struct uniques *uniques, uint64_t key,
				    uint32_t what)
{
	size_t place = uniques_place(uniques, key);
	struct unique *entry = &uniques->entries[place];

	while (entry->key && (entry->key != key || entry->what != what)) {
		place = (place + 1) & (uniques->room - 1);
		entry = &uniques->entries[place];
	}
	return entry;
}

bool uniques_add(struct uniques *uniques, uint64_t key, uint32_t what, uint32_t value)
{
	struct unique *entry;

	if (!key)
		return false;
	entry = uniques_entry(uniques, key, what);
	if (entry->key)
		return false;
	*entry = (struct unique){key, what, value};
	uniques->n++;
	return true;
}

uint32_t uniques_find(const struct uniques *uniques, uint64_t key, uint32_t what)
{
	const struct unique *entry;

	if (!key || !uniques->room)
		return UNIQUES_NONE;
	entry = uniques_entry(uniques, key, what);
	return entry->key ? entry->value : UNIQUES_NONE;
}
