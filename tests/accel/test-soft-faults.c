/* SPDX-License-Identifier: MIT */
/*
 * test-soft-faults.c - commands that fault: reason, address, and the commands around them
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "context.h"
#include "soft-fixture.h"
#include "user-queue.h"

#define AREA   (8 * PAGE)
#define BASE   UINT64_C(0x10000000)
#define BEYOND (BASE + AREA) /* nothing is mapped there */

static struct user_queue queue;
static uint32_t asid, buffer;
static char *view;
static int memfd;       /* of the imported buffer */
static unsigned faults; /* so far */

/* ---- start ------------------------------------------------------------------------- */

static void map_at(uint32_t to, uint32_t from, uint64_t offset, uint64_t length,
		   uint32_t flags, uint64_t iova)
{
	struct accel_asid_map map = {
		.size = sizeof(map),
		.flags = flags | ACCEL_MAP_FIXED,
		.asid = to,
		.buffer = from,
		.offset = offset,
		.length = length,
		.iova = iova,
	};

	cr_assert(zero(int, accel_asid_map(soft_context, &map)));
}

static void open_queue(void)
{
	user_queue_init(&queue, soft_context, 64);
	cr_assert(zero(int, soft_attach(soft_context, queue.id, asid)));
	faults = 0;
}

/* Replaces the queue by a new one without a fault. */
static void renew_queue(void)
{
	user_queue_finish(&queue);
	cr_assert(zero(int, soft_call(soft_context, accel_queue_destroy, queue.id)));
	open_queue();
}

static void init(void)
{
	int own;

	soft_init();
	asid = soft_asid(soft_context, 0);
	memfd = new_memfd(AREA);
	own = fcntl(memfd, F_DUPFD_CLOEXEC, 0);
	cr_assert(zero(int, accel_buffer_import(soft_context, own, &buffer)));
	map_at(asid, buffer, 0, AREA, RW, BASE);
	view = soft_view(memfd, AREA);
	open_queue();
}

static void finish(void)
{
	munmap(view, AREA);
	close(memfd);
	user_queue_finish(&queue);
	soft_finish();
}

TestSuite(soft_faults, .init = init, .fini = finish);

/* ---- expectations ------------------------------------------------------------------ */

/*
 * Two good commands, @command, which must fault as described, and one that is cancelled.
 */
static void expect_fault(const struct accel_command *command,
			 enum accel_fault_reason reason, uint32_t at_asid,
			 uint64_t address)
{
	const struct accel_command good = soft_fill(asid, BASE + AREA - 8, 1);
	const struct accel_command late = soft_fill(asid, BASE + AREA - 8, 99);
	const struct accel_fault *fault = &queue.producer.ring->fault;
	struct accel_queue_info info;

	user_queue_submit(&queue, &good);
	user_queue_submit(&queue, &good);
	user_queue_submit(&queue, command);
	user_queue_submit(&queue, &late);
	cr_assert(eq(int, user_queue_wait(&queue), -EIO));
	info = soft_queue_info(soft_context, queue.id);
	faults++;
	cr_expect(eq(u32, fault->reason, reason));
	cr_expect(eq(u32, fault->asid, at_asid));
	cr_expect(eq(u64, fault->address, address), "not at %#llx but %#llx",
		  (unsigned long long)address, (unsigned long long)fault->address);
	cr_expect(eq(u64, fault->index, queue.next - 2));
	cr_expect(eq(u32, fault->count, faults));
	cr_expect(eq(u64, ring_completed(queue.producer.ring), queue.next - 2));
	cr_expect(zero(int, memcmp(&info.fault, fault, sizeof(*fault))));
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_FAULTED));
	if (reason != ACCEL_FAULT_REVOKED)
		cr_expect(ne(chr, view[AREA - 8], 99),
			  "a cancelled command was executed");
	if (faults == 15)
		renew_queue();
	else
		cr_assert(
			zero(int, soft_call(soft_context, accel_queue_reset, queue.id)));
}

static void expect_refused(const struct accel_command *command)
{
	expect_fault(command, ACCEL_FAULT_COMMAND, 0, 0);
}

