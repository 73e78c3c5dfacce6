/* SPDX-License-Identifier: MIT */
#include "allocation.h"
#include "context.h"

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
static bool device_reaches(const struct device *device, const struct device *peer)
{
	return device->peers & (1U << peer->ordinal);
}

/* -EALREADY, or why it cannot be. */
static int device_enable(struct device *device, struct device *peer)
{
	int r = -EALREADY;

	pthread_mutex_lock(&device->lock);
	if (!device_reaches(device, peer))
		r = allocation_enable_peer(device, peer);
	pthread_mutex_unlock(&device->lock);
	return r;
}

/* False: it is not enabled. */
static bool device_disable(struct device *device, struct device *peer)
{
	bool was_enabled;

	pthread_mutex_lock(&device->lock);
	was_enabled = device_reaches(device, peer);
	if (was_enabled)
		allocation_disable_peer(device, peer);
	pthread_mutex_unlock(&device->lock);
	return was_enabled;
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
	r = device_enable(device, runtime_device(peer));
	return r == -EALREADY ? runtime_return(hipErrorPeerAccessAlreadyEnabled)
			      : runtime_result(r);
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
	/* What streams, of other devices too, were given before may count on it. */
	runtime_synchronize();
	if (!device_disable(device, runtime_device(peer)))
		return runtime_return(hipErrorPeerAccessNotEnabled);
	return runtime_result(0);
}
