/* SPDX-License-Identifier: MIT */
/* crc32c.h - CRC-32C (RFC 3720) of a few bytes */
#ifndef DMABUFFS_CRC32C_H
#define DMABUFFS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *data, size_t size);

/* The same without the processor's instruction. */
uint32_t crc32c_by_table(const void *data, size_t size);

#endif
