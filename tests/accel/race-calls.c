/* SPDX-License-Identifier: MIT */
/* race-calls.c - random calls on existing objects */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "context.h"
#include "race.h"
#include "ring_producer.h"
#include "util.h"

#define FIRST (16 * RACE_PAGE)

static uint32_t some_id(struct race_actor *actor, enum race_kind kind)
{
	return actor->slot->ids[kind][race_below(actor, RACE_IDS)];
}

static void remember(struct race_actor *actor, enum race_kind kind, uint32_t id)
{
	actor->slot->ids[kind][race_below(actor, RACE_IDS)] = id;
}

static uint64_t some_address(struct race_actor *actor)
{
	return FIRST + race_below(actor, RACE_PAGES) * RACE_PAGE;
}

/* ---- calls ------------------------------------------------------------------------- */

static int destroy_some(struct accel_context *context, struct race_actor *actor,
			enum race_kind kind)
{
	static int (*const destroy[])(struct accel_context *, struct accel_object *) = {
		[BUFFER] = accel_buffer_free,  [ASID] = accel_asid_destroy,
		[SET] = accel_set_destroy,     [QUEUE] = accel_queue_destroy,
		[FENCE] = accel_fence_destroy,
	};
	struct accel_object arg = {.id = some_id(actor, kind)};

	return destroy[kind](context, &arg);
}

static int alloc(struct accel_context *context, struct race_actor *actor)
{
	struct accel_buffer_alloc arg = {
		.flags = race_below(actor, 2) ? ACCEL_BUFFER_PINNED : 0,
		.bytes = RACE_PAGES * RACE_PAGE,
	};
	int r = accel_buffer_alloc(context, &arg);

	if (r == 0)
		remember(actor, BUFFER, arg.id);
	return r;
}

/* Imports a buffer of any device. */
static int import(struct accel_context *context, struct race_actor *actor)
{
	struct race_slot *from = &race_slots[race_below(actor, RACE_SLOTS)];
	struct accel_context *other = race_get_context(from);
	uint32_t id = from->ids[BUFFER][race_below(actor, RACE_IDS)];
	int fd = -1, r = -ENOENT;

	if (other) {
		r = accel_buffer_open(other, id, race_below(actor, 2) ? O_RDWR : O_RDONLY,
				      &fd);
		accel_context_unref(other);
	}
	if (r == 0)
		r = accel_buffer_import(context, fd, &id);
	if (r == 0)
		remember(actor, BUFFER, id);
	else if (fd >= 0)
		close(fd);
	return r;
}

static int revoke_some(struct accel_context *context, struct race_actor *actor)
{
	struct accel_object arg = {.id = some_id(actor, BUFFER)};

	return accel_buffer_revoke(context, &arg);
}

static int free_some(struct accel_context *context, struct race_actor *actor)
{
	return destroy_some(context, actor, BUFFER);
}

static int create_asid(struct accel_context *context, struct race_actor *actor)
{
	struct accel_asid_create arg = {
		.set = race_below(actor, 2) ? some_id(actor, SET) : 0,
	};
	int r = accel_asid_create(context, &arg);

	if (r == 0)
		remember(actor, ASID, arg.id);
	return r;
}

/* Imports an ASID of any context of any device. */
static int import_asid(struct accel_context *context, struct race_actor *actor)
{
	struct race_slot *from = &race_slots[race_below(actor, RACE_SLOTS)];
	struct accel_context *other = race_get_context(from);
	struct accel_asid *asid;
	uint32_t id = from->ids[ASID][race_below(actor, RACE_IDS)];
	int r = -ENOENT;

	if (!other)
		return r;
	r = accel_asid_share(other, id, &asid);
	accel_context_unref(other);
	if (r < 0)
		return r;
	r = accel_asid_import(context, asid, &id);
	accel_asid_unref(asid);
	if (r == 0)
		remember(actor, ASID, id);
	return r;
}

static int destroy_asid(struct accel_context *context, struct race_actor *actor)
{
	return destroy_some(context, actor, ASID);
}

static int map(struct accel_context *context, struct race_actor *actor)
{
	struct accel_asid_map arg = {
		.flags = ACCEL_MAP_READ | (race_below(actor, 4) ? ACCEL_MAP_WRITE : 0) |
			 ACCEL_MAP_FIXED,
		.asid = some_id(actor, ASID),
		.buffer = some_id(actor, BUFFER),
		.offset = race_below(actor, 2) * RACE_PAGE,
		.length = (1 + race_below(actor, 4)) * RACE_PAGE,
		.iova = some_address(actor),
	};

	return accel_asid_map(context, &arg);
}

