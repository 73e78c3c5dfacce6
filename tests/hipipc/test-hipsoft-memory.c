/* SPDX-License-Identifier: MIT */
/* test-hipsoft-memory.c - device memory, its limits, and devices that reach it */
#include "hipsoft-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

/* Outputs that a failed call must not change. */
static void *const untouched = (void *)0x1234;

static void small_devices(void)
{
	soft_configure("3", "4");
}

TestSuite(hipsoft_memory, .init = small_devices);

static size_t memory_free(void)
{
	size_t free, total;

	expect_ok(hipMemGetInfo(&free, &total));
	cr_assert(eq(sz, total, 4 * MIB));
	return free;
}

static bool all_is_free(void *data)
{
	return memory_free() == 4 * MIB;
}

static bool is_found(const void *pointer)
{
	struct hipipc_allocation found = {.id = 77};
	int r = hipsoft_provider.find((uintptr_t)pointer, &found);

	cr_assert(eq(int, r, found.id == 77 ? -EINVAL : 0));
	return r == 0;
}

/* ---- arguments --------------------------------------------------------------------- */

Test(hipsoft_memory, no_bytes_give_null)
{
	void *pointer = untouched;

	expect(hipMalloc(NULL, 1), hipErrorInvalidValue);
	expect_ok(hipMalloc(&pointer, 0));
	cr_assert(eq(ptr, pointer, NULL));
	expect_ok(hipFree(NULL));
	cr_assert(eq(sz, memory_free(), 4 * MIB));
}

Test(hipsoft_memory, frees_only_what_it_gave)
{
	char *pointer = soft_malloc(3 * PAGE);
	char local;

	expect(hipFree(&local), hipErrorInvalidValue);
	expect(hipFree(untouched), hipErrorInvalidValue);
	expect(hipFree((void *)UINTPTR_MAX), hipErrorInvalidValue);
	expect(hipFree(pointer + 1), hipErrorInvalidValue);
	expect(hipFree(pointer + PAGE), hipErrorInvalidValue);
	expect(hipFree(pointer + 3 * PAGE), hipErrorInvalidValue);
	cr_assert(is_found(pointer));
	expect_ok(hipFree(pointer));
	expect(hipFree(pointer), hipErrorInvalidValue);
}

static void check_unknown(void *pointer)
{
	hipPointerAttribute_t attributes = {.device = 77};
	void *base = untouched;
	size_t bytes = 77;

	expect(hipPointerGetAttributes(&attributes, pointer), hipErrorInvalidValue);
	expect(hipMemGetAddressRange(&base, &bytes, pointer), hipErrorInvalidValue);
	cr_assert(not(is_found(pointer)));
	cr_assert(eq(int, attributes.device, 77));
	cr_assert(eq(ptr, base, untouched));
	cr_assert(eq(sz, bytes, 77));
}

static void check_known(void *pointer, void *begin, size_t length, int device)
{
	hipPointerAttribute_t attributes;
	void *base;
	size_t bytes;

	memset(&attributes, 0x77, sizeof(attributes));
	expect_ok(hipPointerGetAttributes(&attributes, pointer));
	cr_assert(eq(int, attributes.type, hipMemoryTypeDevice));
	cr_assert(eq(int, attributes.device, device));
	cr_assert(eq(ptr, attributes.devicePointer, pointer));
	cr_assert(eq(ptr, attributes.hostPointer, NULL));
	cr_assert(eq(int, attributes.isManaged, 0));
	cr_assert(eq(uint, attributes.allocationFlags, 0));
	expect_ok(hipMemGetAddressRange(&base, &bytes, pointer));
	cr_assert(eq(ptr, base, begin));
	cr_assert(eq(sz, bytes, length));
	cr_assert(eq(u64, soft_find(pointer).base, (uintptr_t)begin));
	cr_assert(eq(u64, soft_find(pointer).bytes, length));
}

Test(hipsoft_memory, pointers_tell_what_they_are)
{
	char *pointer, local;

	expect_ok(hipSetDevice(1));
	pointer = soft_malloc(PAGE + 5);
	expect_ok(hipSetDevice(0));
	check_known(pointer, pointer, PAGE + 5, 1);
	check_known(pointer + PAGE + 4, pointer, PAGE + 5, 1);
	/* The rest of the page is not part of the allocation. */
	check_unknown(pointer + PAGE + 5);
	check_unknown(pointer + 2 * PAGE);
	check_unknown(pointer - 1);
	check_unknown(NULL);
	check_unknown(&local);
	expect_ok(hipFree(pointer));
	check_unknown(pointer);
}

