/* SPDX-License-Identifier: MIT */
#include "exec.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "compute.h"
#include "util.h"

/* Fields that an operation uses. */
enum {
	USES_DST = 1 << 0,
	USES_SRC = 1 << 1,
	USES_SRC2 = 1 << 2,
	USES_FENCE = 1 << 3, /* src2_asid, value */
	USES_LENGTH = 1 << 4,
	USES_VALUE = 1 << 5,
	USES_MATRIX = 1 << 6, /* rows, columns, inner */
};

/* One command at work. */
struct job {
	struct engine *engine;
	const struct accel_command *command;
	struct accel_fault *fault;
	struct operand dst, src, src2; /* those it uses */
};

struct operation {
	unsigned uses;
	unsigned operand_align, dst_align;
	size_t dst_bytes; /* 0: as long as the others */
	int (*run)(struct job *job);
};

static int exec_refuse(struct accel_fault *fault, enum accel_fault_reason reason)
{
	fault->reason = reason;
	return -EFAULT;
}

/* ---- operations -------------------------------------------------------------------- */

static int exec_run_nop(struct job *job)
{
	return 0;
}

static int exec_run_copy(struct job *job)
{
	const struct access access = {job->engine, {&job->dst, &job->src}, 2, job->fault};
	uint64_t length = job->command->length;

	/* Ranges do not wrap, so neither do the distances in the one that is near. */
	if (job->dst.asid == job->src.asid &&
	    (job->dst.address - job->src.address < length ||
	     job->src.address - job->dst.address < length))
		return exec_refuse(job->fault, ACCEL_FAULT_COMMAND);
	return access_each(&access, length, access_copy, NULL);
}

/* Repeats the first bytes of @value over @length bytes. */
static int exec_fill(struct job *job, uint64_t value, uint64_t length)
{
	const struct access access = {job->engine, {&job->dst}, 1, job->fault};

	return access_each(&access, length, compute_fill, &value);
}

static int exec_run_fill(struct job *job)
{
	return exec_fill(job, job->command->value, job->command->length);
}

static int exec_run_compare(struct job *job)
{
	const struct access access = {
		job->engine, {&job->src, &job->src2}, 2, job->fault};
	uint64_t difference = ACCEL_EQUAL;
	int r = access_each(&access, job->command->length, compute_compare, &difference);

	return r < 0 ? r : exec_fill(job, difference, sizeof(difference));
}

static int exec_run_crc32c(struct job *job)
{
	const struct access access = {job->engine, {&job->src}, 1, job->fault};
	uint32_t crc = (uint32_t)job->command->value;
	uint64_t value = 0;
	int r;

	if (job->command->value > UINT32_MAX)
		return exec_refuse(job->fault, ACCEL_FAULT_COMMAND);
	r = access_each(&access, job->command->length, compute_crc, &crc);
	if (r < 0)
		return r;
	memcpy(&value, &crc, sizeof(crc));
	return exec_fill(job, value, sizeof(crc));
}

static int exec_run_binary(struct job *job, compute_fn compute)
{
	const struct access access = {
		job->engine, {&job->dst, &job->src, &job->src2}, 3, job->fault};

	return access_each(&access, job->command->length, compute, NULL);
}

static int exec_run_xor(struct job *job)
{
	return exec_run_binary(job, compute_xor);
}

static int exec_run_vadd(struct job *job)
{
	if (job->command->length % sizeof(float))
		return exec_refuse(job->fault, ACCEL_FAULT_COMMAND);
	return exec_run_binary(job, compute_vadd);
}

/* Row @i of the product. @left is room for one of the left operand, @to for the result.
 */
