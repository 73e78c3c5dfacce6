/* SPDX-License-Identifier: MIT */
/* test-hipsoft-copy.c - copies and fills write exactly the bytes they should */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <util.h>

#include "hipsoft-fixture.h"

TestSuite(hipsoft_copy, .timeout = 300);

#define MIB     ((size_t)1 << 20)
#define LARGEST (9 * MIB)
#define GUARD   64 /* bytes on both sides that must not change */
#define ROOM    (LARGEST + 2 * GUARD + 16)

static const size_t sizes[] = {0, 1, 3, 4095, 4096, MIB, MIB + 5, LARGEST};

/* Odd and even ones, up to 15. */
static size_t offset_of(size_t i)
{
	static const size_t offsets[] = {0, 1, 7, 15, 8};

	return GUARD + offsets[i % ARRAY_SIZE(offsets)];
}

static unsigned char *host_memory(void)
{
	unsigned char *memory = malloc(ROOM);

	cr_assert(ne(ptr, memory, NULL));
	return memory;
}

/* Fills with different bytes each time. */
static void scramble(unsigned char *memory)
{
	static uint32_t state = 12345;

	for (size_t i = 0; i + 4 <= ROOM; i += 4) {
		state = state * 1664525 + 1013904223;
		memcpy(memory + i, &state, 4);
	}
	memset(memory + ROOM / 4 * 4, 0, ROOM % 4);
}

/* @memory equals @before, except @bytes at @to, which equal those at @from of @data. */
static void expect_bytes(const unsigned char *memory, const unsigned char *before,
			 size_t to, const unsigned char *data, size_t from, size_t bytes)
{
	cr_assert(zero(int, memcmp(memory, before, to)));
	cr_assert(zero(int, memcmp(memory + to, data + from, bytes)));
	cr_assert(zero(int, memcmp(memory + to + bytes, before + to + bytes,
				   ROOM - to - bytes)));
}

/* State of a test: host copies of the device memory. */
struct sides {
	unsigned char *data, *before, *back;
	unsigned char *src, *dst; /* device memory of ROOM bytes each */
};

static void make_sides(struct sides *sides, int src_device, int dst_device)
{
	sides->data = host_memory();
	sides->before = host_memory();
	sides->back = host_memory();
	expect_ok(hipSetDevice(src_device));
	sides->src = soft_malloc(ROOM);
	expect_ok(hipSetDevice(dst_device));
	sides->dst = soft_malloc(ROOM);
}

static void free_sides(struct sides *sides)
{
	expect_ok(hipFree(sides->src));
	expect_ok(hipFree(sides->dst));
	free(sides->data);
	free(sides->before);
	free(sides->back);
}

/* ---- all directions ---------------------------------------------------------------- */

static void host_to_host(struct sides *sides, size_t to, size_t from, size_t bytes)
{
	memcpy(sides->back, sides->before, ROOM);
	expect_ok(hipMemcpy(sides->back + to, sides->data + from, bytes,
			    hipMemcpyHostToHost));
}

static void host_to_device(struct sides *sides, size_t to, size_t from, size_t bytes)
{
	expect_ok(hipMemcpyHtoD(sides->dst, sides->before, ROOM));
	expect_ok(hipMemcpy(sides->dst + to, sides->data + from, bytes,
			    hipMemcpyHostToDevice));
	expect_ok(hipMemcpyDtoH(sides->back, sides->dst, ROOM));
}

static void device_to_host(struct sides *sides, size_t to, size_t from, size_t bytes)
{
	memcpy(sides->back, sides->before, ROOM);
	expect_ok(hipMemcpyHtoD(sides->src, sides->data, ROOM));
	expect_ok(hipMemcpy(sides->back + to, sides->src + from, bytes,
			    hipMemcpyDeviceToHost));
}

static void device_to_device(struct sides *sides, size_t to, size_t from, size_t bytes)
{
	expect_ok(hipMemcpyHtoD(sides->src, sides->data, ROOM));
	expect_ok(hipMemcpyHtoD(sides->dst, sides->before, ROOM));
	expect_ok(hipMemcpyDtoD(sides->dst + to, sides->src + from, bytes));
	expect_ok(hipMemcpy(sides->back, sides->dst, ROOM, hipMemcpyDefault));
}

