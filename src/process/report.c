/* SPDX-License-Identifier: MIT */
#include "process/report.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

static_assert(sizeof(struct report) == 16, "");

union report_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(REPORT_FDS_MAX * sizeof(int))];
};

int report_send(int socket, const struct report *report, const int *fds, unsigned n)
{
	union report_control control = {
		.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {(void *)report, sizeof(*report)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > REPORT_FDS_MAX)
		return -EINVAL;
	if (n > 0) {
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int report_post(int socket, const struct report *report)
{
	return send(socket, report, sizeof(*report), MSG_NOSIGNAL | MSG_DONTWAIT) < 0
		       ? -errno
		       : 0;
}

uint32_t report_peek(int socket)
{
	struct report report;

	return recv(socket, &report, sizeof(report), MSG_PEEK | MSG_DONTWAIT) ==
			       sizeof(report)
		       ? report.event
		       : 0;
}

bool report_receive(int socket, unsigned max, struct report *ret_report,
		    int ret_fds[REPORT_FDS_MAX], unsigned *ret_n)
{
	union report_control control;
	struct iovec iov = {ret_report, sizeof(*ret_report)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = max ? &control : NULL,
		.msg_controllen = max ? CMSG_LEN(max * sizeof(int)) : 0,
	};
	struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	*ret_n = 0;
	header = n >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_type == SCM_RIGHTS) {
		*ret_n = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(ret_fds, CMSG_DATA(header), *ret_n * sizeof(int));
	}
	return n == sizeof(*ret_report);
}
