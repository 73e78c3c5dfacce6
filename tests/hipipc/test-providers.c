/* SPDX-License-Identifier: MIT */
/* test-providers.c - the choice among the runtimes loaded in the process */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "providers.h"
#include "reason.h"

TestSuite(providers, .timeout = 300);

/* Loads as Python loads runtimes: RTLD_NEXT does not find them. */
static void *load(const char *name, int flags)
{
	char path[512];
	void *library;

	(void)snprintf(path, sizeof(path), FAKES "/%s", name);
	library = dlopen(path, RTLD_NOW | flags);
	cr_assert(ne(ptr, library, NULL), "%s", dlerror());
	return library;
}

static void expect(const char *name)
{
	const struct hipipc_provider *found = NULL;

	cr_assert(zero(int, providers_get(&found)));
	cr_assert(eq(u32, found->version, HIPIPC_PROVIDER_VERSION));
	cr_assert(ne(ptr, strstr(found->name, name), NULL), "%s", found->name);
}

static void expect_none(const char *word)
{
	const struct hipipc_provider *found = (void *)1;

	reason_begin();
	cr_assert(eq(int, providers_get(&found), -ENODEV));
	cr_assert(eq(ptr, (void *)found, (void *)1));
	reason_end("test", "");
	cr_assert(ne(ptr, strstr(reason_last(), word), NULL), "%s", reason_last());
}

Test(providers, what_is_not_loaded_is_not_loaded_by_us)
{
	expect_none("-lhipsoft");
	cr_assert(eq(ptr, dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD), NULL));
	cr_assert(eq(ptr, dlopen("libamdhip64.so.6", RTLD_NOW | RTLD_NOLOAD), NULL));
}

Test(providers, one_that_is_loaded_later_is_found)
{
	expect_none("no runtime");
	load("libs/libcuda.so.1", RTLD_LOCAL);
	expect("CUDA");
}

Test(providers, hip_comes_before_cuda_and_libhipsoft_before_both)
{
	load("libs/libcuda.so.1", RTLD_LOCAL);
	load("libs/libamdhip64.so.6", RTLD_LOCAL);
	expect("HIP");
}

Test(providers, libhipsoft_comes_first)
{
	load("libs/libcuda.so.1", RTLD_LOCAL);
	load("libs/libamdhip64.so.6", RTLD_LOCAL);
	load("libs/fake-soft.so", RTLD_GLOBAL);
	expect("libhipsoft");
}

Test(providers, what_was_found_stays)
{
	load("libs/libcuda.so.1", RTLD_LOCAL);
	expect("CUDA");
	load("libs/fake-soft.so", RTLD_GLOBAL);
	expect("CUDA");
}

Test(providers, what_was_found_stays_loaded)
{
	const struct hipipc_provider *found;
	struct hipipc_allocation allocation;
	void *library = load("libs/libcuda.so.1", RTLD_LOCAL);

	cr_assert(zero(int, providers_get(&found)));
	cr_assert(zero(int, dlclose(library)));
	cr_assert(eq(int, found->find(1, &allocation), -EINVAL));
}

Test(providers, a_libhipsoft_of_another_version_is_left_out)
{
	void (*set_version)(uint32_t version);
	void *soft = load("libs/fake-soft.so", RTLD_GLOBAL);

	*(void **)&set_version = dlsym(soft, "fake_soft_set_version");
	set_version(HIPIPC_PROVIDER_VERSION + 1);
	expect_none("no runtime");
	load("libs/libcuda.so.1", RTLD_LOCAL);
	expect("CUDA");
}

static void load_soft_of_size(uint32_t size)
{
	void (*set_size)(uint32_t size);
	void *soft = load("libs/fake-soft.so", RTLD_GLOBAL);

	*(void **)&set_size = dlsym(soft, "fake_soft_set_size");
	set_size(size);
}

static void log_everything(void)
{
	setenv("HIPIPC_LOG", "info", true);
	cr_redirect_stderr();
}

Test(providers, a_libhipsoft_whose_table_is_too_short_is_left_out, .init = log_everything)
{
	const size_t size = sizeof(struct hipipc_provider);
	char log[512], expected[64];

	load_soft_of_size((uint32_t)size - 1);
	expect_none("no runtime");
	cr_assert(ne(ptr, fgets(log, sizeof(log), cr_get_redirected_stderr()), NULL));
	(void)snprintf(expected, sizeof(expected),
		       "%zu bytes, not version %u and at least %zu", size - 1,
		       HIPIPC_PROVIDER_VERSION, size);
	cr_assert(ne(ptr, strstr(log, expected), NULL), "%s", log);
}

Test(providers, a_libhipsoft_whose_table_is_longer_is_used)
{
	load_soft_of_size(sizeof(struct hipipc_provider) + 8);
	expect("libhipsoft");
}

Test(providers, a_rocm_that_is_too_old_says_what_it_lacks)
{
	load("old/libamdhip64.so.6", RTLD_LOCAL);
	cr_assert(eq(ptr, (void *)provider_hip(), NULL));
	expect_none("hsa_amd_portable_export_dmabuf");
	/* Another runtime is still found. */
	load("libs/libcuda.so.1", RTLD_LOCAL);
	expect("CUDA");
}

#define THREADS 8

static pthread_barrier_t barrier;

static void *get(void *data)
{
	const struct hipipc_provider **ret = data;

	pthread_barrier_wait(&barrier);
	return providers_get(ret) == 0 ? NULL : data;
}

Test(providers, threads_find_the_same)
{
	const struct hipipc_provider *found[THREADS];
	pthread_t threads[THREADS];
	void *failed;

	load("libs/libamdhip64.so.6", RTLD_LOCAL);
	cr_assert(zero(int, pthread_barrier_init(&barrier, NULL, THREADS)));
	for (int i = 0; i < THREADS; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, get, &found[i])));
	for (int i = 0; i < THREADS; i++) {
		cr_assert(zero(int, pthread_join(threads[i], &failed)));
		cr_assert(eq(ptr, failed, NULL));
		cr_assert(eq(ptr, (void *)found[i], (void *)found[0]));
	}
}

Test(providers, the_next_definition_is_the_runtimes)
{
	void *library;

	cr_assert(eq(ptr, providers_next_symbol("hipGetDevice"), NULL));
	library = load("libs/libamdhip64.so.6", RTLD_LOCAL);
	cr_assert(eq(ptr, providers_next_symbol("hipGetDevice"),
		     dlsym(library, "hipGetDevice")));
	cr_assert(eq(ptr, providers_next_symbol("hipNoSuchCall"), NULL));
	cr_assert(eq(ptr, providers_next_symbol("cudaIpcGetEventHandle"), NULL));
	cr_assert(
		eq(ptr, providers_next_symbol("getpid"), dlsym(RTLD_DEFAULT, "getpid")));
}
