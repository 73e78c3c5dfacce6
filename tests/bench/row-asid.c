/* SPDX-License-Identifier: MIT */
/*
 * row-asid.c - map_4k_*, map_1t: the core's page tables, in process
 *
 * One address space has few and one has many live mappings, all at random addresses. A
 * sample is a map and the unmap of the same range, at a random address.
 */
#include <accel.h>
#include <fcntl.h>
#include <unistd.h>

#include "../support/make-memfd.h"
#include "client.h"
#include "contest.h"

#define ROUNDS           12
#define SAMPLES          4
#define PAIRS_PER_SAMPLE 512
#define FEW              10000
#define MANY             1000000

#define PAGE        UINT64_C(4096)
#define TIB         (UINT64_C(1) << 40)
#define SPACE_FIRST (UINT64_C(1) << 32) /* above the device's reserved ranges */
#define SPACE_LAST  ((UINT64_C(1) << 47) - 1)
#define WIDE_FIRST  (UINT64_C(1) << 47) /* without live mappings */
#define WIDE_LAST   ((UINT64_C(1) << 48) - TIB - 1)

struct asid_state {
	struct accel_registry *registry; /* owned */
	struct accel_context *context;   /* owned */
	uint32_t buffer;                 /* of 1 TiB, without pages */
	uint32_t few, many;
	uint64_t random;
};

/* The parameters of a block. */
struct pairs {
	struct asid_state *state;
	uint32_t asid;
	uint64_t first, last; /* of the addresses */
	uint64_t length;
};

/* xorshift64*, Vigna 2014. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static uint64_t draw_place(const struct pairs *pairs)
{
	uint64_t pages = (pairs->last - pairs->first) / PAGE;

	return pairs->first + (draw(&pairs->state->random) >> 16) % pages * PAGE;
}

/* Maps at a random address; tries another one if it is occupied. */
static int map_one(const struct pairs *pairs, uint64_t *ret_place)
{
	struct accel_asid_map map;
	int r;

	do {
		map = (struct accel_asid_map){
			.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE | ACCEL_MAP_FIXED,
			.asid = pairs->asid,
			.buffer = pairs->state->buffer,
			.length = pairs->length,
			.iova = draw_place(pairs),
		};
		r = accel_asid_map(pairs->state->context, &map);
	} while (r == -EEXIST);
	if (r == 0)
		*ret_place = map.iova;
	return r;
}

static int map_and_unmap(const struct pairs *pairs)
{
	struct accel_asid_unmap unmap = {.asid = pairs->asid, .length = pairs->length};
	uint64_t place;
	int r = map_one(pairs, &place);

	if (r < 0)
		return r;
	unmap.iova = place;
	return accel_asid_unmap(pairs->state->context, &unmap);
}

/* In nanoseconds per pair. */
static int sample(const struct pairs *pairs, double *ret_ns)
{
	double begin = now_us();
	int r = 0;

	for (int i = 0; i < PAIRS_PER_SAMPLE && r >= 0; i++)
		r = map_and_unmap(pairs);
	*ret_ns = (now_us() - begin) * 1e3 / PAIRS_PER_SAMPLE;
	return r < 0 ? complain(r, "map and unmap") : 0;
}

/* The first sample is dropped: it finds the caches of the other contestant. */
static int pairs_block(void *data, struct series *samples)
{
	const struct pairs *pairs = data;
	double ns;
	int r = sample(pairs, &ns);

	for (int i = 0; i < SAMPLES && r >= 0; i++) {
		r = sample(pairs, &ns);
		if (r >= 0)
			r = series_add(samples, ns);
	}
	return r;
}

static int compete(struct pairs *subject, struct pairs *baseline, struct pair *ret_pair)
{
	return contest_run((struct contestant){pairs_block, subject},
			   (struct contestant){pairs_block, baseline}, ROUNDS, ret_pair);
}

static int asid_run(void *data, struct pair *ret_pairs)
{
	struct asid_state *state = data;
	struct pairs few = {state, state->few, SPACE_FIRST, SPACE_LAST, PAGE};
	struct pairs many = {state, state->many, SPACE_FIRST, SPACE_LAST, PAGE};
	struct pairs wide = {state, state->few, WIDE_FIRST, WIDE_LAST, TIB};
	struct pairs narrow = {state, state->few, WIDE_FIRST, WIDE_LAST, PAGE};
	int r = compete(&many, &few, &ret_pairs[1]);

	if (r < 0)
		return r;
	ret_pairs[0] = (struct pair){.subject = ret_pairs[1].baseline};
	return compete(&wide, &narrow, &ret_pairs[2]);
}

/* ---- the group --------------------------------------------------------------------- */

static int create_space(struct asid_state *state, size_t n, uint32_t *ret_id)
{
	struct accel_asid_create create = {0};
	struct pairs pairs = {state, 0, SPACE_FIRST, SPACE_LAST, PAGE};
	uint64_t place;
	int r = accel_asid_create(state->context, &create);

	pairs.asid = create.id;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = map_one(&pairs, &place);
	if (r < 0)
		return complain(r, "filling an ASID");
	*ret_id = create.id;
	return 0;
}

static int create_buffer(struct asid_state *state)
{
	int fd = try_memfd(TIB, 0), r;

	if (fd < 0)
		return complain(fd, "memfd_create");
	r = accel_buffer_import(state->context, fd, &state->buffer);
	if (r < 0) {
		close_keep_errno(fd);
		return complain(r, "import of a buffer");
	}
	return 0;
}

static int create_context(struct asid_state *state)
{
	const struct accel_device_params params = {.size = sizeof(params),
						   .name = "bench"};
	struct accel_device *device;
	int r = accel_registry_create(NULL, NULL, &state->registry);

	if (r >= 0)
		r = accel_device_create(state->registry, &accel_soft_backend, &params,
					&device);
	if (r >= 0)
		r = accel_context_create(device, NULL, &state->context);
	return r < 0 ? complain(r, "context in process") : 0;
}

static void asid_destroy(void *data)
{
	struct asid_state *state = data;

	if (state->context)
		accel_context_destroy(state->context);
	if (state->registry && !accel_registry_destroy(state->registry))
		progress("a thread of the registry does not exit");
	free(state);
}

static int asid_create(const char *dir, void **ret_state)
{
	struct asid_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->random = 1;
	r = create_context(state);
	if (r >= 0)
		r = create_buffer(state);
	if (r >= 0)
		r = create_space(state, FEW, &state->few);
	if (r >= 0)
		r = create_space(state, MANY, &state->many);
	if (r < 0) {
		asid_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static const struct row rows[] = {
	{"map_4k_at_10k", "ns", .high = 1000},
	{"map_4k_at_1m", "ns", .high = 2},
	{"map_1t", "ns", .high = 1.5},
};

const struct group asid_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 11,
	.create = asid_create,
	.run = asid_run,
	.destroy = asid_destroy,
};