static void by_default(struct sides *sides, size_t to, size_t from, size_t bytes)
{
	expect_ok(hipMemcpy(sides->src, sides->data, ROOM, hipMemcpyDefault));
	expect_ok(hipMemcpy(sides->dst, sides->before, ROOM, hipMemcpyDefault));
	expect_ok(hipMemcpy(sides->dst + to, sides->src + from, bytes, hipMemcpyDefault));
	expect_ok(hipMemcpy(sides->back, sides->dst, ROOM, hipMemcpyDefault));
}

static void asynchronous(struct sides *sides, size_t to, size_t from, size_t bytes)
{
	hipStream_t stream;

	expect_ok(hipStreamCreate(&stream));
	expect_ok(
		hipMemcpyAsync(sides->src, sides->data, ROOM, hipMemcpyDefault, stream));
	expect_ok(hipMemcpyAsync(sides->dst, sides->before, ROOM, hipMemcpyDefault,
				 stream));
	expect_ok(hipMemcpyAsync(sides->dst + to, sides->src + from, bytes,
				 hipMemcpyDeviceToDevice, stream));
	expect_ok(
		hipMemcpyAsync(sides->back, sides->dst, ROOM, hipMemcpyDefault, stream));
	expect_ok(hipStreamDestroy(stream));
}

static void try_all_sizes(struct sides *sides,
			  void (*copy)(struct sides *sides, size_t to, size_t from,
				       size_t bytes))
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t to = offset_of(i), from = offset_of(i + 2);

		scramble(sides->data);
		scramble(sides->before);
		copy(sides, to, from, sizes[i]);
		expect_bytes(sides->back, sides->before, to, sides->data, from, sizes[i]);
	}
}

Test(hipsoft_copy, all_directions)
{
	struct sides sides;

	make_sides(&sides, 0, 0);
	try_all_sizes(&sides, host_to_host);
	try_all_sizes(&sides, host_to_device);
	try_all_sizes(&sides, device_to_host);
	try_all_sizes(&sides, device_to_device);
	try_all_sizes(&sides, by_default);
	try_all_sizes(&sides, asynchronous);
	free_sides(&sides);
}

/* For every current device, with memory that it reaches or does not reach. */
static void between_devices(bool is_peer)
{
	struct sides sides;

	soft_configure("3", "128");
	if (is_peer) {
		expect_ok(hipSetDevice(1));
		expect_ok(hipDeviceEnablePeerAccess(0, 0));
	}
	make_sides(&sides, 0, 1);
	for (int device = 0; device < 3; device++) {
		expect_ok(hipSetDevice(device));
		try_all_sizes(&sides, host_to_device);
		try_all_sizes(&sides, device_to_host);
		try_all_sizes(&sides, device_to_device);
		try_all_sizes(&sides, asynchronous);
	}
	free_sides(&sides);
}

Test(hipsoft_copy, between_devices_that_do_not_reach_each_other)
{
	between_devices(false);
}

Test(hipsoft_copy, between_peers)
{
	between_devices(true);
}

/* Copies work when all of the device's memory is in use. */
Test(hipsoft_copy, when_the_device_is_full)
{
	unsigned char byte = 9, back = 0;
	void *memory;

	soft_configure("1", "4");
	memory = soft_malloc(4 * MIB);
	expect_ok(hipMemcpy(memory, &byte, 1, hipMemcpyHostToDevice));
	expect_ok(hipMemcpy(&back, memory, 1, hipMemcpyDeviceToHost));
	cr_assert(eq(u8, back, 9));
}

/* ---- fill -------------------------------------------------------------------------- */

