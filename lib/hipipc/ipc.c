/* SPDX-License-Identifier: MIT */
/* ipc.c - the five calls behind their HIP and CUDA names */
#include "ipc.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include <hipipc-types.h>
#include <util.h>

#include "codes.h"
#include "fetch.h"
#include "names.h"
#include "openings.h"
#include "options.h"
#include "providers.h"
#include "reason.h"
#include "session.h"

#define MEMORY_KINDS                                                                     \
	(1U << HIPIPC_KIND_MEMFD | 1U << HIPIPC_KIND_DMABUF | 1U << HIPIPC_KIND_CUDA_VMM)
#define EVENT_KINDS (1U << HIPIPC_KIND_EVENT)

/* ---- begin and end of a call ------------------------------------------------------- */

/* State that a call restores when it returns. */
struct call {
	const char *name;
	int cancelability;
	int error;
};

/*
 * Disables cancellation: a thread that is cancelled during a call would leave a name or a
 * mapping half made, and other threads waiting for it.
 */
static int ipc_begin(struct call *call, const char *name)
{
	call->name = name;
	call->error = errno;
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancelability);
	reason_begin();
	return session_enter();
}

/*
 * Reports the error to a runtime that keeps it for hipGetLastError(). A call can fail
 * before it needs the runtime. A forked child does not look for one: the lock of the
 * dynamic linker may be locked there.
 */
static void ipc_report(int r, int code)
{
	const struct hipipc_provider *provider = providers_found();

	if (!provider && (r == -ECHILD || providers_get(&provider) < 0))
		return;
	if (provider->failed)
		provider->failed(code);
}

static int ipc_end(const struct call *call, int r)
{
	int code = codes_result(call->name, r);

	if (code != hipSuccess)
		ipc_report(r, code);
	(void)pthread_setcancelstate(call->cancelability, NULL);
	errno = call->error;
	return code;
}

/* Finds the runtime's own call, for events of runtimes without a provider for them. */
static int ipc_pass_on(const char *call, void *ret_function)
{
	void *function = providers_next_symbol(call);

	if (!function)
		return reason(-EOPNOTSUPP, "the runtime has no %s", call);
	memcpy(ret_function, &function, sizeof(function));
	return 0;
}

/* ---- memory ------------------------------------------------------------------------ */

static int ipc_get_memory_handle(const char *call, char bytes[HIPIPC_HANDLE_BYTES],
				 uint64_t pointer)
{
	const struct hipipc_provider *provider;
	struct hipipc_allocation allocation;
	struct hipipc_handle handle;
	int r;

	if (!bytes || !pointer)
		return reason(-EINVAL, "%s is NULL",
			      bytes ? "the pointer" : "the handle");
	r = providers_get(&provider);
	if (r == 0)
		r = provider->find(pointer, &allocation);
	if (r == -EINVAL)
		return reason(r, "%#" PRIx64 " does not point to live device memory",
			      pointer);
	if (r == 0)
		r = names_of_memory(provider, &allocation, &handle);
	if (r < 0)
		return r;
	if (!options_drops_offset(call))
		handle.offset = pointer - allocation.base;
	handle_encode(&handle, bytes);
	return 0;
}

int ipc_get_memory(const char *call, char handle[HIPIPC_HANDLE_BYTES], void *pointer)
{
	struct call this;
	int r = ipc_begin(&this, call);

	if (r == 0)
		r = ipc_get_memory_handle(call, handle, (uintptr_t)pointer);
	return ipc_end(&this, r);
}

/* Rejects handles of this process, which has the memory already. */
static int ipc_decode_foreign(const char bytes[HIPIPC_HANDLE_BYTES], uint32_t kinds,
			      struct hipipc_handle *ret_handle)
{
	int r = handle_decode(bytes, kinds, ret_handle);

	if (r < 0)
		return reason(r, "no handle of this kind in these 64 bytes");
	if (names_has(&ret_handle->uuid))
		return reason(-EXDEV, "this process made the handle itself");
	return 0;
}

