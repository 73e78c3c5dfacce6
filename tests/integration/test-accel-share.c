/* SPDX-License-Identifier: MIT */
/* test-accel-share.c - address spaces exported by name to other contexts */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

/* An import of the ASID @uuid into a context of @device, by a child process. */
struct import {
	const struct instance *instance;
	dmabuffs_uuid uuid;
	uint64_t iova;
	const char *device;
};

static int import_and_use(void *data)
{
	const struct import *import = data;
	struct dmabuffs_accel_queue *queue;
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
	ASSERT_OK(attach(seat.context, dmabuffs_accel_queue_id(queue), asid));
	expect_done(queue, fill(asid, import->iova, PAGE, 0x5a));
	dmabuffs_accel_queue_close(queue);
	seat_close(&seat);
	return 0;
}

static void name_asid(const struct seat *seat, uint32_t asid, uint32_t mode,
		      dmabuffs_uuid *ret_uuid)
{
	const struct dmabuffs_export_options options = {
		.size = sizeof(options),
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
	struct import import = {.instance = instance, .device = SOFT0};
	uint64_t names = free_names(instance);
	struct dmabuffs_info info;
	struct region region;
	dmabuffs_uuid again;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	name_asid(&seat, region.asid, 0600, &import.uuid);
	import.iova = region.iova;
	ASSERT_OK(dmabuffs_query(seat.library, &import.uuid, &info, sizeof(info)));
	ASSERT_EQ(info.kind, DMABUFFS_KIND_ASID);
	ASSERT_EQ(info.bytes, 0);
	ASSERT_EQ(info.pid, getpid());
	ASSERT(strcmp((const char *)info.label, "an address space") == 0);
	ASSERT_EQ(free_names(instance), names - 1);
	/* The same terms return the same name; different terms are refused. */
	name_asid(&seat, region.asid, 0600, &again);
	ASSERT_EQ(memcmp(&again, &import.uuid, sizeof(again)), 0);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, region.asid, NULL, &again),
		   EEXIST);
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
	/* Closing the context removes the name. */
	expect_unused(instance, SOFT0);
	expect_no_name(instance, import.uuid.bytes);
	ASSERT_EQ(free_names(instance), names);
}

/* Exporting an ASID again is not charged a second time. */
static void exported_at_the_limit(struct instance *instance)
{
	struct region region, other;
	dmabuffs_uuid name, again;
	struct seat seat;

	seat_open(&seat, instance, SOFT0);
	region_create(&seat, &region, PAGE);
	region_create(&seat, &other, PAGE);
	name_asid(&seat, region.asid, 0600, &name);
	ASSERT_ERR(dmabuffs_accel_export_asid(seat.context, other.asid, NULL, &again),
		   ENOSPC);
	name_asid(&seat, region.asid, 0600, &again);
	ASSERT_EQ(memcmp(&again, &name, sizeof(again)), 0);
	region_finish(&other);
	region_finish(&region);
	seat_close(&seat);
}

static void export_for_others(struct instance *instance)
{
	const struct identity member = {.uid = 1002, .gid = 1002, {2001}, 1};
	struct import import = {.instance = instance, .device = SOFT0};
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
	/* The UUID without the name is not enough. */
	ASSERT_OK(SYS(unlink(path)));
	ASSERT_ERR(child_call(USER(1001), import_and_use, &import), ENOENT);
	region_finish(&region);
	seat_close(&seat);
}

static int import_opened(int context, int fd, uint32_t *ret_asid)
{
	struct dmabuffs_accel_import arg = {.fd = fd};
	int r = dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_IMPORT, &arg);

	if (r == 0)
		*ret_asid = arg.id;
	return r;
}

/* The operations that an opened ASID name permits and refuses. */
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
	/* An ASID is not memory. */
	ASSERT(SYS(pread(both, &byte, 1, 0)) < 0);
	ASSERT(SYS(pwrite(both, &byte, 1, 0)) < 0);
	ASSERT(raw_map(both, PAGE, PROT_READ, (void **)&(void *){NULL}) < 0);
	ASSERT(raw_exchange(connection, both) < 0);
	ASSERT_ERR(import_buffer(&second, both, &id), EBADFD);
	ASSERT(dmabuffs_revoke(first.library, &uuid) < 0);
	/* A descriptor opened before unlink(2) can still be imported. */
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
	struct dmabuffs_accel_queue *queue;
	struct seat seat;
	uint32_t asid;

	seat_open(&seat, survivor->instance, SOFT0);
	ASSERT_OK(dmabuffs_accel_import_asid(seat.library, seat.context, &survivor->uuid,
					     &asid));
	peer_signal(peer);
	peer_wait(peer);
	queue = make_queue(&seat);
	ASSERT_OK(attach(seat.context, dmabuffs_accel_queue_id(queue), asid));
	expect_done(queue, fill(asid, survivor->iova, PAGE, 0x77));
	peer_signal(peer);
	peer_wait(peer);
}

/*
 * An importer keeps the mappings, the memory and its id after the exporter's context is
 * closed.
 */
static void outlives_its_context(struct instance *instance)
{
	struct survivor survivor = {.instance = instance};
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

/* An SVA ASID can be exported by name as well. */
static void own_memory_by_name(struct instance *instance)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct import import = {instance, .iova = (uintptr_t)page, .device = SOFT0};
	struct seat seat;

	ASSERT(page != MAP_FAILED);
	seat_open(&seat, instance, SOFT0);
	name_asid(&seat, bind_self(&seat, 0), 0666, &import.uuid);
	ASSERT_OK(child_call(USER(1001), import_and_use, &import));
	ASSERT_EQ(page[0], 0x5a);
	ASSERT_EQ(page[PAGE - 1], 0x5a);
	seat_close(&seat);
}

/* With a service that may not access its callers: by tickets. */
static void by_tickets(struct instance *instance)
{
	struct import import = {.device = SOFT0};
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
	/*
	 * The service sees neither this process nor its /proc, so it cannot verify the
	 * files.
	 */
	ASSERT_ERR(dmabuffs_accel_bind_self(seat.library, seat.context, 0, 0, &asid),
		   EBADFD);
	region_finish(&region);
	seat_close(&seat);
	expect_unused(&below, SOFT0);
	instance_settle(&below);
	instance_stop(&below);
}

const struct test_case test_cases[] = {
	{"share_exported", exported, "accel=soft0,accel=other"},
	{"share_exported_at_the_limit", exported_at_the_limit, "max-exports=1"},
	{"share_export_for_others", export_for_others},
	{"share_opened_name", opened_name},
	{"share_outlives_its_context", outlives_its_context},
	{"share_own_memory_by_name", own_memory_by_name},
	{"share_by_tickets", by_tickets, .flags = CASE_NO_INSTANCE},
	{0},
};