static void expect_good(const struct accel_command *command)
{
	cr_expect(zero(int, user_queue_run(&queue, command)), "op %u, reason %u",
		  command->op, queue.producer.ring->fault.reason);
}

/* ---- good commands first ----------------------------------------------------------- */

static struct accel_command good_command(enum accel_op op)
{
	struct accel_command command = {.op = (uint16_t)op};

	switch (op) {
	case ACCEL_OP_NOP:
		return command;
	case ACCEL_OP_SIGNAL:
	case ACCEL_OP_WAIT:
		command.src2_asid = soft_fence(soft_context, 5);
		command.value = 5;
		return command;
	case ACCEL_OP_FILL:
		return soft_fill(asid, BASE, 1);
	default:
		break;
	}
	command.dst_asid = command.src_asid = asid;
	command.dst = BASE;
	command.src = BASE + 2 * PAGE;
	command.length = 64;
	if (op != ACCEL_OP_COPY && op != ACCEL_OP_CRC32C) {
		command.src2_asid = asid;
		command.src2 = BASE + 4 * PAGE;
	}
	if (op == ACCEL_OP_MATMUL) {
		command.length = 0;
		command.rows = command.columns = command.inner = 3;
	}
	return command;
}

Test(soft_faults, good_ones_do_not)
{
	for (unsigned op = 0; op < ACCEL_OP_COUNT; op++) {
		struct accel_command command = good_command(op);

		expect_good(&command);
		command.flags = ACCEL_COMMAND_NOTIFY;
		expect_good(&command);
	}
}

/* ---- COMMAND ----------------------------------------------------------------------- */

Test(soft_faults, unknown_operation)
{
	struct accel_command command = {.op = ACCEL_OP_COUNT};

	expect_refused(&command);
	command.op = UINT16_MAX;
	expect_refused(&command);
}

Test(soft_faults, unknown_flag)
{
	for (unsigned op = 0; op < ACCEL_OP_COUNT; op++) {
		struct accel_command command = good_command(op);

		command.flags = op % 2 ? 2 : 0x8000;
		expect_refused(&command);
	}
}

/* The fields that may be non-zero; some operations require some of them to be zero. */
enum {
	F_DST,
	F_DST_ASID,
	F_SRC,
	F_SRC_ASID,
	F_SRC2,
	F_SRC2_ASID,
	F_LENGTH,
	F_VALUE,
	F_ROWS,
	F_COLUMNS,
	F_INNER,
	F_RESERVED,
	FIELDS
};

static void set_field(struct accel_command *command, unsigned field)
{
	switch (field) {
	case F_DST:
		command->dst = BASE;
		break;
	case F_DST_ASID:
		command->dst_asid = asid;
		break;
	case F_SRC:
		command->src = BASE;
		break;
	case F_SRC_ASID:
		command->src_asid = asid;
		break;
	case F_SRC2:
		command->src2 = BASE;
		break;
	case F_SRC2_ASID:
		command->src2_asid = asid;
		break;
	case F_LENGTH:
		command->length = 1;
		break;
	case F_VALUE:
		command->value = 1;
		break;
	case F_ROWS:
		command->rows = 1;
		break;
	case F_COLUMNS:
		command->columns = 1;
		break;
	case F_INNER:
		command->inner = 1;
		break;
	default:
		command->reserved = 1;
	}
}

#define UNUSED(field) (1U << (field))
#define NO_MATRIX                                                                        \
	(UNUSED(F_ROWS) | UNUSED(F_COLUMNS) | UNUSED(F_INNER) | UNUSED(F_RESERVED))
#define NO_SRC2 (UNUSED(F_SRC2) | UNUSED(F_SRC2_ASID))
#define NO_SRC  (UNUSED(F_SRC) | UNUSED(F_SRC_ASID))
#define NO_DST  (UNUSED(F_DST) | UNUSED(F_DST_ASID))

