/* SPDX-License-Identifier: MIT */
#include "broker/peer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/*
 * -ESRCH: it was reaped. Before Linux 6.5 the number may be that of another process by
 * now; -ENOPROTOOPT: then it has none here, so that one cannot find out.
 */
static int peer_open(int fd, pid_t pid)
{
	socklen_t length = sizeof(int);
	int pidfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
		return pidfd;
	if (errno != ENOPROTOOPT || pid <= 0)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

/* The stall guard's signal interrupts a poll(2) that would find nothing, too. */
static bool peer_has_exited(int pidfd)
{
	int n;

	do
		n = poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0);
	while (n < 0 && errno == EINTR);
	return n != 0;
}

/*
 * Alive before and after, it was so in between: its number was not that of another
 * process, and its owners were read. -ESRCH: it has exited.
 */
static int peer_charge_alive(struct limits *limits, const struct payer *payer, int pidfd)
{
	int r = peer_has_exited(pidfd)
			? -ESRCH
			: limits_charge_process_anyway(limits, payer, RES_UNADMITTED, 1);

	if (r < 0 || !peer_has_exited(pidfd))
		return r;
	limits_uncharge(limits, payer->uid, RES_UNADMITTED, 1);
	return -ESRCH;
}

int peer_charge(struct limits *limits, int fd, struct payer *ret_payer)
{
	struct ucred peer = {.uid = UID_UNKNOWN};
	socklen_t length = sizeof(peer);
	struct payer payer;
	int pidfd, r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	payer = (struct payer){peer.uid, peer.pid};
	pidfd = peer_open(fd, peer.pid);
	if (pidfd >= 0)
		r = peer_charge_alive(limits, &payer, pidfd);
	else if (pidfd == -ENOPROTOOPT)
		r = limits_charge_process_anyway(limits, &payer, RES_UNADMITTED, 1);
	else
		r = pidfd == -EINVAL ? -ESRCH : pidfd;
	close_keep_errno(pidfd);
	if (r == -ESRCH) {
		payer = (struct payer){UID_UNKNOWN, 0};
		r = limits_charge_process_anyway(limits, &payer, RES_UNADMITTED, 1);
	}
	if (r == 0)
		*ret_payer = payer;
	return r;
}
