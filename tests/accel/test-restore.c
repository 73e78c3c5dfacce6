/* SPDX-License-Identifier: MIT */
/* test-restore.c - what of contexts, memory, ASIDs and sets a kill leaves */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <accel-records.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/make-memfd.h"
#include "asid.h"
#include "buffer.h"
#include "context.h"
#include "restore-fixture.h"
#include "soft-fixture.h"

#define MANY    3000 /* more than one call removes */
#define DAMAGES 400

/* ---- helpers ----------------------------------------------------------------------- */

static uint64_t map_at(uint32_t asid, uint32_t buffer, uint64_t offset, uint64_t length,
		       uint32_t flags, uint64_t iova)
{
	struct accel_asid_map arg = {
		.flags = flags,
		.asid = asid,
		.buffer = buffer,
		.offset = offset,
		.length = length,
		.iova = iova,
	};

	cr_assert(zero(int, accel_asid_map(contexts[0], &arg)));
	return arg.iova;
}

static struct accel_asid_info asid_info(struct accel_context *context, uint32_t asid)
{
	struct accel_asid_info info = {.size = sizeof(info), .id = asid};

	cr_assert(zero(int, accel_asid_get_info(context, &info)));
	return info;
}

static struct accel_buffer_info buffer_info(uint32_t buffer)
{
	struct accel_buffer_info info = {.size = sizeof(info), .id = buffer};

	cr_assert(zero(int, accel_buffer_get_info(contexts[0], &info)));
	return info;
}

static uint32_t visible_asid(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg), .flags = ACCEL_ASID_VISIBLE};

	cr_assert(zero(int, accel_asid_create(contexts[0], &arg)));
	return arg.id;
}

/* The memory at an address, or NULL with *ret_error. */
static void *look_up(struct accel_context *context, uint32_t asid, uint64_t iova,
		     uint32_t access, int *ret_error)
{
	struct accel_base *base = accel_context_get(context, ACCEL_TYPE_ASID, asid);
	struct accel_window window = {0};

	cr_assert(ne(ptr, base, NULL));
	pthread_rwlock_rdlock(&accel_asid_of(base)->lock);
	*ret_error =
		accel_asid_resolve_locked(accel_asid_of(base), iova, 8, access, &window);
	pthread_rwlock_unlock(&accel_asid_of(base)->lock);
	accel_base_unref(base);
	return *ret_error < 0 ? NULL : window.memory;
}

static void expect_word(struct accel_context *context, uint32_t asid, uint64_t iova,
			uint64_t value)
{
	int error;
	const uint64_t *word = look_up(context, asid, iova, ACCEL_MAP_READ, &error);

	cr_assert(zero(int, error));
	cr_expect(eq(u64, *word, value));
}

static void write_word(uint32_t asid, uint64_t iova, uint64_t value)
{
	int error;
	uint64_t *word = look_up(contexts[0], asid, iova, ACCEL_MAP_WRITE, &error);

	cr_assert(zero(int, error));
	*word = value;
}

/* ---- mappings ---------------------------------------------------------------------- */

