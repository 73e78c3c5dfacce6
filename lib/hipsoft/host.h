/* SPDX-License-Identifier: MIT */
/* host.h - memory of hipHostMalloc() */
#ifndef HIPSOFT_HOST_H
#define HIPSOFT_HOST_H

#include <stdbool.h>

/* Whether @pointer points into such memory, and the flags it was allocated with. */
bool host_find(const void *pointer, unsigned int *ret_flags);

#endif
