/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <string.h>

/* What a look-up compares lies together: every call with a pointer goes through it. */
struct slot {
	uint64_t first, last;
	struct area *area;
};

static pthread_mutex_t change_lock = PTHREAD_MUTEX_INITIALIZER;
/* However many look something up all the time, a change has its turn. */
static pthread_rwlock_t slots_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

/*
 * Changed under both locks, read under one. From the highest address to the lowest, which
 * is the order in which the kernel gives them out, so that a new one mostly is the last.
 */
static struct slot *slots;
static size_t n_slots, room;

void table_lock(void)
{
	pthread_mutex_lock(&change_lock);
}

void table_unlock(void)
{
	pthread_mutex_unlock(&change_lock);
}

void table_write_begin(void)
{
	pthread_rwlock_wrlock(&slots_lock);
}

void table_write_end(void)
{
	pthread_rwlock_unlock(&slots_lock);
}

/* ---- look-up, with either lock ----------------------------------------------------- */

/* Of the first one that begins at @address or below; where such a one belongs. */
static size_t place_of(uint64_t address)
{
	size_t begin = 0, end = n_slots;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;

		if (slots[middle].first > address)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

/* One that has an address from @first to @last, the highest; NULL: none. */
static struct slot *find_slot(uint64_t first, uint64_t last)
{
	size_t place = place_of(last);

	return place < n_slots && slots[place].last >= first ? &slots[place] : NULL;
}

struct area *table_at(uint64_t base)
{
	const struct slot *slot = find_slot(base, base);

	return slot && slot->first == base ? slot->area : NULL;
}

int table_each(int (*visit)(struct area *area, void *data), void *data)
{
	int r = 0;

	for (size_t i = 0; i < n_slots && r == 0; i++)
		r = visit(slots[i].area, data);
	return r;
}

/* ---- changes ----------------------------------------------------------------------- */

/* Both locks are held. */
static int make_room(void)
{
	size_t more = room ? 2 * room : 64;
	struct slot *larger;

	if (n_slots < room)
		return 0;
	larger = reallocarray(slots, more, sizeof(*slots));
	if (!larger)
		return -ENOMEM;
	slots = larger;
	room = more;
	return 0;
}

static void insert(struct area *area)
{
	const struct allocation *allocation = &area->allocation;
	size_t place = place_of(allocation->base);

	memmove(&slots[place + 1], &slots[place], (n_slots - place) * sizeof(*slots));
	slots[place] = (struct slot){
		.first = allocation->base,
		.last = allocation->base + (allocation_span(allocation) - 1),
		.area = area,
	};
	n_slots++;
}

int table_add(struct area *area)
{
	int r;

	table_write_begin();
	r = make_room();
	if (r == 0)
		insert(area);
	table_write_end();
	return r;
}

void table_remove(struct area *area)
{
	struct slot *slot;

	table_write_begin();
	slot = find_slot(area->allocation.base, area->allocation.base);
	n_slots--;
	memmove(slot, slot + 1, (size_t)(slots + n_slots - slot) * sizeof(*slots));
	table_write_end();
}

/* Also where @address is below its begin. */
static bool has(const struct allocation *allocation, uint64_t address, uint64_t bytes)
{
	uint64_t offset = address - allocation->base;

	return offset < allocation->bytes && bytes <= allocation->bytes - offset;
}

int allocation_find(uint64_t address, uint64_t bytes, struct allocation *ret_allocation)
{
	uint64_t last = bytes ? address + (bytes - 1) : address;
	const struct slot *slot;
	int r = 0;

	if (last < address)
		return -EINVAL;
	pthread_rwlock_rdlock(&slots_lock);
	slot = find_slot(address, last);
	if (!slot)
		r = -ENOENT;
	else if (!has(&slot->area->allocation, address, bytes))
		r = -EINVAL;
	else
		*ret_allocation = slot->area->allocation;
	pthread_rwlock_unlock(&slots_lock);
	return r;
}
