/* SPDX-License-Identifier: MIT */
/* raw-accel.c - contexts and their objects, by ioctl(2) and the broker */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "raw-accel.h"

static int open_in(const struct instance *instance, const char *name, int flags)
{
	char path[INSTANCE_PATH_SIZE + 64];

	snprintf(path, sizeof(path), "%s/%s", instance->dir, name);
	return (int)SYS(open(path, flags | O_CLOEXEC));
}

int raw_context(const struct instance *instance)
{
	return open_in(instance, DMABUFFS_ACCEL_DIR "/" RAW_DEVICE, O_RDWR);
}

int raw_devices(const struct instance *instance)
{
	return open_in(instance, DMABUFFS_ACCEL_DIR, O_RDONLY | O_DIRECTORY);
}

int raw_accel(int context, unsigned long request, void *arg)
{
	uint32_t size = _IOC_SIZE(request);

	memcpy(arg, &size, sizeof(size));
	return (int)SYS(ioctl(context, request, arg));
}

int raw_accel_object(int context, unsigned long request, uint32_t id)
{
	struct accel_object arg = {.id = id};

	return raw_accel(context, request, &arg);
}

int raw_device_info(const struct instance *instance, struct accel_device_info *ret_info)
{
	struct accel_device_info info = {.name = RAW_DEVICE};
	int devices = raw_devices(instance);
	int result = devices;

	if (devices >= 0) {
		result = raw_accel(devices, DMABUFFS_ACCEL_IOC_DEVICE_INFO, &info);
		close(devices);
	}
	if (result == 0)
		*ret_info = info;
	return result;
}

/* ---- objects ----------------------------------------------------------------------- */

void raw_remember(struct raw_remains *ret_remains, const struct instance *instance)
{
	ret_remains->instance = instance;
	ASSERT_OK(raw_device_info(instance, &ret_remains->before));
}

bool raw_is_as_before(void *data)
{
	const struct raw_remains *remains = data;
	struct accel_device_info now;

	ASSERT_OK(raw_device_info(remains->instance, &now));
	return memcmp(&now, &remains->before, sizeof(now)) == 0;
}

int raw_open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return ASSERT_OK(SYS(open(path, flags | O_CLOEXEC)));
}

long long raw_accel_alloc(int context, uint64_t bytes)
{
	struct accel_buffer_alloc arg = {.bytes = bytes};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_ALLOC, &arg);

	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_import(int context, int fd)
{
	struct dmabuffs_accel_import arg = {.fd = fd};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, &arg);

	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_import_ticket(int context, const uint8_t ticket[DMABUFFS_TICKET_SIZE])
{
	struct dmabuffs_accel_import arg = {.fd = -1, .flags = DMABUFFS_ACCEL_TICKET};
	int result;

	memcpy(arg.ticket, ticket, sizeof(arg.ticket));
	result = raw_accel(context, DMABUFFS_ACCEL_IOC_BUFFER_IMPORT, &arg);
	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_asid(int context, uint32_t set)
{
	struct accel_asid_create arg = {.set = set};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &arg);

	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_sva(int context, int mem, int maps)
{
	struct dmabuffs_accel_sva arg = {.mem = mem, .maps = maps};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_SVA, &arg);

	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_set(int context, uint32_t quota)
{
	struct accel_set_create arg = {.quota = quota};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_SET_CREATE, &arg);

	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_fence(int context)
{
	struct accel_fence arg = {0};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_FENCE_CREATE, &arg);

	return result < 0 ? result : (long long)arg.id;
}

long long raw_accel_queue(int context, uint32_t flags, uint32_t entries)
{
	struct accel_queue_create arg = {.flags = flags, .entries = entries};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE, &arg);

	return result < 0 ? result : (long long)arg.id;
}

int raw_accel_map(int context, uint32_t asid, uint32_t buffer, uint64_t bytes,
		  uint64_t iova)
{
	struct accel_asid_map arg = {
		.flags = ACCEL_MAP_READ | ACCEL_MAP_WRITE | ACCEL_MAP_FIXED,
		.asid = asid,
		.buffer = buffer,
		.length = bytes,
		.iova = iova,
	};

	return raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_MAP, &arg);
}

