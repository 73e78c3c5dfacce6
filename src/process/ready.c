/* SPDX-License-Identifier: MIT */
#include "process/ready.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "process/notify.h"
#include "util.h"

static const char ready_message[] = "READY=1\n";

/* More than the time between two of these; see EXTEND_TIMEOUT_USEC in sd_notify(3). */
static const char ready_ending[] =
	"EXTEND_TIMEOUT_USEC=20000000\nSTATUS=Ending the names of the instance\n";

static void ready_wait_for_child(int fd)
{
	char message[sizeof(ready_message)];

	/* End of file: the child has exited and written the reason to our stderr. */
	_exit(read(fd, message, sizeof(message)) > 0 ? 0 : 1);
}

int ready_fork(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(fds[1]);
		ready_wait_for_child(fds[0]);
	}
	close(fds[0]);
	return fds[1];
}

static void ready_notify_systemd(const char *message)
{
	int r = notify(message, -1);

	if (r < 0)
		log_warning("cannot notify systemd: %s", strerror(-r));
}

void ready_report(int fd)
{
	ready_notify_systemd(ready_message);
	if (fd < 0)
		return;
	if (write(fd, ready_message, strlen(ready_message)) < 0)
		log_warning("cannot report readiness: %m");
	close(fd);
}

void ready_report_main(void)
{
	char message[32];

	(void)snprintf(message, sizeof(message), "MAINPID=%d\n", getpid());
	ready_notify_systemd(message);
}

void ready_extend_end(void)
{
	ready_notify_systemd(ready_ending);
}

int ready_null(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

void ready_detach(int null)
{
	setsid();
	if (chdir("/") < 0)
		log_warning("cannot leave the working directory: %m");
	log_use_syslog("dmabuffsd");
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close_keep_errno(null);
}
