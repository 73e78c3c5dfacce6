/* SPDX-License-Identifier: MIT */
#include <hipsoft.h>

#include "compat.h"

const struct compat_value compat_of_ours[] = {COMPAT_VALUES, {0}};