Test(soft_faults, fields_that_are_not_used)
{
	static const unsigned unused[ACCEL_OP_COUNT] = {
		[ACCEL_OP_NOP] = (1U << FIELDS) - 1,
		[ACCEL_OP_COPY] = NO_MATRIX | NO_SRC2 | UNUSED(F_VALUE),
		[ACCEL_OP_FILL] = NO_MATRIX | NO_SRC2 | NO_SRC,
		[ACCEL_OP_COMPARE] = NO_MATRIX | UNUSED(F_VALUE),
		[ACCEL_OP_CRC32C] = NO_MATRIX | NO_SRC2,
		[ACCEL_OP_XOR] = NO_MATRIX | UNUSED(F_VALUE),
		[ACCEL_OP_VADD] = NO_MATRIX | UNUSED(F_VALUE),
		[ACCEL_OP_MATMUL] =
			UNUSED(F_RESERVED) | UNUSED(F_LENGTH) | UNUSED(F_VALUE),
		[ACCEL_OP_SIGNAL] =
			NO_MATRIX | NO_SRC | NO_DST | UNUSED(F_SRC2) | UNUSED(F_LENGTH),
		[ACCEL_OP_WAIT] =
			NO_MATRIX | NO_SRC | NO_DST | UNUSED(F_SRC2) | UNUSED(F_LENGTH),
	};

	for (unsigned op = 0; op < ACCEL_OP_COUNT; op++)
		for (unsigned field = 0; field < FIELDS; field++) {
			struct accel_command command = good_command(op);

			if (!(unused[op] & UNUSED(field)))
				continue;
			set_field(&command, field);
			expect_refused(&command);
		}
}

Test(soft_faults, lengths_of_nothing)
{
	for (unsigned op = ACCEL_OP_COPY; op <= ACCEL_OP_VADD; op++) {
		struct accel_command command = good_command(op);

		command.length = 0;
		expect_refused(&command);
	}
}

Test(soft_faults, values_out_of_range)
{
	struct accel_command command = good_command(ACCEL_OP_CRC32C);

	command.value = UINT64_C(1) << 32;
	expect_refused(&command);
	command = good_command(ACCEL_OP_VADD);
	command.length = 62;
	expect_refused(&command);
}

Test(soft_faults, dimensions_out_of_range)
{
	static const uint16_t bad[] = {0, ACCEL_MAX_MATRIX + 1, UINT16_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct accel_command command = good_command(ACCEL_OP_MATMUL);

		command.rows = bad[i];
		expect_refused(&command);
		command = good_command(ACCEL_OP_MATMUL);
		command.columns = bad[i];
		expect_refused(&command);
		command = good_command(ACCEL_OP_MATMUL);
		command.inner = bad[i];
		expect_refused(&command);
	}
}

Test(soft_faults, copy_that_overlaps)
{
	static const int distances[] = {0, 1, 63, -1, -63};

	for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
		struct accel_command command = good_command(ACCEL_OP_COPY);

		command.dst = command.src + (uint64_t)(int64_t)distances[i];
		expect_refused(&command);
	}
	for (int distance = -64; distance <= 64; distance += 128) {
		struct accel_command command = good_command(ACCEL_OP_COPY);

		command.dst = command.src + (uint64_t)(int64_t)distance;
		expect_good(&command);
	}
}

/* ---- ASID -------------------------------------------------------------------------- */

Test(soft_faults, address_spaces_that_are_not_attached)
{
	uint32_t other = soft_asid(soft_context, 0);
	const uint32_t wrong[] = {0, other, buffer, queue.id, UINT32_MAX};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct accel_command command = good_command(ACCEL_OP_XOR);

		command.src_asid = wrong[i];
		expect_fault(&command, ACCEL_FAULT_ASID, wrong[i], command.src);
		command = good_command(ACCEL_OP_XOR);
		command.src2_asid = wrong[i];
		expect_fault(&command, ACCEL_FAULT_ASID, wrong[i], command.src2);
		command = good_command(ACCEL_OP_XOR);
		command.dst_asid = wrong[i];
		expect_fault(&command, ACCEL_FAULT_ASID, wrong[i], command.dst);
	}
}

Test(soft_faults, an_address_space_that_was_detached)
{
	uint32_t other = soft_asid(soft_context, 0);
	struct accel_command command = soft_fill(other, BASE, 3);

	map_at(other, buffer, 0, PAGE, RW, BASE);
	cr_assert(zero(int, soft_attach(soft_context, queue.id, other)));
	expect_good(&command);
	cr_assert(zero(int, soft_detach(soft_context, queue.id, other)));
	expect_fault(&command, ACCEL_FAULT_ASID, other, BASE);
}

