/* SPDX-License-Identifier: MIT */
/*
 * compat-vendor.c - the values of AMD's own header
 *
 * Our header after it declares the same functions again, which does not compile if types
 * differ.
 */
#include <hip/hip_runtime_api.h>

#include <hipipc.h>

#include "compat.h"

const struct compat_value compat_of_vendor[] = {COMPAT_VALUES, {0}};
