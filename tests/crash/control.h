/* SPDX-License-Identifier: MIT */
/*
 * control.h - how a test tells the service at which of its crash points to die
 *
 * One page of a file, mapped by the test and by each process of the service, whose
 * environment names the file. A successor of a killed process finds what is left of the
 * order, so an armed point kills once.
 */
#ifndef DMABUFFS_TEST_CRASH_CONTROL_H
#define DMABUFFS_TEST_CRASH_CONTROL_H

#include <stdatomic.h>
#include <stdint.h>

/* The variable with the file's path. The service prints its points and exits if the
 * value is CRASH_CONTROL_LIST, one name a line. */
#define CRASH_CONTROL_VARIABLE "DMABUFFS_CRASH"
#define CRASH_CONTROL_LIST     "list"
/* The variable with the name of the switch that is on. */
#define CRASH_CONTROL_SWITCH "DMABUFFS_CRASH_SWITCH"

enum { CRASH_CONTROL_POINTS = 240 };

struct crash_control {
	/* The number of a point, from 1 in the order of the list, which kills when
	 * @remaining was counted down to 0; 0: none. */
	_Atomic uint32_t armed;
	_Atomic uint32_t remaining;
	/* So many times more, each time that it is reached. */
	_Atomic uint32_t repeat;
	/* The one that is armed when that one has killed, for the first time that it is
	 * reached; 0: none. */
	_Atomic uint32_t then;
	/* So many times it stops the process instead. */
	_Atomic uint32_t stops;
	/* Each point kills once in so many times, by chance; 0: never. */
	_Atomic uint32_t one_in;
	/* The process that died last at a point, and CLOCK_MONOTONIC then. */
	_Atomic int32_t pid;
	_Atomic uint64_t when_ns;
	struct {
		_Atomic uint32_t reached, killed;
	} points[CRASH_CONTROL_POINTS];
};

#endif
