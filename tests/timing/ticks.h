/* SPDX-License-Identifier: MIT */
/* ticks.h - the finest clock: no instruction moves across its two ends */
#ifndef DMABUFFS_TIMING_TICKS_H
#define DMABUFFS_TIMING_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)

#include <x86intrin.h>

static inline uint64_t ticks_begin(void)
{
	uint64_t ticks;

	_mm_lfence();
	ticks = __rdtsc();
	_mm_lfence();
	return ticks;
}

static inline uint64_t ticks_end(void)
{
	unsigned cpu;
	uint64_t ticks = __rdtscp(&cpu);

	_mm_lfence();
	return ticks;
}

#else

#include "clock.h"

static inline uint64_t ticks_begin(void)
{
	return now_ns();
}

static inline uint64_t ticks_end(void)
{
	return now_ns();
}

#endif

#endif
