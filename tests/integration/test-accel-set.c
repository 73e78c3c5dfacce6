/* SPDX-License-Identifier: MIT */
/* test-accel-set.c - sets of address spaces, and context events */
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "accel.h"
#include "child.h"
#include "harness.h"

#define QUOTA 4

static uint32_t make_set(int context)
{
	struct accel_set_create arg = {.quota = QUOTA};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_CREATE, &arg));
	return arg.id;
}

static uint32_t make_member(int context, uint32_t set)
{
	struct accel_asid_create arg = {.set = set};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &arg));
	return arg.id;
}

static int try_member(int context, uint32_t set)
{
	struct accel_asid_create arg = {.set = set};

	return dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_ASID_CREATE, &arg);
}

static int entry_call(int context, unsigned long request, uint32_t set, uint32_t asid,
		      uint64_t guest)
{
	struct accel_set_entry arg = {.set = set, .asid = asid, .guest = guest};

	return dmabuffs_accel_call(context, request, &arg);
}

static int bind_guest(int context, uint32_t set, uint32_t asid, uint64_t guest)
{
	return entry_call(context, DMABUFFS_ACCEL_IOC_SET_BIND, set, asid, guest);
}

static int unbind_guest(int context, uint32_t set, uint64_t guest)
{
	return entry_call(context, DMABUFFS_ACCEL_IOC_SET_UNBIND, set, 0, guest);
}

static struct accel_set_info set_info(int context, uint32_t set)
{
	struct accel_set_info info = {.id = set};

	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_INFO, &info));
	return info;
}

/* A context with a set. */
struct scene {
	struct seat seat;
	uint32_t set;
};

static void scene_start(struct scene *scene, const struct instance *instance)
{
	seat_open(&scene->seat, instance, SOFT0);
	scene->set = make_set(scene->seat.context);
}

/* ---- quota and owner --------------------------------------------------------------- */

static void quota(struct instance *instance)
{
	struct accel_set_create none = {.quota = 0};
	uint32_t asids[QUOTA], asid;
	struct scene scene;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_CREATE, &none),
		   EINVAL);
	ASSERT_ERR(try_member(context, 9999), ENOENT);
	for (int i = 0; i < QUOTA; i++)
		asids[i] = make_member(context, scene.set);
	ASSERT_ERR(try_member(context, scene.set), EDQUOT);
	ASSERT_EQ(set_info(context, scene.set).quota, QUOTA);
	ASSERT_EQ(set_info(context, scene.set).asids, QUOTA);
	/* SVA ASIDs count too; outside the set the quota does not apply. */
	ASSERT_ERR(dmabuffs_accel_bind_self(scene.seat.library, context, 0, scene.set,
					    &asid),
		   EDQUOT);
	make_asid(context);
	ASSERT_ERR(object_call(context, DMABUFFS_ACCEL_IOC_SET_DESTROY, scene.set),
		   EBUSY);
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asids[1]));
	ASSERT_OK(dmabuffs_accel_bind_self(scene.seat.library, context, 0, scene.set,
					   &asid));
	ASSERT_ERR(try_member(context, scene.set), EDQUOT);
	asids[1] = asid;
	for (int i = 0; i < QUOTA; i++)
		ASSERT_OK(
			object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asids[i]));
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_SET_DESTROY, scene.set));
	ASSERT_ERR(object_call(context, DMABUFFS_ACCEL_IOC_SET_DESTROY, scene.set),
		   ENOENT);
	seat_close(&scene.seat);
	expect_unused(instance, SOFT0);
}

struct stranger {
	const struct instance *instance;
	uint32_t set, asid;
};

