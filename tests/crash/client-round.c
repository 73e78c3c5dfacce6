/* SPDX-License-Identifier: MIT */
/* client-round.c - a name, from the export of its buffer to the end */
#include <fcntl.h>
#include <lease.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "client.h"

/* Each so many rounds. */
enum {
	ROUND_OWN_ROOT = 8,
	ROUND_AGAIN = 5,
	ROUND_EXCHANGE = 4,
	ROUND_REVOKE = 16,
	ROUND_SAMPLE = 4,
};

struct round {
	uint64_t number, key;
	struct dmabuffs *root; /* the name is made on it */
	bool own_root;
	int fd, sample, opened;
	uint64_t *words; /* of the buffer itself */
	uint64_t *view;  /* of the opened name; NULL: cannot be mapped */
	dmabuffs_uuid uuid;
};

/* ---- begin ------------------------------------------------------------------------- */

static bool round_open_root(struct client *client, struct round *round)
{
	round->root = client->library;
	round->own_root = round->number % ROUND_OWN_ROOT == 0;
	return !round->own_root ||
	       CLIENT_DO(client, TALLY_ROOT,
			 dmabuffs_open(client->load->instance->dir, &round->root)) == 0;
}

/* The same buffer on the same description has one name. */
static void round_export_again(struct client *client, const struct round *round)
{
	dmabuffs_uuid uuid;

	if (CLIENT_DO(client, TALLY_EXPORT_AGAIN,
		      dmabuffs_export(round->root, round->fd, NULL, &uuid)) == 0 &&
	    memcmp(&uuid, &round->uuid, sizeof(uuid)) != 0)
		client_fail(client, TALLY_EXPORT_AGAIN, -EEXIST);
}

static bool round_export(struct client *client, struct round *round)
{
	if (CLIENT_DO(client, TALLY_EXPORT,
		      dmabuffs_export(round->root, round->fd, NULL, &round->uuid)) < 0)
		return false;
	if (round->number % ROUND_AGAIN == 0)
		round_export_again(client, round);
	return true;
}

static int round_take_sample(const struct client *client, const struct round *round)
{
	if (round->number % ROUND_SAMPLE != 1 || client->load->config.flags & LOAD_FIXED)
		return -1;
	return reopen(round->fd, O_RDWR);
}

static bool round_begin(struct client *client, struct round *round)
{
	if (!round_open_root(client, round))
		return false;
	round->fd = client_buffer(client, round->key, &round->words);
	round->sample = round_take_sample(client, round);
	round->opened = -1;
	return round_export(client, round);
}

/* ---- use --------------------------------------------------------------------------- */

static void round_check_info(struct client *client, const struct round *round)
{
	struct dmabuffs_info info;
	struct stat st;

	CLIENT_DO(client, TALLY_STAT, SYS(fstat(round->opened, &st)));
	if (CLIENT_DO(client, TALLY_INFO,
		      dmabuffs_query_fd(round->opened, &info, sizeof(info))) < 0)
		return;
	if (info.bytes != client->load->config.bytes || info.importers < 1 ||
	    memcmp(info.uuid, &round->uuid, sizeof(info.uuid)) != 0)
		client_fail(client, TALLY_INFO, -EILSEQ);
}

/* The library connects again by itself. */
static void round_exchange(struct client *client, const struct round *round)
{
	struct stat got, mine;
	int fd;

	if (CLIENT_DO(client, TALLY_EXCHANGE,
		      dmabuffs_exchange(client->library, round->opened, &fd)) < 0)
		return;
	if (fstat(fd, &got) < 0 || fstat(round->fd, &mine) < 0 ||
	    got.st_ino != mine.st_ino)
		client_fail(client, TALLY_EXCHANGE, -EILSEQ);
	close(fd);
}

/* What is written through the name is in the buffer. */
static void round_write(struct client *client, struct round *round)
{
	const uint64_t key = round->key ^ 1;

	if (round->view)
		client_write(client, round->view, key);
	else if (CLIENT_DO(client, TALLY_CONTENT,
			   SYS(pwrite(round->opened, &key, sizeof(key), 0))) >= 0 &&
		 round->words[0] != key)
		client_fail(client, TALLY_CONTENT, -EILSEQ);
	if (!round->view)
		client_write(client, round->words, key);
	round->key = key;
	client_check(client, TALLY_CONTENT, round->words, key);
}

static bool round_open(struct client *client, struct round *round)
{
	if (CLIENT_DO(client, TALLY_OPEN,
		      dmabuffs_import(client->library, &round->uuid, O_RDWR,
				      &round->opened)) < 0) {
		round->opened = -1;
		return false;
	}
	return !client_maps(client) ||
	       CLIENT_DO(client, TALLY_MAP,
			 raw_map(round->opened, client->load->config.bytes,
				 PROT_READ | PROT_WRITE, (void **)&round->view)) == 0;
}

