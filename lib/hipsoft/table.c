/* SPDX-License-Identifier: MIT */
/* table.c - the sorted array of device memory */
#include "table.h"

#include <sorted.h>

/* The keys of look-ups are stored together, as each call with a pointer does one. */
struct slot {
	uint64_t first, last;
	struct area *area;
};

static pthread_mutex_t table_change_lock = PTHREAD_MUTEX_INITIALIZER;
/* Prefers writers, so that constant look-ups do not starve a change. */
static pthread_rwlock_t table_slots_lock =
	PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

/*
 * Written under both locks, read under either. Sorted from the highest address to the
 * lowest, the order in which the kernel assigns them, so most insertions append.
 */
static struct slot *table_slots;
static size_t table_n_slots, table_room;

void table_lock(void)
{
	pthread_mutex_lock(&table_change_lock);
}

void table_unlock(void)
{
	pthread_mutex_unlock(&table_change_lock);
}

void table_write_begin(void)
{
	pthread_rwlock_wrlock(&table_slots_lock);
}

void table_write_end(void)
{
	pthread_rwlock_unlock(&table_slots_lock);
}

/* ---- look-up, under either lock ---------------------------------------------------- */

/* The index of the first slot that begins at @address or below, or where it belongs. */
static size_t table_place_of_locked(uint64_t address)
{
	return sorted_place(table_n_slots, i, table_slots[i].first > address);
}

/* The highest slot that intersects @first to @last; NULL: none. */
static struct slot *table_find_slot_locked(uint64_t first, uint64_t last)
{
	size_t place = table_place_of_locked(last);

	return place < table_n_slots && table_slots[place].last >= first
		       ? &table_slots[place]
		       : NULL;
}

struct area *table_at_locked(uint64_t base)
{
	const struct slot *slot = table_find_slot_locked(base, base);

	ASSERT_LOCKED(&table_change_lock);
	return slot && slot->first == base ? slot->area : NULL;
}

int table_each_locked(int (*visit)(struct area *area, void *data), void *data)
{
	int r = 0;

	ASSERT_LOCKED(&table_change_lock);
	for (size_t i = 0; i < table_n_slots && r == 0; i++)
		r = visit(table_slots[i].area, data);
	return r;
}

/* ---- changes ----------------------------------------------------------------------- */

/* Under both locks. The array has room. */
static void table_insert_locked(struct area *area)
{
	const struct allocation *allocation = &area->allocation;
	size_t place = table_place_of_locked(allocation->base);

	ASSERT_LOCKED(&table_change_lock);
	ASSERT_RWLOCKED(&table_slots_lock);
	*sorted_open(table_slots, table_n_slots++, place) = (struct slot){
		.first = allocation->base,
		.last = allocation->base + (allocation_span(allocation) - 1),
		.area = area,
	};
}

int table_add_locked(struct area *area)
{
	int r;

	ASSERT_LOCKED(&table_change_lock);
	table_write_begin();
	r = array_reserve(&table_slots, &table_room, table_n_slots + 1,
			  sizeof(*table_slots));
	if (r == 0)
		table_insert_locked(area);
	table_write_end();
	return r;
}

void table_remove_locked(struct area *area)
{
	struct slot *slot;

	ASSERT_LOCKED(&table_change_lock);
	table_write_begin();
	slot = table_find_slot_locked(area->allocation.base, area->allocation.base);
	sorted_close(table_slots, --table_n_slots, (size_t)(slot - table_slots));
	table_write_end();
}

/* Correct for an @address below its begin, too: the difference wraps around. */
static bool table_has(const struct allocation *allocation, uint64_t address,
		      uint64_t bytes)
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
	pthread_rwlock_rdlock(&table_slots_lock);
	slot = table_find_slot_locked(address, last);
	if (!slot)
		r = -ENOENT;
	else if (!table_has(&slot->area->allocation, address, bytes))
		r = -EINVAL;
	else
		*ret_allocation = slot->area->allocation;
	pthread_rwlock_unlock(&table_slots_lock);
	return r;
}
