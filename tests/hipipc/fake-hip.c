/* SPDX-License-Identifier: MIT */
/* fake-hip.c - libamdhip64.so.6 of the tests; see fake.h */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake-pool.h"
#include "hip_abi.h"
#include "hsa_abi.h"
#include "util.h"

#define CALL          FAKE_EXPORT int
#define HSA_BAD_AGENT 0x1004

CALL hipRuntimeGetVersion(int *ret_version);
FAKE_EXPORT const char *hipGetErrorName(int error);
CALL hipGetLastError(void);
CALL hipPeekAtLastError(void);
CALL hipGetDevice(int *ret_device);
CALL hipCtxGetCurrent(void **ret_context);
CALL hipPointerGetAttribute(void *ret_data, int attribute, void *pointer);
CALL hipMemGetAddressRange(void **ret_base, size_t *ret_bytes, void *pointer);
CALL hipMemRetainAllocationHandle(void **ret_handle, void *address);
CALL hipMemRelease(void *handle);
CALL hipMemExportToShareableHandle(void *ret_fd, void *handle, int type,
				   unsigned long long flags);
CALL hipImportExternalMemory(void **ret_external,
			     const struct hip_external_handle *handle);
CALL hipExternalMemoryGetMappedBuffer(void **ret_pointer, void *external,
				      const struct hip_external_buffer *buffer);
CALL hipDestroyExternalMemory(void *external);
CALL hipFree(void *pointer);

/* Keeps the caller's descriptor number, as the real runtime does; one reference per user.
 */
struct external {
	struct external *next;
	int references;
	int fd;
	size_t bytes;
	char *mapped; /* the whole buffer */
};

/* All of them: objects that are not destroyed must not count as leaks. */
static struct external *externals;

static int last_error;

/* Every call of the real runtime stores its result for hipGetLastError(). */
static int done(int result)
{
	if (result != HIP_SUCCESS)
		last_error = result;
	return result;
}

#define HIP_CALL                                                                         \
	POOL_LOCKED;                                                                     \
	do {                                                                             \
		int injected_ = pool_enter(__func__);                                    \
		pool_begin();                                                            \
		if (injected_)                                                           \
			return done(injected_);                                          \
		if (!pool_is_ours())                                                     \
			return done(HIP_NOT_INITIALIZED);                                \
	} while (0)

static int export_dmabuf(const void *pointer, size_t bytes, int *ret_fd,
			 uint64_t *ret_offset)
{
	POOL_LOCKED;
	int injected = pool_enter("hsa_amd_portable_export_dmabuf");
	struct memory *memory = pool_find(pointer);

	if (injected)
		return injected;
	if (!memory || memory->physical || memory->kind != FAKE_PLAIN)
		return HSA_BAD_AGENT;
	*ret_fd = dup(memory->fd);
	*ret_offset = memory->offset;
	return *ret_fd < 0 ? HSA_OUT_OF_RESOURCES : HSA_SUCCESS;
}

FAKE_EXPORT const struct fake_control *fake_hip(void)
{
	return &pool_control;
}

__attribute__((constructor)) static void begin(void)
{
	fake_hsa_export_by(export_dmabuf);
}

int hipRuntimeGetVersion(int *ret_version)
{
	POOL_LOCKED;

	*ret_version = pool_knobs[FAKE_HIP_MAJOR] * 10000000 + 200000;
	return HIP_SUCCESS;
}

const char *hipGetErrorName(int error)
{
	return error == HIP_NOT_SUPPORTED ? "hipErrorNotSupported" : "hipErrorFake";
}

int hipGetLastError(void)
{
	POOL_LOCKED;
	int error = last_error;

	last_error = HIP_SUCCESS;
	return error;
}

int hipPeekAtLastError(void)
{
	POOL_LOCKED;

	return last_error;
}

int hipGetDevice(int *ret_device)
{
	HIP_CALL;
	*ret_device = pool_knobs[FAKE_DEVICE];
	return HIP_SUCCESS;
}

int hipCtxGetCurrent(void **ret_context)
{
	HIP_CALL;
	*ret_context = (void *)(intptr_t)(pool_knobs[FAKE_CONTEXT] * 4096);
	return HIP_SUCCESS;
}

int hipPointerGetAttribute(void *ret_data, int attribute, void *pointer)
{
	HIP_CALL;
	struct memory *memory = pool_find(pointer);
	bool old = pool_knobs[FAKE_HIP_MAJOR] < 6;
	uint32_t type;
	bool managed;

	if (!memory)
		return done(HIP_INVALID_VALUE);
	if (attribute == HIP_POINTER_BUFFER_ID) {
		uint64_t id = memory->physical ? memory->physical->block : memory->id;

		memcpy(ret_data, &id, sizeof(id));
	} else if (attribute == HIP_POINTER_TYPE) {
		type = memory->kind == FAKE_HOST || memory->kind == FAKE_MANAGED ? 0 : 1;
		type += old ? 0 : 1;
		memcpy(ret_data, &type, sizeof(type));
	} else if (attribute == HIP_POINTER_MANAGED) {
		managed = memory->kind == FAKE_MANAGED;
		memcpy(ret_data, &managed, sizeof(managed));
	} else {
		return done(HIP_INVALID_VALUE);
	}
	return HIP_SUCCESS;
}