/* All set ioctls from a context that does not own the set. */
static int try_all(void *data)
{
	const struct stranger *stranger = data;
	int context = ASSERT_OK(open_context(stranger->instance, SOFT0));
	struct accel_set_info info = {.id = stranger->set};
	struct accel_queue_create queue = {.entries = 16, .set = stranger->set};
	uint32_t own = make_asid(context);

	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_INFO, &info),
		   EPERM);
	ASSERT_ERR(try_member(context, stranger->set), EPERM);
	ASSERT_ERR(bind_guest(context, stranger->set, own, 1), EPERM);
	ASSERT_ERR(bind_guest(context, stranger->set, stranger->asid, 1), EPERM);
	ASSERT_ERR(unbind_guest(context, stranger->set, 7), EPERM);
	ASSERT_ERR(
		entry_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, stranger->set, 0, 7),
		EPERM);
	ASSERT_ERR(entry_call(context, DMABUFFS_ACCEL_IOC_SET_NEXT, stranger->set, 0, 0),
		   EPERM);
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_QUEUE_CREATE, &queue),
		   EPERM);
	ASSERT_ERR(object_call(context, DMABUFFS_ACCEL_IOC_SET_DESTROY, stranger->set),
		   EPERM);
	close(context);
	return 0;
}

static void of_another_owner(struct instance *instance)
{
	struct stranger stranger = {.instance = instance};
	struct scene scene;

	scene_start(&scene, instance);
	stranger.set = scene.set;
	stranger.asid = make_member(scene.seat.context, scene.set);
	ASSERT_OK(bind_guest(scene.seat.context, scene.set, stranger.asid, 7));
	ASSERT_OK(try_all(&stranger));
	ASSERT_OK(child_call(USER(1001), try_all, &stranger));
	/* None of the refused calls changed the set. */
	ASSERT_EQ(set_info(scene.seat.context, scene.set).asids, 1);
	ASSERT_EQ(set_info(scene.seat.context, scene.set).bound, 1);
	seat_close(&scene.seat);
}

/* ---- guest ids --------------------------------------------------------------------- */

static void look_up(struct instance *instance)
{
	struct accel_set_entry entry;
	uint32_t asids[2], outsider, other;
	struct scene scene;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	outsider = make_asid(context);
	other = make_set(context);
	for (int i = 0; i < 2; i++)
		asids[i] = make_member(context, scene.set);
	ASSERT_ERR(bind_guest(context, scene.set, outsider, 1), EPERM);
	ASSERT_ERR(bind_guest(context, other, asids[0], 1), EPERM);
	ASSERT_ERR(bind_guest(context, scene.set, 9999, 1), ENOENT);
	ASSERT_ERR(bind_guest(context, 9999, asids[0], 1), ENOENT);
	ASSERT_ERR(bind_guest(context, scene.set, asids[0], ACCEL_NO_GUEST), EINVAL);
	ASSERT_OK(bind_guest(context, scene.set, asids[0], 0));
	ASSERT_OK(bind_guest(context, scene.set, asids[1], 1ULL << 40));
	ASSERT_ERR(bind_guest(context, scene.set, asids[0], 2), EEXIST);
	ASSERT_ERR(bind_guest(context, scene.set, asids[1], 0), EEXIST);
	ASSERT_EQ(set_info(context, scene.set).bound, 2);

	entry = (struct accel_set_entry){.set = scene.set, .guest = 1ULL << 40};
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, &entry));
	ASSERT_EQ(entry.asid, asids[1]);
	entry = (struct accel_set_entry){
		.flags = ACCEL_SET_BY_ASID, .set = scene.set, .asid = asids[1]};
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, &entry));
	ASSERT_EQ(entry.guest, 1ULL << 40);
	entry.flags = 1U << 9;
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, &entry),
		   EOPNOTSUPP);
	ASSERT_ERR(entry_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, scene.set, 0, 3),
		   ENOENT);

	ASSERT_ERR(unbind_guest(context, scene.set, 3), ENOENT);
	ASSERT_OK(unbind_guest(context, scene.set, 0));
	ASSERT_ERR(entry_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, scene.set, 0, 0),
		   ENOENT);
	entry = (struct accel_set_entry){
		.flags = ACCEL_SET_BY_ASID, .set = scene.set, .asid = asids[0]};
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, &entry),
		   ENOENT);
	ASSERT_OK(bind_guest(context, scene.set, asids[0], 5));
	/* Destroying an ASID frees its guest id. */
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asids[0]));
	ASSERT_ERR(entry_call(context, DMABUFFS_ACCEL_IOC_SET_LOOKUP, scene.set, 0, 5),
		   ENOENT);
	ASSERT_EQ(set_info(context, scene.set).bound, 1);
	seat_close(&scene.seat);
}

