/* SPDX-License-Identifier: MIT */
#include "shapes.h"

#include <fcntl.h>
#include <string.h>

#include "host.h"
#include "util.h"

/* ---- the table --------------------------------------------------------------------- */

/* The type of a field. */
enum what {
	END,
	ID, /* of a kind: ID + kind */
	NUMBER = ID + KINDS,
	PAGES, /* 8 bytes */
	FD,    /* one of place_fds() */
	MEM,   /* mostly the valid one */
	MAPS,
	ACCESS,  /* O_RDONLY, O_RDWR */
	MAPPING, /* flags of a mapping */
	BIT,     /* 0 or 1 */
	ENTRIES,
	COUNT, /* and the commands that follow */
};

#define BUFFERS (ID + BUFFER)
#define ASIDS   (ID + ASID)
#define SETS    (ID + SET)
#define QUEUES  (ID + QUEUE)
#define FENCES  (ID + FENCE)

struct shape {
	unsigned int size;
	struct {
		uint8_t offset, what;
	} fields[7];
	/* For a command that creates something: offset and kind of its id. */
	uint8_t made_at, made;
};

#define SHAPE(command, ...) [_IOC_NR(command)] = {_IOC_SIZE(command), {__VA_ARGS__}}
#define MAKES(command, offset, kind, ...)                                                \
	[_IOC_NR(command)] = {_IOC_SIZE(command), {__VA_ARGS__}, offset, kind}

