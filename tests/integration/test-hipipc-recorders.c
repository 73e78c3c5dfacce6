/* SPDX-License-Identifier: MIT */
/* test-hipipc-recorders.c - events whose recorder dies, and systems without /dev/shm */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "harness.h"
#include "hipipc.h"
#include "namespaces.h"

/* ---- recorders that exit before their record is reached ---------------------------- */

struct waiter {
	pthread_t thread;
	hipEvent_t event;
	hipError_t result;
};

static void *synchronize(void *data)
{
	struct waiter *waiter = data;

	waiter->result = hipEventSynchronize(waiter->event);
	return NULL;
}

static void waiter_start(struct waiter *waiter, hipIpcEventHandle_t handle)
{
	waiter->event = open_event(handle);
	ASSERT_EQ(pthread_create(&waiter->thread, NULL, synchronize, waiter), 0);
}

static void waiter_end(struct waiter *waiter, hipError_t expected)
{
	ASSERT_EQ(pthread_join(waiter->thread, NULL), 0);
	ASSERT_HIP(expected, waiter->result);
	ASSERT_HIP(hipSuccess, hipEventDestroy(waiter->event));
}

/* A stream and a thread wait for a record that is never reached. */
static void recorder_ends(struct instance *instance, const struct identity *who,
			  void (*end)(struct exporter *exporter))
{
	struct exporter exporter = {.instance = instance, .mode = "666"};
	hipStream_t stream;
	hipEvent_t event;
	struct waiter waiter;
	uint64_t start;

	exporter_start(&exporter, who);
	hip_begin(instance);
	event = open_event(exporter.event);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	exporter_order(&exporter, ORDER_HOLD, 0);
	exporter_order(&exporter, ORDER_RECORD, 1);
	waiter_start(&waiter, exporter.event);
	ASSERT_HIP(hipSuccess, hipStreamWaitEvent(stream, event, 0));
	ASSERT_HIP(hipErrorNotReady, hipStreamQuery(stream));
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(event));
	end(&exporter);
	start = now_ms();
	waiter_end(&waiter, hipErrorContextIsDestroyed);
	ASSERT_HIP(hipErrorContextIsDestroyed, hipStreamSynchronize(stream));
	ASSERT_HIP(hipErrorContextIsDestroyed, hipEventQuery(event));
	ASSERT_HIP(hipErrorContextIsDestroyed, hipEventSynchronize(event));
	ASSERT(now_ms() - start < PROMPT_MS);
	/* The remaining processes can still use the event. */
	ASSERT_HIP(hipSuccess, hipEventRecord(event, NULL));
	ASSERT_HIP(hipSuccess, hipEventSynchronize(event));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	expect_names(instance, 0);
}

static void recorder_killed(struct instance *instance)
{
	recorder_ends(instance, NULL, exporter_kill);
}

static void recorder_exits(struct instance *instance)
{
	recorder_ends(instance, NULL, exporter_end);
}

/* The recorder is killed with its PID namespace. */
static void recorder_elsewhere(struct instance *instance)
{
	const struct identity inside = {.uid = 1001,
					.gid = 1001,
					.namespaces = ALL_NAMESPACES,
					.sees = instance->dir,
					.own_proc = true};

	recorder_ends(instance, &inside, exporter_kill);
}

/* The importer records and is killed while the exporter waits. */
static void record_held(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipStream_t stream;
	struct gate gate;

	hip_begin(exporter->instance);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	gate_close(&gate, stream);
	ASSERT_HIP(hipSuccess, hipEventRecord(open_event(exporter->event), stream));
	peer_signal(peer);
	peer_wait(peer);
}

static void importer_killed(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct child importer;
	uint64_t start;

	exporter_start(&exporter, NULL);
	child_start(&importer, NULL, record_held, &exporter);
	peer_wait(importer.peer);
	exporter_order(&exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_tell(&exporter, ORDER_SYNC, hipErrorContextIsDestroyed);
	child_kill(&importer, SIGKILL);
	start = now_ms();
	exporter_done(&exporter);
	ASSERT(now_ms() - start < PROMPT_MS);
	exporter_order(&exporter, ORDER_QUERY, hipErrorContextIsDestroyed);
	exporter_order(&exporter, ORDER_RECORD, 1);
	exporter_order(&exporter, ORDER_SYNC, hipSuccess);
	exporter_end(&exporter);
}

/* The exit of another process with the event must not fail the recorder's record. */
static void open_and_destroy(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipEvent_t first, second;

	hip_begin(exporter->instance);
	first = open_event(exporter->event);
	second = open_event(exporter->event);
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(first));
	ASSERT_HIP(hipSuccess, hipEventDestroy(second));
	ASSERT_HIP(hipErrorNotReady, hipEventQuery(first));
}

