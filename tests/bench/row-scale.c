/* SPDX-License-Identifier: MIT */
/*
 * row-scale.c - open_at_100k, heap_per_export: the cost of many live exports
 *
 * Each run starts its own two daemons: a used allocator would distort the heap. One gets
 * 100,000 exports, the other 10; then names are opened cold on both, in turns. Both sides
 * create ten names before the timed part and unlink them after it. With few exports these
 * ten are opened; with many, ten from all over the table.
 */
#include <string.h>
#include <uuid.h>

#include "client.h"
#include "contest.h"
#include "exporter.h"
#include "../support/server.h"

#define MANY   100000
#define FEW    10
#define ROUNDS 40
/* coprime to MANY: visits each once */
#define STRIDE 7919

static const char many_options[] =
	"log=warning,max-exports=150000,max-exports-per-uid=150000,"
	"max-bytes=1G,max-bytes-per-uid=1G";

struct side {
	struct server daemon;
	struct exporter exporter;
	size_t alive; /* names created beforehand */
	size_t next;  /* index of the next one to open */
};

static const struct exporter_kind kind = {.mode = 0600};

static size_t pick(struct side *side, size_t i)
{
	return side->alive == 0 ? i : side->next++ * STRIDE % side->alive;
}

static int touch_names(struct side *side, struct series *samples)
{
	int r = 0;

	for (size_t i = 0; i < FEW && r >= 0; i++) {
		char name[UUID_STR_LEN];
		double begin;

		uuid_unparse_lower(side->exporter.uuids[pick(side, i)].bytes, name);
		begin = now_us();
		r = client_touch(side->daemon.root, name);
		if (r < 0)
			return complain(r, "open and mmap");
		r = series_add(samples, now_us() - begin);
	}
	return r;
}

static int cold_block(void *data, struct series *samples)
{
	struct side *side = data;
	int r = exporter_export(&side->exporter, side->alive, FEW, kind);

	if (r >= 0)
		r = touch_names(side, samples);
	if (r >= 0)
		r = exporter_unlink(&side->exporter, side->alive, FEW);
	return r;
}

/* Returns the heap per export, for @alive exports. */
static int fill(struct side *side, double *ret_heap)
{
	double before, after;
	int r = server_heap(&side->daemon, &before);

	if (r >= 0)
		r = exporter_export(&side->exporter, 0, side->alive, kind);
	if (r >= 0)
		r = server_heap(&side->daemon, &after);
	if (r >= 0)
		*ret_heap = (after - before) / (double)side->alive;
	return r;
}

static void stop_side(struct side *side)
{
	exporter_stop(&side->exporter);
	server_stop(&side->daemon);
}

static int start_side(struct side *side, const char *dir, const char *name,
		      const char *options)
{
	int r = server_start_daemon(&side->daemon, dir, name, options);

	if (r >= 0)
		r = exporter_start(&side->exporter, side->daemon.mount,
				   side->alive + FEW);
	return r;
}

static int measure(const char *dir, struct side *many, struct side *few,
		   struct pair *ret_pairs)
{
	struct pair heap = {0};
	int r = start_side(many, dir, "many", many_options);

	if (r >= 0)
		r = start_side(few, dir, "few", NULL);
	if (r >= 0)
		r = fill(many, &heap.subject);
	if (r >= 0)
		r = contest_run((struct contestant){cold_block, many},
				(struct contestant){cold_block, few}, ROUNDS,
				&ret_pairs[0]);
	if (r >= 0)
		ret_pairs[1] = heap;
	return r;
}

static int scale_run(void *state, struct pair *ret_pairs)
{
	struct side many = {SERVER_INIT, EXPORTER_INIT, .alive = MANY};
	struct side few = {SERVER_INIT, EXPORTER_INIT};
	int r = measure(state, &many, &few, ret_pairs);

	stop_side(&many);
	stop_side(&few);
	return r;
}

static int scale_create(const char *dir, void **ret_state)
{
	*ret_state = strdup(dir);
	return *ret_state ? 0 : -ENOMEM;
}

static const struct row rows[] = {
	{"open_at_100k", "us", .high = 1.2},
	{"heap_per_export", "bytes", .high = 1024, .placeless = true},
};

const struct group scale_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 5,
	.create = scale_create,
	.run = scale_run,
	.destroy = free,
};
