/* SPDX-License-Identifier: MIT */
/*
 * row-copy.c - copy_64m: speed of a COPY between two buffers
 *
 * The baseline is memcpy(3) between two mappings of the same buffers, on the client's
 * CPU. All pages are present and mapped on both sides before the first block that counts.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "contest.h"
#include "device.h"

#define ROUNDS  12
#define SAMPLES 4
#define BYTES   ((size_t)64 << 20)
#define ENTRIES ACCEL_RING_MIN

struct memory {
	uint32_t buffer;
	uint64_t iova;
	char *mapped;
};

struct copy_state {
	struct device device;
	struct dmabuffs_accel_queue *queue; /* owned */
	uint32_t asid;
	struct memory from, to;
};

/* In MiB/s. */
static int add_speed(struct series *samples, double begin)
{
	return series_add(samples, (double)(BYTES >> 20) * 1e6 / (now_us() - begin));
}

static int device_copy(struct copy_state *state)
{
	const struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = state->asid,
		.src_asid = state->asid,
		.dst = state->to.iova,
		.src = state->from.iova,
		.length = BYTES,
	};
	uint64_t index;
	int r = dmabuffs_accel_queue_submit(state->queue, &command, 1, &index);

	return r < 0 ? r : dmabuffs_accel_queue_wait(state->queue, index, -1);
}

static int device_block(void *data, struct series *samples)
{
	struct copy_state *state = data;
	int r = 0;

	for (int i = 0; i < SAMPLES && r >= 0; i++) {
		double begin = now_us();

		r = device_copy(state);
		if (r < 0)
			return complain(r, "COPY");
		r = add_speed(samples, begin);
	}
	return r;
}

static int memcpy_block(void *data, struct series *samples)
{
	struct copy_state *state = data;
	int r = 0;

	for (int i = 0; i < SAMPLES && r >= 0; i++) {
		double begin = now_us();

		memcpy(state->to.mapped, state->from.mapped, BYTES);
		__asm__ volatile("" : : "r"(state->to.mapped) : "memory");
		r = add_speed(samples, begin);
	}
	return r;
}

static int copy_run(void *data, struct pair *ret_pairs)
{
	struct copy_state *state = data;

	return contest_run((struct contestant){device_block, state},
			   (struct contestant){memcpy_block, state}, ROUNDS, ret_pairs);
}

/* ---- the group --------------------------------------------------------------------- */

static int map_here(struct copy_state *state, struct memory *memory)
{
	_cleanup_close_ int fd = -1;
	void *mapped;
	int r = dmabuffs_accel_buffer_fd(state->device.instance, state->device.context,
					 memory->buffer, &fd);

	if (r < 0)
		return complain(r, "descriptor of a buffer");
	mapped = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		return complain(-errno, "mmap of a buffer");
	memory->mapped = mapped;
	memset(mapped, (int)memory->buffer, BYTES);
	return 0;
}

static int create_memory(struct copy_state *state, struct memory *memory)
{
	struct accel_buffer_alloc alloc = {.bytes = BYTES};
	struct accel_asid_map map = {
		.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE,
		.asid = state->asid,
		.length = BYTES,
	};
	int context = state->device.context;
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, &alloc);

	map.buffer = memory->buffer = alloc.id;
	if (r >= 0)
		r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map);
	memory->iova = map.iova;
	return r < 0 ? complain(r, "buffer of the device") : map_here(state, memory);
}

static int create_asid(struct copy_state *state)
{
	struct accel_asid_create create = {0};
	struct accel_queue_attach attach = {
		.queue = dmabuffs_accel_queue_id(state->queue)};
	int r = dmabuffs_accel_call(state->device.context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
				    &create);

	attach.asid = state->asid = create.id;
	if (r >= 0)
		r = dmabuffs_accel_call(state->device.context,
					DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &attach);
	return r < 0 ? complain(r, "ASID") : 0;
}

static int start_all(struct copy_state *state, const char *dir)
{
	int r = device_start(&state->device, dir, "copy");

	if (r >= 0)
		r = device_create_queue(&state->device, ACCEL_QUEUE_USER, ENTRIES,
					&state->queue);
	if (r >= 0)
		r = create_asid(state);
	if (r >= 0)
		r = create_memory(state, &state->from);
	if (r >= 0)
		r = create_memory(state, &state->to);
	return r;
}

static void unmap_here(struct memory *memory)
{
	if (memory->mapped)
		(void)munmap(memory->mapped, BYTES);
}

static void copy_destroy(void *data)
{
	struct copy_state *state = data;

	unmap_here(&state->from);
	unmap_here(&state->to);
	dmabuffs_accel_queue_close(state->queue);
	device_stop(&state->device);
	free(state);
}

static int copy_create(const char *dir, void **ret_state)
{
	struct copy_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->device = DEVICE_INIT;
	r = start_all(state, dir);
	if (r < 0) {
		copy_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static const struct row rows[] = {
	{"copy_64m", "MiB/s", .low = 0.9, .high = ROW_NO_LIMIT},
};

const struct group copy_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 11,
	.create = copy_create,
	.run = copy_run,
	.destroy = copy_destroy,
};
