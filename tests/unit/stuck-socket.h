/* SPDX-License-Identifier: MIT */
/* stuck-socket.h - a descriptor whose close(2) does not return */
#ifndef DMABUFFS_TESTS_STUCK_SOCKET_H
#define DMABUFFS_TESTS_STUCK_SOCKET_H

/* seconds that a close waits if the peer stays open */
#define STUCK_SECONDS 40

/*
 * A TCP socket with SO_LINGER whose peer reads nothing: its last close waits until the
 * peer, *@ret_peer, is closed. Skips the test where there is no loopback device.
 */
int stuck_socket(int *ret_peer);

#endif
