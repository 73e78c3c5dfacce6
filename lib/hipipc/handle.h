/* SPDX-License-Identifier: MIT */
/* handle.h - what stands in the 64 bytes of a handle */
#ifndef HIPIPC_HANDLE_H
#define HIPIPC_HANDLE_H

#include <stdint.h>
#include <string.h>

#include <dmabuffs.h>

#define HIPIPC_HANDLE_BYTES   64
#define HIPIPC_HANDLE_MAGIC   0x69706968U /* "hipi" */
#define HIPIPC_HANDLE_VERSION 1

/**
 * struct hipipc_handle - a handle on the wire, little-endian
 * @magic: HIPIPC_HANDLE_MAGIC
 * @version: HIPIPC_HANDLE_VERSION
 * @kind: enum hipipc_kind
 * @uuid: the name in the instance
 * @bytes: size of the allocation, not 0; of an event 1
 * @base: where in the buffer the allocation begins
 * @offset: of the pointer into the allocation, less than @bytes
 * @reserved: 0
 * @check: CRC-32C (RFC 3720) of the bytes before it: against mistakes; forgery is met by
 *	   open(2)
 *
 * A later version keeps @magic, @version and @check, and reads version 1.
 */
struct hipipc_handle {
	uint32_t magic;
	uint16_t version;
	uint16_t kind;
	dmabuffs_uuid uuid;
	uint64_t bytes;
	uint64_t base;
	uint64_t offset;
	uint8_t reserved[12];
	uint32_t check;
};
_Static_assert(sizeof(struct hipipc_handle) == HIPIPC_HANDLE_BYTES, "a handle");

/* For tables: a UUID is random already, as far as that matters to its holder. */
static inline uint64_t handle_hash(const dmabuffs_uuid *uuid)
{
	uint64_t hash;

	memcpy(&hash, uuid->bytes, sizeof(hash));
	return hash;
}

/* Fills in magic, version and check of @handle, and writes it out. */
void handle_encode(const struct hipipc_handle *handle, char bytes[HIPIPC_HANDLE_BYTES]);

/* -EINVAL: not a handle of a kind in @kinds (bits 1 << enum hipipc_kind). */
int handle_decode(const char bytes[HIPIPC_HANDLE_BYTES], uint32_t kinds,
		  struct hipipc_handle *ret_handle);

#endif
