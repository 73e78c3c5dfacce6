/* SPDX-License-Identifier: MIT */
/* test-provider-hip.c - AMD's HIP runtime as a provider, against the tests' libraries */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hip_runtime.h"
#include "providers.h"
#include "reason.h"
#include "vendor-fixture.h"

/* Calls of the runtime that libhipipc does not make. */
int hipGetLastError(void);
int hipGetDevice(int *ret_device);
int hipMemGetAddressRange(void **ret_base, size_t *ret_bytes, void *pointer);

static void init(void)
{
	fake = fake_hip();
	provider = provider_hip();
	cr_assert(ne(ptr, (void *)provider, NULL));
}

TestSuite(provider_hip, .init = init, .timeout = 300);

static struct hip_runtime *runtime(void)
{
	return (struct hip_runtime *)(uintptr_t)hip_runtime();
}

static struct hipipc_allocation look_up(uint64_t pointer)
{
	struct hipipc_allocation allocation;

	cr_assert(zero(int, provider->find(pointer, &allocation)));
	return allocation;
}

/* ---- find -------------------------------------------------------------------------- */

Test(provider_hip, finds_an_allocation_by_any_of_its_bytes)
{
	uint64_t base = make_pointer(FAKE_PLAIN, BYTES + 1);
	struct hipipc_allocation first = look_up(base), last = look_up(base + BYTES);

	cr_assert(eq(u64, first.base, base));
	cr_assert(eq(u64, first.bytes, BYTES + 1));
	cr_assert(zero(int, memcmp(&first, &last, sizeof(first))));
	check_find(base + BYTES + 1, -EINVAL, NULL);
	check_find(base - 1, -EINVAL, NULL);
}

Test(provider_hip, finds_no_host_memory)
{
	int on_stack;

	check_find(0, -EINVAL, NULL);
	check_find(UINT64_MAX, -EINVAL, NULL);
	check_find((uintptr_t)&on_stack, -EINVAL, NULL);
	check_find(make_pointer(FAKE_HOST, BYTES), -EINVAL, NULL);
}

Test(provider_hip, an_address_that_is_used_again_is_another_allocation)
{
	struct hipipc_allocation old = make(FAKE_PLAIN, BYTES), now;

	fake->free((void *)(uintptr_t)old.base);
	check_find(old.base, -EINVAL, NULL);
	cr_assert(ne(ptr, fake->alloc(FAKE_PLAIN, BYTES, (void *)(uintptr_t)old.base),
		     NULL));
	now = look_up(old.base);
	cr_assert(ne(u64, now.id, old.id));
}

Test(provider_hip, the_program_finds_no_error_of_ours)
{
	int device;

	check_find(0, -EINVAL, NULL);
	cr_assert(zero(int, hipGetLastError()));
	/* The program's last error is kept. */
	fake->fail_call("hipGetDevice", HIP_NO_DEVICE);
	cr_assert(eq(int, hipGetDevice(&device), HIP_NO_DEVICE));
	look_up(make_pointer(FAKE_PLAIN, BYTES));
	cr_assert(eq(int, hipGetLastError(), HIP_NO_DEVICE));
	hipGetDevice(&device);
	check_find(0, -EINVAL, NULL);
	cr_assert(ne(int, hipGetLastError(), HIP_SUCCESS));
}

Test(provider_hip, a_forked_child_is_told_so)
{
	check_forked_child(make_pointer(FAKE_PLAIN, BYTES));
}

/* HIP 5 numbers memory types differently: 1 is device memory there. */
TestSuite(provider_hip_5, .timeout = 300);

Test(provider_hip_5, knows_device_memory)
{
	fake = fake_hip();
	fake->set(FAKE_HIP_MAJOR, 5);
	provider = provider_hip();
	look_up(make_pointer(FAKE_PLAIN, BYTES));
	check_find(make_pointer(FAKE_HOST, BYTES), -EINVAL, NULL);
}

/* ---- export ------------------------------------------------------------------------ */

Test(provider_hip, exports_a_dma_buf_and_where_the_allocation_is_in_it)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	cr_assert(eq(u32, backing.kind, HIPIPC_KIND_DMABUF));
	cr_assert(gt(u64, backing.offset, 0));
	close(backing.fd);
}

