/* SPDX-License-Identifier: MIT */
/* test-provider-cuda.c - the CUDA driver as a provider, against libcuda.so.1 of the tests
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cuda_driver.h"
#include "providers.h"
#include "reason.h"
#include "vendor-fixture.h"

#define ADVICE "cuMemCreate"

static void init(void)
{
	fake = fake_cuda();
	provider = provider_cuda();
	cr_assert(ne(ptr, (void *)provider, NULL));
}

TestSuite(provider_cuda, .init = init, .timeout = 300);

/* A driver that lacks a call: the table is not written by other threads. */
static struct cuda_api *driver(void)
{
	return (struct cuda_api *)(uintptr_t)cuda_driver();
}

static struct hipipc_allocation look_up(uint64_t pointer)
{
	struct hipipc_allocation allocation;

	cr_assert(zero(int, provider->find(pointer, &allocation)));
	return allocation;
}

/* ---- find -------------------------------------------------------------------------- */

Test(provider_cuda, finds_an_allocation_by_any_of_its_bytes)
{
	uint64_t base = make_pointer(FAKE_PLAIN, BYTES);
	struct hipipc_allocation first = look_up(base), last = look_up(base + BYTES - 1);

	cr_assert(eq(u64, first.base, base));
	cr_assert(eq(u64, first.bytes, BYTES));
	cr_assert(ne(u64, first.id, 0));
	cr_assert(zero(int, memcmp(&first, &last, sizeof(first))));
	check_find(base + BYTES, -EINVAL, NULL);
	check_find(base - 1, -EINVAL, NULL);
}

Test(provider_cuda, finds_no_host_memory)
{
	int on_stack;

	check_find(0, -EINVAL, NULL);
	check_find(UINT64_MAX, -EINVAL, NULL);
	check_find((uintptr_t)&on_stack, -EINVAL, NULL);
	check_find(make_pointer(FAKE_HOST, BYTES), -EINVAL, NULL);
}

Test(provider_cuda, an_address_that_is_used_again_is_another_allocation)
{
	struct hipipc_allocation old = make(FAKE_PLAIN, BYTES), now;

	fake->free((void *)(uintptr_t)old.base);
	check_find(old.base, -EINVAL, NULL);
	cr_assert(ne(ptr, fake->alloc(FAKE_PLAIN, BYTES, (void *)(uintptr_t)old.base),
		     NULL));
	now = look_up(old.base);
	cr_assert(eq(u64, now.base, old.base));
	cr_assert(ne(u64, now.id, old.id));
}

Test(provider_cuda, each_mapping_of_a_range_is_an_allocation)
{
	struct hipipc_allocation one = make(FAKE_SEGMENTS, BYTES), other, again;

	other = look_up(one.base + BYTES);
	cr_assert(eq(u64, one.bytes, BYTES));
	cr_assert(eq(u64, other.base, one.base + BYTES));
	cr_assert(eq(u64, other.bytes, BYTES));
	cr_assert(ne(u64, one.id, other.id));
	again = look_up(one.base + BYTES - 1);
	cr_assert(zero(int, memcmp(&one, &again, sizeof(one))));
}

Test(provider_cuda, other_memory_at_the_same_place_of_a_range_is_another_allocation)
{
	struct hipipc_allocation one = make(FAKE_SEGMENTS, BYTES);
	struct hipipc_allocation other = look_up(one.base + BYTES), now;

	fake->replace((void *)(uintptr_t)one.base);
	now = look_up(one.base);
	cr_assert(ne(u64, now.id, one.id));
	now = look_up(other.base);
	cr_assert(eq(u64, now.id, other.id));
}

Test(provider_cuda, a_driver_that_does_not_know_mappings_tells_the_range)
{
	struct hipipc_allocation one;

	fake->set(FAKE_KNOWS_MAPPINGS, 0);
	one = make(FAKE_SEGMENTS, BYTES);
	cr_assert(eq(u64, one.bytes, 2 * BYTES));
}

