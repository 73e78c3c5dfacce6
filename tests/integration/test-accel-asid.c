/* SPDX-License-Identifier: MIT */
/* test-accel-asid.c - address spaces of devices: mapping, sharing, a process's own */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

#define IOVA UINT64_C(0x10000)

/* A seat with a buffer of four pages and an ASID. */
struct plan {
	struct seat seat;
	uint32_t buffer, asid;
};

static void plan_start(struct plan *plan, const struct instance *instance)
{
	seat_open(&plan->seat, instance, SOFT0);
	ASSERT_OK(alloc_buffer(plan->seat.context, 4 * PAGE, 0, &plan->buffer));
	plan->asid = make_asid(plan->seat.context);
}

static struct accel_asid_map map_of(const struct plan *plan)
{
	return (struct accel_asid_map){
		.flags = READ_WRITE | ACCEL_MAP_FIXED,
		.asid = plan->asid,
		.buffer = plan->buffer,
		.length = PAGE,
		.iova = IOVA,
	};
}

static int map(const struct plan *plan, struct accel_asid_map arg)
{
	return dmabuffs_accel_call(plan->seat.context, ACCEL_IOC_ASID_MAP, &arg);
}

/* The bytes that were removed, or -errno. */
static long long unmap(const struct plan *plan, uint64_t iova, uint64_t length)
{
	struct accel_asid_unmap arg = {
		.asid = plan->asid,
		.iova = iova,
		.length = length,
	};
	int r = dmabuffs_accel_call(plan->seat.context, ACCEL_IOC_ASID_UNMAP, &arg);

	return r < 0 ? r : (long long)arg.length;
}

static struct accel_asid_info asid_info(int context, uint32_t asid)
{
	struct accel_asid_info info = { .id = asid };

	ASSERT_OK(dmabuffs_accel_call(context, ACCEL_IOC_ASID_INFO, &info));
	return info;
}

/* ---- the rows of mapping ----------------------------------------------------------- */

static void unknown_ids(struct instance *instance)
{
	const uint32_t ids[] = { 0, 9999, UINT32_MAX };
	struct accel_asid_map arg;
	struct plan plan;

	plan_start(&plan, instance);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct accel_asid_info info = { .id = ids[i] };
		struct accel_asid_unmap nothing = { .asid = ids[i], .length = PAGE };

		arg = map_of(&plan);
		arg.asid = ids[i];
		ASSERT_ERR(map(&plan, arg), ENOENT);
		arg = map_of(&plan);
		arg.buffer = ids[i];
		ASSERT_ERR(map(&plan, arg), ENOENT);
		ASSERT_ERR(dmabuffs_accel_call(plan.seat.context, ACCEL_IOC_ASID_INFO, &info),
			   ENOENT);
		ASSERT_ERR(dmabuffs_accel_call(plan.seat.context, ACCEL_IOC_ASID_UNMAP,
					       &nothing),
			   ENOENT);
		ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_ASID_DESTROY, ids[i]),
			   ENOENT);
		ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_BUFFER_FREE, ids[i]),
			   ENOENT);
		ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_BUFFER_REVOKE, ids[i]),
			   ENOENT);
	}
	/* Of another kind. */
	ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_ASID_DESTROY, plan.buffer), ENOENT);
	ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_BUFFER_FREE, plan.asid), ENOENT);
	/* Not again: who remembers the old one finds nothing. */
	ASSERT_OK(object_call(plan.seat.context, ACCEL_IOC_ASID_DESTROY, plan.asid));
	ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_ASID_DESTROY, plan.asid), ENOENT);
	ASSERT(make_asid(plan.seat.context) != plan.asid);
	seat_close(&plan.seat);
}

#define EXPECT_MAP(plan, change, error)                                                  \
	do {                                                                             \
		struct accel_asid_map arg = map_of(plan);                                \
		change;                                                                  \
		ASSERT_ERR(map((plan), arg), (error));                                   \
	} while (0)

static void refused_maps(struct instance *instance)
{
	struct accel_device_info info = device_info(instance, SOFT0);
	const struct accel_range reserved = info.reserved_ranges[info.n_reserved - 1];
	struct plan plan;

	plan_start(&plan, instance);
	EXPECT_MAP(&plan, arg.length = 0, EINVAL);
	EXPECT_MAP(&plan, arg.length = PAGE + 1, EINVAL);
	EXPECT_MAP(&plan, arg.offset = 1, EINVAL);
	EXPECT_MAP(&plan, arg.iova = IOVA + 8, EINVAL);
	EXPECT_MAP(&plan, arg.iova = -PAGE; arg.length = 2 * PAGE, EOVERFLOW);
	EXPECT_MAP(&plan, arg.offset = -PAGE; arg.length = 2 * PAGE, EOVERFLOW);
	EXPECT_MAP(&plan, arg.flags = ACCEL_MAP_FIXED, EINVAL);
	EXPECT_MAP(&plan, arg.flags |= 1U << 20, EOPNOTSUPP);
	EXPECT_MAP(&plan, arg.flags = READ_WRITE, EINVAL); /* anywhere, at an address */
	EXPECT_MAP(&plan, arg.length = 5 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.offset = 4 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.offset = 2 * PAGE; arg.length = 3 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.iova = reserved.first, EINVAL);
	EXPECT_MAP(&plan, arg.iova = reserved.first - PAGE; arg.length = 2 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.iova = reserved.last + 1 - PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.iova = info.aperture.last + 1, EINVAL);
	/* None of it left anything behind. */
	ASSERT_EQ(asid_info(plan.seat.context, plan.asid).mappings, 0);
	ASSERT_OK(map(&plan, map_of(&plan)));
	EXPECT_MAP(&plan, (void)arg, EEXIST);
	EXPECT_MAP(&plan, arg.iova = IOVA - PAGE; arg.length = 2 * PAGE, EEXIST);
	EXPECT_MAP(&plan, arg.iova = IOVA - PAGE; arg.length = 3 * PAGE, EEXIST);
	ASSERT_EQ(asid_info(plan.seat.context, plan.asid).mappings, 1);
	ASSERT_EQ(asid_info(plan.seat.context, plan.asid).mapped, PAGE);
	seat_close(&plan.seat);
}

