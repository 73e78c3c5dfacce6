/* SPDX-License-Identifier: MIT */
/* unread.h - what a peer has sent and nobody has received */
#ifndef DMABUFFS_UNREAD_H
#define DMABUFFS_UNREAD_H

#include <stdbool.h>

/*
 * Ends what the peer of the SOCK_SEQPACKET socket @fd can send, and drops the unread
 * messages before the first one with descriptors. True: none is left, so that close(2)
 * of @fd drops no file of the peer and does not wait. Never blocks.
 */
bool unread_drop_plain(int fd);

#endif
