/* SPDX-License-Identifier: MIT */
/*
 * fuzz-handle.c - decodes bytes into a handle, and into the page of an event
 *
 * Invariants: decoding reads exactly the 64 bytes; an accepted handle is valid, and
 * encodes to the same bytes; a query of an event returns for any content of its page, and
 * does not change it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hipipc-provider.h>

#include "../../lib/hipipc/handle.h"
#include "../../lib/hipsoft/event_page.h"
#include "reader.h"

#define ALL_KINDS                                                                        \
	(1U << HIPIPC_KIND_MEMFD | 1U << HIPIPC_KIND_DMABUF |                            \
	 1U << HIPIPC_KIND_CUDA_VMM | 1U << HIPIPC_KIND_EVENT)
#define MAX_QUERIES 64

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- handles ----------------------------------------------------------------------- */

static void check_accepted(const struct hipipc_handle *handle, uint32_t kinds)
{
	static const uint8_t zero[sizeof(handle->reserved)];

	MUST(handle->magic == HIPIPC_HANDLE_MAGIC);
	MUST(handle->version == HIPIPC_HANDLE_VERSION);
	MUST(handle->kind < 32 && (kinds & 1U << handle->kind));
	MUST(handle->bytes > 0 && handle->offset < handle->bytes);
	MUST(handle->base + handle->bytes >= handle->bytes);
	MUST(memcmp(handle->reserved, zero, sizeof(zero)) == 0);
}

/* A separate allocation, so that an overread is detected. */
static void decode(const char bytes[HIPIPC_HANDLE_BYTES], uint32_t kinds)
{
	char *exact = malloc(HIPIPC_HANDLE_BYTES), again[HIPIPC_HANDLE_BYTES];
	struct hipipc_handle handle, untouched;
	int r;

	MUST(exact);
	memcpy(exact, bytes, HIPIPC_HANDLE_BYTES);
	memset(&handle, 0x5a, sizeof(handle));
	untouched = handle;
	r = handle_decode(exact, kinds, &handle);
	MUST(memcmp(exact, bytes, HIPIPC_HANDLE_BYTES) == 0);
	free(exact);
	if (r != 0) {
		MUST(r == -EINVAL);
		MUST(memcmp(&handle, &untouched, sizeof(handle)) == 0);
		return;
	}
	check_accepted(&handle, kinds);
	handle_encode(&handle, again);
	MUST(memcmp(again, bytes, sizeof(again)) == 0);
}

static uint32_t read_kinds(struct reader *reader)
{
	uint8_t byte = read_byte(reader);

	return byte & 1 ? ALL_KINDS : byte;
}

/* CRC-32C bit by bit: slow, but simple enough to be verified by reading. */
static uint32_t check_word(const char *bytes, size_t size)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < size; i++) {
		crc ^= (uint8_t)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

/*
 * Decodes arbitrary bytes, mostly with a valid checksum: nearly all would be rejected
 * without.
 */
static void decode_raw(struct reader *reader)
{
	uint32_t kinds = read_kinds(reader);
	uint8_t how = read_byte(reader);
	struct hipipc_handle handle;
	char bytes[HIPIPC_HANDLE_BYTES];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)read_byte(reader);
	memcpy(&handle, bytes, sizeof(handle));
	if (how & 1)
		handle.magic = HIPIPC_HANDLE_MAGIC;
	if (how & 2)
		handle.version = HIPIPC_HANDLE_VERSION;
	if (how & 4)
		memset(handle.reserved, 0, sizeof(handle.reserved));
	memcpy(bytes, &handle, sizeof(handle));
	if (how & 8) {
		handle.check = check_word(bytes, offsetof(struct hipipc_handle, check));
		memcpy(bytes, &handle, sizeof(handle));
	}
	decode(bytes, kinds);
}