static const struct shape shapes[256] = {
	SHAPE(DMABUFFS_IOC_EXPORT, {8, FD}),
	SHAPE(DMABUFFS_IOC_REVOKE, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_INFO, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_WITHDRAW, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_LIST, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_ENDED, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_LIMITS, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_UPGRADE, {4, NUMBER}),
	SHAPE(DMABUFFS_IOC_ENTRIES, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_TOKEN, {8, NUMBER}),
	SHAPE(DMABUFFS_IOC_IDENTIFY, {8, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_DEVICE_INFO, {8, END}),
	MAKES(DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, 16, BUFFER, {4, BIT}, {8, PAGES}),
	MAKES(DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, 12, BUFFER, {8, FD}),
	SHAPE(DMABUFFS_ACCEL_IOC_BUFFER_FREE, {8, BUFFERS}),
	SHAPE(DMABUFFS_ACCEL_IOC_BUFFER_REVOKE, {8, BUFFERS}),
	SHAPE(DMABUFFS_ACCEL_IOC_BUFFER_INFO, {8, BUFFERS}),
	SHAPE(DMABUFFS_ACCEL_IOC_OPEN, {8, BUFFERS}, {12, ACCESS}),
	MAKES(DMABUFFS_ACCEL_IOC_ASID_CREATE, 12, ASID, {4, BIT}, {8, SETS}),
	MAKES(DMABUFFS_ACCEL_IOC_ASID_SVA, 20, ASID, {8, MEM}, {12, MAPS}, {16, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_DESTROY, {8, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_INFO, {8, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_MAP, {4, MAPPING}, {8, ASIDS}, {12, BUFFERS},
	      {16, PAGES}, {24, PAGES}, {32, PAGES}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_UNMAP, {8, ASIDS}, {16, PAGES}, {24, PAGES}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_COPY, {4, MAPPING}, {8, ASIDS}, {12, ASIDS},
	      {16, PAGES}, {24, PAGES}, {32, PAGES}),
	SHAPE(DMABUFFS_ACCEL_IOC_ASID_EXPORT, {8, ASIDS}),
	MAKES(DMABUFFS_ACCEL_IOC_ASID_IMPORT, 12, ASID, {8, FD}),
	MAKES(DMABUFFS_ACCEL_IOC_SET_CREATE, 12, SET, {8, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_DESTROY, {8, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_INFO, {8, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_BIND, {8, SETS}, {12, ASIDS}, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_UNBIND, {8, SETS}, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_LOOKUP, {4, BIT}, {8, SETS}, {12, ASIDS},
	      {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_SET_NEXT, {8, SETS}, {12, ASIDS}),
	MAKES(DMABUFFS_ACCEL_IOC_QUEUE_CREATE, 16, QUEUE, {4, BIT}, {8, ENTRIES},
	      {12, SETS}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_DESTROY, {8, QUEUES}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, {8, QUEUES}, {12, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_DETACH, {8, QUEUES}, {12, ASIDS}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT, {8, QUEUES}, {12, COUNT}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_RESET, {8, QUEUES}),
	SHAPE(DMABUFFS_ACCEL_IOC_QUEUE_INFO, {8, QUEUES}),
	MAKES(DMABUFFS_ACCEL_IOC_FENCE_CREATE, 8, FENCE, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_FENCE_DESTROY, {8, FENCES}),
	SHAPE(DMABUFFS_ACCEL_IOC_FENCE_SIGNAL, {8, FENCES}, {16, NUMBER}),
	SHAPE(DMABUFFS_ACCEL_IOC_FENCE_QUERY, {8, FENCES}),
};

/* ---- reading ----------------------------------------------------------------------- */

/* An id created earlier, or 0 if there is none. */
static uint32_t shapes_read_id(const struct objects *objects, struct reader *reader,
			       enum kind kind)
{
	uint8_t byte = read_byte(reader);

	return byte >= 0xf0 ? byte & 0x0f : objects->ids[kind][byte % IDS];
}

void shapes_put_word(uint8_t *body, size_t offset, uint32_t word)
{
	memcpy(body + offset, &word, sizeof(word));
}

static void shapes_read_commands(const struct objects *objects, struct reader *reader,
				 struct accel_command *commands, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct accel_command *command = &commands[i];

		command->op = read_byte(reader) % (ACCEL_OP_COUNT + 1);
		if (command->op == ACCEL_OP_SIGNAL || command->op == ACCEL_OP_WAIT) {
			command->src2_asid = shapes_read_id(objects, reader, FENCE);
			command->value = read_number(reader);
			continue;
		}
		command->dst_asid = shapes_read_id(objects, reader, ASID);
		command->dst = FUZZ_PAGE * (read_byte(reader) & 15);
		command->length = 4 * (1u + read_byte(reader));
		if (command->op == ACCEL_OP_FILL)
			continue;
		command->src_asid = shapes_read_id(objects, reader, ASID);
		command->src = FUZZ_PAGE * (read_byte(reader) & 15);
		if (command->op == ACCEL_OP_COPY || command->op == ACCEL_OP_CRC32C)
			continue;
		command->src2_asid = shapes_read_id(objects, reader, ASID);
		command->src2 = FUZZ_PAGE * (read_byte(reader) & 15);
	}
}

static void shapes_read_field(const struct objects *objects, struct reader *reader,
			      uint8_t *body, size_t offset, unsigned int what)
{
	uint64_t pages;

	if (what >= ID && what < ID + KINDS) {
		shapes_put_word(body, offset,
				shapes_read_id(objects, reader, (enum kind)(what - ID)));
		return;
	}
	switch (what) {
	case NUMBER:
		shapes_put_word(body, offset, (uint32_t)read_number(reader));
		break;
	case PAGES:
		pages = FUZZ_PAGE * (read_byte(reader) & 15);
		memcpy(body + offset, &pages, sizeof(pages));
		break;
	case FD:
		shapes_put_word(body, offset, HOST_FIRST_FD + read_byte(reader) % 8u);
		break;
	case MEM:
	case MAPS:
		if (read_byte(reader) & 0xe0)
			shapes_put_word(body, offset,
					HOST_FIRST_FD +
						(what == MEM ? HOST_MEM : HOST_MAPS));
		break;
	case ACCESS:
		shapes_put_word(body, offset, read_byte(reader) & 1 ? O_RDWR : O_RDONLY);
		break;
	case MAPPING:
		shapes_put_word(body, offset, read_byte(reader) & 7);
		break;
	case BIT:
		shapes_put_word(body, offset, read_byte(reader) & 1);
		break;
	case ENTRIES:
		shapes_put_word(body, offset, 16u << (read_byte(reader) & 3));
		break;
	case COUNT:
		shapes_put_word(body, offset, 1u + read_byte(reader) % 4u);
		shapes_read_commands(
			objects, reader,
			(void *)(body + offsetof(struct accel_queue_submit, commands)),
			body[offset]);
		break;
	}
}

unsigned int shapes_read_command(struct reader *reader)
{
	unsigned int byte = read_byte(reader), nr = 0;

	if (byte >= 0xf0)
		return read_byte(reader);
	for (unsigned int n = byte % 39 + 1; n; nr++)
		n -= shapes[nr].size != 0;
	return nr - 1;
}

static void shapes_put_tickets(const struct objects *objects, uint8_t *body,
			       unsigned int nr)
{
	static const size_t of_sva[] = {offsetof(struct dmabuffs_accel_sva, mem_ticket),
					offsetof(struct dmabuffs_accel_sva, maps_ticket)};

	shapes_put_word(body, 4, DMABUFFS_ACCEL_TICKET);
	shapes_put_word(body, 8, UINT32_MAX);
	if (nr != _IOC_NR(DMABUFFS_ACCEL_IOC_ASID_SVA)) {
		memcpy(body + offsetof(struct dmabuffs_accel_import, ticket),
		       objects->ticket, sizeof(objects->ticket));
		return;
	}
	shapes_put_word(body, 12, UINT32_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(of_sva); i++)
		memcpy(body + of_sva[i], objects->ticket, sizeof(objects->ticket));
}

unsigned int shapes_size(unsigned int nr)
{
	return shapes[nr].size;
}

void shapes_read(const struct objects *objects, struct reader *reader, uint8_t *body,
		 unsigned int nr)
{
	const struct shape *shape = &shapes[nr];
	uint8_t how = read_byte(reader);

	for (size_t i = 0; i < ARRAY_SIZE(shape->fields); i++)
		shapes_read_field(objects, reader, body, shape->fields[i].offset,
				  shape->fields[i].what);
	if ((shape->fields[0].what == FD || shape->fields[0].what == MEM) && how & 0x40)
		shapes_put_tickets(objects, body, nr);
	for (unsigned int n = how & 0x80 ? how & 7 : 0; n; n--) {
		size_t offset = 4 + read_byte(reader) % 64 * 4u;
		uint64_t value = read_number(reader);

		memcpy(body + offset, &value, offset & 4 ? 4 : 8);
	}
}

static void shapes_keep_id(struct objects *objects, const struct shape *shape,
			   const uint8_t *body)
{
	uint32_t id;

	memcpy(&id, body + shape->made_at, sizeof(id));
	MUST(id);
	/* The first id fills all slots. */
	for (int i = 0; i < IDS && !objects->n_ids[shape->made]; i++)
		objects->ids[shape->made][i] = id;
	objects->ids[shape->made][objects->n_ids[shape->made]++ % IDS] = id;
}

void shapes_keep(struct objects *objects, unsigned int nr, const uint8_t *body)
{
	if (shapes[nr].made_at)
		shapes_keep_id(objects, &shapes[nr], body);
	if (nr == _IOC_NR(DMABUFFS_ACCEL_IOC_OPEN))
		memcpy(objects->ticket,
		       body + offsetof(struct dmabuffs_accel_open, ticket),
		       sizeof(objects->ticket));
}
