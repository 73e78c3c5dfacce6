/* SPDX-License-Identifier: MIT */
/* test-accel-asid.c - device address spaces: map, copy, attach */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accel.h"
#include "harness.h"
#include "raw.h"

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
	return dmabuffs_accel_call(plan->seat.context, DMABUFFS_ACCEL_IOC_ASID_MAP, &arg);
}

/* Returns the number of bytes unmapped, or -errno. */
static long long unmap(const struct plan *plan, uint64_t iova, uint64_t length)
{
	struct accel_asid_unmap arg = {
		.asid = plan->asid,
		.iova = iova,
		.length = length,
	};
	int r = dmabuffs_accel_call(plan->seat.context, DMABUFFS_ACCEL_IOC_ASID_UNMAP,
				    &arg);

	return r < 0 ? r : (long long)arg.length;
}

/* ---- mapping arguments ------------------------------------------------------------- */

static void unknown_ids(struct instance *instance)
{
	const uint32_t ids[] = {0, 9999, UINT32_MAX};
	struct accel_asid_map arg;
	struct plan plan;

	plan_start(&plan, instance);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct accel_asid_info info = {.id = ids[i]};
		struct accel_asid_unmap nothing = {.asid = ids[i], .length = PAGE};

		arg = map_of(&plan);
		arg.asid = ids[i];
		ASSERT_ERR(map(&plan, arg), ENOENT);
		arg = map_of(&plan);
		arg.buffer = ids[i];
		ASSERT_ERR(map(&plan, arg), ENOENT);
		ASSERT_ERR(dmabuffs_accel_call(plan.seat.context,
					       DMABUFFS_ACCEL_IOC_ASID_INFO, &info),
			   ENOENT);
		ASSERT_ERR(dmabuffs_accel_call(plan.seat.context,
					       DMABUFFS_ACCEL_IOC_ASID_UNMAP, &nothing),
			   ENOENT);
		ASSERT_ERR(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY,
				       ids[i]),
			   ENOENT);
		ASSERT_ERR(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE,
				       ids[i]),
			   ENOENT);
		ASSERT_ERR(object_call(plan.seat.context,
				       DMABUFFS_ACCEL_IOC_BUFFER_REVOKE, ids[i]),
			   ENOENT);
	}
	/* Ids of another kind of object. */
	ASSERT_ERR(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY,
			       plan.buffer),
		   ENOENT);
	ASSERT_ERR(
		object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_BUFFER_FREE, plan.asid),
		ENOENT);
	/* An ASID's id is not reused: a stale id is not found. */
	ASSERT_OK(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY,
			      plan.asid));
	ASSERT_ERR(object_call(plan.seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY,
			       plan.asid),
		   ENOENT);
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
	EXPECT_MAP(&plan, arg.flags = READ_WRITE,
		   EINVAL); /* any address, a given address */
	EXPECT_MAP(&plan, arg.length = 5 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.offset = 4 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.offset = 2 * PAGE; arg.length = 3 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.iova = reserved.first, EINVAL);
	EXPECT_MAP(&plan, arg.iova = reserved.first - PAGE;
		   arg.length = 2 * PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.iova = reserved.last + 1 - PAGE, EINVAL);
	EXPECT_MAP(&plan, arg.iova = info.aperture.last + 1, EINVAL);
	/* No refused call left a mapping behind. */
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
	ASSERT_ERR(unmap(&plan, IOVA, 9 * PAGE),
		   ENOENT); /* a whole mapping, part of a mapping */
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

/* After unmap returns, the device no longer accesses the memory. */
static void unmapped_for_the_device(struct instance *instance)
{
	struct dmabuffs_accel_queue *queue;
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
	dmabuffs_accel_queue_close(queue);
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
	/* A sparse file: mapping it uses address space only. */
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
	/* A file that is neither a memfd nor a dma-buf. */
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
	return dmabuffs_accel_call(plan->seat.context, DMABUFFS_ACCEL_IOC_ASID_COPY,
				   &arg);
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
	struct dmabuffs_accel_queue *queue;
	struct region region;
	struct plan plan;
	uint32_t other;

	plan_start(&plan, instance);
	region_create(&plan.seat, &region, 4 * PAGE);
	other = make_asid(plan.seat.context);
	/* Two adjacent mappings; the second is read-only. */
	ASSERT_OK(map_at(plan.seat.context, plan.asid, region.buffer, 4 * PAGE,
			 READ_WRITE, IOVA));
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
	arg.length = 8 * PAGE; /* beyond the second mapping */
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
	/*
	 * The copy stays mapped without its source; its first page is the source's page
	 * 1.
	 */
	ASSERT_EQ(unmap(&plan, 0, UINT64_MAX), 8 * PAGE);
	queue = make_queue(&plan.seat);
	ASSERT_OK(attach(plan.seat.context, dmabuffs_accel_queue_id(queue), other));
	attach_region(&plan.seat, queue, &region);
	memset(region.bytes, 1, PAGE);
	memset(region.bytes + PAGE, 2, PAGE);
	expect_done(queue, copy(region.asid, region.iova, other, good.dst_iova, 100));
	ASSERT(is_filled(&region, 0, 100, 2));
	expect_done(queue, copy(region.asid, region.iova, other, good.dst_iova + 3 * PAGE,
				PAGE));
	expect_fault(queue, fill(other, good.dst_iova, 8, 3), ACCEL_FAULT_PERMISSION,
		     good.dst_iova);
	dmabuffs_accel_queue_close(queue);
	region_finish(&region);
	seat_close(&plan.seat);
}

/* ---- attached address spaces ------------------------------------------------------- */

static void attached(struct instance *instance)
{
	struct dmabuffs_accel_queue *queue;
	struct region region;
	struct seat seat;
	uint32_t id;

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	queue = make_queue(&seat);
	id = dmabuffs_accel_queue_id(queue);
	expect_fault(queue, fill(region.asid, region.iova, 8, 1), ACCEL_FAULT_ASID,
		     region.iova);
	ASSERT_ERR(detach(seat.context, id, region.asid), ENOENT);
	attach_region(&seat, queue, &region);
	ASSERT_ERR(attach(seat.context, id, region.asid), EEXIST);
	ASSERT_ERR(attach(seat.context, id, 9999), ENOENT);
	ASSERT_ERR(attach(seat.context, 9999, region.asid), ENOENT);
	ASSERT_EQ(asid_info(seat.context, region.asid).attached, 1);
	ASSERT_ERR(
		object_call(seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, region.asid),
		EBUSY);
	expect_done(queue, fill(region.asid, region.iova, 8, 1));
	ASSERT_OK(detach(seat.context, id, region.asid));
	expect_fault(queue, fill(region.asid, region.iova, 8, 2), ACCEL_FAULT_ASID,
		     region.iova);
	ASSERT_OK(
		object_call(seat.context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, region.asid));
	ASSERT(is_filled(&region, 0, 8, 1));
	dmabuffs_accel_queue_close(queue);
	region_finish(&region);
	seat_close(&seat);
}

const struct test_case test_cases[] = {
	{"asid_unknown_ids", unknown_ids},
	{"asid_refused_maps", refused_maps},
	{"asid_unmapping", unmapping},
	{"asid_unmapped_for_the_device", unmapped_for_the_device},
	{"asid_no_place_left", no_place_left, "max-pinned-per-uid=1T"},
	{"asid_private_memory", private_memory},
	{"asid_copying", copying},
	{"asid_attached", attached},
	{0},
};
