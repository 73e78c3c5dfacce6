/* SPDX-License-Identifier: MIT */
/* test-ended.c - why a name ended */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

static int open_for_reading(const struct instance *instance)
{
	char path[INSTANCE_PATH_SIZE + sizeof(DMABUFFS_CONTROL_NAME)];

	(void)snprintf(path, sizeof(path), "%s/" DMABUFFS_CONTROL_NAME, instance->dir);
	return (int)ASSERT_OK(SYS(open(path, O_RDONLY | O_CLOEXEC)));
}

static int get_cause(int control, const uint8_t uuid[16])
{
	struct dmabuffs_ended ended = {.size = sizeof(ended)};
	int result;

	memcpy(ended.uuid, uuid, sizeof(ended.uuid));
	result = (int)SYS(ioctl(control, DMABUFFS_IOC_ENDED, &ended));
	return result < 0 ? result : (int)ended.cause;
}

/* To everybody who knows the name, and to nobody while it exists. */
static void why_a_name_ended(struct instance *instance)
{
	int control = open_for_reading(instance), root;
	struct shared withdrawn, revoked, unlinked;
	const uint8_t unknown[16] = {1};

	share(&withdrawn, instance, PAGE, 0, 0);
	share(&revoked, instance, PAGE, 0, 0);
	share(&unlinked, instance, PAGE, 0, 0);
	ASSERT_ERR(get_cause(control, unknown), ENOENT);
	ASSERT_ERR(get_cause(control, withdrawn.uuid), ENOENT);
	ASSERT_OK(raw_withdraw(withdrawn.root, withdrawn.uuid));
	ASSERT_EQ(get_cause(control, withdrawn.uuid), DMABUFFS_ENDED_WITHDRAWN);
	root = ASSERT_OK(raw_root(instance));
	ASSERT_OK(raw_revoke(root, revoked.uuid));
	ASSERT_EQ(get_cause(control, revoked.uuid), DMABUFFS_ENDED_REVOKED);
	ASSERT_OK(raw_unlink(instance, unlinked.uuid));
	ASSERT_EQ(get_cause(control, unlinked.uuid), DMABUFFS_ENDED_UNLINKED);
	close(root);
	close(control);
}

/* Any user may ask. */
static int ask_as_stranger(void *data)
{
	const struct shared *shared = data;

	return get_cause(open_for_reading(shared->instance), shared->uuid);
}

static bool has_ended(void *data)
{
	return child_call(USER(1002), ask_as_stranger, data) == DMABUFFS_ENDED_CLOSED;
}

static void its_exporter_ended(struct instance *instance)
{
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_EQ(child_call(USER(1002), ask_as_stranger, &shared), -ENOENT);
	close(shared.root);
	ASSERT(wait_until(has_ended, &shared));
	close(shared.fd);
}

const struct test_case test_cases[] = {
	{"why_a_name_ended", why_a_name_ended},
	{"its_exporter_ended", its_exporter_ended},
	{0},
};
