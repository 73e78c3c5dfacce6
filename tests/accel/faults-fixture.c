/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults-fixture.h"

struct user_queue faults_queue;
uint32_t faults_asid, faults_buffer;
char *faults_view;
int faults_memfd;
static unsigned faults_count; /* so far */

/* ---- start ------------------------------------------------------------------------- */

void faults_map(uint32_t to, uint32_t from, uint64_t offset, uint64_t length,
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

static void faults_open_queue(void)
{
	user_queue_init(&faults_queue, soft_context, 64);
	cr_assert(zero(int, soft_attach(soft_context, faults_queue.id, faults_asid)));
	faults_count = 0;
}

/* Replaces the queue by a new one without a fault. */
void faults_renew_queue(void)
{
	user_queue_finish(&faults_queue);
	cr_assert(
		zero(int, soft_call(soft_context, accel_queue_destroy, faults_queue.id)));
	faults_open_queue();
}

static void faults_init(void)
{
	int own;

	soft_init();
	faults_asid = soft_asid(soft_context, 0);
	faults_memfd = new_memfd(AREA);
	own = fcntl(faults_memfd, F_DUPFD_CLOEXEC, 0);
	cr_assert(zero(int, accel_buffer_import(soft_context, own, &faults_buffer)));
	faults_map(faults_asid, faults_buffer, 0, AREA, RW, BASE);
	faults_view = soft_view(faults_memfd, AREA);
	faults_open_queue();
}

static void faults_finish(void)
{
	munmap(faults_view, AREA);
	close(faults_memfd);
	user_queue_finish(&faults_queue);
	soft_finish();
}

TestSuite(soft_faults, .init = faults_init, .fini = faults_finish);

/* ---- expectations ------------------------------------------------------------------ */

void faults_expect(const struct accel_command *command, enum accel_fault_reason reason,
		   uint32_t at_asid, uint64_t address)
{
	const struct accel_command good = soft_fill(faults_asid, BASE + AREA - 8, 1);
	const struct accel_command late = soft_fill(faults_asid, BASE + AREA - 8, 99);
	const struct accel_fault *fault = &faults_queue.producer.ring->fault;
	struct accel_queue_info info;

	user_queue_submit(&faults_queue, &good);
	user_queue_submit(&faults_queue, &good);
	user_queue_submit(&faults_queue, command);
	user_queue_submit(&faults_queue, &late);
	cr_assert(eq(int, user_queue_wait(&faults_queue), -EIO));
	info = soft_queue_info(soft_context, faults_queue.id);
	faults_count++;
	cr_expect(eq(u32, fault->reason, reason));
	cr_expect(eq(u32, fault->asid, at_asid));
	cr_expect(eq(u64, fault->address, address), "not at %#llx but %#llx",
		  (unsigned long long)address, (unsigned long long)fault->address);
	cr_expect(eq(u64, fault->index, faults_queue.next - 2));
	cr_expect(eq(u32, fault->count, faults_count));
	cr_expect(eq(u64, ring_completed(faults_queue.producer.ring),
		     faults_queue.next - 2));
	cr_expect(zero(int, memcmp(&info.fault, fault, sizeof(*fault))));
	cr_expect(eq(u32, info.state, ACCEL_QUEUE_FAULTED));
	if (reason != ACCEL_FAULT_REVOKED)
		cr_expect(ne(chr, faults_view[AREA - 8], 99),
			  "a cancelled command was executed");
	if (faults_count == 15)
		faults_renew_queue();
	else
		cr_assert(zero(int, soft_call(soft_context, accel_queue_reset,
					      faults_queue.id)));
}

void faults_expect_refused(const struct accel_command *command)
{
	faults_expect(command, ACCEL_FAULT_COMMAND, 0, 0);
}

void faults_expect_good(const struct accel_command *command)
{
	cr_expect(zero(int, user_queue_run(&faults_queue, command)), "op %u, reason %u",
		  command->op, faults_queue.producer.ring->fault.reason);
}

/* ---- good commands ----------------------------------------------------------------- */

struct accel_command faults_good_command(enum accel_op op)
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
		return soft_fill(faults_asid, BASE, 1);
	default:
		break;
	}
	command.dst_asid = command.src_asid = faults_asid;
	command.dst = BASE;
	command.src = BASE + 2 * PAGE;
	command.length = 64;
	if (op != ACCEL_OP_COPY && op != ACCEL_OP_CRC32C) {
		command.src2_asid = faults_asid;
		command.src2 = BASE + 4 * PAGE;
	}
	if (op == ACCEL_OP_MATMUL) {
		command.length = 0;
		command.rows = command.columns = command.inner = 3;
	}
	return command;
}
