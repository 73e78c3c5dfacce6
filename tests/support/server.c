/* SPDX-License-Identifier: MIT */
/* server.c - daemons of a program, each on its own mount point */
#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "report.h"
#include "place.h"
#include "process.h"

#define START_MS 10000
/* A daemon needs time to release 100,000 exports. */
#define STOP_MS 30000

static int run_daemon(const char *mount, const char *options, int ready_fd)
{
	const char *path = getenv("DMABUFFSD");
	char ready[32];

	(void)snprintf(ready, sizeof(ready), "--ready-fd=%d", ready_fd);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)execlp(path, path, "-f", ready, "-o", options, mount, NULL);
	(void)complain(-errno, "cannot run %s", path);
	return 127;
}

/* Waits for data, or for the child's exit, which closes the pipe. */
static int wait_ready(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char byte;
	int n = poll(&poll_fd, 1, START_MS);

	if (n == 0)
		return complain(-ETIMEDOUT, "the server is not ready after %d ms",
				START_MS);
	if (n < 0 || read(fd, &byte, 1) != 1)
		return complain(-EIO, "the server exited before it was ready");
	return 0;
}

static int make_mount_point(struct server *server, const char *dir, const char *name)
{
	if (asprintf(&server->mount, "%s/%s", dir, name) < 0) {
		server->mount = NULL;
		return -ENOMEM;
	}
	if (mkdir(server->mount, 0755) < 0 && errno != EEXIST)
		return complain(-errno, "mkdir %s", server->mount);
	return 0;
}

static int spawn(struct server *server, server_fn child, const char *options)
{
	int ready[2], r;

	if (pipe(ready) < 0)
		return complain(-errno, "pipe");
	server->pid = place_fork(ready[1]);
	if (server->pid == 0)
		_exit(child(server->mount, options, ready[1]));
	close_keep_errno(ready[1]);
	if (server->pid < 0) {
		server->pid = 0;
		r = complain(-errno, "fork");
	} else {
		r = wait_ready(ready[0]);
	}
	close_keep_errno(ready[0]);
	return r;
}

int server_start(struct server *server, const char *dir, const char *name,
		 server_fn child, const char *options)
{
	int r = make_mount_point(server, dir, name);

	if (r >= 0)
		r = spawn(server, child, options);
	if (r < 0)
		return r;
	server->root = open(server->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (server->root < 0)
		return complain(-errno, "open %s", server->mount);
	return 0;
}

int server_start_daemon(struct server *server, const char *dir, const char *name,
			const char *options)
{
	return server_start(server, dir, name, run_daemon,
			    options ? options : "log=warning");
}

/* Returns the exit status as of waitpid(2); kills it on a timeout. */
static int wait_end(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	int status = 0;

	if (pidfd < 0 || poll(&poll_fd, 1, STOP_MS) <= 0) {
		progress("server %d does not exit, killing it", (int)pid);
		(void)kill(pid, SIGKILL);
	}
	(void)waitpid(pid, &status, 0);
	close_keep_errno(pidfd);
	return status;
}

void server_stop(struct server *server)
{
	close_keep_errno(server->root);
	server->root = -1;
	if (server->pid > 0) {
		int status;

		(void)kill(server->pid, SIGTERM);
		status = wait_end(server->pid);
		if (status != 0)
			progress("the server of %s exited with status %#x", server->mount,
				 (unsigned int)status);
		server->pid = 0;
	}
	free(server->mount);
	server->mount = NULL;
}

/*
 * The heap is all resident anonymous memory: malloc's arenas (brk or mmap), large
 * allocations, and thread stacks, which do not grow with the exports. Unlike allocator
 * statistics, this includes the allocator's overhead.
 */
int server_heap(const struct server *server, double *ret_bytes)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *file;
	int found = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup",
		       (int)process_child(server->pid));
	file = fopen(path, "re");
	if (!file)
		return complain(-errno, "open %s", path);
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "Anonymous: %lu kB", &kib) == 1;
	(void)fclose(file);
	if (!found)
		return complain(-ENODATA, "no Anonymous: line in %s", path);
	*ret_bytes = (double)kib * 1024;
	return 0;
}
