/* SPDX-License-Identifier: MIT */
/*
 * row-contexts.c - contexts_mem: the daemon's memory per context
 *
 * Each run starts its own daemon: a used allocator would distort the heap.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "device.h"

#define CONTEXTS 1000
#define ASIDS    10 /* per context */

static int open_context(struct device *device, int *ret_context)
{
	int r = dmabuffs_accel_open(device->instance, DEVICE_NAME, ret_context);

	for (int i = 0; i < ASIDS && r >= 0; i++) {
		struct accel_asid_create create = {0};

		r = dmabuffs_accel_call(*ret_context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
					&create);
	}
	return r < 0 ? complain(r, "context") : 0;
}

static int open_all(struct device *device, int contexts[CONTEXTS], size_t *ret_n)
{
	int r = 0;

	for (*ret_n = 0; *ret_n < CONTEXTS && r >= 0; ++*ret_n) {
		contexts[*ret_n] = -1;
		r = open_context(device, &contexts[*ret_n]);
	}
	return r;
}

/* Returns the growth in MiB. */
static int measure(struct device *device, double *ret_growth)
{
	int contexts[CONTEXTS];
	double before, after;
	size_t n = 0;
	int r = server_heap(&device->daemon, &before);

	if (r >= 0)
		r = open_all(device, contexts, &n);
	if (r >= 0)
		r = server_heap(&device->daemon, &after);
	if (r >= 0)
		*ret_growth = (after - before) / (1 << 20);
	while (n-- > 0)
		close_keep_errno(contexts[n]);
	return r;
}

static int contexts_run(void *state, struct pair *ret_pairs)
{
	struct device device = DEVICE_INIT;
	double growth;
	int r = device_start(&device, state, "contexts");

	if (r >= 0)
		r = measure(&device, &growth);
	if (r >= 0)
		ret_pairs[0] = (struct pair){.subject = growth};
	device_stop(&device);
	return r;
}

/* Each context needs a descriptor, and other files some more. */
static int raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int contexts_create(const char *dir, void **ret_state)
{
	int r = raise_limit();

	if (r < 0)
		return complain(r, "RLIMIT_NOFILE");
	*ret_state = strdup(dir);
	return *ret_state ? 0 : -ENOMEM;
}

static const struct row rows[] = {
	{"contexts_mem", "MiB", .high = 64, .placeless = true},
};

const struct group contexts_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 5,
	.create = contexts_create,
	.run = contexts_run,
	.destroy = free,
};