Test(hipsoft_memory, refuses_null_outputs)
{
	void *pointer = soft_malloc(1), *base;
	size_t bytes;

	expect(hipPointerGetAttributes(NULL, pointer), hipErrorInvalidValue);
	expect(hipMemGetAddressRange(NULL, &bytes, pointer), hipErrorInvalidValue);
	expect(hipMemGetAddressRange(&base, NULL, pointer), hipErrorInvalidValue);
}

/* ---- contents ---------------------------------------------------------------------- */

Test(hipsoft_memory, is_not_for_the_cpu)
{
	char *pointer = soft_malloc(PAGE);
	int ends[2];

	cr_assert(zero(int, pipe(ends)));
	cr_assert(eq(int, (int)write(ends[1], pointer, 1), -1));
	cr_assert(eq(int, errno, EFAULT));
	cr_assert(eq(int, (int)write(ends[1], "", 1), 1));
	cr_assert(eq(int, (int)read(ends[0], pointer, 1), -1));
	cr_assert(eq(int, errno, EFAULT));
}

static void fill(void *pointer, char value, size_t bytes)
{
	expect_ok(hipMemset(pointer, value, bytes));
}

static void check_filled(const void *pointer, char value, size_t bytes)
{
	char *copy = malloc(bytes);

	expect_ok(hipMemcpy(copy, pointer, bytes, hipMemcpyDeviceToHost));
	for (size_t i = 0; i < bytes; i++)
		cr_assert(eq(int, copy[i], value), "at %zu", i);
	free(copy);
}

Test(hipsoft_memory, is_zeroed_and_keeps_what_is_written)
{
	void *pointer = soft_malloc(MIB), *again;

	check_filled(pointer, 0, MIB);
	fill(pointer, 5, MIB);
	check_filled(pointer, 5, MIB);
	expect_ok(hipFree(pointer));
	again = soft_malloc(MIB);
	check_filled(again, 0, MIB);
}

/* ---- many allocations -------------------------------------------------------------- */

#define SLOTS 200

struct slot {
	char *pointer;
	size_t bytes;
	int device;
};

static void check_slot(const struct slot *slot)
{
	check_known(slot->pointer, slot->pointer, slot->bytes, slot->device);
	check_known(slot->pointer + slot->bytes - 1, slot->pointer, slot->bytes,
		    slot->device);
}

static void fill_slot(struct slot *slot, unsigned *seed)
{
	slot->device = rand_r(seed) % 3;
	slot->bytes = (size_t)rand_r(seed) % (3 * PAGE) + 1;
	expect_ok(hipSetDevice(slot->device));
	slot->pointer = soft_malloc(slot->bytes);
}

Test(hipsoft_memory, many_come_and_go_on_all_devices)
{
	struct slot slots[SLOTS] = {{0}};
	uint64_t last_id = 0;
	unsigned seed = 1;

	for (int i = 0; i < 3000; i++) {
		struct slot *slot = &slots[rand_r(&seed) % SLOTS];

		if (slot->pointer) {
			check_slot(slot);
			expect_ok(hipFree(slot->pointer));
			check_unknown(slot->pointer);
			slot->pointer = NULL;
			continue;
		}
		fill_slot(slot, &seed);
		check_slot(slot);
		cr_assert(gt(u64, soft_find(slot->pointer).id, last_id));
		last_id = soft_find(slot->pointer).id;
	}
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].pointer)
			expect_ok(hipFree(slots[i].pointer));
	for (int i = 0; i < 3; i++) {
		expect_ok(hipSetDevice(i));
		cr_assert(wait_until(all_is_free, NULL));
	}
}

struct contest {
	pthread_barrier_t barrier;
	void *pointer;
};

static void *free_it(void *arg)
{
	struct contest *contest = arg;

	pthread_barrier_wait(&contest->barrier);
	return (void *)(uintptr_t)hipFree(contest->pointer);
}

Test(hipsoft_memory, is_freed_once)
{
	struct contest contest;

	pthread_barrier_init(&contest.barrier, NULL, 2);
	for (int i = 0; i < 500; i++) {
		uintptr_t one, two;
		pthread_t thread;
		void *result;

		contest.pointer = soft_malloc(PAGE);
		pthread_create(&thread, NULL, free_it, &contest);
		two = (uintptr_t)free_it(&contest);
		pthread_join(thread, &result);
		one = (uintptr_t)result;
		cr_assert(eq(uint, one + two, hipErrorInvalidValue), "%zu and %zu", one,
			  two);
	}
}

/* ---- limits ------------------------------------------------------------------------ */

