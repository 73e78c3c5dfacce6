/* SPDX-License-Identifier: MIT */
/*
 * row-ipc.c - ipc_*: device memory of another process, by its handle
 *
 * The baselines get the exporter's descriptor of the same buffer over a connection to the
 * exporter, as runtimes do today, or by pidfd_getfd(2), and import it into the runtime in
 * the same way. New buffers before each block that opens ensure that none was opened
 * before; afterwards the content is checked.
 *
 * The service and the exporter run on the servers' CPUs, the importers on the client's.
 * Several importers work concurrently, and each measures its own times. Handles of
 * exported memory are requested while the importers open them.
 */
#include "contest.h"
#include "ipc-exporter.h"
#include "ipc-importers.h"
#include "../support/server.h"

struct ipc_state {
	struct server daemon;
	struct ipc_page *page;           /* owned */
	struct ipc_importers *importers; /* owned */
	struct ipc_exporter exporter;
	unsigned int rounds;
	size_t n_rows;
};

static int open_new(struct ipc_state *state, enum ipc_job job)
{
	int r = bench_worker_do(&state->exporter.worker, IPC_EXPORTER_RENEW);

	return r < 0 ? r : ipc_importers_do(state->importers, job);
}

/* ---- ipc_open_first ---------------------------------------------------------------- */

static int open_block(struct ipc_state *state, enum ipc_job open, enum ipc_job close,
		      struct series *samples)
{
	int r = open_new(state, open);

	if (r >= 0)
		r = ipc_importers_times(state->importers, samples);
	return r < 0 ? r : ipc_importers_do(state->importers, close);
}

static int handle_block(void *data, struct series *samples)
{
	return open_block(data, IPC_OPEN, IPC_CLOSE, samples);
}

static int connect_block(void *data, struct series *samples)
{
	return open_block(data, IPC_OPEN_CONNECT, IPC_CLOSE_RIVAL, samples);
}

static int take_block(void *data, struct series *samples)
{
	return open_block(data, IPC_OPEN_TAKE, IPC_CLOSE_RIVAL, samples);
}

/* ---- ipc_close --------------------------------------------------------------------- */

static int end_block(struct ipc_state *state, enum ipc_job open, enum ipc_job close,
		     struct series *samples)
{
	int r = open_new(state, open);

	if (r >= 0)
		r = ipc_importers_do(state->importers, close);
	return r < 0 ? r : ipc_importers_times(state->importers, samples);
}

static int close_block(void *data, struct series *samples)
{
	return end_block(data, IPC_OPEN, IPC_CLOSE, samples);
}

static int release_block(void *data, struct series *samples)
{
	return end_block(data, IPC_OPEN_CONNECT, IPC_CLOSE_RIVAL, samples);
}

/* ---- ipc_open_again ---------------------------------------------------------------- */

static int again_block(void *data, struct series *samples)
{
	struct ipc_state *state = data;
	int r = open_new(state, IPC_OPEN);

	if (r >= 0)
		r = ipc_importers_do(state->importers, IPC_OPEN_AGAIN);
	if (r >= 0)
		r = ipc_importers_times(state->importers, samples);
	return r < 0 ? r : ipc_importers_do(state->importers, IPC_CLOSE);
}

/* ---- ipc_get, ipc_get_first -------------------------------------------------------- */

static int add_exporter_times(const struct ipc_state *state, struct series *samples)
{
	int r = 0;

	for (size_t i = 0; i < IPC_BUFFERS && r >= 0; i++)
		r = series_add(samples, state->page->exporter_us[i]);
	return r;
}

static int get_first_block(void *data, struct series *samples)
{
	struct ipc_state *state = data;
	int r = bench_worker_do(&state->exporter.worker, IPC_EXPORTER_RENEW);

	return r < 0 ? r : add_exporter_times(state, samples);
}

static int get_beside_opens(struct ipc_state *state)
{
	struct bench_worker *exporter = &state->exporter.worker;
	int r = bench_worker_do(exporter, IPC_EXPORTER_RENEW);

	if (r >= 0)
		r = ipc_importers_order(state->importers, IPC_OPEN_BESIDE);
	if (r >= 0)
		r = bench_worker_do(exporter, IPC_EXPORTER_GET);
	return r < 0 ? r : ipc_importers_wait(state->importers);
}