Test(provider_cuda, find_is_one_call_of_the_driver)
{
	uint64_t base = make_pointer(FAKE_PLAIN, BYTES);
	unsigned int before = fake->calls();

	look_up(base);
	cr_assert(eq(uint, fake->calls() - before, 1));
}

Test(provider_cuda, a_forked_child_is_told_so)
{
	check_forked_child(make_pointer(FAKE_PLAIN, BYTES));
}

/* ---- export ------------------------------------------------------------------------ */

Test(provider_cuda, exports_what_cuMemCreate_made)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	cr_assert(eq(u32, backing.kind, HIPIPC_KIND_CUDA_VMM));
	cr_assert(eq(u64, backing.offset, 0));
	cr_assert(zero(int, fake->counts().handles));
	close(backing.fd);
}

Test(provider_cuda, exports_other_memory_as_a_dma_buf)
{
	static const enum fake_kind kinds[] = {FAKE_PLAIN, FAKE_VMM_LOCAL};

	for (size_t i = 0; i < 2; i++) {
		struct hipipc_allocation allocation = make(kinds[i], BYTES);
		struct hipipc_backing backing = export_it(&allocation);

		cr_assert(eq(u32, backing.kind, HIPIPC_KIND_DMABUF));
		close(backing.fd);
	}
}

Test(provider_cuda, exports_one_mapping_of_a_range)
{
	struct hipipc_allocation one = make(FAKE_SEGMENTS, BYTES), other;
	struct hipipc_backing backing;
	uint64_t pointer;

	other = look_up(one.base + BYTES);
	backing = export_it(&other);
	cr_assert(zero(int, provider->import_memory(&backing, other.bytes, &pointer)));
	check_same(other.base, pointer, BYTES);
	close(backing.fd);
}

Test(provider_cuda, says_what_to_do_about_memory_without_a_descriptor)
{
	static const enum fake_kind kinds[] = {FAKE_PRIVATE, FAKE_MANAGED};
	struct hipipc_allocation allocation;

	for (size_t i = 0; i < 2; i++) {
		allocation = make(kinds[i], BYTES);
		check_export(&allocation, -EOPNOTSUPP, ADVICE);
	}
	allocation = make(FAKE_PLAIN, BYTES + 1);
	check_export(&allocation, -EOPNOTSUPP, "whole pages");
	fake->set(FAKE_KNOWS_MAPPINGS, 0);
	allocation = make(FAKE_SEGMENTS, BYTES);
	check_export(&allocation, -EOPNOTSUPP, "one allocation per range");
}

Test(provider_cuda, a_driver_without_export_calls_says_so)
{
	struct hipipc_allocation plain = make(FAKE_PLAIN, BYTES),
				 vmm = make(FAKE_VMM, BYTES);

	driver()->range_handle = NULL;
	driver()->retain = NULL;
	check_export(&plain, -EOPNOTSUPP, ADVICE);
	check_export(&vmm, -EOPNOTSUPP, "CUDA 11");
}

Test(provider_cuda, a_driver_without_error_names_tells_numbers)
{
	struct hipipc_allocation allocation = make(FAKE_PRIVATE, BYTES);

	driver()->error_name = NULL;
	check_export(&allocation, -EOPNOTSUPP, "(801)");
}

Test(provider_cuda, what_was_freed_meanwhile_is_not_exported)
{
	struct hipipc_allocation old = make(FAKE_PLAIN, BYTES);

	fake->free((void *)(uintptr_t)old.base);
	check_export(&old, -ENOENT, NULL);
}

static uint64_t victim;

static void free_and_use_again(void)
{
	void *address = (void *)(uintptr_t)victim;

	fake->free(address);
	cr_assert(eq(ptr, fake->alloc(FAKE_PLAIN, BYTES, address), address));
}

static void replace_victim(void)
{
	fake->replace((void *)(uintptr_t)victim);
}

Test(provider_cuda, what_is_replaced_meanwhile_is_not_exported_for_it)
{
	struct hipipc_allocation plain = make(FAKE_PLAIN, BYTES),
				 vmm = make(FAKE_VMM, BYTES);

	victim = plain.base;
	fake->during("cuMemGetHandleForAddressRange", free_and_use_again);
	check_export(&plain, -ENOENT, NULL);
	victim = vmm.base;
	fake->during("cuMemRetainAllocationHandle", replace_victim);
	check_export(&vmm, -ENOENT, NULL);
}