static int exec_multiply_row(struct job *job, uint64_t i, const float *right, float *left,
			     float *to)
{
	size_t columns = job->command->columns, inner = job->command->inner;
	int r = access_get(job->engine, &job->src, i * inner * sizeof(float), left,
			   inner * sizeof(float), job->fault);

	if (r < 0)
		return r;
	memset(to, 0, columns * sizeof(float));
	for (size_t k = 0; k < inner; k++)
		add_scaled(to, right + k * columns, left[k], columns);
	return access_put(job->engine, &job->dst, i * columns * sizeof(float), to,
			  columns * sizeof(float), job->fault);
}

/* All operands are gathered first, so that no product waits for a lock or a process. */
static int exec_run_matmul(struct job *job)
{
	size_t columns = job->command->columns, inner = job->command->inner;
	size_t right_bytes = inner * columns * sizeof(float);
	_cleanup_free_ float *right =
		malloc(right_bytes + (inner + columns) * sizeof(float));
	float *left;
	int r;

	if (!right)
		return exec_refuse(job->fault, ACCEL_FAULT_DEVICE);
	left = right + inner * columns;
	engine_settle(job->engine);
	r = access_get(job->engine, &job->src2, 0, right, right_bytes, job->fault);
	for (uint64_t i = 0; i < job->command->rows && r == 0; i++) {
		r = exec_multiply_row(job, i, right, left, left + inner);
		if (right_bytes > ENGINE_BOUNCE / 2)
			engine_yield();
	}
	return r;
}

/* With a reference; NULL: there is none, and the command faulted. */
static struct accel_fence_object *exec_get_fence(struct job *job)
{
	struct accel_fence_object *fence =
		accel_fence_get(job->engine->queue->context, job->command->src2_asid);

	if (!fence)
		exec_refuse(job->fault, ACCEL_FAULT_FENCE);
	return fence;
}

static int exec_run_signal(struct job *job)
{
	_cleanup_unref_ struct accel_fence_object *fence = exec_get_fence(job);

	if (!fence)
		return -EFAULT;
	accel_fence_raise(fence, job->command->value);
	return 0;
}

static int exec_run_wait(struct job *job)
{
	_cleanup_unref_ struct accel_fence_object *fence = exec_get_fence(job);
	int r = fence ? engine_wait_fence(job->engine, fence, job->command->value)
		      : -EFAULT;

	return r == -ESTALE ? exec_refuse(job->fault, ACCEL_FAULT_FENCE) : r;
}

#define USES_BINARY (USES_DST | USES_SRC | USES_SRC2 | USES_LENGTH)

static const struct operation exec_operations[ACCEL_OP_COUNT] = {
	[ACCEL_OP_NOP] = {0, 1, 1, 0, exec_run_nop},
	[ACCEL_OP_COPY] = {USES_DST | USES_SRC | USES_LENGTH, 1, 1, 0, exec_run_copy},
	[ACCEL_OP_FILL] = {USES_DST | USES_LENGTH | USES_VALUE, 1, 1, 0, exec_run_fill},
	[ACCEL_OP_COMPARE] = {USES_BINARY, 1, 8, 8, exec_run_compare},
	[ACCEL_OP_CRC32C] = {USES_DST | USES_SRC | USES_LENGTH | USES_VALUE, 1, 4, 4,
			     exec_run_crc32c},
	[ACCEL_OP_XOR] = {USES_BINARY, 1, 1, 0, exec_run_xor},
	[ACCEL_OP_VADD] = {USES_BINARY, 4, 4, 0, exec_run_vadd},
	[ACCEL_OP_MATMUL] = {USES_DST | USES_SRC | USES_SRC2 | USES_MATRIX, 4, 4, 0,
			     exec_run_matmul},
	[ACCEL_OP_SIGNAL] = {USES_FENCE | USES_VALUE, 1, 1, 0, exec_run_signal},
	[ACCEL_OP_WAIT] = {USES_FENCE | USES_VALUE, 1, 1, 0, exec_run_wait},
};

/* ---- checks ------------------------------------------------------------------------ */

