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

	cr_assert(eq(int, fd, CONTROL));
	cr_assert(eq(ulong, request, DMABUFFS_IOC_LIST));
	cr_assert(eq(u32, list->size, sizeof(*list)));
	cr_assert(zero(u32, list->flags));
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
	cr_assert(eq(u32, n, NAMES));
	cr_assert(eq(u32, calls, 4));
}

Test(control, the_visitor_ends_the_list)
{
	unsigned int n = 0;

	cr_assert(eq(int, dmabuffs_list(&instance, stop_at_third, &n), -EXDEV));
	cr_assert(eq(u32, n, 3));
	cr_assert(eq(u32, calls, 3));
}

/* ---- entries ----------------------------------------------------------------------- */

static struct dmabuffs_entries entries_page; /* of the service, the last one */
static unsigned int queries;

/* Two pages. The second entry of the first is one that the service does not describe. */
static int answer_entries(int fd, unsigned long request, void *arg)
{
	struct dmabuffs_entries *page = arg;

	if (request == DMABUFFS_IOC_INFO) {
		((struct dmabuffs_info *)arg)->kind = DMABUFFS_KIND_DMABUF;
		queries++;
		return 0;
	}
	cr_assert(eq(int, fd, CONTROL));
	cr_assert(eq(ulong, request, DMABUFFS_IOC_ENTRIES));
	cr_assert(eq(u32, page->size, sizeof(*page)));
	cr_assert(zero(u32, page->flags));
	cr_assert(eq(u64, page->cursor, calls * 100), "the cursor goes back as it came");
	*page = entries_page;
	page->more = calls == 0;
	page->cursor = ++calls * 100;
	return 0;
}

static int count_entries(const struct dmabuffs_entry *entry, void *data)
{
	cr_assert(zero(u8, entry->comm[DMABUFFS_COMM_SIZE - 1]));
	cr_assert(zero(u8, entry->label[DMABUFFS_LABEL_SIZE - 1]));
	++*(unsigned int *)data;
	return 0;
}

static int stop_at_third_entry(const struct dmabuffs_entry *entry, void *data)
{
	return ++*(unsigned int *)data == 3 ? -EXDEV : 0;
}

static void start_entries(void)
{
	calls = queries = 0;
	fake_device_command = answer_entries;
	entries_page =
		(struct dmabuffs_entries){.size = sizeof(entries_page), .count = 2};
	memset(entries_page.entries[0].label, 'a', DMABUFFS_LABEL_SIZE);
	memset(entries_page.entries[0].comm, 'a', DMABUFFS_COMM_SIZE);
}

TestSuite(entries, .init = start_entries);

Test(entries, lists_each_page)
{
	unsigned int n = 0;

	cr_assert(zero(int, dmabuffs_list_entries(&instance, count_entries, &n)));
	cr_assert(eq(u32, n, 4));
	cr_assert(eq(u32, calls, 2));
	cr_assert(zero(u32, queries));
}

Test(entries, the_visitor_ends_the_list)
{
	unsigned int n = 0;

	cr_assert(eq(int, dmabuffs_list_entries(&instance, stop_at_third_entry, &n),
		     -EXDEV));
	cr_assert(eq(u32, n, 3));
	cr_assert(eq(u32, calls, 2));
}

/* A service is not trusted: more entries than there are, no error number. */
Test(entries, refuses_bad_pages)
{
	unsigned int n = 0;

	entries_page.count = DMABUFFS_ENTRIES_MAX + 1;
	cr_assert(eq(int, dmabuffs_list_entries(&instance, count_entries, &n), -EPROTO));
	calls = 0;
	entries_page.count = 1;
	entries_page.entries[0].error = 4096;
	cr_assert(eq(int, dmabuffs_list_entries(&instance, count_entries, &n), -EPROTO));
	calls = 0;
	entries_page.entries[0].error = UINT32_MAX;
	cr_assert(eq(int, dmabuffs_list_entries(&instance, count_entries, &n), -EPROTO));
	cr_assert(zero(u32, n));
}

