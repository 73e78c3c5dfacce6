/* SPDX-License-Identifier: MIT */
/* instance.h - a running dmabuffsd and its mount */
#ifndef DMABUFFS_TEST_INSTANCE_H
#define DMABUFFS_TEST_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INSTANCE_PATH_SIZE 96

struct instance {
	char dir[INSTANCE_PATH_SIZE]; /* mount point */
	char log[INSTANCE_PATH_SIZE]; /* file with its standard error */
	pid_t pid;                    /* of what was started; -1 after it was reaped */
	pid_t service;                /* its child, which serves */
	int status;                   /* from waitpid(2), once reaped */
	int n_fds;                    /* open descriptors when it became ready */
};

/* Starts it in the foreground and returns when it is ready; fails the case otherwise. */
void instance_start(struct instance *instance, const char *options);

/*
 * The same, but false if it says that it cannot serve: it ends then. The process that
 * serves is not looked for.
 */
bool instance_try(struct instance *instance, const char *options);

/* As instance_start(), but returns as soon as there is a process that will serve. */
void instance_launch(struct instance *instance, const char *options);

/* Starts another daemon at the directory of one that has ended. */
void instance_start_again(struct instance *instance, const char *options);

/* As instance_start(), in a nested PID namespace, from which this process has no PID. */
void instance_start_in_pid_namespace(struct instance *instance, const char *options);

#define HELPERS_MAX 64

/*
 * The processes of the service's helper: first the one that starts the others. Fails the
 * case if there is none.
 */
size_t instance_helpers(const struct instance *instance, pid_t pids[HELPERS_MAX]);

/* Makes /dev/fuse accessible to all users, as distributions do. */
void open_fuse_to_all(void);

/* Waits until the daemon has closed every descriptor opened since it was ready. */
void instance_settle(struct instance *instance);

/* Unmounts; the daemon must exit with status 0 and no sanitizer report. */
void instance_stop(struct instance *instance);

/* Waits at most WAIT_MS for the daemon to exit with this status. */
void instance_expect_exit(struct instance *instance, int expected);

/* Its standard error has this text in a line. */
bool instance_logged(const struct instance *instance, const char *text);

/* Number of open descriptors in all descriptor tables of a process, or -errno. */
int count_process_fds(pid_t pid);

/* The same, once the number is stable. */
int count_stable_fds(pid_t pid);

/* Lists them with test_note(). */
void print_fds(pid_t pid);

/* The daemon's binary, from the environment variable DMABUFFSD. */
const char *daemon_path(void);

/*
 * Runs dmabuffsd with these arguments (argv[0] is set here) and waits for it. Copies its
 * standard error to @output and returns the exit status.
 */
int daemon_run(const char **argv, char *output, size_t size);

/* True if @dir is a mount point. */
bool is_mounted(const char *dir);

#endif
