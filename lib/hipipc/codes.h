/* SPDX-License-Identifier: MIT */
/* codes.h - error codes that HIP and CUDA have in common */
#ifndef HIPIPC_CODES_H
#define HIPIPC_CODES_H

/*
 * What a call answers for a negative errno of ours. Its reason is written to the log; the
 * runtime's hipGetLastError() is told by the caller.
 */
int codes_result(const char *call, int r);

#endif
