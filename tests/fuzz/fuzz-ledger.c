/* SPDX-License-Identifier: MIT */
/*
 * fuzz-ledger.c - takes over a damaged ledger, and a bank with messages of any content
 *
 * Invariants: what is kept can be read and used; another takeover of the result loses
 * nothing; each descriptor that the bank had is kept or dropped once, and none is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/bank.h"
#include "store/ledger.h"
#include "reader.h"

#define RECORDS 16U
#define CHUNKS  64U
#define QUEUES  2U

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a ledger ---------------------------------------------------------------------- */

static struct ledger *make_ledger(void)
{
	struct ledger_config config = {.n_queues = QUEUES};
	struct ledger *ledger;

	for (size_t i = 0; i < LEDGER_KINDS; i++)
		config.capacity[i] = RECORDS;
	config.capacity[LEDGER_CHUNK] = CHUNKS;
	MUST(ledger_create(&config, &ledger) == 0);
	return ledger;
}

static void make_description(struct ledger *ledger, uint32_t caller)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_DESCRIPTION, 1);
	struct ledger_description *root = ledger_description(ledger, slot);

	root->id = ledger_next_id(ledger);
	root->kind = LEDGER_ROOT;
	root->caller = caller + 1;
	ledger_set_state(root, LEDGER_LIVE);
}

static void make_export(struct ledger *ledger, uint64_t unique)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_EXPORT, unique);
	struct ledger_export *export = ledger_export(ledger, slot);

	export->id = ledger_next_id(ledger);
	export->uuid[0] = (uint8_t)unique;
	export->root = ledger_handle(ledger, LEDGER_DESCRIPTION, 0);
	export->caller = 1;
	export->node.mode = S_IFREG | 0600;
	export->n_parts = 1;
	export->part.kind = DMABUFFS_KIND_MEMFD;
	MUST(ledger_put_blob(ledger, "label", 5, &export->label) == 0);
	ledger_set_state(export, LEDGER_LIVE);
}

static void make_open(struct ledger *ledger, uint64_t unique, uint32_t export)
{
	uint32_t slot = ledger_alloc(ledger, LEDGER_OPEN, unique);
	struct ledger_open *open = ledger_opened(ledger, slot);

	open->export = export;
	open->export_generation = ledger_export(ledger, export)->record.generation;
	ledger_set_state(open, LEDGER_LIVE);
}

static void fill(struct ledger *ledger)
{
	uint32_t caller = ledger_alloc(ledger, LEDGER_CALLER, 0);

	MUST(ledger_put_blob(ledger, "unconfined", 10,
			     &ledger_caller(ledger, caller)->security) == 0);
	ledger_set_state(ledger_caller(ledger, caller), LEDGER_LIVE);
	make_description(ledger, caller);
	for (uint64_t i = 0; i < 4; i++) {
		make_export(ledger, 2 + i);
		make_open(ledger, 10 + i, (uint32_t)i);
	}
}

/* Words of the header, or of the first records of a kind. */
static void damage(struct ledger *ledger, struct reader *reader)
{
	unsigned n = read_byte(reader) % 32;

	while (n-- > 0 && reader->size) {
		unsigned kind = read_byte(reader) % 8;
		uint8_t *memory = (uint8_t *)ledger->header;
		size_t size = sizeof(*ledger->header);
		uint32_t word;

		if (kind < LEDGER_KINDS) {
			memory = ledger_at(ledger, kind, 0);
			size = 4 * ledger->places[kind].record_size;
		}
		memory += read_bytes(reader, 2) * 4 % size;
		word = (uint32_t)read_number(reader);
		memcpy(memory, &word, sizeof(word));
	}
}

/* ---- what must hold after a takeover ----------------------------------------------- */

static void check_export(struct ledger *ledger, uint32_t slot)
{
	const struct ledger_export *export = ledger_export(ledger, slot);
	static uint8_t data[LEDGER_BLOB_MAX];

	MUST(export->record.generation != 0 && export->id != 0);
	MUST(ledger_read_blob(ledger, export->label, data, 63) >= 0);
	MUST(ledger_read_blob(ledger, export->note, data, sizeof(data)) >= 0);
	MUST(ledger_read_blob(ledger, export->node.acl, data, sizeof(data)) >= 0);
	MUST(ledger_read_blob(ledger, export->parts, data, sizeof(data)) ==
	     (ssize_t)((export->n_parts - 1) * sizeof(struct ledger_part)));
	MUST(ledger_find(ledger, LEDGER_EXPORT,
			 ledger_handle(ledger, LEDGER_EXPORT, slot)) == slot);
	if (export->caller)
		MUST(ledger_state(ledger_caller(ledger, export->caller - 1)) ==
		     LEDGER_LIVE);
}

static void check_records(struct ledger *ledger)
{
	uint32_t slot;

	ledger_for_each(ledger, LEDGER_EXPORT, slot)
		check_export(ledger, slot);
	ledger_for_each(ledger, LEDGER_OPEN, slot) {
		const struct ledger_open *open = ledger_opened(ledger, slot);

		MUST(open->export < RECORDS);
		MUST(ledger_state(ledger_export(ledger, open->export)) >= LEDGER_LIVE);
	}
}

static bool is_known(int error)
{
	return error == -EPROTO || error == -EBADMSG;
}