static void unmapping(struct instance *instance)
{
	struct accel_asid_map arg;
	struct plan plan;

	plan_start(&plan, instance);
	ASSERT_EQ(unmap(&plan, 0, UINT64_MAX), 0);
	ASSERT_ERR(unmap(&plan, IOVA, PAGE), ENOENT);
	for (unsigned int i = 0; i < 3; i++) {
		arg = map_of(&plan);
		arg.iova += 8 * i * PAGE;
		arg.length = 4 * PAGE;
		ASSERT_OK(map(&plan, arg));
	}
	ASSERT_ERR(unmap(&plan, IOVA, PAGE), ENOENT);
	ASSERT_ERR(unmap(&plan, IOVA + PAGE, 4 * PAGE), ENOENT);
	ASSERT_ERR(unmap(&plan, IOVA, 9 * PAGE), ENOENT); /* one whole, a part of one */
	ASSERT_ERR(unmap(&plan, IOVA + 4 * PAGE, 4 * PAGE), ENOENT);
	ASSERT_ERR(unmap(&plan, IOVA, 0), EINVAL);
	ASSERT_ERR(unmap(&plan, IOVA, PAGE - 1), EINVAL);
	ASSERT_ERR(unmap(&plan, IOVA + PAGE, UINT64_MAX - PAGE + 1), EOVERFLOW);
	ASSERT_EQ(asid_info(plan.seat.context, plan.asid).mapped, 12 * PAGE);
	ASSERT_EQ(unmap(&plan, IOVA - PAGE, 14 * PAGE), 8 * PAGE);
	ASSERT_EQ(unmap(&plan, 0, UINT64_MAX), 4 * PAGE);
	ASSERT_EQ(asid_info(plan.seat.context, plan.asid).mappings, 0);
	seat_close(&plan.seat);
}

/* Once it returns, the device does not get there any more. */
static void unmapped_for_the_device(struct instance *instance)
{
	struct dmabuffs_queue *queue;
	struct region region;
	struct plan plan;

	seat_open(&plan.seat, instance, SOFT0);
	region_create(&plan.seat, &region, 2 * PAGE);
	plan.asid = region.asid;
	queue = make_queue(&plan.seat);
	attach_region(&plan.seat, queue, &region);
	expect_done(queue, fill(region.asid, region.iova, 2 * PAGE, 1));
	ASSERT_EQ(unmap(&plan, region.iova, 2 * PAGE), 2 * PAGE);
	expect_fault(queue, fill(region.asid, region.iova, 2 * PAGE, 2),
		     ACCEL_FAULT_UNMAPPED, region.iova);
	ASSERT(is_filled(&region, 0, 2 * PAGE, 1));
	dmabuffs_queue_close(queue);
	region_finish(&region);
	seat_close(&plan.seat);
}

static void no_place_left(struct instance *instance)
{
	struct accel_device_info info = device_info(instance, SOFT0);
	int fd = ASSERT_OK(SYS(memfd_create("huge", MFD_CLOEXEC)));
	uint64_t bytes = info.aperture.last / 2 + 1, iova;
	uint32_t huge;
	struct plan plan;

	plan_start(&plan, instance);
	/* Sparse: what is mapped costs address space alone. */
	ASSERT_OK(SYS(ftruncate(fd, 1LL << 40)));
	ASSERT_OK(import_buffer(&plan.seat, fd, &huge));
	for (bytes = 0;; bytes += 1ULL << 40) {
		int r = map_anywhere(plan.seat.context, plan.asid, huge, 1ULL << 40,
				     READ_WRITE, &iova);

		if (r < 0) {
			ASSERT_ERR(r, ENOSPC);
			break;
		}
		ASSERT(bytes <= info.aperture.last);
	}
	ASSERT(bytes > info.aperture.last / 2);
	ASSERT_EQ(asid_info(plan.seat.context, plan.asid).mapped, bytes);
	ASSERT_EQ(unmap(&plan, 0, UINT64_MAX), bytes);
	close(fd);
	seat_close(&plan.seat);
}

static bool log_has(const struct instance *instance, const char *text)
{
	char line[500];
	FILE *file = fopen(instance->log, "re");
	bool found = false;

	ASSERT(file);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text) != NULL;
	fclose(file);
	return found;
}

static void private_memory(struct instance *instance)
{
	struct accel_asid_map arg;
	struct plan plan;
	void *heap = malloc(PAGE);
	int null = ASSERT_OK(SYS(open("/dev/zero", O_RDWR))), ends[2];
	uint32_t buffer;

	plan_start(&plan, instance);
	ASSERT(!log_has(instance, "private memory"));
	arg = map_of(&plan);
	arg.flags |= ACCEL_MAP_USER;
	arg.buffer = 0;
	arg.offset = (uintptr_t)heap & -PAGE;
	ASSERT_ERR(map(&plan, arg), EINVAL);
	ASSERT(log_has(instance, "private memory"));
	/* Nor what is neither a memfd nor a dma-buf. */
	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	ASSERT_ERR(import_buffer(&plan.seat, null, &buffer), EBADFD);
	ASSERT_ERR(import_buffer(&plan.seat, ends[0], &buffer), EBADFD);
	ASSERT_ERR(import_buffer(&plan.seat, plan.seat.context, &buffer), EBADFD);
	ASSERT_ERR(import_buffer(&plan.seat, -1, &buffer), EBADF);
	close(ends[0]);
	close(ends[1]);
	close(null);
	free(heap);
	seat_close(&plan.seat);
}

/* ---- copy -------------------------------------------------------------------------- */

static int copy_range(const struct plan *plan, struct accel_asid_copy arg)
{
	arg.src_asid = plan->asid;
	return dmabuffs_accel_call(plan->seat.context, ACCEL_IOC_ASID_COPY, &arg);
}

