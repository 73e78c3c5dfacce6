/* SPDX-License-Identifier: MIT */
/* options.h - what the environment says; see hipipc.h */
#ifndef HIPIPC_OPTIONS_H
#define HIPIPC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "reason.h"

struct options {
	uint32_t mode; /* permission bits of names */
	bool cuda;     /* CUDA's behaviour where it differs from HIP's */
	enum reason_level log;
};

/* Read once, at the first call. What makes no sense is said in the log and left out. */
const struct options *options_get(void);

#endif
