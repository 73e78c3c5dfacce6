/* SPDX-License-Identifier: MIT */
/*
 * compute.h - what the operations do to memory
 *
 * Each takes a struct piece (access.h) and touches nothing but its memory and its data,
 * since it may be left in the middle. The memory is shared with clients, and may change
 * while it is looked at.
 */
#ifndef ACCEL_SOFT_COMPUTE_H
#define ACCEL_SOFT_COMPUTE_H

#include <stddef.h>

/* Operands: the result, and for compare the two that are compared. */
void compute_fill(void *piece);    /* data: the pattern, 8 bytes */
void compute_compare(void *piece); /* data: uint64_t, place of the first difference */
void compute_crc(void *piece);     /* data: uint32_t, the running checksum */
void compute_xor(void *piece);
void compute_vadd(void *piece);

/* On private memory: to += factor * row. */
void add_scaled(float *to, const float *row, float factor, size_t n);

#endif
