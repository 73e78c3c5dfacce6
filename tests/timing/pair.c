/* SPDX-License-Identifier: MIT */
/* pair.c - the test of one pair of classes on one layer */
#include "pair.h"

#include <stdlib.h>

#include "../support/report.h"
#include "clock.h"
#include "crops.h"
#include "ticks.h"

#define BLOCK 1000
/* Of each instance, at most: they warm it up, and the first ones set the crops. */
#define FIRST 10000

struct run {
	const struct pair *pair;
	void *instance;
	uint8_t (*names)[16]; /* of the instance */
	struct probes probes;
	struct crops crops;
	bool has_crops;
	uint64_t ticks, ns; /* of all blocks, to convert */

	struct probe block[BLOCK];
	enum class classes[BLOCK];
	uint64_t times[BLOCK];
	int results[BLOCK];
	uint64_t first[FIRST];
};

static void run_draw_block(struct run *run, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		run->classes[i] = probes_draw_class();
		probes_draw(&run->probes, run->classes[i], &run->block[i]);
	}
}

/* Nothing here depends on the class. */
static void run_time_block(struct run *run, size_t n)
{
	const struct layer *layer = run->pair->layer;
	uint64_t begin_ticks = ticks_begin(), begin_ns = now_ns();

	for (size_t i = 0; i < n; i++) {
		struct probe probe = run->block[i];
		uint64_t begin = ticks_begin();

		run->results[i] = layer->look_up(run->instance, &probe);
		run->times[i] = ticks_end() - begin;
		if (run->results[i] == 0)
			layer->settle(run->instance);
	}
	run->ticks += ticks_end() - begin_ticks;
	run->ns += now_ns() - begin_ns;
}

static int run_check_block(const struct run *run, size_t n)
{
	bool absent = contrast_is_absent(&run->pair->plan.contrast);

	for (size_t i = 0; i < n; i++) {
		int expected = absent || run->classes[i] == CLASS_DECOY ? -ENOENT : 0;

		if (run->results[i] != expected)
			return complain(run->results[i] < 0 ? run->results[i] : -EEXIST,
					"look-up of %s", run->block[i].text);
	}
	return 0;
}

static int run_block(struct run *run, size_t n)
{
	run_draw_block(run, n);
	run_time_block(run, n);
	return run_check_block(run, n);
}

static int run_first(struct run *run, size_t n)
{
	int r = 0;

	for (size_t done = 0; r == 0 && done < n; done += MIN(n - done, (size_t)BLOCK)) {
		size_t size = MIN(n - done, (size_t)BLOCK);

		r = run_block(run, size);
		for (size_t i = 0; i < size; i++)
			run->first[done + i] = run->times[i];
	}
	if (r == 0 && !run->has_crops) {
		crops_init(&run->crops, run->first, n);
		run->has_crops = true;
	}
	return r;
}

static int run_rest(struct run *run, size_t n)
{
	int r = 0;

	while (r == 0 && n > 0) {
		size_t size = MIN(n, (size_t)BLOCK);

		r = run_block(run, size);
		for (size_t i = 0; r == 0 && i < size; i++)
			crops_add(&run->crops, run->classes[i], run->times[i]);
		n -= size;
	}
	return r;
}

/* As much as can be measured on this instance with fresh probes. */
static int run_on_instance(struct run *run)
{
	const struct plan *plan = &run->pair->plan;
	size_t left = run->pair->samples - crops_samples(&run->crops);
	size_t room, first;
	int r = probes_init(&run->probes, &plan->contrast,
			    (const uint8_t(*)[16])run->names, plan->n_names);

	if (r < 0)
		return r;
	room = probes_room(&run->probes);
	first = MIN(MIN(room / 4, (size_t)FIRST), run->pair->samples);
	r = run_first(run, first);
	if (r == 0)
		r = run_rest(run, MIN(left, room - first));
	return r;
}

static int run_instance(struct run *run)
{
	const struct layer *layer = run->pair->layer;
	int r = layer->create(&run->pair->plan, run->names, &run->instance);

	if (r == 0)
		r = run_on_instance(run);
	probes_finish(&run->probes);
	layer->destroy(TAKE_PTR(run->instance));
	return r;
}

static struct pair_result run_result(const struct run *run)
{
	return (struct pair_result){
		.samples = crops_samples(&run->crops),
		.t = crops_strongest(&run->crops),
		.error_ns =
			crops_error(&run->crops) * (double)run->ns / (double)run->ticks,
	};
}

int pair_measure(const struct pair *pair, struct pair_result *ret_result)
{
	struct run *run = calloc(1, sizeof(*run));
	int r = -ENOMEM;

	if (run)
		run->names = calloc(pair->plan.n_names, sizeof(*run->names));
	if (run && run->names) {
		run->pair = pair;
		do
			r = run_instance(run);
		while (r == 0 && crops_samples(&run->crops) < pair->samples);
	}
	if (r == 0)
		*ret_result = run_result(run);
	else
		(void)complain(r, "layer %s", pair->layer->name);
	if (run)
		free(run->names);
	free(run);
	return r;
}
