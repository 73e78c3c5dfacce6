/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <string.h>

#include "buffer.h"
#include "guard.h"
#include "util.h"

/* Long enough for the speed of one large memmove(3), short enough for others to wait. */
#define CHUNK ((size_t)256 << 10)
/* Before a longer command, earlier completions are published. */
#define QUICK ((size_t)64 << 10)

/* ---- locks ------------------------------------------------------------------------- */

/* Those of all mapped operands: each once, in the order of their addresses. */
struct lock_set {
	struct accel_asid *asids[ENGINE_OPERANDS];
	unsigned n;
};

static void access_add_lock(struct lock_set *set, struct accel_asid *asid)
{
	unsigned i = 0;

	while (i < set->n && (uintptr_t)set->asids[i] < (uintptr_t)asid)
		i++;
	if (i < set->n && set->asids[i] == asid)
		return;
	memmove(&set->asids[i + 1], &set->asids[i], (set->n - i) * sizeof(set->asids[0]));
	set->asids[i] = asid;
	set->n++;
}

static void access_collect_locks(const struct access *access, struct lock_set *ret_set)
{
	ret_set->n = 0;
	for (unsigned i = 0; i < access->n; i++)
		if (operand_is_mapped(access->operands[i]))
			access_add_lock(ret_set, access->operands[i]->asid);
}

static void access_lock_all(const struct lock_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		pthread_rwlock_rdlock(&set->asids[i]->lock);
}

static void access_unlock_all(const struct lock_set *set)
{
	for (unsigned i = set->n; i-- > 0;)
		pthread_rwlock_unlock(&set->asids[i]->lock);
}

/* ---- a piece that is being prepared ------------------------------------------------ */

struct attempt {
	const struct access *access;
	struct lock_set locks;
	struct piece piece;
	bool has_sva;
	struct accel_window windows[ENGINE_OPERANDS]; /* while locked */
	/* dma-bufs that the CPU may access now; references. */
	struct accel_buffer *begun[ENGINE_OPERANDS];
};

static const struct operand *access_operand_at(const struct attempt *attempt, unsigned i)
{
	return attempt->access->operands[i];
}

static uint64_t access_address_at(const struct attempt *attempt, unsigned i)
{
	return access_operand_at(attempt, i)->address + attempt->piece.offset;
}

static int access_fault_at(const struct attempt *attempt, unsigned i, uint64_t address,
			   enum accel_fault_reason reason)
{
	return operand_fault(attempt->access->fault, access_operand_at(attempt, i),
			     address, reason);
}

/* ---- mapped memory ----------------------------------------------------------------- */

/* Finds the mapped operands; the piece ends with the shortest. */
static int access_resolve_locked(struct attempt *attempt)
{
	for (unsigned i = 0; i < attempt->access->n; i++) {
		const struct operand *operand = access_operand_at(attempt, i);
		int r;

		if (!operand_is_mapped(operand))
			continue;
		r = accel_asid_resolve_locked(
			operand->asid, access_address_at(attempt, i),
			attempt->piece.length, operand->access, &attempt->windows[i]);
		if (r < 0)
			return access_fault_at(attempt, i, access_address_at(attempt, i),
					       r == -EACCES ? ACCEL_FAULT_PERMISSION
							    : ACCEL_FAULT_UNMAPPED);
		attempt->piece.memory[i] = attempt->windows[i].memory;
		attempt->piece.length =
			MIN(attempt->piece.length, attempt->windows[i].length);
	}
	return 0;
}

static void access_end_dmabuf(struct attempt *attempt, unsigned i)
{
	struct accel_buffer *buffer = attempt->begun[i];

	if (!buffer)
		return;
	accel_buffer_end(buffer, operand_is_written(access_operand_at(attempt, i)));
	accel_base_unref(&buffer->base);
	attempt->begun[i] = NULL;
}

/* The first operand whose dma-buf the CPU may not access yet, or -1. */
static int access_find_dmabuf_locked(const struct attempt *attempt)
{
	for (unsigned i = 0; i < attempt->access->n; i++) {
		if (!operand_is_mapped(access_operand_at(attempt, i)) ||
		    !(attempt->windows[i].buffer->flags & ACCEL_BUFFER_DMABUF))
			continue;
		if (attempt->windows[i].buffer != attempt->begun[i])
			return (int)i;
	}
	return -1;
}

