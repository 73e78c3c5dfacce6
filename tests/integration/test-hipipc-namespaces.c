/* SPDX-License-Identifier: MIT */
/*
 * test-hipipc-namespaces.c - exporters and importers in separate containers
 *
 *
 * They share only the mount, and have a /proc of their own.
 */

#include "harness.h"
#include "hipipc.h"
#include "namespaces.h"

static struct identity container(const struct instance *instance, uid_t uid)
{
	return (struct identity){.uid = uid,
				 .gid = uid,
				 .namespaces = ALL_NAMESPACES,
				 .sees = instance->dir,
				 .own_proc = true};
}

/* The importer is started after the exporter and inherits its connection. */
static void use_everything(int peer, void *data)
{
	struct exporter *exporter = data;
	hipStream_t stream;
	struct gate gate;
	hipEvent_t event;
	void *memory;

	hip_begin(exporter->instance);
	memory = open_memory(exporter->memory);
	event = open_event(exporter->event);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	device_check(memory, 0, DEVICE_BYTES, 1);
	/* The exporter records and holds, this process waits. */
	exporter_order(exporter, ORDER_HOLD, 0);
	exporter_order(exporter, ORDER_RECORD, 2);
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(event));
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(stream, event, 0));
	exporter_tell(exporter, ORDER_RELEASE, 0);
	ASSERT_HIP(hipSuccess, hipStreamSynchronize(stream));
	device_check_value(memory, DEVICE_BYTES, 2);
	exporter_done(exporter);
	/* The reverse direction. */
	gate_close(&gate, stream);
	ASSERT_HIP(hipSuccess, hipMemsetAsync(memory, 3, DEVICE_BYTES, stream));
	ASSERT_HIP(hipSuccess, hipEventRecord(event, stream));
	exporter_order(exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_tell(exporter, ORDER_SYNC, hipSuccess);
	gate_open(&gate);
	exporter_done(exporter);
	exporter_order(exporter, ORDER_VALUE, 3);
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
}

static void use_everything_inside(int peer, void *data)
{
	ASSERT_EQ(getpid(), 1);
	ASSERT_EQ(access("/dev", F_OK), -1);
	use_everything(peer, data);
}

static void run(struct instance *instance, const struct identity *from,
		const struct identity *to)
{
	struct exporter exporter = {.instance = instance, .mode = "666"};
	struct child importer;

	exporter_start(&exporter, from);
	child_start(&importer, to, to ? use_everything_inside : use_everything,
		    &exporter);
	child_wait(&importer);
	exporter_end(&exporter);
	expect_names(instance, 0);
}

static void between_containers(struct instance *instance)
{
	const struct identity one = container(instance, 1001);
	const struct identity other = container(instance, 1002);

	run(instance, &one, &other);
}

static void into_container(struct instance *instance)
{
	const struct identity inside = container(instance, 1001);

	run(instance, NULL, &inside);
}

static void from_container(struct instance *instance)
{
	const struct identity inside = container(instance, 1001);

	run(instance, &inside, NULL);
}

/* Without /proc. */
static void without_proc(struct instance *instance)
{
	struct identity one = container(instance, 1001);
	struct identity other = container(instance, 1002);

	one.own_proc = other.own_proc = false;
	run(instance, &one, &other);
}

/*
 * The same user and PID in other namespaces: the default mode permits the import, and the
 * library must not take the exporter for the process itself.
 */
static void share_both_ways(int peer, void *data)
{
	hipIpcMemHandle_t own, others;
	void *memory;

	ASSERT_EQ(getpid(), 1);
	hip_begin(data);
	own = get_memory(device_alloc(DEVICE_BYTES, 1));
	peer_put(peer, &own, sizeof(own));
	peer_get(peer, &others, sizeof(others));
	ASSERT_IPC(hipErrorInvalidContext, hipIpcOpenMemHandle(&memory, own, 0));
	memory = open_memory(others);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	/* Signals when it no longer needs this process's memory. */
	peer_signal(peer);
	peer_wait(peer);
}

static void pass_on_handle(const struct child *from, const struct child *to)
{
	hipIpcMemHandle_t handle;

	peer_get(from->peer, &handle, sizeof(handle));
	peer_put(to->peer, &handle, sizeof(handle));
}

static void equal_pids(struct instance *instance)
{
	const struct identity inside = container(instance, 1001);
	struct child one, other;

	child_start(&one, &inside, share_both_ways, instance);
	child_start(&other, &inside, share_both_ways, instance);
	pass_on_handle(&one, &other);
	pass_on_handle(&other, &one);
	peer_wait(one.peer);
	peer_wait(other.peer);
	peer_signal(one.peer);
	peer_signal(other.peer);
	child_wait(&one);
	child_wait(&other);
	expect_names(instance, 0);
}

/* The handle of another user is refused, also for root of a user namespace. */
static void expect_refused(int peer, void *data)
{
	const struct exporter *exporter = data;
	void *memory;

	ASSERT_EQ(getuid(), 0);
	hip_begin(exporter->instance);
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcOpenMemHandle(&memory, exporter->memory, 0));
}

static void root_in_a_container(struct instance *instance)
{
	const struct identity one = container(instance, 1001);
	const struct identity other = container(instance, 1002);
	struct exporter exporter = {.instance = instance};
	struct child importer;

	exporter_start(&exporter, &one);
	child_start(&importer, &other, expect_refused, &exporter);
	child_wait(&importer);
	exporter_end(&exporter);
}

/* A service that cannot name its clients takes deposited descriptors. */
static void service_below(struct instance *unused)
{
	struct instance below;

	instance_start_in_pid_namespace(&below, NULL);
	run(&below, NULL, NULL);
	instance_settle(&below);
	instance_stop(&below);
}

const struct test_case test_cases[] = {
	{"row_open_between_containers", between_containers},
	{"row_open_into_container", into_container},
	{"row_open_from_container", from_container},
	{"row_open_without_proc", without_proc},
	{"row_open_own_equal_pids", equal_pids},
	{"row_open_not_permitted_in_container", root_in_a_container},
	{"row_open_service_in_pid_namespace", service_below, .flags = CASE_NO_INSTANCE},
	{NULL},
};
