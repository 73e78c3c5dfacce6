/* SPDX-License-Identifier: MIT */
/*
 * compat-vendor.c - what AMD's own header says
 *
 * Ours after it declares the same functions again: other types would not compile.
 */
#include <hip/hip_runtime_api.h>

#include <hipipc.h>

#include "compat.h"

const struct compat_value compat_of_vendor[] = {COMPAT_VALUES, {0}};
