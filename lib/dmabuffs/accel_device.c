/* SPDX-License-Identifier: MIT */
/* accel_device.c - the devices of an instance, their contexts, and commands to them */
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include <clock.h>
#include <sized.h>
#include <util.h>

#include <dmabuffs-accel.h>

#include "instance.h"

/* How long, and how often, to retry an exclusive device that is being scrubbed. */
#define SCRUB_LIMIT_MS 1000
#define SCRUB_STEP_MS  5

/* Devices are files in one directory; a name must not lead anywhere else. */
static bool accel_device_is_device_name(const char *name)
{
	size_t length = strnlen(name, ACCEL_NAME_SIZE);

	return length > 0 && length < ACCEL_NAME_SIZE && name[0] != '.' &&
	       !strchr(name, '/');
}

static int accel_device_query_fd(int directory, uint32_t flags, const char *name,
				 struct accel_device_info *ret_info)
{
	struct accel_device_info info = {.flags = flags};
	int r;

	memcpy(info.name, name, strlen(name));
	r = dmabuffs_accel_call(directory, DMABUFFS_ACCEL_IOC_DEVICE_INFO, &info);
	if (r < 0)
		return r;
	/* Callers print and walk these; the service is not trusted to terminate them. */
	info.name[sizeof(info.name) - 1] = '\0';
	info.backend[sizeof(info.backend) - 1] = '\0';
	info.n_reserved = MIN(info.n_reserved, (uint32_t)ACCEL_MAX_RANGES);

	*ret_info = info;
	return 0;
}

_public_ int dmabuffs_accel_query(struct dmabuffs *instance, const char *device,
				  struct accel_device_info *ret_info, size_t size)
{
	_cleanup_directory_ DIR *directory = NULL;
	struct accel_device_info info;
	int r;

	if (size < sizeof(info.size))
		return -EINVAL;
	if (!accel_device_is_device_name(device))
		return -ENOENT;
	r = instance_open_directory(instance, DMABUFFS_ACCEL_DIR, &directory);
	if (r >= 0)
		r = accel_device_query_fd(dirfd(directory), 0, device, &info);
	if (r < 0)
		return r;

	sized_give(&info, sizeof(info), ret_info, size);
	return 0;
}

typedef int visit_device_fn(const char *device, void *data);

/* A service without DMABUFFS_ACCEL_NEXT shows the devices in the directory only. */
static int accel_device_read_directory(DIR *directory, visit_device_fn *visit, void *data)
{
	int r = 0;

	while (r >= 0) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(directory);
		if (!entry)
			return -errno;
		if (accel_device_is_device_name(entry->d_name))
			r = visit(entry->d_name, data);
	}
	return r;
}

static int accel_device_visit_each(int directory, visit_device_fn *visit, void *data)
{
	struct accel_device_info info;
	char name[ACCEL_NAME_SIZE] = "";
	int r = 0;

	while (r >= 0) {
		r = accel_device_query_fd(directory, DMABUFFS_ACCEL_NEXT, name, &info);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		/* Callers print and open it; the service is not trusted. */
		if (!accel_device_is_device_name(info.name))
			return -EPROTO;
		memcpy(name, info.name, sizeof(name));
		r = visit(name, data);
	}
	return r;
}

_public_ int dmabuffs_accel_list(struct dmabuffs *instance, visit_device_fn *visit,
				 void *data)
{
	_cleanup_directory_ DIR *directory = NULL;
	struct accel_device_info first;
	int r = instance_open_directory(instance, DMABUFFS_ACCEL_DIR, &directory);

	if (r < 0)
		return r;
	r = accel_device_query_fd(dirfd(directory), DMABUFFS_ACCEL_NEXT, "", &first);
	return r == -EOPNOTSUPP ? accel_device_read_directory(directory, visit, data)
				: accel_device_visit_each(dirfd(directory), visit, data);
}

static int accel_device_open(struct dmabuffs *instance, const char *device)
{
	char path[sizeof(DMABUFFS_ACCEL_DIR "/") + ACCEL_NAME_SIZE] =
		DMABUFFS_ACCEL_DIR "/";

	strcat(path, device);
	return (int)SYSCALL(
		openat(instance->root_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
}

_public_ int dmabuffs_accel_open(struct dmabuffs *instance, const char *device,
				 int *ret_context)
{
	const struct timespec step = timespec_of_ns(SCRUB_STEP_MS * NS_PER_MS);
	int fd;

	if (!accel_device_is_device_name(device))
		return -ENOENT;
	fd = accel_device_open(instance, device);
	for (int ms = 0; fd == -EAGAIN && ms < SCRUB_LIMIT_MS; ms += SCRUB_STEP_MS) {
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &step, NULL);
		fd = accel_device_open(instance, device);
	}
	if (fd < 0)
		return fd;
	/* Later, with the context alone, it would not be possible. */
	if (instance->has_idmap)
		(void)instance_identify(instance, fd);

	*ret_context = fd;
	return 0;
}

static bool accel_device_is_submit(unsigned long request)
{
	return _IOC_TYPE(request) == _IOC_TYPE(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT) &&
	       _IOC_NR(request) == _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT);
}

/* Only the commands that are there travel, not the unused rest of the array. */
static uint32_t accel_device_submit_size(const struct accel_queue_submit *arg)
{
	return (uint32_t)(offsetof(struct accel_queue_submit, commands) +
			  MIN(arg->count, (uint32_t)ACCEL_SUBMIT_MAX) *
				  sizeof(arg->commands[0]));
}

_public_ int dmabuffs_accel_call(int context, unsigned long request, void *arg)
{
	uint32_t size = _IOC_SIZE(request);

	if (_IOC_TYPE(request) != DMABUFFS_IOC_TYPE || size < sizeof(size))
		return -ENOTTY;
	if (accel_device_is_submit(request)) {
		size = accel_device_submit_size(arg);
		/* The kernel copies as much as the request number says. */
		request = _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request),
			       size);
	}
	memcpy(arg, &size, sizeof(size));
	return (int)SYSCALL(ioctl(context, request, arg));
}
