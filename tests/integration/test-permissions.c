/* SPDX-License-Identifier: MIT */
/* test-permissions.c - importing is open(2), so the kernel checks permissions */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "acl.h"
#include "child.h"
#include "harness.h"
#include "raw.h"

#define OWNER 1001
#define OTHER 1002
#define THIRD 1003
#define GROUP 2001

static const struct identity owner = {.uid = OWNER, .gid = GROUP};
static const struct identity member = {.uid = OTHER, .gid = GROUP};
static const struct identity supplementary = {
	.uid = OTHER, .gid = 3001, .groups = {3002, GROUP}, .n_groups = 2};
static const struct identity stranger = {.uid = OTHER, .gid = 3001};
static const struct identity root = {0};

/* A name of the owner, kept by one of its processes. */
struct kept {
	struct child keeper;
	const struct instance *instance;
	uint32_t mode;
	uint8_t uuid[16];
	char path[sizeof(((struct shared *)0)->path)];
};

static void keep(int peer, void *data)
{
	struct kept *kept = data;
	struct shared shared;

	share(&shared, kept->instance, PAGE, kept->mode ? DMABUFFS_EXPORT_MODE : 0,
	      kept->mode);
	peer_put(peer, shared.uuid, sizeof(shared.uuid));
	peer_put(peer, shared.path, sizeof(shared.path));
	peer_wait(peer);
}

static void keep_name(struct kept *kept, const struct instance *instance, uint32_t mode)
{
	kept->instance = instance;
	kept->mode = mode;
	child_start(&kept->keeper, &owner, keep, kept);
	peer_get(kept->keeper.peer, kept->uuid, sizeof(kept->uuid));
	peer_get(kept->keeper.peer, kept->path, sizeof(kept->path));
}

static void drop_name(struct kept *kept)
{
	peer_signal(kept->keeper.peer);
	child_wait(&kept->keeper);
}

struct attempt {
	const char *path;
	int argument;
	int other;
};

static int try_open(void *data)
{
	const struct attempt *attempt = data;

	return (int)SYS(open(attempt->path, attempt->argument));
}

static int try_chmod(void *data)
{
	const struct attempt *attempt = data;

	return (int)SYS(chmod(attempt->path, (mode_t)attempt->argument));
}

static int try_chown(void *data)
{
	const struct attempt *attempt = data;

	return (int)SYS(
		chown(attempt->path, (uid_t)attempt->argument, (gid_t)attempt->other));
}

/* Checks the results of O_RDONLY, O_WRONLY and O_RDWR for an identity: 0 or the errno. */
static void expect_opens(const char *who_text, int line, const struct kept *kept,
			 const struct identity *who, int read, int write)
{
	static const char *const flags[] = {"O_RDONLY", "O_WRONLY", "O_RDWR"};
	const int expected[] = {read, write, read ? read : write};

	for (int access = O_RDONLY; access <= O_RDWR; access++) {
		struct attempt attempt = {kept->path, access};
		int result = child_call(who, try_open, &attempt);
		char got[32];

		if (MIN(result, 0) != -expected[access])
			test_fail(__FILE__, line, "%s, %s: expected %d, got %s", who_text,
				  flags[access], -expected[access],
				  test_result_text(result, got, sizeof(got)));
	}
}

