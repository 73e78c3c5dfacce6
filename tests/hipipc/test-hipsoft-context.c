/* SPDX-License-Identifier: MIT */
/* test-hipsoft-context.c - start of the runtime, devices and contexts */
#include "hipsoft-fixture.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

static const hipCtx_t no_context = (hipCtx_t)0x1234;

static void three_devices(void)
{
	soft_configure("3", "64");
}

/* ---- start ------------------------------------------------------------------------- */

static int count_devices(void)
{
	int n = -1;

	expect_ok(hipGetDeviceCount(&n));
	return n;
}

Test(hipsoft_begin, has_one_device_by_default)
{
	size_t free, total;

	unsetenv("HIPSOFT_DEVICES");
	unsetenv("HIPSOFT_MEMORY");
	cr_assert(eq(int, count_devices(), 1));
	expect_ok(hipMemGetInfo(&free, &total));
	cr_assert(eq(sz, total, (size_t)1024 << 20));
	cr_assert(eq(sz, free, total));
}

Test(hipsoft_begin, takes_numbers_from_the_environment)
{
	size_t free, total;

	soft_configure("8", "3");
	cr_assert(eq(int, count_devices(), 8));
	expect_ok(hipSetDevice(7));
	expect_ok(hipMemGetInfo(&free, &total));
	cr_assert(eq(sz, total, (size_t)3 << 20));
}

Test(hipsoft_begin, takes_empty_ones_as_none)
{
	soft_configure("", "");
	cr_assert(eq(int, count_devices(), 1));
}

Test(hipsoft_begin, refuses_numbers_out_of_range)
{
	static const char *const wrong[] = {
		"0", "-1", "+1", " 1", "1 ", "1x", "x", "1.5", "18446744073709551617",
	};
	int n = 5;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		soft_configure(wrong[i], "16");
		expect(hipGetDeviceCount(&n), hipErrorNoDevice);
		soft_configure("1", wrong[i]);
		expect(hipGetDeviceCount(&n), hipErrorNoDevice);
	}
	soft_configure("9", "16");
	expect(hipGetDeviceCount(&n), hipErrorNoDevice);
	soft_configure("1", "67108865");
	expect(hipGetDeviceCount(&n), hipErrorNoDevice);
	cr_assert(eq(int, n, 5));
	expect(hipGetLastError(), hipErrorNoDevice);
	/* The failure is not permanent. */
	soft_configure("2", "16");
	cr_assert(eq(int, count_devices(), 2));
}

Test(hipsoft_begin, reads_the_environment_once)
{
	soft_configure("2", "16");
	expect_ok(hipInit(0));
	soft_configure("5", "16");
	cr_assert(eq(int, count_devices(), 2));
}

static void *count_in_thread(void *arg)
{
	pthread_barrier_wait(arg);
	cr_expect(eq(int, count_devices(), 3));
	return NULL;
}

Test(hipsoft_begin, happens_once_for_all_threads, .init = three_devices)
{
	pthread_t threads[8];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, count_in_thread, &barrier);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	expect_ok(hipSetDevice(2));
	expect(hipSetDevice(3), hipErrorInvalidDevice);
}

Test(hipsoft_begin, init_takes_no_flags)
{
	expect(hipInit(1), hipErrorInvalidValue);
	expect_ok(hipInit(0));
}

/* ---- devices ----------------------------------------------------------------------- */

TestSuite(hipsoft_device, .init = three_devices);

Test(hipsoft_device, refuses_null)
{
	size_t bytes;

	expect(hipGetDeviceCount(NULL), hipErrorInvalidValue);
	expect(hipGetDevice(NULL), hipErrorInvalidValue);
	expect(hipMemGetInfo(NULL, &bytes), hipErrorInvalidValue);
	expect(hipMemGetInfo(&bytes, NULL), hipErrorInvalidValue);
	expect(hipDeviceCanAccessPeer(NULL, 0, 1), hipErrorInvalidValue);
}

static int current_device(void)
{
	int device = -1;

	expect_ok(hipGetDevice(&device));
	return device;
}

static void *look_at_current_device(void *ret)
{
	*(int *)ret = current_device();
	return NULL;
}

Test(hipsoft_device, is_current_for_a_thread)
{
	pthread_t thread;
	int other = -1;

	cr_assert(eq(int, current_device(), 0));
	expect_ok(hipSetDevice(2));
	cr_assert(eq(int, current_device(), 2));
	pthread_create(&thread, NULL, look_at_current_device, &other);
	pthread_join(thread, NULL);
	cr_assert(eq(int, other, 0));
}