static void round_use(struct client *client, struct round *round)
{
	client_check_opened(client, TALLY_CONTENT, round->opened, round->key);
	round_write(client, round);
	round_check_info(client, round);
	if (round->number % ROUND_EXCHANGE == 0 &&
	    !(client->load->config.flags & LOAD_NO_EXCHANGE))
		round_exchange(client, round);
}

/* ---- end --------------------------------------------------------------------------- */

static void round_close_root(struct client *client, struct round *round)
{
	if (!round->own_root || !round->root)
		return;
	tally_begin(client->tally, client->number, TALLY_CLOSE_ROOT);
	dmabuffs_close(round->root);
	tally_end(client->tally, client->number);
	round->root = NULL;
}

static int round_open_ended(struct client *client, const struct round *round)
{
	int fd, r;

	tally_begin(client->tally, client->number, TALLY_GONE);
	r = dmabuffs_import(client->library, &round->uuid, O_RDONLY, &fd);
	tally_end(client->tally, client->number);
	if (r == 0)
		close(fd);
	return r;
}

/* close(2) does not wait for the service: soon. */
static void round_expect_gone(struct client *client, const struct round *round, bool soon)
{
	uint64_t end = now_ms() + WAIT_MS;
	int r = round_open_ended(client, round);

	while (r == 0 && soon && now_ms() < end) {
		usleep(500);
		r = round_open_ended(client, round);
	}
	if (r != -ENOENT)
		client_fail(client, TALLY_GONE, r < 0 ? r : -EEXIST);
}

static bool round_revokes(const struct client *client, const struct round *round)
{
	const unsigned flags = client->load->config.flags;

	if (flags & LOAD_FIXED)
		return false;
	return flags & LOAD_EACH_REVOKES ? round->number % 2
					 : round->number % ROUND_REVOKE == 3;
}

/* False: the name could not be ended. */
static bool round_end_name(struct client *client, const struct round *round)
{
	if (round_revokes(client, round))
		return CLIENT_DO(client, TALLY_REVOKE,
				 dmabuffs_revoke(client->library, &round->uuid)) == 0;
	if (client_is_root(client))
		return CLIENT_DO(client, TALLY_UNLINK,
				 raw_unlink(client->load->instance, round->uuid.bytes)) ==
		       0;
	return CLIENT_DO(client, TALLY_WITHDRAW,
			 dmabuffs_withdraw(client->library, &round->uuid)) == 0;
}

/* The memory stays for who has it mapped, unless it was revoked. */
static void round_check_after(struct client *client, const struct round *round)
{
	bool revoked = !round->own_root && round_revokes(client, round);

	if (!revoked)
		client_check(client, TALLY_CONTENT, round->words, round->key);
	else if (round->view && !raises_sigbus((const uint8_t *)round->view))
		client_fail(client, TALLY_REVOKE, -EEXIST);
}

static void round_end(struct client *client, struct round *round)
{
	if (round->own_root)
		round_close_root(client, round);
	else if (!round_end_name(client, round))
		return;
	round_expect_gone(client, round, round->own_root);
	round_check_after(client, round);
}

/* ---- buffers that ended ------------------------------------------------------------ */

static void round_keep_sample(struct client *client, int fd)
{
	int *place = &client->samples[client->n_samples++ % CLIENT_SAMPLES];

	if (*place >= 0)
		close(*place);
	*place = fd;
}

static bool round_is_sole(void *data)
{
	return lease_held(*(int *)data) == 0;
}

void client_check_samples(struct client *client)
{
	/* The case has failed, and a dead mount frees nothing. */
	if (client->tally->failures)
		return;
	for (unsigned i = 0; i < CLIENT_SAMPLES; i++) {
		if (client->samples[i] < 0)
			continue;
		if (!wait_until(round_is_sole, &client->samples[i]))
			client_fail(client, TALLY_LEAK, -EBUSY);
		client->tally->done[TALLY_LEAK]++;
		close(client->samples[i]);
	}
}

static void round_finish(struct client *client, struct round *round)
{
	round_close_root(client, round);
	if (round->view)
		client_unmap(client, round->view);
	if (round->opened >= 0)
		close(round->opened);
	client_unmap(client, round->words);
	close(round->fd);
	if (round->sample >= 0)
		round_keep_sample(client, round->sample);
}

void client_round(struct client *client, uint64_t number)
{
	struct round round = {.number = number,
			      .key = client_round_key(client->number, number)};

	if (!round_begin(client, &round)) {
		if (round.words)
			round_finish(client, &round);
		return;
	}
	if (round_open(client, &round))
		round_use(client, &round);
	round_end(client, &round);
	round_finish(client, &round);
}
