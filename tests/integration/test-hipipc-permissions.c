/* SPDX-License-Identifier: MIT */
/* test-hipipc-permissions.c - a handle grants no access: open(2) decides */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "harness.h"
#include "hipipc.h"
#include "namespaces.h"
#include "raw.h"

#define OWNER    1001
#define STRANGER 1002
#define GROUP    2001

static const struct identity member = {
	.uid = STRANGER, .gid = STRANGER, .groups = {GROUP}, .n_groups = 1};
static const struct identity owner = {.uid = OWNER, .gid = GROUP};

static void start(struct exporter *ret_exporter, struct instance *instance,
		  const char *mode)
{
	*ret_exporter = (struct exporter){.instance = instance, .mode = mode};
	exporter_start(ret_exporter, &owner);
}

/* ---- importers, each in a process of its own --------------------------------------- */

static void open_works(int peer, void *data)
{
	const struct exporter *exporter = data;
	void *memory;
	hipEvent_t event;

	hip_begin(exporter->instance);
	memory = open_memory(exporter->memory);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_HIP(hipSuccess, hipMemset(memory, 7, 0));
	event = open_event(exporter->event);
	ASSERT_HIP(hipSuccess, hipEventQuery(event));
	ASSERT_HIP(hipSuccess, hipEventDestroy(event));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
}

static void expect_refused(const struct exporter *exporter, hipError_t expected)
{
	hipEvent_t event = NULL;
	void *memory = NULL;

	hip_begin(exporter->instance);
	ASSERT_IPC(expected, hipIpcOpenMemHandle(&memory, exporter->memory, 0));
	ASSERT(!memory);
	if (!strstr(hipipcLastReason(), "Permission denied"))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", hipipcLastReason());
	ASSERT_IPC(expected, hipIpcOpenEventHandle(&event, exporter->event));
	ASSERT(!event);
	if (!strstr(hipipcLastReason(), "Permission denied"))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", hipipcLastReason());
}

static void open_refused(int peer, void *data)
{
	expect_refused(data, hipErrorInvalidDevicePointer);
}

static void open_refused_cuda(int peer, void *data)
{
	ASSERT_OK(SYS(setenv("HIPIPC_COMPAT", "cuda", 1)));
	expect_refused(data, hipErrorMapBufferObjectFailed);
}

static void import_as(const struct identity *who, void (*fn)(int peer, void *data),
		      struct exporter *exporter)
{
	struct child child;

	child_start(&child, who, fn, exporter);
	child_wait(&child);
}

/* ---- cases ------------------------------------------------------------------------- */

static void other_user(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, NULL);
	import_as(USER(STRANGER), open_refused, &exporter);
	import_as(&member, open_refused, &exporter);
	import_as(USER(OWNER), open_works, &exporter);
	import_as(NULL, open_works, &exporter);
	exporter_end(&exporter);
}

static void other_user_cuda(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, NULL);
	import_as(USER(STRANGER), open_refused_cuda, &exporter);
	exporter_end(&exporter);
}

static void group(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, "660");
	import_as(USER(STRANGER), open_refused, &exporter);
	import_as(&member, open_works, &exporter);
	import_as(USER(OWNER), open_works, &exporter);
	exporter_end(&exporter);
}

static void everybody(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, "0666");
	import_as(USER(STRANGER), open_works, &exporter);
	exporter_end(&exporter);
}

/* With read permission only, memory is mapped read-only; events need write permission. */
static void open_to_read(int peer, void *data)
{
	const struct exporter *exporter = data;
	hipEvent_t event;
	void *memory;

	hip_begin(exporter->instance);
	memory = open_memory(exporter->memory);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcOpenEventHandle(&event, exporter->event));
	ASSERT_HIP(hipErrorIllegalAddress, hipMemset(memory, 0, 1));
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
}

static void read_only(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, "640");
	import_as(&member, open_to_read, &exporter);
	import_as(USER(STRANGER), open_refused, &exporter);
	import_as(USER(OWNER), open_works, &exporter);
	exporter_order(&exporter, ORDER_CHECK, 1);
	exporter_end(&exporter);
}

/* Devices cannot map write-only memory. */
static void write_only(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, "620");
	import_as(&member, open_refused, &exporter);
	exporter_end(&exporter);
}

static void nobody(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, "0");
	import_as(USER(OWNER), open_refused, &exporter);
	exporter_end(&exporter);
}

