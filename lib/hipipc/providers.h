/* SPDX-License-Identifier: MIT */
/* providers.h - the provider of the runtime that this process uses */
#ifndef HIPIPC_PROVIDERS_H
#define HIPIPC_PROVIDERS_H

#include <stdbool.h>

#include <hipipc-provider.h>

/*
 * The provider of the runtime that the process has loaded: libhipsoft, else AMD's HIP
 * runtime, else the CUDA driver. The result of the first successful call is kept.
 * -ENODEV: no runtime is loaded; with a reason.
 */
int providers_get(const struct hipipc_provider **ret_provider);

/* The provider that was found, or NULL. */
const struct hipipc_provider *providers_found(void);

/* AMD's runtime, libamdhip64 and libhsa-runtime64; NULL: not loaded, or too old. */
const struct hipipc_provider *provider_hip(void);

/* The CUDA driver, libcuda; NULL: not loaded, or too old. */
const struct hipipc_provider *provider_cuda(void);

/*
 * The runtime's own definition of a function that libhipipc defines, which comes later
 * in the order of symbol look-up; NULL: there is none.
 */
void *providers_next_symbol(const char *name);

static inline bool providers_same_allocation(const struct hipipc_allocation *a,
					     const struct hipipc_allocation *b)
{
	return a->id == b->id && a->base == b->base && a->bytes == b->bytes;
}

#endif
