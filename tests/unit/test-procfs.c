/* SPDX-License-Identifier: MIT */
/* test-procfs.c - files of a procfs */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "broker/procfs.h"
#include "fixture.h"
#include "util.h"

TestSuite(procfs, .init = fixture_init, .fini = fixture_finish);

Test(procfs, own)
{
	_cleanup_close_ int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	cr_assert(ge(int, mem, 0));
	cr_assert(ge(int, maps, 0));
	cr_assert(procfs_has(mem, 0));
	cr_assert(procfs_has(maps, 0));
}

Test(procfs, others)
{
	_cleanup_close_ int memfd = new_memfd(4096);
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int sys = open("/sys", O_RDONLY | O_CLOEXEC);
	int ends[2];

	cr_assert(zero(int, pipe2(ends, O_CLOEXEC)));
	cr_assert(not(procfs_has(memfd, getpid())));
	cr_assert(not(procfs_has(null, getpid())));
	cr_assert(not(procfs_has(sys, getpid())));
	cr_assert(not(procfs_has(ends[0], getpid())));
	cr_assert(not(procfs_has(-1, getpid())));
	close(ends[0]);
	close(ends[1]);
}

/* The procfs of another PID namespace has another device number, found in mountinfo. */
Test(procfs, mounted_elsewhere)
{
	char dir[] = "/tmp/procfs-XXXXXX";
	char path[80];
	pid_t pid;
	int ready[2], done[2], status, fd;

	cr_assert(not(zero(ptr, mkdtemp(dir))));
	cr_assert(zero(int, pipe2(ready, O_CLOEXEC)));
	cr_assert(zero(int, pipe2(done, O_CLOEXEC)));
	pid = fork();
	if (pid == 0) {
		/* The child is in a new PID namespace, so that its procfs differs. */
		close(done[1]);
		if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(2);
		pid = fork();
		if (pid == 0) {
			if (mount("proc", dir, "proc", 0, NULL) < 0)
				_exit(3);
			(void)!write(ready[1], "x", 1);
			(void)!read(done[0], path, 1);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	close(done[0]);
	close(ready[1]);
	cr_assert(eq(int, (int)read(ready[0], path, 1), 1));
	/* Reachable through the mount namespace of a known process. */
	snprintf(path, sizeof(path), "/proc/%d/root%s/1/maps", pid, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(ge(int, fd, 0));
	cr_assert(not(procfs_has(fd, 0)));
	cr_assert(not(procfs_has(fd, getpid())));
	cr_assert(procfs_has(fd, pid));
	close(fd);
	close(done[1]);
	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	cr_assert(zero(int, status));
	close(ready[0]);
	rmdir(dir);
}
