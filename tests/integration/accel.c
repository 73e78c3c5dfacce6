/* SPDX-License-Identifier: MIT */
/* accel.c - device contexts, their objects and commands, for the accelerator cases */
#include <time.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "accel.h"
#include "harness.h"
#include "raw.h"

/* ---- contexts ---------------------------------------------------------------------- */

struct dmabuffs *open_library(const struct instance *instance)
{
	struct dmabuffs *library;

	ASSERT_OK(dmabuffs_open(instance->dir, &library));
	return library;
}

void seat_open(struct seat *seat, const struct instance *instance, const char *device)
{
	seat->library = open_library(instance);
	ASSERT_OK(dmabuffs_accel_open(seat->library, device, &seat->context));
}

void seat_take(struct seat *seat, const struct instance *instance, int context)
{
	seat->library = open_library(instance);
	seat->context = context;
}

void seat_close(struct seat *seat)
{
	close(seat->context);
	dmabuffs_close(seat->library);
}

int open_context(const struct instance *instance, const char *device)
{
	struct dmabuffs *library = open_library(instance);
	int context, r = dmabuffs_accel_open(library, device, &context);

	dmabuffs_close(library);
	return r < 0 ? r : context;
}

void device_path(const struct instance *instance, const char *device,
		 char path[INSTANCE_PATH_SIZE + 48])
{
	snprintf(path, INSTANCE_PATH_SIZE + 48, "%s/" DMABUFFS_ACCEL_DIR "/%s",
		 instance->dir, device);
}

struct accel_device_info device_info(const struct instance *instance, const char *device)
{
	struct dmabuffs *library = open_library(instance);
	struct accel_device_info info;

	ASSERT_OK(dmabuffs_accel_query(library, device, &info, sizeof(info)));
	dmabuffs_close(library);
	return info;
}

struct use {
	const struct instance *instance;
	const char *device;
};

static bool is_unused(void *data)
{
	const struct use *use = data;
	struct accel_device_info info = device_info(use->instance, use->device);

	return !info.contexts && !info.asids && info.queues_free == info.queues &&
	       info.memory_free == info.memory;
}

void expect_unused(const struct instance *instance, const char *device)
{
	struct use use = {instance, device};
	struct accel_device_info info;

	if (wait_until(is_unused, &use))
		return;
	info = device_info(instance, device);
	test_fail(__FILE__, __LINE__,
		  "%s is still in use: %u contexts, %u ASIDs, %u queues, %llu bytes",
		  device, info.contexts, info.asids, info.queues - info.queues_free,
		  (unsigned long long)(info.memory - info.memory_free));
}

/* ---- objects ----------------------------------------------------------------------- */

uint32_t make_asid(int context)
{
	struct accel_asid_create arg = {0};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &arg));
	return arg.id;
}

int try_asid(int context)
{
	struct accel_asid_create arg = {0};

	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &arg);
}

int object_call(int context, unsigned long request, uint32_t id)
{
	struct accel_object arg = {.id = id};

	return dmabuffs_accel_call(context, request, &arg);
}

int alloc_buffer(int context, uint64_t bytes, uint32_t flags, uint32_t *ret_id)
{
	struct accel_buffer_alloc arg = {.flags = flags, .bytes = bytes};
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, &arg);

	if (r == 0)
		*ret_id = arg.id;
	return r;
}

int import_buffer(struct seat *seat, int fd, uint32_t *ret_id)
{
	return dmabuffs_accel_import_buffer(seat->library, seat->context, fd, ret_id);
}

int map_anywhere(int context, uint32_t asid, uint32_t buffer, uint64_t bytes,
		 uint32_t flags, uint64_t *ret_iova)
{
	struct accel_asid_map arg = {
		.flags = flags,
		.asid = asid,
		.buffer = buffer,
		.length = bytes,
	};
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &arg);

	if (r == 0)
		*ret_iova = arg.iova;
	return r;
}

