/* SPDX-License-Identifier: MIT */
/*
 * device_again.c - calls on a context that the kernel sends again
 *
 * A service that is killed may have executed a call, and not replied. What the call made
 * is found by the number of its request (request.h), and is not made twice. A call that
 * removes something finds that it is gone. Whether a batch of commands was taken is not
 * known, so it is not taken again.
 */
#include <accel-records.h>
#include <dmabuffs-accel-ioctl.h>

#include "base/request.h"
#include "devices/device_records.h"
#include "fs/fs_ioctl.h"

/* The committed record that this request has made; NULL: none. */
static const struct accel_record *device_again_made(const struct command_call *call,
						    enum ledger_kind in)
{
	struct ledger *ledger = call->service->state.ledger;
	uint32_t slot = ledger_find_made(ledger, in, request_unique());
	const struct ledger_record *record;

	if (slot == LEDGER_NONE)
		return NULL;
	record = ledger_at(ledger, in, slot);
	if (ledger_state(record) != LEDGER_LIVE || record->unique != request_unique())
		return NULL;
	return device_records_object(ledger, in, slot);
}

static bool device_again_object(struct command_call *call, uint32_t kind,
				uint32_t *ret_id)
{
	const struct accel_record *record = device_again_made(call, LEDGER_ACCEL);

	if (!record || record->kind != kind || !record->id)
		return false;
	*ret_id = record->id;
	return true;
}

struct again_mappings {
	uint64_t first, bytes;
};

/* What the request has mapped: one range in several mappings. */
static struct again_mappings device_again_mappings(const struct command_call *call)
{
	struct ledger *ledger = call->service->state.ledger;
	struct again_mappings found = {.first = UINT64_MAX};
	uint32_t slot;

	if (!device_again_made(call, LEDGER_MAPPING))
		return found;
	ledger_for_each(ledger, LEDGER_MAPPING, slot) {
		const struct ledger_record *head =
			ledger_at(ledger, LEDGER_MAPPING, slot);
		const struct accel_record *record =
			device_records_object(ledger, LEDGER_MAPPING, slot);

		if (head->unique != request_unique())
			continue;
		found.first = MIN(found.first, record->mapping.first);
		found.bytes += record->mapping.last - record->mapping.first + 1;
	}
	return found;
}

/* AGAIN: nothing is mapped yet. */
static int device_again_mapped(const struct command_call *call, uint64_t length,
			       __u64 *ret_iova)
{
	struct again_mappings found = device_again_mappings(call);

	if (!found.bytes)
		return DEVICE_AGAIN;
	if (found.bytes != length)
		return -EOWNERDEAD;
	*ret_iova = found.first;
	return 0;
}

#define AGAIN_NR(command) _IOC_NR(DMABUFFS_ACCEL_IOC_##command)
#define AGAIN_OBJECT(kind, member)                                                       \
	(device_again_object(call, ACCEL_RECORD_##kind, &call->arg.member.id)            \
		 ? 0                                                                     \
		 : DEVICE_AGAIN)

int device_again_begin(struct command_call *call, unsigned number)
{
	switch (number) {
	case AGAIN_NR(BUFFER_ALLOC):
		return AGAIN_OBJECT(BUFFER, buffer_alloc);
	case AGAIN_NR(BUFFER_IMPORT):
		return AGAIN_OBJECT(BUFFER, import);
	case AGAIN_NR(ASID_CREATE):
		return AGAIN_OBJECT(ASID, asid_create);
	case AGAIN_NR(ASID_SVA):
		return AGAIN_OBJECT(ASID, sva);
	case AGAIN_NR(ASID_IMPORT):
		return AGAIN_OBJECT(IMPORT, import);
	case AGAIN_NR(SET_CREATE):
		return AGAIN_OBJECT(SET, set_create);
	case AGAIN_NR(QUEUE_CREATE):
		return AGAIN_OBJECT(QUEUE, queue_create);
	case AGAIN_NR(FENCE_CREATE):
		return AGAIN_OBJECT(FENCE, fence);
	case AGAIN_NR(ASID_MAP):
		return device_again_mapped(call, call->arg.asid_map.length,
					   &call->arg.asid_map.iova);
	case AGAIN_NR(ASID_COPY):
		return device_again_mapped(call, call->arg.asid_copy.length,
					   &call->arg.asid_copy.dst_iova);
	case AGAIN_NR(QUEUE_SUBMIT):
		return -EOWNERDEAD;
	default:
		return DEVICE_AGAIN;
	}
}

int device_again_end(unsigned number, int result)
{
	switch (number) {
	case AGAIN_NR(BUFFER_FREE):
	case AGAIN_NR(ASID_DESTROY):
	case AGAIN_NR(ASID_UNMAP):
	case AGAIN_NR(SET_DESTROY):
	case AGAIN_NR(SET_UNBIND):
	case AGAIN_NR(QUEUE_DESTROY):
	case AGAIN_NR(QUEUE_DETACH):
	case AGAIN_NR(FENCE_DESTROY):
		return result == -ENOENT ? 0 : result;
	case AGAIN_NR(SET_BIND):
	case AGAIN_NR(QUEUE_ATTACH):
		return result == -EEXIST ? 0 : result;
	case AGAIN_NR(QUEUE_RESET):
		return result == -EINVAL ? 0 : result;
	default:
		return result;
	}
}