static int get_block(void *data, struct series *samples)
{
	struct ipc_state *state = data;
	int r = get_beside_opens(state);

	if (r >= 0)
		r = add_exporter_times(state, samples);
	return r < 0 ? r : ipc_importers_do(state->importers, IPC_CLOSE);
}

/* ---- the groups -------------------------------------------------------------------- */

/* GET_FIRST is independent of importers. */
enum { GET, OPEN_FIRST, OPEN_FIRST_PIDFD, OPEN_AGAIN, CLOSE, GET_FIRST, N_ROWS };

static const struct row rows[N_ROWS] = {
	[GET] = {"ipc_get", "us", .high = 1.0, .placeless = true},
	[OPEN_FIRST] = {"ipc_open_first", "us", .high = 1.5},
	[OPEN_FIRST_PIDFD] = {"ipc_open_first_pidfd", "us"},
	[OPEN_AGAIN] = {"ipc_open_again", "us", .high = 1.0, .placeless = true},
	[CLOSE] = {"ipc_close", "us"},
	[GET_FIRST] = {"ipc_get_first", "us"},
};

static const struct row rows_32[GET_FIRST] = {
	[GET] = {"ipc_get_32", "us", .high = 1.0, .placeless = true},
	[OPEN_FIRST] = {"ipc_open_first_32", "us", .high = 1.5},
	[OPEN_FIRST_PIDFD] = {"ipc_open_first_pidfd_32", "us"},
	[OPEN_AGAIN] = {"ipc_open_again_32", "us", .high = 1.0, .placeless = true},
	[CLOSE] = {"ipc_close_32", "us"},
};

static int ipc_run(void *data, struct pair *ret_pairs)
{
	static const struct {
		block_fn subject, baseline;
	} contests[N_ROWS] = {
		[GET] = {get_block},
		[OPEN_FIRST] = {handle_block, connect_block},
		[OPEN_FIRST_PIDFD] = {handle_block, take_block},
		[OPEN_AGAIN] = {again_block},
		[CLOSE] = {close_block, release_block},
		[GET_FIRST] = {get_first_block},
	};
	const struct ipc_state *state = data;
	int r = 0;

	for (size_t i = 0; i < state->n_rows && r >= 0; i++)
		r = contest_run((struct contestant){contests[i].subject, data},
				(struct contestant){contests[i].baseline, data},
				state->rounds, &ret_pairs[i]);
	return r;
}

static void ipc_destroy(void *data)
{
	struct ipc_state *state = data;

	ipc_importers_stop(state->importers);
	bench_worker_stop(&state->exporter.worker);
	ipc_page_free(state->page);
	server_stop(&state->daemon);
	free(state);
}

static int start_all(struct ipc_state *state, const char *dir, unsigned int n_importers)
{
	int r = server_start_daemon(&state->daemon, dir, "ipc", NULL);

	if (r < 0)
		return r;
	state->page = ipc_page_new(n_importers);
	if (!state->page)
		return -ENOMEM;
	state->exporter = (struct ipc_exporter){
		.page = state->page,
		.mount = state->daemon.mount,
		.worker = WORKER_INIT,
	};
	r = ipc_exporter_start(&state->exporter);
	if (r < 0)
		return r;
	return ipc_importers_start(state->page, state->daemon.mount, n_importers,
				   &state->importers);
}

static int create(const char *dir, unsigned int n_importers, size_t n_rows,
		  unsigned int rounds, void **ret_state)
{
	struct ipc_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->daemon = SERVER_INIT;
	state->exporter.worker = WORKER_INIT;
	state->n_rows = n_rows;
	state->rounds = rounds;
	r = start_all(state, dir, n_importers);
	if (r < 0) {
		ipc_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static int ipc_create(const char *dir, void **ret_state)
{
	return create(dir, 1, N_ROWS, 12, ret_state);
}

static int ipc_create_32(const char *dir, void **ret_state)
{
	return create(dir, IPC_MAX_IMPORTERS, GET_FIRST, 3, ret_state);
}

const struct group ipc_group = {
	.rows = rows,
	.n_rows = N_ROWS,
	.runs = 7,
	.create = ipc_create,
	.run = ipc_run,
	.destroy = ipc_destroy,
};

const struct group ipc_32_group = {
	.rows = rows_32,
	.n_rows = GET_FIRST,
	.runs = 5,
	.create = ipc_create_32,
	.run = ipc_run,
	.destroy = ipc_destroy,
};