Test(provider_cuda, each_call_of_an_export_may_fail)
{
	static const int results[] = {CUDA_INVALID_VALUE, CUDA_OUT_OF_MEMORY,
				      CUDA_NOT_SUPPORTED, 999};
	static const int errors[] = {EOPNOTSUPP, ENOMEM, EIO, ENOENT, 0};
	struct hipipc_allocation plain = make(FAKE_PLAIN, BYTES),
				 vmm = make(FAKE_VMM, BYTES);

	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		fail_each_call(export_once, &vmm, results[i], errors);
		fail_each_call(export_once, &plain, results[i], errors);
	}
	fake->fail_call("cuMemExportToShareableHandle", CUDA_OUT_OF_MEMORY);
	check_export(&vmm, -ENOMEM, "cuMemExportToShareableHandle");
	fake->fail_call("cuMemRetainAllocationHandle", CUDA_NOT_PERMITTED);
	check_export(&vmm, -EOPNOTSUPP, ADVICE);
}

/* ---- import ------------------------------------------------------------------------ */

/* The exporting process imports it: the driver allows it, libhipipc does not. */
static void share(enum fake_kind kind)
{
	struct hipipc_allocation allocation = make(kind, BYTES);
	struct hipipc_backing backing = export_it(&allocation);
	unsigned int fds = count_fds();
	uint64_t pointer;

	cr_assert(
		zero(int, provider->import_memory(&backing, allocation.bytes, &pointer)));
	cr_assert(ge(int, fcntl(backing.fd, F_GETFD), 0));
	close(backing.fd);
	check_same(allocation.base, pointer, BYTES);
	fake->free((void *)(uintptr_t)allocation.base);
	*(uint8_t *)(uintptr_t)pointer = 1; /* stays until it is released */
	cr_assert(zero(int, provider->release_memory(pointer)));
	cr_assert(eq(int, provider->release_memory(pointer), -EINVAL));
	cr_assert(le(uint, count_fds(), fds));
}

Test(provider_cuda, an_import_shows_the_same_memory)
{
	unsigned int before = count_fds();

	share(FAKE_VMM);
	expect_nothing_left();
	share(FAKE_PLAIN);
	expect_nothing_left();
	cr_assert(eq(uint, count_fds(), before));
}

Test(provider_cuda, an_import_needs_no_whole_granules)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);
	struct hipipc_backing backing = export_it(&allocation);
	uint64_t pointer;

	cr_assert(zero(int, provider->import_memory(&backing, BYTES - 5, &pointer)));
	check_same(allocation.base, pointer, BYTES - 5);
	cr_assert(zero(int, provider->release_memory(pointer)));
	expect_nothing_left();
	close(backing.fd);
}

Test(provider_cuda, a_forged_handle_maps_nothing)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);
	struct hipipc_backing backing = export_it(&allocation), other = backing;

	check_import(&backing, 0, -EBADMSG, "forged");
	check_import(&backing, BYTES + 1, -EBADMSG, "not made for");
	check_import(&backing, UINT64_MAX, -EBADMSG, "not made for");
	check_import(&backing, 1ULL << 62, -ENOMEM, "cuMemAddressReserve");
	other.offset = 1;
	check_import(&other, BYTES, -EBADMSG, "forged");
	other = (struct hipipc_backing){.fd = -1, .kind = HIPIPC_KIND_CUDA_VMM};
	check_import(&other, BYTES, -EBADMSG, "cuMemImportFromShareableHandle");
	for (uint32_t kind = 0; kind < 100; kind++) {
		other = backing;
		other.kind = kind;
		if (kind != HIPIPC_KIND_CUDA_VMM && kind != HIPIPC_KIND_DMABUF)
			check_import(&other, BYTES, -EBADMSG, "another runtime");
	}
	fake->set(FAKE_LOCATION, 2);
	check_import(&backing, BYTES, -EBADMSG, "not device memory");
	close(backing.fd);
}