/* An invalid mode grants no access to others. */
static void senseless_mode(struct instance *instance)
{
	const char *const modes[] = {"rw-rw-rw-", "0666x", "-1",  "7777",
				     "1666",      "",      "999", " 666"};
	struct exporter exporter;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		start(&exporter, instance, modes[i]);
		import_as(USER(STRANGER), open_refused, &exporter);
		import_as(USER(OWNER), open_works, &exporter);
		exporter_end(&exporter);
	}
}

static void change_mode(const struct exporter *exporter, mode_t mode)
{
	char path[INSTANCE_PATH_SIZE + UUID_TEXT_SIZE], text[UUID_TEXT_SIZE];

	raw_uuid_text(memory_wire(exporter->memory).uuid, text);
	snprintf(path, sizeof(path), "%s/%s", exporter->instance->dir, text);
	ASSERT_OK(SYS(chmod(path, mode)));
	raw_uuid_text(event_wire(exporter->event).uuid, text);
	snprintf(path, sizeof(path), "%s/%s", exporter->instance->dir, text);
	ASSERT_OK(SYS(chmod(path, mode)));
}

/* As with any file, an open descriptor stays valid. */
static void open_and_keep(int peer, void *data)
{
	struct exporter *exporter = data;
	void *memory;

	hip_begin(exporter->instance);
	memory = open_memory(exporter->memory);
	peer_signal(peer);
	peer_wait(peer);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	expect_refused(exporter, hipErrorInvalidDevicePointer);
}

static void changed_later(struct instance *instance)
{
	struct exporter exporter;
	struct child child;

	start(&exporter, instance, NULL);
	import_as(&member, open_refused, &exporter);
	change_mode(&exporter, 0660);
	import_as(&member, open_works, &exporter);
	child_start(&child, &member, open_and_keep, &exporter);
	peer_wait(child.peer);
	change_mode(&exporter, 0600);
	peer_signal(child.peer);
	child_wait(&child);
	exporter_end(&exporter);
}

/* ---- reasons ----------------------------------------------------------------------- */

/* One log line, with the text of hipipcLastReason(). */
static void open_refused_and_logged(int peer, void *data)
{
	const struct exporter *exporter = data;
	char text[1000] = "";
	void *memory;
	int log;

	ASSERT_OK(SYS(setenv("HIPIPC_LOG", "error", 1)));
	hip_begin(exporter->instance);
	log = ASSERT_OK(SYS(open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600)));
	ASSERT_OK(SYS(dup2(log, STDERR_FILENO)));
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcOpenMemHandle(&memory, exporter->memory, 0));
	ASSERT(pread(log, text, sizeof(text) - 1, 0) > 0);
	ASSERT(strstr(text, "hipIpcOpenMemHandle"));
	ASSERT(strstr(text, "Permission denied"));
	ASSERT(strstr(text, hipipcLastReason()));
	ASSERT(strchr(text, '\n') == text + strlen(text) - 1);
}

/* A wrong argument is logged, too. */
static void invalid_value_logged(struct instance *instance)
{
	char text[1000] = "";
	int log;

	ASSERT_OK(SYS(unsetenv("HIPIPC_LOG")));
	hip_begin(instance);
	ASSERT_OK(SYS(unsetenv("HIPIPC_LOG")));
	log = ASSERT_OK(SYS(open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600)));
	ASSERT_OK(SYS(dup2(log, STDERR_FILENO)));
	ASSERT_IPC(hipErrorInvalidValue, hipIpcGetMemHandle(NULL, &log));
	ASSERT(pread(log, text, sizeof(text) - 1, 0) > 0);
	ASSERT(strcmp(text, "hipipc: hipIpcGetMemHandle: the handle is NULL\n") == 0);
}

static void expect_reason(const char *words)
{
	if (!strstr(hipipcLastReason(), words))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\", not \"%s\"",
			  hipipcLastReason(), words);
}

/* Who may open it, and who tried. */
static void open_refused_by_mode(int peer, void *data)
{
	const struct exporter *exporter = data;
	char words[100];
	void *memory;

	hip_begin(exporter->instance);
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcOpenMemHandle(&memory, exporter->memory, 0));
	(void)snprintf(words, sizeof(words), "mode 0640 of uid %u, gid %u", OWNER, GROUP);
	expect_reason(words);
	(void)snprintf(words, sizeof(words), "process is uid %u", STRANGER);
	expect_reason(words);
}

