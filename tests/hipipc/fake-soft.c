/* SPDX-License-Identifier: MIT */
/* fake-soft.c - a library with the symbol of libhipsoft, for test-providers.c */
#include <hipipc-provider.h>

#include "fake.h"

/* Under another C name: the header declares the symbol const. */
extern struct hipipc_provider soft __asm__(HIPIPC_SOFT_SYMBOL);

FAKE_EXPORT struct hipipc_provider soft = {
	.version = HIPIPC_PROVIDER_VERSION,
	.size = sizeof(struct hipipc_provider),
	.name = "a fake libhipsoft",
};

FAKE_EXPORT void fake_soft_set_version(uint32_t version)
{
	soft.version = version;
}

FAKE_EXPORT void fake_soft_set_size(uint32_t size)
{
	soft.size = size;
}
