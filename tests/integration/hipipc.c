/* SPDX-License-Identifier: MIT */
/* hipipc.c - device memory, handles and gates for libhipipc cases */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "harness.h"
#include "hipipc.h"
#include "raw.h"

void test_hip(const char *file, int line, const char *text, hipError_t got,
	      hipError_t expected)
{
	if (got != expected)
		test_fail(file, line, "%s: expected %s, got %s (%s)", text,
			  hipGetErrorName(expected), hipGetErrorName(got),
			  hipipcLastReason());
}

void test_ipc(const char *file, int line, const char *text, hipError_t got,
	      hipError_t expected)
{
	test_hip(file, line, text, got, expected);
	if (got != hipSuccess && !*hipipcLastReason())
		test_fail(file, line, "%s: %s without a reason", text,
			  hipGetErrorName(got));
}

void hip_begin(const struct instance *instance)
{
	const char *dir = instance ? instance->dir : "/nowhere";

	ASSERT_OK(SYS(setenv("DMABUFFS_MOUNT", dir, 1)));
	/* Suppress the log of calls that are expected to fail. */
	ASSERT_OK(SYS(setenv("HIPIPC_LOG", "none", 0)));
}

/* ---- device memory ----------------------------------------------------------------- */

static uint8_t device_byte(size_t offset, uint8_t seed)
{
	return (uint8_t)(pattern(offset) ^ seed);
}

void device_fill(void *pointer, size_t bytes, uint8_t seed)
{
	_cleanup_free_ uint8_t *host = malloc(bytes);

	ASSERT(host);
	for (size_t i = 0; i < bytes; i++)
		host[i] = device_byte(i, seed);
	ASSERT_HIP(hipSuccess, hipMemcpy(pointer, host, bytes, hipMemcpyHostToDevice));
}

void *device_alloc(size_t bytes, uint8_t seed)
{
	void *pointer;

	ASSERT_HIP(hipSuccess, hipMalloc(&pointer, bytes));
	device_fill(pointer, bytes, seed);
	return pointer;
}

static uint8_t *device_read(const void *pointer, size_t bytes)
{
	uint8_t *host = malloc(bytes);

	ASSERT(host);
	ASSERT_HIP(hipSuccess, hipMemcpy(host, pointer, bytes, hipMemcpyDeviceToHost));
	return host;
}

bool device_has(const void *pointer, size_t first, size_t bytes, uint8_t seed)
{
	_cleanup_free_ uint8_t *host = device_read(pointer, bytes);
	size_t i = 0;

	while (i < bytes && host[i] == device_byte(first + i, seed))
		i++;
	return i == bytes;
}

void device_check(const void *pointer, size_t first, size_t bytes, uint8_t seed)
{
	ASSERT(device_has(pointer, first, bytes, seed));
}

void device_check_value(const void *pointer, size_t bytes, uint8_t value)
{
	_cleanup_free_ uint8_t *host = device_read(pointer, bytes);

	for (size_t i = 0; i < bytes; i++)
		ASSERT_EQ(host[i], value);
}

/* The address of the runtime's next reservation of this size. */
static struct {
	void *place; /* NULL: any address */
	size_t bytes;
	bool is_kept; /* it is free for the runtime, and nobody else can take it */
} wanted;

/*
 * The kernel chooses the address of a mapping, and can give a range that is free to
 * another thread, or to its stack, so a test cannot otherwise force the reuse of an
 * address. These override the functions that libhipsoft calls. The first one fails while
 * the address range is occupied.
 */
__attribute__((visibility("default"))) void *
mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
	if (wanted.place && !address && bytes == wanted.bytes &&
	    protection == PROT_NONE) {
		address = wanted.place;
		flags |= wanted.is_kept ? MAP_FIXED : MAP_FIXED_NOREPLACE;
		wanted.is_kept = false;
	}
	return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

__attribute__((visibility("default"))) int munmap(void *address, size_t bytes)
{
	if (!wanted.place || address != wanted.place || bytes != wanted.bytes)
		return (int)syscall(SYS_munmap, address, bytes);
	wanted.is_kept = true;
	return mmap(address, bytes, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		    0) == MAP_FAILED
		       ? -1
		       : 0;
}

struct replacement {
	void *pointer;
	size_t bytes;
};

static bool is_replaced(void *data)
{
	const struct replacement *replacement = data;
	void *again = NULL;

	return hipMalloc(&again, replacement->bytes) == hipSuccess &&
	       again == replacement->pointer;
}

void *device_replace(void *pointer, size_t bytes)
{
	struct replacement replacement = {pointer, bytes};

	/* An allocation reserves one page more than its size. */
	wanted.bytes = (bytes + PAGE - 1) / PAGE * PAGE + PAGE;
	wanted.place = pointer;
	ASSERT_HIP(hipSuccess, hipFree(pointer));
	if (!wait_until(is_replaced, &replacement))
		test_fail(__FILE__, __LINE__, "nothing is allocated at %p again",
			  pointer);
	wanted.place = NULL;
	return pointer;
}

