/* SPDX-License-Identifier: MIT */
/*
 * notify.h - messages to systemd
 *
 * sd_notify(3) documents the protocol as stable and simple enough to be used without its
 * library.
 */
#ifndef DMABUFFS_NOTIFY_H
#define DMABUFFS_NOTIFY_H

#include <stdbool.h>

/* Did systemd start us, and does it listen? */
bool notify_is_possible(void);

/* With the descriptor @fd (-1: none). 0, also where it is not possible; -errno. */
int notify(const char *message, int fd);

#endif
