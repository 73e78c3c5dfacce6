/* SPDX-License-Identifier: MIT */
/*
 * stepped.h - a child that is watched or killed between two of its instructions
 *
 * A process that is killed has executed some of its instructions and none of the others.
 * So what a kill can leave in shared memory is what another process sees between two of
 * them; and what it can leave in the kernel changes with a system call.
 */
#ifndef DMABUFFS_TESTS_STEPPED_H
#define DMABUFFS_TESTS_STEPPED_H

/*
 * Runs @act(@data) in a child, and @between(@data) in this process after each instruction
 * of the child. Returns how many there were; abort() if the child fails.
 */
unsigned long stepped_run(void (*act)(void *data), void (*between)(void *data),
			  void *data);

/*
 * Runs @act(@data) in a child and kills it at the begin or the end of a system call, the
 * @nth such place. 1: it was killed; 0: it finished before.
 */
int stepped_kill(void (*act)(void *data), void *data, unsigned nth);

#endif
