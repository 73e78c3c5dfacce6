/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

/*
 * Held exclusively while this process has a lease, shared while a file is opened that had
 * one. Clients can have it held shared at any time: those that come later wait for a
 * lease, which takes no time. No thread holds it twice.
 */
static pthread_rwlock_t lease_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

int lease_keep_off(int (*open_it)(void *data), void *data)
{
	int fd = open_it(data);

	if (fd != -EAGAIN)
		return fd;
	pthread_rwlock_rdlock(&lease_lock);
	fd = open_it(data);
	pthread_rwlock_unlock(&lease_lock);
	return fd;
}

struct lease_open {
	int dir;
	const char *path;
	int flags;
};

static int lease_open_it(void *data)
{
	const struct lease_open *open = data;
	int fd = openat(open->dir, open->path, open->flags | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int lease_open(int dir, const char *path, int flags)
{
	struct lease_open open = {dir, path, flags};

	return lease_keep_off(lease_open_it, &open);
}

int lease_held(int fd)
{
	int r = 0;

	pthread_rwlock_wrlock(&lease_lock);
	/*
	 * An open(2) by another process in this moment makes the kernel send a signal.
	 * SIGURG is ignored by default, SIGIO is not.
	 */
	fcntl(fd, F_SETSIG, SIGURG);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		r = errno == EAGAIN ? 1 : -EOPNOTSUPP;
	else
		/* At once: an open(2) by an importer waits for it. */
		fcntl(fd, F_SETLEASE, F_UNLCK);
	pthread_rwlock_unlock(&lease_lock);
	return r;
}