#define EXPECT_OPENS(kept, who, read, write)                                             \
	expect_opens(#who, __LINE__, kept, &(who), read, write)

static void default_mode(struct instance *instance)
{
	struct kept kept;

	keep_name(&kept, instance, 0);
	EXPECT_OPENS(&kept, owner, 0, 0);
	EXPECT_OPENS(&kept, member, EACCES, EACCES);
	EXPECT_OPENS(&kept, stranger, EACCES, EACCES);
	EXPECT_OPENS(&kept, root, 0, 0);
	drop_name(&kept);
}

static void group_reads(struct instance *instance)
{
	struct kept kept;

	keep_name(&kept, instance, 0640);
	EXPECT_OPENS(&kept, owner, 0, 0);
	EXPECT_OPENS(&kept, member, 0, EACCES);
	EXPECT_OPENS(&kept, supplementary, 0, EACCES);
	EXPECT_OPENS(&kept, stranger, EACCES, EACCES);
	drop_name(&kept);
}

static void others_write(struct instance *instance)
{
	struct kept kept;

	keep_name(&kept, instance, 0602);
	EXPECT_OPENS(&kept, member, EACCES, EACCES);
	EXPECT_OPENS(&kept, stranger, EACCES, 0);
	drop_name(&kept);
}

/* The owner's own bits apply, even if group or others have more. */
static void owner_excluded(struct instance *instance)
{
	struct kept kept;

	keep_name(&kept, instance, 0066);
	EXPECT_OPENS(&kept, owner, EACCES, EACCES);
	EXPECT_OPENS(&kept, member, 0, 0);
	drop_name(&kept);
}

static void change_mode(struct instance *instance)
{
	struct kept kept;
	struct attempt wider, narrower;
	struct stat st;

	keep_name(&kept, instance, 0640);
	wider = (struct attempt){kept.path, 0666};
	narrower = (struct attempt){kept.path, 0400};
	EXPECT_OPENS(&kept, stranger, EACCES, EACCES);
	ASSERT_ERR(child_call(&stranger, try_chmod, &wider), EPERM);
	ASSERT_ERR(child_call(&member, try_chmod, &wider), EPERM);
	ASSERT_OK(child_call(&owner, try_chmod, &wider));
	EXPECT_OPENS(&kept, stranger, 0, 0);
	ASSERT_OK(child_call(&root, try_chmod, &narrower));
	EXPECT_OPENS(&kept, owner, 0, EACCES);
	EXPECT_OPENS(&kept, stranger, EACCES, EACCES);
	ASSERT_OK(SYS(stat(kept.path, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0400);
	drop_name(&kept);
}

static void change_owner(struct instance *instance)
{
	const struct identity heir = {.uid = THIRD, .gid = 3001};
	const struct identity joined = {OWNER, GROUP, {2002}, 1};
	struct kept kept;
	struct attempt give, group;
	struct stat st;

	keep_name(&kept, instance, 0640);
	give = (struct attempt){kept.path, THIRD, -1};
	group = (struct attempt){kept.path, -1, 2002};
	ASSERT_ERR(child_call(&owner, try_chown, &give), EPERM);
	ASSERT_ERR(child_call(&stranger, try_chown, &give), EPERM);
	ASSERT_ERR(child_call(&owner, try_chown, &group), EPERM);
	ASSERT_OK(child_call(&joined, try_chown, &group));
	EXPECT_OPENS(&kept, member, EACCES, EACCES);
	ASSERT_OK(child_call(&root, try_chown, &give));
	EXPECT_OPENS(&kept, owner, EACCES, EACCES);
	EXPECT_OPENS(&kept, heir, 0, 0);
	ASSERT_OK(SYS(stat(kept.path, &st)));
	ASSERT_EQ(st.st_uid, THIRD);
	ASSERT_EQ(st.st_gid, 2002);
	drop_name(&kept);
}

struct acl_attempt {
	const char *path;
	struct acl acl;
};

static int try_set_acl(void *data)
{
	const struct acl_attempt *attempt = data;

	return (int)SYS(setxattr(attempt->path, ACL_XATTR, &attempt->acl,
				 sizeof(attempt->acl), 0));
}

static int try_remove_acl(void *data)
{
	const struct acl_attempt *attempt = data;

	return (int)SYS(removexattr(attempt->path, ACL_XATTR));
}

static void acl_grants(struct instance *instance)
{
	const struct identity third = {.uid = THIRD, .gid = 3001};
	struct acl_attempt attempt = {.acl = acl_for_user(OTHER, ACL_READ, 7)};
	struct acl got;
	struct kept kept;

	keep_name(&kept, instance, 0600);
	attempt.path = kept.path;
	EXPECT_OPENS(&kept, stranger, EACCES, EACCES);
	ASSERT_ERR(child_call(&stranger, try_set_acl, &attempt), EPERM);
	ASSERT_OK(child_call(&owner, try_set_acl, &attempt));
	EXPECT_OPENS(&kept, stranger, 0, EACCES);
	EXPECT_OPENS(&kept, third, EACCES, EACCES);
	EXPECT_OPENS(&kept, owner, 0, 0);
	ASSERT_EQ(SYS(getxattr(kept.path, ACL_XATTR, &got, sizeof(got))), sizeof(got));
	ASSERT(memcmp(&got, &attempt.acl, sizeof(got)) == 0);
	ASSERT_OK(child_call(&owner, try_remove_acl, &attempt));
	EXPECT_OPENS(&kept, stranger, EACCES, EACCES);
	ASSERT_ERR(SYS(getxattr(kept.path, ACL_XATTR, &got, sizeof(got))), ENODATA);
	drop_name(&kept);
}

static void acl_mask(struct instance *instance)
{
	const struct identity colleague = {.uid = THIRD, .gid = GROUP};
	struct acl_attempt attempt = {
		.acl = acl_for_user(OTHER, ACL_READ | ACL_WRITE, ACL_READ)};
	struct attempt wider;
	struct kept kept;
	struct stat st;

	keep_name(&kept, instance, 0600);
	attempt.path = kept.path;
	wider = (struct attempt){kept.path, 0660};
	ASSERT_OK(child_call(&owner, try_set_acl, &attempt));
	EXPECT_OPENS(&kept, stranger, 0, EACCES);
	/* The mask is shown, and can be changed, as the group bits of the mode. */
	ASSERT_OK(SYS(stat(kept.path, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0640);
	ASSERT_OK(child_call(&owner, try_chmod, &wider));
	EXPECT_OPENS(&kept, stranger, 0, 0);
	EXPECT_OPENS(&kept, colleague, EACCES, EACCES);
	drop_name(&kept);
}

static void bad_acls(struct instance *instance)
{
	struct acl acl = acl_for_user(OTHER, ACL_READ, 7);
	struct shared shared;
	struct stat st;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_ERR(SYS(setxattr(shared.path, ACL_XATTR, &acl, sizeof(acl) - 1, 0)),
		   EINVAL);
	acl.header.a_version = 77;
	ASSERT(SYS(setxattr(shared.path, ACL_XATTR, &acl, sizeof(acl), 0)) < 0);
	ASSERT(SYS(setxattr(shared.path, "system.posix_acl_default", &acl, sizeof(acl),
			    0)) < 0);
	ASSERT_OK(SYS(stat(shared.path, &st)));
	ASSERT_EQ(st.st_mode, S_IFREG | 0600);
	unshare_buffer(&shared);
}

/* Permissions are checked by open(2) only; open files stay valid. */
static void open_files_stay(struct instance *instance)
{
	struct shared shared;
	uint8_t byte;
	int fd;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_MODE, 0666);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(SYS(chmod(shared.path, 0)));
	ASSERT_OK(SYS(chown(shared.path, OTHER, OTHER)));
	ASSERT_EQ(pread(fd, &byte, 1, 0), 1);
	ASSERT_EQ(pwrite(fd, &byte, 1, 0), 1);
	close(fd);
	unshare_buffer(&shared);
}

/* With a group: its members export and list, all others only import. */
static int use_restricted_root(void *data)
{
	const struct kept *kept = data;

	ASSERT_ERR(raw_root(kept->instance), EACCES);
	ASSERT_ERR(raw_directory(kept->instance, O_RDONLY), EACCES);
	return (int)SYS(open(kept->path, O_RDONLY));
}

static void root_rights(struct instance *instance)
{
	struct kept kept;

	keep_name(&kept, instance, 0644);
	ASSERT_OK(child_call(&stranger, use_restricted_root, &kept));
	drop_name(&kept);
}

const struct test_case test_cases[] = {
	{"default_mode", default_mode},
	{"group_reads", group_reads},
	{"others_write", others_write},
	{"owner_excluded", owner_excluded},
	{"change_mode", change_mode},
	{"change_owner", change_owner},
	{"acl_grants", acl_grants},
	{"acl_mask", acl_mask},
	{"bad_acls", bad_acls},
	{"open_files_stay", open_files_stay},
	{"root_rights", root_rights, "mode=1773,control-mode=0660,gid=2001"},
	{0},
};
