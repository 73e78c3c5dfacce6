/* SPDX-License-Identifier: MIT */
/* device.c - the current device, and peers */
#include "context.h"
#include "freed.h"
#include "peer.h"

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

/* -EALREADY: it was enabled before. */
static int device_enable(struct device *device, struct device *peer)
{
	int r = -EALREADY;

	pthread_mutex_lock(&device->lock);
	if (!peer_is_enabled_locked(device, peer))
		r = peer_enable_locked(device, peer);
	pthread_mutex_unlock(&device->lock);
	return r;
}

/* False: it was not enabled. */
static bool device_disable(struct device *device, struct device *peer)
{
	bool was_enabled;

	pthread_mutex_lock(&device->lock);
	was_enabled = peer_is_enabled_locked(device, peer);
	if (was_enabled)
		peer_disable_locked(device, peer);
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
	/* Pending tasks, of other devices' streams too, may rely on it. */
	runtime_synchronize();
	if (!device_disable(device, runtime_device(peer)))
		return runtime_return(hipErrorPeerAccessNotEnabled);
	freed_settle();
	return runtime_result(0);
}
