/* SPDX-License-Identifier: MIT */
/* ipc_pair.h - what ipc_parent.c and ipc_child.c have to agree on */
#ifndef IPC_PAIR_H
#define IPC_PAIR_H

#include <hip/hip_runtime_api.h>
#include <hipipc.h> /* for hipipcLastReason() alone */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What a child is told: nothing but bytes, that any pipe can carry. */
struct message {
	hipIpcMemHandle_t memory;
	hipIpcEventHandle_t before; /* to wait for */
	hipIpcEventHandle_t after;  /* to record */
	size_t n;                   /* of floats there */
	int number;                 /* of the child, from 1; what it adds, too */
};

/*
 * An event that was never recorded counts as ready, so nobody may wait for the event of
 * another process before that has recorded it. Whoever did passes the turn on. The work
 * itself need not be done by then: that is what the event tells.
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
