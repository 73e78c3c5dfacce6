/* SPDX-License-Identifier: MIT */
/*
 * life.h - shows another process when this one is killed
 *
 * A killed process has not ended, for waitpid(2) and pidfds, until all its threads have,
 * and its descriptors stay open until then, because the threads share one table. A client
 * can make one of them wait in a request to a FUSE server that has read it and never
 * replies. A pipe end in the table of a thread that nobody can make wait is closed at
 * once: the other end reports it.
 */
#ifndef DMABUFFS_LIFE_H
#define DMABUFFS_LIFE_H

/*
 * Starts the thread, which keeps @end, and closes it for all other threads. 0 or -errno:
 * @end is as before. Once per process.
 */
int life_show(int end);

#endif