static int unmap(struct accel_context *context, struct race_actor *actor)
{
	struct accel_asid_unmap arg = {.asid = some_id(actor, ASID),
				       .length = UINT64_MAX};

	if (race_below(actor, 2)) {
		arg.iova = some_address(actor);
		arg.length = (1 + race_below(actor, 4)) * RACE_PAGE;
	}
	return accel_asid_unmap(context, &arg);
}

static int copy(struct accel_context *context, struct race_actor *actor)
{
	struct accel_asid_copy arg = {
		.flags = ACCEL_MAP_READ,
		.dst_asid = some_id(actor, ASID),
		.src_asid = some_id(actor, ASID),
		.src_iova = some_address(actor),
		.length = RACE_PAGE,
	};

	return accel_asid_copy(context, &arg);
}

static int create_set(struct accel_context *context, struct race_actor *actor)
{
	struct accel_set_create arg = {.quota = 3};
	int r = accel_set_create(context, &arg);

	if (r == 0)
		remember(actor, SET, arg.id);
	return r;
}

static int destroy_set(struct accel_context *context, struct race_actor *actor)
{
	return destroy_some(context, actor, SET);
}

static int bind_guest(struct accel_context *context, struct race_actor *actor)
{
	struct accel_set_entry arg = {
		.set = some_id(actor, SET),
		.asid = some_id(actor, ASID),
		.guest = race_below(actor, 2),
	};
	struct accel_set_entry next = {.set = arg.set};
	int r = accel_set_bind(context, &arg);

	accel_set_lookup(context, &arg);
	accel_set_next(context, &next);
	return r;
}

static int unbind_guest(struct accel_context *context, struct race_actor *actor)
{
	struct accel_set_entry arg = {
		.set = some_id(actor, SET),
		.guest = race_below(actor, 2),
	};

	return accel_set_unbind(context, &arg);
}

static int create_queue(struct accel_context *context, struct race_actor *actor)
{
	struct accel_queue_create arg = {
		.flags = race_below(actor, 2) ? ACCEL_QUEUE_USER : 0,
		.entries = 16,
		.set = race_below(actor, 4) ? 0 : some_id(actor, SET),
	};
	int r = accel_queue_create(context, &arg);

	if (r == 0)
		remember(actor, QUEUE, arg.id);
	return r;
}

static int destroy_queue(struct accel_context *context, struct race_actor *actor)
{
	return destroy_some(context, actor, QUEUE);
}

static int attach(struct accel_context *context, struct race_actor *actor)
{
	struct accel_queue_attach arg = {
		.queue = some_id(actor, QUEUE),
		.asid = some_id(actor, ASID),
	};

	return accel_queue_attach(context, &arg);
}

static int detach(struct accel_context *context, struct race_actor *actor)
{
	struct accel_queue_attach arg = {
		.queue = some_id(actor, QUEUE),
		.asid = some_id(actor, ASID),
	};

	return accel_queue_detach(context, &arg);
}

static struct accel_command some_command(struct race_actor *actor)
{
	struct accel_command command = {
		.op = (uint16_t)(race_below(actor, 50) ? race_below(actor, 3)
						       : ACCEL_OP_COUNT),
		.flags = race_below(actor, 4) ? 0 : ACCEL_COMMAND_NOTIFY,
	};

	if (!race_below(actor, 3)) {
		command.op = race_below(actor, 2) ? ACCEL_OP_SIGNAL : ACCEL_OP_WAIT;
		command.src2_asid = some_id(actor, FENCE);
		command.value = race_below(actor, 10);
		return command;
	}
	if (command.op == ACCEL_OP_NOP)
		return command;
	command.dst_asid = some_id(actor, ASID);
	command.dst = some_address(actor);
	command.length = 1 + race_below(actor, 2 * RACE_PAGE);
	if (command.op == ACCEL_OP_COPY) {
		command.src_asid = some_id(actor, ASID);
		command.src = some_address(actor);
	}
	return command;
}

static int submit(struct accel_context *context, struct race_actor *actor)
{
	struct accel_queue_submit arg = {
		.queue = some_id(actor, QUEUE),
		.count = 1 + race_below(actor, 4),
	};

	for (uint32_t i = 0; i < arg.count; i++)
		arg.commands[i] = some_command(actor);
	return accel_queue_submit(context, &arg);
}

