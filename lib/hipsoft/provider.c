/* SPDX-License-Identifier: MIT */
/* provider.c - this runtime's struct hipipc_provider */
#include "allocation.h"
#include "context.h"
#include "event.h"

static int provider_find(uint64_t pointer, struct hipipc_allocation *ret_allocation)
{
	struct allocation found;
	int r = runtime_enter();

	if (r == 0)
		r = allocation_find(pointer, 0, &found);
	if (r == 0)
		*ret_allocation =
			(struct hipipc_allocation){found.id, found.base, found.bytes};
	return r == -ENOENT ? -EINVAL : r;
}

static int provider_export_memory(const struct hipipc_allocation *allocation,
				  struct hipipc_backing *ret_backing)
{
	int r = runtime_enter();

	return r < 0 ? r : allocation_export(allocation, ret_backing);
}

static int provider_import_memory(const struct hipipc_backing *backing, uint64_t bytes,
				  uint64_t *ret_pointer)
{
	int r = runtime_enter();

	return r < 0 ? r : allocation_import(backing, bytes, ret_pointer);
}

static int provider_release_memory(uint64_t pointer)
{
	int r = runtime_enter();

	return r < 0 ? r : allocation_release(pointer);
}

static int provider_place(struct hipipc_place *ret_place)
{
	const struct ihipCtx_t *context;
	int r = runtime_enter();

	if (r < 0)
		return r;
	context = context_current();
	*ret_place = (struct hipipc_place){context->id, context->device->ordinal};
	return 0;
}

static void provider_watch(hipipc_freed_fn freed)
{
	allocation_watch(freed);
	event_watch(freed);
}

static int provider_find_event(void *event, uint64_t *ret_id)
{
	int r = runtime_enter();

	return r < 0 ? r : event_find(event, ret_id);
}

static int provider_export_event(uint64_t id, int *ret_fd)
{
	int r = runtime_enter();

	return r < 0 ? r : event_export(id, ret_fd);
}

static int provider_import_event(int fd, void **ret_event)
{
	int r = runtime_enter();

	return r < 0 ? r : event_import(fd, ret_event);
}

static void provider_failed(int error)
{
	(void)runtime_return((hipError_t)error);
}

extern const struct hipipc_provider hipsoft_provider;
_public_ const struct hipipc_provider hipsoft_provider = {
	.version = HIPIPC_PROVIDER_VERSION,
	.size = sizeof(struct hipipc_provider),
	.name = "libhipsoft",
	.find = provider_find,
	.export_memory = provider_export_memory,
	.import_memory = provider_import_memory,
	.release_memory = provider_release_memory,
	.place = provider_place,
	.watch = provider_watch,
	.find_event = provider_find_event,
	.export_event = provider_export_event,
	.import_event = provider_import_event,
	.failed = provider_failed,
};