static void copying(struct instance *instance)
{
	const struct accel_asid_copy good = {
		.flags = ACCEL_MAP_READ | ACCEL_MAP_FIXED,
		.src_iova = IOVA + PAGE,
		.length = 4 * PAGE,
		.dst_iova = 4 * IOVA,
	};
	struct accel_asid_copy arg = good;
	struct dmabuffs_queue *queue;
	struct region region;
	struct plan plan;
	uint32_t other;

	plan_start(&plan, instance);
	region_create(&plan.seat, &region, 4 * PAGE);
	other = make_asid(plan.seat.context);
	/* Two mappings side by side, the second one to be read only. */
	ASSERT_OK(map_at(plan.seat.context, plan.asid, region.buffer, 4 * PAGE, READ_WRITE,
			 IOVA));
	ASSERT_OK(map_at(plan.seat.context, plan.asid, region.buffer, 4 * PAGE,
			 ACCEL_MAP_READ, IOVA + 4 * PAGE));
	arg.dst_asid = 9999;
	ASSERT_ERR(copy_range(&plan, arg), ENOENT);
	arg.dst_asid = other;
	arg.flags |= ACCEL_MAP_WRITE;
	ASSERT_ERR(copy_range(&plan, arg), EPERM);
	arg.flags = ACCEL_MAP_FIXED;
	ASSERT_ERR(copy_range(&plan, arg), EINVAL);
	arg = good;
	arg.dst_asid = other;
	arg.length = 8 * PAGE; /* past the second one */
	ASSERT_ERR(copy_range(&plan, arg), ENOENT);
	arg.length = 0;
	ASSERT_ERR(copy_range(&plan, arg), EINVAL);
	arg.length = PAGE;
	arg.src_iova = IOVA + 1;
	ASSERT_ERR(copy_range(&plan, arg), EINVAL);
	arg.src_iova = -PAGE;
	arg.length = 2 * PAGE;
	ASSERT_ERR(copy_range(&plan, arg), EOVERFLOW);
	ASSERT_EQ(asid_info(plan.seat.context, other).mapped, 0);

	arg = good;
	arg.dst_asid = other;
	ASSERT_OK(copy_range(&plan, arg));
	ASSERT_ERR(copy_range(&plan, arg), EEXIST);
	ASSERT_EQ(asid_info(plan.seat.context, other).mapped, 4 * PAGE);
	/* It goes on without its source; what was page 1 is the first. */
	ASSERT_EQ(unmap(&plan, 0, UINT64_MAX), 8 * PAGE);
	queue = make_queue(&plan.seat);
	ASSERT_OK(attach(plan.seat.context, dmabuffs_queue_id(queue), other));
	attach_region(&plan.seat, queue, &region);
	memset(region.bytes, 1, PAGE);
	memset(region.bytes + PAGE, 2, PAGE);
	expect_done(queue, copy(region.asid, region.iova, other, good.dst_iova, 100));
	ASSERT(is_filled(&region, 0, 100, 2));
	expect_done(queue, copy(region.asid, region.iova, other, good.dst_iova + 3 * PAGE,
				PAGE));
	expect_fault(queue, fill(other, good.dst_iova, 8, 3), ACCEL_FAULT_PERMISSION,
		     good.dst_iova);
	dmabuffs_queue_close(queue);
	region_finish(&region);
	seat_close(&plan.seat);
}

/* ---- attached ---------------------------------------------------------------------- */

static void attached(struct instance *instance)
{
	struct dmabuffs_queue *queue;
	struct region region;
	struct seat seat;
	uint32_t id;

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	queue = make_queue(&seat);
	id = dmabuffs_queue_id(queue);
	expect_fault(queue, fill(region.asid, region.iova, 8, 1), ACCEL_FAULT_ASID,
		     region.iova);
	ASSERT_ERR(detach(seat.context, id, region.asid), ENOENT);
	attach_region(&seat, queue, &region);
	ASSERT_ERR(attach(seat.context, id, region.asid), EEXIST);
	ASSERT_ERR(attach(seat.context, id, 9999), ENOENT);
	ASSERT_ERR(attach(seat.context, 9999, region.asid), ENOENT);
	ASSERT_EQ(asid_info(seat.context, region.asid).attached, 1);
	ASSERT_ERR(object_call(seat.context, ACCEL_IOC_ASID_DESTROY, region.asid), EBUSY);
	expect_done(queue, fill(region.asid, region.iova, 8, 1));
	ASSERT_OK(detach(seat.context, id, region.asid));
	expect_fault(queue, fill(region.asid, region.iova, 8, 2), ACCEL_FAULT_ASID,
		     region.iova);
	ASSERT_OK(object_call(seat.context, ACCEL_IOC_ASID_DESTROY, region.asid));
	ASSERT(is_filled(&region, 0, 8, 1));
	dmabuffs_queue_close(queue);
	region_finish(&region);
	seat_close(&seat);
}

/* ---- names ------------------------------------------------------------------------- */

/* Who may import the ASID @uuid into a context of @device, and use it. */
struct import {
	const struct instance *instance;
	dmabuffs_uuid uuid;
	uint64_t iova;
	const char *device;
};

static int import_and_use(void *data)
{
	const struct import *import = data;
	struct dmabuffs_queue *queue;
	struct seat seat;
	uint32_t asid, again;
	int r;

	seat_open(&seat, import->instance, import->device);
	r = dmabuffs_accel_import_asid(seat.library, seat.context, &import->uuid, &asid);
	if (r < 0) {
		seat_close(&seat);
		return r;
	}
	ASSERT(asid_info(seat.context, asid).flags & ACCEL_ASID_IMPORTED);
	ASSERT_ERR(dmabuffs_accel_import_asid(seat.library, seat.context, &import->uuid,
					      &again),
		   EEXIST);
	queue = make_queue(&seat);
	ASSERT_OK(attach(seat.context, dmabuffs_queue_id(queue), asid));
	expect_done(queue, fill(asid, import->iova, PAGE, 0x5a));
	dmabuffs_queue_close(queue);
	seat_close(&seat);
	return 0;
}