static void bystander_ends(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct child bystander;

	exporter_start(&exporter, NULL);
	exporter_order(&exporter, ORDER_HOLD, 0);
	exporter_order(&exporter, ORDER_RECORD, 1);
	for (int i = 0; i < 5; i++) {
		child_start(&bystander, NULL, open_and_destroy, &exporter);
		child_wait(&bystander);
	}
	exporter_order(&exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_order(&exporter, ORDER_RELEASE, 0);
	exporter_order(&exporter, ORDER_QUERY, hipSuccess);
	exporter_end(&exporter);
}

/* After it destroys one of its two events, a process still records with the other. */
static void one_of_two_destroyed(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	hipEvent_t first, second;
	hipStream_t stream;
	struct gate gate;

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	first = open_event(exporter.event);
	second = open_event(exporter.event);
	ASSERT_HIP(hipSuccess, hipStreamCreate(&stream));
	gate_close(&gate, stream);
	ASSERT_HIP(hipSuccess, hipEventRecord(first, stream));
	ASSERT_HIP(hipSuccess, hipEventDestroy(second));
	exporter_order(&exporter, ORDER_QUERY, hipErrorNotReady);
	/* Destroying the last event does not cancel the stream's work. */
	ASSERT_HIP(hipSuccess, hipEventDestroy(first));
	exporter_order(&exporter, ORDER_QUERY, hipErrorNotReady);
	exporter_tell(&exporter, ORDER_SYNC, hipSuccess);
	gate_open(&gate);
	exporter_done(&exporter);
	exporter_end(&exporter);
}

static void destroyed_while_waited_for(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct waiter waiter;

	exporter_start(&exporter, NULL);
	hip_begin(instance);
	exporter_order(&exporter, ORDER_HOLD, 0);
	exporter_order(&exporter, ORDER_RECORD, 1);
	waiter_start(&waiter, exporter.event);
	exporter_order(&exporter, ORDER_DESTROY, 0);
	exporter_order(&exporter, ORDER_RELEASE, 0);
	waiter_end(&waiter, hipSuccess);
	exporter_end(&exporter);
}

/* ---- without System V or POSIX shared memory --------------------------------------- */

static void append_listing(const char *path, char *text, size_t size)
{
	size_t used = strlen(text);
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir)) && used < size)
		used += (size_t)snprintf(text + used, size - used, "%s/%s\n", path,
					 entry->d_name);
	if (dir)
		closedir(dir);
}

static void append_file(const char *path, char *text, size_t size)
{
	size_t used = strlen(text);
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	used += fread(text + used, 1, size - used - 1, file);
	text[used] = '\0';
	fclose(file);
}

/* A private IPC namespace, so that other programs do not change the listing. */
static void get_own_ipc(void)
{
	ASSERT_OK(SYS(unshare(CLONE_NEWIPC)));
	if (access("/dev/shm", F_OK) == 0)
		ASSERT_OK(SYS(mount("none", "/dev/shm", "tmpfs", 0, "mode=1777")));
	if (access("/dev/mqueue", F_OK) == 0)
		ASSERT_OK(SYS(mount("none", "/dev/mqueue", "mqueue", 0, NULL)));
}

/* Lists everything with a name in the IPC namespace and in /dev. */
static void list_ipc(char *text, size_t size)
{
	*text = '\0';
	append_listing("/dev/shm", text, size);
	append_listing("/dev/mqueue", text, size);
	append_file("/proc/sysvipc/shm", text, size);
	append_file("/proc/sysvipc/sem", text, size);
	append_file("/proc/sysvipc/msg", text, size);
}

static void expect_not_mapped(const char *what)
{
	_cleanup_free_ char *line = NULL;
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t size = 0;

	ASSERT(maps);
	while (getline(&line, &size, maps) > 0)
		if (strstr(line, what))
			test_fail(__FILE__, __LINE__, "mapped: %s", line);
	fclose(maps);
}

static void no_dev_shm(struct instance *instance)
{
	static char before[20000], during[20000];
	struct exporter exporter = {.instance = instance};
	hipEvent_t event;

	get_own_ipc();
	list_ipc(before, sizeof(before));
	exporter_start(&exporter, NULL);
	hip_begin(instance);
	event = open_event(exporter.event);
	for (int i = 0; i < 200; i++) {
		exporter_order(&exporter, ORDER_RECORD, 1);
		ASSERT_HIP(hipSuccess, hipEventSynchronize(event));
	}
	list_ipc(during, sizeof(during));
	ASSERT(strcmp(before, during) == 0);
	expect_not_mapped("/dev/shm");
	expect_not_mapped("/SYSV");
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	exporter_end(&exporter);
}

const struct test_case test_cases[] = {
	{"row_event_recorder_killed", recorder_killed},
	{"row_event_recorder_exits", recorder_exits},
	{"row_event_recorder_killed_elsewhere", recorder_elsewhere},
	{"row_event_importer_killed", importer_killed},
	{"row_event_bystander_ends", bystander_ends},
	{"row_event_one_of_two_destroyed", one_of_two_destroyed},
	{"row_event_destroyed_while_waited_for", destroyed_while_waited_for},
	{"row_event_no_dev_shm", no_dev_shm},
	{NULL},
};
