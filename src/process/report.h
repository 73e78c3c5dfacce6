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
	REPORT_READY,       /* with the broker's socket, from the first service */
	REPORT_ENDING,      /* its end makes progress */
	REPORT_ABANDONED,   /* it has ended, but for threads that clients block */
	REPORT_ENDED,       /* it exits with @status, and nothing is left to be served;
			       a negative errno: it could not take over */
	REPORT_UNMOUNT,     /* @dev; with the FUSE device; the holder replies with it */
	REPORT_CHECKED,     /* a successor can take over; it waits for: */
	REPORT_GO,          /* to the service: its predecessor was killed; @status 1: to
			       upgrade it; @dev */
	REPORT_UPGRADE,     /* with a pipe for an int32_t: why not, -errno */
};

struct report {
	uint64_t dev; /* of the mount */
	uint32_t event;
	int32_t status;
};

/* 0 or -errno. */
int report_send(int socket, const struct report *report, const int *fds, unsigned n);

/* One report and its descriptors; false: the other end is closed, or it is none. */
bool report_receive(int socket, struct report *ret_report, int ret_fds[REPORT_FDS_MAX],
		    unsigned *ret_n);

#endif
