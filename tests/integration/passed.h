/* SPDX-License-Identifier: MIT */
/* passed.h - descriptors as a holder passes them to a service, and other ones */
#ifndef DMABUFFS_TEST_PASSED_H
#define DMABUFFS_TEST_PASSED_H

#include <stddef.h>

#include "instance.h"

#define PASSED_MAX      80
#define PASSED_NAME_MAX 40

struct passed {
	int fds[PASSED_MAX];
	char names[PASSED_MAX][PASSED_NAME_MAX];
	int n;
	/* Values of LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID; NULL: the right ones. */
	const char *number, *list, *pid;
};

/* Copies what the holder would pass to a successor; asserts. */
void passed_copy(const struct instance *instance, struct passed *ret_passed);
void passed_close(struct passed *passed);

/* @fd is taken over. */
void passed_add(struct passed *passed, int fd, const char *name);

/* Where the descriptor of this name is; asserts. */
int *passed_find(struct passed *passed, const char *name);

/* Closes it. */
void passed_remove(struct passed *passed, const char *name);

/* Another one takes its place, and is taken over. */
void passed_replace(struct passed *passed, const char *name, int fd);

/* Executes a service with these descriptors, see passed_run(). Does not return. */
_Noreturn void passed_exec(const struct instance *instance, const struct passed *passed,
			   const char *options);

/*
 * Starts a service with these descriptors at the place of the instance, as systemd would,
 * and waits for its end. Returns the exit status; @output is what it has logged.
 */
int passed_run(const struct instance *instance, const struct passed *passed,
	       const char *options, char *output, size_t size);

/*
 * The same, which must end with status 1 and this text in the log, while the service of
 * the instance goes on; asserts.
 */
void passed_refuse(const struct instance *instance, const struct passed *passed,
		   const char *options, const char *reason);

/* The same with another status. */
void passed_refuse_with(const struct instance *instance, const struct passed *passed,
			const char *options, int expected, const char *reason);

#endif