static int push_and_wait(struct race_actor *actor, void *memory, size_t bytes)
{
	struct accel_command command = some_command(actor);
	struct ring_producer producer;
	int r = ring_producer_init(&producer, memory, bytes);

	if (r < 0 || !producer.slots)
		return -EPROTO;
	ring_producer_push(&producer, &command, 1);
	if (!race_below(actor, 50))
		__atomic_store_n(&producer.ring->tail, UINT64_MAX / 2, __ATOMIC_RELEASE);
	ring_wait(producer.ring, producer.tail - 1, 100000);
	return 0;
}

/* The ring stays usable after the context is closed: it is plain memory. */
static int use_ring(struct accel_context *context, struct race_actor *actor)
{
	int fd = -1, r = accel_queue_open_ring(context, some_id(actor, QUEUE), &fd);
	void *memory;
	off_t bytes;

	if (r < 0)
		return r;
	bytes = lseek(fd, 0, SEEK_END);
	memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return -errno;
	r = push_and_wait(actor, memory, (size_t)bytes);
	munmap(memory, (size_t)bytes);
	return r;
}

static int reset(struct accel_context *context, struct race_actor *actor)
{
	struct accel_object arg = {.id = some_id(actor, QUEUE)};

	return accel_queue_reset(context, &arg);
}

static int create_fence(struct accel_context *context, struct race_actor *actor)
{
	struct accel_fence arg = {
		.signaller = race_below(actor, 2) ? some_id(actor, QUEUE) : 0,
		.value = race_below(actor, 5),
	};
	int r = accel_fence_create(context, &arg);

	if (r == 0)
		remember(actor, FENCE, arg.id);
	return r;
}

static int destroy_fence(struct accel_context *context, struct race_actor *actor)
{
	return destroy_some(context, actor, FENCE);
}

static int signal_fence(struct accel_context *context, struct race_actor *actor)
{
	struct accel_fence arg = {
		.id = some_id(actor, FENCE),
		.value = race_below(actor, 12),
	};

	return accel_fence_signal(context, &arg);
}

static int look_around(struct accel_context *context, struct race_actor *actor)
{
	struct accel_event taken[8];
	struct accel_device_info device = {.size = sizeof(device)};
	struct accel_buffer_info buffer = {.size = sizeof(buffer),
					   .id = some_id(actor, BUFFER)};
	struct accel_asid_info asid = {.size = sizeof(asid), .id = some_id(actor, ASID)};
	struct accel_set_info set = {.size = sizeof(set), .id = some_id(actor, SET)};
	struct accel_queue_info queue = {.size = sizeof(queue),
					 .id = some_id(actor, QUEUE)};
	struct accel_fence fence = {.id = some_id(actor, FENCE)};

	accel_buffer_get_info(context, &buffer);
	accel_asid_get_info(context, &asid);
	accel_set_get_info(context, &set);
	accel_queue_get_info(context, &queue);
	accel_fence_query(context, &fence);
	if (accel_events_pending(context))
		accel_events_read(context, taken, ARRAY_SIZE(taken));
	accel_device_find(race_registry, "race2");
	return accel_device_get_info(context, &device);
}

struct race_call race_calls[] = {
	{"buffer_alloc", alloc},
	{"buffer_import", import},
	{"buffer_revoke", revoke_some},
	{"buffer_free", free_some},
	{"asid_create", create_asid},
	{"asid_import", import_asid},
	{"asid_destroy", destroy_asid},
	{"asid_map", map},
	{"asid_unmap", unmap},
	{"asid_copy", copy},
	{"set_create", create_set},
	{"set_destroy", destroy_set},
	{"set_bind", bind_guest},
	{"set_unbind", unbind_guest},
	{"queue_create", create_queue},
	{"queue_destroy", destroy_queue},
	{"queue_attach", attach},
	{"queue_detach", detach},
	{"queue_submit", submit},
	{"queue_ring", use_ring},
	{"queue_reset", reset},
	{"fence_create", create_fence},
	{"fence_destroy", destroy_fence},
	{"fence_signal", signal_fence},
	{"info", look_around},
};

const size_t race_n_calls = ARRAY_SIZE(race_calls);

/* Calls that create or use objects are more frequent than calls that destroy them. */
struct race_call *race_some_call(struct race_actor *actor)
{
	static const uint8_t often[] = {0, 4, 7, 7, 14, 16, 16, 18, 18, 19, 19, 21, 23};

	if (race_below(actor, 2))
		return &race_calls[often[race_below(actor, ARRAY_SIZE(often))]];
	return &race_calls[race_below(actor, ARRAY_SIZE(race_calls))];
}
