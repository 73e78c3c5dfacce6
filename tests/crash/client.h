/* SPDX-License-Identifier: MIT */
/* client.h - one client of a crash test; for the client*.c files only */
#ifndef DMABUFFS_TEST_CRASH_CLIENT_H
#define DMABUFFS_TEST_CRASH_CLIENT_H

#include <dmabuffs-accel.h>

#include "load.h"
#include "raw.h"

#define CLIENT_SAMPLES 32

/* A name that stays, as this client left it. */
struct client_kept {
	uint16_t mode;  /* permission bits */
	uint16_t named; /* the user in its ACL, counted from LOAD_UID(0) + 1; 0: no ACL */
};

/* A kept name, open and mapped for the whole run. */
struct client_held {
	int fd;
	uint64_t *words; /* NULL: cannot be mapped */
};

struct client {
	struct load *load;
	struct tally *tally;
	int number;
	unsigned seed;
	struct dmabuffs *library;
	struct client_kept *kept;
	struct client_held held[CLIENT_HELD];
	/* Buffers of ended names, through descriptions that the service never had. */
	int samples[CLIENT_SAMPLES];
	unsigned n_samples;
	/* An accelerator's context, while it lives. */
	int context; /* -1: none */
	struct dmabuffs_accel_queue *queue;
	uint32_t asid;
	uint64_t iova;
	int region_fd;
	uint8_t *region;
	uint8_t mark; /* of the bytes that no command may write again */
};

#define CLIENT_DO(client, op, call) TALLY((client)->tally, (client)->number, op, call)

static inline void client_fail(struct client *client, enum tally_op op, long long error)
{
	tally_fail(client->tally, client->number, op, error);
}

static inline unsigned client_draw(struct client *client, unsigned below)
{
	return (unsigned)rand_r(&client->seed) % below;
}

static inline bool client_maps(const struct client *client)
{
	return !(client->load->config.flags & LOAD_NO_MAP);
}

static inline bool client_is_root(const struct client *client)
{
	return client->load->config.flags & LOAD_ONE_USER || client->number < LOAD_ROOTS;
}

/* ---- client-bytes.c: buffers whose words follow from a key ------------------------- */

/* Of a kept name, and of the name of a round. */
uint64_t client_kept_key(int number, unsigned nth);
uint64_t client_round_key(int number, uint64_t round);

void client_write(const struct client *client, uint64_t *words, uint64_t key);

/* Notes a wrong word as a failure of @op. */
void client_check(struct client *client, enum tally_op op, const uint64_t *words,
		  uint64_t key);

/* A memfd with these words; *@ret_words is its mapping. Asserts. */
int client_buffer(const struct client *client, uint64_t key, uint64_t **ret_words);

/* Maps an opened name, or reads it where that is not possible, and checks it. */
void client_check_opened(struct client *client, enum tally_op op, int fd, uint64_t key);

void client_unmap(const struct client *client, uint64_t *words);

/* ---- client-kept.c: names that stay ------------------------------------------------ */

const uint8_t *client_uuid(const struct client *client, int number, unsigned nth);

void client_kept_begin(struct client *client);

/* Opens one of any client, and changes one of its own. */
void client_kept_visit(struct client *client);

void client_kept_check_held(struct client *client);
void client_kept_verify(struct client *client);
void client_kept_end(struct client *client);

/* ---- client-round.c: a name from its begin to its end ------------------------------ */

void client_round(struct client *client, uint64_t round);

/* Asserts nothing: a buffer that is open elsewhere is a failure. */
void client_check_samples(struct client *client);

/* ---- client-accel.c ---------------------------------------------------------------- */

void client_compute(struct client *client, uint64_t round);
void client_close_context(struct client *client);

#endif
