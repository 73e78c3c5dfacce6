/* SPDX-License-Identifier: MIT */
/* host.c - hipHostMalloc() and hipHostFree() */
#include "host.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "area.h"

#define HOST_FLAGS                                                                       \
	(hipHostMallocPortable | hipHostMallocWriteCombined | hipHostMallocNumaUser |    \
	 hipHostMallocCoherent | hipHostMallocNonCoherent)

struct host_memory {
	struct list link;
	char *pointer;
	uint64_t bytes; /* whole pages */
	unsigned int flags;
};

/* Innermost lock. */
static pthread_mutex_t host_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list host_all = LIST_INIT(host_all); /* protected by host_lock */

static int host_allocate(uint64_t bytes, unsigned int flags, void **ret_pointer)
{
	struct host_memory *memory = calloc(1, sizeof(*memory));
	void *pointer;

	if (!memory)
		return -ENOMEM;
	pointer = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (pointer == MAP_FAILED) {
		free(memory);
		return -ENOMEM;
	}
	*memory =
		(struct host_memory){.pointer = pointer, .bytes = bytes, .flags = flags};
	pthread_mutex_lock(&host_lock);
	list_add_head(&host_all, &memory->link);
	pthread_mutex_unlock(&host_lock);
	*ret_pointer = pointer;
	return 0;
}

static struct host_memory *host_take(const void *pointer)
{
	struct host_memory *memory;

	pthread_mutex_lock(&host_lock);
	list_for_each(memory, &host_all, link)
		if (memory->pointer == pointer)
			break;
	if (memory)
		list_remove(&memory->link);
	pthread_mutex_unlock(&host_lock);
	return memory;
}

bool host_find(const void *pointer, unsigned int *ret_flags)
{
	const struct host_memory *memory;

	pthread_mutex_lock(&host_lock);
	list_for_each(memory, &host_all, link)
		if ((uintptr_t)pointer - (uintptr_t)memory->pointer < memory->bytes)
			break;
	if (memory)
		*ret_flags = memory->flags;
	pthread_mutex_unlock(&host_lock);
	return memory != NULL;
}

_public_ hipError_t hipHostMalloc(void **ret_pointer, size_t bytes, unsigned int flags)
{
	void *pointer = NULL;
	int r = runtime_enter();

	if (r == 0 && (!ret_pointer || flags & ~(HOST_FLAGS | hipHostMallocMapped)))
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	if (flags & hipHostMallocMapped)
		return runtime_return(hipErrorNotSupported);
	if (bytes > UINT64_MAX - PAGE_BYTES)
		r = -ENOMEM;
	else if (bytes)
		r = host_allocate(round_to_pages(bytes), flags, &pointer);
	if (r == 0)
		*ret_pointer = pointer;
	return runtime_result(r);
}

_public_ hipError_t hipHostFree(void *pointer)
{
	struct host_memory *memory;
	int r = runtime_enter();

	if (r < 0 || !pointer)
		return runtime_result(r);
	memory = host_take(pointer);
	if (!memory)
		return runtime_result(-EINVAL);
	/* A copy may still use it. */
	runtime_synchronize();
	munmap(memory->pointer, memory->bytes);
	free(memory);
	return runtime_result(0);
}
