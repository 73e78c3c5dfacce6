/* SPDX-License-Identifier: MIT */
/*
 * sized.h - structs that begin with their size, between a caller and a callee of other
 * versions
 *
 * Such a struct grows at its end only, and zero in what is added means what the struct
 * meant without it.
 */
#ifndef DMABUFFS_SIZED_H
#define DMABUFFS_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies a caller's struct into @known, which has @known_size bytes. The first version
 * had @min_size bytes; what the caller's lacks becomes zero. @data has @carried bytes at
 * most. -EINVAL: the size in the struct is less than @min_size or more than @carried.
 * -E2BIG: what is behind @known_size is not zero.
 */
int sized_take(const void *data, size_t carried, size_t min_size, void *known,
	       size_t known_size);

/*
 * The other direction: copies as much of @known as fits into the caller's struct of
 * @size bytes, at least 4, and clears the rest. The size in it becomes the number of
 * bytes that were copied.
 */
void sized_give(const void *known, size_t known_size, void *ret_data, size_t size);

bool sized_is_zero(const void *data, size_t size);

#endif
