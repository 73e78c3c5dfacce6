/* SPDX-License-Identifier: MIT */
/* options.h - options from the environment; see hipipc.h */
#ifndef HIPIPC_OPTIONS_H
#define HIPIPC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "reason.h"

/* Where CUDA and HIP differ, a call behaves as its name says, or all behave as one. */
enum compat { COMPAT_SPELLING, COMPAT_HIP, COMPAT_CUDA };

struct options {
	uint32_t mode; /* permission bits of names */
	enum compat compat;
	enum reason_level log;
};

/* Read once, at the first call. Invalid values are logged and ignored. */
const struct options *options_get(void);

/* Whether a handle that @call makes or opens leads to the begin of its allocation. */
bool options_drops_offset(const char *call);

#endif
