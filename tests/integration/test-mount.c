/* SPDX-License-Identifier: MIT */
/* test-mount.c - starting, inspecting and unmounting an instance */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "child.h"
#include "harness.h"
#include "namespaces.h"
#include "raw.h"

static void root_defaults(struct instance *instance)
{
	struct stat st;

	ASSERT_OK(SYS(stat(instance->dir, &st)));
	ASSERT_EQ(st.st_mode, S_IFDIR | 01711);
	ASSERT_EQ(st.st_uid, 0);
	ASSERT_EQ(st.st_gid, 0);
}

static void root_options(struct instance *instance)
{
	struct stat st;

	ASSERT_OK(SYS(stat(instance->dir, &st)));
	ASSERT_EQ(st.st_mode, S_IFDIR | 01750);
	ASSERT_EQ(st.st_uid, 1001);
	ASSERT_EQ(st.st_gid, 2001);
}

static void mount_table(struct instance *instance)
{
	char line[600], mount_point[300], type[100], source[100];
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct statvfs st;
	int n = 0;

	ASSERT(file);
	while (n != 3 || strcmp(mount_point, instance->dir)) {
		ASSERT(fgets(line, sizeof(line), file));
		n = sscanf(line, "%*s %*s %*s %*s %299s %*s - %99s %99s", mount_point,
			   type, source);
	}
	fclose(file);
	ASSERT(strcmp(type, "fuse.dmabuffs") == 0);
	ASSERT(strcmp(source, "dmabuffs") == 0);
	ASSERT_OK(SYS(statvfs(instance->dir, &st)));
	ASSERT_EQ(st.f_flag & ST_NOSUID, ST_NOSUID);
	ASSERT_EQ(st.f_flag & ST_NODEV, ST_NODEV);
	ASSERT_EQ(st.f_flag & ST_NOEXEC, ST_NOEXEC);
}

static void umount_ends_it(struct instance *instance)
{
	int connection = ASSERT_OK(raw_connect(instance));

	/* An open connection to the broker does not make the mount busy. */
	ASSERT_OK(SYS(umount2(instance->dir, 0)));
	close(connection);
	ASSERT(!is_mounted(instance->dir));
}

static void umount_while_open(struct instance *instance)
{
	struct shared shared;
	void *address;
	int fd;

	share(&shared, instance, PAGE, DMABUFFS_EXPORT_PERSIST, 0);
	fd = ASSERT_OK(raw_open(instance, shared.uuid, O_RDWR));
	ASSERT_OK(raw_map(fd, PAGE, PROT_READ, &address));
	close(shared.root);
	ASSERT_ERR(SYS(umount2(instance->dir, 0)), EBUSY);
	close(fd);
	ASSERT_ERR(SYS(umount2(instance->dir, 0)), EBUSY);
	munmap(address, PAGE);
	ASSERT_OK(SYS(umount2(instance->dir, 0)));
}

static void ends_by_signal(int signal, bool busy)
{
	struct instance other;
	struct shared shared;
	int fd;

	instance_start(&other, NULL);
	share(&shared, &other, PAGE, 0, 0);
	fd = ASSERT_OK(raw_open(&other, shared.uuid, O_RDWR));
	if (!busy) {
		close(fd);
		close(shared.root);
	}
	ASSERT_OK(SYS(kill(other.pid, signal)));
	instance_expect_exit(&other, 0);
	ASSERT(!is_mounted(other.dir));
}

static void sigterm_ends_it(struct instance *instance)
{
	ends_by_signal(SIGTERM, false);
}

static void sigint_ends_it(struct instance *instance)
{
	ends_by_signal(SIGINT, false);
}

static void sigterm_while_open(struct instance *instance)
{
	ends_by_signal(SIGTERM, true);
}

static void instances_share_nothing(struct instance *instance)
{
	struct shared here, there;
	struct instance other;

	instance_start(&other, NULL);
	share(&here, instance, PAGE, 0, 0);
	share_fd(&there, &other, here.fd, 0, 0);
	ASSERT(memcmp(here.uuid, there.uuid, sizeof(here.uuid)) != 0);
	ASSERT_ERR(raw_open(&other, here.uuid, O_RDWR), ENOENT);
	ASSERT_ERR(raw_open(instance, there.uuid, O_RDWR), ENOENT);
	ASSERT_ERR(raw_unlink(&other, here.uuid), ENOENT);
	ASSERT_ERR(raw_revoke(there.root, here.uuid), ENOENT);
	ASSERT_EQ(raw_count(&other), 1);
	ASSERT_OK(raw_unlink(&other, there.uuid));
	ASSERT_OK(raw_exists(instance, here.uuid));
	close(there.root);
	instance_stop(&other);
	unshare_buffer(&here);
}

static int open_read_and_exchange(void *data)
{
	struct shared *shared = data;
	int fd = ASSERT_OK(SYS(open(shared->path, O_RDWR)));
	int connection = ASSERT_OK(raw_connect(shared->instance));
	uint8_t byte;

	ASSERT_EQ(access("/proc", F_OK), -1);
	ASSERT_EQ(pread(fd, &byte, 1, 9), 1);
	ASSERT_EQ(byte, pattern(9));
	return raw_exchange(connection, fd) >= 0;
}

static void bind_mount(struct instance *instance)
{
	const struct identity elsewhere = {.namespaces = CLONE_NEWNS,
					   .sees = instance->dir};
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_EQ(child_call(&elsewhere, open_read_and_exchange, &shared), 1);
	unshare_buffer(&shared);
}

