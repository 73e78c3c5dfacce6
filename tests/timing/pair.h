/* SPDX-License-Identifier: MIT */
/*
 * pair.h - the test of one pair of classes on one layer
 *
 * The instance is new, and there are as many as fresh probes need. Which class is next is
 * random. Probes are drawn in blocks before they are timed, and each is copied to the
 * same place, so that neither its making nor its address differs between the classes.
 */
#ifndef DMABUFFS_TIMING_PAIR_H
#define DMABUFFS_TIMING_PAIR_H

#include "layer.h"

struct pair {
	const struct layer *layer;
	struct plan plan;
	size_t samples; /* to test, beside those that only set the crops */
};

struct pair_result {
	size_t samples;
	double t;        /* the strongest of all crops */
	double error_ns; /* the smallest standard error, see crops_error() */
};

/* Prints what failed. 0 or a negative errno. */
int pair_measure(const struct pair *pair, struct pair_result *ret_result) _must_check_;

#endif
