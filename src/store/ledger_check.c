/* SPDX-License-Identifier: MIT */
#include "store/ledger_private.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

#define LEDGER_PAGE         4096U
#define LEDGER_CAPACITY_MAX (UINT32_C(1) << 30)
#define LEDGER_QUEUES_MAX   64U

static const uint32_t ledger_record_sizes[LEDGER_KINDS] = {
	[LEDGER_USER] = sizeof(struct ledger_user),
	[LEDGER_CALLER] = sizeof(struct ledger_caller),
	[LEDGER_DESCRIPTION] = sizeof(struct ledger_description),
	[LEDGER_EXPORT] = sizeof(struct ledger_export),
	[LEDGER_OPEN] = sizeof(struct ledger_open),
	[LEDGER_ACCEL] = sizeof(struct ledger_accel),
	[LEDGER_MAPPING] = sizeof(struct ledger_accel),
	[LEDGER_CHUNK] = sizeof(struct ledger_chunk),
};

static uint64_t ledger_round_up(uint64_t bytes)
{
	return (bytes + LEDGER_PAGE - 1) / LEDGER_PAGE * LEDGER_PAGE;
}

static bool ledger_is_even(uint32_t n)
{
	return n % 2 == 0;
}

int ledger_lay_out(const struct ledger_config *config, struct ledger_header *header)
{
	uint64_t end = LEDGER_HEADER_ROOM;

	if (!ledger_is_even(config->n_queues) || config->n_queues > LEDGER_QUEUES_MAX)
		return -EINVAL;
	header->header_size = sizeof(*header);
	header->n_queues = config->n_queues;
	header->past = end;
	end = ledger_round_up(end + LEDGER_PAST * sizeof(struct ledger_past));
	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		struct ledger_section *section = &header->sections[i];

		if (config->capacity[i] == 0 || config->capacity[i] > LEDGER_CAPACITY_MAX)
			return -EINVAL;
		section->offset = end;
		section->record_size = ledger_record_sizes[i];
		section->capacity = config->capacity[i];
		end += (uint64_t)section->record_size * section->capacity;
		end = ledger_round_up(end);
	}
	header->received = end;
	end += (uint64_t)LEDGER_RECEIVERS * LEDGER_RECEIVE_SIZE;
	header->kept = end;
	end += (uint64_t)LEDGER_KEPT * LEDGER_KEPT_SIZE;
	header->size = end;
	return 0;
}

/* ---- what a predecessor left ------------------------------------------------------- */

static int ledger_refuse(char *ret_why, int error, const char *format, ...)
	_printf_(3, 4);

static int ledger_refuse(char *ret_why, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(ret_why, LEDGER_WHY_SIZE, format, args);
	va_end(args);
	return error;
}

/* Sealed, so that no access to the mapping can raise SIGBUS. */
int64_t ledger_check_file(int fd, char ret_why[LEDGER_WHY_SIZE])
{
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (flags < 0)
		return ledger_refuse(ret_why, -EBADF, "no descriptor");
	if (seals < 0)
		return ledger_refuse(ret_why, -EBADFD, "not a memfd");
	if ((flags & O_ACCMODE) != O_RDWR)
		return ledger_refuse(ret_why, -EBADFD, "not open for writing");
	if (!(seals & F_SEAL_SHRINK) || !(seals & F_SEAL_GROW))
		return ledger_refuse(ret_why, -EBADFD, "not sealed against resizing");
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return ledger_refuse(ret_why, -EBADFD, "sealed against writing");
	if (fstat(fd, &st) < 0)
		return ledger_refuse(ret_why, -errno, "no size");
	if (st.st_size < LEDGER_HEADER_ROOM)
		return ledger_refuse(ret_why, -EPROTO, "cut to %lld bytes",
				     (long long)st.st_size);
	return st.st_size;
}