static void df_numbers(struct instance *instance)
{
	struct shared shared;
	struct statfs st;

	ASSERT_OK(SYS(statfs(instance->dir, &st)));
	ASSERT_EQ(st.f_bsize, PAGE);
	ASSERT_EQ(st.f_blocks, 256);
	ASSERT_EQ(st.f_bfree, 256);
	ASSERT_EQ(st.f_bavail, 256);
	ASSERT_EQ(st.f_files, 10);
	ASSERT_EQ(st.f_ffree, 10);
	share(&shared, instance, 3 * PAGE, 0, 0);
	ASSERT_OK(SYS(statfs(instance->dir, &st)));
	ASSERT_EQ(st.f_bfree, 253);
	ASSERT_EQ(st.f_ffree, 9);
	unshare_buffer(&shared);
}

static int mount_at(const char *dir, char *output, size_t size)
{
	const char *argv[] = {NULL, "-f", dir, NULL};

	return daemon_run(argv, output, size);
}

static void over_a_live_instance(struct instance *instance)
{
	char output[400];
	struct shared shared;

	share(&shared, instance, PAGE, 0, 0);
	ASSERT_EQ(mount_at(instance->dir, output, sizeof(output)), 1);
	ASSERT(strstr(output, "an instance is mounted there"));
	ASSERT_OK(raw_exists(instance, shared.uuid));
	unshare_buffer(&shared);
}

static bool is_stopped(void *data)
{
	const struct instance *instance = data;
	char path[40], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", instance->service);
	file = fopen(path, "re");
	ASSERT(file);
	ASSERT_EQ(fscanf(file, "%*d %*s %c", &state), 1);
	fclose(file);
	return state == 'T';
}

/* It cannot say that it lives. */
static void over_a_stopped_instance(struct instance *instance)
{
	char output[400];

	ASSERT_OK(SYS(kill(instance->service, SIGSTOP)));
	ASSERT(wait_until(is_stopped, instance));
	ASSERT_EQ(mount_at(instance->dir, output, sizeof(output)), 1);
	ASSERT(strstr(output, "an instance is mounted there"));
	ASSERT_OK(SYS(kill(instance->service, SIGCONT)));
}

static void over_a_dead_instance(struct instance *instance)
{
	struct instance other;
	struct shared shared;

	instance_start(&other, "nosupervisor");
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(SYS(kill(other.service, SIGKILL)));
		ASSERT_EQ(waitpid(other.pid, NULL, 0), other.pid);
		ASSERT_ERR(SYS(open(other.dir, O_RDONLY)), ENOTCONN);
		instance_start_again(&other, "nosupervisor");
		share(&shared, &other, PAGE, 0, 0);
		ASSERT_OK(raw_exists(&other, shared.uuid));
		unshare_buffer(&shared);
	}
	ASSERT_OK(SYS(umount2(other.dir, 0)));
	ASSERT(!is_mounted(other.dir));
	instance_stop(&other);
}

static void makes_its_directory(struct instance *instance)
{
	const char *refused[] = {NULL, "-f", NULL, NULL};
	char dir[INSTANCE_PATH_SIZE + 16], below[INSTANCE_PATH_SIZE + 16], output[400];
	const char *argv[] = {NULL, "--mkdir", dir, NULL};

	snprintf(dir, sizeof(dir), "%s-made", instance->dir);
	snprintf(below, sizeof(below), "%s/none/below", test_work_dir);
	refused[2] = dir;
	ASSERT_EQ(daemon_run(refused, output, sizeof(output)), 1);
	ASSERT(strstr(output, "No such file or directory"));
	for (int i = 0; i < 2; i++) { /* the second time it is there */
		ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 0);
		ASSERT_OK(SYS(umount2(dir, 0)));
	}
	argv[2] = below;
	ASSERT_EQ(daemon_run(argv, output, sizeof(output)), 1);
	ASSERT(strstr(output, "No such file or directory"));
	ASSERT_OK(SYS(rmdir(dir)));
}

/*
 * The next instance gets the device number that this one leaves, and is there before the
 * end of this one is complete.
 */
static void one_after_another(struct instance *instance)
{
	struct instance before = *instance, next = *instance;

	for (int i = 0; i < 100; i++) {
		ASSERT_OK(SYS(umount2(instance->dir, 0)));
		instance_start_again(&next, NULL);
		instance_expect_exit(&before, 0);
		ASSERT_EQ(raw_count(&next), 0);
		before = next;
	}
	instance->pid = -1;
	instance_stop(&next);
}

const struct test_case test_cases[] = {
	{"root_defaults", root_defaults},
	{"root_options", root_options, "mode=1750,uid=1001,gid=2001"},
	{"mount_table", mount_table},
	{"umount_ends_it", umount_ends_it},
	{"umount_while_open", umount_while_open},
	{"sigterm_ends_it", sigterm_ends_it},
	{"sigint_ends_it", sigint_ends_it},
	{"sigterm_while_open", sigterm_while_open},
	{"instances_share_nothing", instances_share_nothing},
	{"bind_mount", bind_mount},
	{"over_a_live_instance", over_a_live_instance},
	{"over_a_stopped_instance", over_a_stopped_instance},
	{"over_a_dead_instance", over_a_dead_instance},
	{"one_after_another", one_after_another},
	{"makes_its_directory", makes_its_directory},
	{"df_numbers", df_numbers, "max-bytes=1M,max-exports=10"},
	{0},
};
