/* SPDX-License-Identifier: MIT */
#include "fake-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "queue.h"

struct accel_properties fake_properties = {
	.operations = (1U << ACCEL_OP_COUNT) - 1,
	.page_size = 4096,
	.aperture = {.first = 0, .last = UINT64_MAX},
};

static int device_start(const struct accel_device_params *params,
			struct accel_properties *ret_properties, void **ret_device)
{
	*ret_properties = fake_properties;
	*ret_device = NULL;
	return 0;
}

static void device_stop(void *device)
{
}

static int memory_alloc(void *device, uint64_t bytes, uint32_t flags)
{
	int seals = F_SEAL_GROW | F_SEAL_SEAL;
	int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (flags & ACCEL_BUFFER_PINNED)
		seals |= F_SEAL_SHRINK;
	if (fd >= 0 &&
	    (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd < 0 ? -errno : fd;
}

static int memory_scrub(void *device, int fd, uint64_t bytes)
{
	return 0;
}

/* The queue stands for its engine. */
static int queue_start(void *device, struct accel_queue *queue, void **ret_engine)
{
	*ret_engine = queue;
	return 0;
}

static void queue_kick(void *engine)
{
}

static void queue_stop(void *engine)
{
	accel_queue_stopped(engine);
}

const struct accel_backend fake_backend = {
	.version = ACCEL_BACKEND_VERSION,
	.name = "fake",
	.device_start = device_start,
	.device_stop = device_stop,
	.memory_alloc = memory_alloc,
	.memory_scrub = memory_scrub,
	.queue_start = queue_start,
	.queue_kick = queue_kick,
	.queue_stop = queue_stop,
};