Test(hipsoft_copy, fill)
{
	static const int values[] = {0, 1, 255, 0x1234, -1};
	struct sides sides;

	soft_configure("2", "64");
	make_sides(&sides, 0, 1);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int value = values[i % ARRAY_SIZE(values)];
		/* Current is device 1, which does not reach the source. */
		unsigned char *device = i % 2 ? sides.src : sides.dst;

		scramble(sides.before);
		memset(sides.data, value, ROOM);
		expect_ok(hipMemcpy(device, sides.before, ROOM, hipMemcpyDefault));
		expect_ok(hipMemset(device + offset_of(i), value, sizes[i]));
		expect_ok(hipMemcpy(sides.back, device, ROOM, hipMemcpyDefault));
		expect_bytes(sides.back, sides.before, offset_of(i), sides.data, 0,
			     sizes[i]);
	}
	free_sides(&sides);
}

/* ---- arguments --------------------------------------------------------------------- */

Test(hipsoft_copy, kinds_that_contradict)
{
	unsigned char *device = soft_malloc(2 * PAGE), *other = device + PAGE;
	unsigned char host[8] = {0};

	expect(hipMemcpy(device, host, 8, hipMemcpyDeviceToHost),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(device, host, 8, hipMemcpyHostToHost),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(device, host, 8, hipMemcpyDeviceToDevice),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(host, device, 8, hipMemcpyHostToDevice),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(device, other, 8, hipMemcpyHostToDevice),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(device, other, 8, hipMemcpyDeviceToHost),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpyHtoD(host, device, 8), hipErrorInvalidMemcpyDirection);
	expect(hipMemcpyDtoH(device, host, 8), hipErrorInvalidMemcpyDirection);
	expect(hipMemcpyDtoD(device, host, 8), hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(device, host, 8, (hipMemcpyKind)5),
	       hipErrorInvalidMemcpyDirection);
	expect(hipMemcpy(device, host, 8, (hipMemcpyKind)-1),
	       hipErrorInvalidMemcpyDirection);
	expect(hipGetLastError(), hipErrorInvalidMemcpyDirection);
}

Test(hipsoft_copy, ranges_that_are_wrong)
{
	unsigned char *device = soft_malloc(PAGE + 100);
	unsigned char *host = host_memory();

	expect(hipMemcpy(device, host, PAGE + 101, hipMemcpyDefault),
	       hipErrorInvalidValue);
	expect(hipMemcpy(device + 100, host, PAGE + 1, hipMemcpyDefault),
	       hipErrorInvalidValue);
	expect(hipMemcpy(host, device + 1, SIZE_MAX, hipMemcpyDefault),
	       hipErrorInvalidValue);
	expect(hipMemcpy(NULL, device, 1, hipMemcpyDefault), hipErrorInvalidValue);
	expect(hipMemcpy(device, NULL, 1, hipMemcpyDefault), hipErrorInvalidValue);
	expect(hipMemcpy(host, host, SIZE_MAX, hipMemcpyDefault), hipErrorInvalidValue);
	/* The range ends in device memory. */
	expect(hipMemcpy(host, device - 8, 16, hipMemcpyDefault), hipErrorInvalidValue);
	expect(hipMemcpy(device, device + 1, 8, hipMemcpyDefault), hipErrorInvalidValue);
	expect(hipMemcpy(device + 1, device, 8, hipMemcpyDefault), hipErrorInvalidValue);
	expect(hipMemset(device, 0, PAGE + 101), hipErrorInvalidValue);
	expect(hipMemset(NULL, 0, 1), hipErrorInvalidValue);
	expect(hipMemset(host, 0, 1), hipErrorInvalidValue);
	expect_ok(hipMemset(NULL, 0, 0));
	expect_ok(hipMemcpy(NULL, NULL, 0, hipMemcpyHostToDevice));
	expect_ok(hipMemcpy(device + 8, device, 8, hipMemcpyDefault));
	expect_ok(hipFree(device));
	expect(hipMemset(device, 0, 1), hipErrorInvalidValue);
	/* A failed call does not affect the stream. */
	expect_ok(hipDeviceSynchronize());
	free(host);
}

