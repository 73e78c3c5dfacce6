/* SPDX-License-Identifier: MIT */
#include "fs/fs_user.h"

#include "fs/fs_ioctl.h"

int user_payer(fuse_req_t req, struct payer *ret_payer)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	*ret_payer = (struct payer){ctx->uid, ctx->pid};
	return 0;
}

uid_t user_uid(fuse_req_t req)
{
	struct payer payer;

	return user_payer(req, &payer) < 0 ? (uid_t)-1 : payer.uid;
}

int user_owner(struct command_call *call, struct ids *ret_owner)
{
	*ret_owner = (struct ids){call->ctx->uid, call->ctx->gid};
	return 0;
}
