/* SPDX-License-Identifier: MIT */
/* codes.h - error codes that HIP and CUDA have in common */
#ifndef HIPIPC_CODES_H
#define HIPIPC_CODES_H

/*
 * The error code that @call returns for a negative errno; hipSuccess for others. Writes
 * the reason to the log. The caller updates the runtime's hipGetLastError().
 */
int codes_result(const char *call, int r);

#endif
