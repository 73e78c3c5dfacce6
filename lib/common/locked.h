/* SPDX-License-Identifier: MIT */
/*
 * locked.h - asserts that a mutex, or a read-write lock, is held
 *
 * A function whose name ends in _locked needs a lock that its caller holds, and begins
 * with ASSERT_LOCKED(). The check is active with configure --enable-debug and in
 * sanitized builds. It finds a lock that no thread holds, not one that the wrong thread
 * holds.
 */
#ifndef DMABUFFS_LOCKED_H
#define DMABUFFS_LOCKED_H

#include <pthread.h>

#ifdef DMABUFFS_DEBUG
#include <stdio.h>
#include <stdlib.h>

static inline void assert_locked(pthread_mutex_t *mutex, const char *function)
{
	if (pthread_mutex_trylock(mutex) != 0)
		return;
	(void)fprintf(stderr, "%s: called without its lock\n", function);
	abort();
}

/* Shared or exclusive. */
static inline void assert_rwlocked(pthread_rwlock_t *lock, const char *function)
{
	if (pthread_rwlock_trywrlock(lock) != 0)
		return;
	(void)fprintf(stderr, "%s: called without its lock\n", function);
	abort();
}

#define ASSERT_LOCKED(mutex)  assert_locked(mutex, __func__)
#define ASSERT_RWLOCKED(lock) assert_rwlocked(lock, __func__)
#else
#define ASSERT_LOCKED(mutex)  ((void)(mutex))
#define ASSERT_RWLOCKED(lock) ((void)(lock))
#endif

#endif
