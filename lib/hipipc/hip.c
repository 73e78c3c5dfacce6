/* SPDX-License-Identifier: MIT */
/* hip.c - the public calls with their HIP names */
#include <hipipc.h>

#include "ipc.h"
#include "reason.h"

_public_ hipError_t hipIpcGetMemHandle(hipIpcMemHandle_t *handle, void *pointer)
{
	return (hipError_t)ipc_get_memory(__func__, handle ? handle->reserved : NULL,
					  pointer);
}

_public_ hipError_t hipIpcOpenMemHandle(void **ret_pointer, hipIpcMemHandle_t handle,
					unsigned int flags)
{
	return (hipError_t)ipc_open_memory(__func__, ret_pointer, handle.reserved, flags);
}

_public_ hipError_t hipIpcCloseMemHandle(void *pointer)
{
	return (hipError_t)ipc_close_memory(__func__, pointer);
}

_public_ hipError_t hipIpcGetEventHandle(hipIpcEventHandle_t *handle, hipEvent_t event)
{
	return (hipError_t)ipc_get_event(__func__, handle ? handle->reserved : NULL,
					 event);
}

_public_ hipError_t hipIpcOpenEventHandle(hipEvent_t *ret_event,
					  hipIpcEventHandle_t handle)
{
	return (hipError_t)ipc_open_event(__func__, (void **)ret_event, handle.reserved);
}

_public_ const char *hipipcLastReason(void)
{
	return reason_last();
}