static void mode_named(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, "640");
	import_as(USER(STRANGER), open_refused_by_mode, &exporter);
	exporter_end(&exporter);
}

/* ---- a read-only bind mount -------------------------------------------------------- */

static void mount_read_only(const struct instance *instance, struct instance *ret_bind)
{
	*ret_bind = *instance;
	(void)snprintf(ret_bind->dir, sizeof(ret_bind->dir), "%s/read-only",
		       test_work_dir);
	ASSERT_OK(SYS(mkdir(ret_bind->dir, 0755)));
	ASSERT_OK(SYS(mount(instance->dir, ret_bind->dir, NULL, MS_BIND, NULL)));
	ASSERT_OK(SYS(mount(NULL, ret_bind->dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY,
			    NULL)));
}

/* The memory can be read, and only that; an event needs write access. */
static void read_through_read_only_mount(struct instance *instance)
{
	struct exporter exporter = {.instance = instance};
	struct instance bind;
	hipEvent_t event;
	void *memory;

	mount_read_only(instance, &bind);
	exporter_start(&exporter, NULL);
	hip_begin(&bind);
	memory = open_memory(exporter.memory);
	device_check(memory, 0, DEVICE_BYTES, 1);
	ASSERT_HIP(hipErrorIllegalAddress, hipMemset(memory, 0, 1));
	exporter_order(&exporter, ORDER_CHECK, 1);
	ASSERT_IPC(hipSuccess, hipIpcCloseMemHandle(memory));
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcOpenEventHandle(&event, exporter.event));
	expect_reason("is mounted read-only here");
	expect_reason(bind.dir);
	exporter_end(&exporter);
	ASSERT_OK(SYS(umount2(bind.dir, MNT_DETACH)));
}

static void logged(struct instance *instance)
{
	struct exporter exporter;

	start(&exporter, instance, NULL);
	import_as(USER(STRANGER), open_refused_and_logged, &exporter);
	exporter_end(&exporter);
}

/* ---- policies of the instance ------------------------------------------------------ */

/* A namespace-policy refusal is reported like any other failed open(2). */
static void open_refused_by_policy(int peer, void *data)
{
	const struct exporter *exporter = data;
	void *memory;

	hip_begin(exporter->instance);
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcOpenMemHandle(&memory, exporter->memory, 0));
}

static void policy(struct instance *instance)
{
	const struct identity inside = {OWNER, GROUP,
					.namespaces = CLONE_NEWNET | CLONE_NEWUSER};
	struct exporter exporter;

	start(&exporter, instance, "666");
	import_as(USER(OWNER), open_works, &exporter);
	import_as(&inside, open_refused_by_policy, &exporter);
	exporter_end(&exporter);
}

/* A user that may only import cannot export. */
static void get_refused(int peer, void *data)
{
	hipIpcMemHandle_t handle;

	hip_begin(data);
	ASSERT_IPC(hipErrorInvalidDevicePointer,
		   hipIpcGetMemHandle(&handle, device_alloc(100, 1)));
	ASSERT(strstr(hipipcLastReason(), "Permission denied"));
}

static void import_only(struct instance *instance)
{
	struct exporter exporter = {.instance = instance, .mode = "666"};
	struct child child;

	exporter_start(&exporter, NULL);
	import_as(USER(STRANGER), open_works, &exporter);
	child_start(&child, USER(STRANGER), get_refused, instance);
	child_wait(&child);
	exporter_end(&exporter);
}

const struct test_case test_cases[] = {
	{"row_open_not_permitted", other_user},
	{"row_open_not_permitted_cuda", other_user_cuda},
	{"row_open_not_permitted_group", group},
	{"row_open_not_permitted_everybody", everybody},
	{"row_open_not_permitted_read_only", read_only},
	{"row_open_not_permitted_write_only", write_only},
	{"row_open_not_permitted_nobody", nobody},
	{"row_open_not_permitted_senseless_mode", senseless_mode},
	{"row_open_not_permitted_changed_later", changed_later},
	{"row_open_not_permitted_logged", logged},
	{"row_open_not_permitted_mode_named", mode_named},
	{"row_open_read_only_mount", read_through_read_only_mount},
	{"row_open_read_only_mount_nopassthrough", read_through_read_only_mount,
	 "nopassthrough"},
	{"row_get_null_logged", invalid_value_logged},
	{"row_open_not_permitted_policy", policy, "ns=net"},
	{"row_get_not_permitted", import_only, "control-mode=0660"},
	{NULL},
};