/* The driver may block, so the locks are dropped meanwhile. */
static void access_begin_dmabuf_locked(struct attempt *attempt, unsigned i)
{
	struct accel_buffer *buffer = attempt->windows[i].buffer;

	accel_base_ref(&buffer->base);
	access_unlock_all(&attempt->locks);
	engine_settle(attempt->access->engine);
	access_end_dmabuf(attempt, i);
	accel_buffer_begin(buffer, operand_is_written(access_operand_at(attempt, i)));
	attempt->begun[i] = buffer;
	access_lock_all(&attempt->locks);
}

/* Repeats until all dma-bufs found have begun: mappings may change in between. */
static int access_resolve_begun_locked(struct attempt *attempt)
{
	int r, i;

	for (;;) {
		r = access_resolve_locked(attempt);
		if (r < 0)
			return r;
		i = access_find_dmabuf_locked(attempt);
		if (i < 0)
			return 0;
		if (engine_stopping(attempt->access->engine))
			return -ECANCELED;
		access_begin_dmabuf_locked(attempt, (unsigned)i);
	}
}

/*
 * Why an access within the known size failed. A file reports its size only through its
 * server, and most likely it has shrunk; else the kernel had no page.
 */
static enum accel_fault_reason access_reason_of(const struct attempt *attempt, unsigned i)
{
	if (operand_is_mapped(access_operand_at(attempt, i)) &&
	    attempt->windows[i].buffer->flags & ACCEL_BUFFER_FILE)
		return ACCEL_FAULT_REVOKED;
	return ACCEL_FAULT_DEVICE;
}

/* The computation could not access some memory: fills in the fault. */
static int access_report_locked(const struct attempt *attempt)
{
	uintptr_t place = (uintptr_t)accel_guard_address();

	for (unsigned i = 0; i < attempt->access->n; i++) {
		const struct accel_window *window = &attempt->windows[i];
		uint64_t size, begin;

		if (!operand_is_mapped(access_operand_at(attempt, i)))
			continue;
		size = accel_buffer_size(window->buffer);
		begin = (uintptr_t)window->memory - (uintptr_t)window->buffer->memory;
		if (size < begin + attempt->piece.length)
			return access_fault_at(attempt, i,
					       access_address_at(attempt, i) +
						       (size > begin ? size - begin : 0),
					       ACCEL_FAULT_REVOKED);
	}
	for (unsigned i = 0; i < attempt->access->n; i++) {
		uint64_t distance = place - (uintptr_t)attempt->piece.memory[i];

		if (distance < attempt->piece.length)
			return access_fault_at(attempt, i,
					       access_address_at(attempt, i) + distance,
					       access_reason_of(attempt, i));
	}
	attempt->access->fault->reason = ACCEL_FAULT_DEVICE;
	return -EFAULT;
}

/* The ASID may have been detached since the last piece of the command. */
static int access_check_attached(const struct attempt *attempt)
{
	struct accel_queue *queue = attempt->access->engine->queue;

	for (unsigned i = 0; i < attempt->access->n; i++) {
		const struct operand *operand = access_operand_at(attempt, i);

		if (operand->asid && !accel_queue_has(queue, operand->id, operand->asid))
			return access_fault_at(attempt, i, access_address_at(attempt, i),
					       ACCEL_FAULT_ASID);
	}
	return 0;
}

static int access_compute_locked(struct attempt *attempt, compute_fn compute)
{
	int r = access_resolve_begun_locked(attempt);

	/* A detach waits for the lock that is held here. */
	if (r == 0)
		r = access_check_attached(attempt);
	if (r == 0 && accel_guard_call(compute, &attempt->piece) < 0)
		r = access_report_locked(attempt);
	return r;
}

static int access_compute_piece(struct attempt *attempt, compute_fn compute)
{
	int r;

	access_lock_all(&attempt->locks);
	r = access_compute_locked(attempt, compute);
	access_unlock_all(&attempt->locks);
	for (unsigned i = 0; i < attempt->access->n; i++)
		access_end_dmabuf(attempt, i);
	return r;
}

/* ---- memory of processes ----------------------------------------------------------- */

static int access_fault_sva(const struct attempt *attempt, unsigned i, size_t done, int r)
{
	enum accel_fault_reason reason = ACCEL_FAULT_UNMAPPED;

	if (r == -ESRCH)
		reason = ACCEL_FAULT_SVA;
	else if (r == -EACCES)
		reason = ACCEL_FAULT_PERMISSION;
	return access_fault_at(attempt, i, access_address_at(attempt, i) + done, reason);
}

