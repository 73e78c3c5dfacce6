/* SPDX-License-Identifier: MIT */
/*
 * row-open.c - open_*: open, mmap of 4 KiB, munmap and close of a name
 *
 * Another process creates the names. Cold names are opened once, so that the kernel has
 * to look them up; the warm one was opened before.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <uuid.h>

#include "client.h"
#include "exporter.h"
#include "null-fuse.h"
#include "roundtrip.h"

#define ROUNDS 24

/* any uid but the owner's */
#define FOREIGN_UID 60001

struct variant {
	struct exporter_kind kind;
	bool warm;
	bool foreign; /* opened by another uid, with access by the group bits */
};

enum { COLD, COLD_SEALED, COLD_GROUP, WARM, N_VARIANTS };

#define SIZE_SEALS (F_SEAL_GROW | F_SEAL_SHRINK)

static const struct variant variants[N_VARIANTS] = {
	[COLD] = {.kind = {.mode = 0600}},
	[COLD_SEALED] = {.kind = {.mode = 0600, .seals = SIZE_SEALS}},
	[COLD_GROUP] = {.kind = {.mode = 0660}, .foreign = true},
	[WARM] = {.kind = {.mode = 0600}, .warm = true},
};

static const struct row rows[N_VARIANTS] = {
	[COLD] = {"open_cold", "us", .high = 3.5},
	[COLD_SEALED] = {"open_cold_sealed", "us", .high = 3.5},
	[COLD_GROUP] = {"open_cold_group", "us"},
	[WARM] = {"open_warm", "us", .high = 2.0},
};

struct open_state {
	struct server daemon;
	struct server null;
	struct exporter exporter;
	const struct variant *variant; /* the one being measured */
};

static int touch_names(const struct open_state *state, struct series *samples)
{
	int r = 0;

	for (size_t i = 0; i < BLOCK && r >= 0; i++) {
		size_t which = state->variant->warm ? 0 : i;
		char name[UUID_STR_LEN];
		double begin;

		uuid_unparse_lower(state->exporter.uuids[which].bytes, name);
		begin = now_us();
		r = client_touch(state->daemon.root, name);
		if (r < 0)
			return complain(r, "open and mmap");
		r = series_add(samples, now_us() - begin);
	}
	return r;
}

/*
 * The file system uid belongs to the thread; leaving 0 also drops capabilities for files,
 * and clears PR_SET_PDEATHSIG.
 */
static int touch_as_variant(const struct open_state *state, struct series *samples)
{
	int r;

	if (!state->variant->foreign)
		return touch_names(state, samples);
	(void)setfsuid(FOREIGN_UID);
	r = touch_names(state, samples);
	(void)setfsuid(0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return r;
}

static int warm_up(const struct open_state *state)
{
	char name[UUID_STR_LEN];

	uuid_unparse_lower(state->exporter.uuids[0].bytes, name);
	return client_touch(state->daemon.root, name);
}

static int open_block(void *data, struct series *samples)
{
	struct open_state *state = data;
	const struct variant *variant = state->variant;
	int r = exporter_export(&state->exporter, 0, BLOCK, variant->kind);

	if (r >= 0 && variant->warm)
		r = warm_up(state);
	if (r >= 0)
		r = touch_as_variant(state, samples);
	if (r >= 0)
		r = exporter_unlink(&state->exporter, 0, BLOCK);
	return r;
}

static int open_run(void *data, struct pair *ret_pairs)
{
	struct open_state *state = data;
	int r = 0;

	for (int i = 0; i < N_VARIANTS && r >= 0; i++) {
		state->variant = &variants[i];
		r = contest_run((struct contestant){open_block, state},
				roundtrip_contestant(&state->null), ROUNDS,
				&ret_pairs[i]);
	}
	return r;
}

static void open_destroy(void *data)
{
	struct open_state *state = data;

	exporter_stop(&state->exporter);
	server_stop(&state->daemon);
	server_stop(&state->null);
	free(state);
}

static int open_create(const char *dir, void **ret_state)
{
	struct open_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->daemon = SERVER_INIT;
	state->null = SERVER_INIT;
	state->exporter = EXPORTER_INIT;
	r = null_fuse_start(&state->null, dir, "open-null");
	if (r >= 0)
		r = server_start_daemon(&state->daemon, dir, "open", NULL);
	if (r >= 0)
		r = exporter_start(&state->exporter, state->daemon.mount, BLOCK);
	if (r < 0) {
		open_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

const struct group open_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 9,
	.create = open_create,
	.run = open_run,
	.destroy = open_destroy,
};