static int ledger_check_sections(const struct ledger_header *header,
				 const struct ledger_header *expected, char *ret_why)
{
	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		const struct ledger_section *section = &header->sections[i];

		if (section->offset != expected->sections[i].offset)
			return ledger_refuse(
				ret_why, -EBADMSG,
				"records of kind %zu at %llu, not at %llu", i,
				(unsigned long long)section->offset,
				(unsigned long long)expected->sections[i].offset);
		if (section->high > section->capacity)
			return ledger_refuse(ret_why, -EBADMSG,
					     "%u of %u records of kind %zu in use",
					     section->high, section->capacity, i);
	}
	return 0;
}

static int ledger_check_sizes(const struct ledger_header *header, uint64_t size,
			      char *ret_why)
{
	struct ledger_config config = {.n_queues = header->n_queues};
	struct ledger_header expected = {0};

	for (size_t i = 0; i < LEDGER_KINDS; i++) {
		if (header->sections[i].record_size != ledger_record_sizes[i])
			return ledger_refuse(ret_why, -EPROTO,
					     "records of kind %zu have %u bytes, not %u",
					     i, header->sections[i].record_size,
					     ledger_record_sizes[i]);
		config.capacity[i] = header->sections[i].capacity;
	}
	if (ledger_lay_out(&config, &expected) < 0)
		return ledger_refuse(ret_why, -EBADMSG, "capacities out of range");
	if (expected.size != size || header->size != size ||
	    header->past != expected.past || header->received != expected.received ||
	    header->kept != expected.kept)
		return ledger_refuse(ret_why, -EBADMSG, "%llu bytes instead of %llu",
				     (unsigned long long)size,
				     (unsigned long long)expected.size);
	return ledger_check_sections(header, &expected, ret_why);
}

static int ledger_check_init(const struct ledger_header *header, char *ret_why)
{
	uint32_t init_size = atomic_load(&header->init_size);
	uint32_t reply_size = atomic_load(&header->reply_size);

	if (init_size > LEDGER_INIT_MAX || reply_size > LEDGER_INIT_MAX)
		return ledger_refuse(ret_why, -EBADMSG,
				     "FUSE_INIT of %u bytes with a reply of %u",
				     init_size, reply_size);
	if (!memchr(header->options, 0, sizeof(header->options)))
		return ledger_refuse(ret_why, -EBADMSG, "options without an end");
	return 0;
}

int ledger_check_header(const struct ledger_header *header, uint64_t size,
			char ret_why[LEDGER_WHY_SIZE])
{
	int r;

	if (header->magic != LEDGER_MAGIC)
		return ledger_refuse(ret_why, -EBADMSG, "not a ledger");
	if (header->version != LEDGER_VERSION)
		return ledger_refuse(ret_why, -EPROTO, "version %u, not %u",
				     header->version, LEDGER_VERSION);
	if (header->header_size != sizeof(*header))
		return ledger_refuse(ret_why, -EPROTO, "header of %u bytes, not %zu",
				     header->header_size, sizeof(*header));
	r = ledger_check_sizes(header, size, ret_why);
	return r < 0 ? r : ledger_check_init(header, ret_why);
}

/* ---- records ----------------------------------------------------------------------- */

/*
 * The kernel gives -1 as an id where it has none to give, and never as that of an owner:
 * it refuses a chown(2) to an id that the mount does not map, and a caller without one
 * has no export (.idmap). Such a file could be neither removed nor given away.
 */
bool ledger_is_owner(uint32_t uid, uint32_t gid)
{
	return uid != LEDGER_NO_ID && gid != LEDGER_NO_ID;
}

bool ledger_node_is_sound(const struct ledger_node *node, uint32_t type)
{
	return (node->mode & ~07777U) == type && ledger_is_owner(node->uid, node->gid) &&
	       node->atime_ns <= LEDGER_NS_MAX && node->mtime_ns <= LEDGER_NS_MAX &&
	       node->ctime_ns <= LEDGER_NS_MAX;
}