Test(hipsoft_device, refuses_unknown_ones)
{
	static const int wrong[] = {-1, 3, INT_MAX, INT_MIN};
	int can = 7;

	expect_ok(hipSetDevice(1));
	for (int i = 0; i < 4; i++) {
		expect(hipSetDevice(wrong[i]), hipErrorInvalidDevice);
		expect(hipDeviceCanAccessPeer(&can, wrong[i], 0), hipErrorInvalidDevice);
		expect(hipDeviceCanAccessPeer(&can, 0, wrong[i]), hipErrorInvalidDevice);
		expect(hipDeviceEnablePeerAccess(wrong[i], 0), hipErrorInvalidDevice);
		expect(hipDeviceDisablePeerAccess(wrong[i]), hipErrorInvalidDevice);
	}
	cr_assert(eq(int, can, 7));
	cr_assert(eq(int, current_device(), 1));
}

Test(hipsoft_device, reaches_all_others)
{
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++) {
			int can = -1;

			expect_ok(hipDeviceCanAccessPeer(&can, i, j));
			cr_assert(eq(int, can, i != j));
		}
}

Test(hipsoft_device, enables_and_disables_peers_once)
{
	expect_ok(hipSetDevice(1));
	expect(hipDeviceEnablePeerAccess(1, 0), hipErrorInvalidDevice);
	expect(hipDeviceDisablePeerAccess(1), hipErrorInvalidDevice);
	expect(hipDeviceEnablePeerAccess(2, 1), hipErrorInvalidValue);
	expect(hipDeviceDisablePeerAccess(2), hipErrorPeerAccessNotEnabled);
	expect_ok(hipDeviceEnablePeerAccess(2, 0));
	expect(hipDeviceEnablePeerAccess(2, 0), hipErrorPeerAccessAlreadyEnabled);
	/* Access is enabled in one direction only. */
	expect_ok(hipSetDevice(2));
	expect(hipDeviceDisablePeerAccess(1), hipErrorPeerAccessNotEnabled);
	expect_ok(hipSetDevice(1));
	expect_ok(hipDeviceDisablePeerAccess(2));
	expect(hipDeviceDisablePeerAccess(2), hipErrorPeerAccessNotEnabled);
	expect_ok(hipDeviceEnablePeerAccess(2, 0));
}

Test(hipsoft_device, synchronizes_with_nothing_to_do)
{
	expect_ok(hipDeviceSynchronize());
}

/* ---- contexts ---------------------------------------------------------------------- */

TestSuite(hipsoft_context, .init = three_devices);

static hipCtx_t current(void)
{
	hipCtx_t context = NULL;

	expect_ok(hipCtxGetCurrent(&context));
	cr_assert(ne(ptr, context, NULL));
	return context;
}

static hipCtx_t create(int device)
{
	hipCtx_t context = NULL;

	expect_ok(hipCtxCreate(&context, 0, device));
	cr_assert(ne(ptr, context, NULL));
	return context;
}

static struct hipipc_place place(void)
{
	struct hipipc_place found;

	cr_assert(zero(int, hipsoft_provider.place(&found)));
	return found;
}

Test(hipsoft_context, refuses_wrong_arguments)
{
	hipCtx_t context = no_context, primary = current();

	expect(hipCtxCreate(NULL, 0, 0), hipErrorInvalidValue);
	expect(hipCtxCreate(&context, 0x100, 0), hipErrorInvalidValue);
	expect(hipCtxCreate(&context, 0, 3), hipErrorInvalidDevice);
	expect(hipCtxCreate(&context, 0, -1), hipErrorInvalidDevice);
	expect(hipCtxGetCurrent(NULL), hipErrorInvalidValue);
	expect(hipCtxDestroy(NULL), hipErrorInvalidContext);
	expect(hipCtxDestroy(no_context), hipErrorInvalidContext);
	expect(hipCtxSetCurrent(no_context), hipErrorInvalidContext);
	expect(hipCtxPushCurrent(NULL), hipErrorInvalidContext);
	expect(hipCtxPushCurrent(no_context), hipErrorInvalidContext);
	expect(hipCtxPopCurrent(&context), hipErrorInvalidContext);
	cr_assert(eq(ptr, context, no_context));
	cr_assert(eq(ptr, current(), primary));
}

Test(hipsoft_context, a_new_one_is_on_top)
{
	hipCtx_t primary = current(), one, two, popped = NULL;

	one = create(1);
	cr_assert(eq(ptr, current(), one));
	cr_assert(eq(int, current_device(), 1));
	two = create(2);
	cr_assert(eq(ptr, current(), two));
	cr_assert(eq(int, current_device(), 2));
	expect_ok(hipCtxPopCurrent(&popped));
	cr_assert(eq(ptr, popped, two));
	cr_assert(eq(ptr, current(), one));
	expect_ok(hipCtxPopCurrent(NULL));
	cr_assert(eq(ptr, current(), primary));
	expect(hipCtxPopCurrent(NULL), hipErrorInvalidContext);
	expect_ok(hipCtxPushCurrent(two));
	cr_assert(eq(ptr, current(), two));
}