/* Whether what the operation does not use is zero. */
static bool exec_is_clean(const struct accel_command *command, unsigned uses)
{
	static const struct accel_command zero;
	struct accel_command rest = *command;

	rest.op = 0;
	rest.flags &= (uint16_t)~ACCEL_COMMAND_NOTIFY;
	if (uses & USES_DST)
		rest.dst = rest.dst_asid = 0;
	if (uses & USES_SRC)
		rest.src = rest.src_asid = 0;
	if (uses & USES_SRC2)
		rest.src2 = rest.src2_asid = 0;
	if (uses & USES_FENCE)
		rest.src2_asid = 0;
	if (uses & USES_LENGTH)
		rest.length = 0;
	if (uses & USES_VALUE)
		rest.value = 0;
	if (uses & USES_MATRIX)
		rest.rows = rest.columns = rest.inner = 0;
	return !memcmp(&rest, &zero, sizeof(rest));
}

static bool exec_is_dimension(uint16_t n)
{
	return n >= 1 && n <= ACCEL_MAX_MATRIX;
}

static bool exec_is_valid(const struct accel_command *command, unsigned uses)
{
	if (!exec_is_clean(command, uses) || (uses & USES_LENGTH && !command->length))
		return false;
	return !(uses & USES_MATRIX) ||
	       (exec_is_dimension(command->rows) && exec_is_dimension(command->columns) &&
		exec_is_dimension(command->inner));
}

/* ---- operands ---------------------------------------------------------------------- */

static uint64_t exec_matrix_bytes(uint16_t rows, uint16_t columns)
{
	return (uint64_t)rows * columns * sizeof(float);
}

/* Checked in this order: the first fault is the one that is reported. */
static int exec_open_operands(struct job *job, const struct operation *operation)
{
	const struct accel_command *command = job->command;
	bool is_matrix = operation->uses & USES_MATRIX;
	const struct {
		unsigned use, align;
		struct operand *operand;
		struct operand like;
		uint64_t length;
	} all[] = {
		{USES_SRC,
		 operation->operand_align,
		 &job->src,
		 {.address = command->src,
		  .id = command->src_asid,
		  .access = ACCEL_MAP_READ},
		 is_matrix ? exec_matrix_bytes(command->rows, command->inner)
			   : command->length},
		{USES_SRC2,
		 operation->operand_align,
		 &job->src2,
		 {.address = command->src2,
		  .id = command->src2_asid,
		  .access = ACCEL_MAP_READ},
		 is_matrix ? exec_matrix_bytes(command->inner, command->columns)
			   : command->length},
		{USES_DST,
		 operation->dst_align,
		 &job->dst,
		 {.address = command->dst,
		  .id = command->dst_asid,
		  .access = ACCEL_MAP_WRITE},
		 is_matrix ? exec_matrix_bytes(command->rows, command->columns)
			   : (operation->dst_bytes ?: command->length)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int r;

		if (!(operation->uses & all[i].use))
			continue;
		r = operand_open(all[i].operand, job->engine->queue, &all[i].like,
				 all[i].length, all[i].align, job->fault);
		if (r < 0)
			return r;
	}
	return 0;
}

static int exec_run_with_memory(struct job *job, const struct operation *operation)
{
	int r = exec_open_operands(job, operation);

	if (r == 0)
		r = operation->run(job);
	operand_close(&job->src);
	operand_close(&job->src2);
	operand_close(&job->dst);
	return r;
}

int exec_command(struct engine *engine, const struct accel_command *command,
		 struct accel_fault *ret_fault)
{
	const struct operation *operation;

	if (command->op >= ACCEL_OP_COUNT)
		return exec_refuse(ret_fault, ACCEL_FAULT_COMMAND);
	operation = &exec_operations[command->op];
	if (!exec_is_valid(command, operation->uses))
		return exec_refuse(ret_fault, ACCEL_FAULT_COMMAND);
	if (operation->run == exec_run_nop)
		return 0;
	return exec_run_with_memory(
		&(struct job){.engine = engine, .command = command, .fault = ret_fault},
		operation);
}
