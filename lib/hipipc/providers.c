/* SPDX-License-Identifier: MIT */
/* providers.c - finds the runtime that this process uses */
#include "providers.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include <util.h>

#include "config.h"
#include "loader.h"
#include "reason.h"

#define HELP                                                                             \
	"link with -lhipsoft, or call the runtime first (the first call of the CUDA "    \
	"runtime loads its driver)"

/* The size of the table in version 2. A smaller one lacks callbacks. */
#define PROVIDER_MIN_SIZE                                                                \
	(offsetof(struct hipipc_provider, failed) +                                      \
	 sizeof(((struct hipipc_provider *)NULL)->failed))

static _Atomic(const struct hipipc_provider *) providers_cached;

/* Also finds a library that was loaded with dlopen(3) and RTLD_LOCAL. */
static const struct hipipc_provider *providers_find_soft(void)
{
	static const char *const names[] = {"libhipsoft.so." SONAME_VERSION};
	void *symbol = dlsym(RTLD_DEFAULT, HIPIPC_SOFT_SYMBOL), *library;

	if (symbol)
		return symbol;
	library = loader_find(names, ARRAY_SIZE(names));
	return library ? dlsym(library, HIPIPC_SOFT_SYMBOL) : NULL;
}

static const struct hipipc_provider *provider_soft(void)
{
	const struct hipipc_provider *soft = providers_find_soft();

	if (!soft ||
	    (soft->version == HIPIPC_PROVIDER_VERSION && soft->size >= PROVIDER_MIN_SIZE))
		return soft;
	reason_info(
		"libhipsoft ignored: its interface has version %u and %u bytes, not "
		"version %u and at least %zu; install both libraries from one release",
		soft->version, soft->size, HIPIPC_PROVIDER_VERSION, PROVIDER_MIN_SIZE);
	return NULL;
}

static int providers_nothing_loaded(void)
{
	const char *missing = loader_missing();

	if (*missing)
		return reason(-ENODEV, "the loaded runtime has no %s; update it",
			      missing);
	return reason(-ENODEV, "no runtime is loaded; %s", HELP);
}

const struct hipipc_provider *providers_found(void)
{
	return atomic_load_explicit(&providers_cached, memory_order_acquire);
}

/* Concurrent calls find and store the same provider. */
int providers_get(const struct hipipc_provider **ret_provider)
{
	const struct hipipc_provider *provider = providers_found();

	if (!provider)
		provider = provider_soft();
	if (!provider)
		provider = provider_hip();
	if (!provider)
		provider = provider_cuda();
	if (!provider)
		return providers_nothing_loaded();
	atomic_store_explicit(&providers_cached, provider, memory_order_release);
	*ret_provider = provider;
	return 0;
}

/*
 * RTLD_NEXT searches the libraries after this one. A runtime that was loaded with
 * dlopen(3), as Python does, is not among them and is searched directly.
 */
void *providers_next_symbol(const char *name)
{
	static const char *const hip[] = {"libamdhip64.so.7", "libamdhip64.so.6",
					  "libamdhip64.so.5", "libamdhip64.so"};
	static const char *const cuda[] = {"libcudart.so.13", "libcudart.so.12",
					   "libcudart.so.11.0", "libcudart.so"};
	void *symbol = dlsym(RTLD_NEXT, name), *library;

	if (symbol)
		return symbol;
	if (strncmp(name, "cuda", 4) == 0)
		library = loader_find(cuda, ARRAY_SIZE(cuda));
	else
		library = loader_find(hip, ARRAY_SIZE(hip));
	return library ? dlsym(library, name) : NULL;
}
