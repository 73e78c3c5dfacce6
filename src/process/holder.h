/* SPDX-License-Identifier: MIT */
/*
 * holder.h - the parent of the process that serves
 *
 * The service is a child of another process, its holder: in the foreground that is the
 * one which was started, and for which its starter waits. The holder parses nothing that
 * comes from a client. It passes signals on, reports readiness, unmounts the instance,
 * for the service has left the mount namespace that it is mounted in, and ends as the
 * service does.
 *
 * It keeps what outlives a service: the FUSE device, the ledger, the bank and the
 * broker's socket. A service that dies, other than by an end of its own, gets a
 * successor: the same file is executed with these descriptors. After some that never came
 * to serve, it ends the connection of the mount (aborter.h), and all requests of clients
 * with it.
 *
 * A client can make a thread wait where not even SIGKILL ends it: in a request to a FUSE
 * server that has read it and never replies. No process ends before all its threads have,
 * so the holder waits for no process: a pipe shows that a service has died (life.h), and
 * the successor waits until nothing of it reads requests (predecessor.h).
 *
 * The holder has a spare: another process that waits for its end, and is the holder then.
 * The service notices nothing of it. Only when both are killed does it end.
 *
 * With the option nosupervisor there are neither successor nor spare: the end of the
 * holder is that of the service, and the reverse.
 */
#ifndef DMABUFFS_HOLDER_H
#define DMABUFFS_HOLDER_H

#include "base/options.h"
#include "process/held.h"

/*
 * Where systemd keeps the descriptors (fdstore.h): the holder of a mount whose last one
 * died. @held is taken over. It starts a service, and does not return.
 */
_Noreturn void holder_continue(const struct options *options, char **argv,
			       struct held *held);

/*
 * Forks. Returns 0 in the child, which is the service, attached (keeper.h), and is killed
 * if its parent ends before it shows life; or -errno. The parent takes @ready_fd over
 * (-1: none) for ready_report(), and does not return. In the background it detaches
 * itself from its terminal once the service is ready. @argv is borrowed.
 */
int holder_fork(const struct options *options, char **argv, int ready_fd);

#endif