Test(provider_hip, exports_what_hipMemCreate_made)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	cr_assert(eq(u32, backing.kind, HIPIPC_KIND_DMABUF));
	cr_assert(eq(u64, backing.offset, 0));
	cr_assert(zero(int, fake->counts().handles));
	close(backing.fd);
}

Test(provider_hip, says_what_to_do_about_memory_without_a_descriptor)
{
	struct hipipc_allocation allocation = make(FAKE_PRIVATE, BYTES);

	check_export(&allocation, -EOPNOTSUPP, "hipMalloc");
	cr_assert(zero(int, hipGetLastError()));
	allocation = make(FAKE_MANAGED, BYTES);
	check_export(&allocation, -EOPNOTSUPP, "hipMalloc");
	allocation = make(FAKE_VMM_LOCAL, BYTES);
	check_export(&allocation, -EOPNOTSUPP, "hipMemHandleTypePosixFileDescriptor");
	cr_assert(zero(int, hipGetLastError()));
	runtime()->hip.retain = NULL;
	allocation = make(FAKE_VMM, BYTES);
	check_export(&allocation, -EOPNOTSUPP, "hipMalloc");
}

static uint64_t victim;

static void free_and_use_again(void)
{
	void *address = (void *)(uintptr_t)victim;

	fake->free(address);
	cr_assert(eq(ptr, fake->alloc(FAKE_PLAIN, BYTES, address), address));
}

Test(provider_hip, what_was_freed_meanwhile_is_not_exported)
{
	struct hipipc_allocation old = make(FAKE_PLAIN, BYTES),
				 other = make(FAKE_PLAIN, BYTES);

	fake->free((void *)(uintptr_t)old.base);
	check_export(&old, -ENOENT, NULL);
	victim = other.base;
	fake->during("hsa_amd_portable_export_dmabuf", free_and_use_again);
	check_export(&other, -ENOENT, NULL);
}

Test(provider_hip, each_call_of_an_export_may_fail)
{
	static const int results[] = {HIP_INVALID_VALUE, HIP_OUT_OF_MEMORY,
				      HIP_NOT_SUPPORTED, 999};
	static const int errors[] = {EOPNOTSUPP, ENOMEM, EIO, ENOENT, 0};
	struct hipipc_allocation plain = make(FAKE_PLAIN, BYTES),
				 vmm = make(FAKE_VMM, BYTES);

	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		fail_each_call(export_once, &vmm, results[i], errors);
		fail_each_call(export_once, &plain, results[i], errors);
	}
	fake->fail_call("hsa_amd_portable_export_dmabuf", HSA_OUT_OF_RESOURCES);
	check_export(&plain, -ENOMEM, "RLIMIT_NOFILE");
}

/* ---- import ------------------------------------------------------------------------ */

static void share(enum fake_kind kind, size_t bytes)
{
	unsigned int before = count_fds();
	struct hipipc_allocation allocation = make(kind, bytes);
	struct hipipc_backing backing = export_it(&allocation);
	uint64_t pointer;

	cr_assert(
		zero(int, provider->import_memory(&backing, allocation.bytes, &pointer)));
	cr_assert(ge(int, fcntl(backing.fd, F_GETFD), 0));
	close(backing.fd);
	check_same(allocation.base, pointer, allocation.bytes);
	fake->free((void *)(uintptr_t)allocation.base);
	*(uint8_t *)(uintptr_t)pointer = 1; /* stays until it is released */
	cr_assert(zero(int, provider->release_memory(pointer)));
	cr_assert(eq(int, provider->release_memory(pointer), -EINVAL));
	expect_nothing_left();
	cr_assert(eq(uint, count_fds(), before));
}

Test(provider_hip, an_import_shows_the_same_memory)
{
	share(FAKE_PLAIN, BYTES);
	share(FAKE_PLAIN, 1001);
	share(FAKE_VMM, BYTES);
}

Test(provider_hip, a_runtime_that_closes_the_descriptor_is_not_helped)
{
	fake->set(FAKE_TAKES_FD, 1);
	share(FAKE_PLAIN, BYTES);
}