static int ipc_open_memory_handle(const char *call, void **ret_pointer,
				  const char bytes[HIPIPC_HANDLE_BYTES],
				  unsigned int flags)
{
	const struct hipipc_provider *provider;
	struct hipipc_handle handle;
	uint64_t pointer;
	int r;

	if (!ret_pointer)
		return reason(-EINVAL, "the output pointer is NULL");
	if (flags & ~(unsigned int)hipIpcMemLazyEnablePeerAccess)
		return reason(-EINVAL, "unknown flags %#x", flags);
	r = ipc_decode_foreign(bytes, MEMORY_KINDS, &handle);
	if (r == 0)
		r = providers_get(&provider);
	if (r < 0)
		return r;
	if (options_drops_offset(call))
		handle.offset = 0;
	names_sweep(provider);
	reason_begin();
	r = openings_open(provider, &handle, &pointer);
	if (r == 0)
		*ret_pointer = (void *)(uintptr_t)pointer;
	return r;
}

int ipc_open_memory(const char *call, void **ret_pointer,
		    const char handle[HIPIPC_HANDLE_BYTES], unsigned int flags)
{
	struct call this;
	int r = ipc_begin(&this, call);

	if (r == 0)
		r = ipc_open_memory_handle(call, ret_pointer, handle, flags);
	return ipc_end(&this, r);
}

int ipc_close_memory(const char *call, void *pointer)
{
	struct call this;
	int r = ipc_begin(&this, call);

	if (r == 0)
		r = openings_close((uintptr_t)pointer);
	return ipc_end(&this, r);
}

/* ---- events ------------------------------------------------------------------------ */

static int ipc_get_event_handle(const struct hipipc_provider *provider,
				char bytes[HIPIPC_HANDLE_BYTES], void *event)
{
	struct hipipc_handle handle;
	uint64_t id;
	int r = provider->find_event(event, &id);

	if (r == -EBADF)
		return reason(r, "the event was not created with hipEventInterprocess");
	if (r == -EINVAL)
		return reason(r, "not an event of this runtime");
	if (r == 0)
		r = names_of_event(provider, id, &handle);
	if (r == 0)
		handle_encode(&handle, bytes);
	return r;
}

int ipc_get_event(const char *call, char handle[HIPIPC_HANDLE_BYTES], void *event)
{
	int (*runtimes_own)(char *handle, void *event) = NULL;
	const struct hipipc_provider *provider;
	struct call this;
	int r = ipc_begin(&this, call);

	if (r == 0 && (!handle || !event))
		r = reason(-EINVAL, "%s is NULL", handle ? "the event" : "the handle");
	if (r == 0)
		r = providers_get(&provider);
	if (r == 0 && provider->find_event)
		r = ipc_get_event_handle(provider, handle, event);
	else if (r == 0)
		r = ipc_pass_on(call, &runtimes_own);
	r = ipc_end(&this, r);
	return runtimes_own ? runtimes_own(handle, event) : r;
}

static int ipc_open_event_handle(const struct hipipc_provider *provider, void **ret_event,
				 const char bytes[HIPIPC_HANDLE_BYTES])
{
	_cleanup_close_ int fd = -1;
	struct hipipc_handle handle;
	int r;

	r = ipc_decode_foreign(bytes, EVENT_KINDS, &handle);
	if (r == 0)
		r = fetch_name(&handle, &fd);
	if (r == 0)
		r = fetch_exchange(&handle, &fd);
	if (r < 0)
		return r;
	r = provider->import_event(fd, ret_event);
	if (r < 0 && r != -ECHILD && r != -ENODEV)
		return reason(r, "cannot open it as an event: %s", strerror(-r));
	return r;
}

/* The runtimes pass handles by value. */
struct event_bytes {
	char bytes[HIPIPC_HANDLE_BYTES];
};

int ipc_open_event(const char *call, void **ret_event,
		   const char handle[HIPIPC_HANDLE_BYTES])
{
	int (*runtimes_own)(void **ret_event, struct event_bytes bytes) = NULL;
	const struct hipipc_provider *provider;
	struct event_bytes copy;
	struct call this;
	int r = ipc_begin(&this, call);

	if (r == 0 && !ret_event)
		r = reason(-EINVAL, "the output event is NULL");
	if (r == 0)
		r = providers_get(&provider);
	if (r == 0 && provider->import_event)
		r = ipc_open_event_handle(provider, ret_event, handle);
	else if (r == 0)
		r = ipc_pass_on(call, &runtimes_own);
	r = ipc_end(&this, r);
	if (!runtimes_own)
		return r;
	memcpy(copy.bytes, handle, sizeof(copy.bytes));
	return runtimes_own(ret_event, copy);
}