Test(hipsoft_context, set_replaces_the_top)
{
	hipCtx_t primary = current(), one = create(1), two = create(2);

	expect_ok(hipCtxSetCurrent(one));
	cr_assert(eq(ptr, current(), one));
	expect_ok(hipCtxPopCurrent(NULL));
	cr_assert(eq(ptr, current(), one));
	expect_ok(hipCtxSetCurrent(NULL));
	cr_assert(eq(ptr, current(), primary));
	expect_ok(hipCtxPopCurrent(NULL));
	cr_assert(eq(ptr, current(), primary));
	expect_ok(hipCtxSetCurrent(two));
	cr_assert(eq(ptr, current(), two));
	expect(hipCtxPopCurrent(NULL), hipErrorInvalidContext);
}

Test(hipsoft_context, set_device_empties_the_stack)
{
	create(1);
	create(1);
	expect_ok(hipSetDevice(2));
	cr_assert(eq(int, current_device(), 2));
	expect(hipCtxPopCurrent(NULL), hipErrorInvalidContext);
	cr_assert(eq(int, current_device(), 2));
}

Test(hipsoft_context, primary_ones_are_not_destroyed)
{
	for (int i = 0; i < 3; i++) {
		expect_ok(hipSetDevice(i));
		expect(hipCtxDestroy(current()), hipErrorInvalidContext);
	}
}

Test(hipsoft_context, a_destroyed_one_is_unknown)
{
	hipCtx_t primary = current(), one = create(1), two = create(1);

	expect_ok(hipCtxPushCurrent(one));
	expect_ok(hipCtxDestroy(one));
	/* The context can be anywhere in the stack. */
	cr_assert(eq(ptr, current(), two));
	expect(hipCtxDestroy(one), hipErrorInvalidContext);
	expect(hipCtxPushCurrent(one), hipErrorInvalidContext);
	expect(hipCtxSetCurrent(one), hipErrorInvalidContext);
	expect_ok(hipCtxDestroy(two));
	cr_assert(eq(ptr, current(), primary));
	two = create(1);
	expect_ok(hipCtxPopCurrent(NULL));
	expect_ok(hipCtxSetCurrent(two));
	expect_ok(hipCtxDestroy(two));
	cr_assert(eq(int, current_device(), 1));
}

Test(hipsoft_context, ids_are_not_used_twice)
{
	struct hipipc_place first = place(), one, two;
	hipCtx_t context = create(0);

	one = place();
	expect_ok(hipCtxDestroy(context));
	context = create(1);
	two = place();
	cr_assert(ne(u64, one.context, first.context));
	cr_assert(ne(u64, two.context, first.context));
	cr_assert(ne(u64, two.context, one.context));
	cr_assert(eq(int, one.device, 0));
	cr_assert(eq(int, two.device, 1));
	expect_ok(hipCtxDestroy(context));
	cr_assert(eq(u64, place().context, first.context));
}

Test(hipsoft_context, memory_is_the_devices)
{
	hipCtx_t context = create(1);
	void *pointer = soft_malloc(100);
	hipPointerAttribute_t attributes;

	expect_ok(hipCtxDestroy(context));
	expect_ok(hipPointerGetAttributes(&attributes, pointer));
	cr_assert(eq(int, attributes.device, 1));
	expect_ok(hipFree(pointer));
}

static void *destroy_context(void *context)
{
	expect_ok(hipCtxDestroy(context));
	return NULL;
}

Test(hipsoft_context, may_be_destroyed_by_another_thread)
{
	hipCtx_t context = create(1);
	pthread_t thread;

	pthread_create(&thread, NULL, destroy_context, context);
	pthread_join(thread, NULL);
	cr_assert(eq(ptr, current(), context));
	cr_assert(eq(int, current_device(), 1));
	expect(hipCtxDestroy(context), hipErrorInvalidContext);
	expect_ok(hipSetDevice(0));
}

static void *race_to_destroy(void *context)
{
	return (void *)(uintptr_t)(hipCtxDestroy(context) == hipSuccess);
}

Test(hipsoft_context, is_destroyed_once)
{
	for (int i = 0; i < 50; i++) {
		hipCtx_t context = create(0);
		void *one, *two;
		pthread_t thread;

		pthread_create(&thread, NULL, race_to_destroy, context);
		two = race_to_destroy(context);
		pthread_join(thread, &one);
		cr_assert(eq(int, (one != NULL) + (two != NULL), 1));
		expect_ok(hipSetDevice(0));
	}
}

Test(hipsoft_context, stack_grows)
{
	hipCtx_t primary = current(), one = create(0);

	for (int i = 0; i < 1000; i++)
		expect_ok(hipCtxPushCurrent(i % 2 ? one : primary));
	for (int i = 999; i >= 0; i--) {
		hipCtx_t popped;

		expect_ok(hipCtxPopCurrent(&popped));
		cr_assert(eq(ptr, popped, i % 2 ? one : primary));
	}
	cr_assert(eq(ptr, current(), one));
}
