/* SPDX-License-Identifier: MIT */
/*
 * sorted.h - an array kept in order: binary search, and a gap moved by memmove(3)
 *
 *	place = sorted_place(n, i, items[i].key < key);
 *	r = array_reserve(&items, &n_allocated, n + 1, sizeof(*items));
 *	if (r == 0)
 *		sorted_open(items, n++, place)->key = key;
 *
 * Not thread safe; the owner's lock protects it.
 */
#ifndef DMABUFFS_SORTED_H
#define DMABUFFS_SORTED_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define ARRAY_MIN_ROOM 8

/*
 * The first index, from 0 to @n, for which @is_before, an expression with @i, is false.
 * It must be true for all items before that one, and false for all from there on.
 */
#define sorted_place(n, i, is_before)                                                    \
	({                                                                               \
		size_t low_ = 0, high_ = (n);                                            \
		while (low_ < high_) {                                                   \
			size_t i = low_ + (high_ - low_) / 2;                            \
			if (is_before)                                                   \
				low_ = i + 1;                                            \
			else                                                             \
				high_ = i;                                               \
		}                                                                        \
		low_;                                                                    \
	})

/* Makes a gap at @place of @items, which have room for @n + 1; a pointer to it. */
#define sorted_open(items, n, place)                                                     \
	((__typeof__(&(items)[0]))memmove(&(items)[(place) + 1], &(items)[place],        \
					  ((n) - (place)) * sizeof((items)[0])) -        \
	 1)

/* Closes the gap at @place of @items, of which @n are left. */
#define sorted_close(items, n, place)                                                    \
	((void)memmove(&(items)[place], &(items)[(place) + 1],                           \
		       ((n) - (place)) * sizeof((items)[0])))

/*
 * Makes room for @n items of @size bytes in the array *@items, a pointer to a pointer,
 * which has room for *@room. 0, or -ENOMEM and then nothing changed.
 */
static inline int array_reserve(void *items, size_t *room, size_t n, size_t size)
{
	size_t more = MAX(MAX(2 * *room, n), (size_t)ARRAY_MIN_ROOM);
	void *old, *larger;

	if (n <= *room)
		return 0;
	memcpy(&old, items, sizeof(old));
	larger = reallocarray(old, more, size);
	if (!larger)
		return -ENOMEM;
	memcpy(items, &larger, sizeof(larger));
	*room = more;
	return 0;
}

#endif
