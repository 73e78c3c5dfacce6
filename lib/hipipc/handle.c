/* SPDX-License-Identifier: MIT */
/* handle.c - encoding and decoding of handles */
#include "handle.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <crc32c.h>

static uint32_t handle_check_word(const struct hipipc_handle *wire)
{
	return crc32c(wire, offsetof(struct hipipc_handle, check));
}

void handle_encode(const struct hipipc_handle *handle, char bytes[HIPIPC_HANDLE_BYTES])
{
	struct hipipc_handle wire = {
		.magic = htole32(HIPIPC_HANDLE_MAGIC),
		.version = htole16(HIPIPC_HANDLE_VERSION),
		.kind = htole16(handle->kind),
		.uuid = handle->uuid,
		.bytes = htole64(handle->bytes),
		.base = htole64(handle->base),
		.offset = htole64(handle->offset),
	};

	wire.check = htole32(handle_check_word(&wire));
	memcpy(bytes, &wire, sizeof(wire));
}

static bool handle_is_plausible(const struct hipipc_handle *handle, uint32_t kinds)
{
	static const uint8_t zero[sizeof(handle->reserved)];

	return handle->kind < 32 && (kinds & (1U << handle->kind)) && handle->bytes &&
	       handle->offset < handle->bytes &&
	       handle->base + handle->bytes > handle->base &&
	       memcmp(handle->reserved, zero, sizeof(zero)) == 0;
}

int handle_decode(const char bytes[HIPIPC_HANDLE_BYTES], uint32_t kinds,
		  struct hipipc_handle *ret_handle)
{
	struct hipipc_handle wire, handle;

	memcpy(&wire, bytes, sizeof(wire));
	if (le32toh(wire.magic) != HIPIPC_HANDLE_MAGIC ||
	    le16toh(wire.version) != HIPIPC_HANDLE_VERSION ||
	    le32toh(wire.check) != handle_check_word(&wire))
		return -EINVAL;
	handle = (struct hipipc_handle){
		.magic = HIPIPC_HANDLE_MAGIC,
		.version = HIPIPC_HANDLE_VERSION,
		.kind = le16toh(wire.kind),
		.uuid = wire.uuid,
		.bytes = le64toh(wire.bytes),
		.base = le64toh(wire.base),
		.offset = le64toh(wire.offset),
		.check = le32toh(wire.check),
	};
	memcpy(handle.reserved, wire.reserved, sizeof(handle.reserved));
	if (!handle_is_plausible(&handle, kinds))
		return -EINVAL;
	*ret_handle = handle;
	return 0;
}
