/* SPDX-License-Identifier: MIT */
/* thread.h - threads that leave the signals of the process to others */
#ifndef DMABUFFS_THREAD_H
#define DMABUFFS_THREAD_H

#include <pthread.h>
#include <stddef.h>

/*
 * @stack: bytes, 0 for the default. @ret_thread: to be joined; NULL: it is detached. 0 or
 * -errno.
 */
int thread_start(void *(*run)(void *arg), void *arg, size_t stack, pthread_t *ret_thread);

#endif
