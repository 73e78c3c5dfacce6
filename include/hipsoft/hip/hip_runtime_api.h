/* SPDX-License-Identifier: MIT */
/* Stands in for the HIP runtime's header of this name where libhipsoft is used. */
#ifndef HIPSOFT_HIP_RUNTIME_API_H
#define HIPSOFT_HIP_RUNTIME_API_H
#include <hipsoft.h>
#endif
