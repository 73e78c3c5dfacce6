/* SPDX-License-Identifier: MIT */
/* test-entries.c - DMABUFFS_IOC_ENTRIES: what it says, to whom, and what it costs */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include "child.h"
#include "harness.h"
#include "latency.h"
#include "raw.h"

static int read_page(int description, struct dmabuffs_entries *page)
{
	int r;

	page->size = sizeof(*page);
	r = (int)SYS(ioctl(description, DMABUFFS_IOC_ENTRIES, page));
	return r < 0 ? r : (int)page->count;
}

/* The entry of the only name that this user has. */
static void read_only_entry(const struct instance *instance, struct dmabuffs_entry *entry)
{
	int control = ASSERT_OK(raw_control(instance, O_RDONLY));
	struct dmabuffs_entries page = {.cursor = 0};

	ASSERT_EQ(read_page(control, &page), 1);
	ASSERT_EQ(page.more, 0);
	*entry = page.entries[0];
	close(control);
}

/* ---- what it says ------------------------------------------------------------------ */

static void expect_status(const struct dmabuffs_entry *entry, const struct stat *st)
{
	ASSERT_EQ(entry->bytes, st->st_size);
	ASSERT_EQ(entry->mode, st->st_mode);
	ASSERT_EQ(entry->uid, st->st_uid);
	ASSERT_EQ(entry->gid, st->st_gid);
	ASSERT_EQ(entry->atime, st->st_atim.tv_sec);
	ASSERT_EQ(entry->atime_ns, st->st_atim.tv_nsec);
	ASSERT_EQ(entry->mtime, st->st_mtim.tv_sec);
	ASSERT_EQ(entry->mtime_ns, st->st_mtim.tv_nsec);
	ASSERT_EQ(entry->ctime, st->st_ctim.tv_sec);
	ASSERT_EQ(entry->ctime_ns, st->st_ctim.tv_nsec);
}

static void expect_info(const struct dmabuffs_entry *entry,
			const struct dmabuffs_info *info)
{
	ASSERT_EQ(entry->error, 0);
	ASSERT_EQ(entry->flags, info->flags);
	ASSERT_EQ(entry->kind, info->kind);
	ASSERT_EQ(entry->seals, info->seals);
	ASSERT_EQ(entry->importers, info->importers);
	ASSERT_EQ(entry->pid, info->pid);
	ASSERT(memcmp(entry->ns, info->ns, sizeof(entry->ns)) == 0);
	ASSERT(memcmp(entry->comm, info->comm, sizeof(entry->comm)) == 0);
	ASSERT(memcmp(entry->label, info->label, sizeof(entry->label)) == 0);
	ASSERT(!entry->reserved[0] && !entry->reserved[1]);
}

static void describes(struct instance *instance)
{
	static const uint32_t modes[] = {0600, 0444, 0, 0777};
	static const uint32_t flags[] = {0, DMABUFFS_EXPORT_READONLY,
					 DMABUFFS_EXPORT_PERSIST, 0};
	int control = ASSERT_OK(raw_root(instance));
	struct dmabuffs_entries page = {.cursor = 0};

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		struct dmabuffs_export request;

		raw_request(&request, raw_memfd(PAGE * (i + 1)));
		request.flags = flags[i] | DMABUFFS_EXPORT_MODE;
		request.mode = modes[i];
		memset(request.label, 'a' + (int)i, 10 * i);
		ASSERT_OK(raw_export(control, &request));
	}
	ASSERT_EQ(read_page(control, &page), ARRAY_SIZE(modes));
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		int fd = ASSERT_OK(raw_open(instance, page.entries[i].uuid, O_RDONLY));
		struct dmabuffs_entries again = {.cursor = 0};
		struct dmabuffs_info info;
		struct stat st;

		ASSERT_OK(SYS(fstat(fd, &st)));
		ASSERT_OK(raw_info(fd, &info));
		ASSERT_EQ(read_page(control, &again), ARRAY_SIZE(modes));
		expect_status(&again.entries[i], &st);
		expect_info(&again.entries[i], &info);
		ASSERT_EQ(again.entries[i].importers, 1);
		ASSERT_EQ(again.entries[i].mode & 07777, modes[i]);
		close(fd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		ASSERT_OK(raw_withdraw_own(control, page.entries[i].uuid));
	close(control);
}

/* ---- pages ------------------------------------------------------------------------- */

#define NAMES (2 * DMABUFFS_ENTRIES_MAX + 3)

static void export_names(int control, uint8_t (*uuids)[16], int n)
{
	for (int i = 0; i < n; i++) {
		int fd = raw_memfd(1);

		ASSERT_OK(raw_export_fd(control, fd, 0, 0, uuids[i]));
		close(fd);
	}
}

