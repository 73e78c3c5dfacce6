/* SPDX-License-Identifier: MIT */
/* test-accel-buffers.c - device memory and imported memory */
#include <fcntl.h>
#include <sys/mman.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

struct mapper {
	const struct instance *instance;
	const struct seat *seat;
	uint32_t buffer;
};

static void map_and_write(int peer, void *data)
{
	const struct mapper *mapper = data;
	struct dmabuffs *library = open_library(mapper->instance);
	uint8_t *bytes;
	int fd;

	ASSERT_OK(dmabuffs_accel_buffer_fd(library, mapper->seat->context, mapper->buffer,
					   &fd));
	ASSERT_EQ(SYS(fcntl(fd, F_GETFD)), FD_CLOEXEC);
	ASSERT_EQ(SYS(fcntl(fd, F_GETFL)) & O_ACCMODE, O_RDWR);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	close(fd);
	ASSERT_EQ(bytes[0], 1);
	bytes[1] = 2;
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_EQ(bytes[2], 3);
	dmabuffs_close(library);
}

/* Two processes and the device access the same pages. */
static void device_memory(struct instance *instance)
{
	struct mapper mapper = {.instance = instance};
	struct dmabuffs_accel_queue *queue;
	struct child child;
	struct plan plan;
	uint8_t *bytes;
	int fd;

	plan_start(&plan, instance);
	mapper.seat = &plan.seat;
	mapper.buffer = plan.buffer;
	ASSERT_OK(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context,
					   plan.buffer, &fd));
	ASSERT_OK(raw_map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	for (size_t i = 0; i < 4 * PAGE; i++)
		ASSERT_EQ(bytes[i], 0);
	/* The size is fixed. */
	ASSERT(SYS(ftruncate(fd, 8 * PAGE)) < 0);
	bytes[0] = 1;
	child_start(&child, NULL, map_and_write, &mapper);
	peer_wait(child.peer);
	ASSERT_EQ(bytes[1], 2);
	queue = make_queue(&plan.seat);
	ASSERT_OK(map_at(plan.seat.context, plan.asid, plan.buffer, PAGE, READ_WRITE,
			 IOVA));
	ASSERT_OK(attach(plan.seat.context, dmabuffs_accel_queue_id(queue), plan.asid));
	expect_done(queue, fill(plan.asid, IOVA + 2, 1, 3));
	ASSERT_EQ(bytes[2], 3);
	peer_signal(child.peer);
	child_wait(&child);
	/* After it is freed, existing mappings in processes and the device stay valid. */
	ASSERT_OK(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE,
			      plan.buffer));
	expect_done(queue, fill(plan.asid, IOVA + 3, 1, 4));
	ASSERT_EQ(bytes[3], 4);
	close(fd);
	munmap(bytes, 4 * PAGE);
	dmabuffs_accel_queue_close(queue);
	seat_close(&plan.seat);
}

static void read_only_import(struct instance *instance)
{
	struct accel_buffer_info info;
	struct shared shared;
	struct plan plan;
	uint32_t buffers[2];
	uint64_t iova;
	int fd;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	plan_start(&plan, instance);
	/* Import through an opened name, and through the exchanged descriptor. */
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(import_buffer(&plan.seat, fd, &buffers[0]));
	close(fd);
	ASSERT_OK(dmabuffs_import_buffer(plan.seat.library, (dmabuffs_uuid *)shared.uuid,
					 O_RDONLY, &fd));
	ASSERT_OK(import_buffer(&plan.seat, fd, &buffers[1]));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		info = (struct accel_buffer_info){.id = buffers[i]};
		ASSERT_OK(dmabuffs_accel_call(plan.seat.context,
					      DMABUFFS_ACCEL_IOC_BUFFER_INFO, &info));
		ASSERT(info.flags & ACCEL_BUFFER_READONLY);
		ASSERT(info.flags & ACCEL_BUFFER_IMPORTED);
		ASSERT_EQ(info.bytes, PAGE);
		ASSERT_ERR(map_anywhere(plan.seat.context, plan.asid, buffers[i], PAGE,
					READ_WRITE, &iova),
			   EPERM);
		ASSERT_ERR(map_anywhere(plan.seat.context, plan.asid, buffers[i], PAGE,
					ACCEL_MAP_WRITE, &iova),
			   EPERM);
		ASSERT_OK(map_anywhere(plan.seat.context, plan.asid, buffers[i], PAGE,
				       ACCEL_MAP_READ, &iova));
		ASSERT_OK(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context,
						   buffers[i], &fd));
		ASSERT_EQ(SYS(fcntl(fd, F_GETFL)) & O_ACCMODE, O_RDONLY);
		close(fd);
	}
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_WRONLY));
	ASSERT_ERR(import_buffer(&plan.seat, fd, &buffers[0]), EACCES);
	close(fd);
	seat_close(&plan.seat);
	unshare_buffer(&shared);
}

