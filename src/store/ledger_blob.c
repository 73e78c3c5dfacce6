/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "store/ledger_private.h"
#include "crash_point.h"
#include "util.h"

/* Of the longest blob: a chain that is damaged ends there. */
#define LEDGER_BLOB_CHUNKS (LEDGER_BLOB_MAX / LEDGER_CHUNK_DATA + 1)

static struct ledger_chunk *ledger_chunk(const struct ledger *ledger, uint32_t blob)
{
	return ledger_at(ledger, LEDGER_CHUNK, blob - 1);
}

/* Built from its end, so that every chunk refers to one that is stored. */
int ledger_put_blob(struct ledger *ledger, const void *data, size_t size,
		    uint32_t *ret_blob)
{
	size_t offset = (size - 1) / LEDGER_CHUNK_DATA * LEDGER_CHUNK_DATA;
	uint32_t blob = 0;

	if (size == 0 || size > LEDGER_BLOB_MAX)
		return -EINVAL;
	for (;;) {
		uint32_t slot = ledger_take_chunk(ledger);
		struct ledger_chunk *chunk;

		if (slot == LEDGER_NONE) {
			ledger_free_blob(ledger, blob);
			return -ENOSPC;
		}
		chunk = ledger_at(ledger, LEDGER_CHUNK, slot);
		chunk->next = blob;
		chunk->size = (uint32_t)(size - offset);
		memcpy(chunk->data, (const uint8_t *)data + offset,
		       MIN(size - offset, (size_t)LEDGER_CHUNK_DATA));
		blob = slot + 1;
		if (!offset)
			break;
		offset -= LEDGER_CHUNK_DATA;
	}
	CRASH_POINT("ledger-blob-stored");
	*ret_blob = blob;
	return 0;
}

/* Is this the chunk of a blob of which @size bytes are left? Then its part of them. */
static int ledger_check_chunk(const struct ledger *ledger, uint32_t blob, size_t size)
{
	const struct ledger_chunk *chunk;

	if (blob == 0 || blob > ledger->places[LEDGER_CHUNK].capacity)
		return -EBADMSG;
	chunk = ledger_chunk(ledger, blob);
	if (chunk->size != size || (size <= LEDGER_CHUNK_DATA) != (chunk->next == 0))
		return -EBADMSG;
	return (int)MIN(size, (size_t)LEDGER_CHUNK_DATA);
}

/* What the first chunk says. */
size_t ledger_blob_size(const struct ledger *ledger, uint32_t blob)
{
	if (blob == 0 || blob > ledger->places[LEDGER_CHUNK].capacity)
		return 0;
	return LEDGER_LOAD(ledger_chunk(ledger, blob)->size);
}

ssize_t ledger_read_blob(const struct ledger *ledger, uint32_t blob, void *ret_data,
			 size_t max)
{
	size_t size = ledger_blob_size(ledger, blob), left = size;
	uint8_t *to = ret_data;

	if (blob == 0)
		return 0;
	if (size == 0 || size > max)
		return -EBADMSG;
	while (left > 0) {
		int n = ledger_check_chunk(ledger, blob, left);

		if (n < 0)
			return n;
		memcpy(to, ledger_chunk(ledger, blob)->data, (size_t)n);
		blob = LEDGER_LOAD(ledger_chunk(ledger, blob)->next);
		to += n;
		left -= (size_t)n;
	}
	return (ssize_t)size;
}

/* The chunk after this one; 0: there is none, or it is damaged. */
static uint32_t ledger_next_chunk(const struct ledger *ledger, uint32_t blob)
{
	uint32_t next = LEDGER_LOAD(ledger_chunk(ledger, blob)->next);

	return next <= ledger->places[LEDGER_CHUNK].capacity ? next : 0;
}

static uint32_t ledger_first_chunk(const struct ledger *ledger, uint32_t blob)
{
	return blob <= ledger->places[LEDGER_CHUNK].capacity ? blob : 0;
}

/* The chunk can be taken for another blob at once, so what follows it is read before. */
void ledger_free_blob(struct ledger *ledger, uint32_t blob)
{
	blob = ledger_first_chunk(ledger, blob);
	for (unsigned n = 0; blob && n < LEDGER_BLOB_CHUNKS; n++) {
		uint32_t next = ledger_next_chunk(ledger, blob);

		ledger_put_slot(ledger, LEDGER_CHUNK, blob - 1);
		blob = next;
	}
}

/* The first @n chunks. */
static void ledger_unclaim(struct ledger *ledger, uint32_t blob, unsigned n)
{
	blob = ledger_first_chunk(ledger, blob);
	for (; blob && n > 0; n--) {
		uint32_t next = ledger_next_chunk(ledger, blob);

		slots_unclaim(&ledger->places[LEDGER_CHUNK].slots, blob - 1);
		blob = next;
	}
}

void ledger_unclaim_blob(struct ledger *ledger, uint32_t blob)
{
	ledger_unclaim(ledger, blob, LEDGER_BLOB_CHUNKS);
}

int ledger_claim_blob(struct ledger *ledger, uint32_t blob)
{
	size_t left = ledger_blob_size(ledger, blob);
	uint32_t chunk = blob;
	unsigned n = 0;

	if (blob == 0)
		return 0;
	if (left == 0 || left > LEDGER_BLOB_MAX)
		return -EBADMSG;
	while (left > 0) {
		int bytes = ledger_check_chunk(ledger, chunk, left);

		if (bytes < 0 ||
		    !slots_claim(&ledger->places[LEDGER_CHUNK].slots, chunk - 1)) {
			ledger_unclaim(ledger, blob, n);
			return -EBADMSG;
		}
		chunk = LEDGER_LOAD(ledger_chunk(ledger, chunk)->next);
		left -= (size_t)bytes;
		n++;
	}
	return 0;
}
