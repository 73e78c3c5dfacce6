/* SPDX-License-Identifier: MIT */
/* load.c - starts, watches and ends the clients of a crash test */
#include "load.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "worker.h"

#define LOAD_STEP_MS 5
/* Of a stage that all clients reach. */
#define LOAD_STAGE_MS 120000

struct load_start {
	struct load *load;
	int number;
};

static void load_child(int peer, void *data)
{
	const struct load_start *start = data;

	client_run(start->load, start->number);
}

static void load_start_client(struct load *load, int number)
{
	const bool as_this = load->config.flags & LOAD_ONE_USER || number < LOAD_ROOTS;
	struct load_start start = {load, number};

	child_start(&load->children[number], as_this ? NULL : USER(LOAD_UID(number)),
		    load_child, &start);
	load->tally->clients[number].pid = load->children[number].pid;
}

static _Noreturn void load_fail(struct load *load, const char *what)
{
	tally_print(load->tally);
	worker_print(load->instance);
	/* What hangs ends then, and with it the case. */
	umount2(load->instance->dir, MNT_FORCE);
	test_fail(__FILE__, __LINE__, "%s", what);
}

void load_check(struct load *load)
{
	pid_t pids[WORKER_MAX];
	unsigned n = worker_list(pids);

	if (!tally_check(load->tally, pids, n))
		load_fail(load, "a client hangs");
	for (unsigned i = 0; i < load->config.n_clients; i++)
		if (wait_ready(load->children[i].peer, POLLIN, 0))
			load_fail(load, "a client has exited");
}

/* Until all have reached a stage. */
static void load_expect(struct load *load, const atomic_uint *count)
{
	uint64_t end = now_ms() + LOAD_STAGE_MS;

	while (*count < load->config.n_clients) {
		load_check(load);
		if (now_ms() > end)
			load_fail(load, "the clients do not get ready");
		usleep(1000);
	}
}

void load_start(struct load *load, const struct instance *instance,
		const struct load_config *config)
{
	*load = (struct load){.instance = instance, .config = *config};
	load->tally = tally_create(config->n_clients);
	load->board_size = sizeof(*load->board) + sizeof(load->board->uuids[0]) *
							  config->n_clients *
							  config->n_kept;
	load->board = mmap(NULL, load->board_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(load->board != MAP_FAILED);
	for (unsigned i = 0; i < config->n_clients; i++)
		load_start_client(load, (int)i);
	load_expect(load, &load->board->ready);
	load->board->stage = LOAD_RUN;
}

void load_run(struct load *load, unsigned ms, bool (*done)(void *data), void *data)
{
	uint64_t end = now_ms() + ms;

	while (now_ms() < end && !(done && done(data))) {
		load_check(load);
		usleep(MIN(1000U * LOAD_STEP_MS, 1000U * ms));
	}
}

void load_verify(struct load *load)
{
	load->board->stage = LOAD_VERIFY;
	load_expect(load, &load->board->verified);
}

void load_close(struct load *load)
{
	load->board->stage = LOAD_CLOSE;
	for (unsigned i = 0; i < load->config.n_clients; i++)
		child_wait(&load->children[i]);
}

void load_finish(struct load *load)
{
	unsigned failures = load->tally->failures;

	munmap(load->board, load->board_size);
	tally_destroy(load->tally);
	if (failures)
		test_fail(__FILE__, __LINE__, "%u operations failed", failures);
}