Test(provider_cuda, a_descriptor_of_something_else_maps_nothing)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation), other = backing;
	int ends[2];

	other.kind = HIPIPC_KIND_CUDA_VMM;
	check_import(&other, BYTES, -EBADMSG, "cuMemImportFromShareableHandle");
	cr_assert(zero(int, pipe2(ends, O_CLOEXEC)));
	other = (struct hipipc_backing){.fd = ends[0], .kind = HIPIPC_KIND_DMABUF};
	check_import(&other, BYTES, -EBADMSG, "not a dma-buf");
	close(ends[0]);
	close(ends[1]);
	close(backing.fd);
}

Test(provider_cuda, a_range_outside_of_a_dma_buf_maps_nothing)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	check_import(&backing, 0, -EBADMSG, "not made for");
	check_import(&backing, BYTES + 1, -EBADMSG, "not made for");
	backing.offset = 4096;
	check_import(&backing, BYTES, -EBADMSG, "not made for");
	check_import(&backing, UINT64_MAX, -EBADMSG, "not made for");
	backing.offset = UINT64_MAX;
	check_import(&backing, BYTES, -EBADMSG, "not made for");
	check_import(&backing, 2, -EBADMSG, "not made for");
	close(backing.fd);
}

Test(provider_cuda, a_driver_that_imports_no_dma_bufs_says_what_the_exporter_has_to_do)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	fake->set(FAKE_IMPORTS_DMABUFS, 0);
	check_import(&backing, BYTES, -EOPNOTSUPP, ADVICE);
	close(backing.fd);
}

struct importing {
	struct hipipc_backing backing;
	uint64_t bytes;
};

static int import_once(void *data)
{
	const struct importing *importing = data;
	uint64_t pointer;
	int r = provider->import_memory(&importing->backing, importing->bytes, &pointer);

	if (r == 0) {
		fake->fail(0, 0);
		cr_assert(zero(int, provider->release_memory(pointer)));
	}
	return r;
}

Test(provider_cuda, each_call_of_an_import_may_fail)
{
	static const int results[] = {CUDA_INVALID_VALUE, CUDA_OUT_OF_MEMORY,
				      CUDA_NOT_SUPPORTED, 999};
	static const int errors[] = {EBADMSG, ENOMEM, EOPNOTSUPP, EIO, 0};
	static const enum fake_kind kinds[] = {FAKE_VMM, FAKE_PLAIN};

	for (size_t i = 0; i < 2; i++) {
		struct hipipc_allocation allocation = make(kinds[i], BYTES);
		struct importing importing = {export_it(&allocation), BYTES};

		for (size_t k = 0; k < sizeof(results) / sizeof(*results); k++)
			fail_each_call(import_once, &importing, results[k], errors);
		close(importing.backing.fd);
	}
	expect_nothing_left();
}

Test(provider_cuda, memory_of_a_device_that_cannot_be_reached_says_so)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);
	struct hipipc_backing backing = export_it(&allocation);

	fake->fail_call("cuMemSetAccess", CUDA_INVALID_DEVICE);
	check_import(&backing, BYTES, -ENODEV, "reach");
	close(backing.fd);
}

Test(provider_cuda, an_import_without_descriptors_says_so)
{
	struct hipipc_allocation allocation = make(FAKE_PLAIN, BYTES);
	struct hipipc_backing backing = export_it(&allocation);
	struct rlimit none = {0}, limit;

	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &limit)));
	none.rlim_max = limit.rlim_max;
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &none)));
	reason_begin();
	cr_assert(eq(int, provider->import_memory(&backing, BYTES, &victim), -EINVAL));
	reason_is("RLIMIT_NOFILE");
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &limit)));
	close(backing.fd);
}

/* ---- release ----------------------------------------------------------------------- */

Test(provider_cuda, what_was_not_imported_is_not_released)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);

	cr_assert(eq(int, provider->release_memory(0), -EINVAL));
	cr_assert(eq(int, provider->release_memory(allocation.base), -EINVAL));
}

