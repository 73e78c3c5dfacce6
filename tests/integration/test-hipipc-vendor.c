/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-vendor.c - libhipipc with a vendor's runtime loaded
 *
 *
 * The runtimes are the fakes of tests/hipipc/fake.h; library, service and mount are real.
 * Each process loads its runtime with dlopen(3), as Python programs do.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <hipipc.h>

#include "child.h"
#include "fake.h"
#include "harness.h"

#define BYTES  ((size_t)3 * FAKE_GRANULE)
#define OFFSET 1234

enum runtime { CUDA, HIP };

/* One exporter and its importers. */
struct pair {
	const struct instance *instance;
	enum runtime runtime;
	enum fake_kind kind;
	hipIpcMemHandle_t handle; /* of the byte at OFFSET */
};

/* Orders to the exporter, one byte each. */
enum order { ORDER_CHECK = 'c', ORDER_FREE = 'f', ORDER_REPLACE = 'r', ORDER_END = 'e' };

static const struct fake_control *load(enum runtime runtime)
{
	static const char *const paths[] = {FAKES "/libcuda.so.1",
					    FAKES "/libamdhip64.so.6"};
	static const char *const symbols[] = {"fake_cuda", "fake_hip"};
	const struct fake_control *(*control)(void);
	void *library = dlopen(paths[runtime], RTLD_NOW | RTLD_LOCAL);

	if (!library)
		test_fail(__FILE__, __LINE__, "%s", dlerror());
	*(void **)&control = dlsym(library, symbols[runtime]);
	ASSERT(control);
	return control();
}

static const struct fake_control *begin(const struct pair *pair)
{
	ASSERT_OK(SYS(setenv("DMABUFFS_MOUNT", pair->instance->dir, 1)));
	ASSERT_OK(SYS(setenv("HIPIPC_LOG", "none", 1)));
	return load(pair->runtime);
}

static void expect_reason(const char *word)
{
	if (!strstr(hipipcLastReason(), word))
		test_fail(__FILE__, __LINE__, "no \"%s\" in the reason \"%s\"", word,
			  hipipcLastReason());
}

static uint8_t pattern(size_t i, uint8_t seed)
{
	return (uint8_t)(i * 7 + i / 251 + seed);
}

static void fill(uint8_t *memory, size_t first, size_t end, uint8_t seed)
{
	for (size_t i = first; i < end; i++)
		memory[i - first] = pattern(i, seed);
}

static void check(const uint8_t *memory, size_t first, size_t end, uint8_t seed)
{
	for (size_t i = first; i < end; i++)
		ASSERT_EQ(memory[i - first], pattern(i, seed));
}

static void expect_nothing_left(const struct fake_control *fake)
{
	static const struct fake_counts none;
	struct fake_counts now = fake->counts();

	ASSERT(!memcmp(&now, &none, sizeof(now)));
}

/* ---- the exporter ------------------------------------------------------------------ */

/* Any call makes the library detect freed memory. */
static void free_it(const struct fake_control *fake, uint8_t *memory)
{
	hipIpcMemHandle_t handle;

	fake->free(memory);
	ASSERT_EQ(hipIpcGetMemHandle(&handle, memory), hipErrorInvalidValue);
	memory = fake->alloc(FAKE_PLAIN, BYTES, NULL);
	ASSERT_EQ(hipIpcGetMemHandle(&handle, memory), hipSuccess);
}

static void execute_order(int peer, const struct fake_control *fake, struct pair *pair,
			  uint8_t *memory)
{
	hipIpcMemHandle_t handle;
	char order = 0;

	while (order != ORDER_END) {
		peer_get(peer, &order, 1);
		if (order == ORDER_CHECK)
			check(memory, 0, BYTES, 2);
		if (order == ORDER_FREE)
			free_it(fake, memory);
		if (order == ORDER_REPLACE) {
			fake->free(memory);
			ASSERT(fake->alloc(pair->kind, BYTES, memory) == memory);
			ASSERT_EQ(hipIpcGetMemHandle(&handle, memory + OFFSET),
				  hipSuccess);
			ASSERT(memcmp(&handle, &pair->handle, sizeof(handle)));
			peer_put(peer, &handle, sizeof(handle));
		}
		peer_signal(peer);
	}
}

static void run_exporter(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	uint8_t *memory = fake->alloc(pair->kind, BYTES, NULL);
	hipIpcMemHandle_t again;
	void *pointer;
	int fds;

	fill(memory, 0, BYTES, 1);
	ASSERT_EQ(hipIpcGetMemHandle(&pair->handle, memory + OFFSET), hipSuccess);
	fds = count_process_fds(getpid());
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(hipIpcGetMemHandle(&again, memory + OFFSET), hipSuccess);
		ASSERT(!memcmp(&again, &pair->handle, sizeof(again)));
	}
	if (pair->kind != FAKE_SEGMENTS)
		ASSERT_EQ(hipIpcGetMemHandle(&again, memory + BYTES),
			  hipErrorInvalidValue);
	ASSERT_EQ(hipIpcOpenMemHandle(&pointer, pair->handle, 0), hipErrorInvalidContext);
	ASSERT_EQ(count_process_fds(getpid()), fds);
	expect_nothing_left(fake);
	peer_put(peer, &pair->handle, sizeof(pair->handle));
	execute_order(peer, fake, pair, memory);
}

