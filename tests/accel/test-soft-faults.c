/* SPDX-License-Identifier: MIT */
/*
 * test-soft-faults.c - commands that fault: what a command and its queue must be
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>

#include "faults-fixture.h"

Test(soft_faults, good_ones_do_not)
{
	for (unsigned op = 0; op < ACCEL_OP_COUNT; op++) {
		struct accel_command command = faults_good_command(op);

		faults_expect_good(&command);
		command.flags = ACCEL_COMMAND_NOTIFY;
		faults_expect_good(&command);
	}
}

/* ---- COMMAND ----------------------------------------------------------------------- */

Test(soft_faults, unknown_operation)
{
	struct accel_command command = {.op = ACCEL_OP_COUNT};

	faults_expect_refused(&command);
	command.op = UINT16_MAX;
	faults_expect_refused(&command);
}

Test(soft_faults, unknown_flag)
{
	for (unsigned op = 0; op < ACCEL_OP_COUNT; op++) {
		struct accel_command command = faults_good_command(op);

		command.flags = op % 2 ? 2 : 0x8000;
		faults_expect_refused(&command);
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
		command->dst_asid = faults_asid;
		break;
	case F_SRC:
		command->src = BASE;
		break;
	case F_SRC_ASID:
		command->src_asid = faults_asid;
		break;
	case F_SRC2:
		command->src2 = BASE;
		break;
	case F_SRC2_ASID:
		command->src2_asid = faults_asid;
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
			struct accel_command command = faults_good_command(op);

			if (!(unused[op] & UNUSED(field)))
				continue;
			set_field(&command, field);
			faults_expect_refused(&command);
		}
}

Test(soft_faults, lengths_of_nothing)
{
	for (unsigned op = ACCEL_OP_COPY; op <= ACCEL_OP_VADD; op++) {
		struct accel_command command = faults_good_command(op);

		command.length = 0;
		faults_expect_refused(&command);
	}
}

Test(soft_faults, values_out_of_range)
{
	struct accel_command command = faults_good_command(ACCEL_OP_CRC32C);

	command.value = UINT64_C(1) << 32;
	faults_expect_refused(&command);
	command = faults_good_command(ACCEL_OP_VADD);
	command.length = 62;
	faults_expect_refused(&command);
}

Test(soft_faults, dimensions_out_of_range)
{
	static const uint16_t bad[] = {0, ACCEL_MAX_MATRIX + 1, UINT16_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct accel_command command = faults_good_command(ACCEL_OP_MATMUL);

		command.rows = bad[i];
		faults_expect_refused(&command);
		command = faults_good_command(ACCEL_OP_MATMUL);
		command.columns = bad[i];
		faults_expect_refused(&command);
		command = faults_good_command(ACCEL_OP_MATMUL);
		command.inner = bad[i];
		faults_expect_refused(&command);
	}
}

Test(soft_faults, copy_that_overlaps)
{
	static const int distances[] = {0, 1, 63, -1, -63};

	for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
		struct accel_command command = faults_good_command(ACCEL_OP_COPY);

		command.dst = command.src + (uint64_t)(int64_t)distances[i];
		faults_expect_refused(&command);
	}
	for (int distance = -64; distance <= 64; distance += 128) {
		struct accel_command command = faults_good_command(ACCEL_OP_COPY);

		command.dst = command.src + (uint64_t)(int64_t)distance;
		faults_expect_good(&command);
	}
}

/* ---- ASID -------------------------------------------------------------------------- */

Test(soft_faults, address_spaces_that_are_not_attached)
{
	uint32_t other = soft_asid(soft_context, 0);
	const uint32_t wrong[] = {0, other, faults_buffer, faults_queue.id, UINT32_MAX};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct accel_command command = faults_good_command(ACCEL_OP_XOR);

		command.src_asid = wrong[i];
		faults_expect(&command, ACCEL_FAULT_ASID, wrong[i], command.src);
		command = faults_good_command(ACCEL_OP_XOR);
		command.src2_asid = wrong[i];
		faults_expect(&command, ACCEL_FAULT_ASID, wrong[i], command.src2);
		command = faults_good_command(ACCEL_OP_XOR);
		command.dst_asid = wrong[i];
		faults_expect(&command, ACCEL_FAULT_ASID, wrong[i], command.dst);
	}
}

Test(soft_faults, an_address_space_that_was_detached)
{
	uint32_t other = soft_asid(soft_context, 0);
	struct accel_command command = soft_fill(other, BASE, 3);

	faults_map(other, faults_buffer, 0, PAGE, RW, BASE);
	cr_assert(zero(int, soft_attach(soft_context, faults_queue.id, other)));
	faults_expect_good(&command);
	cr_assert(zero(int, soft_detach(soft_context, faults_queue.id, other)));
	faults_expect(&command, ACCEL_FAULT_ASID, other, BASE);
}

/* ---- FENCE ------------------------------------------------------------------------- */

Test(soft_faults, fences_that_are_none)
{
	const uint32_t wrong[] = {0, faults_asid, faults_buffer, UINT32_MAX};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct accel_command command = {
			.op = i % 2 ? ACCEL_OP_WAIT : ACCEL_OP_SIGNAL,
			.src2_asid = wrong[i],
		};

		faults_expect(&command, ACCEL_FAULT_FENCE, 0, 0);
	}
}

/* ---- the queue --------------------------------------------------------------------- */

Test(soft_faults, others_go_on)
{
	struct accel_command bad = {.op = ACCEL_OP_COUNT};
	struct accel_command good = soft_fill(faults_asid, BASE, 0);
	struct user_queue other;

	user_queue_init(&other, soft_context, 16);
	cr_assert(zero(int, soft_attach(soft_context, other.id, faults_asid)));
	for (uint64_t i = 1; i < 16; i++) {
		user_queue_submit(&faults_queue, &bad);
		good.value = i;
		cr_assert(zero(int, user_queue_run(&other, &good)));
		cr_expect(eq(chr, faults_view[0], (char)i));
		cr_assert(eq(int, user_queue_wait(&faults_queue), -EIO));
		cr_assert(zero(int, soft_call(soft_context, accel_queue_reset,
					      faults_queue.id)));
	}
	/* One fault more exceeds the limit of this queue alone. */
	user_queue_submit(&faults_queue, &bad);
	cr_assert(eq(int, user_queue_wait(&faults_queue), -EIO));
	cr_expect(eq(int, soft_call(soft_context, accel_queue_reset, faults_queue.id),
		     -EIO));
	cr_expect(eq(u32, soft_queue_info(soft_context, faults_queue.id).state,
		     ACCEL_QUEUE_ISOLATED));
	cr_expect(zero(int, user_queue_run(&other, &good)));
	user_queue_finish(&other);
}
