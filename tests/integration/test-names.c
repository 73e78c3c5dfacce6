/* SPDX-License-Identifier: MIT */
/* test-names.c - names: listing, lookup and removal */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

static void not_a_name(struct instance *instance)
{
	static const char *const names[] = {
		"x",
		"...",
		".hidden",
		"00000000-0000-0000-0000-000000000000",
		"11111111-2222-4333-8444-555555555555",
		"11111111222243338444555555555555",
		"{11111111-2222-4333-8444-555555555555}",
		"11111111-2222-4333-8444-55555555555",
		"11111111-2222-4333-8444-5555555555555",
		"1111111g-2222-4333-8444-555555555555",
		"11111111_2222_4333_8444_555555555555",
		"%s%n",
		"\xff\xfe",
	};
	int root = ASSERT_OK(raw_directory(instance, O_PATH));
	struct stat st;
	char longest[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_ERR(SYS(fstatat(root, names[i], &st, 0)), ENOENT);
		ASSERT_ERR(SYS(openat(root, names[i], O_RDONLY)), ENOENT);
		ASSERT_ERR(SYS(unlinkat(root, names[i], 0)), ENOENT);
	}
	memset(longest, 'a', 255);
	longest[255] = 0;
	ASSERT_ERR(SYS(fstatat(root, longest, &st, 0)), ENOENT);
	close(root);
}

static void lower_case_only(struct instance *instance)
{
	struct shared shared;
	struct stat st;
	char text[UUID_TEXT_SIZE];
	int root = ASSERT_OK(raw_directory(instance, O_PATH));
	bool has_letter = false;

	share(&shared, instance, PAGE, 0, 0);
	raw_uuid_text(shared.uuid, text);
	for (char *c = text; *c; c++) {
		has_letter |= islower((unsigned char)*c);
		*c = (char)toupper((unsigned char)*c);
	}
	if (has_letter)
		ASSERT_ERR(SYS(fstatat(root, text, &st, 0)), ENOENT);
	/* A name that differs in one digit does not exist. */
	raw_uuid_text(shared.uuid, text);
	text[35] = text[35] == '0' ? '1' : '0';
	ASSERT_ERR(SYS(fstatat(root, text, &st, 0)), ENOENT);
	close(root);
	unshare_buffer(&shared);
}

static int count_names(void *data)
{
	return raw_count(data);
}

static void keep_three(int peer, void *data)
{
	struct instance *instance = data;
	int root = ASSERT_OK(raw_root(instance));
	uint8_t uuid[16];

	for (int i = 0; i < 3; i++)
		ASSERT_OK(raw_export_fd(root, raw_memfd(PAGE), DMABUFFS_EXPORT_MODE, 0666,
					uuid));
	peer_put(peer, uuid, sizeof(uuid));
	peer_wait(peer);
}

static void own_names_only(struct instance *instance)
{
	struct shared shared;
	struct child child;
	uint8_t uuid[16];

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	child_start(&child, USER(1001), keep_three, instance);
	peer_get(child.peer, uuid, sizeof(uuid));
	ASSERT_EQ(child_call(USER(1001), count_names, instance), 3);
	ASSERT_EQ(child_call(USER(1002), count_names, instance), 0);
	ASSERT_EQ(raw_count(instance), 4);
	/* An unlisted name can still be opened by a process that knows it. */
	close(ASSERT_OK(raw_open(instance, shared.uuid, O_RDONLY)));
	peer_signal(child.peer);
	child_wait(&child);
	unshare_buffer(&shared);
}

