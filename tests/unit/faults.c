/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static _Thread_local struct {
	unsigned countdown; /* 0: not armed */
	const char *failed;
} state;

static _Atomic long live;
static _Atomic bool no_threads;
static _Atomic int read_error;

void faults_arm(unsigned nth)
{
	state.failed = NULL;
	state.countdown = nth;
}

const char *faults_disarm(void)
{
	state.countdown = 0;
	return state.failed;
}

void faults_refuse_threads(bool refuse)
{
	no_threads = refuse;
}

void faults_fail_reads(int error)
{
	read_error = error;
}

long faults_live_allocations(void)
{
	return live;
}

static bool fails(const char *name, int error)
{
	if (!state.countdown || --state.countdown)
		return false;
	state.failed = name;
	errno = error;
	return true;
}

/*
 * Declares the function that the linker calls instead of @name, and the real @name. Weak,
 * since not every program wraps every function.
 */
#define WRAP(type, name, ...)                                                            \
	type __real_##name(__VA_ARGS__) __attribute__((weak));                           \
	type __wrap_##name(__VA_ARGS__);                                                 \
	type __wrap_##name(__VA_ARGS__)

static void *count(void *allocated)
{
	if (allocated)
		live++;
	return allocated;
}

/* ---- memory ------------------------------------------------------------------------ */

WRAP(void *, malloc, size_t size)
{
	return fails("malloc", ENOMEM) ? NULL : count(__real_malloc(size));
}

WRAP(void *, calloc, size_t n, size_t size)
{
	return fails("calloc", ENOMEM) ? NULL : count(__real_calloc(n, size));
}

WRAP(void *, realloc, void *old, size_t size)
{
	void *new = fails("realloc", ENOMEM) ? NULL : __real_realloc(old, size);

	return old ? new : count(new);
}

WRAP(void *, reallocarray, void *old, size_t n, size_t size)
{
	void *new =
		fails("reallocarray", ENOMEM) ? NULL : __real_reallocarray(old, n, size);

	return old ? new : count(new);
}

WRAP(void *, aligned_alloc, size_t alignment, size_t size)
{
	return fails("aligned_alloc", ENOMEM)
		       ? NULL
		       : count(__real_aligned_alloc(alignment, size));
}

WRAP(char *, strdup, const char *text)
{
	return fails("strdup", ENOMEM) ? NULL : count(__real_strdup(text));
}

WRAP(int, vasprintf, char **text, const char *format, va_list args)
{
	int n = fails("vasprintf", ENOMEM) ? -1 : __real_vasprintf(text, format, args);

	if (n >= 0)
		live++;
	return n;
}

int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = __wrap_vasprintf(text, format, args);
	va_end(args);
	return n;
}

WRAP(char *, realpath, const char *path, char *resolved)
{
	char *real = fails("realpath", ENOMEM) ? NULL : __real_realpath(path, resolved);

	return resolved ? real : count(real);
}

WRAP(void, free, void *pointer)
{
	if (pointer)
		live--;
	__real_free(pointer);
}

WRAP(void *, mmap64, void *address, size_t size, int protection, int flags, int fd,
     off64_t offset)
{
	return fails("mmap", ENOMEM)
		       ? MAP_FAILED
		       : __real_mmap64(address, size, protection, flags, fd, offset);
}

WRAP(int, memfd_create, const char *name, unsigned flags)
{
	return fails("memfd_create", EMFILE) ? -1 : __real_memfd_create(name, flags);
}

/* ---- system calls ------------------------------------------------------------------ */

/* All callers pass at most one more argument, which fits in a pointer. */
int __real_open64(const char *path, int flags, ...) __attribute__((weak));
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return fails("open", EMFILE) ? -1 : __real_open64(path, flags, mode);
}

int __real_openat64(int dir, const char *path, int flags, ...) __attribute__((weak));
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return fails("openat", EMFILE) ? -1 : __real_openat64(dir, path, flags, mode);
}

int __real_fcntl64(int fd, int command, ...) __attribute__((weak));
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	return fails("fcntl", EIO) ? -1 : __real_fcntl64(fd, command, argument);
}

WRAP(int, statx, int fd, const char *path, int flags, unsigned mask, struct statx *stx)
{
	return fails("statx", EIO) ? -1 : __real_statx(fd, path, flags, mask, stx);
}

WRAP(int, fstat64, int fd, struct stat64 *st)
{
	return fails("fstat", EIO) ? -1 : __real_fstat64(fd, st);
}

WRAP(int, fchmod, int fd, mode_t mode)
{
	return fails("fchmod", EIO) ? -1 : __real_fchmod(fd, mode);
}

WRAP(int, ftruncate64, int fd, off64_t size)
{
	return fails("ftruncate", EIO) ? -1 : __real_ftruncate64(fd, size);
}

WRAP(ssize_t, read, int fd, void *bytes, size_t size)
{
	ssize_t n = fails("read", EIO) ? -1 : __real_read(fd, bytes, size);

	if (n < 0 || read_error == 0)
		return n;
	errno = read_error;
	return -1;
}

WRAP(ssize_t, readlinkat, int dir, const char *path, char *link, size_t size)
{
	return fails("readlinkat", EIO) ? -1 : __real_readlinkat(dir, path, link, size);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr,
     void *(*run)(void *), void *arg)
{
	return fails("pthread_create", EAGAIN) || no_threads
		       ? EAGAIN
		       : __real_pthread_create(thread, attr, run, arg);
}
