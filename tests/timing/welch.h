/* SPDX-License-Identifier: MIT */
/* welch.h - Welch's t-test of two classes of samples, as they come in */
#ifndef DMABUFFS_TIMING_WELCH_H
#define DMABUFFS_TIMING_WELCH_H

#include <stddef.h>

/* The two classes: probes near a name that exists, and near one that does not. */
enum class { CLASS_NAME, CLASS_DECOY, CLASS_COUNT };

/* Welford's sums: exact also for small differences of large numbers. */
struct welch {
	struct {
		size_t n;
		double mean;
		double squares; /* of the distances from the mean */
	} classes[CLASS_COUNT];
};

void welch_add(struct welch *welch, enum class class, double value);

size_t welch_samples(const struct welch *welch);

/* The standard error of the difference of the means; 0: fewer than two of a class. */
double welch_error(const struct welch *welch);

/* Welch's t; 0 if it is not defined: fewer than two of a class, or all are equal. */
double welch_t(const struct welch *welch);

#endif
