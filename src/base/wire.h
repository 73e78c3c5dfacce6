/* SPDX-License-Identifier: MIT */
/*
 * wire.h - structs from clients: lengths, tails, fields
 *
 * The rules are those at the top of dmabuffs-ioctl.h. Pure functions.
 */
#ifndef DMABUFFS_WIRE_H
#define DMABUFFS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include <dmabuffs-ioctl.h>

/*
 * Copies a struct of a client into @known, which has @known_size bytes and knows the
 * first @min_size since its first version; what the client's is shorter stays zero.
 * @data holds the @carried bytes that arrived. 0, -EINVAL or -E2BIG.
 */
int wire_take(const void *data, size_t carried, size_t min_size, void *known,
	      size_t known_size);

/* True if all bytes are zero. */
bool wire_is_zero(const void *data, size_t size);

/* The fields of an export, before anything is done: 0, -EINVAL, -EBADF, -EOPNOTSUPP. */
int wire_check_export(const struct dmabuffs_export *arg);
int wire_check_revoke(const struct dmabuffs_revoke *arg);
int wire_check_withdraw(const struct dmabuffs_withdraw *arg);
int wire_check_info(const struct dmabuffs_info *arg);

#endif
