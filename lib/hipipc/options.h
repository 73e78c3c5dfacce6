/* SPDX-License-Identifier: MIT */
/* options.h - options from the environment; see hipipc.h */
#ifndef HIPIPC_OPTIONS_H
#define HIPIPC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "reason.h"

struct options {
	uint32_t mode; /* permission bits of names */
	bool cuda;     /* behave as CUDA where it differs from HIP */
	enum reason_level log;
};

/* Read once, at the first call. Invalid values are logged and ignored. */
const struct options *options_get(void);

#endif