int raw_accel_attach(int context, uint32_t queue, uint32_t asid)
{
	struct accel_queue_attach arg = {.queue = queue, .asid = asid};

	return raw_accel(context, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH, &arg);
}

int raw_accel_export(const struct instance *instance, int context, uint32_t asid,
		     uint8_t ret_uuid[DMABUFFS_UUID_SIZE])
{
	struct dmabuffs_accel_export arg = {.asid = asid};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_ASID_EXPORT, &arg);

	if (result < 0)
		return result;
	if (ret_uuid)
		memcpy(ret_uuid, arg.uuid, sizeof(arg.uuid));
	return raw_open(instance, arg.uuid, O_RDWR);
}

/* ---- mediated queues --------------------------------------------------------------- */

long long raw_accel_submit(int context, uint32_t queue,
			   const struct accel_command *commands, uint32_t n)
{
	/* The ioctl number must encode the size including the commands. */
	struct {
		uint32_t size, flags, queue, count;
		uint64_t index;
		struct accel_command commands[16];
	} arg = {.queue = queue, .count = n};
	unsigned long request =
		_IOC(_IOC_READ | _IOC_WRITE, DMABUFFS_IOC_TYPE,
		     _IOC_NR(DMABUFFS_ACCEL_IOC_QUEUE_SUBMIT), sizeof(arg));
	int result;

	ASSERT(n <= ARRAY_SIZE(arg.commands));
	memcpy(arg.commands, commands, n * sizeof(*commands));
	result = raw_accel(context, request, &arg);
	return result < 0 ? result : (long long)arg.index;
}

int raw_queue_info(int context, uint32_t queue, struct accel_queue_info *ret_info)
{
	struct accel_queue_info info = {.id = queue};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_QUEUE_INFO, &info);

	if (result == 0)
		*ret_info = info;
	return result;
}

struct progress {
	int context;
	uint32_t queue;
	uint64_t completed;
	struct accel_queue_info info;
};

static bool has_completed(void *data)
{
	struct progress *progress = data;

	ASSERT_OK(raw_queue_info(progress->context, progress->queue, &progress->info));
	return progress->info.completed >= progress->completed ||
	       progress->info.state != ACCEL_QUEUE_RUNNING;
}

int raw_queue_wait(int context, uint32_t queue, uint64_t completed)
{
	struct progress progress = {context, queue, completed, {0}};

	if (!wait_until(has_completed, &progress))
		return -ETIMEDOUT;
	return progress.info.completed >= completed ? 0 : -EIO;
}

struct accel_fault raw_queue_fault(int context, uint32_t queue)
{
	struct progress progress = {context, queue, UINT64_MAX, {0}};

	ASSERT(wait_until(has_completed, &progress));
	ASSERT(progress.info.state == ACCEL_QUEUE_FAULTED ||
	       progress.info.state == ACCEL_QUEUE_ISOLATED);
	return progress.info.fault;
}

/* ---- descriptors ------------------------------------------------------------------- */

int raw_accel_open(int context, uint32_t id, uint32_t access,
		   uint8_t ret_ticket[DMABUFFS_TICKET_SIZE])
{
	struct dmabuffs_accel_open arg = {.id = id, .access = access};
	int result = raw_accel(context, DMABUFFS_ACCEL_IOC_OPEN, &arg);

	if (result == 0)
		memcpy(ret_ticket, arg.ticket, sizeof(arg.ticket));
	return result;
}

int raw_fetch(int connection, const uint8_t ticket[DMABUFFS_TICKET_SIZE])
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_FETCH};
	struct dmabuffs_broker_reply reply;
	int fd, result;

	memcpy(request.ticket, ticket, sizeof(request.ticket));
	result = raw_send(connection, &request, sizeof(request), NULL, 0);
	if (result >= 0)
		result = raw_receive(connection, &reply, &fd);
	if (result < 0)
		return result;
	ASSERT(fd >= 0);
	ASSERT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, reply.access);
	return fd;
}

int raw_accel_fd(const struct instance *instance, int context, uint32_t id,
		 uint32_t access)
{
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	int result = raw_accel_open(context, id, access, ticket);
	int connection;

	if (result < 0)
		return result;
	connection = raw_connect(instance);
	if (connection < 0)
		return connection;
	result = raw_fetch(connection, ticket);
	close(connection);
	return result;
}
