/* SPDX-License-Identifier: MIT */
/*
 * lifetime.h - watches for the events that end the instance
 *
 * The instance ends when its last mount in the mount namespace of its start is gone
 * (umount(8)), or on SIGTERM, SIGINT or SIGHUP, which unmount it. The kernel's own
 * notice, the end of the connection, would never come: the broker's socket is bound
 * inside and keeps the file system in use. The socket is bound through a private clone of
 * the mount, so that it keeps no visible mount busy, and is closed after this thread saw
 * the last of those go.
 *
 * The thread also tells the holder when the helper was killed: the service has given up
 * the rights to start another one, and its successor has one.
 */
#ifndef DMABUFFS_LIFETIME_H
#define DMABUFFS_LIFETIME_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "process/loop.h"

struct lifetime {
	/* Set by the caller before lifetime_start(); borrowed. */
	struct loop *loop;
	uint64_t mount_dev;
	void (*before_end)(void *data); /* called while requests are still served */
	void *data;

	/* Borrowed: the helper's socket; -1: there is none. */
	int helper;

	/* Set by the caller; owned: /proc/self/mountinfo of that mount namespace. */
	int mountinfo;

	int signals, stop; /* owned */
	bool end_now;      /* used by the thread alone */
	pthread_t thread;
};

/* Without SIGHUP if the starter had it ignored, as nohup(1) does. */
void lifetime_ending_signals(sigset_t *ret_set);

/* Blocks the signals that end the daemon; before any thread is started. */
void lifetime_block_signals(void);

/* Starts the watch. With @end_now it ends the instance at once. 0 or -errno. */
int lifetime_start(struct lifetime *lifetime, bool end_now);

/* After the loop has returned. */
void lifetime_stop(struct lifetime *lifetime);

#endif