static void make_mappings(void)
{
	uint32_t device, pinned, imported;
	int fd;

	kept_open(0, 0);
	device = soft_buffer(contexts[0], 8 * PAGE, 0);
	pinned = soft_buffer(contexts[0], 2 * PAGE, ACCEL_BUFFER_PINNED);
	fd = new_memfd(4 * PAGE);
	cr_assert(eq(int, (int)write(fd, "imported", 8), 8));
	cr_assert(zero(
		int, accel_buffer_import(contexts[0], reopen(fd, O_RDONLY), &imported)));
	kept->ids[0] = visible_asid();
	kept->ids[1] = visible_asid();
	kept->ids[2] = device;
	kept->ids[3] = imported;
	kept->values[0] = asid_info(contexts[0], kept->ids[0]).number;
	kept->values[1] = asid_info(contexts[0], kept->ids[1]).number;
	map_at(kept->ids[0], device, PAGE, 2 * PAGE, RW | ACCEL_MAP_FIXED, 16 * PAGE);
	map_at(kept->ids[0], imported, 0, PAGE, ACCEL_MAP_READ | ACCEL_MAP_FIXED,
	       64 * PAGE);
	map_at(kept->ids[1], pinned, 0, 2 * PAGE, RW | ACCEL_MAP_FIXED, 16 * PAGE);
	map_at(kept->ids[1], pinned, 0, PAGE, RW | ACCEL_MAP_FIXED, 32 * PAGE);
	write_word(kept->ids[0], 16 * PAGE, 111);
	write_word(kept->ids[1], 16 * PAGE, 222);
	/* One that is mapped but has no id, one that is neither, and one unmapped. */
	soft_call(contexts[0], accel_buffer_free, pinned);
	soft_call(contexts[0], accel_buffer_free, soft_buffer(contexts[0], PAGE, 0));
	soft_unmap(contexts[0], kept->ids[1], 32 * PAGE, PAGE);
	accel_registry_settle(kept_registry, WAIT_MS);
}

Test(restore, mappings)
{
	struct accel_asid_info info;
	int error;

	restore_kill_after(make_mappings);
	cr_assert(zero(uint, restore_all()));
	info = asid_info(contexts[0], kept->ids[0]);
	cr_expect(eq(u64, info.mappings, 2));
	cr_expect(eq(u64, info.mapped, 3 * PAGE));
	cr_expect(eq(u64, info.number, kept->values[0]));
	info = asid_info(contexts[0], kept->ids[1]);
	cr_expect(eq(u64, info.mappings, 1));
	cr_expect(eq(u64, info.number, kept->values[1]));
	expect_word(contexts[0], kept->ids[0], 16 * PAGE, 111);
	expect_word(contexts[0], kept->ids[1], 16 * PAGE, 222);
	cr_expect(zero(int, memcmp(look_up(contexts[0], kept->ids[0], 64 * PAGE,
					   ACCEL_MAP_READ, &error),
				   "imported", 8)));
	look_up(contexts[0], kept->ids[0], 64 * PAGE, ACCEL_MAP_WRITE, &error);
	cr_expect(eq(int, error, -EACCES));
	look_up(contexts[0], kept->ids[1], 32 * PAGE, ACCEL_MAP_READ, &error);
	cr_expect(eq(int, error, -EFAULT));
	cr_expect(eq(u32, buffer_info(kept->ids[2]).mappings, 1));
	cr_expect(eq(u64, buffer_info(kept->ids[3]).bytes, 4 * PAGE));
	/* The last buffers had higher ids, and were freed. */
	cr_expect(gt(u32, soft_buffer(contexts[0], PAGE, 0), kept->ids[1] + 1));
	restore_finish();
}

static void make_cleared(void)
{
	uint32_t buffer;

	kept_open(0, 0);
	buffer = soft_buffer(contexts[0], PAGE, 0);
	kept->ids[0] = visible_asid();
	kept->ids[1] = visible_asid();
	for (uint64_t i = 0; i < MANY; i++) {
		map_at(kept->ids[0], buffer, 0, PAGE, RW | ACCEL_MAP_FIXED,
		       (16 + i) * PAGE);
		if (i < 1000)
			map_at(kept->ids[1], buffer, 0, PAGE, RW | ACCEL_MAP_FIXED,
			       (16 + i) * PAGE);
	}
	soft_unmap(contexts[0], kept->ids[0], 0, UINT64_MAX);
	map_at(kept->ids[0], buffer, 0, PAGE, RW | ACCEL_MAP_FIXED, 8000 * PAGE);
}

Test(restore, cleared_asid)
{
	restore_kill_after(make_cleared);
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(u64, asid_info(contexts[0], kept->ids[0]).mappings, 1));
	cr_expect(eq(u64, asid_info(contexts[0], kept->ids[1]).mappings, 1000));
	restore_finish();
}

