/* SPDX-License-Identifier: MIT */
/* fs_upgrade.c - DMABUFFS_IOC_UPGRADE */
#include <errno.h>

#include "base/request.h"
#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "util.h"

static void fs_upgrade_run(void *arg)
{
	struct command_call *call = arg;

	command_reply(call, call->service->upgrade());
}

static int fs_upgrade_permit(struct command_call *call, struct payer *ret_payer)
{
	struct ids owner;
	int r = user_owner(call, &owner);

	if (r == 0)
		r = user_payer(call->req, ret_payer);
	if (r < 0)
		return r;
	return owner.uid == 0 || owner.uid == call->service->options.uid ? 0 : -EPERM;
}

/* The successor replies to the one that came about: the kernel sends it again. */
int fs_upgrade(struct command_call *call)
{
	const struct service *service = call->service;
	struct payer payer;
	int r = wire_check_no_flags(call->arg.upgrade.flags);

	if (r == 0)
		r = fs_upgrade_permit(call, &payer);
	if (r < 0)
		return r;
	if (request_is_resent())
		return service->upgraded ? 0 : -EINTR;
	if (!service->upgrade)
		return -EOPNOTSUPP;
	return command_offload(call, &payer, fs_upgrade_run);
}
