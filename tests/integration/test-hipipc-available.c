/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-available.c - exported memory is available again when it was freed
 *
 * The device has room for one of the allocations only.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../support/fds.h"
#include "harness.h"
#include "hipipc.h"
#include "raw.h"

#define ROUNDS 200
#define BIG    (40UL << 20) /* of a device of 64 MiB */

static void use_small_device(const struct instance *instance)
{
	ASSERT_OK(SYS(setenv("HIPSOFT_MEMORY", "64", 1)));
	hip_begin(instance);
}

static void *export_big(void)
{
	void *pointer;

	ASSERT_HIP(hipSuccess, hipMalloc(&pointer, BIG));
	(void)get_memory(pointer);
	return pointer;
}

static void allocate_after_free(struct instance *instance)
{
	use_small_device(instance);
	for (int i = 0; i < ROUNDS; i++)
		ASSERT_HIP(hipSuccess, hipFree(export_big()));
	expect_names(instance, 0);
}

static void reported_after_free(struct instance *instance)
{
	size_t free_now, total;
	unsigned int n_short = 0;
	void *pointer;

	use_small_device(instance);
	for (int i = 0; i < ROUNDS; i++) {
		pointer = export_big();
		ASSERT_HIP(hipSuccess, hipMemGetInfo(&free_now, &total));
		ASSERT_EQ(free_now, total - BIG);
		ASSERT_HIP(hipSuccess, hipFree(pointer));
		ASSERT_HIP(hipSuccess, hipMemGetInfo(&free_now, &total));
		n_short += free_now != total;
	}
	ASSERT_EQ(n_short, 0);
}

/* The runtime and the library have no descriptor of the memory left. */
static void descriptors_after_free(struct instance *instance)
{
	unsigned int n_fds, n_more = 0;

	use_small_device(instance);
	ASSERT_HIP(hipSuccess, hipFree(export_big()));
	n_fds = (unsigned int)count_stable_fds(getpid());
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_HIP(hipSuccess, hipFree(export_big()));
		n_more += count_fds() > n_fds;
	}
	ASSERT_EQ(n_more, 0);
}

static void hold(int peer, void *data)
{
	hipIpcMemHandle_t handle;
	void *pointer;

	hip_begin(data);
	peer_get(peer, &handle, sizeof(handle));
	pointer = open_memory(handle);
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	peer_signal(peer);
	peer_wait(peer);
}

static hipError_t allocate_big(void)
{
	void *pointer;
	hipError_t result = hipMalloc(&pointer, BIG);

	if (result == hipSuccess)
		ASSERT_HIP(hipSuccess, hipFree(pointer));
	return result;
}

/* The service and the kernel let go of what another process closed a moment later. */
static bool big_is_available(void *data)
{
	return allocate_big() == hipSuccess;
}

/* What an importer holds is in use; when it closes that, it is available. */
static void held_by_importer(struct instance *instance)
{
	size_t free_now, total;
	hipIpcMemHandle_t handle;
	struct child child;
	void *pointer;

	child_start(&child, NULL, hold, instance);
	use_small_device(instance);
	pointer = export_big();
	handle = get_memory(pointer);
	peer_put(child.peer, &handle, sizeof(handle));
	peer_wait(child.peer);
	ASSERT_HIP(hipSuccess, hipFree(pointer));
	ASSERT_HIP(hipSuccess, hipMemGetInfo(&free_now, &total));
	ASSERT_EQ(free_now, total - BIG);
	ASSERT_HIP(hipErrorOutOfMemory, allocate_big());
	peer_signal(child.peer);
	peer_wait(child.peer);
	ASSERT(wait_until(big_is_available, NULL));
	peer_signal(child.peer);
	child_wait(&child);
}

/* Where nothing that was freed is in use, there is nothing to wait for. */
static void fails_at_once(struct instance *instance)
{
	uint64_t shortest = UINT64_MAX;
	void *pointer;

	use_small_device(instance);
	for (int i = 0; i < 5; i++) {
		uint64_t start;

		ASSERT_HIP(hipSuccess, hipFree(export_big()));
		ASSERT_HIP(hipSuccess, hipMalloc(&pointer, BIG));
		start = now_ms();
		ASSERT_HIP(hipErrorOutOfMemory, allocate_big());
		shortest = MIN(shortest, now_ms() - start);
		ASSERT_HIP(hipSuccess, hipFree(pointer));
	}
	/* Otherwise it waits for 2 s. */
	ASSERT(shortest < 1000);
}

/* Memory of this process that the child holds after it was freed here. */
static void leave_held(struct child *child)
{
	hipIpcMemHandle_t handle;
	void *pointer;

	ASSERT_HIP(hipSuccess, hipMalloc(&pointer, PAGE));
	handle = get_memory(pointer);
	peer_put(child->peer, &handle, sizeof(handle));
	peer_wait(child->peer);
	ASSERT_HIP(hipSuccess, hipFree(pointer));
}

static void end_holding(struct child *child)
{
	peer_signal(child->peer);
	peer_wait(child->peer);
	peer_signal(child->peer);
	child_wait(child);
}

