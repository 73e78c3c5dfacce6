/* SPDX-License-Identifier: MIT */
/* info.h - the structs that calls for information fill in, of any version (sized.h) */
#ifndef ACCEL_INFO_H
#define ACCEL_INFO_H

#include <stddef.h>

/*
 * Copies a caller's struct into @ret_known of @size bytes and checks its head. The first
 * version had @min_size bytes. 0; -EINVAL and -E2BIG as sized_take(); -EOPNOTSUPP: a flag
 * is set.
 */
int accel_info_take(const void *arg, size_t min_size, void *ret_known, size_t size);

/*
 * Copies as much of @known as fits into the caller's struct, and clears what that has
 * beyond it. Its size stays: it is an input. A struct that has no room for it is left
 * alone.
 */
void accel_info_give(const void *known, size_t size, void *ret_arg);

#endif
