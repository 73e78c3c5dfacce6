/* SPDX-License-Identifier: MIT */
/*
 * init.h - FUSE_INIT, before the loop runs, and a flag that libfuse does not know
 *
 * The kernel's first request after a mount. libfuse gets it as it is, and writes its
 * reply to a socket that takes the place of its descriptor meanwhile; from there it goes
 * to the kernel, with FUSE_ALLOW_IDMAP if that was asked for. Public functions of libfuse
 * only.
 *
 * A successor replays the request that its predecessor saved, without the kernel: the
 * reply must be the one that the kernel got then.
 */
#ifndef DMABUFFS_INIT_H
#define DMABUFFS_INIT_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/ledger.h"

/*
 * @fd: that of the session. *ret_max_write: the largest write in bytes. Saves request and
 * reply in the ledger. 0; -EOPNOTSUPP: @idmap, and this kernel cannot (before Linux
 * 6.12); -ENODEV: unmounted; -errno.
 */
int init_negotiate(struct fuse_session *session, int fd, bool idmap,
		   struct ledger *ledger, uint32_t *ret_max_write);

/*
 * Replays what the ledger has, and stores nothing. 0; -EPROTO, logged: nothing was saved,
 * or this build or its options negotiate something else; -errno.
 */
int init_replay(struct fuse_session *session, int fd, bool idmap,
		const struct ledger *ledger, uint32_t *ret_max_write);

/* Can the kernel send requests again (Linux 6.9), as it said in FUSE_INIT? */
bool init_can_resend(const struct ledger *ledger);

/*
 * Has the kernel send again what was read and not replied to. 0; -ENODEV: unmounted;
 * -errno.
 */
int init_resend(int device);

#endif
