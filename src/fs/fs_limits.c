/* SPDX-License-Identifier: MIT */
/* fs_limits.c - DMABUFFS_IOC_LIMITS */
#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"

static const struct {
	enum resource resource;
	bool of_owner; /* else of the payer */
} fs_limits_shown[DMABUFFS_LIMIT_COUNT] = {
	[DMABUFFS_LIMIT_EXPORTS] = {RES_EXPORTS, true},
	[DMABUFFS_LIMIT_BYTES] = {RES_BYTES, true},
	[DMABUFFS_LIMIT_ROOTS] = {RES_ROOTS, false},
	[DMABUFFS_LIMIT_CONNECTIONS] = {RES_CONNECTIONS, false},
};

int fs_limits(struct command_call *call)
{
	struct dmabuffs_limits *arg = &call->arg.limits;
	struct limits *limits = &call->service->limits;
	struct payer payer;
	struct ids owner;
	int r = wire_check_no_flags(arg->flags);

	if (r == 0)
		r = user_owner(call, &owner);
	if (r == 0)
		r = user_payer(call->req, &payer);
	if (r < 0)
		return r;
	for (size_t i = 0; i < DMABUFFS_LIMIT_COUNT; i++) {
		enum resource resource = fs_limits_shown[i].resource;
		uid_t uid = fs_limits_shown[i].of_owner ? owner.uid : payer.uid;

		arg->user[i].used = limits_used_by(limits, uid, resource);
		arg->user[i].max = limits->config.per_uid[resource];
	}
	return 0;
}
