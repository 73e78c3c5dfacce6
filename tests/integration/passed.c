/* SPDX-License-Identifier: MIT */
/* passed.c - copies, changes and passes the descriptors of a holder */
#include "passed.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "harness.h"
#include "raw.h"

#define PASSED_QUEUES 16
#define PASSED_FIRST  3
/* Where none of the numbers from PASSED_FIRST on is overwritten. */
#define PASSED_ASIDE 200

/* ---- copies ------------------------------------------------------------------------ */

void passed_add(struct passed *passed, int fd, const char *name)
{
	ASSERT(passed->n < PASSED_MAX);
	passed->fds[passed->n] = fd;
	snprintf(passed->names[passed->n++], sizeof(passed->names[0]), "%s", name);
}

static bool passed_is_listener(int fd)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value;
}

/* False: it is no queue of a bank. */
static bool passed_add_queue(struct passed *passed, int fd)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address);
	char name[PASSED_NAME_MAX];

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 ||
	    strncmp(address.sun_path + 1, "dmabuffs-bank-", 14) != 0)
		return false;
	snprintf(name, sizeof(name), "bank%s", strrchr(address.sun_path + 1, '-'));
	passed_add(passed, fd, name);
	return true;
}

static void passed_add_copy(struct passed *passed, int fd, const char *link)
{
	if (!strcmp(link, "/dev/fuse"))
		passed_add(passed, fd, "fuse");
	else if (strstr(link, "memfd:dmabuffs-ledger"))
		passed_add(passed, fd, "ledger");
	else if (passed_is_listener(fd))
		passed_add(passed, fd, "listener");
	else if (!passed_add_queue(passed, fd))
		close(fd);
}

static void passed_copy_once(const struct instance *instance, struct passed *passed)
{
	int pidfd = ASSERT_OK(SYS(pidfd_open(instance->pid, 0)));
	char path[300], link[200];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", instance->pid);
	dir = opendir(path);
	ASSERT(dir);
	while ((entry = readdir(dir))) {
		ssize_t n;
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", instance->pid,
			 entry->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		fd = pidfd_getfd(pidfd, atoi(entry->d_name), 0);
		link[MAX(n, 0)] = '\0';
		if (fd >= 0)
			passed_add_copy(passed, fd, link);
	}
	closedir(dir);
	close(pidfd);
}

struct passed_copy {
	const struct instance *instance;
	struct passed *passed;
};

/* For a moment it also has what a report has brought. */
static bool passed_is_copied(void *data)
{
	struct passed_copy *copy = data;

	*copy->passed = (struct passed){.n = 0};
	passed_copy_once(copy->instance, copy->passed);
	if (copy->passed->n == 3 + PASSED_QUEUES)
		return true;
	passed_close(copy->passed);
	return false;
}

void passed_copy(const struct instance *instance, struct passed *ret_passed)
{
	struct passed_copy copy = {instance, ret_passed};

	ASSERT(wait_until(passed_is_copied, &copy));
}

void passed_close(struct passed *passed)
{
	for (int i = 0; i < passed->n; i++)
		close(passed->fds[i]);
	passed->n = 0;
}

/* ---- changes ----------------------------------------------------------------------- */

int *passed_find(struct passed *passed, const char *name)
{
	for (int i = 0; i < passed->n; i++)
		if (!strcmp(passed->names[i], name))
			return &passed->fds[i];
	test_fail(__FILE__, __LINE__, "no descriptor %s", name);
}

void passed_remove(struct passed *passed, const char *name)
{
	int nth = (int)(passed_find(passed, name) - passed->fds);

	close(passed->fds[nth]);
	passed->n--;
	passed->fds[nth] = passed->fds[passed->n];
	memcpy(passed->names[nth], passed->names[passed->n], sizeof(passed->names[0]));
}

void passed_replace(struct passed *passed, const char *name, int fd)
{
	int *place = passed_find(passed, name);

	close(*place);
	*place = fd;
}

/* ---- a service with them ----------------------------------------------------------- */

static void passed_set(const char *variable, const char *value, int otherwise)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", otherwise);
	setenv(variable, value ? value : number, 1);
}

static void passed_set_names(const struct passed *passed)
{
	char names[PASSED_MAX * PASSED_NAME_MAX] = "";
	size_t used = 0;

	for (int i = 0; i < passed->n; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 i ? ":" : "", passed->names[i]);
	setenv("LISTEN_FDNAMES", passed->list ? passed->list : names, 1);
}

void passed_exec(const struct instance *instance, const struct passed *passed,
		 const char *options)
{
	/* Without systemd --fdstore has no effect. */
	const char *argv[] = {daemon_path(), "-f",          "--fdstore", "-o",
			      options,       instance->dir, NULL};

	for (int i = 0; i < passed->n; i++)
		dup2(passed->fds[i], PASSED_ASIDE + i);
	for (int i = 0; i < passed->n; i++) {
		dup2(PASSED_ASIDE + i, PASSED_FIRST + i);
		close(PASSED_ASIDE + i);
	}
	passed_set("LISTEN_FDS", passed->number, passed->n);
	passed_set("LISTEN_PID", passed->pid, getpid());
	passed_set_names(passed);
	execv(argv[0], (char **)argv);
	_exit(127);
}

static void passed_read(int fd, char *output, size_t size)
{
	size_t used = 0;
	ssize_t n = 1;

	while (used < size - 1 && n > 0) {
		n = read(fd, output + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
	}
	output[used] = '\0';
}

int passed_run(const struct instance *instance, const struct passed *passed,
	       const char *options, char *output, size_t size)
{
	int ends[2], status;
	pid_t pid;

	ASSERT_OK(SYS(pipe2(ends, O_CLOEXEC)));
	pid = ASSERT_OK(SYS(fork()));
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		passed_exec(instance, passed, options);
	}
	close(ends[1]);
	passed_read(ends[0], output, size);
	close(ends[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		test_fail(__FILE__, __LINE__, "wait status %#x, \"%s\"",
			  (unsigned int)status, output);
	return WEXITSTATUS(status);
}

void passed_refuse(const struct instance *instance, const struct passed *passed,
		   const char *options, const char *reason)
{
	passed_refuse_with(instance, passed, options, 1, reason);
}

void passed_refuse_with(const struct instance *instance, const struct passed *passed,
			const char *options, int expected, const char *reason)
{
	char output[4000];
	int status = passed_run(instance, passed, options, output, sizeof(output));

	if (status != expected || !strstr(output, reason))
		test_fail(__FILE__, __LINE__, "%s: status %d, \"%s\"", reason, status,
			  output);
	ASSERT_OK(SYS(kill(instance->service, 0)));
	ASSERT_EQ(raw_count(instance), 0);
}
