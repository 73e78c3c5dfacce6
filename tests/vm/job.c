/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <time.h>
#include <unistd.h>

#include "client.h"

/* other machines need microseconds */
#define COMMAND_LIMIT_NS INT64_C(60000000000)
#define ENDS_WITHIN_MS   20000

int job_open(struct job *job, const char *mount_point, const char *device)
{
	int r = dmabuffs_open(mount_point, &job->instance);

	if (r < 0)
		return r;
	r = dmabuffs_accel_open(job->instance, device, &job->context);
	if (r < 0) {
		dmabuffs_close(job->instance);
		return r;
	}
	r = dmabuffs_accel_queue_create(job->instance, job->context, ACCEL_QUEUE_USER, 16,
					0, &job->queue);
	if (r < 0) {
		close(job->context);
		dmabuffs_close(job->instance);
	}
	return r;
}

void job_close(struct job *job)
{
	dmabuffs_accel_queue_close(job->queue);
	close(job->context);
	dmabuffs_close(job->instance);
}

int job_import(struct job *job, int fd, uint32_t *ret_buffer)
{
	return dmabuffs_accel_import_buffer(job->instance, job->context, fd, ret_buffer);
}

int job_import_name(struct job *job, const char *mount_point, int fd, int access,
		    uint32_t flags, uint32_t *ret_buffer)
{
	int root = client_open_root(mount_point), file, r;
	struct client_uuid uuid;
	uint64_t bytes;

	r = client_export(root, fd, flags, &uuid, &bytes);
	file = r < 0 ? r : client_open(root, &uuid, access);
	r = file < 0 ? file : job_import(job, file, ret_buffer);
	if (file >= 0)
		close(file);
	close(root);
	return r;
}

int job_map(struct job *job, uint32_t buffer, uint64_t offset, uint64_t length,
	    uint32_t flags, struct place *ret_place)
{
	struct accel_asid_create create = {0};
	struct accel_asid_map map = {
		.flags = flags,
		.buffer = buffer,
		.offset = offset,
		.length = length,
	};
	struct accel_queue_attach attach = {.queue = dmabuffs_accel_queue_id(job->queue)};
	int r = dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_ASID_CREATE,
				    &create);

	if (r < 0)
		return r;
	map.asid = attach.asid = create.id;
	r = dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_ASID_MAP, &map);
	if (r == 0)
		r = dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_QUEUE_ATTACH,
					&attach);
	if (r < 0) {
		job_object(job, DMABUFFS_ACCEL_IOC_ASID_DESTROY, create.id);
		return r;
	}
	*ret_place = (struct place){buffer, create.id, map.iova};
	return 0;
}

int job_info(struct job *job, uint32_t buffer, struct accel_buffer_info *ret_info)
{
	struct accel_buffer_info info = {.id = buffer};
	int r = dmabuffs_accel_call(job->context, DMABUFFS_ACCEL_IOC_BUFFER_INFO, &info);

	if (r == 0)
		*ret_info = info;
	return r;
}

int job_object(struct job *job, unsigned long request, uint32_t id)
{
	struct accel_object arg = {.id = id};

	return dmabuffs_accel_call(job->context, request, &arg);
}

int job_run(struct job *job, const struct accel_command *command)
{
	uint64_t index;
	int r = dmabuffs_accel_queue_submit(job->queue, command, 1, &index);

	return r < 0 ? r : dmabuffs_accel_queue_wait(job->queue, index, COMMAND_LIMIT_NS);
}

int job_copy(struct job *job, const struct place *to, uint64_t to_offset,
	     const struct place *from, uint64_t from_offset, uint64_t length)
{
	const struct accel_command command = {
		.op = ACCEL_OP_COPY,
		.dst_asid = to->asid,
		.dst = to->iova + to_offset,
		.src_asid = from->asid,
		.src = from->iova + from_offset,
		.length = length,
	};

	return job_run(job, &command);
}

int job_fill(struct job *job, const struct place *to, uint64_t offset, uint64_t length,
	     uint64_t value)
{
	const struct accel_command command = {
		.op = ACCEL_OP_FILL,
		.dst_asid = to->asid,
		.dst = to->iova + offset,
		.length = length,
		.value = value,
	};

	return job_run(job, &command);
}

int job_compare(struct job *job, const struct place *one, const struct place *other,
		uint64_t offset, uint64_t length, const struct place *result,
		uint64_t result_offset)
{
	const struct accel_command command = {
		.op = ACCEL_OP_COMPARE,
		.dst_asid = result->asid,
		.dst = result->iova + result_offset,
		.src_asid = one->asid,
		.src = one->iova + offset,
		.src2_asid = other->asid,
		.src2 = other->iova + offset,
		.length = length,
	};

	return job_run(job, &command);
}

int job_crc32c(struct job *job, const struct place *from, uint64_t offset,
	       uint64_t length, const struct place *result, uint64_t result_offset)
{
	const struct accel_command command = {
		.op = ACCEL_OP_CRC32C,
		.dst_asid = result->asid,
		.dst = result->iova + result_offset,
		.src_asid = from->asid,
		.src = from->iova + offset,
		.length = length,
	};

	return job_run(job, &command);
}

bool wait_until(bool (*holds)(const void *data), const void *data)
{
	const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};

	for (int ms = 0; ms < ENDS_WITHIN_MS; ms += 20) {
		if (holds(data))
			return true;
		nanosleep(&moment, NULL);
	}
	return holds(data);
}
