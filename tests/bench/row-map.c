/* SPDX-License-Identifier: MIT */
/*
 * row-map.c - map_*_bw: speed of memory behind an opened name
 *
 * One mapping is of the name and one of the memfd itself. Both map the same pages, so
 * only the way to them can differ.
 */
#include <sys/mman.h>

#include "../support/make-memfd.h"
#include "client.h"
#include "contest.h"
#include "../support/server.h"

#define ROUNDS 12
#define BYTES  ((size_t)64 << 20)
#define ALIGN  ((size_t)2 << 20)

/* One of the two mappings, at the same offset in a huge page. */
struct view {
	char *reserved;
	uint64_t *words;
};

struct map_state {
	struct server daemon;
	struct view named;
	struct view plain;
};

/* The compiler may vectorise both loops, but must not drop them. */
static void write_words(uint64_t *words, uint64_t value)
{
	for (size_t i = 0; i < BYTES / sizeof(*words); i++)
		words[i] = value + i;
	__asm__ volatile("" : : "r"(words) : "memory");
}

static void read_words(const uint64_t *words)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BYTES / sizeof(*words); i++)
		sum += words[i];
	__asm__ volatile("" : : "r"(sum) : "memory");
}

/* In MiB/s. */
static int add_speed(struct series *samples, double begin)
{
	return series_add(samples, (double)(BYTES >> 20) * 1e6 / (now_us() - begin));
}

static int write_block(void *data, struct series *samples)
{
	const struct view *view = data;
	double begin = now_us();

	write_words(view->words, (uint64_t)begin);
	return add_speed(samples, begin);
}

static int read_block(void *data, struct series *samples)
{
	const struct view *view = data;
	double begin = now_us();

	read_words(view->words);
	return add_speed(samples, begin);
}

static int map_run(void *data, struct pair *ret_pairs)
{
	struct map_state *state = data;
	int r = contest_run((struct contestant){write_block, &state->named},
			    (struct contestant){write_block, &state->plain}, ROUNDS,
			    &ret_pairs[0]);

	if (r < 0)
		return r;
	return contest_run((struct contestant){read_block, &state->named},
			   (struct contestant){read_block, &state->plain}, ROUNDS,
			   &ret_pairs[1]);
}

static int create_view(int fd, struct view *view)
{
	char *reserved = mmap(NULL, BYTES + ALIGN, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *place;

	if (reserved == MAP_FAILED)
		return complain(-errno, "mmap");
	view->reserved = reserved;
	place = reserved + (ALIGN - (uintptr_t)reserved % ALIGN) % ALIGN;
	if (mmap(place, BYTES, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
		return complain(-errno, "mmap of the buffer");
	view->words = (uint64_t *)(void *)place;
	/* All pages are present and writable before the first measurement. */
	write_words(view->words, 1);
	return 0;
}

static void destroy_view(struct view *view)
{
	if (view->reserved)
		(void)munmap(view->reserved, BYTES + ALIGN);
}

static int create_views(struct map_state *state)
{
	_cleanup_close_ int fd = try_memfd(BYTES, 0), opened = -1;
	struct dmabuffs_export argument;
	int r;

	if (fd < 0)
		return complain(fd, "memfd_create");
	argument = client_prepare_export(fd, 0600);
	r = client_export(state->daemon.root, &argument);
	if (r >= 0)
		r = client_open(state->daemon.root, argument.uuid, &opened);
	if (r < 0)
		return complain(r, "export and open");
	r = create_view(fd, &state->plain);
	return r < 0 ? r : create_view(opened, &state->named);
}

static void map_destroy(void *data)
{
	struct map_state *state = data;

	destroy_view(&state->named);
	destroy_view(&state->plain);
	server_stop(&state->daemon);
	free(state);
}

static int map_create(const char *dir, void **ret_state)
{
	struct map_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	state->daemon = SERVER_INIT;
	r = server_start_daemon(&state->daemon, dir, "map", NULL);
	if (r >= 0)
		r = create_views(state);
	if (r < 0) {
		map_destroy(state);
		return r;
	}
	*ret_state = state;
	return 0;
}

static const struct row rows[] = {
	{"map_write_bw", "MiB/s", .low = 0.97, .high = 1.03},
	{"map_read_bw", "MiB/s", .low = 0.97, .high = 1.03},
};

const struct group map_group = {
	.rows = rows,
	.n_rows = ARRAY_SIZE(rows),
	.runs = 11,
	.create = map_create,
	.run = map_run,
	.destroy = map_destroy,
};
