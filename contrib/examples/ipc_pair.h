/* SPDX-License-Identifier: MIT */
/* ipc_pair.h - shared by ipc_parent.c and ipc_child.c */
#ifndef IPC_PAIR_H
#define IPC_PAIR_H

#include <hip/hip_runtime_api.h>
#include <hipipc.h> /* for hipipcLastReason() alone */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The message to a child: plain bytes, which any pipe can carry. */
struct message {
	hipIpcMemHandle_t memory;
	hipIpcEventHandle_t before; /* to wait for */
	hipIpcEventHandle_t after;  /* to record */
	size_t n;                   /* number of floats in the memory */
	int number;                 /* of the child, from 1, and the number it adds */
};

/*
 * An event that was never recorded counts as ready, so a process must not wait for an
 * event before the other one has recorded it. A process that has recorded its event
 * passes the turn on. The work need not be done by then: the event reports that.
 */
static inline bool pass_turn(int pipe)
{
	return write(pipe, "", 1) == 1;
}

static inline bool wait_for_turn(int pipe)
{
	char byte;

	return read(pipe, &byte, 1) == 1;
}

#define CHECK(call)                                                                      \
	do {                                                                             \
		hipError_t error_ = (call);                                              \
		if (error_ != hipSuccess) {                                              \
			fprintf(stderr, "%s:%d: %s: %s (%s)\n", __FILE__, __LINE__,      \
				#call, hipGetErrorString(error_), hipipcLastReason());   \
			exit(EXIT_FAILURE);                                              \
		}                                                                        \
	} while (0)

#endif
