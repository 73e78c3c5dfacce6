/* SPDX-License-Identifier: MIT */
#include "providers.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include <util.h>

#include "config.h"
#include "loader.h"
#include "reason.h"

#define HELP                                                                             \
	"link with -lhipsoft, or call the runtime once before (a first call of the "     \
	"CUDA "                                                                          \
	"runtime loads its driver)"

static _Atomic(const struct hipipc_provider *) providers_cached;

/* Also where it was loaded with dlopen(3), so that nobody else sees its symbols. */
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

	if (!soft || soft->version == HIPIPC_PROVIDER_VERSION)
		return soft;
	reason_info("libhipsoft is of another version (%u) and is left out; install both "
		    "libraries from one release",
		    soft->version);
	return NULL;
}

static int providers_nothing_loaded(void)
{
	const char *missing = loader_missing();

	if (*missing)
		return reason(-ENODEV, "the runtime that is loaded lacks %s; update it",
			      missing);
	return reason(-ENODEV, "no runtime is loaded; %s", HELP);
}

const struct hipipc_provider *providers_found(void)
{
	return atomic_load_explicit(&providers_cached, memory_order_acquire);
}

/* Whoever comes second writes the same. */
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
 * RTLD_NEXT begins behind this library. A runtime that was itself loaded with dlopen(3),
 * as Python does, is in no order of look-up: it is asked directly.
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