static void iterate(struct instance *instance)
{
	struct accel_set_entry entry;
	uint32_t asids[3];
	struct scene scene;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	entry = (struct accel_set_entry){.set = scene.set};
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_NEXT, &entry),
		   ENOENT);
	for (int i = 0; i < 3; i++) {
		asids[i] = make_member(context, scene.set);
		make_asid(context); /* not in the set, so not listed */
	}
	ASSERT_OK(bind_guest(context, scene.set, asids[1], 42));
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_NEXT,
					      &entry));
		ASSERT_EQ(entry.asid, asids[i]);
		ASSERT_EQ(entry.guest, i == 1 ? 42 : ACCEL_NO_GUEST);
	}
	ASSERT_ERR(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_NEXT, &entry),
		   ENOENT);
	/* SET_NEXT continues after the id of an ASID that was destroyed. */
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asids[1]));
	entry.asid = asids[1];
	ASSERT_OK(dmabuffs_accel_call(context, DMABUFFS_ACCEL_IOC_SET_NEXT, &entry));
	ASSERT_EQ(entry.asid, asids[2]);
	seat_close(&scene.seat);
}

/* ---- queues restricted to a set ---------------------------------------------------- */

static void guarded_queue(struct instance *instance)
{
	struct dmabuffs_accel_queue *queue;
	struct region region;
	struct scene scene;
	uint32_t member;
	uint64_t iova;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	region_create(&scene.seat, &region, 4096);
	member = make_member(context, scene.set);
	ASSERT_OK(map_anywhere(context, member, region.buffer, 4096, READ_WRITE, &iova));
	queue = make_queue_with(&scene.seat, ACCEL_QUEUE_USER, 16, scene.set);
	ASSERT_ERR(attach(context, dmabuffs_accel_queue_id(queue), region.asid), EPERM);
	expect_fault(queue, fill(region.asid, region.iova, 8, 1), ACCEL_FAULT_ASID,
		     region.iova);
	ASSERT_OK(attach(context, dmabuffs_accel_queue_id(queue), member));
	expect_done(queue, fill(member, iova, 8, 2));
	ASSERT_EQ(region.bytes[0], 2);
	/* A set in use by a queue cannot be destroyed, even without members. */
	ASSERT_OK(detach(context, dmabuffs_accel_queue_id(queue), member));
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, member));
	ASSERT_ERR(object_call(context, DMABUFFS_ACCEL_IOC_SET_DESTROY, scene.set),
		   EBUSY);
	dmabuffs_accel_queue_close(queue);
	region_finish(&region);
	seat_close(&scene.seat);
	expect_unused(instance, SOFT0);
}

/* ---- events ------------------------------------------------------------------------ */

static void expect_event(int context, enum accel_event_type type, uint64_t sequence,
			 struct accel_event *ret_event)
{
	ASSERT(wait_ready(context, POLLIN, WAIT_MS));
	ASSERT_EQ(SYS(read(context, ret_event, sizeof(*ret_event))), sizeof(*ret_event));
	ASSERT_EQ(ret_event->type, type);
	ASSERT_EQ(ret_event->sequence, sequence);
}

