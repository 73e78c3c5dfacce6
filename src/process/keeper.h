/* SPDX-License-Identifier: MIT */
/*
 * keeper.h - what a process that serves reports to its holder, see holder.h
 *
 * Without a holder all of this does nothing.
 */
#ifndef DMABUFFS_KEEPER_H
#define DMABUFFS_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/held.h"

/*
 * Before any thread: takes over the ends of held->holder and held->life. If the mount
 * outlives the holder, because systemd keeps the descriptors, the end of the holder ends
 * this process alone; else the connection of the mount, too.
 */
void keeper_attach(struct held *held, bool mount_outlives_holder);

/*
 * In a service that is not the first of its mount. If the mount outlives the holder it is
 * killed when that ends. 0; -ESRCH: it has ended; -errno.
 */
int keeper_end_with_holder(void);

/*
 * The service has mounted the file system with this device number: the holder gets what
 * the next service needs of it, and both get a descriptor of aborter_open(). The service
 * has all privileges and the root of the host yet.
 */
void keeper_report_mounted(uint64_t dev, int fuse, const struct state *state);

/* The same of a successor, whose holder has all that already. */
void keeper_know_mount(uint64_t dev);

/* Before any other thread: see life_show(). 0 or -errno. */
int keeper_show_life(void);

/* It serves. @listener is the broker's socket, for the next service; -1: it has it. */
void keeper_report_ready(int listener);

/*
 * A successor has checked that it can take over. Returns once the predecessor was killed;
 * was that for an upgrade? *ret_dev: the mount's, as the holder knows it; 0: it does not.
 * 0; -ESRCH: the holder has ended, or has given the successor up.
 */
int keeper_await_predecessor(bool *ret_upgraded, uint64_t *ret_dev);

/* Has the holder call mountpoint_unmount() for its mount, and waits for that. */
void keeper_unmount(void);

/* Its end makes progress, and systemd is to wait longer for it. */
void keeper_report_ending(void);

/* The holder has another service take over, if there can be one. */
void keeper_report_helper_lost(void);

/*
 * The process exits with this status now, on purpose: nothing is left to be served. With
 * a negative errno: it could not take over.
 */
void keeper_report_ended(int status);

/*
 * Has the holder start the installed program. If that takes over, this process is killed;
 * else it returns -errno. -EBUSY: another thread waits for that.
 */
int keeper_upgrade(void);

/* Ends the process, for its starter successfully and at once, whatever its threads do. */
_Noreturn void keeper_abandon_threads(void);

#endif
