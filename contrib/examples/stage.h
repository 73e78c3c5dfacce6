/* SPDX-License-Identifier: MIT */
/*
 * stage.h - processes of different users and namespaces, for the examples to play on
 *
 * Nothing here is specific to dmabuffs: a program that shares buffers needs none of it.
 */
#ifndef STAGE_H
#define STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Credentials of a process. */
struct user {
	uid_t uid;
	gid_t gid;
	gid_t other_group; /* 0: none */
};

/*
 * Runs @act in a new process with the credentials of @user. It exits with the result of
 * @act, and is killed if this process exits first. Does not return on failure.
 */
pid_t stage_start(const struct user *user, int (*act)(void *data), void *data);

/* Waits for it; true if it exited with status 0. */
bool stage_wait(pid_t pid);

/*
 * Moves the calling process, which must be root, into mount, PID, network and IPC
 * namespaces of its own, with an empty file system that has but one directory: @outside,
 * seen as @inside. Its children are in the new PID namespace. 0 or -errno.
 */
int stage_enclose(const char *outside, const char *inside);

/* The descriptor that a started program has besides its standard streams. */
#define STAGE_OUTPUT 3

/*
 * Runs the program @name in the directory of the calling one, with @input as standard
 * input and @output as STAGE_OUTPUT. It is killed if the calling process exits first.
 *
 * @contained: it runs as in a container, in user, PID, mount, network, IPC, UTS and
 * cgroup namespaces of its own, and sees only a /proc, the instance ($DMABUFFS_MOUNT) as
 * /dev/dma-buf-uuids, itself and the libraries that the calling program has loaded. Any
 * user may do that if the system allows user namespaces.
 *
 * -errno: no process was started. Later failures are printed, and the process exits.
 */
pid_t stage_spawn(const char *name, int input, int output, bool contained);

/* The current time, as the start of a step. */
struct timespec stage_now(void);

/* Prints the duration of a step, its actor and what it did. */
void stage_step(struct timespec since, const char *who, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints a failure; @error is a negative errno, or 0. Returns -1. */
int stage_fail(const char *who, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
