/* SPDX-License-Identifier: MIT */
/* providers.h - the runtime of this process */
#ifndef HIPIPC_PROVIDERS_H
#define HIPIPC_PROVIDERS_H

#include <hipipc-provider.h>

/*
 * The provider of the runtime that the process has loaded: libhipsoft, else AMD's HIP
 * runtime, else the CUDA driver. Found at the first call that succeeds, and kept.
 * -ENODEV: none is loaded, with a reason.
 */
int providers_get(const struct hipipc_provider **ret_provider);

/* The one that was found, NULL: none yet. */
const struct hipipc_provider *providers_found(void);

/* Of AMD's runtime, libamdhip64 and libhsa-runtime64; NULL: not loaded, or too old. */
const struct hipipc_provider *provider_hip(void);

/* Of the CUDA driver, libcuda; NULL: not loaded, or too old. */
const struct hipipc_provider *provider_cuda(void);

/*
 * The runtime's own definition of one of the calls that libhipipc defines, which is
 * behind ours in the order of look-up; NULL: there is none.
 */
void *providers_next_symbol(const char *name);

#endif
