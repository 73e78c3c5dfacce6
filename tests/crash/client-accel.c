/* SPDX-License-Identifier: MIT */
/* client-accel.c - commands of a client, none of which may be lost or run twice */
#include <string.h>
#include <sys/mman.h>

#include "../integration/accel.h"
#include "client.h"

#define CLIENT_COMMAND_NS (INT64_C(20) * 1000000000)
#define CLIENT_ENTRIES    16
#define CLIENT_COMMANDS   16 /* of a context; then another one is opened */

/* ---- the context ------------------------------------------------------------------- */

void client_close_context(struct client *client)
{
	if (client->context < 0)
		return;
	dmabuffs_accel_queue_close(client->queue);
	if (client->region)
		munmap(client->region, PAGE);
	if (client->region_fd >= 0)
		close(client->region_fd);
	close(client->context);
	client->context = -1;
}

static int client_make_region(struct client *client)
{
	struct accel_asid_create asid = {0};
	uint32_t buffer;
	int r;

	client->region_fd = new_memfd(PAGE);
	ASSERT_OK(raw_map(client->region_fd, PAGE, PROT_READ | PROT_WRITE,
			  (void **)&client->region));
	r = dmabuffs_accel_import_buffer(client->library, client->context,
					 client->region_fd, &buffer);
	if (r == 0)
		r = dmabuffs_accel_call(client->context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
					&asid);
	client->asid = asid.id;
	return r < 0 ? r
		     : map_anywhere(client->context, asid.id, buffer, PAGE, READ_WRITE,
				    &client->iova);
}

static int client_open_context(struct client *client)
{
	uint32_t flags = client->number % 2 ? ACCEL_QUEUE_USER : 0;
	int r = dmabuffs_accel_open(client->library, SOFT0, &client->context);

	if (r < 0) {
		client->context = -1;
		return r;
	}
	client->queue = NULL;
	client->region = NULL;
	client->region_fd = -1;
	client->mark = 0;
	r = dmabuffs_accel_queue_create(client->library, client->context, flags,
					CLIENT_ENTRIES, 0, &client->queue);
	if (r == 0)
		r = client_make_region(client);
	return r < 0 ? r
		     : attach(client->context, dmabuffs_accel_queue_id(client->queue),
			      client->asid);
}

/* ---- commands ---------------------------------------------------------------------- */

static bool client_region_is(const struct client *client, uint8_t byte)
{
	const volatile uint8_t *bytes = client->region;
	size_t i = 0;

	while (i < PAGE && bytes[i] == byte)
		i++;
	return i == PAGE;
}

/* A command fills the region, then this process overwrites it. */
static int client_command(struct client *client, uint8_t byte)
{
	const struct accel_command command = fill(client->asid, client->iova, PAGE, byte);
	uint64_t index;
	int r;

	/* A command that ran again would have written it. */
	if (client->mark && !client_region_is(client, client->mark))
		client_fail(client, TALLY_COMMAND, -EEXIST);
	r = dmabuffs_accel_queue_submit(client->queue, &command, 1, &index);
	if (r == 0)
		r = dmabuffs_accel_queue_wait(client->queue, index, CLIENT_COMMAND_NS);
	if (r < 0)
		return r;
	if (!client_region_is(client, byte))
		client_fail(client, TALLY_COMMAND, -EILSEQ);
	client->mark = (uint8_t)~byte;
	memset(client->region, client->mark, PAGE);
	return 0;
}

/* The one error that a takeover may cause, while it may. */
static bool client_context_ended(struct client *client, int error)
{
	if (error != -EOWNERDEAD || !(client->load->config.flags & LOAD_CONTEXTS_END))
		return false;
	client->tally->contexts_ended++;
	return true;
}

static int client_timed(struct client *client, enum tally_op op,
			int (*call)(struct client *client, uint8_t byte), uint8_t byte)
{
	int r;

	tally_begin(client->tally, client->number, op);
	r = call(client, byte);
	tally_end(client->tally, client->number);
	if (r < 0 && !client_context_ended(client, r))
		client_fail(client, op, r);
	return r;
}

static int client_begin_context(struct client *client, uint8_t byte)
{
	return client_open_context(client);
}

void client_compute(struct client *client, uint64_t round)
{
	int r = 0;

	if (client->context < 0)
		r = client_timed(client, TALLY_CONTEXT, client_begin_context, 0);
	if (r == 0)
		r = client_timed(client, TALLY_COMMAND, client_command,
				 (uint8_t)(round % 100 + 1));
	if (r < 0 || round % CLIENT_COMMANDS == 0)
		client_close_context(client);
}