int hipMemGetAddressRange(void **ret_base, size_t *ret_bytes, void *pointer)
{
	HIP_CALL;
	struct memory *memory = pool_find(pointer);

	if (!memory)
		return done(HIP_INVALID_VALUE);
	*ret_base = memory->base;
	*ret_bytes = memory->bytes;
	return HIP_SUCCESS;
}

/* ---- memory of hipMemCreate() ------------------------------------------------------ */

int hipMemRetainAllocationHandle(void **ret_handle, void *address)
{
	HIP_CALL;
	struct memory *memory = pool_find(address);

	if (!memory || !memory->physical)
		return done(HIP_INVALID_VALUE);
	memory->physical->handles++;
	pool_counts.handles++;
	*ret_handle = memory->physical;
	return HIP_SUCCESS;
}

int hipMemRelease(void *handle)
{
	POOL_LOCKED;
	struct physical *physical = pool_physical(handle);

	if (!physical || !physical->handles)
		return done(HIP_INVALID_VALUE);
	physical->handles--;
	pool_counts.handles--;
	pool_settle(physical);
	return HIP_SUCCESS;
}

int hipMemExportToShareableHandle(void *ret_fd, void *handle, int type,
				  unsigned long long flags)
{
	HIP_CALL;
	struct physical *physical = pool_physical(handle);
	int fd;

	if (!physical || !physical->exportable || type != HIP_HANDLE_POSIX_FD || flags)
		return done(HIP_INVALID_VALUE);
	fd = dup(physical->fd);
	memcpy(ret_fd, &fd, sizeof(fd));
	return fd < 0 ? done(HIP_OPERATING_SYSTEM) : HIP_SUCCESS;
}

/* ---- imported dma-bufs ---------------------------------------------------------- */

static void forget(struct external *object)
{
	struct external **place = &externals;

	while (*place != object)
		place = &(*place)->next;
	*place = object->next;
	free(object);
}

static void put(struct external *external)
{
	if (--external->references)
		return;
	munmap(external->mapped, external->bytes);
	if (pool_knobs[FAKE_TAKES_FD])
		close(external->fd);
	if (pool_knobs[FAKE_TAKES_FD] == 2)
		(void)dup2(STDERR_FILENO, external->fd);
	forget(external);
}

int hipImportExternalMemory(void **ret_external, const struct hip_external_handle *handle)
{
	HIP_CALL;
	struct external *external;

	if (handle->type != HIP_EXTERNAL_FD || !pool_is_memfd(handle->handle.fd, "fake-"))
		return done(HIP_INVALID_VALUE);
	external = malloc(sizeof(*external));
	if (!external)
		abort();
	*external = (struct external){
		.next = externals,
		.references = 1,
		.fd = handle->handle.fd,
		.bytes = handle->size,
	};
	externals = external;
	external->mapped = mmap(NULL, handle->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				handle->handle.fd, 0);
	if (external->mapped == MAP_FAILED)
		abort();
	pool_counts.externals++;
	*ret_external = external;
	return HIP_SUCCESS;
}

int hipExternalMemoryGetMappedBuffer(void **ret_pointer, void *external,
				     const struct hip_external_buffer *buffer)
{
	HIP_CALL;
	struct external *object = external;

	if (buffer->flags || buffer->offset + buffer->size > object->bytes)
		return done(HIP_INVALID_VALUE);
	object->references++;
	pool_counts.buffers++;
	pool_add(&(struct memory){
		.kind = FAKE_PRIVATE,
		.base = object->mapped + buffer->offset,
		.bytes = buffer->size,
		.id = pool_new_id(),
		.range = external,
		.fd = -1,
	});
	*ret_pointer = object->mapped + buffer->offset;
	return HIP_SUCCESS;
}

int hipDestroyExternalMemory(void *external)
{
	HIP_CALL;
	put(external);
	pool_counts.externals--;
	return HIP_SUCCESS;
}

/* Only for mappings of external objects: libhipipc frees nothing else. */
int hipFree(void *pointer)
{
	HIP_CALL;
	struct memory *memory = pool_find(pointer);

	if (!memory || memory->base != pointer)
		return done(HIP_INVALID_VALUE);
	put((struct external *)memory->range);
	pool_remove(memory);
	pool_counts.buffers--;
	return HIP_SUCCESS;
}
