/* SPDX-License-Identifier: MIT */
/* client.c - one client of a crash test, from its start to its end */
#include "client.h"

#include <string.h>

#define CLIENT_HELD_ROUNDS 16

static void client_wait_stage(const struct client *client, enum load_stage stage)
{
	while (client->load->board->stage < stage)
		usleep(500);
}

static void client_loop(struct client *client)
{
	for (uint64_t round = 1; client->load->board->stage == LOAD_RUN; round++) {
		client_round(client, round);
		client_kept_visit(client);
		if (round % CLIENT_HELD_ROUNDS == 0)
			client_kept_check_held(client);
		if (!(client->load->config.flags & LOAD_NO_ACCEL))
			client_compute(client, round);
	}
}

void client_run(struct load *load, int number)
{
	struct client client = {
		.load = load,
		.tally = load->tally,
		.number = number,
		.seed = load->config.seed * 100 + (unsigned)number,
		.context = -1,
	};
	struct load_board *board = load->board;

	/* Set by the parent after fork(2), perhaps later than this. */
	load->tally->clients[number].pid = getpid();
	memset(client.samples, -1, sizeof(client.samples));
	ASSERT_OK(dmabuffs_open(load->instance->dir, &client.library));
	client_kept_begin(&client);
	board->ready++;
	client_wait_stage(&client, LOAD_RUN);
	client_loop(&client);
	client_close_context(&client);
	client_kept_verify(&client);
	board->verified++;
	client_wait_stage(&client, LOAD_CLOSE);
	client_kept_end(&client);
	dmabuffs_close(client.library);
	client_check_samples(&client);
}