Test(hipsoft_memory, ends_with_the_devices_memory)
{
	void *pointers[4], *more = untouched;

	for (int i = 0; i < 4; i++) {
		pointers[i] = soft_malloc(MIB);
		cr_assert(eq(sz, memory_free(), (size_t)(3 - i) * MIB));
	}
	expect(hipMalloc(&more, 1), hipErrorOutOfMemory);
	/* Other devices have their own memory. */
	expect_ok(hipSetDevice(1));
	cr_assert(eq(sz, memory_free(), 4 * MIB));
	expect_ok(hipFree(soft_malloc(4 * MIB)));
	expect_ok(hipSetDevice(0));
	for (int i = 0; i < 4; i++) {
		expect_ok(hipFree(pointers[i]));
		pointers[i] = soft_malloc(MIB);
	}
	expect(hipMalloc(&more, 1), hipErrorOutOfMemory);
	cr_assert(eq(ptr, more, untouched));
}

Test(hipsoft_memory, no_size_is_too_large_to_refuse)
{
	static const size_t sizes[] = {
		4 * MIB + 1,
		(size_t)1 << 46,
		(size_t)1 << 47,
		SIZE_MAX / 2,
		SIZE_MAX / 2 + 1,
		SIZE_MAX - 2 * PAGE,
		SIZE_MAX - PAGE,
		SIZE_MAX - PAGE + 1,
		SIZE_MAX - PAGE + 2,
		SIZE_MAX - 1,
		SIZE_MAX,
	};
	void *pointer = untouched;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		expect(hipMalloc(&pointer, sizes[i]), hipErrorOutOfMemory);
	cr_assert(eq(ptr, pointer, untouched));
	cr_assert(eq(sz, memory_free(), 4 * MIB));
}

static void limit_fds(unsigned n)
{
	struct rlimit limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	limit.rlim_cur = n;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
}

/* Allocates as many as possible; the list is terminated by NULL. */
static void take_all(void *pointers[64])
{
	hipError_t error = hipSuccess;
	int n = 0;

	while (n < 63 && error == hipSuccess)
		error = hipMalloc(&pointers[n++], PAGE);
	expect(error, hipErrorOutOfMemory);
	pointers[n - 1] = NULL;
	cr_assert(gt(int, n, 3));
}

static void free_all(void **pointers)
{
	for (; *pointers; pointers++)
		expect_ok(hipFree(*pointers));
}

static void exhaust(void)
{
	void *pointers[64];
	unsigned before;

	/* From here on the stream owns the resources that it keeps. */
	expect_ok(hipDeviceSynchronize());
	before = count_fds();
	limit_fds(before + 20);
	take_all(pointers);
	/*
	 * Succeeds at once: a call that lacks descriptors waits for those being closed.
	 */
	for (int i = 0; i < 10; i++) {
		expect_ok(hipFree(pointers[0]));
		pointers[0] = soft_malloc(PAGE);
	}
	free_all(pointers);
	limit_fds(1024);
	cr_assert(wait_until(has_fds, &before));
	cr_assert(wait_until(all_is_free, NULL));
}

Test(hipsoft_memory, ends_with_the_descriptors)
{
	exhaust();
}

Test(hipsoft_memory, ends_with_the_descriptors_of_peers_too)
{
	for (int i = 1; i < 3; i++) {
		expect_ok(hipSetDevice(i));
		expect_ok(hipDeviceEnablePeerAccess(0, 0));
	}
	expect_ok(hipSetDevice(0));
	exhaust();
}

static bool take_descriptor(void *data)
{
	return dup(STDERR_FILENO) >= 0;
}

/*
 * Uses all descriptors except two that are freed soon: a large buffer is closed before
 * them, which takes a while.
 */
static void exhaust_but(void *large, void ***pointers)
{
	while (take_descriptor(NULL))
		;
	expect_ok(hipFree(large));
	for (int i = 0; i < 2; i++)
		expect_ok(hipFree(*(*pointers)++));
	/* Its descriptor is free before its memory is. */
	cr_assert(wait_until(take_descriptor, NULL));
}

/* Other calls that need descriptors also wait for those being closed. */
Test(hipsoft_memory, streams_and_events_have_what_was_freed)
{
	void *large[4], *all[64], **pointers = all;
	unsigned char byte = 1;
	hipStream_t stream;
	hipEvent_t event;
	hipCtx_t context;

	soft_configure("1", "300");
	for (int i = 0; i < 4; i++) {
		large[i] = soft_malloc(64 * MIB);
		fill(large[i], 1, 64 * MIB);
	}
	limit_fds(count_fds() + 20);
	take_all(all);
	exhaust_but(large[0], &pointers);
	expect_ok(hipStreamCreate(&stream));
	exhaust_but(large[1], &pointers);
	expect_ok(hipMemcpyAsync(*pointers, &byte, 1, hipMemcpyHostToDevice, stream));
	exhaust_but(large[2], &pointers);
	expect_ok(hipEventCreateWithFlags(&event,
					  hipEventInterprocess | hipEventDisableTiming));
	exhaust_but(large[3], &pointers);
	expect_ok(hipCtxCreate(&context, 0, 0));
	expect_ok(hipStreamSynchronize(stream));
}

