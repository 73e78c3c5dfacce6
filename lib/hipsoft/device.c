/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "context.h"
#include "stream.h"

_public_ hipError_t hipSetDevice(int device)
{
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	if (!runtime_device(device))
		return runtime_return(hipErrorInvalidDevice);
	return runtime_result(context_reset(runtime_device(device)->primary));
}

_public_ hipError_t hipGetDevice(int *ret_device)
{
	int r = runtime_enter();

	if (r == 0 && !ret_device)
		r = -EINVAL;
	if (r == 0)
		*ret_device = context_current()->device->ordinal;
	return runtime_result(r);
}

/* ---- peers ------------------------------------------------------------------------- */

_public_ hipError_t hipDeviceCanAccessPeer(int *ret_can, int device, int peer)
{
	int r = runtime_enter();

	if (r == 0 && !ret_can)
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	if (!runtime_device(device) || !runtime_device(peer))
		return runtime_return(hipErrorInvalidDevice);
	*ret_can = device != peer;
	return runtime_result(0);
}

/* The device's lock is held. */
static bool reaches(const struct device *device, const struct device *peer)
{
	return device->peers & (1U << peer->ordinal);
}

static hipError_t enable(struct device *device, struct device *peer)
{
	hipError_t error = hipErrorPeerAccessAlreadyEnabled;

	pthread_mutex_lock(&device->lock);
	if (!reaches(device, peer))
		error = runtime_result(allocation_enable_peer(device, peer));
	pthread_mutex_unlock(&device->lock);
	return error;
}

static hipError_t disable(struct device *device, struct device *peer)
{
	hipError_t error = hipErrorPeerAccessNotEnabled;

	pthread_mutex_lock(&device->lock);
	if (reaches(device, peer)) {
		allocation_disable_peer(device, peer);
		error = hipSuccess;
	}
	pthread_mutex_unlock(&device->lock);
	return error;
}

_public_ hipError_t hipDeviceEnablePeerAccess(int peer, unsigned int flags)
{
	struct device *device;
	int r = runtime_enter();

	if (r == 0 && flags)
		r = -EINVAL;
	if (r < 0)
		return runtime_result(r);
	device = context_current()->device;
	if (!runtime_device(peer) || runtime_device(peer) == device)
		return runtime_return(hipErrorInvalidDevice);
	return runtime_return(enable(device, runtime_device(peer)));
}

_public_ hipError_t hipDeviceDisablePeerAccess(int peer)
{
	struct device *device;
	int r = runtime_enter();

	if (r < 0)
		return runtime_result(r);
	device = context_current()->device;
	if (!runtime_device(peer) || runtime_device(peer) == device)
		return runtime_return(hipErrorInvalidDevice);
	/* What was given to its streams before may count on it. */
	(void)stream_synchronize_device(device);
	return runtime_return(disable(device, runtime_device(peer)));
}