static void start_exporter(struct child *child, struct pair *pair)
{
	child_start(child, NULL, run_exporter, pair);
	peer_get(child->peer, &pair->handle, sizeof(pair->handle));
}

static void tell(struct child *child, char order)
{
	peer_put(child->peer, &order, 1);
	if (order != ORDER_REPLACE)
		peer_wait(child->peer);
}

/* ---- importers, each a process of its own ------------------------------------------ */

static void run_importer(struct pair *pair, void (*fn)(int peer, void *data))
{
	struct child child;

	child_start(&child, NULL, fn, pair);
	child_wait(&child);
}

static void import_works(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	void *one, *other;

	ASSERT_EQ(hipIpcOpenMemHandle(&one, pair->handle, 0), hipSuccess);
	check(one, OFFSET, BYTES, 1);
	ASSERT_EQ(
		hipIpcOpenMemHandle(&other, pair->handle, hipIpcMemLazyEnablePeerAccess),
		hipSuccess);
	ASSERT(one == other);
	ASSERT_EQ(hipIpcCloseMemHandle(one), hipSuccess);
	fill((uint8_t *)one - OFFSET, 0, BYTES, 2);
	ASSERT_EQ(hipIpcCloseMemHandle(one), hipSuccess);
	ASSERT_EQ(hipIpcCloseMemHandle(one), hipErrorInvalidValue);
	expect_nothing_left(fake);
}

static void import_gone(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	void *pointer = NULL;

	ASSERT_EQ(hipIpcOpenMemHandle(&pointer, pair->handle, 0),
		  hipErrorInvalidResourceHandle);
	ASSERT(!pointer);
	expect_nothing_left(fake);
}

static void import_in_two_contexts(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	void *one, *other = NULL;

	ASSERT_EQ(hipIpcOpenMemHandle(&one, pair->handle, 0), hipSuccess);
	fake->set(FAKE_CONTEXT, 2);
	ASSERT_EQ(hipIpcOpenMemHandle(&other, pair->handle, 0),
		  hipErrorInvalidResourceHandle);
	ASSERT(!other);
	ASSERT_EQ(hipIpcCloseMemHandle(one), hipSuccess);
	ASSERT_EQ(hipIpcOpenMemHandle(&other, pair->handle, 0), hipSuccess);
	ASSERT_EQ(hipIpcCloseMemHandle(other), hipSuccess);
	expect_nothing_left(fake);
}

static void import_refused(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	void *pointer = NULL;

	fake->set(FAKE_IMPORTS_DMABUFS, 0);
	ASSERT_EQ(hipIpcOpenMemHandle(&pointer, pair->handle, 0), hipErrorNotSupported);
	expect_reason("the exporter has to allocate it with cuMemCreate");
	ASSERT(!pointer);
	expect_nothing_left(fake);
}

/* The runtime's calls fail one by one. */
static void import_fails(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	unsigned int nth = 1;
	void *pointer = NULL;
	int fds;

	ASSERT_EQ(hipIpcOpenMemHandle(&pointer, pair->handle, 0), hipSuccess);
	ASSERT_EQ(hipIpcCloseMemHandle(pointer), hipSuccess);
	fds = count_process_fds(getpid());
	for (;; nth++) {
		hipError_t got;

		fake->fail(nth, 999);
		got = hipIpcOpenMemHandle(&pointer, pair->handle, 0);
		if (!fake->failed())
			break;
		fake->fail(0, 0);
		if (got == hipSuccess)
			ASSERT_EQ(hipIpcCloseMemHandle(pointer), hipSuccess);
		else
			ASSERT(*hipipcLastReason());
		expect_nothing_left(fake);
		ASSERT_EQ(count_process_fds(getpid()), fds);
		ASSERT(nth < 100);
	}
	fake->fail(0, 0);
	ASSERT(nth > 3);
	ASSERT_EQ(hipIpcCloseMemHandle(pointer), hipSuccess);
}

/* ---- cases ------------------------------------------------------------------------- */

static void share(struct instance *instance, enum runtime runtime, enum fake_kind kind)
{
	struct pair pair = {.instance = instance, .runtime = runtime, .kind = kind};
	struct child exporter;

	start_exporter(&exporter, &pair);
	run_importer(&pair, import_works);
	tell(&exporter, ORDER_CHECK);
	run_importer(&pair, import_in_two_contexts);
	run_importer(&pair, import_fails);
	tell(&exporter, ORDER_END);
	child_wait(&exporter);
	run_importer(&pair, import_gone);
}

static void share_cuda_vmm(struct instance *instance)
{
	share(instance, CUDA, FAKE_VMM);
}

static void share_cuda_segment(struct instance *instance)
{
	share(instance, CUDA, FAKE_SEGMENTS);
}

