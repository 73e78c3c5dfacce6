/* SPDX-License-Identifier: MIT */
/* test-lib-control.c - commands on .control, with an imitated service */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-device.h"
#include "instance.h"

#define CONTROL 77 /* the descriptor of the instance; never used by a system call */

static struct dmabuffs instance = {.root_fd = -1, .control_fd = CONTROL};
static unsigned int calls;

/* The pages of the service: their names and whether more follow. */
static const struct {
	uint32_t count;
	bool more;
} pages[] = {{2, true}, {0, true}, {DMABUFFS_LIST_MAX, true}, {1, false}};

#define NAMES (2 + DMABUFFS_LIST_MAX + 1)

static int answer_pages(int fd, unsigned long request, void *arg)
{
	struct dmabuffs_list *list = arg;

	cr_assert(all(eq(int, fd, CONTROL), eq(ulong, request, DMABUFFS_IOC_LIST)));
	cr_assert(all(eq(u32, list->size, sizeof(*list)), zero(u32, list->flags)));
	cr_assert(eq(u64, list->cursor, calls * 100), "the cursor goes back as it came");
	list->count = pages[calls].count;
	list->more = pages[calls].more;
	list->cursor = ++calls * 100;
	for (uint32_t i = 0; i < list->count; i++)
		memset(list->uuids[i], (int)calls, DMABUFFS_UUID_SIZE);
	return 0;
}

static int count_names(const dmabuffs_uuid *uuid, void *data)
{
	cr_assert(eq(u8, uuid->bytes[15], calls));
	++*(unsigned int *)data;
	return 0;
}

static int stop_at_third(const dmabuffs_uuid *uuid, void *data)
{
	return ++*(unsigned int *)data == 3 ? -EXDEV : 0;
}

static void start(void)
{
	calls = 0;
	fake_device_command = answer_pages;
}

TestSuite(control, .init = start);

Test(control, lists_each_page)
{
	unsigned int n = 0;

	cr_assert(zero(int, dmabuffs_list(&instance, count_names, &n)));
	cr_assert(all(eq(u32, n, NAMES), eq(u32, calls, 4)));
}

Test(control, the_visitor_ends_the_list)
{
	unsigned int n = 0;

	cr_assert(eq(int, dmabuffs_list(&instance, stop_at_third, &n), -EXDEV));
	cr_assert(all(eq(u32, n, 3), eq(u32, calls, 3)));
}

static int answer_too_many(int fd, unsigned long request, void *arg)
{
	((struct dmabuffs_list *)arg)->count = DMABUFFS_LIST_MAX + 1;
	return 0;
}

static int answer_error(int fd, unsigned long request, void *arg)
{
	calls++;
	return -ENOTCONN;
}

Test(control, list_refuses_bad_pages)
{
	unsigned int n = 0;

	fake_device_command = answer_too_many;
	cr_assert(eq(int, dmabuffs_list(&instance, count_names, &n), -EPROTO));
	fake_device_command = answer_error;
	cr_assert(eq(int, dmabuffs_list(&instance, count_names, &n), -ENOTCONN));
	cr_assert(all(zero(u32, n), eq(u32, calls, 1)));
}

/* Without .control, or without read permission on it, there is nothing to ask. */
Test(control, import_only)
{
	struct dmabuffs only = {.root_fd = -1, .control_fd = -1, .refusal = -EACCES};
	const dmabuffs_uuid uuid = {{1}};
	dmabuffs_uuid made;
	unsigned int n = 0;

	cr_assert(eq(int, dmabuffs_list(&only, count_names, &n), -EACCES));
	cr_assert(eq(int, dmabuffs_export(&only, 0, NULL, &made), -EACCES));
	cr_assert(eq(int, dmabuffs_withdraw(&only, &uuid), -EACCES));
	cr_assert(eq(int, dmabuffs_revoke(&only, &uuid), -EACCES));
	cr_assert(zero(u32, calls));
}

/* A read-only mount: the list works, nothing that changes is asked for. */
Test(control, read_only)
{
	struct dmabuffs only = {.root_fd = -1, .control_fd = CONTROL, .refusal = -EROFS};
	const dmabuffs_uuid uuid = {{1}};
	dmabuffs_uuid made;
	unsigned int n = 0;

	cr_assert(eq(int, dmabuffs_export(&only, 0, NULL, &made), -EROFS));
	cr_assert(eq(int, dmabuffs_withdraw(&only, &uuid), -EROFS));
	cr_assert(eq(int, dmabuffs_revoke(&only, &uuid), -EROFS));
	cr_assert(zero(u32, calls));
	cr_assert(zero(int, dmabuffs_list(&only, count_names, &n)));
	cr_assert(eq(u32, n, NAMES));
}

static int known_error; /* of the command that answer_unlink() gets */

static int answer_unlink(int fd, unsigned long request, void *arg)
{
	const struct dmabuffs_withdraw *withdraw = arg;

	cr_assert(all(eq(int, fd, CONTROL), eq(ulong, request, DMABUFFS_IOC_WITHDRAW)));
	cr_assert(eq(u32, withdraw->flags, DMABUFFS_WITHDRAW_OWN));
	cr_assert(eq(u8, withdraw->uuid[0], 0x11));
	calls++;
	return known_error;
}

/* By the command, and where that is unknown or refused by unlink(2). */
Test(control, unlink_by_command)
{
	struct dmabuffs by_command = {.root_fd = -1, .control_fd = CONTROL};
	dmabuffs_uuid uuid = {{0x11}};

	fake_device_command = answer_unlink;
	cr_assert(zero(int, dmabuffs_unlink(&by_command, &uuid)));
	known_error = -EPERM;
	cr_assert(eq(int, dmabuffs_unlink(&by_command, &uuid), -EPERM));
	known_error = -EOPNOTSUPP;
	cr_assert(eq(int, dmabuffs_unlink(&by_command, &uuid), -EBADF));
	cr_assert(eq(u32, calls, 3));
	by_command.refusal = -EROFS;
	cr_assert(eq(int, dmabuffs_unlink(&by_command, &uuid), -EBADF));
	by_command.refusal = 0;
	by_command.is_old = true;
	cr_assert(eq(int, dmabuffs_unlink(&by_command, &uuid), -EBADF));
	cr_assert(eq(u32, calls, 3));
}

/* A service without .control shows the names in the directory. */
Test(control, old_service)
{
	static const char name[] = "11111111-2222-4333-8444-555555555555";
	char dir[] = "/tmp/dmabuffs-test-XXXXXX";
	struct dmabuffs old = {.control_fd = CONTROL, .is_old = true};
	dmabuffs_uuid uuid;
	unsigned int n = 0;

	cr_assert(ne(ptr, mkdtemp(dir), NULL));
	old.root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert(zero(int, dmabuffs_uuid_parse(name, &uuid)));
	cr_assert(zero(int, mkdirat(old.root_fd, name, 0700)));
	cr_assert(zero(int, mkdirat(old.root_fd, ".other", 0700)));
	calls = uuid.bytes[15];
	cr_assert(zero(int, dmabuffs_list(&old, count_names, &n)));
	cr_assert(eq(u32, n, 1));
	unlinkat(old.root_fd, name, AT_REMOVEDIR);
	unlinkat(old.root_fd, ".other", AT_REMOVEDIR);
	rmdir(dir);
	close(old.root_fd);
}