/* ---- UNMAPPED ---------------------------------------------------------------------- */

Test(soft_faults, addresses_with_nothing_there)
{
	static const uint64_t nowhere[] = {
		0,
		8,
		BASE - 8,
		BEYOND,
		UINT64_C(1) << 48,
		UINT64_C(1) << 63,
		UINT64_MAX - 71,
	};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		struct accel_command command = good_command(ACCEL_OP_XOR);

		command.src = nowhere[i];
		expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, nowhere[i]);
		command = good_command(ACCEL_OP_XOR);
		command.src2 = nowhere[i];
		expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, nowhere[i]);
		command = good_command(ACCEL_OP_XOR);
		command.dst = nowhere[i];
		expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, nowhere[i]);
	}
}

Test(soft_faults, ranges_that_run_out_of_a_mapping)
{
	for (unsigned op = ACCEL_OP_COPY; op <= ACCEL_OP_MATMUL; op++) {
		struct accel_command command = good_command(op);

		if (op == ACCEL_OP_FILL)
			continue;
		/* The bytes before it are equal. */
		command.src = BEYOND - 4;
		expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, BEYOND);
	}
	for (unsigned op = ACCEL_OP_COPY; op <= ACCEL_OP_MATMUL; op++) {
		struct accel_command command = good_command(op);

		if (op == ACCEL_OP_COMPARE || op == ACCEL_OP_CRC32C)
			continue;
		if (op == ACCEL_OP_FILL)
			command.length = 64;
		command.dst = BEYOND - 16;
		/* The device writes at least a row of the product. */
		expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, BEYOND);
	}
}

Test(soft_faults, a_gap_in_the_middle)
{
	struct accel_command command = good_command(ACCEL_OP_COPY);

	/* Two more pages, beyond a hole of one page. */
	map_at(asid, buffer, 0, 2 * PAGE, RW, BEYOND + PAGE);
	memset(view, 's', AREA);
	memset(view + 7 * PAGE, 'd', PAGE);
	command.src = BASE;
	command.dst = BASE + 7 * PAGE + 100;
	command.length = 3 * PAGE;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, BEYOND);
	for (size_t i = 7 * PAGE; i < AREA - 8; i++)
		cr_assert(eq(chr, view[i], i < 7 * PAGE + 100 ? 'd' : 's'), "byte %zu",
			  i);
	cr_expect(eq(chr, view[0], 's'), "wrote beyond the gap");
}

Test(soft_faults, ranges_that_wrap)
{
	struct accel_command command = good_command(ACCEL_OP_XOR);

	command.src2 = UINT64_MAX - 62;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, command.src2);
	command = good_command(ACCEL_OP_COPY);
	command.length = UINT64_MAX;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, command.src);
	command = soft_fill(asid, BASE, 1);
	command.length = UINT64_MAX;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, BASE);
	/* The largest length that does not wrap. */
	command.length = UINT64_MAX - BASE + 1;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, BEYOND);
	command = good_command(ACCEL_OP_MATMUL);
	command.src2 = UINT64_MAX - 31;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, command.src2);
}

Test(soft_faults, a_mapping_that_is_gone)
{
	struct accel_command command = soft_fill(asid, BEYOND, 3);

	map_at(asid, buffer, 0, PAGE, RW, BEYOND);
	expect_good(&command);
	cr_assert(eq(i64, soft_unmap(soft_context, asid, BEYOND, PAGE), (int64_t)PAGE));
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, asid, BEYOND);
}

/* ---- PERMISSION -------------------------------------------------------------------- */