static void events(struct instance *instance)
{
	struct accel_event event, rest[8];
	struct scene scene;
	uint64_t time;
	uint32_t asid;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	ASSERT(!wait_ready(context, POLLIN, 0));
	asid = make_member(context, scene.set);
	ASSERT(!wait_ready(context, POLLIN, 0));
	ASSERT_OK(bind_guest(context, scene.set, asid, 42));
	expect_event(context, ACCEL_EVENT_BIND, 0, &event);
	ASSERT_EQ(event.set, scene.set);
	ASSERT_EQ(event.asid, asid);
	ASSERT_EQ(event.value, 42);
	ASSERT_EQ(event.flags, 0);
	ASSERT(event.time_ns / 1000000 <= now_ms());
	time = event.time_ns;
	ASSERT_ERR(SYS(read(context, &event, sizeof(event))), EAGAIN);
	ASSERT(!wait_ready(context, POLLIN, 0));

	ASSERT_OK(unbind_guest(context, scene.set, 42));
	ASSERT_OK(bind_guest(context, scene.set, asid, 43));
	ASSERT_OK(object_call(context, DMABUFFS_ACCEL_IOC_ASID_DESTROY, asid));
	expect_event(context, ACCEL_EVENT_UNBIND, 1, &event);
	ASSERT_EQ(event.value, 42);
	ASSERT(event.time_ns >= time);
	/* Reads the rest at once: whole events only, despite room for a half. */
	ASSERT_EQ(SYS(read(context, rest, 7 * sizeof(event) + 10)), 3 * sizeof(event));
	ASSERT_EQ(rest[0].type, ACCEL_EVENT_BIND);
	ASSERT_EQ(rest[1].type, ACCEL_EVENT_UNBIND);
	ASSERT_EQ(rest[1].value, 43);
	ASSERT_EQ(rest[2].type, ACCEL_EVENT_FREE);
	ASSERT_EQ(rest[2].asid, asid);
	ASSERT_EQ(rest[2].sequence, 4);
	/* A failed call generates no event. */
	ASSERT_ERR(unbind_guest(context, scene.set, 42), ENOENT);
	ASSERT_ERR(SYS(read(context, &event, sizeof(event))), EAGAIN);
	seat_close(&scene.seat);
}

#define WAKE_UPS 20

static void bind_when_told(int peer, void *data)
{
	const struct scene *scene = data;
	uint32_t asid;

	asid = make_member(scene->seat.context, scene->set);
	for (uint64_t i = 0; i < WAKE_UPS; i++) {
		peer_wait(peer);
		ASSERT_OK(bind_guest(scene->seat.context, scene->set, asid, i));
		ASSERT_OK(unbind_guest(scene->seat.context, scene->set, i));
	}
	peer_wait(peer);
}

/* poll(2) is woken by an operation in another process. */
static void woken(struct instance *instance)
{
	struct accel_event event;
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, NULL, bind_when_told, &scene);
	for (uint64_t i = 0; i < WAKE_UPS; i++) {
		peer_signal(child.peer);
		expect_event(scene.seat.context, ACCEL_EVENT_BIND, 2 * i, &event);
		ASSERT_EQ(event.value, i);
		expect_event(scene.seat.context, ACCEL_EVENT_UNBIND, 2 * i + 1, &event);
	}
	peer_signal(child.peer);
	child_wait(&child);
	seat_close(&scene.seat);
}

/* The same with epoll(7), which reports changes instead of checking anew. */
static void watched(struct instance *instance)
{
	struct epoll_event event = {.events = EPOLLIN}, got;
	int epoll = ASSERT_OK(SYS(epoll_create1(EPOLL_CLOEXEC)));
	struct accel_event events[2];
	struct scene scene;
	struct child child;

	scene_start(&scene, instance);
	child_start(&child, NULL, bind_when_told, &scene);
	ASSERT_OK(SYS(epoll_ctl(epoll, EPOLL_CTL_ADD, scene.seat.context, &event)));
	for (size_t i = 0; i < WAKE_UPS; i++) {
		size_t n = 0;

		ASSERT_EQ(SYS(epoll_wait(epoll, &got, 1, 0)), 0);
		peer_signal(child.peer);
		while (n < sizeof(events)) {
			ASSERT_EQ(SYS(epoll_wait(epoll, &got, 1, WAIT_MS)), 1);
			n += (size_t)ASSERT_OK(SYS(
				read(scene.seat.context, events, sizeof(events) - n)));
		}
	}
	peer_signal(child.peer);
	child_wait(&child);
	close(epoll);
	seat_close(&scene.seat);
}