static void make_shared(void)
{
	struct accel_asid *asid;
	uint32_t buffer;

	kept_open(0, 0);
	kept_open(1, 0);
	buffer = soft_buffer(contexts[0], PAGE, 0);
	kept->ids[0] = visible_asid();
	map_at(kept->ids[0], buffer, 0, PAGE, RW | ACCEL_MAP_FIXED, 16 * PAGE);
	write_word(kept->ids[0], 16 * PAGE, 333);
	cr_assert(zero(int, accel_asid_share(contexts[0], kept->ids[0], &asid)));
	cr_assert(zero(int, accel_asid_import(contexts[1], asid, &kept->ids[1])));
	kept->values[0] = accel_asid_record(asid);
	accel_asid_unref(asid);
	accel_context_destroy(contexts[0]);
	accel_registry_settle(kept_registry, WAIT_MS);
}

/* The ASID outlives its context, and stays charged to that one's owner. */
Test(restore, imported_asid)
{
	restore_kill_after(make_shared);
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(ptr, contexts[0], NULL));
	cr_expect(eq(u64, asid_info(contexts[1], kept->ids[1]).mappings, 1));
	expect_word(contexts[1], kept->ids[1], 16 * PAGE, 333);
	restore_finish();
}

static void make_sets(void)
{
	struct accel_set_entry entry = {.size = sizeof(entry), .guest = 77};

	kept_open(0, 0);
	kept_open(1, 0);
	kept->ids[0] = soft_set(contexts[0], 3);
	kept->ids[1] = soft_asid(contexts[0], kept->ids[0]);
	kept->ids[2] = soft_asid(contexts[0], kept->ids[0]);
	entry.set = kept->ids[0];
	entry.asid = kept->ids[2];
	cr_assert(zero(int, accel_set_bind(contexts[0], &entry)));
	entry.asid = kept->ids[1];
	entry.guest = 78;
	cr_assert(zero(int, accel_set_bind(contexts[0], &entry)));
	entry.asid = 0;
	cr_assert(zero(int, accel_set_unbind(contexts[0], &entry)));
}

Test(restore, sets)
{
	struct accel_set_info info = {.size = sizeof(info)};
	struct accel_set_entry entry = {.size = sizeof(entry), .guest = 77};
	struct accel_asid_create more = {.size = sizeof(more)};
	struct accel_event event;

	restore_kill_after(make_sets);
	cr_assert(zero(uint, restore_all()));
	info.id = entry.set = more.set = kept->ids[0];
	cr_assert(zero(int, accel_set_get_info(contexts[0], &info)));
	cr_expect(eq(u32, info.quota, 3));
	cr_expect(eq(u32, info.asids, 2));
	cr_expect(eq(u32, info.bound, 1));
	cr_assert(zero(int, accel_set_lookup(contexts[0], &entry)));
	cr_expect(eq(u32, entry.asid, kept->ids[2]));
	cr_expect(eq(int, accel_set_get_info(contexts[1], &info), -EPERM));
	cr_assert(zero(int, accel_asid_create(contexts[0], &more)));
	cr_expect(eq(int, accel_asid_create(contexts[0], &more), -EDQUOT));
	/* The events before are lost, and the next one says so. */
	cr_expect(not(accel_events_pending(contexts[0])));
	entry.asid = 0;
	cr_assert(zero(int, accel_set_unbind(contexts[0], &entry)));
	cr_assert(eq(sz, accel_events_read(contexts[0], &event, 1), 1));
	cr_expect(eq(u32, event.flags, ACCEL_EVENT_LOST));
	cr_expect(eq(u64, event.sequence, 3));
	restore_finish();
}

