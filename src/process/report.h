/* SPDX-License-Identifier: MIT */
/*
 * report.h - messages between a service and its holder
 *
 * Over a SOCK_SEQPACKET pair. Holder and service can be of different builds: a report
 * keeps its layout, and the events their numbers.
 */
#ifndef DMABUFFS_REPORT_H
#define DMABUFFS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#define REPORT_FDS_MAX 80U

enum report_event {
	REPORT_MOUNTED = 1, /* @dev; with the FUSE device, the ledger and the bank */
	REPORT_ABORTER,     /* with a descriptor of aborter_open() */
	REPORT_READY,       /* from the first service with the broker's socket */
	REPORT_ENDING,      /* its end makes progress */
	REPORT_ABANDONED,   /* it has ended, but for threads that clients block */
	REPORT_ENDED,       /* it exits with @status, and nothing is left to be served;
			       a negative errno: it could not take over */
	REPORT_UNMOUNT,     /* the mount; the holder replies with it */
	REPORT_CHECKED,     /* a successor can take over; it waits for: */
	REPORT_GO,          /* to the service: its predecessor was killed; @status 1: to
			       upgrade it; @dev, 0: unknown */
	REPORT_UPGRADE,     /* to the next program; the holder replies with it if it does
			       not come about: @status is why, -errno */
	REPORT_HELPER_LOST, /* its helper was killed: a successor would have another */
};

struct report {
	uint64_t dev; /* of the mount */
	uint32_t event;
	int32_t status;
};

/* Waits while the holder is busy. 0 or -errno. */
int report_send(int socket, const struct report *report, const int *fds, unsigned n);

/*
 * The same for a holder, which does not wait for a service. -EAGAIN: that does not read
 * what it gets.
 */
int report_post(int socket, const struct report *report);

/* The event of the next report, which stays there; 0: as of false below. */
uint32_t report_peek(int socket);

/*
 * One report, and up to @max descriptors of it. What exceeds that never gets a number
 * here: close(2) of it could wait for a client. false: the other end is closed, or there
 * is none now.
 */
bool report_receive(int socket, unsigned max, struct report *ret_report,
		    int ret_fds[REPORT_FDS_MAX], unsigned *ret_n);

#endif
