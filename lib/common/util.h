/* SPDX-License-Identifier: MIT */
/* util.h - macros and helpers for all parts */
#ifndef DMABUFFS_UTIL_H
#define DMABUFFS_UTIL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)         ((a) < (b) ? (a) : (b))
#define MAX(a, b)         ((a) > (b) ? (a) : (b))

/* The struct around an embedded member. */
#define container_of(ptr, type, member)                                                  \
	((type *)(void *)&((char *)(ptr))[-(ptrdiff_t)offsetof(type, member)])

#define _must_check_   __attribute__((warn_unused_result))
#define _printf_(f, a) __attribute__((format(printf, f, a)))

/* Runs fn(&variable) when the variable's scope ends. */
#define _cleanup_(fn)   __attribute__((cleanup(fn)))
#define _cleanup_free_  _cleanup_(free_indirect)
#define _cleanup_close_ _cleanup_(close_indirect)

/* Hands a pointer or descriptor over: the variable no longer owns it. */
#define TAKE_PTR(ptr)                                                                    \
	({                                                                               \
		__typeof__(ptr) taken_ = (ptr);                                          \
		(ptr) = NULL;                                                            \
		taken_;                                                                  \
	})
#define TAKE_FD(fd)                                                                      \
	({                                                                               \
		int taken_ = (fd);                                                       \
		(fd) = -1;                                                               \
		taken_;                                                                  \
	})

static inline void free_indirect(void *pointer)
{
	free(*(void **)pointer);
}

/* Closes and keeps errno; -1 is allowed. Only for descriptors that cannot block. */
static inline void close_keep_errno(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}

static inline void close_indirect(int *fd)
{
	close_keep_errno(*fd);
}

#endif
