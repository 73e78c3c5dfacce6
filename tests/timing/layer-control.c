/* SPDX-License-Identifier: MIT */
/*
 * layer-control.c - a look-up that leaks: the positive control
 *
 * A binary search with a comparison that stops at the first byte that differs, as
 * memcmp(3) may. The more bytes a probe shares with a name, the longer its last
 * comparisons take.
 */
#include "layer.h"

#include <stdlib.h>
#include <string.h>
#include <uuid.h>

struct control {
	size_t n;
	enum side side;
	uint8_t names[][16]; /* sorted */
};

/* Of two byte strings from their first or from their last byte on. */
static int control_compare(const uint8_t *a, const uint8_t *b, enum side side)
{
	int step = side == SIDE_LEADING ? 1 : -1;
	int i = side == SIDE_LEADING ? 0 : 15;

	for (int n = 0; n < 16; n++, i += step)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

static int control_compare_leading(const void *a, const void *b)
{
	return control_compare(a, b, SIDE_LEADING);
}

static int control_compare_trailing(const void *a, const void *b)
{
	return control_compare(a, b, SIDE_TRAILING);
}

static int control_create(const struct plan *plan, uint8_t (*ret_names)[16],
			  void **ret_instance)
{
	size_t size = plan->n_names * sizeof(*ret_names);
	struct control *control = malloc(sizeof(*control) + size);

	if (!control)
		return -ENOMEM;
	control->n = plan->n_names;
	control->side = plan->contrast.side;
	for (size_t i = 0; i < plan->n_names; i++)
		do
			uuid_generate_random(ret_names[i]);
		while (!contrast_admits(&plan->contrast, ret_names[i], true));
	memcpy(control->names, ret_names, size);
	qsort(control->names, control->n, sizeof(*control->names),
	      control->side == SIDE_LEADING ? control_compare_leading
					    : control_compare_trailing);
	*ret_instance = control;
	return 0;
}

static int control_look_up(void *instance, const struct probe *probe)
{
	const struct control *control = instance;
	size_t begin = 0, end = control->n;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		int order = control_compare(probe->uuid, control->names[middle],
					    control->side);

		if (order == 0)
			return 0;
		if (order < 0)
			end = middle;
		else
			begin = middle + 1;
	}
	return -ENOENT;
}

static void control_settle(void *instance)
{
}

const struct layer control_layer = {
	.name = "control",
	.leaks = true,
	.create = control_create,
	.destroy = free,
	.look_up = control_look_up,
	.settle = control_settle,
};