/* ---- peers ------------------------------------------------------------------------- */

static float *make_floats(int device, float value)
{
	float values[64], *pointer;

	for (int i = 0; i < 64; i++)
		values[i] = value;
	expect_ok(hipSetDevice(device));
	pointer = soft_malloc(sizeof(values));
	expect_ok(hipMemcpy(pointer, values, sizeof(values), hipMemcpyHostToDevice));
	return pointer;
}

/* Adds them on the current device, into its own memory. */
static void check_sum(float *out, const float *one, const float *two, float expected)
{
	float values[64];

	expect_ok(hipsoftVectorAdd(out, one, two, 64, NULL));
	expect_ok(hipMemcpy(values, out, sizeof(values), hipMemcpyDeviceToHost));
	for (int i = 0; i < 64; i++)
		cr_assert(epsilon_eq(flt, values[i], expected, 0.001f));
}

Test(hipsoft_memory, of_peers_is_reached)
{
	float *here = make_floats(0, 1), *before = make_floats(1, 2), *after;

	expect_ok(hipSetDevice(0));
	expect(hipsoftVectorAdd(here, here, before, 64, NULL), hipErrorInvalidValue);
	expect_ok(hipDeviceEnablePeerAccess(1, 0));
	check_sum(here, here, before, 3);
	after = make_floats(1, 4);
	expect_ok(hipSetDevice(0));
	check_sum(here, before, after, 6);
	/* It also writes to them. */
	check_sum(before, here, after, 10);
	/* The access is one-way. */
	expect_ok(hipSetDevice(1));
	expect(hipsoftVectorAdd(after, after, here, 64, NULL), hipErrorInvalidValue);
	expect_ok(hipSetDevice(0));
	expect_ok(hipFree(before));
	check_sum(here, after, after, 8);
	expect_ok(hipDeviceDisablePeerAccess(1));
	expect(hipsoftVectorAdd(here, here, after, 64, NULL), hipErrorInvalidValue);
	expect_ok(hipDeviceEnablePeerAccess(1, 0));
	check_sum(here, after, after, 8);
}

Test(hipsoft_memory, of_peers_is_given_back)
{
	unsigned before;
	void *pointer;

	expect_ok(hipSetDevice(1));
	before = count_fds();
	expect_ok(hipDeviceEnablePeerAccess(0, 0));
	expect_ok(hipSetDevice(2));
	expect_ok(hipDeviceEnablePeerAccess(0, 0));
	expect_ok(hipSetDevice(0));
	pointer = soft_malloc(MIB);
	cr_assert(eq(uint, count_fds(), before + 3));
	expect_ok(hipFree(pointer));
	cr_assert(wait_until(has_fds, &before));
	cr_assert(wait_until(all_is_free, NULL));
}

Test(hipsoft_memory, a_peer_that_cannot_have_all_has_nothing)
{
	void *pointers[10];
	unsigned before;

	for (int i = 0; i < 10; i++)
		pointers[i] = soft_malloc(PAGE);
	expect_ok(hipSetDevice(1));
	before = count_fds();
	limit_fds(before + 5);
	expect(hipDeviceEnablePeerAccess(0, 0), hipErrorOutOfMemory);
	limit_fds(1024);
	cr_assert(wait_until(has_fds, &before));
	expect(hipDeviceDisablePeerAccess(0), hipErrorPeerAccessNotEnabled);
	expect_ok(hipDeviceEnablePeerAccess(0, 0));
	before += 10;
	cr_assert(eq(uint, count_fds(), before));
	before -= 10;
	expect_ok(hipDeviceDisablePeerAccess(0));
	cr_assert(wait_until(has_fds, &before));
	for (int i = 0; i < 10; i++)
		expect_ok(hipFree(pointers[i]));
}

static void *change_peers(void *arg)
{
	for (int i = 0; i < 200; i++) {
		expect_ok(hipSetDevice(1 + i % 2));
		expect_ok(hipDeviceEnablePeerAccess(0, 0));
		expect_ok(hipDeviceDisablePeerAccess(0));
	}
	return NULL;
}

Test(hipsoft_memory, peers_come_and_go_while_memory_does)
{
	unsigned before;
	pthread_t thread;

	expect_ok(hipInit(0));
	before = count_fds();
	pthread_create(&thread, NULL, change_peers, NULL);
	for (int i = 0; i < 500; i++) {
		void *one = soft_malloc(PAGE), *two = soft_malloc(PAGE);

		expect_ok(hipFree(one));
		expect_ok(hipFree(two));
	}
	pthread_join(thread, NULL);
	cr_assert(wait_until(has_fds, &before));
	cr_assert(wait_until(all_is_free, NULL));
}