/* As often as it is done, only the first takeover loses anything. */
static struct ledger *take_over(struct ledger *left, bool first)
{
	char why[LEDGER_WHY_SIZE] = "";
	struct ledger *ledger = NULL;
	struct ledger_losses losses;
	int fd = dup(left->fd), r;

	MUST(fd >= 0);
	r = ledger_open(fd, why, &ledger);
	if (r != 0) {
		MUST(first && is_known(r) && why[0] && !ledger);
		close(fd);
		return NULL;
	}
	MUST(ledger_take_over(ledger, &losses) == 0);
	for (size_t i = 0; !first && i < LEDGER_KINDS; i++)
		MUST(losses.lost[i] == 0 && losses.unfinished[i] == 0);
	check_records(ledger);
	return ledger;
}

/* It is filled up, emptied, and its memory given back. */
static void use(struct ledger *ledger)
{
	for (unsigned kind = 0; kind < LEDGER_CHUNK; kind++) {
		uint32_t slot;

		while ((slot = ledger_alloc(ledger, kind, 99)) != LEDGER_NONE)
			ledger_set_state(ledger_at(ledger, kind, slot), LEDGER_LIVE);
		ledger_for_each(ledger, kind, slot)
			ledger_free(ledger, kind, slot);
	}
	ledger_trim(ledger);
}

static void fuzz_ledger(struct reader *reader)
{
	struct ledger *left = make_ledger(), *ledger;

	fill(left);
	damage(left, reader);
	ledger = take_over(left, true);
	if (ledger) {
		ledger_close(ledger);
		ledger = take_over(left, false);
		use(ledger);
		ledger_close(ledger);
	}
	ledger_close(left);
}

/* ---- a bank ------------------------------------------------------------------------ */

static unsigned n_handed;

static void on_fd(const struct bank_item *item, int fd, void *data)
{
	n_handed++;
	MUST(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	MUST(item->slot < RECORDS || data != NULL);
	close(fd);
}

static void on_dropped(const struct bank_item *item, int fd, void *data)
{
	on_fd(item, fd, (void *)1);
}

static const struct bank_ops ops = {on_dropped, on_fd};

static void send_raw(int socket, const void *data, size_t size, int fd, unsigned n)
{
	struct iovec bytes = {(void *)data, size};
	struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};

	if (n) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		for (unsigned i = 0; i < n; i++)
			memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd,
			       sizeof(fd));
	}
	MUST(sendmsg(socket, &header, MSG_DONTWAIT) == (ssize_t)size);
}

/* A message that is mostly sound; how many descriptors it has. */
static unsigned send_message(struct bank *bank, struct reader *reader, int fd)
{
	struct bank_message message = {.magic = BANK_MESSAGE_MAGIC};
	uint8_t how = read_byte(reader);
	unsigned n = how % 8;
	size_t size = offsetof(struct bank_message, items) + n * sizeof(struct bank_item);

	message.n_items = n;
	for (unsigned i = 0; i < n; i++)
		message.items[i] =
			(struct bank_item){read_byte(reader) % 20, read_byte(reader) % 3,
					   read_byte(reader) % 4};
	if (how & 0x10)
		message.items[0].slot = (uint32_t)read_number(reader);
	if (how & 0x20)
		message.n_items = (uint32_t)read_number(reader);
	if (how & 0x40)
		size = 1 + read_bytes(reader, 2) % (sizeof(message) - 1);
	send_raw(bank_fd(bank, how >> 7), &message, size, fd, n);
	return n;
}

static uint32_t missing(struct bank *bank)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < RECORDS; slot++)
		n += bank_missing(bank, slot);
	return n;
}

static void want(struct bank *bank, struct reader *reader, uint32_t *ret_wanted)
{
	*ret_wanted = 0;
	for (uint32_t slot = 0; slot < RECORDS; slot++) {
		unsigned n = read_byte(reader) % 3;

		if (bank_want(bank, slot, 1, n) == 0)
			*ret_wanted += n;
	}
}

static void fuzz_bank(struct reader *reader)
{
	struct bank_report report = {0}, again = {0};
	unsigned n_messages = read_byte(reader) % 32, n_fds = 0;
	struct bank *bank;
	uint32_t wanted;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), lowest;

	MUST(bank_create(RECORDS, QUEUES, &ops, NULL, &bank) == 0);
	want(bank, reader, &wanted);
	lowest = dup(fd);
	close(lowest);
	while (n_messages-- > 0)
		n_fds += send_message(bank, reader, fd);
	n_handed = 0;
	MUST(bank_rebuild(bank, &report) == 0);
	/* What is kept is in the queues, too. */
	MUST(n_handed == n_fds && report.kept + missing(bank) == wanted);
	n_handed = 0;
	MUST(bank_rebuild(bank, &again) == 0);
	MUST(n_handed == report.kept && again.kept == report.kept);
	MUST(!again.unwanted && !again.doubled && !again.damaged);
	/* No descriptor is left open. */
	MUST(dup(fd) == lowest);
	close(lowest);
	bank_close(bank);
	close(fd);
}

/* ---- libFuzzer interface ----------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_EMERG);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader reader = {data, size};

	while (reader.size) {
		if (read_byte(&reader) % 2)
			fuzz_ledger(&reader);
		else
			fuzz_bank(&reader);
	}
	return 0;
}
