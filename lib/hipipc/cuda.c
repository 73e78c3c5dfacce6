/* SPDX-License-Identifier: MIT */
/* cuda.c - the public calls with their CUDA names */
#include <hipipc.h>

#include "ipc.h"

_public_ cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *pointer)
{
	return (cudaError_t)ipc_get_memory(__func__, handle ? handle->reserved : NULL,
					   pointer);
}

_public_ cudaError_t cudaIpcOpenMemHandle(void **ret_pointer, cudaIpcMemHandle_t handle,
					  unsigned int flags)
{
	return (cudaError_t)ipc_open_memory(__func__, ret_pointer, handle.reserved,
					    flags);
}

_public_ cudaError_t cudaIpcCloseMemHandle(void *pointer)
{
	return (cudaError_t)ipc_close_memory(__func__, pointer);
}

_public_ cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t *handle,
					   cudaEvent_t event)
{
	return (cudaError_t)ipc_get_event(__func__, handle ? handle->reserved : NULL,
					  event);
}

_public_ cudaError_t cudaIpcOpenEventHandle(cudaEvent_t *ret_event,
					    cudaIpcEventHandle_t handle)
{
	return (cudaError_t)ipc_open_event(__func__, (void **)ret_event, handle.reserved);
}