/* Unread events: the newest are kept, and the first one read reports the loss. */
static void lost(struct instance *instance)
{
	const uint64_t posted = 2 * (ACCEL_EVENTS_MAX + 10);
	struct accel_event event;
	struct scene scene;
	uint32_t asid;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	asid = make_member(context, scene.set);
	for (uint64_t i = 0; i < posted / 2; i++) {
		ASSERT_OK(bind_guest(context, scene.set, asid, i));
		ASSERT_OK(unbind_guest(context, scene.set, i));
	}
	for (uint64_t i = posted - ACCEL_EVENTS_MAX; i < posted; i++) {
		expect_event(context, i % 2 ? ACCEL_EVENT_UNBIND : ACCEL_EVENT_BIND, i,
			     &event);
		ASSERT_EQ(event.flags,
			  i == posted - ACCEL_EVENTS_MAX ? ACCEL_EVENT_LOST : 0);
		ASSERT_EQ(event.value, i / 2);
	}
	ASSERT_ERR(SYS(read(context, &event, sizeof(event))), EAGAIN);
	/* The loss is reported once. */
	ASSERT_OK(bind_guest(context, scene.set, asid, 1));
	expect_event(context, ACCEL_EVENT_BIND, posted, &event);
	ASSERT_EQ(event.flags, 0);
	seat_close(&scene.seat);
}

static void expect_batch(int context, size_t room, uint64_t first, size_t n)
{
	struct accel_event events[ACCEL_EVENTS_MAX + 44];

	ASSERT(room <= ARRAY_SIZE(events));
	ASSERT_EQ(SYS(read(context, events, room * sizeof(events[0]))),
		  (long long)(n * sizeof(events[0])));
	for (size_t i = 0; i < n; i++)
		ASSERT_EQ(events[i].sequence, first + i);
}

/* As many events as there are, or as fit. */
static void fills_the_buffer(struct instance *instance)
{
	struct scene scene;
	uint32_t asid;
	int context;

	scene_start(&scene, instance);
	context = scene.seat.context;
	asid = make_member(context, scene.set);
	for (uint64_t i = 0; i < ACCEL_EVENTS_MAX / 2; i++) {
		ASSERT_OK(bind_guest(context, scene.set, asid, i));
		ASSERT_OK(unbind_guest(context, scene.set, i));
	}
	expect_batch(context, 100, 0, 100);
	expect_batch(context, ACCEL_EVENTS_MAX + 44, 100, ACCEL_EVENTS_MAX - 100);
	seat_close(&scene.seat);
}

/* Each context has its own events. */
static void of_others(struct instance *instance)
{
	struct scene first, second;
	uint32_t asid;

	scene_start(&first, instance);
	scene_start(&second, instance);
	asid = make_member(first.seat.context, first.set);
	ASSERT_OK(bind_guest(first.seat.context, first.set, asid, 1));
	ASSERT(wait_ready(first.seat.context, POLLIN, WAIT_MS));
	ASSERT(!wait_ready(second.seat.context, POLLIN, 0));
	seat_close(&first.seat);
	seat_close(&second.seat);
}

const struct test_case test_cases[] = {
	{"set_quota", quota},
	{"set_of_another_owner", of_another_owner},
	{"set_look_up", look_up},
	{"set_iterate", iterate},
	{"set_guarded_queue", guarded_queue},
	{"set_events", events},
	{"set_woken", woken},
	{"set_watched", watched},
	{"set_lost", lost},
	{"set_fills_the_buffer", fills_the_buffer},
	{"set_of_others", of_others},
	{0},
};