Test(entries, needs_control)
{
	struct dmabuffs only = {.root_fd = -1, .control_fd = -1, .refusal = -EACCES};
	unsigned int n = 0;

	cr_assert(eq(int, dmabuffs_list_entries(&only, count_entries, &n), -EACCES));
	cr_assert(zero(u32, calls));
}

static int expect_dmabuf(const struct dmabuffs_entry *entry, void *data)
{
	cr_assert(zero(u32, entry->error));
	cr_assert(eq(u32, entry->kind, DMABUFFS_KIND_DMABUF));
	++*(unsigned int *)data;
	return 0;
}

/* A root directory with one name in it, for a library that asks the kernel. */
static const char *make_root(struct dmabuffs *with_root, dmabuffs_uuid *uuid)
{
	static const char name[] = "11111111-2222-4333-8444-555555555555";
	static char dir[] = "/tmp/dmabuffs-test-XXXXXX";
	char path[sizeof(dir) + sizeof(name)];
	int fd;

	*with_root = (struct dmabuffs){.control_fd = CONTROL};
	cr_assert(ne(ptr, mkdtemp(dir), NULL));
	with_root->root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert(zero(int, dmabuffs_uuid_parse(name, uuid)));
	/* openat(2) is imitated. */
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	cr_assert(ge(int, fd, 0));
	close(fd);
	return dir;
}

static void remove_root(struct dmabuffs *with_root, const char *dir)
{
	unlinkat(with_root->root_fd, "11111111-2222-4333-8444-555555555555", 0);
	close(with_root->root_fd);
	rmdir(dir);
}

/* Where the service is not certain, the kernel is asked; a name that ended is left out.
 */
Test(entries, asks_the_kernel)
{
	struct dmabuffs with_root;
	unsigned int n = 0;
	dmabuffs_uuid uuid;
	const char *dir = make_root(&with_root, &uuid);

	entries_page.entries[0].error = entries_page.entries[1].error = EACCES;
	memcpy(entries_page.entries[1].uuid, uuid.bytes, sizeof(uuid.bytes));
	cr_assert(zero(int, dmabuffs_list_entries(&with_root, expect_dmabuf, &n)));
	cr_assert(eq(u32, n, 2));
	cr_assert(eq(u32, queries, 2));
	cr_assert(eq(u32, calls, 2));
	remove_root(&with_root, dir);
}

static int expect_no_status(const struct dmabuffs_entry *entry, void *data)
{
	cr_assert(eq(u32, entry->error, EBADF));
	cr_assert(zero(u32, entry->mode));
	++*(unsigned int *)data;
	return 0;
}

static int refusal; /* of DMABUFFS_IOC_ENTRIES */

static int answer_names(int fd, unsigned long request, void *arg)
{
	struct dmabuffs_list *list = arg;

	if (request == DMABUFFS_IOC_ENTRIES)
		return refusal;
	if (request == DMABUFFS_IOC_INFO)
		return answer_entries(fd, request, arg);
	cr_assert(eq(ulong, request, DMABUFFS_IOC_LIST));
	list->count = 2;
	list->more = 0;
	memcpy(list->uuids[0], entries_page.entries[1].uuid, DMABUFFS_UUID_SIZE);
	memset(list->uuids[1], 0, DMABUFFS_UUID_SIZE); /* ended meanwhile */
	return 0;
}

/* A name that cannot be described does not hide the others. */
Test(entries, name_by_name_without_status)
{
	unsigned int n = 0;

	fake_device_command = answer_names;
	refusal = -ENOTTY;
	cr_assert(zero(int, dmabuffs_list_entries(&instance, expect_no_status, &n)));
	cr_assert(eq(u32, n, 2));
	cr_assert(zero(u32, queries));
}

/* An older service, and one that leaves it to the kernel who may search the root. */
Test(entries, name_by_name)
{
	static const int refusals[] = {-ENOTTY, -EACCES};
	struct dmabuffs with_root;
	unsigned int n = 0;
	dmabuffs_uuid uuid;
	const char *dir = make_root(&with_root, &uuid);

	memcpy(entries_page.entries[1].uuid, uuid.bytes, sizeof(uuid.bytes));
	fake_device_command = answer_names;
	for (size_t i = 0; i < 2; i++) {
		refusal = refusals[i];
		n = 0;
		cr_assert(
			zero(int, dmabuffs_list_entries(&with_root, expect_dmabuf, &n)));
		cr_assert(eq(u32, n, 1));
	}
	refusal = -ENOTCONN;
	cr_assert(
		eq(int, dmabuffs_list_entries(&with_root, expect_dmabuf, &n), -ENOTCONN));
	remove_root(&with_root, dir);
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
	cr_assert(zero(u32, n));
	cr_assert(eq(u32, calls, 1));
}