/* @bytes at @pointer are not all in one allocation. */
static void expect_refused(void *pointer, size_t bytes)
{
	unsigned char *other = host_memory();

	for (int kind = hipMemcpyHostToHost; kind <= hipMemcpyDefault; kind++) {
		expect(hipMemcpy(pointer, other, bytes, (hipMemcpyKind)kind),
		       hipErrorInvalidValue);
		expect(hipMemcpy(other, pointer, bytes, (hipMemcpyKind)kind),
		       hipErrorInvalidValue);
	}
	expect(hipMemset(pointer, 0, bytes), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(pointer, pointer, pointer, bytes / 4, NULL),
	       hipErrorInvalidValue);
	free(other);
}

/* Addresses after an allocation are not mistaken for host memory. */
Test(hipsoft_copy, past_the_end)
{
	unsigned char *part = soft_malloc(100), *whole = soft_malloc(2 * PAGE);

	expect_refused(part + 100, 8);
	expect_refused(part + 96, 8);
	expect_refused(part + PAGE - 8, 8);
	expect_refused(part + PAGE, 8);
	expect_refused(whole + 2 * PAGE, 8);
	expect_refused(whole + 2 * PAGE, 8 * PAGE);
	expect_refused(whole + 2 * PAGE - 4, 8);
	/* A range that contains the whole allocation. */
	expect_refused(whole - 8, 8 * PAGE);
	expect_refused(part - 8, 8 * PAGE);
	expect_ok(hipMemset(part + 92, 1, 8));
	expect_ok(hipMemset(whole + 2 * PAGE - 8, 1, 8));
}

/* ---- sums -------------------------------------------------------------------------- */

#define FLOATS (MIB / 2 + 3)

static void fill_floats(float *device, float *host, float factor)
{
	for (size_t i = 0; i < FLOATS; i++)
		host[i] = factor * (float)(i % 1000);
	expect_ok(hipMemcpyHtoD(device, host, FLOATS * sizeof(float)));
}

Test(hipsoft_copy, vector_add)
{
	float *dst = soft_malloc((FLOATS + 1) * sizeof(float));
	float *src = soft_malloc(FLOATS * sizeof(float));
	float *src2 = soft_malloc(FLOATS * sizeof(float));
	float *host = malloc((FLOATS + 1) * sizeof(float));

	fill_floats(src, host, 1);
	fill_floats(src2, host, 2);
	expect_ok(hipsoftVectorAdd(dst, src, src2, FLOATS, NULL));
	/* In place, and with itself. */
	expect_ok(hipsoftVectorAdd(src, src, src2, FLOATS, NULL));
	expect_ok(hipsoftVectorAdd(src2, src2, src2, FLOATS, NULL));
	expect_ok(hipMemcpyDtoH(host, dst, (FLOATS + 1) * sizeof(float)));
	for (size_t i = 0; i < FLOATS; i++)
		cr_assert(eq(flt, host[i], 3 * (float)(i % 1000)));
	cr_assert(zero(flt, host[FLOATS]));
	expect_ok(hipMemcpyDtoH(host, src, FLOATS * sizeof(float)));
	for (size_t i = 0; i < FLOATS; i++)
		cr_assert(eq(flt, host[i], 3 * (float)(i % 1000)));
	expect_ok(hipMemcpyDtoH(host, src2, FLOATS * sizeof(float)));
	for (size_t i = 0; i < FLOATS; i++)
		cr_assert(eq(flt, host[i], 4 * (float)(i % 1000)));
	free(host);
}

