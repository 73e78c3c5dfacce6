/* SPDX-License-Identifier: MIT */
/*
 * life.h - shows another process when this one is killed
 *
 * A killed process has not ended, for waitpid(2) and pidfds, until all its threads have,
 * and its descriptors stay open until then, because the threads share one table. A client
 * can make one of them wait in a request to a FUSE server that has read it and never
 * replies. A pipe end in the table of a thread that nobody can make wait is closed at
 * once: the other end reports it.
 *
 * The same thread watches the other process. When that ends it ends the connection of the
 * mount and then this process, in this order: SIGKILL from the kernel would leave the
 * connection to the threads that wait.
 */
#ifndef DMABUFFS_LIFE_H
#define DMABUFFS_LIFE_H

struct life_fds {
	int end;     /* of a pipe */
	int keeper;  /* a socket whose other end the other process alone has; -1: none */
	int aborter; /* of aborter_open(); -1: none */
};

/*
 * Starts the thread, which keeps all of these, and closes @end and @aborter for all other
 * threads. 0 or -errno: they are as before. Once per process.
 */
int life_show(const struct life_fds *fds);

#endif
