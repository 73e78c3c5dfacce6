/* SPDX-License-Identifier: MIT */
/* test-end.c - the end of an instance: of very many names, and where it is mounted */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "child.h"
#include "harness.h"
#include "raw.h"

#define NAMES   20000
#define OPTIONS "max-exports-per-uid=30000"

static void export_names(int control, uint32_t flags)
{
	uint8_t uuid[16];

	for (int i = 0; i < NAMES; i++) {
		int fd = raw_memfd(1);

		/* Before the export, which would wait for it in a thread. */
		ASSERT_OK(SYS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW)));
		ASSERT_OK(raw_export_fd(control, fd, flags, 0, uuid));
		close(fd);
	}
}

/*
 * umount(2) only detaches the directory. The service goes on until the memory of all
 * names is released; meanwhile a new instance at the same place is not affected by it.
 */
static void of_names_that_stay(struct instance *instance)
{
	int control = ASSERT_OK(raw_root(instance));
	struct instance next = *instance;

	export_names(control, DMABUFFS_EXPORT_PERSIST);
	close(control);
	ASSERT_OK(SYS(umount2(instance->dir, 0)));
	instance_start_again(&next, OPTIONS);
	ASSERT_EQ(raw_count(&next), 0);
	instance_expect_exit(instance, 0);
	ASSERT(instance_logged(instance, "stopping: unmounted"));
	ASSERT(instance_logged(instance, "ending: "));
	ASSERT(instance_logged(instance, " names left"));
	ASSERT(!instance_logged(instance, "a client blocks"));
	ASSERT(is_mounted(next.dir));
	ASSERT_EQ(raw_count(&next), 0);
	instance_stop(&next);
}

static void export_and_stay(int peer, void *data)
{
	export_names(ASSERT_OK(raw_root(data)), 0);
	peer_signal(peer);
	peer_wait(peer);
}

/* Their exporter dies and the mount goes at once: nothing of it looks like a blocked
 * client. */
static void of_names_that_just_ended(struct instance *instance)
{
	struct child exporter;

	child_start(&exporter, NULL, export_and_stay, instance);
	peer_wait(exporter.peer);
	child_kill(&exporter, SIGKILL);
	ASSERT_OK(SYS(umount2(instance->dir, MNT_DETACH)));
	instance_expect_exit(instance, 0);
	/* After a line for each name. */
	ASSERT(instance_logged(instance, "stopping: unmounted"));
	ASSERT(!instance_logged(instance, "a client blocks"));
}

/* Aborts the connection first, so that the service can end before it sees the mount go.
 */
static void by_force(struct instance *instance)
{
	ASSERT_OK(SYS(umount2(instance->dir, MNT_FORCE)));
	instance_expect_exit(instance, 0);
	ASSERT(instance_logged(instance, "stopping: "));
}

/* A file of the FUSE control file system; the mount stays for a moment. */
static void by_abort(struct instance *instance)
{
	char control[INSTANCE_PATH_SIZE + 10], path[INSTANCE_PATH_SIZE + 40];
	struct stat st;

	ASSERT_OK(SYS(stat(instance->dir, &st)));
	snprintf(control, sizeof(control), "%s/control", test_work_dir);
	ASSERT_OK(SYS(mkdir(control, 0700)));
	ASSERT_OK(SYS(mount("test", control, "fusectl", 0, NULL)));
	snprintf(path, sizeof(path), "%s/%u/abort", control, minor(st.st_dev));
	ASSERT_EQ(write(ASSERT_OK(SYS(open(path, O_WRONLY | O_CLOEXEC))), "1", 1), 1);
	instance_expect_exit(instance, 0);
	ASSERT(instance_logged(instance, "stopping: "));
}

/* The keeper has no right in effect to search it, and unmounts nevertheless. */
static void below_a_directory_of_a_user(struct instance *instance)
{
	ASSERT_OK(SYS(chown(test_work_dir, 1001, 1001)));
	ASSERT_OK(SYS(chmod(test_work_dir, 0700)));
	ASSERT_OK(SYS(kill(instance->pid, SIGTERM)));
	instance_expect_exit(instance, 0);
	ASSERT(!is_mounted(instance->dir));
}

const struct test_case test_cases[] = {
	{"of_names_that_stay", of_names_that_stay, OPTIONS},
	{"of_names_that_just_ended", of_names_that_just_ended, OPTIONS},
	{"by_force", by_force},
	{"by_abort", by_abort},
	{"below_a_directory_of_a_user", below_a_directory_of_a_user},
	{0},
};
