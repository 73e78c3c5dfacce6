/* SPDX-License-Identifier: MIT */
/* instance.h - a running dmabuffsd and its mount */
#ifndef DMABUFFS_TEST_INSTANCE_H
#define DMABUFFS_TEST_INSTANCE_H

#include <stdbool.h>
#include <sys/types.h>

#define INSTANCE_PATH_SIZE 96

struct instance {
	char dir[INSTANCE_PATH_SIZE]; /* where it is mounted */
	char log[INSTANCE_PATH_SIZE]; /* its standard error */
	pid_t pid;                    /* the daemon; -1 once it has been reaped */
	int status;                   /* of waitpid(2), then */
	int n_fds;                    /* descriptors the daemon had open when ready */
};

/* Starts it in the foreground and returns when it is ready; a failure fails the case. */
void instance_start(struct instance *instance, const char *options);

/* The same, from a PID namespace below ours: it cannot name us. */
void instance_start_in_pid_namespace(struct instance *instance, const char *options);

/* For instances of ordinary users: /dev/fuse for everybody, as distributions have it. */
void open_fuse_to_all(void);

/* Waits until the daemon has closed all it opened since it was ready. */
void instance_settle(struct instance *instance);

/* Unmounts, and checks that the daemon ends by itself, with 0 and without a complaint. */
void instance_stop(struct instance *instance);

/* Waits, at most WAIT_MS, for the daemon's end; its exit status must be this. */
void instance_expect_exit(struct instance *instance, int expected);

/* Number of open descriptors of a process, in all tables of its threads; -errno. */
int count_process_fds(pid_t pid);

/* The same once it has stopped changing. */
int count_stable_fds(pid_t pid);

/* Notes them all. */
void print_fds(pid_t pid);

/* The path of the daemon's binary, from the environment variable DMABUFFSD. */
const char *daemon_path(void);

/*
 * Runs dmabuffsd with these arguments (argv[0] is filled in) until it returns, its
 * standard error into @output: the exit status.
 */
int daemon_run(const char **argv, char *output, size_t size);

/* True when something is mounted exactly there. */
bool is_mounted(const char *dir);

#endif
