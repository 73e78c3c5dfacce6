/* SPDX-License-Identifier: MIT */
/*
 * lifetime.h - when the instance ends
 *
 * It ends when its last mount in the daemon's mount namespace is gone (umount(8)), or
 * with SIGTERM or SIGINT, which unmount it. Waiting for the kernel's own notice would not
 * do: the broker's socket is bound inside and keeps the file system in use. It is bound
 * through a private clone of the mount, so that it keeps no visible mount busy, and
 * closed when this thread has seen the last of those go.
 */
#ifndef DMABUFFS_LIFETIME_H
#define DMABUFFS_LIFETIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct fuse_session;

struct lifetime {
	/* Set by the caller before lifetime_start(); borrowed. */
	struct fuse_session *session;
	const char *mountpoint;
	uint64_t mount_dev;
	pthread_t loop_thread;          /* who runs the session loop */
	void (*before_end)(void *data); /* called while requests are still served */
	void *data;

	int mountinfo, signals, stop; /* owned */
	bool end_now, ended;          /* of the thread alone, once started */
	pthread_t thread;
};

/* Blocks the signals that end the daemon; before any thread is started. */
void lifetime_block_signals(void);

/*
 * Starts the watch. With @end_now it ends the instance at once. 0 or -errno.
 */
int lifetime_start(struct lifetime *lifetime, bool end_now);

/* After the loop has returned. */
void lifetime_stop(struct lifetime *lifetime);

/*
 * Aborts what is under way in, and detaches, the mount with device number @mount_dev from
 * @mountpoint, if it is still what is on top there. libfuse would detach whatever it
 * finds, be it the next instance.
 */
void lifetime_unmount(const char *mountpoint, uint64_t mount_dev);

#endif
