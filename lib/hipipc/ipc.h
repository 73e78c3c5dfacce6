/* SPDX-License-Identifier: MIT */
/* ipc.h - the five calls behind their HIP and CUDA names */
#ifndef HIPIPC_IPC_H
#define HIPIPC_IPC_H

#include <stdint.h>

#include "handle.h"

/* Listed in libhipipc.map; everything else is hidden. */
#define _public_ __attribute__((visibility("default")))

/*
 * Each returns an error code that HIP and CUDA share; see hipipc.h. @call is the public
 * name: it is written to the log, and it names the runtime's own call where events are
 * passed on to the runtime.
 */
int ipc_get_memory(const char *call, char handle[HIPIPC_HANDLE_BYTES], void *pointer);
int ipc_open_memory(const char *call, void **ret_pointer,
		    const char handle[HIPIPC_HANDLE_BYTES], unsigned int flags);
int ipc_close_memory(const char *call, void *pointer);
int ipc_get_event(const char *call, char handle[HIPIPC_HANDLE_BYTES], void *event);
int ipc_open_event(const char *call, void **ret_event,
		   const char handle[HIPIPC_HANDLE_BYTES]);

#endif
