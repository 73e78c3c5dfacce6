/* SPDX-License-Identifier: MIT */
/*
 * locked.h - holds a mutex for a scope; asserts that a mutex or read-write lock is held
 *
 *	SCOPED_LOCK(&queue->lock);
 *
 * unlocks at the end of the block, after the value of a return was computed. What was
 * declared before it is cleaned up after the unlock.
 *
 * A function whose name ends in _locked needs a lock that its caller holds, and begins
 * with ASSERT_LOCKED(). The check is active with configure --enable-debug and in
 * sanitized builds. It finds a lock that no thread holds, not one that the wrong thread
 * holds.
 */
#ifndef DMABUFFS_LOCKED_H
#define DMABUFFS_LOCKED_H

#include <pthread.h>

#include "util.h"

static inline pthread_mutex_t *scoped_lock(pthread_mutex_t *mutex)
{
	pthread_mutex_lock(mutex);
	return mutex;
}

static inline void scoped_unlock(pthread_mutex_t **mutex)
{
	pthread_mutex_unlock(*mutex);
}

/* The variable needs a name of its own where two locks are held in one block. */
#define SCOPED_NAME_(line) scoped_##line##_
#define SCOPED_NAME(line)  SCOPED_NAME_(line)
/* Versions of clang-format differ about this macro. */
/* clang-format off */
#define SCOPED_LOCK(mutex)                                                               \
	__attribute__((unused)) _cleanup_(scoped_unlock) pthread_mutex_t *SCOPED_NAME(   \
		__LINE__) = scoped_lock(mutex)
/* clang-format on */

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