static bool same(const struct hipipc_handle *a, const struct hipipc_handle *b)
{
	return memcmp(&a->uuid, &b->uuid, sizeof(a->uuid)) == 0 && a->kind == b->kind &&
	       a->bytes == b->bytes && a->base == b->base && a->offset == b->offset;
}

/* Encodes likely valid fields; an accepted handle must decode to the same fields. */
static void encode_and_decode(struct reader *reader)
{
	uint32_t kinds = read_kinds(reader);
	struct hipipc_handle handle = {0}, got;
	char bytes[HIPIPC_HANDLE_BYTES];
	uint8_t change;

	handle.kind = (uint16_t)(read_byte(reader) % 6);
	for (size_t i = 0; i < sizeof(handle.uuid); i++)
		handle.uuid.bytes[i] = read_byte(reader);
	handle.bytes = read_number(reader);
	handle.base = read_number(reader);
	handle.offset = read_number(reader);
	handle_encode(&handle, bytes);
	decode(bytes, kinds);
	if (handle_decode(bytes, kinds, &got) == 0)
		MUST(same(&handle, &got));
	/* Each flipped bit is detected. */
	change = read_byte(reader);
	bytes[change % sizeof(bytes)] ^= (char)(1 << (change >> 6));
	MUST(handle_decode(bytes, kinds, &got) == -EINVAL);
}

/* ---- pages of events --------------------------------------------------------------- */

static int page_fd;
static uint8_t *page;

static void fill_page(struct reader *reader)
{
	const struct event_page header = {.magic = EVENT_PAGE_MAGIC,
					  .version = EVENT_PAGE_VERSION};
	struct event_page *event = (struct event_page *)page;
	uint8_t how = read_byte(reader);

	memset(page, how & 1 ? read_byte(reader) : 0, FUZZ_PAGE);
	if (how & 2)
		memcpy(page, &header, sizeof(header.magic) + sizeof(header.version));
	if (how & 4)
		event->recorded = read_number(reader);
	for (int n = how >> 3; n && reader->size; n--) {
		struct event_slot *slot =
			&event->slots[read_byte(reader) % EVENT_PAGE_SLOTS];

		slot->claim = read_number(reader);
		slot->reached = read_number(reader);
		slot->failed = read_number(reader);
	}
}

static void check_query(struct shared_event *event, uint64_t number)
{
	int r = event_page_query(event, number);

	MUST(r == 0 || r == -EAGAIN || r == -EOWNERDEAD);
}

/* Queries as waiters do, which depend only on the page. */
static void query_page(struct reader *reader)
{
	static uint8_t before[FUZZ_PAGE];
	struct shared_event *event = NULL;
	int r;

	fill_page(reader);
	memcpy(before, page, sizeof(before));
	r = event_page_open(page_fd, &event);
	if (r != 0) {
		MUST(r == -EBADMSG);
		MUST(!event);
		return;
	}
	MUST(((struct event_page *)before)->magic == EVENT_PAGE_MAGIC);
	MUST(((struct event_page *)before)->version == EVENT_PAGE_VERSION);
	MUST(event_page_last(event) == ((struct event_page *)before)->recorded);
	check_query(event, event_page_last(event));
	for (int n = 0; n < MAX_QUERIES && reader->size; n++)
		check_query(event, read_number(reader));
	MUST(memcmp(page, before, sizeof(before)) == 0);
	event_page_unref(event);
}

/* ---- libFuzzer interface ----------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	page_fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(page_fd >= 0);
	MUST(ftruncate(page_fd, FUZZ_PAGE) == 0);
	MUST(fcntl(page_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	page = mmap(NULL, FUZZ_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
	MUST(page != MAP_FAILED);
	return 0;
}

typedef void (*fuzz_step)(struct reader *);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const fuzz_step steps[] = {decode_raw, encode_and_decode, query_page};
	struct reader reader = {data, size};

	while (reader.size)
		steps[read_byte(&reader) % (sizeof(steps) / sizeof(steps[0]))](&reader);
	return 0;
}