static void make_exclusive(void)
{
	uint32_t buffer;
	int fd;

	kept_open(0, KEPT_EXCLUSIVE);
	buffer = soft_buffer(contexts[0], PAGE, ACCEL_BUFFER_PINNED);
	cr_assert(zero(int, accel_buffer_open(contexts[0], buffer, O_RDWR, &fd)));
	kept_pass(fd);
}

/* An importer that holds memory of the last owner still keeps the device from others. */
Test(restore, exclusive_device)
{
	struct accel_context *other;
	int fd;

	restore_kill_after(make_exclusive);
	cr_assert(zero(uint, restore_all()));
	fd = kept_take();
	cr_expect(eq(int, owner_open(&owner_counting, devices[KEPT_EXCLUSIVE], &other),
		     -EBUSY));
	accel_context_destroy(contexts[0]);
	contexts[0] = NULL;
	cr_expect(
		lt(int, owner_open(&owner_counting, devices[KEPT_EXCLUSIVE], &other), 0));
	close(fd);
	restore_finish();
}

static void make_revoked(void)
{
	kept_open(0, 0);
	kept->ids[0] = soft_buffer(contexts[0], PAGE, 0);
	cr_assert(zero(int, soft_call(contexts[0], accel_buffer_revoke, kept->ids[0])));
}

Test(restore, revoked_buffer)
{
	int fd;

	restore_kill_after(make_revoked);
	cr_assert(zero(uint, restore_all()));
	cr_expect(eq(u32, buffer_info(kept->ids[0]).flags, ACCEL_BUFFER_REVOKED));
	cr_expect(eq(int, accel_buffer_open(contexts[0], kept->ids[0], O_RDWR, &fd),
		     -ESTALE));
	restore_finish();
}

static int mem_fd, maps_fd;
static uint64_t sva_word = 5;

static void make_sva(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};

	kept_open(0, 0);
	cr_assert(zero(int, accel_asid_create_sva(contexts[0], &arg, mem_fd, maps_fd)));
	kept->ids[0] = arg.id;
}

/* A bound address space stays bound to its process. */
Test(restore, bound_asid)
{
	struct accel_command command;
	uint32_t queue;

	mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	restore_kill_after(make_sva);
	cr_assert(zero(uint, restore_all()));
	queue = soft_queue(contexts[0], 0, 0);
	cr_assert(zero(int, soft_attach(contexts[0], queue, kept->ids[0])));
	command = soft_fill(kept->ids[0], (uintptr_t)&sva_word, 6);
	cr_assert(zero(i64, soft_submit(contexts[0], queue, &command)));
	cr_assert(soft_completed(contexts[0], queue, 1));
	cr_expect(eq(u64, sva_word, 6));
	restore_finish();
}

/* ---- what is damaged --------------------------------------------------------------- */

static void make_all(void)
{
	make_sets();
	make_mappings();
	kept->ids[4] = soft_queue(contexts[0], ACCEL_QUEUE_USER, 0);
	cr_assert(zero(int, soft_attach(contexts[0], kept->ids[4], kept->ids[0])));
	soft_fence(contexts[0], 3);
}

/* What to do to the first record of a kind, and how many are lost by it, at least. */
struct damage {
	enum accel_record_kind kind;
	void (*change)(struct accel_record *record);
};

static void change_owner(struct accel_record *record)
{
	record->owner = KEPT_RECORDS + 1;
}

static void change_device(struct accel_record *record)
{
	record->context.device = 99;
}

static void change_next_id(struct accel_record *record)
{
	record->context.next_id = 1;
}

static void change_bytes(struct accel_record *record)
{
	record->buffer.bytes += PAGE;
}

static void change_buffer_flags(struct accel_record *record)
{
	record->buffer.flags |= UINT32_C(1) << 31;
}

static void change_hardware(struct accel_record *record)
{
	record->asid.hardware = 0;
}

static void change_bound(struct accel_record *record)
{
	record->asid.flags |= ACCEL_ASID_SVA;
}

static void change_quota(struct accel_record *record)
{
	record->set.quota = 0;
}

