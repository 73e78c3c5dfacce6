/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <string.h>

/* What a look-up compares lies together: it is on the way of every call with a pointer.
 */
struct slot {
	uint64_t first, last;
	struct area *area;
};

static pthread_mutex_t change_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t slots_lock = PTHREAD_RWLOCK_INITIALIZER;

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

static int compare(const void *key, const void *element)
{
	const struct slot *slot = element;
	uint64_t address = *(const uint64_t *)key;

	if (address > slot->last)
		return -1;
	return address < slot->first;
}

static struct slot *find_slot(uint64_t address)
{
	if (!n_slots)
		return NULL;
	return bsearch(&address, slots, n_slots, sizeof(*slots), compare);
}

static struct area *find(uint64_t address)
{
	const struct slot *slot = find_slot(address);

	return slot ? slot->area : NULL;
}

struct area *table_at(uint64_t base)
{
	struct area *area = find(base);

	return area && area->allocation.base == base ? area : NULL;
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

/* Both locks are held. Where one that begins at @address belongs. */
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

static void insert(struct area *area)
{
	const struct allocation *allocation = &area->allocation;
	size_t place = place_of(allocation->base);

	memmove(&slots[place + 1], &slots[place], (n_slots - place) * sizeof(*slots));
	slots[place] = (struct slot){
		.first = allocation->base,
		.last = allocation->base + (allocation->reserved - 1),
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
	slot = find_slot(area->allocation.base);
	n_slots--;
	memmove(slot, slot + 1, (size_t)(slots + n_slots - slot) * sizeof(*slots));
	table_write_end();
}

int allocation_find(uint64_t address, uint64_t bytes, struct allocation *ret_allocation)
{
	const struct area *area;
	uint64_t offset;
	int r = -ENOENT;

	pthread_rwlock_rdlock(&slots_lock);
	area = find(address);
	offset = area ? address - area->allocation.base : 0;
	if (area && offset < area->allocation.bytes)
		r = bytes <= area->allocation.bytes - offset ? 0 : -EINVAL;
	if (r == 0)
		*ret_allocation = area->allocation;
	pthread_rwlock_unlock(&slots_lock);
	return r;
}