static void pages(struct instance *instance)
{
	static uint8_t uuids[NAMES][16];
	int control = ASSERT_OK(raw_root(instance));
	struct dmabuffs_entries page = {.cursor = 0};
	int n = 0;

	ASSERT_EQ(read_page(control, &page), 0);
	ASSERT_EQ(page.more, 0);
	export_names(control, uuids, NAMES);
	do {
		int count = ASSERT_OK(read_page(control, &page));

		ASSERT(count <= DMABUFFS_ENTRIES_MAX && n + count <= NAMES);
		for (int i = 0; i < count; i++)
			ASSERT(memcmp(page.entries[i].uuid, uuids[n + i], 16) == 0);
		n += count;
	} while (page.more);
	ASSERT_EQ(n, NAMES);
	close(control);
}

/* Where names ended, at the end, and behind every end; none is taken for a pointer. */
static void any_cursor(struct instance *instance)
{
	static const uint64_t cursors[] = {1, 31, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX};
	static uint8_t uuids[NAMES][16];
	int control = ASSERT_OK(raw_root(instance));
	struct dmabuffs_entries page = {.cursor = 0};
	uint64_t behind;

	export_names(control, uuids, NAMES);
	ASSERT_EQ(read_page(control, &page), DMABUFFS_ENTRIES_MAX);
	behind = page.cursor;
	/* The cursor is that of a name which ends. */
	for (int i = DMABUFFS_ENTRIES_MAX - 3; i < DMABUFFS_ENTRIES_MAX + 3; i++)
		ASSERT_OK(raw_withdraw(control, uuids[i]));
	ASSERT_EQ(read_page(control, &page), DMABUFFS_ENTRIES_MAX);
	ASSERT(memcmp(page.entries[0].uuid, uuids[DMABUFFS_ENTRIES_MAX + 3], 16) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(cursors); i++) {
		int n;

		page.cursor = cursors[i];
		n = ASSERT_OK(read_page(control, &page));
		ASSERT_EQ(n, cursors[i] < behind ? DMABUFFS_ENTRIES_MAX : 0);
	}
	close(control);
}

/* ---- to whom ----------------------------------------------------------------------- */

static int expect_none(void *data)
{
	int control = ASSERT_OK(raw_control(data, O_RDONLY));
	struct dmabuffs_entries page = {.cursor = 0};

	ASSERT_EQ(read_page(control, &page), 0);
	ASSERT_EQ(page.more, 0);
	return 0;
}

static int expect_described(void *data)
{
	struct dmabuffs_entry entry;

	read_only_entry(data, &entry);
	ASSERT_EQ(entry.error, 0);
	ASSERT_EQ(entry.kind, DMABUFFS_KIND_MEMFD);
	ASSERT(entry.pid > 0);
	return 0;
}

/* What stat(2) says, and no more. */
static void expect_refused(const struct dmabuffs_entry *entry, int error)
{
	static const struct dmabuffs_entry nothing;
	size_t from = offsetof(struct dmabuffs_entry, flags);

	ASSERT_EQ(entry->error, error);
	ASSERT_EQ(entry->bytes, PAGE);
	ASSERT(memcmp(&entry->flags, &nothing.flags, sizeof(*entry) - from) == 0);
}

static int expect_unreadable(void *data)
{
	struct dmabuffs_entry entry;

	read_only_entry(data, &entry);
	expect_refused(&entry, EACCES);
	return 0;
}

/* Of uid 0, but without the capability to read the files of others. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	ASSERT_OK(SYS(syscall(SYS_capset, &header, data)));
}

static int expect_unreadable_without(void *data)
{
	drop_capabilities();
	return expect_unreadable(data);
}

static int expect_own_without(void *data)
{
	drop_capabilities();
	return expect_described(data);
}

static int expect_no_page(void *data)
{
	struct dmabuffs_entries page = {.cursor = 0};

	ASSERT_ERR(read_page(*(int *)data, &page), EACCES);
	return 0;
}

static void readers(struct instance *instance)
{
	struct identity below = {.namespaces = CLONE_NEWUSER};
	struct shared shared;
	int control;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(child_call(NULL, expect_described, instance));
	ASSERT_OK(child_call(NULL, expect_own_without, instance));
	ASSERT_OK(child_call(USER(1001), expect_none, instance));
	ASSERT_OK(SYS(chown(shared.path, 1001, 1001)));
	ASSERT_OK(child_call(USER(1001), expect_described, instance));
	ASSERT_OK(child_call(USER(1002), expect_none, instance));
	/* Root lists all; it describes those that the kernel lets it read. */
	ASSERT_OK(child_call(NULL, expect_described, instance));
	ASSERT_OK(child_call(NULL, expect_unreadable_without, instance));
	/* All capabilities, but in a user namespace, where stat(2) shows other ids. */
	control = ASSERT_OK(raw_control(instance, O_RDONLY));
	ASSERT_OK(child_call(&below, expect_no_page, &control));
	close(control);
	/* An owner who may not read the name any more. */
	ASSERT_OK(SYS(chmod(shared.path, 0277)));
	ASSERT_OK(child_call(USER(1001), expect_unreadable, instance));
	ASSERT_OK(child_call(NULL, expect_described, instance));
	unshare_buffer(&shared);
}

