/* SPDX-License-Identifier: MIT */
/* ipc.h - the five calls, under whatever name they are made */
#ifndef HIPIPC_IPC_H
#define HIPIPC_IPC_H

#include <stdint.h>

#include "handle.h"

/* Listed in libhipipc.map; everything else is hidden. */
#define _public_ __attribute__((visibility("default")))

/*
 * Each answers an error code that HIP and CUDA have in common; see hipipc.h. @call is the
 * name for the log, and that of the runtime's own call where that has to be asked.
 */
int ipc_get_memory(const char *call, char handle[HIPIPC_HANDLE_BYTES], void *pointer);
int ipc_open_memory(const char *call, void **ret_pointer,
		    const char handle[HIPIPC_HANDLE_BYTES], unsigned int flags);
int ipc_close_memory(const char *call, void *pointer);
int ipc_get_event(const char *call, char handle[HIPIPC_HANDLE_BYTES], void *event);
int ipc_open_event(const char *call, void **ret_event,
		   const char handle[HIPIPC_HANDLE_BYTES]);

#endif
