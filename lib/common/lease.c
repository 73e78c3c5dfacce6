/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

/* Held exclusively while a lease of ours lasts. */
static pthread_rwlock_t lease_lock = PTHREAD_RWLOCK_INITIALIZER;

int lease_open(int dir, const char *path, int flags)
{
	int fd;

	pthread_rwlock_rdlock(&lease_lock);
	fd = openat(dir, path, flags | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	pthread_rwlock_unlock(&lease_lock);
	return fd;
}

int lease_held(int fd)
{
	int r = 0;

	pthread_rwlock_wrlock(&lease_lock);
	/* Whoever opens it in this moment makes the kernel tell us: with a signal that,
	 * other than SIGIO, is ignored. */
	fcntl(fd, F_SETSIG, SIGURG);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		r = errno == EAGAIN ? 1 : -EOPNOTSUPP;
	else
		fcntl(fd, F_SETLEASE,
		      F_UNLCK); /* at once: an importer's open waits for it */
	pthread_rwlock_unlock(&lease_lock);
	return r;
}