int map_at(int context, uint32_t asid, uint32_t buffer, uint64_t bytes, uint32_t flags,
	   uint64_t iova)
{
	struct accel_asid_map arg = {
		.flags = flags | ACCEL_MAP_FIXED,
		.asid = asid,
		.buffer = buffer,
		.length = bytes,
		.iova = iova,
	};

	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &arg);
}

void plan_start(struct plan *plan, const struct instance *instance)
{
	seat_open(&plan->seat, instance, SOFT0);
	ASSERT_OK(alloc_buffer(plan->seat.context, 4 * PAGE, 0, &plan->buffer));
	plan->asid = make_asid(plan->seat.context);
}

struct accel_asid_info asid_info(int context, uint32_t asid)
{
	struct accel_asid_info info = {.id = asid};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_INFO, &info));
	return info;
}

void region_create(struct seat *seat, struct region *region, size_t size)
{
	region->size = size;
	region->fd = new_memfd(size);
	region->bytes =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
	ASSERT(region->bytes != MAP_FAILED);
	ASSERT_OK(import_buffer(seat, region->fd, &region->buffer));
	region->asid = make_asid(seat->context);
	ASSERT_OK(map_anywhere(seat->context, region->asid, region->buffer, size,
			       READ_WRITE, &region->iova));
}

void region_finish(struct region *region)
{
	munmap(region->bytes, region->size);
	close(region->fd);
}

bool is_filled(const struct region *region, size_t first, size_t end, uint8_t value)
{
	const volatile uint8_t *bytes = region->bytes;

	while (first < end && bytes[first] == value)
		first++;
	return first == end;
}

uint32_t bind_self(struct seat *seat, uint32_t flags)
{
	uint32_t asid;

	ASSERT_OK(
		dmabuffs_accel_bind_self(seat->library, seat->context, flags, 0, &asid));
	return asid;
}

/* ---- queues ------------------------------------------------------------------------ */

struct dmabuffs_accel_queue *make_queue_with(struct seat *seat, uint32_t flags,
					     uint32_t entries, uint32_t set)
{
	struct dmabuffs_accel_queue *queue;

	ASSERT_OK(dmabuffs_accel_queue_create(seat->library, seat->context, flags,
					      entries, set, &queue));
	return queue;
}

struct dmabuffs_accel_queue *make_queue(struct seat *seat)
{
	return make_queue_with(seat, ACCEL_QUEUE_USER, 16, 0);
}

int attach(int context, uint32_t queue, uint32_t asid)
{
	struct accel_queue_attach arg = {.queue = queue, .asid = asid};

	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &arg);
}

int detach(int context, uint32_t queue, uint32_t asid)
{
	struct accel_queue_attach arg = {.queue = queue, .asid = asid};

	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_DETACH, &arg);
}

void attach_region(struct seat *seat, struct dmabuffs_accel_queue *queue,
		   const struct region *region)
{
	ASSERT_OK(attach(seat->context, dmabuffs_accel_queue_id(queue), region->asid));
}

struct accel_queue_info queue_info(int context, uint32_t queue)
{
	struct accel_queue_info info = {.id = queue};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_INFO, &info));
	return info;
}

uint32_t make_fence(int context)
{
	struct accel_fence fence = {0};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_CREATE, &fence));
	return fence.id;
}

void raise_fence(int context, uint32_t fence, uint64_t value)
{
	struct accel_fence arg = {.id = fence, .value = value};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_SIGNAL, &arg));
}

/* ---- commands ---------------------------------------------------------------------- */

struct accel_command nop(void)
{
	return (struct accel_command){.op = ACCEL_OP_NOP};
}

struct accel_command fill(uint32_t asid, uint64_t address, uint64_t length, uint8_t byte)
{
	return (struct accel_command){
		.op = ACCEL_OP_FILL,
		.dst_asid = asid,
		.dst = address,
		.length = length,
		.value = byte * UINT64_C(0x0101010101010101),
	};
}

struct accel_command store(uint32_t asid, uint64_t address, uint64_t value)
{
	return (struct accel_command){
		.op = ACCEL_OP_FILL,
		.dst_asid = asid,
		.dst = address,
		.length = sizeof(value),
		.value = value,
	};
}

