/* SPDX-License-Identifier: MIT */
#include "make-memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int try_memfd(uint64_t bytes, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) == 0 &&
	    (!seals || fcntl(fd, F_ADD_SEALS, seals) == 0))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

int new_sealed_memfd(uint64_t bytes, int seals)
{
	int fd = try_memfd(bytes, seals);

	if (fd < 0) {
		errno = -fd;
		perror("cannot make a memfd");
		abort();
	}
	return fd;
}

int new_memfd(uint64_t bytes)
{
	return new_sealed_memfd(bytes, 0);
}

int reopen(int fd, int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}