/* The directory lists names to uid 0 only, also where it is inherited. */
static int count_inherited(void *data)
{
	DIR *dir = fdopendir(dup(*(int *)data));
	int n = 0;

	ASSERT(dir);
	rewinddir(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void inherited_directory(struct instance *instance)
{
	struct shared shared;
	int root = ASSERT_OK(raw_directory(instance, O_RDONLY));

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_EQ(count_inherited(&root), 3);
	ASSERT_EQ(child_call(USER(1002), count_inherited, &root), 0);
	close(root);
	unshare_buffer(&shared);
}

static void directory_entries(struct instance *instance)
{
	struct shared shared;
	struct dirent *entry;
	DIR *dir;
	int n = 0;

	share(&shared, instance, PAGE, 0, 0);
	dir = opendir(instance->dir);
	ASSERT(dir);
	while ((entry = readdir(dir))) {
		bool dots = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
		struct stat st;

		n++;
		ASSERT_EQ(entry->d_type, dots ? DT_DIR : DT_REG);
		ASSERT(strcmp(entry->d_name, DMABUFFS_BROKER_NAME) != 0);
		if (dots)
			continue;
		ASSERT(strcmp(entry->d_name, strrchr(shared.path, '/') + 1) == 0);
		ASSERT_OK(SYS(stat(shared.path, &st)));
		ASSERT_EQ(entry->d_ino, st.st_ino);
	}
	ASSERT_EQ(n, 3);
	closedir(dir);
	unshare_buffer(&shared);
}

/* A listing with several getdents(2), while names are removed. */
static void large_directory(struct instance *instance)
{
	enum { N = 3000 };
	static uint8_t uuids[N][16];
	int root = ASSERT_OK(raw_root(instance));
	int n = 0;
	DIR *dir;

	for (int i = 0; i < N; i++) {
		int fd = ASSERT_OK(SYS(memfd_create("x", MFD_CLOEXEC)));

		ASSERT_OK(raw_export_fd(root, fd, 0, 0, uuids[i]));
		close(fd);
	}
	ASSERT_EQ(raw_count(instance), N);
	dir = opendir(instance->dir);
	ASSERT(dir);
	for (int i = 0; i < 100; i++)
		ASSERT(readdir(dir));
	for (int i = 0; i < N; i += 2)
		ASSERT_OK(raw_unlink(instance, uuids[i]));
	while (readdir(dir))
		n++;
	/* Besides the 100 read before: the other remaining names, maybe removed ones. */
	ASSERT(n >= N / 2 - 100 && n <= N);
	closedir(dir);
	ASSERT_EQ(raw_count(instance), N / 2);
	close(root);
}

struct removal {
	const struct instance *instance;
	const uint8_t *uuid;
};

static int try_unlink(void *data)
{
	const struct removal *removal = data;

	return raw_unlink(removal->instance, removal->uuid);
}

static void who_may_unlink(struct instance *instance)
{
	uint8_t uuid[16];
	struct removal removal = {instance, uuid};
	struct child child;

	child_start(&child, USER(1001), keep_three, instance);
	peer_get(child.peer, uuid, sizeof(uuid));
	ASSERT_ERR(child_call(USER(1002), try_unlink, &removal), EPERM);
	ASSERT_OK(raw_exists(instance, uuid));
	ASSERT_OK(child_call(USER(1001), try_unlink, &removal));
	ASSERT_ERR(raw_exists(instance, uuid), ENOENT);
	ASSERT_ERR(child_call(USER(1001), try_unlink, &removal), ENOENT);
	ASSERT_EQ(raw_count(instance), 2);
	peer_signal(child.peer);
	child_wait(&child);
}

/* The default mode of the directory has no w for others; the name stays. */
static void owner_may_not_unlink(struct instance *instance)
{
	uint8_t uuid[16];
	struct removal removal = {instance, uuid};
	struct child child;

	child_start(&child, USER(1001), keep_three, instance);
	peer_get(child.peer, uuid, sizeof(uuid));
	ASSERT_ERR(child_call(USER(1001), try_unlink, &removal), EACCES);
	ASSERT_ERR(child_call(USER(1002), try_unlink, &removal), EACCES);
	ASSERT_OK(raw_exists(instance, uuid));
	ASSERT_EQ(raw_count(instance), 3);
	peer_signal(child.peer);
	child_wait(&child);
}

static void root_may_unlink(struct instance *instance)
{
	struct child child;
	uint8_t uuid[16];

	child_start(&child, USER(1001), keep_three, instance);
	peer_get(child.peer, uuid, sizeof(uuid));
	ASSERT_OK(raw_unlink(instance, uuid));
	ASSERT_ERR(raw_exists(instance, uuid), ENOENT);
	peer_signal(child.peer);
	child_wait(&child);
}

static void open_files_survive_unlink(struct instance *instance)
{
	struct dmabuffs_info info;
	struct shared shared;
	struct stat st;
	uint8_t *address;
	int fd;

	share(&shared, instance, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(info.flags & DMABUFFS_INFO_NAMED);
	unshare_buffer(&shared);
	ASSERT_ERR(raw_open(instance, shared.uuid, O_RDWR), ENOENT);
	ASSERT_OK(raw_info(fd, &info));
	ASSERT(!(info.flags & DMABUFFS_INFO_NAMED));
	ASSERT(memcmp(info.uuid, shared.uuid, sizeof(shared.uuid)) == 0);
	ASSERT_OK(SYS(fstat(fd, &st)));
	ASSERT_EQ(st.st_nlink, 0);
	ASSERT_EQ(st.st_size, PAGE);
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ | PROT_WRITE, (void **)&address));
	ASSERT_EQ(address[77], pattern(77));
	ASSERT_EQ(pread(fd, address, 1, 78), 1);
	close(fd);
	ASSERT_EQ(address[79], pattern(79));
}

const struct test_case test_cases[] = {
	{"not_a_name", not_a_name},
	{"lower_case_only", lower_case_only},
	{"own_names_only", own_names_only},
	{"inherited_directory", inherited_directory},
	{"directory_entries", directory_entries},
	{"large_directory", large_directory},
	{"who_may_unlink", who_may_unlink, "mode=1733"},
	{"owner_may_not_unlink", owner_may_not_unlink},
	{"root_may_unlink", root_may_unlink},
	{"open_files_survive_unlink", open_files_survive_unlink},
	{0},
};