Test(provider_hip, a_descriptor_that_is_another_file_by_then_is_not_closed)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);
	unsigned int before = count_fds();
	uint64_t pointer;

	fake->set(FAKE_TAKES_FD, 2);
	cr_assert(zero(int, provider->import_memory(&backing, BYTES, &pointer)));
	cr_assert(zero(int, provider->release_memory(pointer)));
	cr_assert(eq(uint, count_fds(), before + 1));
}

Test(provider_hip, a_forged_handle_maps_nothing)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation), other;
	int ends[2];

	check_import(&backing, 0, -EBADMSG, "not made for");
	check_import(&backing, BYTES + 1, -EBADMSG, "not made for");
	check_import(&backing, UINT64_MAX, -EBADMSG, "not made for");
	other = backing;
	other.offset = UINT64_MAX;
	check_import(&other, 2, -EBADMSG, "not made for");
	for (uint32_t kind = 0; kind < 100; kind++) {
		other = backing;
		other.kind = kind;
		if (kind != HIPIPC_KIND_DMABUF)
			check_import(&other, BYTES, -EBADMSG, "another runtime");
	}
	cr_assert(zero(int, pipe2(ends, O_CLOEXEC)));
	other = (struct hipipc_backing){.fd = ends[0], .kind = HIPIPC_KIND_DMABUF};
	check_import(&other, BYTES, -EBADMSG, "not a dma-buf");
	close(ends[0]);
	close(ends[1]);
	close(backing.fd);
}

static int import_once(void *data)
{
	uint64_t pointer;
	int r = provider->import_memory(data, BYTES, &pointer);

	if (r == 0) {
		fake->fail(0, 0);
		cr_assert(zero(int, provider->release_memory(pointer)));
	}
	return r;
}

Test(provider_hip, each_call_of_an_import_may_fail)
{
	static const int results[] = {HIP_INVALID_VALUE, HIP_OUT_OF_MEMORY,
				      HIP_NOT_SUPPORTED, 999};
	static const int errors[] = {EBADMSG, ENOMEM, EOPNOTSUPP, EIO, 0};
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++)
		fail_each_call(import_once, &backing, results[i], errors);
	close(backing.fd);
	expect_nothing_left();
}

Test(provider_hip, an_import_without_descriptors_says_so)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);
	struct rlimit none = {0}, limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	none.rlim_max = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &none)));
	reason_begin();
	cr_assert(lt(int, provider->import_memory(&backing, BYTES, &victim), 0));
	reason_is("RLIMIT_NOFILE");
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	close(backing.fd);
}

Test(provider_hip, each_call_of_a_release_may_fail)
{
	static const char *const calls[] = {"hipFree", "hipDestroyExternalMemory"};
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	unsigned int before = count_fds();

	for (size_t i = 0; i < 2; i++) {
		struct hipipc_backing backing = export_it(&allocation);
		uint64_t pointer;

		cr_assert(zero(int, provider->import_memory(&backing, BYTES, &pointer)));
		fake->fail_call(calls[i], 999);
		reason_begin();
		cr_assert(eq(int, provider->release_memory(pointer), -EIO));
		reason_is(calls[i]);
		fake->fail_call(NULL, 0);
		cr_assert(eq(int, provider->release_memory(pointer), -EINVAL));
		close(backing.fd);
		cr_assert(eq(uint, count_fds(), before));
	}
	cr_assert(eq(int, provider->release_memory(allocation.base), -EINVAL));
}

/* ---- place ------------------------------------------------------------------------- */

Test(provider_hip, a_place_is_the_current_context_and_its_device)
{
	struct hipipc_place one, other, third;

	fake->set(FAKE_DEVICE, 3);
	cr_assert(zero(int, provider->place(&one)));
	cr_assert(eq(int, one.device, 3));
	fake->set(FAKE_CONTEXT, 2);
	cr_assert(zero(int, provider->place(&other)));
	cr_assert(ne(u64, one.context, other.context));
	runtime()->hip.get_current = NULL;
	cr_assert(zero(int, provider->place(&third)));
	cr_assert(eq(u64, third.context, 4));
	fake->fail_call("hipGetDevice", HIP_NO_DEVICE);
	reason_begin();
	cr_assert(eq(int, provider->place(&third), -ENODEV));
	reason_is("rocminfo");
}
