/* SPDX-License-Identifier: MIT */
/*
 * test-crash-accel.c - contexts of accelerators outlive the process that serves them
 */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>

#include "../integration/accel.h"
#include "child.h"
#include "harness.h"
#include "raw.h"
#include "worker.h"

#define KILLS     10
#define LATENCY   "supervisor,accel=soft0:latency=1000000000"
#define N_PENDING 3

static void replace(const struct instance *instance)
{
	pid_t worker = worker_expect();

	worker_kill(worker);
	worker_expect_served(instance, worker);
}

static void end(struct instance *instance)
{
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH)));
	instance_expect_exit(instance, 0);
}

/* ---- without commands under way ---------------------------------------------------- */

struct objects {
	struct accel_asid_info asid;
	struct accel_set_entry entry;
	uint32_t set, fence, buffer;
};

static void make_objects(struct desk *desk, struct objects *objects)
{
	int context = desk->seat.context;
	struct accel_set_create set = {.quota = 2};
	struct accel_asid_create asid = {0};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_CREATE, &set));
	asid.set = objects->set = set.id;
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &asid));
	objects->entry =
		(struct accel_set_entry){.set = set.id, .asid = asid.id, .guest = 99};
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_BIND,
				      &objects->entry));
	ASSERT_OK(alloc_buffer(context, 4 * PAGE, 0, &objects->buffer));
	ASSERT_OK(map_at(context, asid.id, objects->buffer, 4 * PAGE, READ_WRITE, IOVA));
	objects->asid = asid_info(context, asid.id);
	objects->fence = make_fence(context);
	raise_fence(context, objects->fence, 5);
}

static void expect_objects(struct desk *desk, const struct objects *objects)
{
	int context = desk->seat.context;
	struct accel_asid_info asid = asid_info(context, objects->asid.id);
	struct accel_set_entry entry = {.set = objects->set, .guest = 99};
	struct accel_fence fence = {.id = objects->fence};

	ASSERT(!memcmp(&asid, &objects->asid, sizeof(asid)));
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, &entry));
	ASSERT_EQ(entry.asid, objects->entry.asid);
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_FENCE_QUERY, &fence));
	ASSERT_EQ(fence.value, 5);
	ASSERT_EQ(map_at(context, asid.id, objects->buffer, PAGE, READ_WRITE, IOVA),
		  -EEXIST);
}

static void goes_on(struct instance *unused)
{
	struct instance instance;
	struct objects objects;
	struct desk user, mediated;
	uint32_t last = 0, id;

	instance_start(&instance, "supervisor");
	desk_start(&user, &instance, ACCEL_QUEUE_USER, 16);
	desk_start(&mediated, &instance, 0, 16);
	make_objects(&user, &objects);
	for (unsigned i = 0; i < KILLS; i++) {
		replace(&instance);
		desk_check(&user, (uint8_t)(2 * i + 1));
		desk_check(&mediated, (uint8_t)(2 * i + 2));
		expect_objects(&user, &objects);
		/* No id is given twice. */
		ASSERT_OK(alloc_buffer(user.seat.context, PAGE, 0, &id));
		ASSERT(id > last);
		last = id;
	}
	desk_end(&user);
	desk_end(&mediated);
	expect_unused(&instance, SOFT0);
	end(&instance);
}

/* ---- with commands under way ------------------------------------------------------- */

static void expect_pending_to_end(struct desk *desk)
{
	uint32_t id = dmabuffs_accel_queue_id(desk->queue);
	struct accel_command command = fill(desk->region.asid, desk->region.iova, 8, 1);
	struct accel_queue_info info;
	uint64_t index;

	info = queue_info(desk->seat.context, id);
	ASSERT_EQ(info.state, ACCEL_QUEUE_FAULTED);
	ASSERT_EQ(info.fault.reason, ACCEL_FAULT_OWNER);
	for (uint64_t i = info.completed; i < N_PENDING; i++)
		ASSERT_EQ(dmabuffs_accel_queue_wait(desk->queue, i, WAIT_NS),
			  -EOWNERDEAD);
	ASSERT_OK(object_call(desk->seat.context, DMABUFFS_ACCEL_IOC_QUEUE_RESET, id));
	/* Nothing of it is executed any more. */
	memset(desk->region.bytes, 7, desk->region.size);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk->queue, &command, 1, &index));
	ASSERT_EQ(index, N_PENDING);
	ASSERT_OK(dmabuffs_accel_queue_wait(desk->queue, index, WAIT_NS));
	ASSERT(is_filled(&desk->region, 0, 8, 1));
	ASSERT(is_filled(&desk->region, 8, desk->region.size, 7));
}

static void pending_of(uint32_t flags)
{
	struct instance instance;
	struct accel_command commands[N_PENDING];
	struct desk desk;
	uint64_t index;

	instance_start(&instance, LATENCY);
	desk_start(&desk, &instance, flags, 16);
	for (unsigned i = 0; i < N_PENDING; i++)
		commands[i] = fill(desk.region.asid, desk.region.iova, PAGE, 3);
	ASSERT_OK(dmabuffs_accel_queue_submit(desk.queue, commands, N_PENDING, &index));
	/* So all were taken. */
	ASSERT_OK(dmabuffs_accel_queue_wait(desk.queue, 0, WAIT_NS));
	replace(&instance);
	expect_pending_to_end(&desk);
	desk_end(&desk);
	end(&instance);
}

static void pending_mediated(struct instance *unused)
{
	pending_of(0);
}

static void pending_user_mode(struct instance *unused)
{
	pending_of(ACCEL_QUEUE_USER);
}

/* ---- a client that sleeps ---------------------------------------------------------- */

/* Returns once the service has replied that there is no event. */
static int watch_events(int context)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = ASSERT_OK(SYS(epoll_create1(EPOLL_CLOEXEC)));

	ASSERT_OK(SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, context, &event)));
	return epoll;
}

static int wait_for_event(int epoll)
{
	struct epoll_event event;

	return SYS(epoll_wait(epoll, &event, 1, WAIT_NS / 1000000));
}

/*
 * The kernel sends no FUSE_POLL again that was replied to, so it would never ask the
 * successor about a client that sleeps.
 */
static void sleeper_is_woken(struct instance *unused)
{
	struct accel_command command = nop();
	struct instance instance;
	struct accel_event event;
	struct desk desk;
	int epoll;

	command.flags = ACCEL_COMMAND_NOTIFY;
	instance_start(&instance, "supervisor");
	desk_start(&desk, &instance, 0, 16);
	epoll = watch_events(desk.seat.context);
	for (unsigned i = 0; i < 2; i++) {
		replace(&instance);
		ASSERT_OK(run_command(desk.queue, command));
		ASSERT_EQ(wait_for_event(epoll), 1);
		ASSERT_EQ(SYS(read(desk.seat.context, &event, sizeof(event))),
			  sizeof(event));
		ASSERT_EQ(event.type, ACCEL_EVENT_COMPLETED);
	}
	close(epoll);
	desk_end(&desk);
	end(&instance);
}

const struct test_case test_cases[] = {
	{"goes_on", goes_on, NULL, 300, CASE_NO_INSTANCE},
	{"pending_mediated", pending_mediated, NULL, 300, CASE_NO_INSTANCE},
	{"pending_user_mode", pending_user_mode, NULL, 300, CASE_NO_INSTANCE},
	{"sleeper_is_woken", sleeper_is_woken, NULL, 300, CASE_NO_INSTANCE},
	{0},
};