/* Imports an open name; the device then accesses the same pages. */
static void import_by_name(struct instance *instance)
{
	struct dmabuffs_accel_queue *queue;
	struct shared shared;
	uint8_t *bytes;
	struct plan plan;
	uint64_t iova;
	uint32_t buffer;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(raw_map(shared.fd, PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	plan_start(&plan, instance);
	queue = make_queue(&plan.seat);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(import_buffer(&plan.seat, fd, &buffer));
	close(fd);
	ASSERT_OK(map_anywhere(plan.seat.context, plan.asid, buffer, PAGE, READ_WRITE,
			       &iova));
	ASSERT_OK(attach(plan.seat.context, dmabuffs_accel_queue_id(queue), plan.asid));
	expect_done(queue, fill(plan.asid, iova + 100, 100, 9));
	ASSERT_EQ(bytes[99], pattern(99));
	ASSERT_EQ(bytes[100], 9);
	ASSERT_EQ(bytes[199], 9);
	/* The exporter can revoke the memory while the device uses it. */
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	expect_fault(queue, fill(plan.asid, iova, 8, 1), ACCEL_FAULT_REVOKED, iova);
	ASSERT_ERR(map_anywhere(plan.seat.context, plan.asid, buffer, PAGE, READ_WRITE,
				&iova),
		   ENODEV);
	ASSERT(raises_sigbus(bytes));
	dmabuffs_accel_queue_close(queue);
	seat_close(&plan.seat);
	close(shared.fd);
	close(shared.root);
}

static void revoked_buffer(struct instance *instance)
{
	struct accel_buffer_info info;
	struct dmabuffs_accel_queue *queue;
	struct accel_event event;
	struct plan plan;
	uint32_t pinned;
	uint8_t *bytes;
	int fd, other;

	plan_start(&plan, instance);
	queue = make_queue(&plan.seat);
	ASSERT_OK(map_at(plan.seat.context, plan.asid, plan.buffer, PAGE, READ_WRITE,
			 IOVA));
	ASSERT_OK(attach(plan.seat.context, dmabuffs_accel_queue_id(queue), plan.asid));
	ASSERT_OK(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context,
					   plan.buffer, &fd));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, (void **)&bytes));
	expect_done(queue, fill(plan.asid, IOVA, 8, 1));
	ASSERT_OK(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_REVOKE,
			      plan.buffer));
	expect_fault(queue, fill(plan.asid, IOVA, 8, 2), ACCEL_FAULT_REVOKED, IOVA);
	ASSERT(raises_sigbus(bytes));
	ASSERT_ERR(map_at(plan.seat.context, plan.asid, plan.buffer, PAGE, READ_WRITE,
			  2 * IOVA),
		   ENODEV);
	ASSERT_ERR(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context,
					    plan.buffer, &other),
		   ESTALE);
	info = (struct accel_buffer_info){.id = plan.buffer};
	ASSERT_OK(dmabuffs_accel_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_INFO,
				      &info));
	ASSERT(info.flags & ACCEL_BUFFER_REVOKED);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_EQ(read(plan.seat.context, &event, sizeof(event)), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_REVOKED);
	ASSERT_EQ(event.object, plan.buffer);
	/*
	 * Pinned buffers cannot be revoked; imported buffers can be revoked by their
	 * exporter only.
	 */
	ASSERT_OK(alloc_buffer(plan.seat.context, PAGE, ACCEL_BUFFER_PINNED, &pinned));
	ASSERT_ERR(
		object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_REVOKE, pinned),
		EBUSY);
	close(fd);
	fd = raw_memfd(PAGE);
	ASSERT_OK(import_buffer(&plan.seat, fd, &pinned));
	ASSERT_ERR(
		object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_REVOKE, pinned),
		EPERM);
	close(fd);
	dmabuffs_accel_queue_close(queue);
	seat_close(&plan.seat);
}

const struct test_case test_cases[] = {
	{"buffers_device_memory", device_memory},
	{"buffers_read_only_import", read_only_import},
	{"buffers_import_by_name", import_by_name},
	{"buffers_revoked_buffer", revoked_buffer},
	{0},
};
