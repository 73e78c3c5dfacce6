/* SPDX-License-Identifier: MIT */
/* What programs include, on a machine where libhipsoft stands in for the HIP runtime. */
#ifndef HIPSOFT_HIP_RUNTIME_H
#define HIPSOFT_HIP_RUNTIME_H
#include <hipsoft.h>
#endif
