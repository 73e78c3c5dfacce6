/* SPDX-License-Identifier: MIT */
/* row-export.c - export_ioctl: naming a buffer */
#include "../support/make-memfd.h"
#include "client.h"
#include "null-fuse.h"
#include "roundtrip.h"

#define ROUNDS 24

struct export_state {
	struct server daemon;
	struct server null;
};

/* Creates memfds and the ioctl's argument for each. */
static int prepare(struct dmabuffs_export arguments[BLOCK])
{
	for (int i = 0; i < BLOCK; i++) {
		int fd = try_memfd(4096, 0);

		if (fd < 0)
			return complain(fd, "memfd_create");
		arguments[i] = client_prepare_export(fd, 0600);
	}
	return 0;
}

static int clean_up(int root, const struct dmabuffs_export arguments[BLOCK])
{
	int r = 0;

	for (int i = 0; i < BLOCK && r >= 0; i++) {
		close_keep_errno(arguments[i].fd);
		r = client_unlink(root, arguments[i].uuid);
	}
	return r < 0 ? complain(r, "unlink") : 0;
}

static int export_block(void *data, struct series *samples)
{
	const struct export_state *state = data;
	struct dmabuffs_export arguments[BLOCK];
	int r = prepare(arguments);

	for (int i = 0; i < BLOCK && r >= 0; i++) {
		double begin = now_us();

		r = client_export(state->daemon.root, &arguments[i]);
		if (r < 0)
			return complain(r, "export");
		r = series_add(samples, now_us() - begin);
	}
	return r < 0 ? r : clean_up(state->daemon.root, arguments);
}

static int export_run(void *data, struct pair *ret_pairs)
{
	struct export_state *state = data;

	return contest_run((struct contestant){export_block, state},
			   roundtrip_contestant(&state->null), ROUNDS, &ret_pairs[0]);
}

static void export_destroy(void *data)
{
	struct export_state *state = data;

	server_stop(&state->daemon);
	server_stop(&state->null);
	free(state);
}

static int export_create(const char *dir, void **ret_state)
{
	struct export_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->daemon = SERVER_INIT;
	state->null = SERVER_INIT;
	r = null_fuse_start(&state->null, dir, "export-null");
	if (r >= 0)
		r = server_start_daemon(&state->daemon, dir, "export", NULL);
	if (r < 0) {
		export_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static const struct row rows[] = {
	{"export_ioctl", "us", .high = 2.0},
};

const struct group export_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 9,
	.create = export_create,
	.run = export_run,
	.destroy = export_destroy,
};
