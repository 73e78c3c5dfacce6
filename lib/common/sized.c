/* SPDX-License-Identifier: MIT */
#include "sized.h"

#include <stdint.h>
#include <string.h>

#include "util.h"

bool sized_is_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t any = 0;

	for (size_t i = 0; i < size; i++)
		any |= bytes[i];
	return !any;
}

int sized_take(const void *data, size_t carried, size_t min_size, void *known,
	       size_t known_size)
{
	uint32_t size;

	if (carried < sizeof(size))
		return -EINVAL;
	memcpy(&size, data, sizeof(size));
	if (size < min_size || size > carried)
		return -EINVAL;
	if (size > known_size &&
	    !sized_is_zero((const char *)data + known_size, size - known_size))
		return -E2BIG;
	memset(known, 0, known_size);
	memcpy(known, data, MIN((size_t)size, known_size));
	return 0;
}

void sized_give(const void *known, size_t known_size, void *ret_data, size_t size)
{
	uint32_t given = (uint32_t)MIN(size, known_size);

	memset(ret_data, 0, size);
	memcpy(ret_data, known, given);
	memcpy(ret_data, &given, sizeof(given));
}
