/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dmabuffs-accel.h>

#include "fake-device.h"

int (*fake_device_command)(int fd, unsigned long request, void *arg);
_Atomic unsigned int fake_device_scrubs, fake_device_opens;

int __real_ioctl(int fd, unsigned long request, ...);
/* Visible, since the sanitizers' libraries look up wrapped functions. */
__attribute__((visibility("default"))) int __wrap_ioctl(int fd, unsigned long request,
							...);
int __real_openat64(int directory, const char *path, int flags, ...);
__attribute__((visibility("default"))) int
__wrap_openat64(int directory, const char *path, int flags, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int r;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!fake_device_command)
		return __real_ioctl(fd, request, arg);
	r = fake_device_command(fd, request, arg);
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

int __wrap_openat64(int directory, const char *path, int flags, ...)
{
	static const char prefix[] = DMABUFFS_ACCEL_DIR "/";

	cr_assert(!(flags & O_CREAT));
	if (strncmp(path, prefix, strlen(prefix)) == 0) {
		fake_device_opens++;
		if (fake_device_scrubs > 0) {
			fake_device_scrubs--;
			errno = EAGAIN;
			return -1;
		}
	}
	return __real_openat64(directory, path, flags);
}

static void get_path(const struct fake_broker *broker, const char *name, char path[400])
{
	snprintf(path, 400, "%s/" DMABUFFS_ACCEL_DIR "/%s", broker->path, name);
}

void fake_device_add(const struct fake_broker *broker, const char *name)
{
	char path[400];
	int fd;

	get_path(broker, "", path);
	cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	get_path(broker, name, path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cr_assert(fd >= 0);
	close(fd);
}

void fake_device_remove(const struct fake_broker *broker, const char *name)
{
	char path[400];

	get_path(broker, name, path);
	unlink(path);
	get_path(broker, "", path);
	rmdir(path); /* with the last one */
}