static int access_transfer_sva(struct attempt *attempt, unsigned i)
{
	const struct operand *operand = access_operand_at(attempt, i);
	uint64_t address = access_address_at(attempt, i);
	char *memory = attempt->piece.memory[i];
	size_t n = attempt->piece.length, done;
	int r;

	if (operand_is_written(operand))
		r = accel_sva_write(&operand->asid->sva, address, memory, n, &done);
	else
		r = accel_sva_read(&operand->asid->sva, address, memory, n, &done);
	return r < 0 ? access_fault_sva(attempt, i, done, r) : 0;
}

static int access_each_sva(struct attempt *attempt, bool written)
{
	int r = 0;

	for (unsigned i = 0; i < attempt->access->n && r == 0; i++) {
		const struct operand *operand = access_operand_at(attempt, i);

		if (operand_is_sva(operand) && operand_is_written(operand) == written)
			r = access_transfer_sva(attempt, i);
	}
	return r;
}

static int access_take_bounce(struct attempt *attempt)
{
	for (unsigned i = 0; i < attempt->access->n; i++) {
		if (!operand_is_sva(access_operand_at(attempt, i)))
			continue;
		attempt->piece.memory[i] = engine_bounce(attempt->access->engine, i);
		if (!attempt->piece.memory[i])
			return access_fault_at(attempt, i, access_address_at(attempt, i),
					       ACCEL_FAULT_DEVICE);
	}
	attempt->piece.length = MIN(attempt->piece.length, ENGINE_BOUNCE);
	return 0;
}

/* Limits what is read to what the mapped operands of this piece need. */
static int access_shorten(struct attempt *attempt)
{
	int r;

	access_lock_all(&attempt->locks);
	r = access_resolve_locked(attempt);
	access_unlock_all(&attempt->locks);
	return r;
}

/*
 * Transfers that may wait happen before and after the locks are held. Meanwhile a mapping
 * may change and shorten the piece further; the surplus is read again with the next one.
 */
static int access_compute_bounced(struct attempt *attempt, compute_fn compute)
{
	int r = access_take_bounce(attempt);

	if (r == 0)
		r = access_shorten(attempt);
	if (r < 0)
		return r;
	engine_settle(attempt->access->engine);
	r = access_each_sva(attempt, false);
	if (r == 0)
		r = access_compute_piece(attempt, compute);
	if (r == 0)
		r = access_check_attached(attempt);
	return r < 0 ? r : access_each_sva(attempt, true);
}

/* ---- all of a command -------------------------------------------------------------- */

static int access_next_piece(struct attempt *attempt, uint64_t left, compute_fn compute)
{
	const struct access *access = attempt->access;

	if (engine_stopping(access->engine))
		return -ECANCELED;
	attempt->piece.length = MIN(left, CHUNK);
	for (unsigned i = 0; i < access->n; i++)
		if (!access->operands[i]->asid)
			attempt->piece.memory[i] =
				access->operands[i]->memory + attempt->piece.offset;
	return attempt->has_sva ? access_compute_bounced(attempt, compute)
				: access_compute_piece(attempt, compute);
}

int access_each(const struct access *access, uint64_t length, compute_fn compute,
		void *data)
{
	struct attempt attempt = {.access = access, .piece = {.data = data}};

	access_collect_locks(access, &attempt.locks);
	for (unsigned i = 0; i < access->n; i++)
		attempt.has_sva |= operand_is_sva(access->operands[i]);
	if (length > QUICK)
		engine_settle(access->engine);
	while (attempt.piece.offset < length && !attempt.piece.enough) {
		int r = access_next_piece(&attempt, length - attempt.piece.offset,
					  compute);

		if (r < 0)
			return r;
		attempt.piece.offset += attempt.piece.length;
		if (attempt.piece.length > QUICK)
			engine_yield();
	}
	return 0;
}

void access_copy(void *arg)
{
	struct piece *piece = arg;

	memmove(piece->memory[0], piece->memory[1], piece->length);
}

int access_get(struct engine *engine, const struct operand *from, uint64_t offset,
	       void *to, size_t n, struct accel_fault *fault)
{
	const struct operand own = {.memory = to, .access = ACCEL_MAP_WRITE};
	struct operand part = *from;
	const struct access access = {engine, {&own, &part}, 2, fault};

	part.address += offset;
	return access_each(&access, n, access_copy, NULL);
}

int access_put(struct engine *engine, const struct operand *to, uint64_t offset,
	       void *from, size_t n, struct accel_fault *fault)
{
	const struct operand own = {.memory = from, .access = ACCEL_MAP_READ};
	struct operand part = *to;
	const struct access access = {engine, {&part, &own}, 2, fault};

	part.address += offset;
	return access_each(&access, n, access_copy, NULL);
}