static void name_asid(const struct seat *seat, uint32_t asid, uint32_t mode,
		      dmabuffs_uuid *ret_uuid)
{
	const struct dmabuffs_export_options options = {
		.flags = DMABUFFS_EXPORT_MODE,
		.mode = mode,
		.label = "an address space",
	};

	ASSERT_OK(dmabuffs_accel_export_asid(seat->context, asid, &options, ret_uuid));
}

static uint64_t free_names(const struct instance *instance)
{
	struct statfs st;

	ASSERT_OK(SYS(statfs(instance->dir, &st)));
	return st.f_ffree;
}

static void exported(struct instance *instance)
{
	struct import import = { .instance = instance, .device = SOFT0 };
	uint64_t names = free_names(instance);
	struct dmabuffs_info info;
	struct region region;
	dmabuffs_uuid again;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	name_asid(&seat, region.asid, 0600, &import.uuid);
	import.iova = region.iova;
	ASSERT_OK(dmabuffs_query(seat.library, &import.uuid, &info));
	ASSERT_EQ(info.kind, DMABUFFS_KIND_ASID);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_EQ(info.pid, getpid());
	ASSERT(strcmp((const char *)info.label, "an address space") == 0);
	ASSERT_EQ(free_names(instance), names - 1);
	/* Once more: the same; otherwise: no. */
	name_asid(&seat, region.asid, 0600, &again);
	ASSERT_EQ(memcmp(&again, &import.uuid, sizeof(again)), 0);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, region.asid, NULL, &again), EEXIST);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, 9999, NULL, &again), ENOENT);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, region.buffer, NULL, &again),
		   ENOENT);

	ASSERT_OK(import_and_use(&import));
	ASSERT(is_filled(&region, 0, PAGE, 0x5a));
	ASSERT_ERR(child_call(USER(1001), import_and_use, &import), EACCES);
	import.device = "other";
	ASSERT_ERR(import_and_use(&import), EXDEV);
	region_finish(&region);
	seat_close(&seat);
	/* The name ends with the context. */
	expect_unused(instance, SOFT0);
	ASSERT_ERR(raw_exists(instance, import.uuid.bytes), ENOENT);
	ASSERT_EQ(free_names(instance), names);
}

static void export_for_others(struct instance *instance)
{
	const struct identity member = { .uid = 1002, .gid = 1002, { 2001 }, 1 };
	struct import import = { .instance = instance, .device = SOFT0 };
	struct region region;
	struct seat seat;
	char text[UUID_TEXT_SIZE], path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE];

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	import.iova = region.iova;
	name_asid(&seat, region.asid, 0660, &import.uuid);
	ASSERT_ERR(child_call(&member, import_and_use, &import), EACCES);
	raw_uuid_text(import.uuid.bytes, text);
	snprintf(path, sizeof(path), "%s/%s", instance->dir, text);
	ASSERT_OK(SYS(chown(path, 0, 2001)));
	ASSERT_OK(child_call(&member, import_and_use, &import));
	ASSERT_ERR(child_call(USER(1001), import_and_use, &import), EACCES);
	ASSERT_OK(SYS(chmod(path, 0606)));
	ASSERT_OK(child_call(USER(1001), import_and_use, &import));
	ASSERT_ERR(child_call(&member, import_and_use, &import), EACCES);
	/* Being told its number is not enough. */
	ASSERT_OK(SYS(unlink(path)));
	ASSERT_ERR(child_call(USER(1001), import_and_use, &import), ENOENT);
	region_finish(&region);
	seat_close(&seat);
}

static int import_opened(int context, int fd, uint32_t *ret_asid)
{
	struct dmabuffs_accel_import arg = { .fd = fd };
	int r = dmabuffs_accel_call(context, ACCEL_IOC_ASID_IMPORT, &arg);

	if (r == 0)
		*ret_asid = arg.id;
	return r;
}

/* What an opened name of an ASID is good for, and what it is not. */
static void opened_name(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));
	int memfd = raw_memfd(PAGE), only_read, both;
	struct seat first, second;
	struct region region;
	dmabuffs_uuid uuid;
	uint32_t id;
	char byte;

	seat_open(&first, instance, SOFT0);
	seat_open(&second, instance, SOFT0);
	region_create(&first, &region, PAGE);
	name_asid(&first, region.asid, 0600, &uuid);
	only_read = ASSERT_OK(raw_open(instance, uuid.bytes, O_RDONLY));
	both = ASSERT_OK(raw_open(instance, uuid.bytes, O_RDWR));
	ASSERT_ERR(import_opened(second.context, only_read, &id), EACCES);
	ASSERT_ERR(import_opened(second.context, memfd, &id), EBADFD);
	ASSERT_ERR(import_opened(second.context, first.context, &id), EBADFD);
	ASSERT_ERR(import_opened(second.context, -1, &id), EBADF);
	ASSERT_ERR(import_opened(first.context, both, &id), EEXIST);
	/* It is no memory. */
	ASSERT(SYS(pread(both, &byte, 1, 0)) < 0);
	ASSERT(SYS(pwrite(both, &byte, 1, 0)) < 0);
	ASSERT(raw_map(both, PAGE, PROT_READ, (void **)&(void *){ NULL }) < 0);
	ASSERT(raw_exchange(connection, both) < 0);
	ASSERT_ERR(import_buffer(&second, both, &id), EBADFD);
	ASSERT(dmabuffs_revoke(first.library, &uuid) < 0);
	/* Opened before it ended, imported after: an open name is an open name. */
	ASSERT_OK(dmabuffs_unlink(first.library, &uuid));
	ASSERT_OK(import_opened(second.context, both, &id));
	ASSERT_EQ(asid_info(second.context, id).mapped, PAGE);
	close(only_read);
	close(both);
	close(memfd);
	close(connection);
	region_finish(&region);
	seat_close(&first);
	seat_close(&second);
}

