/* SPDX-License-Identifier: MIT */
/* handle.h - the 64 bytes of a handle */
#ifndef HIPIPC_HANDLE_H
#define HIPIPC_HANDLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <dmabuffs.h>

#define HIPIPC_HANDLE_BYTES   64
#define HIPIPC_HANDLE_MAGIC   0x69706968U /* "hipi" */
#define HIPIPC_HANDLE_VERSION 1

/**
 * struct hipipc_handle - a handle as it is passed around, little-endian
 * @magic: HIPIPC_HANDLE_MAGIC
 * @version: HIPIPC_HANDLE_VERSION
 * @kind: enum hipipc_kind
 * @uuid: the name in the instance
 * @bytes: size of the allocation, not 0; 1 for an event
 * @base: offset of the allocation in the buffer
 * @offset: of the pointer in the allocation, less than @bytes
 * @reserved: 0
 * @check: CRC-32C (RFC 3720) of the bytes before it. Detects mistakes, not forgery:
 *	   permission is checked by open(2)
 *
 * Later versions keep the place of @magic, @version and @check, and read version 1.
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
_Static_assert(offsetof(struct hipipc_handle, uuid) == 8, "version 1");
_Static_assert(offsetof(struct hipipc_handle, bytes) == 24, "version 1");
_Static_assert(offsetof(struct hipipc_handle, base) == 32, "version 1");
_Static_assert(offsetof(struct hipipc_handle, offset) == 40, "version 1");
_Static_assert(offsetof(struct hipipc_handle, check) == 60, "version 1");
_Static_assert(sizeof(struct hipipc_handle) == HIPIPC_HANDLE_BYTES, "version 1");

/* For hash tables: a UUID is random. A forged one slows down only the process using it.
 */
static inline uint64_t handle_hash(const dmabuffs_uuid *uuid)
{
	uint64_t hash;

	memcpy(&hash, uuid->bytes, sizeof(hash));
	return hash;
}

/* Encodes @handle; its magic, version and check are ignored and computed here. */
void handle_encode(const struct hipipc_handle *handle, char bytes[HIPIPC_HANDLE_BYTES]);

/* -EINVAL: not a handle of a kind in @kinds (bits 1 << enum hipipc_kind). */
int handle_decode(const char bytes[HIPIPC_HANDLE_BYTES], uint32_t kinds,
		  struct hipipc_handle *ret_handle);

#endif