Test(soft_faults, accesses_that_are_not_allowed)
{
	struct accel_command command = good_command(ACCEL_OP_XOR);

	map_at(asid, buffer, 0, PAGE, ACCEL_MAP_READ, BEYOND);
	map_at(asid, buffer, 0, PAGE, ACCEL_MAP_WRITE, BEYOND + PAGE);
	command.dst = BEYOND - 24;
	expect_fault(&command, ACCEL_FAULT_PERMISSION, asid, BEYOND);
	command = soft_fill(asid, BEYOND + 40, 9);
	expect_fault(&command, ACCEL_FAULT_PERMISSION, asid, BEYOND + 40);
	command = good_command(ACCEL_OP_XOR);
	command.src = BEYOND + PAGE - 8;
	expect_fault(&command, ACCEL_FAULT_PERMISSION, asid, BEYOND + PAGE);
	command.src = BEYOND;
	command.src2 = BEYOND + PAGE + 3;
	expect_fault(&command, ACCEL_FAULT_PERMISSION, asid, BEYOND + PAGE + 3);
	command.src2 = BEYOND;
	command.dst = BEYOND + PAGE;
	expect_good(&command);
}

/* ---- ALIGNMENT --------------------------------------------------------------------- */

Test(soft_faults, results_and_numbers_are_aligned)
{
	static const struct {
		uint16_t op;
		unsigned src, dst; /* alignment of operands and result */
	} rules[] = {
		{ACCEL_OP_COPY, 1, 1},   {ACCEL_OP_XOR, 1, 1},  {ACCEL_OP_COMPARE, 1, 8},
		{ACCEL_OP_CRC32C, 1, 4}, {ACCEL_OP_VADD, 4, 4}, {ACCEL_OP_MATMUL, 4, 4},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (unsigned off = 1; off <= 8; off++) {
			struct accel_command command = good_command(rules[i].op);

			command.src += off;
			if (off % rules[i].src)
				expect_fault(&command, ACCEL_FAULT_ALIGNMENT, asid,
					     command.src);
			else
				expect_good(&command);
			command = good_command(rules[i].op);
			command.dst += off;
			if (off % rules[i].dst)
				expect_fault(&command, ACCEL_FAULT_ALIGNMENT, asid,
					     command.dst);
			else
				expect_good(&command);
		}
}

/* ---- REVOKED and DEVICE ------------------------------------------------------------ */

Test(soft_faults, memory_that_was_truncated)
{
	struct accel_command command = good_command(ACCEL_OP_COPY);

	command.src = BASE;
	command.dst = BASE + 5 * PAGE + 8;
	command.length = 2 * PAGE;
	expect_good(&command);
	cr_assert(zero(int, ftruncate(memfd, 6 * PAGE)));
	munmap(view, AREA);
	view = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	/* The fixture's own commands use the last page. */
	user_queue_submit(&queue, &command);
	cr_assert(eq(int, user_queue_wait(&queue), -EIO));
	cr_expect(eq(u32, queue.producer.ring->fault.reason, ACCEL_FAULT_REVOKED));
	cr_expect(eq(u64, queue.producer.ring->fault.address, BASE + 6 * PAGE));
	cr_expect(eq(u32, queue.producer.ring->fault.asid, asid));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, queue.id)));
	command.src = BASE + 7 * PAGE + 5;
	command.dst = BASE;
	command.length = 8;
	cr_assert(eq(int, user_queue_run(&queue, &command), -EIO));
	cr_expect(eq(u32, queue.producer.ring->fault.reason, ACCEL_FAULT_REVOKED));
	cr_expect(eq(u64, queue.producer.ring->fault.address, BASE + 7 * PAGE + 5));
	/* Pages come back when the file grows again. */
	cr_assert(zero(int, ftruncate(memfd, AREA)));
	cr_assert(zero(int, soft_call(soft_context, accel_queue_reset, queue.id)));
	expect_good(&command);
}

Test(soft_faults, memory_that_was_revoked)
{
	uint32_t own = soft_buffer(soft_context, 2 * PAGE, 0);
	struct accel_command command = soft_fill(asid, BEYOND + PAGE + 8, 3);

	map_at(asid, own, 0, 2 * PAGE, RW, BEYOND);
	expect_good(&command);
	cr_assert(zero(int, soft_call(soft_context, accel_buffer_revoke, own)));
	expect_fault(&command, ACCEL_FAULT_REVOKED, asid, BEYOND + PAGE + 8);
	command = good_command(ACCEL_OP_MATMUL);
	command.src2 = BEYOND;
	expect_fault(&command, ACCEL_FAULT_REVOKED, asid, BEYOND);
}

