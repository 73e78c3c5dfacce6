/* SPDX-License-Identifier: MIT */
/* test-ready.c - readiness reports to the parent of the daemon */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "process/ready.h"
#include "fixture.h"

static void init(void)
{
	unsetenv("NOTIFY_SOCKET");
	log_set_level(LOG_ERR);
}

TestSuite(ready, .init = init);

static void expect_message(int fd)
{
	char message[32] = "";

	cr_assert(eq(long, read(fd, message, sizeof(message) - 1), 8));
	cr_assert(eq(str, message, (char *)"READY=1\n"));
}

Test(ready, tells_a_descriptor)
{
	char byte;
	int fds[2];

	cr_assert(zero(int, pipe2(fds, O_CLOEXEC)));
	ready_report(fds[1]);
	expect_message(fds[0]);
	cr_assert(not(is_open(fds[1])), "taken over");
	cr_assert(zero(long, read(fds[0], &byte, 1)), "and closed");
	close(fds[0]);
	ready_report(-1);
}

/* systemd waits that long from the message on, whatever TimeoutStopSec= says. */
static void expect_ending(int fd)
{
	char text[200] = "";

	cr_assert(gt(long, recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 0));
	cr_assert(ne(ptr, strstr(text, "EXTEND_TIMEOUT_USEC=20000000\n"), NULL));
	cr_assert(ne(ptr, strstr(text, "STATUS="), NULL));
}

static void expect_systemd_message(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	cr_assert(zero(int, bind(fd, (struct sockaddr *)&address, length)));
	setenv("NOTIFY_SOCKET", path, 1);
	ready_report(-1);
	expect_message(fd);
	ready_extend_end();
	expect_ending(fd);
	close(fd);
}

Test(ready, tells_systemd)
{
	char dir[] = "/tmp/dmabuffs-test-XXXXXX", path[60];

	cr_assert(ne(ptr, mkdtemp(dir), NULL));
	snprintf(path, sizeof(path), "%s/notify", dir);
	expect_systemd_message(path);
	unlink(path);
	rmdir(dir);
	snprintf(path, sizeof(path), "@dmabuffs-test-%d", getpid());
	expect_systemd_message(path);
}

Test(ready, survives_a_systemd_that_is_not_there)
{
	char longer[200];

	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	ready_report(-1);
	setenv("NOTIFY_SOCKET", "relative", 1);
	ready_report(-1);
	setenv("NOTIFY_SOCKET", "", 1);
	ready_report(-1);
	memset(longer, '/', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	ready_report(-1);
}

/* ---- in the background ------------------------------------------------------------- */

static int tell_and_stay(void *data)
{
	int fd = ready_fork();

	if (fd < 0)
		return 77;
	ready_report(fd);
	return 0;
}

static int end_without_telling(void *data)
{
	return ready_fork() < 0 ? 77 : 0;
}

Test(ready, the_parent_ends_with_0_once_message)
{
	cr_assert(zero(int, run_in_child(tell_and_stay, NULL)));
}

Test(ready, the_parent_ends_with_1_if_never_message)
{
	cr_assert(eq(int, run_in_child(end_without_telling, NULL), 1));
}

static int detach(void *data)
{
	char directory[100], link[100] = "";

	ready_detach(ready_null());
	if (!getcwd(directory, sizeof(directory)) || strcmp(directory, "/"))
		return 1;
	for (int fd = 0; fd <= 2; fd++) {
		char path[40];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, link, sizeof(link) - 1) < 0 ||
		    strcmp(link, "/dev/null"))
			return 2;
	}
	return getsid(0) == getpid() ? 0 : 3;
}

Test(ready, detaches)
{
	cr_assert(zero(int, run_in_child(detach, NULL)));
}