/* Whom stat(2) refuses the names, because the root directory cannot be searched. */
static void no_search(struct instance *instance)
{
	struct shared shared;
	int control;

	share(&shared, instance, PAGE, 0, 0);
	control = ASSERT_OK(raw_control(instance, O_RDONLY));
	ASSERT_OK(SYS(chown(shared.path, 1001, 1001)));
	ASSERT_OK(child_call(USER(1001), expect_no_page, &control));
	ASSERT_OK(child_call(NULL, expect_described, instance));
	close(control);
	unshare_buffer(&shared);
}

static int expect_other_namespace(void *data)
{
	struct dmabuffs_entry entry;

	read_only_entry(data, &entry);
	expect_refused(&entry, EXDEV);
	return 0;
}

/* The mount's own policy, as at open(2). */
static void other_namespace(struct instance *instance)
{
	struct identity inside = {.namespaces = CLONE_NEWIPC};
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_OK(child_call(NULL, expect_described, instance));
	ASSERT_OK(child_call(&inside, expect_other_namespace, instance));
	unshare_buffer(&shared);
}

/* ---- what it costs ----------------------------------------------------------------- */

#define MANY       3000
#define TRIES      5
#define BOUND_NS   20000 /* of CPU time, a name */
#define CHEAPER_BY 4 /* than stat(2) of each, on a machine that is too slow for that */

/*
 * What this process and the service have used of the CPUs: what others do on them is not
 * in it.
 */
static uint64_t cpu_ns(const struct instance *instance)
{
	struct timespec own, service;
	clockid_t clock;

	ASSERT_EQ(clock_getcpuclockid(instance->service, &clock), 0);
	ASSERT_OK(SYS(clock_gettime(clock, &service)));
	ASSERT_OK(SYS(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own)));
	return (uint64_t)(own.tv_sec + service.tv_sec) * 1000000000 +
	       (uint64_t)(own.tv_nsec + service.tv_nsec);
}

static uint64_t by_page_ns(const struct instance *instance)
{
	int control = ASSERT_OK(raw_control(instance, O_RDONLY));
	struct dmabuffs_entries page = {.cursor = 0};
	uint64_t start = cpu_ns(instance);
	int n = 0;

	do
		n += ASSERT_OK(read_page(control, &page));
	while (page.more);
	start = cpu_ns(instance) - start;
	ASSERT_EQ(n, MANY);
	close(control);
	return start / MANY;
}

static uint64_t by_name_ns(const struct instance *instance)
{
	DIR *dir = opendir(instance->dir);
	uint64_t start = cpu_ns(instance);
	struct dirent *entry;
	struct stat st;
	int n = 0;

	ASSERT(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			ASSERT_OK(SYS(fstatat(dirfd(dir), entry->d_name, &st, 0)));
			n++;
		}
	start = cpu_ns(instance) - start;
	ASSERT_EQ(n, MANY);
	closedir(dir);
	return start / MANY;
}

/* Names that nobody has looked up: by name each costs a round trip. */
static bool is_cheap(const struct instance *instance)
{
	static uint8_t uuids[MANY][16];
	int control = ASSERT_OK(raw_root(instance));
	uint64_t page, name;

	export_names(control, uuids, MANY);
	page = by_page_ns(instance);
	name = by_name_ns(instance);
	for (int i = 0; i < MANY; i++)
		ASSERT_OK(raw_withdraw(control, uuids[i]));
	close(control);
	test_note("%llu ns a name by page, %llu ns by name", (unsigned long long)page,
		  (unsigned long long)name);
	return page <= BOUND_NS || CHEAPER_BY * page <= name;
}

static void cheap(struct instance *instance)
{
	int tries = 1;

	while (!is_cheap(instance))
		if (tries++ == TRIES)
			test_fail(__FILE__, __LINE__, "a page costs too much");
}

const struct test_case test_cases[] = {
	{"describes", describes},
	{"pages", pages},
	{"any_cursor", any_cursor},
	{"readers", readers},
	{"no_search", no_search, "mode=0700"},
	{"other_namespace", other_namespace, "ns=ipc"},
	{"cheap", cheap},
	{0},
};
