/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - the devices of this process, and the start and result of every call
 *
 * Lock order: runtime_start_lock (runtime.c), a device's @lock (never two of them), the
 * table of allocations (table.c), a stream's lock, the locks of events. context_lock
 * (context.c) is not nested. No lock is held while waiting for a stream.
 */
#ifndef HIPSOFT_RUNTIME_H
#define HIPSOFT_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <accel.h>
#include <hipsoft.h>
#include <list.h>
#include <locked.h>
#include <util.h>

#define HIPSOFT_MAX_DEVICES 8

/* Listed in libhipsoft.map; everything else is hidden. */
#define _public_ __attribute__((visibility("default")))

struct stream;

/**
 * struct device - a software device; exists until the process exits
 * @ordinal: its number
 * @accel: the device in the registry
 * @context: its only accel context in this process
 * @asid: address space in which a buffer is mapped at the address that is its pointer
 * @primary: the context that exists from the start
 * @live: bytes of allocations that were not freed; freed.h. Raised after the memory is
 *	  charged and lowered before it is uncharged: never more than that
 * @lock: protects what follows
 * @streams: all streams of all its contexts (stream.c)
 * @peers: bit i: it reaches memory of device i. Written under the table's lock, too
 */
struct device {
	int ordinal;
	struct accel_device *accel;
	struct accel_context *context;
	uint32_t asid;
	struct ihipCtx_t *primary;
	_Atomic uint64_t live;
	pthread_mutex_t lock;
	struct list streams;
	uint32_t peers;
};

/*
 * First step of every public call; the first one in the process creates the devices. 0;
 * -ECHILD: in a child of fork(2) whose parent had used the runtime; or why the devices
 * could not be created. The caller holds no lock.
 */
int runtime_enter(void);

/* After runtime_enter(): the number of devices, and one of them or NULL. */
int runtime_n_devices(void);
struct device *runtime_device(int ordinal);

/*
 * Waits for all streams of all devices, any of which may use the memory or mapping that
 * the caller is about to remove. Failed streams do not matter: they are idle.
 */
void runtime_synchronize(void);

/* Waits, @ms at most, until the memory and descriptors of freed objects are released. */
void runtime_settle(unsigned ms);

/*
 * Last step of every public call: stores the error for hipGetLastError() and returns it.
 * runtime_result() converts a negative errno: -EINVAL and -ENOENT to
 * hipErrorInvalidValue; -ENOMEM, -ENOSPC, -EDQUOT, -EMFILE and -ENFILE to OutOfMemory;
 * -ECHILD to NotInitialized; -EBADF to InvalidHandle; -EFAULT to IllegalAddress; -EAGAIN
 * to NotReady; -EOWNERDEAD to ContextIsDestroyed; -ENODEV (an invalid value in the
 * environment, too) to NoDevice; -EIO to LaunchFailure; others to Unknown.
 */
hipError_t runtime_result(int r);
hipError_t runtime_return(hipError_t error);

#endif