struct accel_command copy(uint32_t dst_asid, uint64_t dst, uint32_t src_asid,
			  uint64_t src, uint64_t length)
{
	return (struct accel_command){
		.op = ACCEL_OP_COPY,
		.dst_asid = dst_asid,
		.src_asid = src_asid,
		.dst = dst,
		.src = src,
		.length = length,
	};
}

struct accel_command wait_fence(uint32_t fence, uint64_t value)
{
	return (struct accel_command){
		.op = ACCEL_OP_WAIT,
		.src2_asid = fence,
		.value = value,
	};
}

struct accel_command signal_fence(uint32_t fence, uint64_t value)
{
	return (struct accel_command){
		.op = ACCEL_OP_SIGNAL,
		.src2_asid = fence,
		.value = value,
	};
}

struct submission {
	struct dmabuffs_accel_queue *queue;
	const struct accel_command *command;
	uint64_t index;
	int r;
};

/* The device may not have fetched the earlier commands yet. */
static bool is_submitted(void *data)
{
	struct submission *it = data;

	it->r = dmabuffs_accel_queue_submit(it->queue, it->command, 1, &it->index);
	return it->r != -EAGAIN;
}

int run_command(struct dmabuffs_accel_queue *queue, struct accel_command command)
{
	struct submission it = {.queue = queue, .command = &command};

	(void)wait_until(is_submitted, &it);
	return it.r < 0 ? it.r : dmabuffs_accel_queue_wait(queue, it.index, WAIT_NS);
}

void check_fault(const char *file, int line, struct dmabuffs_accel_queue *queue,
		 struct accel_command command, enum accel_fault_reason reason,
		 uint64_t address)
{
	struct accel_fault fault;

	test_error(file, line, "the command", run_command(queue, command), EIO);
	test_ok(file, line, "the fault", dmabuffs_accel_queue_fault(queue, &fault));
	test_equal(file, line, "reason of the fault", fault.reason, reason);
	test_equal(file, line, "address of the fault", (long long)fault.address,
		   (long long)address);
	test_ok(file, line, "reset", dmabuffs_accel_queue_reset(queue));
}

/* ---- a queue with attached memory -------------------------------------------------- */

void desk_start(struct desk *desk, const struct instance *instance, uint32_t queue_flags,
		uint32_t entries)
{
	seat_open(&desk->seat, instance, SOFT0);
	desk->queue = make_queue_with(&desk->seat, queue_flags, entries, 0);
	region_create(&desk->seat, &desk->region, 4 * PAGE);
	attach_region(&desk->seat, desk->queue, &desk->region);
}

void desk_end(struct desk *desk)
{
	dmabuffs_accel_queue_close(desk->queue);
	region_finish(&desk->region);
	seat_close(&desk->seat);
}

/* Fill a page, copy it twice, store a word: each copy must see the previous result. */
void desk_check(struct desk *desk, uint8_t byte)
{
	const struct region *region = &desk->region;
	uint32_t asid = region->asid;
	uint64_t iova = region->iova, index, again;
	const struct accel_command commands[] = {
		fill(asid, iova, PAGE, byte),
		copy(asid, iova + PAGE, asid, iova, PAGE),
		copy(asid, iova + 2 * PAGE, asid, iova + PAGE, PAGE),
		store(asid, iova + 3 * PAGE, 0x0123456789abcdef),
	};
	uint64_t word;

	memset(region->bytes, 0, region->size);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk->queue, commands, 4, &index));
	ASSERT_OK(dmabuffs_accel_queue_wait(desk->queue, index + 3, WAIT_NS));
	ASSERT(is_filled(region, 0, 3 * PAGE, byte));
	memcpy(&word, region->bytes + 3 * PAGE, sizeof(word));
	ASSERT_EQ(word, 0x0123456789abcdef);
	ASSERT_EQ(dmabuffs_accel_queue_completed(desk->queue), index + 4);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk->queue, commands, 1, &again));
	ASSERT_EQ(again, index + 4);
	ASSERT_OK(dmabuffs_accel_queue_wait(desk->queue, again, WAIT_NS));
}