/* ---- handles ----------------------------------------------------------------------- */

hipIpcMemHandle_t get_memory(void *pointer)
{
	hipIpcMemHandle_t handle;

	ASSERT_IPC(hipSuccess, hipIpcGetMemHandle(&handle, pointer));
	return handle;
}

void *open_memory(hipIpcMemHandle_t handle)
{
	void *pointer = NULL;

	ASSERT_IPC(hipSuccess,
		   hipIpcOpenMemHandle(&pointer, handle, hipIpcMemLazyEnablePeerAccess));
	ASSERT(pointer);
	return pointer;
}

hipEvent_t make_event(void)
{
	hipEvent_t event;

	ASSERT_HIP(hipSuccess,
		   hipEventCreateWithFlags(&event,
					   hipEventInterprocess | hipEventDisableTiming));
	return event;
}

hipIpcEventHandle_t get_event(hipEvent_t event)
{
	hipIpcEventHandle_t handle;

	ASSERT_IPC(hipSuccess, hipIpcGetEventHandle(&handle, event));
	return handle;
}

hipEvent_t open_event(hipIpcEventHandle_t handle)
{
	hipEvent_t event = NULL;

	ASSERT_IPC(hipSuccess, hipIpcOpenEventHandle(&event, handle));
	ASSERT(event);
	return event;
}

struct wire memory_wire(hipIpcMemHandle_t handle)
{
	struct wire wire;

	memcpy(&wire, handle.reserved, sizeof(wire));
	return wire;
}

struct wire event_wire(hipIpcEventHandle_t handle)
{
	struct wire wire;

	memcpy(&wire, handle.reserved, sizeof(wire));
	return wire;
}

/* A bitwise CRC, independent of the library's implementation. */
uint32_t wire_check(const struct wire *wire)
{
	const uint8_t *bytes = (const uint8_t *)wire;
	uint32_t crc = ~0U;

	for (size_t i = 0; i < offsetof(struct wire, check); i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

hipIpcMemHandle_t forge_memory(struct wire wire)
{
	hipIpcMemHandle_t handle;

	wire.check = wire_check(&wire);
	memcpy(handle.reserved, &wire, sizeof(wire));
	return handle;
}

hipIpcEventHandle_t forge_event(struct wire wire)
{
	hipIpcEventHandle_t handle;

	wire.check = wire_check(&wire);
	memcpy(handle.reserved, &wire, sizeof(wire));
	return handle;
}

/* ---- gates ------------------------------------------------------------------------- */

/* Unprivileged users may only handle faults from user mode, which suffices for memcpy. */
static int open_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = {.api = UFFD_API};

	if (fd < 0)
		fd = ASSERT_OK(
			SYS(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
	ASSERT_OK(SYS(ioctl(fd, UFFDIO_API, &api)));
	return fd;
}

void gate_close(struct gate *gate, hipStream_t stream)
{
	struct uffdio_register missing = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	gate->uffd = open_userfaultfd();
	gate->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT(gate->page != MAP_FAILED);
	missing.range.start = (uintptr_t)gate->page;
	missing.range.len = PAGE;
	ASSERT_OK(SYS(ioctl(gate->uffd, UFFDIO_REGISTER, &missing)));
	ASSERT_HIP(hipSuccess, hipMalloc(&gate->device, PAGE));
	ASSERT_HIP(hipSuccess, hipMemcpyAsync(gate->device, gate->page, PAGE,
					      hipMemcpyHostToDevice, stream));
}

/* Keep the page until the process exits: the stream may still read it. */
void gate_open(struct gate *gate)
{
	struct uffdio_zeropage zero = {
		.range = {.start = (uintptr_t)gate->page, .len = PAGE},
	};

	ASSERT_OK(SYS(ioctl(gate->uffd, UFFDIO_ZEROPAGE, &zero)));
	close(gate->uffd);
}

/* ---- names in the service ---------------------------------------------------------- */

struct names {
	const struct instance *instance;
	int expected;
};

static bool names_are(void *data)
{
	const struct names *names = data;

	return raw_count(names->instance) == names->expected;
}

void expect_names(const struct instance *instance, int expected)
{
	struct names names = {instance, expected};

	if (!wait_until(names_are, &names))
		test_fail(__FILE__, __LINE__, "expected %d names in the mount, found %d",
			  expected, raw_count(instance));
}

static bool is_only_importer(void *data)
{
	struct dmabuffs_info info;

	ASSERT_OK(raw_info(*(int *)data, &info));
	return info.importers == 1;
}

void expect_no_other_importer(int opened)
{
	ASSERT(wait_until(is_only_importer, &opened));
}
