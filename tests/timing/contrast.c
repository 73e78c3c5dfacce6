/* SPDX-License-Identifier: MIT */
/* contrast.c - in what the two classes of probes differ */
#include "contrast.h"

#include <string.h>

const char *contrast_side_name(const struct contrast *contrast)
{
	if (contrast->bits == 0 || contrast->bits == UUID_BITS)
		return "-";
	return contrast->side == SIDE_LEADING ? "leading" : "trailing";
}

bool contrast_is_absent(const struct contrast *contrast)
{
	return contrast->bits < UUID_BITS;
}

bool contrast_admits(const struct contrast *contrast, const uint8_t uuid[16], bool name)
{
	uint8_t byte = uuid[contrast->side == SIDE_LEADING ? 0 : 15];
	bool even = (byte / 16 + byte % 16) % 2 == 0;

	return contrast->bits != 8 || even == name;
}

void contrast_share(const struct contrast *contrast, const uint8_t model[16],
		    uint8_t probe[16])
{
	unsigned bytes = contrast->bits / 8;
	unsigned from = contrast->side == SIDE_LEADING ? 0 : 16 - bytes;

	memcpy(probe + from, model + from, bytes);
}
