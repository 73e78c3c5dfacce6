/* SPDX-License-Identifier: MIT */
/* clock.h - the monotonic clock: time since boot, which setting the date does not change
 */
#ifndef DMABUFFS_CLOCK_H
#define DMABUFFS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

static inline uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t now_ms(void)
{
	return now_ns() / NS_PER_MS;
}

static inline struct timespec timespec_of_ns(uint64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S),
	};
}

/* The absolute time @ms from now, as pthread_cond_clockwait(3) takes it. */
static inline struct timespec deadline_ms(uint64_t ms)
{
	return timespec_of_ns(now_ns() + ms * NS_PER_MS);
}

#endif