Test(provider_cuda, each_call_of_a_release_may_fail)
{
	static const char *const calls[] = {"cuMemUnmap", "cuMemAddressFree",
					    "cuMemFree_v2", "cuDestroyExternalMemory"};

	for (size_t i = 0; i < 4; i++) {
		struct hipipc_allocation allocation =
			make(i < 2 ? FAKE_VMM : FAKE_PLAIN, BYTES);
		struct hipipc_backing backing = export_it(&allocation);
		uint64_t pointer;

		cr_assert(zero(int, provider->import_memory(&backing, BYTES, &pointer)));
		fake->fail_call(calls[i], CUDA_CONTEXT_DESTROYED);
		reason_begin();
		cr_assert(eq(int, provider->release_memory(pointer), -EIO));
		reason_is("context");
		fake->fail_call(NULL, 0);
		cr_assert(eq(int, provider->release_memory(pointer), -EINVAL));
		close(backing.fd);
	}
}

#define THREADS 4
#define ROUNDS  50

static void *import_often(void *data)
{
	const struct importing *importing = data;
	uint64_t pointer[3];

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 3; i++)
			if (provider->import_memory(&importing->backing, importing->bytes,
						    &pointer[i]) < 0)
				return data;
		for (int i = 0; i < 3; i++)
			if (provider->release_memory(pointer[i]) < 0)
				return data;
	}
	return NULL;
}

Test(provider_cuda, threads_import_the_same_buffer)
{
	struct hipipc_allocation allocation = make(FAKE_VMM, BYTES);
	struct importing importing = {export_it(&allocation), BYTES};
	pthread_t threads[THREADS];
	void *failed;

	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, import_often,
						   &importing)));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(zero(int, pthread_join(threads[i], &failed)));
		cr_assert(eq(ptr, failed, NULL));
	}
	expect_nothing_left();
	close(importing.backing.fd);
}

/* ---- place ------------------------------------------------------------------------- */

Test(provider_cuda, a_place_is_the_current_context_and_its_device)
{
	struct hipipc_place one, other;

	fake->set(FAKE_DEVICE, 3);
	cr_assert(zero(int, provider->place(&one)));
	cr_assert(eq(int, one.device, 3));
	fake->set(FAKE_CONTEXT, 2);
	cr_assert(zero(int, provider->place(&other)));
	cr_assert(ne(u64, one.context, other.context));
	cr_assert(zero(int, fake->counts().references));
}

Test(provider_cuda, a_driver_without_context_ids_has_addresses)
{
	struct hipipc_place place;

	driver()->context_id = NULL;
	cr_assert(zero(int, provider->place(&place)));
	cr_assert(eq(u64, place.context, 4096));
}

Test(provider_cuda, a_thread_without_a_context_gets_the_primary_one)
{
	struct hipipc_place place;

	fake->set(FAKE_CONTEXT, 0);
	cr_assert(zero(int, provider->place(&place)));
	cr_assert(eq(int, place.device, 0));
	cr_assert(zero(int, provider->place(&place)));
	cr_assert(eq(int, fake->counts().references, 1));
}

static int place_once(void *data)
{
	struct hipipc_place place = {77, 77};
	int r = provider->place(&place);

	if (r < 0)
		cr_assert(eq(u64, place.context, 77));
	fake->set(FAKE_CONTEXT, *(int *)data);
	return r;
}

Test(provider_cuda, each_call_of_a_place_may_fail)
{
	static const int errors[] = {ENODEV, 0};
	static const char *const calls[] = {"cuDevicePrimaryCtxRetain",
					    "cuCtxSetCurrent"};
	int context = 1;

	fail_each_call(place_once, &context, CUDA_NO_DEVICE, errors);
	for (size_t i = 0; i < 2; i++) {
		fake->set(FAKE_CONTEXT, 0);
		fake->fail_call(calls[i], CUDA_NO_DEVICE);
		reason_begin();
		cr_assert(eq(int, place_once(&context), -ENODEV));
		reason_is("context");
		cr_assert(zero(int, fake->counts().references));
	}
}