static void change_set_id(struct accel_record *record)
{
	record->id = 5;
}

static void change_offset(struct accel_record *record)
{
	record->mapping.offset = UINT64_MAX - PAGE + 1;
}

static void change_first(struct accel_record *record)
{
	record->mapping.first++;
}

static void change_reserved(struct accel_record *record)
{
	record->mapping.first = 0;
	record->mapping.last = PAGE - 1;
}

static void change_access(struct accel_record *record)
{
	record->mapping.access = 0;
}

static void change_order(struct accel_record *record)
{
	record->queue.order = 40;
}

static void change_size(struct accel_record *record)
{
	record->queue.order++;
}

static void change_state(struct accel_record *record)
{
	record->queue.state = ACCEL_QUEUE_DEAD;
}

static void change_id(struct accel_record *record)
{
	record->id = 1000000;
}

static void change_kind(struct accel_record *record)
{
	record->kind = 1000;
}

static const struct damage damages[] = {
	{ACCEL_RECORD_CONTEXT, change_device},
	{ACCEL_RECORD_CONTEXT, change_next_id},
	{ACCEL_RECORD_CONTEXT, change_kind},
	{ACCEL_RECORD_BUFFER, change_owner},
	{ACCEL_RECORD_BUFFER, change_bytes},
	{ACCEL_RECORD_BUFFER, change_buffer_flags},
	{ACCEL_RECORD_ASID, change_owner},
	{ACCEL_RECORD_ASID, change_hardware},
	{ACCEL_RECORD_ASID, change_bound},
	{ACCEL_RECORD_ASID, change_id},
	{ACCEL_RECORD_SET, change_quota},
	{ACCEL_RECORD_SET, change_set_id},
	{ACCEL_RECORD_MAPPING, change_offset},
	{ACCEL_RECORD_MAPPING, change_first},
	{ACCEL_RECORD_MAPPING, change_reserved},
	{ACCEL_RECORD_MAPPING, change_access},
	{ACCEL_RECORD_MAPPING, change_kind},
	{ACCEL_RECORD_QUEUE, change_order},
	{ACCEL_RECORD_QUEUE, change_size},
	{ACCEL_RECORD_QUEUE, change_state},
	{ACCEL_RECORD_ATTACHMENT, change_id},
	{ACCEL_RECORD_FENCE, change_owner},
	{ACCEL_RECORD_FENCE, change_id},
};

static unsigned damage_nr;

static void make_damaged(void)
{
	const struct damage *damage = &damages[damage_nr];
	struct accel_record *record;

	make_all();
	record = kept_find(damage->kind);
	cr_assert(ne(ptr, record, NULL));
	damage->change(record);
}

/* It is lost alone, or with what depends on it, and reported. */
Test(restore, damaged_records)
{
	for (damage_nr = 0; damage_nr < ARRAY_SIZE(damages); damage_nr++) {
		restore_kill_after(make_damaged);
		cr_expect(gt(uint, restore_damaged(), 0), "damage %u", damage_nr);
		restore_finish();
	}
}

/* xorshift64*, Vigna 2014. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static void damage_one(uint64_t *state)
{
	struct kept *entry;
	uint32_t *words;

	do
		entry = &kept->records[draw(state) % KEPT_RECORDS];
	while (entry->state != KEPT_LIVE);
	words = (uint32_t *)&entry->record;
	/* A small number is more often one that means something. */
	words[draw(state) % (sizeof(entry->record) / sizeof(*words))] =
		(uint32_t)(draw(state) >> (32 + draw(state) % 31));
}

/* Whatever is damaged, the rest is restored, and can be destroyed. */
Test(restore, random_words)
{
	uint64_t state = 7;

	restore_kill_after(make_all);
	restore_save();
	for (unsigned i = 0; i < DAMAGES; i++) {
		restore_rewind();
		damage_one(&state);
		damage_one(&state);
		restore_damaged();
		restore_finish();
	}
}
