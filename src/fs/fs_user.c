/* SPDX-License-Identifier: MIT */
#include "fs/fs_user.h"

#include "fs/fs_ioctl.h"

int user_process(fuse_req_t req, struct ids *ret_ids)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	if (service_of(req)->options.idmap)
		return caller_read_ids(ctx->pid, ret_ids) < 0 ? -EOVERFLOW : 0;
	*ret_ids = (struct ids){ctx->uid, ctx->gid};
	return 0;
}

int user_payer(fuse_req_t req, struct payer *ret_payer)
{
	struct ids process;
	int r = user_process(req, &process);

	if (r == 0)
		*ret_payer = (struct payer){process.uid, fuse_req_ctx(req)->pid};
	return r;
}

uid_t user_uid(fuse_req_t req)
{
	struct ids process;

	return user_process(req, &process) < 0 ? (uid_t)-1 : process.uid;
}

static int user_presented(struct command_call *call, struct identity *ret_identity)
{
	return call->file ? device_file_identity(call->file, ret_identity)
			  : table_root_identity(&call->service->table, call->root_id,
						ret_identity);
}

/*
 * What was presented counts for processes with the same ids only: a description that was
 * inherited or received makes nobody else of its user.
 */
static int user_mapped_owner(struct command_call *call, struct ids *ret_owner)
{
	struct identity identity;
	struct ids process;
	int r = user_presented(call, &identity);

	if (r == 0)
		r = user_process(call->req, &process);
	if (r < 0 || !ids_are_same(process, identity.process))
		return -EOVERFLOW;
	*ret_owner = identity.owner;
	return 0;
}

int user_owner(struct command_call *call, struct ids *ret_owner)
{
	return call->service->options.idmap ? user_mapped_owner(call, ret_owner)
					    : user_process(call->req, ret_owner);
}