Test(soft_faults, a_hole_reads_as_zero)
{
	struct accel_command command = good_command(ACCEL_OP_COPY);

	memset(view, 'x', AREA);
	cr_assert(zero(int, fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      2 * PAGE, PAGE)));
	expect_good(&command);
	cr_expect(zero(int, view[0]));
}

/* Replaces a page of the test's mapping of the buffer by one that cannot be read. */
static void break_page(size_t page)
{
	struct accel_base *base =
		accel_context_get(soft_context, ACCEL_TYPE_BUFFER, buffer);
	char *memory = ((struct accel_buffer *)base)->memory;
	int empty = new_memfd(0);

	cr_assert(ne(ptr,
		     mmap(memory + page * PAGE, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, empty, 0),
		     MAP_FAILED));
	close(empty);
	accel_base_unref(base);
}

Test(soft_faults, memory_that_the_device_cannot_have)
{
	struct accel_command command = soft_fill(asid, BASE + 3 * PAGE + 16, 1);

	break_page(3);
	expect_fault(&command, ACCEL_FAULT_DEVICE, asid, BASE + 3 * PAGE + 16);
	command = good_command(ACCEL_OP_COMPARE);
	command.src2 = BASE + 3 * PAGE - 32;
	command.length = 100;
	expect_fault(&command, ACCEL_FAULT_DEVICE, asid, BASE + 3 * PAGE);
}

static atomic_bool stop;

/* Truncates the last pages and restores them, repeatedly. */
static void *truncate_often(void *arg)
{
	while (!stop) {
		if (ftruncate(memfd, 3 * PAGE) < 0 || ftruncate(memfd, AREA) < 0)
			return (void *)1;
	}
	return NULL;
}

Test(soft_faults, memory_that_is_truncated_while_it_is_copied)
{
	struct accel_command command = good_command(ACCEL_OP_COPY);
	unsigned revoked = 0;
	pthread_t thread;
	void *failed;

	command.src = BASE;
	command.dst = BASE + 4 * PAGE;
	command.length = 4 * PAGE;
	cr_assert(zero(int, pthread_create(&thread, NULL, truncate_often, NULL)));
	for (unsigned i = 0; i < 30000 && revoked < 200; i++) {
		const struct accel_fault *fault;
		int r = user_queue_run(&queue, &command);

		if (r == 0)
			continue;
		cr_assert(eq(int, r, -EIO));
		fault = &queue.producer.ring->fault;
		/* The page can be back by the time the reason is determined. */
		if (fault->reason != ACCEL_FAULT_DEVICE)
			cr_assert(eq(u32, fault->reason, ACCEL_FAULT_REVOKED));
		cr_assert(ge(u64, fault->address, BASE + 3 * PAGE));
		cr_assert(lt(u64, fault->address, BEYOND));
		revoked += fault->reason == ACCEL_FAULT_REVOKED;
		renew_queue();
	}
	stop = true;
	pthread_join(thread, &failed);
	cr_expect(zero(ptr, failed));
	cr_expect(gt(uint, revoked, 0), "no command was hit");
}

/* ---- FENCE ------------------------------------------------------------------------- */

Test(soft_faults, fences_that_are_none)
{
	const uint32_t wrong[] = {0, asid, buffer, UINT32_MAX};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct accel_command command = {
			.op = i % 2 ? ACCEL_OP_WAIT : ACCEL_OP_SIGNAL,
			.src2_asid = wrong[i],
		};

		expect_fault(&command, ACCEL_FAULT_FENCE, 0, 0);
	}
}

/* ---- SVA --------------------------------------------------------------------------- */

/* Binds the calling process. */
static uint32_t bind_self(void)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	int r = accel_asid_create_sva(soft_context, &arg, mem, maps);

	if (r == -EOPNOTSUPP)
		cr_skip("this kernel has no PROCMAP_QUERY");
	cr_assert(zero(int, r));
	cr_assert(zero(int, soft_attach(soft_context, queue.id, arg.id)));
	return arg.id;
}