struct survivor {
	const struct instance *instance;
	dmabuffs_uuid uuid;
	uint64_t iova;
};

static void keep_imported(int peer, void *data)
{
	const struct survivor *survivor = data;
	struct dmabuffs_queue *queue;
	struct seat seat;
	uint32_t asid;

	seat_open(&seat, survivor->instance, SOFT0);
	ASSERT_OK(dmabuffs_accel_import_asid(seat.library, seat.context, &survivor->uuid,
					     &asid));
	peer_signal(peer);
	peer_wait(peer);
	queue = make_queue(&seat);
	ASSERT_OK(attach(seat.context, dmabuffs_queue_id(queue), asid));
	expect_done(queue, fill(asid, survivor->iova, PAGE, 0x77));
	peer_signal(peer);
	peer_wait(peer);
}

/* Whoever has imported it keeps it: mappings, memory and number. */
static void outlives_its_context(struct instance *instance)
{
	struct survivor survivor = { .instance = instance };
	struct region region;
	struct child child;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	survivor.iova = region.iova;
	name_asid(&seat, region.asid, 0666, &survivor.uuid);
	child_start(&child, USER(1001), keep_imported, &survivor);
	peer_wait(child.peer);
	seat_close(&seat);
	peer_signal(child.peer);
	peer_wait(child.peer);
	ASSERT(is_filled(&region, 0, PAGE, 0x77));
	ASSERT_EQ(device_info(instance, SOFT0).asids, 1);
	peer_signal(child.peer);
	child_wait(&child);
	expect_unused(instance, SOFT0);
	region_finish(&region);
}

/* ---- a process's own memory -------------------------------------------------------- */

/* A seat with a queue, a region, and this process bound; all attached. */
struct own {
	struct seat seat;
	struct dmabuffs_queue *queue;
	struct region region;
	uint32_t asid;
};

static void own_start(struct own *own, const struct instance *instance)
{
	seat_open(&own->seat, instance, SOFT0);
	own->queue = make_queue(&own->seat);
	region_create(&own->seat, &own->region, PAGE);
	attach_region(&own->seat, own->queue, &own->region);
	own->asid = bind_self(&own->seat, 0);
	ASSERT_OK(attach(own->seat.context, dmabuffs_queue_id(own->queue), own->asid));
}

static void own_end(struct own *own)
{
	dmabuffs_queue_close(own->queue);
	region_finish(&own->region);
	seat_close(&own->seat);
}

static uint8_t *map_private(size_t bytes, int protection)
{
	void *address = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(address != MAP_FAILED);
	return address;
}

static struct accel_command from_own(const struct own *own, const void *from, size_t n)
{
	return copy(own->region.asid, own->region.iova, own->asid, (uintptr_t)from, n);
}

static void own_memory(struct instance *instance)
{
	char *heap = strdup("on the heap, where nobody shares anything");
	char stack[100] = "on the stack";
	size_t n = strlen(heap) + 1;
	struct own own;

	own_start(&own, instance);
	expect_done(own.queue, from_own(&own, heap, n));
	ASSERT(memcmp(own.region.bytes, heap, n) == 0);
	expect_done(own.queue, copy(own.asid, (uintptr_t)stack, own.asid, (uintptr_t)heap, n));
	ASSERT(memcmp(stack, heap, n) == 0);
	free(heap);
	own_end(&own);
}

static void page_protections(struct instance *instance)
{
	uint8_t *pages = map_private(4 * PAGE, PROT_READ | PROT_WRITE);
	uintptr_t address = (uintptr_t)pages;
	struct own own;

	own_start(&own, instance);
	memset(pages, 7, 4 * PAGE);
	ASSERT_OK(SYS(mprotect(pages + PAGE, PAGE, PROT_READ)));
	ASSERT_OK(SYS(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE)));
	/* What can only be read. */
	expect_done(own.queue, from_own(&own, pages + PAGE, PAGE));
	expect_fault(own.queue, fill(own.asid, address + PAGE, 8, 1), ACCEL_FAULT_PERMISSION,
		     address + PAGE);
	/* Up to there it is done. */
	expect_fault(own.queue, fill(own.asid, address + PAGE - 8, 16, 2),
		     ACCEL_FAULT_PERMISSION, address + PAGE);
	ASSERT_EQ(pages[PAGE], 7);
	ASSERT_EQ(pages[PAGE - 1], 2);
	/* What cannot even be read. */
	expect_fault(own.queue, from_own(&own, pages + 2 * PAGE, 8), ACCEL_FAULT_PERMISSION,
		     address + 2 * PAGE);
	/* Our code is not to be written, nor constants; the kernel's page even less. */
	expect_fault(own.queue, fill(own.asid, (uintptr_t)page_protections & -8UL, 8, 3),
		     ACCEL_FAULT_PERMISSION, (uintptr_t)page_protections & -8UL);
	expect_fault(own.queue, from_own(&own, (void *)-PAGE, 8), ACCEL_FAULT_UNMAPPED, -PAGE);
	/* As the memory is now, not as it was. */
	ASSERT_OK(SYS(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE)));
	expect_done(own.queue, fill(own.asid, address + PAGE, 8, 4));
	ASSERT_EQ(pages[PAGE], 4);
	munmap(pages + 3 * PAGE, PAGE);
	expect_fault(own.queue, fill(own.asid, address + 3 * PAGE, 8, 5),
		     ACCEL_FAULT_UNMAPPED, address + 3 * PAGE);
	expect_fault(own.queue, fill(own.asid, 0, 8, 5), ACCEL_FAULT_UNMAPPED, 0);
	own_end(&own);
}

