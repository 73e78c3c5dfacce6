/* SPDX-License-Identifier: MIT */
/*
 * freed.h - what was freed is available again
 *
 * A thread of libaccel unmaps and closes what is freed, and exported memory stays charged
 * to the device while another process has it open. The service is such a process, until
 * it has closed its descriptor, just after the name was withdrawn. Nothing tells it from
 * an importer, so what was freed a moment ago is waited for, and what stays in use longer
 * is an importer's. Thread safe.
 */
#ifndef HIPSOFT_FREED_H
#define HIPSOFT_FREED_H

#include "runtime.h"

/* How long, since exported memory was freed, a call waits for it. */
#define FREED_INFO_MS 500  /* to report what is free */
#define FREED_FAIL_MS 2000 /* before it fails for lack of it */

/*
 * True: memory of @device that was freed is in use elsewhere; or another thread is
 * allocating or freeing some. False: there is none.
 */
bool freed_lingers(struct device *device);

/* Waits until this process has closed the descriptors of what it freed. */
void freed_settle(void);

/*
 * The last step of a free: waits until the memory and its descriptors are released. Where
 * importers held freed memory before (@lingered), it does not wait for the service.
 */
void freed_finish(struct device *device, bool exported, bool lingered);

/* Waits until no freed memory lingers, or the last was freed @ms ago. */
void freed_wait(struct device *device, unsigned ms);

/* After a failed call: waits for what it may lack. True: the caller should try again. */
struct freed_retry {
	unsigned n;   /* tries so far */
	bool lingers; /* freed memory did so before the last one */
};
bool freed_may_retry(struct freed_retry *retry, int r);

/* The result of @call, repeated where freed_may_retry() allows it. */
#define RETRY_SETTLED(call)                                                              \
	({                                                                               \
		struct freed_retry retry_ = {0};                                         \
		int r_;                                                                  \
		do {                                                                     \
			r_ = (call);                                                     \
		} while (freed_may_retry(&retry_, r_));                                  \
		r_;                                                                      \
	})

#endif