Test(soft_faults, protections_of_a_process)
{
	uint32_t sva = bind_self();
	struct accel_command command = good_command(ACCEL_OP_COPY);
	char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)memory;

	cr_assert(zero(int, mprotect(memory + PAGE, PAGE, PROT_READ)));
	cr_assert(zero(int, mprotect(memory + 2 * PAGE, PAGE, PROT_NONE)));
	cr_assert(zero(int, munmap(memory + 3 * PAGE, PAGE)));
	command.dst_asid = sva;
	command.dst = at + PAGE - 16;
	expect_fault(&command, ACCEL_FAULT_PERMISSION, sva, at + PAGE);
	cr_expect(zero(int, memory[PAGE]));
	command = good_command(ACCEL_OP_COPY);
	command.src_asid = sva;
	command.src = at + 2 * PAGE - 16;
	expect_fault(&command, ACCEL_FAULT_PERMISSION, sva, at + 2 * PAGE);
	command.src = at + 3 * PAGE + 1;
	expect_fault(&command, ACCEL_FAULT_UNMAPPED, sva, at + 3 * PAGE + 1);
	command.src = at + PAGE - 16;
	expect_good(&command);
	munmap(memory, 3 * PAGE);
}

/*
 * Binds a child that exits when its socket is closed, through its files, which it sends.
 */
static uint32_t bind_child(pid_t *ret_pid, int *ret_socket)
{
	struct accel_asid_create arg = {.size = sizeof(arg)};
	int sockets[2], mem, maps, r;
	char path[40], letter;

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)));
	*ret_pid = fork();
	if (*ret_pid == 0) {
		close(sockets[0]);
		alarm(60);
		_exit(read(sockets[1], &letter, 1) != 0);
	}
	close(sockets[1]);
	*ret_socket = sockets[0];
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)*ret_pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)*ret_pid);
	maps = open(path, O_RDONLY | O_CLOEXEC);
	r = accel_asid_create_sva(soft_context, &arg, mem, maps);
	if (r == -EOPNOTSUPP)
		cr_skip("this kernel has no PROCMAP_QUERY");
	cr_assert(zero(int, r));
	cr_assert(zero(int, soft_attach(soft_context, queue.id, arg.id)));
	return arg.id;
}

Test(soft_faults, a_process_that_is_gone)
{
	struct accel_command command = good_command(ACCEL_OP_COPY);
	char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t sva;
	int socket;
	pid_t pid;

	strcpy(memory, "of the child");
	sva = bind_child(&pid, &socket);
	strcpy(memory, "of the parent");
	command.src_asid = sva;
	command.src = (uintptr_t)memory;
	expect_good(&command);
	cr_expect(eq(str, view, (char *)"of the child"));
	close(socket);
	cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
	expect_fault(&command, ACCEL_FAULT_SVA, sva, command.src);
	command = good_command(ACCEL_OP_COPY);
	command.dst_asid = sva;
	command.dst = (uintptr_t)memory;
	expect_fault(&command, ACCEL_FAULT_SVA, sva, command.dst);
	munmap(memory, PAGE);
}

/* ---- the queue --------------------------------------------------------------------- */

Test(soft_faults, others_go_on)
{
	struct accel_command bad = {.op = ACCEL_OP_COUNT};
	struct accel_command good = soft_fill(asid, BASE, 0);
	struct user_queue other;

	user_queue_init(&other, soft_context, 16);
	cr_assert(zero(int, soft_attach(soft_context, other.id, asid)));
	for (uint64_t i = 1; i < 16; i++) {
		user_queue_submit(&queue, &bad);
		good.value = i;
		cr_assert(zero(int, user_queue_run(&other, &good)));
		cr_expect(eq(chr, view[0], (char)i));
		cr_assert(eq(int, user_queue_wait(&queue), -EIO));
		cr_assert(
			zero(int, soft_call(soft_context, accel_queue_reset, queue.id)));
	}
	/* One fault more exceeds the limit of this queue alone. */
	user_queue_submit(&queue, &bad);
	cr_assert(eq(int, user_queue_wait(&queue), -EIO));
	cr_expect(eq(int, soft_call(soft_context, accel_queue_reset, queue.id), -EIO));
	cr_expect(eq(u32, soft_queue_info(soft_context, queue.id).state,
		     ACCEL_QUEUE_ISOLATED));
	cr_expect(zero(int, user_queue_run(&other, &good)));
	user_queue_finish(&other);
}