static void no_mapping_in_it(struct instance *instance)
{
	struct accel_asid_unmap unmap_arg = { .iova = IOVA, .length = PAGE };
	struct own own;
	uint64_t iova;

	own_start(&own, instance);
	ASSERT(asid_info(own.seat.context, own.asid).flags & ACCEL_ASID_SVA);
	ASSERT_ERR(map_anywhere(own.seat.context, own.asid, own.region.buffer, PAGE,
				READ_WRITE, &iova),
		   EINVAL);
	unmap_arg.asid = own.asid;
	ASSERT_ERR(dmabuffs_accel_call(own.seat.context, ACCEL_IOC_ASID_UNMAP, &unmap_arg),
		   EINVAL);
	own_end(&own);
}

static void numbers(struct instance *instance)
{
	struct accel_asid_create arg = { .flags = ACCEL_ASID_VISIBLE };
	struct own own;
	uint32_t visible;

	own_start(&own, instance);
	ASSERT_EQ(asid_info(own.seat.context, own.asid).number, 0);
	ASSERT_EQ(asid_info(own.seat.context, own.region.asid).number, 0);
	visible = bind_self(&own.seat, ACCEL_ASID_VISIBLE);
	ASSERT_OK(dmabuffs_accel_call(own.seat.context, ACCEL_IOC_ASID_CREATE, &arg));
	ASSERT(asid_info(own.seat.context, visible).number > 0);
	ASSERT(asid_info(own.seat.context, arg.id).number > 0);
	ASSERT(asid_info(own.seat.context, arg.id).number !=
	       asid_info(own.seat.context, visible).number);
	arg.flags = 1U << 20;
	ASSERT_ERR(dmabuffs_accel_call(own.seat.context, ACCEL_IOC_ASID_CREATE, &arg),
		   EOPNOTSUPP);
	own_end(&own);
}

/* Its files, and nothing like them. */
static void strange_files(struct instance *instance)
{
	int mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDWR | O_CLOEXEC)));
	int read_mem = ASSERT_OK(SYS(open("/proc/self/mem", O_RDONLY | O_CLOEXEC)));
	int maps = ASSERT_OK(SYS(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)));
	int init_maps = ASSERT_OK(SYS(open("/proc/1/maps", O_RDONLY | O_CLOEXEC)));
	int memfd = raw_memfd(PAGE);
	const int bad[][2] = { { memfd, maps }, { mem, memfd }, { read_mem, maps },
			       { maps, mem },	{ mem, mem },	{ mem, init_maps } };
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct dmabuffs_accel_sva arg = { .mem = bad[i][0], .maps = bad[i][1] };

		ASSERT_ERR(dmabuffs_accel_call(seat.context, ACCEL_IOC_ASID_SVA, &arg), EBADFD);
	}
	close(mem);
	close(read_mem);
	close(maps);
	close(init_maps);
	close(memfd);
	seat_close(&seat);
}

/* A process that lends its memory to a context that it has inherited. */
struct lender {
	const struct instance *instance;
	const struct own *own;
	uint8_t *page;   /* private: at the same address in us and in the lender */
	int lifetime[2]; /* of what the lender executes: until our end is closed */
};

static void lend(int peer, const struct lender *lender)
{
	struct seat seat;
	uint32_t asid;

	seat_take(&seat, lender->instance, lender->own->seat.context);
	memset(lender->page, 0xb0, PAGE);
	asid = bind_self(&seat, 0);
	peer_put(peer, &asid, sizeof(asid));
	peer_wait(peer);
}

static void lend_only(int peer, void *data)
{
	const struct lender *lender = data;

	lend(peer, lender);
	/* What the others did with it. */
	ASSERT_EQ(lender->page[0], 0x33);
	ASSERT_EQ(lender->page[1], 0xb0);
}

static void lend_and_exec(int peer, void *data)
{
	const struct lender *lender = data;

	lend(peer, lender);
	ASSERT_OK(SYS(dup2(lender->lifetime[0], STDIN_FILENO)));
	execl("/bin/cat", "cat", NULL);
	_exit(127);
}

static uint32_t borrow(const struct own *own, struct child *child)
{
	uint32_t asid;

	peer_get(child->peer, &asid, sizeof(asid));
	ASSERT_OK(attach(own->seat.context, dmabuffs_queue_id(own->queue), asid));
	return asid;
}

static void lend_to(struct instance *instance, const struct identity *who)
{
	struct own own;
	struct lender lender = { instance, &own, map_private(PAGE, PROT_READ | PROT_WRITE) };
	uintptr_t address = (uintptr_t)lender.page;
	struct child child;
	uint32_t asid;

	own_start(&own, instance);
	child_start(&child, who, lend_only, &lender);
	asid = borrow(&own, &child);
	expect_done(own.queue,
		    copy(own.region.asid, own.region.iova, asid, address, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0xb0));
	expect_done(own.queue, fill(asid, address, 1, 0x33));
	/* Ours, at the same address, is another page. */
	ASSERT_EQ(lender.page[0], 0);
	peer_signal(child.peer);
	child_wait(&child);
	/* With the process, its memory is gone. */
	expect_fault(own.queue, fill(asid, address, 1, 0x44), ACCEL_FAULT_SVA, address);
	expect_done(own.queue, fill(own.asid, address, 1, 0x44));
	own_end(&own);
}

static void memory_of_another(struct instance *instance)
{
	lend_to(instance, NULL);
	lend_to(instance, USER(1001));
}

static bool has_ended(int peer)
{
	char byte;

	return wait_ready(peer, POLLIN, WAIT_MS) && recv(peer, &byte, 1, 0) == 0;
}

static void dead_after_exec(struct instance *instance)
{
	struct own own;
	struct lender lender = { instance, &own, map_private(PAGE, PROT_READ | PROT_WRITE) };
	uintptr_t address = (uintptr_t)lender.page;
	struct child child;
	uint32_t asid;

	ASSERT_OK(SYS(pipe2(lender.lifetime, O_CLOEXEC)));
	own_start(&own, instance);
	child_start(&child, USER(1001), lend_and_exec, &lender);
	asid = borrow(&own, &child);
	expect_done(own.queue, fill(asid, address, 8, 1));
	peer_signal(child.peer);
	ASSERT(has_ended(child.peer)); /* by exec: it was close-on-exec */
	expect_fault(own.queue, fill(asid, address, 8, 2), ACCEL_FAULT_SVA, address);
	expect_fault(own.queue,
		     copy(own.region.asid, own.region.iova, asid, address, 8),
		     ACCEL_FAULT_SVA, address);
	/* The process lives, and so does the context. */
	ASSERT_OK(SYS(kill(child.pid, 0)));
	expect_done(own.queue, from_own(&own, lender.page, 8));
	close(lender.lifetime[1]);
	child_wait(&child);
	own_end(&own);
}