/* An importer that holds memory does not delay what else is freed. */
static void descriptors_beside_held(struct instance *instance)
{
	unsigned int n_fds, n_more = 0;
	struct child child;
	void *pointer;

	child_start(&child, NULL, hold, instance);
	use_small_device(instance);
	leave_held(&child);
	n_fds = (unsigned int)count_stable_fds(getpid());
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_HIP(hipSuccess, hipMalloc(&pointer, PAGE));
		ASSERT_HIP(hipSuccess, hipFree(pointer));
		n_more += count_fds() > n_fds;
	}
	ASSERT_EQ(n_more, 0);
	end_holding(&child);
}

static void descriptors_after_close(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	unsigned int n_fds, n_more = 0;
	struct child child;
	void *pointer;

	exporter_start(&exporter, NULL);
	child_start(&child, NULL, hold, instance);
	use_small_device(instance);
	leave_held(&child);
	pointer = open_memory(exporter.memory);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	n_fds = (unsigned int)count_stable_fds(getpid());
	for (int i = 0; i < ROUNDS; i++) {
		pointer = open_memory(exporter.memory);
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
		n_more += count_fds() > n_fds;
	}
	ASSERT_EQ(n_more, 0);
	end_holding(&child);
	exporter_end(&exporter);
}

/* With its queue and its staging buffer. */
static void use_stream(void *device)
{
	char host[16];
	hipStream_t stream;

	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	ASSERT_HIP(hipSuccess, hipMemcpyAsync(host, device, sizeof(host),
					      hipMemcpyDeviceToHost, stream));
	ASSERT_HIP(hipSuccess, hipStreamDestroy(stream));
}

static void descriptors_after_stream(struct instance *instance)
{
	unsigned int n_fds, n_more = 0;
	void *device;

	use_small_device(instance);
	ASSERT_HIP(hipSuccess, hipMalloc(&device, PAGE));
	use_stream(device);
	n_fds = (unsigned int)count_stable_fds(getpid());
	for (int i = 0; i < ROUNDS; i++) {
		use_stream(device);
		n_more += count_fds() > n_fds;
	}
	ASSERT_EQ(n_more, 0);
}

/* ---- without descriptors ----------------------------------------------------------- */

/* From now on @n more descriptors can be opened. */
static void permit_descriptors(unsigned int n)
{
	struct rlimit limit = {.rlim_max = 4096};
	int highest;

	/* It has no gaps below the first descriptor that is free. */
	limit.rlim_cur = limit.rlim_max;
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	highest = (int)ASSERT_OK(SYS(dup(STDERR_FILENO)));
	limit.rlim_cur = (rlim_t)highest + n;
	ASSERT_OK(SYS(setrlimit(RLIMIT_NOFILE, &limit)));
	close(highest);
}

static bool is_possible(hipError_t result)
{
	if (result == hipSuccess)
		return true;
	ASSERT_EQ(result, hipErrorOutOfMemory);
	ASSERT(strstr(hipipcLastReason(), "too many open files"));
	return false;
}

static bool share_with(const struct exporter *exporter, void *memory, hipEvent_t event)
{
	hipIpcEventHandle_t event_handle;
	hipIpcMemHandle_t handle;
	hipEvent_t opened;
	bool all = true;
	void *pointer;

	if (is_possible(hipIpcOpenMemHandle(&pointer, exporter->memory, 0)))
		ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(pointer));
	else
		all = false;
	if (is_possible(hipIpcOpenEventHandle(&opened, exporter->event)))
		ASSERT_HIP(hipSuccess, hipEventDestroy(opened));
	else
		all = false;
	all &= is_possible(hipIpcGetMemHandle(&handle, memory));
	return is_possible(hipIpcGetEventHandle(&event_handle, event)) && all;
}

/* Each step finds no descriptor in turn; the reason names that, and nothing stays. */
static void without_descriptors(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	unsigned int n = 0, n_fds;
	hipEvent_t event;
	void *memory;

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	memory = device_alloc(PAGE, 1);
	event = make_event();
	device_check(memory, 0, PAGE, 1);
	do {
		ASSERT(n < 32);
		permit_descriptors(n++);
	} while (!share_with(&exporter, memory, event));
	ASSERT(n > 3);
	permit_descriptors(1024);
	/* The session opens what it had no descriptor for. */
	ASSERT(share_with(&exporter, memory, event));
	n_fds = (unsigned int)count_fds();
	ASSERT(share_with(&exporter, memory, event));
	ASSERT_EQ(count_fds(), n_fds);
	exporter_end(&exporter);
}

const struct test_case test_cases[] = {
	{"allocate_after_free", allocate_after_free},
	{"allocate_after_free_without_passthrough", allocate_after_free, "nopassthrough"},
	{"reported_after_free", reported_after_free},
	{"descriptors_after_free", descriptors_after_free},
	{"held_by_importer", held_by_importer},
	{"fails_at_once", fails_at_once},
	{"descriptors_beside_held", descriptors_beside_held},
	{"descriptors_after_close", descriptors_after_close},
	{"descriptors_after_stream", descriptors_after_stream},
	{"without_descriptors", without_descriptors},
	{0},
};
