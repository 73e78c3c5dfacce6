/* SPDX-License-Identifier: MIT */
/*
 * stage.h - processes of different users and namespaces, for the examples to play on
 *
 * Nothing in here has to do with dmabuffs: a program that shares buffers needs none of
 * it.
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

/* Who a process is to be. */
struct user {
	uid_t uid;
	gid_t gid;
	gid_t other_group; /* 0: none */
};

/*
 * Runs @act in a new process with the rights of @user. It ends with what @act returns,
 * and is killed should this process end before. Does not return on failure.
 */
pid_t stage_start(const struct user *user, int (*act)(void *data), void *data);

/* Waits for it; true if it ended with 0. */
bool stage_wait(pid_t pid);

/*
 * Moves the calling process, which must be root, into mount, PID, network and IPC
 * namespaces of its own, with an empty file system that has but one directory: @outside,
 * seen as @inside. Its children are in the new PID namespace. 0 or -errno.
 */
int stage_enclose(const char *outside, const char *inside);

/* What a program that is started finds besides its standard streams. */
#define STAGE_OUTPUT 3

/*
 * Runs the program beside the calling one that is called @name, with @input as standard
 * input and @output as STAGE_OUTPUT. It is killed should the calling process end before.
 *
 * @contained: it runs as in a container, in user, PID, mount, network, IPC, UTS and
 * cgroup namespaces of its own, where all it sees is a /proc, the instance
 * ($DMABUFFS_MOUNT) as /dev/dma-buf-uuids, itself and the libraries that the calling
 * program has loaded. Any user may have that, if the system allows user namespaces.
 *
 * -errno: there is no process. What fails later is told, and ends it.
 */
pid_t stage_spawn(const char *name, int input, int output, bool contained);

/* Now, as the begin of a step. */
struct timespec stage_now(void);

/* Prints how long a step took, whose it was, and what it did. */
void stage_step(struct timespec since, const char *who, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Says what went wrong; @error is a negative errno, or 0. Always -1, to be passed on. */
int stage_fail(const char *who, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif

#endif