static void write_copy(int peer, void *data)
{
	uint8_t *page = data;

	memset(page, 0xcc, PAGE);
	peer_signal(peer);
	peer_wait(peer);
	ASSERT_EQ(page[0], 0xcc);
	ASSERT_EQ(page[PAGE - 1], 0xcc);
}

static void absent_in_a_child(struct instance *instance)
{
	uint8_t *page = map_private(PAGE, PROT_READ | PROT_WRITE);
	struct child child;
	struct own own;

	own_start(&own, instance);
	memset(page, 0xaa, PAGE);
	child_start(&child, NULL, write_copy, page);
	peer_wait(child.peer);
	expect_done(own.queue, from_own(&own, page, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0xaa));
	expect_done(own.queue, fill(own.asid, (uintptr_t)page, PAGE, 0xdd));
	ASSERT_EQ(page[0], 0xdd);
	peer_signal(child.peer);
	child_wait(&child);
	own_end(&own);
}

/* Handed on by name, as any other. */
static void own_memory_by_name(struct instance *instance)
{
	uint8_t *page = map_private(PAGE, PROT_READ | PROT_WRITE);
	struct import import = { instance, .iova = (uintptr_t)page, .device = SOFT0 };
	struct own own;

	own_start(&own, instance);
	page[0] = 0;
	name_asid(&own.seat, own.asid, 0666, &import.uuid);
	ASSERT_OK(child_call(USER(1001), import_and_use, &import));
	ASSERT_EQ(page[0], 0x5a);
	ASSERT_EQ(page[PAGE - 1], 0x5a);
	own_end(&own);
}

/* ---- buffers ----------------------------------------------------------------------- */

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

	ASSERT_OK(dmabuffs_accel_buffer_fd(library, mapper->seat->context, mapper->buffer, &fd));
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

/* Two processes and the device on the same pages. */
static void device_memory(struct instance *instance)
{
	struct mapper mapper = { .instance = instance };
	struct dmabuffs_queue *queue;
	struct child child;
	struct plan plan;
	uint8_t *bytes;
	int fd;

	plan_start(&plan, instance);
	mapper.seat = &plan.seat;
	mapper.buffer = plan.buffer;
	ASSERT_OK(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context, plan.buffer,
					   &fd));
	ASSERT_OK(raw_map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, (void **)&bytes));
	for (size_t i = 0; i < 4 * PAGE; i++)
		ASSERT_EQ(bytes[i], 0);
	/* It does not change its size. */
	ASSERT(SYS(ftruncate(fd, 8 * PAGE)) < 0);
	bytes[0] = 1;
	child_start(&child, NULL, map_and_write, &mapper);
	peer_wait(child.peer);
	ASSERT_EQ(bytes[1], 2);
	queue = make_queue(&plan.seat);
	ASSERT_OK(map(&plan, map_of(&plan)));
	ASSERT_OK(attach(plan.seat.context, dmabuffs_queue_id(queue), plan.asid));
	expect_done(queue, fill(plan.asid, IOVA + 2, 1, 3));
	ASSERT_EQ(bytes[2], 3);
	peer_signal(child.peer);
	child_wait(&child);
	/* Freed, it stays where it is mapped, here and in the device. */
	ASSERT_OK(object_call(plan.seat.context, ACCEL_IOC_BUFFER_FREE, plan.buffer));
	expect_done(queue, fill(plan.asid, IOVA + 3, 1, 4));
	ASSERT_EQ(bytes[3], 4);
	close(fd);
	munmap(bytes, 4 * PAGE);
	dmabuffs_queue_close(queue);
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
	/* By an opened name, and by a descriptor of its own. */
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY));
	ASSERT_OK(import_buffer(&plan.seat, fd, &buffers[0]));
	close(fd);
	ASSERT_OK(dmabuffs_import_buffer(plan.seat.library, (dmabuffs_uuid *)shared.uuid,
					 O_RDONLY, &fd));
	ASSERT_OK(import_buffer(&plan.seat, fd, &buffers[1]));
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		info = (struct accel_buffer_info){ .id = buffers[i] };
		ASSERT_OK(dmabuffs_accel_call(plan.seat.context, ACCEL_IOC_BUFFER_INFO, &info));
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

/* A name, imported by its open file, with the device at work on the same pages. */
static void import_by_name(struct instance *instance)
{
	struct dmabuffs_queue *queue;
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
	ASSERT_OK(map_anywhere(plan.seat.context, plan.asid, buffer, PAGE, READ_WRITE, &iova));
	ASSERT_OK(attach(plan.seat.context, dmabuffs_queue_id(queue), plan.asid));
	expect_done(queue, fill(plan.asid, iova + 100, 100, 9));
	ASSERT_EQ(bytes[99], pattern(99));
	ASSERT_EQ(bytes[100], 9);
	ASSERT_EQ(bytes[199], 9);
	/* Taken back by its owner, with no regard to the device. */
	ASSERT_OK(raw_revoke(shared.root, shared.uuid));
	expect_fault(queue, fill(plan.asid, iova, 8, 1), ACCEL_FAULT_REVOKED, iova);
	ASSERT_ERR(map_anywhere(plan.seat.context, plan.asid, buffer, PAGE, READ_WRITE, &iova),
		   ENODEV);
	ASSERT(raises_sigbus(bytes));
	dmabuffs_queue_close(queue);
	seat_close(&plan.seat);
	close(shared.fd);
	close(shared.root);
}

