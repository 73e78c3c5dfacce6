/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - the devices of this process, and how every call begins and ends
 *
 * Order of locks: that of the first call (runtime.c), then a device's @lock, never those
 * of two, then the table of allocations (table.c), then a stream's, then those of events.
 * context.c has one that is held by itself. None is held while a stream is waited for.
 */
#ifndef HIPSOFT_RUNTIME_H
#define HIPSOFT_RUNTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <accel.h>
#include <hipsoft.h>
#include <util.h>

#define HIPSOFT_MAX_DEVICES 8

/* Listed in libhipsoft.map; everything else is hidden. */
#define _public_ __attribute__((visibility("default")))

struct stream;

/**
 * struct device - one software device, there until the process ends
 * @ordinal: its number
 * @accel: of the registry
 * @context: the one context of it in this process
 * @asid: in which device memory is mapped, at the address that is its pointer
 * @primary: the context that is there from the start
 * @lock: protects what follows
 * @streams: all streams of all its contexts (stream.c)
 * @peers: bit i: it reaches memory of device i; changed by allocation_enable_peer() and
 *	   _disable_peer(), under the table's lock too
 */
struct device {
	int ordinal;
	struct accel_device *accel;
	struct accel_context *context;
	uint32_t asid;
	struct ihipCtx_t *primary;
	pthread_mutex_t lock;
	struct stream *streams;
	uint32_t peers;
};

/*
 * Begins a call: makes the devices at the first one. 0; -ECHILD: a child of fork(2) whose
 * parent had them; or why they could not be made. No lock may be taken before it.
 */
int runtime_enter(void);

/* After runtime_enter(): how many there are, and the n-th, NULL: there is none. */
int runtime_n_devices(void);
struct device *runtime_device(int ordinal);

/*
 * Before memory goes away, or a way to it: waits for all streams of all devices, since
 * each may have it copied by the device that reaches it. That some have failed does not
 * matter, they rest.
 */
void runtime_synchronize(void);

/*
 * After -EMFILE or -ENFILE: descriptors of what was freed before may be open still. Waits
 * for that, a moment at most; true: try again.
 */
bool runtime_settled(int r);

/* The result of @call, repeated once where runtime_settled() allows it. */
#define RETRY_SETTLED(call)                                                              \
	({                                                                               \
		int r_ = (call);                                                         \
		runtime_settled(r_) ? (call) : r_;                                       \
	})

/*
 * Ends a call: notes the error for hipGetLastError(), and returns it. As a negative
 * errno: -EINVAL -ENOENT hipErrorInvalidValue, -ENOMEM -ENOSPC -EDQUOT -EMFILE -ENFILE
 * OutOfMemory, -ECHILD NotInitialized, -EBADF InvalidHandle, -EFAULT IllegalAddress,
 * -EAGAIN NotReady, -EOWNERDEAD ContextIsDestroyed, -ENODEV NoDevice (also: the
 * environment asks for devices that there cannot be), -EIO LaunchFailure, else Unknown.
 */
hipError_t runtime_result(int r);
hipError_t runtime_return(hipError_t error);

#endif
