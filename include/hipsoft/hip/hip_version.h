/* SPDX-License-Identifier: MIT */
/* Stands in for the HIP runtime's header of this name where libhipsoft is used. */
#ifndef HIPSOFT_HIP_VERSION_H
#define HIPSOFT_HIP_VERSION_H
#include <hipsoft-types.h>
#endif