static void revoked_buffer(struct instance *instance)
{
	struct accel_buffer_info info;
	struct dmabuffs_queue *queue;
	struct accel_event event;
	struct plan plan;
	uint32_t pinned;
	uint8_t *bytes;
	int fd, other;

	plan_start(&plan, instance);
	queue = make_queue(&plan.seat);
	ASSERT_OK(map(&plan, map_of(&plan)));
	ASSERT_OK(attach(plan.seat.context, dmabuffs_queue_id(queue), plan.asid));
	ASSERT_OK(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context, plan.buffer,
					   &fd));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, (void **)&bytes));
	expect_done(queue, fill(plan.asid, IOVA, 8, 1));
	ASSERT_OK(object_call(plan.seat.context, ACCEL_IOC_BUFFER_REVOKE, plan.buffer));
	expect_fault(queue, fill(plan.asid, IOVA, 8, 2), ACCEL_FAULT_REVOKED, IOVA);
	ASSERT(raises_sigbus(bytes));
	ASSERT_ERR(map_at(plan.seat.context, plan.asid, plan.buffer, PAGE, READ_WRITE, 2 * IOVA),
		   ENODEV);
	ASSERT_ERR(dmabuffs_accel_buffer_fd(plan.seat.library, plan.seat.context, plan.buffer,
					    &other),
		   ESTALE);
	info = (struct accel_buffer_info){ .id = plan.buffer };
	ASSERT_OK(dmabuffs_accel_call(plan.seat.context, ACCEL_IOC_BUFFER_INFO, &info));
	ASSERT(info.flags & ACCEL_BUFFER_REVOKED);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_EQ(read(plan.seat.context, &event, sizeof(event)), sizeof(event));
	ASSERT_EQ(event.type, ACCEL_EVENT_REVOKED);
	ASSERT_EQ(event.object, plan.buffer);
	/* What is pinned cannot be, and what is another's is not ours to revoke. */
	ASSERT_OK(alloc_buffer(plan.seat.context, PAGE, ACCEL_BUFFER_PINNED, &pinned));
	ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_BUFFER_REVOKE, pinned), EBUSY);
	close(fd);
	fd = raw_memfd(PAGE);
	ASSERT_OK(import_buffer(&plan.seat, fd, &pinned));
	ASSERT_ERR(object_call(plan.seat.context, ACCEL_IOC_BUFFER_REVOKE, pinned), EPERM);
	close(fd);
	dmabuffs_queue_close(queue);
	seat_close(&plan.seat);
}

/* A service that may not reach into its callers: by tickets. */
static void by_tickets(struct instance *instance)
{
	struct import import = { .device = SOFT0 };
	struct instance below;
	struct region region;
	struct seat seat;
	uint32_t asid;

	instance_start_in_pid_namespace(&below, NULL);
	import.instance = &below;
	seat_open(&seat, &below, SOFT0);
	region_create(&seat, &region, PAGE);
	name_asid(&seat, region.asid, 0666, &import.uuid);
	import.iova = region.iova;
	ASSERT_OK(child_call(USER(1001), import_and_use, &import));
	ASSERT(is_filled(&region, 0, PAGE, 0x5a));
	/* It sees neither us nor our /proc: no way to tell what this is. */
	ASSERT_ERR(dmabuffs_accel_bind_self(seat.library, seat.context, 0, 0, &asid), EBADFD);
	region_finish(&region);
	seat_close(&seat);
	expect_unused(&below, SOFT0);
	instance_settle(&below);
	instance_stop(&below);
}

/* With a /proc of the container's own, which names other processes by other numbers. */
static void bind_inside(int peer, void *data)
{
	uint8_t *page = map_private(PAGE, PROT_READ | PROT_WRITE);
	struct own own;

	ASSERT_EQ(getpid(), 1);
	ASSERT_OK(SYS(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)));
	ASSERT_OK(SYS(mount("proc", "/proc", "proc", 0, NULL)));
	own_start(&own, data);
	memset(page, 0x21, PAGE);
	expect_done(own.queue, from_own(&own, page, PAGE));
	ASSERT(is_filled(&own.region, 0, PAGE, 0x21));
	own_end(&own);
}

static void own_memory_in_container(struct instance *instance)
{
	const struct identity root = { .namespaces = CLONE_NEWPID | CLONE_NEWNS };
	struct child child;

	child_start(&child, &root, bind_inside, instance);
	child_wait(&child);
}

const struct test_case test_cases[] = {
	{ "asid_unknown_ids", unknown_ids },
	{ "asid_refused_maps", refused_maps },
	{ "asid_unmapping", unmapping },
	{ "asid_unmapped_for_the_device", unmapped_for_the_device },
	{ "asid_no_place_left", no_place_left },
	{ "asid_private_memory", private_memory },
	{ "asid_copying", copying },
	{ "asid_attached", attached },
	{ "asid_exported", exported, "accel=soft0,accel=other" },
	{ "asid_export_for_others", export_for_others },
	{ "asid_opened_name", opened_name },
	{ "asid_outlives_its_context", outlives_its_context },
	{ "asid_own_memory", own_memory },
	{ "asid_page_protections", page_protections },
	{ "asid_no_mapping_in_it", no_mapping_in_it },
	{ "asid_numbers", numbers },
	{ "asid_strange_files", strange_files },
	{ "asid_memory_of_another", memory_of_another },
	{ "asid_dead_after_exec", dead_after_exec },
	{ "asid_absent_in_a_child", absent_in_a_child },
	{ "asid_own_memory_by_name", own_memory_by_name },
	{ "asid_device_memory", device_memory },
	{ "asid_read_only_import", read_only_import },
	{ "asid_import_by_name", import_by_name },
	{ "asid_revoked_buffer", revoked_buffer },
	{ "asid_own_memory_in_container", own_memory_in_container },
	{ "asid_by_tickets", by_tickets, .flags = CASE_NO_INSTANCE },
	{ 0 },
};