Test(hipsoft_copy, vector_add_arguments)
{
	float *memory = soft_malloc(3 * PAGE), host[4] = {0};
	float *src = memory + PAGE / 4, *src2 = memory + PAGE / 2;
	float *odd = (float *)(void *)((char *)memory + 2);

	expect_ok(hipsoftVectorAdd(memory, src, src2, 0, NULL));
	expect_ok(hipsoftVectorAdd(NULL, NULL, NULL, 0, NULL));
	expect_ok(hipsoftVectorAdd(memory, src, src2, 8, NULL));
	expect(hipsoftVectorAdd(NULL, src, src2, 8, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, host, src2, 4, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, src, host, 4, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(host, src, src2, 4, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(odd, src, src2, 4, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, odd, src2, 4, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, src, odd, 4, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, src, src2, PAGE, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, src, src2, SIZE_MAX / 4 + 2, NULL),
	       hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, memory + 1, src2, 8, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory + 1, src2, memory, 8, NULL), hipErrorInvalidValue);
	expect(hipsoftVectorAdd(memory, src, src2, 8, (hipStream_t)host),
	       hipErrorInvalidHandle);
	expect_ok(hipDeviceSynchronize());
}

/* A sum is executed by one device, which must reach all of its memory. */
Test(hipsoft_copy, vector_add_on_another_device)
{
	float *memory;

	soft_configure("2", "64");
	memory = soft_malloc(PAGE);
	expect_ok(hipSetDevice(1));
	expect(hipsoftVectorAdd(memory, memory, memory, 8, NULL), hipErrorInvalidValue);
	expect_ok(hipDeviceEnablePeerAccess(0, 0));
	expect_ok(hipsoftVectorAdd(memory, memory, memory, 8, NULL));
	expect_ok(hipStreamSynchronize(NULL));
}

/* ---- revoked memory ---------------------------------------------------------------- */

static unsigned char *import(int fd, size_t bytes)
{
	const struct hipipc_backing backing = {.fd = fd, .kind = HIPIPC_KIND_MEMFD};
	uint64_t pointer = 0;

	cr_assert(zero(int, hipsoft_provider.import_memory(&backing, bytes, &pointer)));
	return (void *)(uintptr_t)pointer;
}

static void expect_illegal(hipStream_t stream)
{
	expect(hipStreamSynchronize(stream), hipErrorIllegalAddress);
	expect_ok(hipDeviceSynchronize());
	expect_ok(hipStreamDestroy(stream));
}

Test(hipsoft_copy, revoked_memory)
{
	int fd = new_memfd(4 * MIB);
	unsigned char *memory = import(fd, 4 * MIB), *own = soft_malloc(4 * MIB);
	unsigned char *host = host_memory();
	float *floats = (float *)(void *)memory;
	hipStream_t streams[5];

	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		expect_ok(hipStreamCreateWithFlags(&streams[i], hipStreamNonBlocking));
	expect_ok(hipMemset(memory, 1, 4 * MIB));
	cr_assert(zero(int, ftruncate(fd, 0)));
	expect_ok(hipMemcpyAsync(host, memory, MIB, hipMemcpyDefault, streams[0]));
	expect_illegal(streams[0]);
	expect_ok(hipMemcpyAsync(memory, host, MIB, hipMemcpyDefault, streams[1]));
	expect_illegal(streams[1]);
	expect_ok(hipMemcpyAsync(own, memory, MIB, hipMemcpyDefault, streams[2]));
	expect_illegal(streams[2]);
	expect_ok(hipMemsetAsync(memory, 1, MIB, streams[3]));
	expect_illegal(streams[3]);
	expect_ok(hipsoftVectorAdd(floats, floats, floats, MIB / 4, streams[4]));
	expect_illegal(streams[4]);
	expect_ok(hipMemset(own, 1, MIB));
	free(host);
}

/* Revoked during a copy; the default stream reports the error like other streams. */
Test(hipsoft_copy, revoked_while_in_use)
{
	int fd = new_memfd(32 * MIB);
	unsigned char *memory = import(fd, 32 * MIB), *own = soft_malloc(32 * MIB);

	for (int i = 0; i < 20; i++)
		expect_ok(hipMemcpyAsync(own, memory, 32 * MIB, hipMemcpyDefault, NULL));
	cr_assert(zero(int, ftruncate(fd, 0)));
	for (int i = 0; i < 20; i++)
		(void)hipMemcpyAsync(own, memory, 32 * MIB, hipMemcpyDefault, NULL);
	expect(hipStreamSynchronize(NULL), hipErrorIllegalAddress);
	expect(hipMemcpy(own, memory, 1, hipMemcpyDefault), hipErrorIllegalAddress);
	expect_ok(hipMemset(own, 1, 1));
}