static void share_cuda_dmabuf(struct instance *instance)
{
	share(instance, CUDA, FAKE_PLAIN);
}

static void share_hip(struct instance *instance)
{
	share(instance, HIP, FAKE_PLAIN);
}

static void share_hip_vmm(struct instance *instance)
{
	share(instance, HIP, FAKE_VMM);
}

static void end_of(struct instance *instance, enum runtime runtime, enum fake_kind kind)
{
	struct pair pair = {.instance = instance, .runtime = runtime, .kind = kind};
	hipIpcMemHandle_t replacement;
	struct child exporter;

	start_exporter(&exporter, &pair);
	tell(&exporter, ORDER_FREE);
	run_importer(&pair, import_gone);
	tell(&exporter, ORDER_END);
	child_wait(&exporter);

	start_exporter(&exporter, &pair);
	tell(&exporter, ORDER_REPLACE);
	peer_get(exporter.peer, &replacement, sizeof(replacement));
	peer_wait(exporter.peer);
	run_importer(&pair, import_gone);
	tell(&exporter, ORDER_END);
	child_wait(&exporter);
}

static void freed_cuda(struct instance *instance)
{
	end_of(instance, CUDA, FAKE_VMM);
	end_of(instance, CUDA, FAKE_PLAIN);
}

static void freed_hip(struct instance *instance)
{
	end_of(instance, HIP, FAKE_PLAIN);
}

static void dmabuf_refused(struct instance *instance)
{
	struct pair pair = {.instance = instance, .runtime = CUDA, .kind = FAKE_PLAIN};
	struct child exporter;

	start_exporter(&exporter, &pair);
	run_importer(&pair, import_refused);
	tell(&exporter, ORDER_END);
	child_wait(&exporter);
}

/* Handles of one runtime are refused by another, except for dma-bufs. */
static void wrong_runtime(int peer, void *data)
{
	struct pair *pair = data, other = *pair;
	void *pointer = NULL;

	other.runtime = HIP;
	begin(&other);
	ASSERT_EQ(hipIpcOpenMemHandle(&pointer, pair->handle, 0), hipErrorMapFailed);
	expect_reason("another runtime");
}

static void of_another_runtime(struct instance *instance)
{
	struct pair pair = {.instance = instance, .runtime = CUDA, .kind = FAKE_VMM};
	struct child exporter;

	start_exporter(&exporter, &pair);
	run_importer(&pair, wrong_runtime);
	tell(&exporter, ORDER_END);
	child_wait(&exporter);
}

static void get_refused(int peer, void *data)
{
	struct pair *pair = data;
	const struct fake_control *fake = begin(pair);
	uint8_t *memory = fake->alloc(pair->kind, BYTES, NULL);
	hipIpcMemHandle_t handle;
	int event;

	ASSERT_EQ(hipIpcGetMemHandle(&handle, memory), hipErrorNotSupported);
	expect_reason(pair->runtime == CUDA ? "cuMemCreate" : "hipMalloc");
	ASSERT_EQ(hipIpcGetMemHandle(&handle, memory), hipErrorNotSupported);
	ASSERT_EQ(hipIpcGetMemHandle(&handle, &handle), hipErrorInvalidValue);
	/* The fake runtimes have no event calls to forward to. */
	ASSERT_EQ(
		hipIpcGetEventHandle((hipIpcEventHandle_t *)&handle, (hipEvent_t)&event),
		hipErrorNotSupported);
	expect_nothing_left(fake);
}

static void not_exportable(struct instance *instance)
{
	static const enum fake_kind kinds[] = {FAKE_PRIVATE, FAKE_MANAGED};
	struct pair pair = {.instance = instance};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		pair.kind = kinds[i];
		pair.runtime = CUDA;
		run_importer(&pair, get_refused);
		pair.runtime = HIP;
		run_importer(&pair, get_refused);
	}
}

static void use_nothing(int peer, void *data)
{
	hipIpcMemHandle_t handle;
	int value;

	ASSERT_OK(SYS(setenv("DMABUFFS_MOUNT", ((struct instance *)data)->dir, 1)));
	ASSERT_EQ(hipIpcGetMemHandle(&handle, &value), hipErrorNoDevice);
	expect_reason("-lhipsoft");
}

static void no_runtime(struct instance *instance)
{
	struct child child;

	child_start(&child, NULL, use_nothing, instance);
	child_wait(&child);
}

const struct test_case test_cases[] = {
	{"hipipc_cuda_vmm", share_cuda_vmm},
	{"hipipc_cuda_segment", share_cuda_segment},
	{"hipipc_cuda_dmabuf", share_cuda_dmabuf},
	{"hipipc_hip", share_hip},
	{"hipipc_hip_vmm", share_hip_vmm},
	{"hipipc_cuda_freed", freed_cuda},
	{"hipipc_hip_freed", freed_hip},
	{"hipipc_cuda_dmabuf_refused", dmabuf_refused},
	{"hipipc_of_another_runtime", of_another_runtime},
	{"hipipc_not_exportable", not_exportable},
	{"hipipc_no_runtime", no_runtime},
	{NULL},
};