static int answer_no_command(int fd, unsigned long request, void *arg)
{
	cr_assert(eq(int, fd, CONTROL));
	cr_assert(eq(ulong, request, DMABUFFS_IOC_LIMITS));
	return -ENOTTY;
}

Test(control, limits_of_an_older_service)
{
	struct dmabuffs only = {.root_fd = -1, .control_fd = -1, .refusal = -EACCES};
	struct dmabuffs_limits limits = {.size = 1};

	fake_device_command = answer_no_command;
	cr_assert(eq(int, dmabuffs_limits(&instance, &limits, sizeof(limits)), -ENOTTY));
	cr_assert(eq(int, dmabuffs_limits(&only, &limits, sizeof(limits)), -EACCES));
	cr_assert(eq(u32, limits.size, 1), "untouched on failure");
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

	cr_assert(eq(int, fd, CONTROL));
	cr_assert(eq(ulong, request, DMABUFFS_IOC_WITHDRAW));
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

/* ---- on a mount with the option idmap ---------------------------------------------- */

static unsigned int taken; /* how often another user identifies itself in between */

static int answer_identified(int fd, unsigned long request, void *arg)
{
	if (request == DMABUFFS_IOC_TOKEN || request == DMABUFFS_IOC_IDENTIFY)
		return 0;
	return calls++ <= taken ? -EOVERFLOW : 0;
}

static char identify_dir[] = "/tmp/dmabuffs-XXXXXX";
static struct dmabuffs shared = {.control_fd = CONTROL};

static void start_identify(void)
{
	start();
	cr_assert(ne(ptr, mkdtemp(identify_dir), NULL));
	shared.root_fd = open(identify_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cr_assert(zero(int, mkdirat(shared.root_fd, DMABUFFS_IDMAP_NAME, 0700)));
}

static void finish_identify(void)
{
	unlinkat(shared.root_fd, DMABUFFS_IDMAP_NAME, AT_REMOVEDIR);
	close(shared.root_fd);
	rmdir(identify_dir);
}

TestSuite(identify, .init = start_identify, .fini = finish_identify);

Test(identify, again_when_another_user_did)
{
	struct dmabuffs_limits limits;

	fake_device_command = answer_identified;
	taken = 3;
	cr_assert(zero(int, instance_command(&shared, DMABUFFS_IOC_LIMITS, &limits)));
	cr_assert(eq(u32, calls, 5));
	calls = 0;
	taken = 1000;
	cr_assert(eq(int, instance_command(&shared, DMABUFFS_IOC_LIMITS, &limits),
		     -EOVERFLOW));
	cr_assert(eq(u32, calls, 9), "not without end");
}

static unsigned int tokens, tokens_lost; /* made, and lost with the service */

static int answer_tokens(int fd, unsigned long request, void *arg)
{
	if (request == DMABUFFS_IOC_TOKEN) {
		cr_assert(ne(int, fd, CONTROL));
		tokens++;
		return 0;
	}
	cr_assert(eq(ulong, request, DMABUFFS_IOC_IDENTIFY));
	cr_assert(eq(int, fd, CONTROL));
	return tokens <= tokens_lost ? -ENOENT : 0;
}

Test(identify, again_when_the_token_was_lost)
{
	fake_device_command = answer_tokens;
	tokens_lost = 3;
	cr_assert(zero(int, instance_identify(&shared, CONTROL)));
	cr_assert(eq(u32, tokens, 4));
	tokens = 0;
	tokens_lost = 1000;
	cr_assert(eq(int, instance_identify(&shared, CONTROL), -ENOENT));
	cr_assert(eq(u32, tokens, 4), "not without end");
}
