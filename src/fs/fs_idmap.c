/* SPDX-License-Identifier: MIT */
/*
 * fs_idmap.c - the directory .idmap of the mount option idmap, see identities.h
 *
 * It is a directory of its own because O_TMPFILE needs write permission on one, and the
 * root directory gives none to strangers.
 */
#include <string.h>

#include "base/log.h"
#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "crash_point.h"

static int fs_idmap_read_identity(fuse_req_t req, struct identity *ret_identity)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct identity identity = {.owner = {ctx->uid, ctx->gid}};
	int r = user_process(req, &identity.process);

	/* The mount maps this user to nobody. */
	if (r == 0 && !ids_are_valid(identity.owner))
		r = -EOVERFLOW;
	if (r == 0)
		*ret_identity = identity;
	return r;
}

static int fs_idmap_open(fuse_req_t req, uint64_t *ret_handle)
{
	struct identity identity;
	int r = fs_idmap_read_identity(req, &identity);

	if (r == 0)
		r = identities_open(&service_of(req)->identities, &identity,
				    fuse_req_ctx(req)->pid, ret_handle);
	if (r < 0)
		log_warning("cannot open an identity for uid %u: %s", user_uid(req),
			    strerror(-r));
	return r;
}

void fs_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct service *service = service_of(req);
	struct fuse_entry_param entry = {.ino = INO_IDENTITY};
	uint64_t handle;
	int r = parent == INO_IDMAP ? 0 : -EOPNOTSUPP;

	if (r == 0)
		r = fs_stat(service, INO_IDENTITY, &entry.attr, &entry.attr_timeout);
	if (r == 0)
		r = fs_idmap_open(req, &handle);
	if (r < 0) {
		reply_error(req, r);
		return;
	}
	fi->fh = handle;
	fi->direct_io = 1;
	fi->nonseekable = 1;
	fi->noflush = 1;
	if (fuse_reply_create(req, &entry, fi) < 0)
		identities_close(&service->identities, handle);
	CRASH_POINT("idmap-replied");
	identities_replied(&service->identities, handle);
}

void fs_identity_release(fuse_req_t req, struct fuse_file_info *fi)
{
	identities_close(&service_of(req)->identities, fi->fh);
	reply_error(req, 0);
}

/* ---- commands ---------------------------------------------------------------------- */

int fs_token(struct command_call *call)
{
	struct dmabuffs_token *arg = &call->arg.token;
	int r = wire_check_no_flags(arg->flags);

	return r < 0 ? r
		     : identities_make_token(&call->service->identities, call->handle,
					     arg->token);
}

static int fs_idmap_set(struct command_call *call, const struct identity *identity)
{
	if (!call->file)
		return table_set_root_identity(&call->service->table, call->root_id,
					       identity);
	device_file_set_identity(call->file, identity);
	return 0;
}

static int fs_idmap_present(struct command_call *call, struct ids process)
{
	struct identities *identities = &call->service->identities;
	struct identity identity;
	uint64_t handle;
	int r = identities_take_token(identities, call->arg.token.token, process,
				      &identity, &handle);

	if (r < 0)
		return r;
	r = fs_idmap_set(call, &identity);
	CRASH_POINT("idmap-identified");
	identities_forget_token(identities, handle);
	return r;
}

int fs_identify(struct command_call *call)
{
	const struct dmabuffs_token *arg = &call->arg.token;
	struct ids process;
	int r = wire_check_no_flags(arg->flags);

	if (r == 0)
		r = user_process(call->req, &process);
	if (r == 0)
		r = fs_idmap_present(call, process);
	/* Its token ended when this request was executed before. */
	if (r == -ENOENT && !call->file &&
	    table_was_identified(&call->service->table, call->root_id))
		r = 0;
	if (r < 0)
		log_warning("cannot identify pid %d uid %u: %s", call->ctx->pid,
			    user_uid(call->req), strerror(-r));
	return r;
}
