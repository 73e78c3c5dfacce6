/* SPDX-License-Identifier: MIT */
/* fs_upgrade.c - DMABUFFS_IOC_UPGRADE */
#include <fcntl.h>
#include <unistd.h>

#include "base/request.h"
#include "base/wire.h"
#include "fs/fs_ioctl.h"
#include "fs/fs_user.h"
#include "util.h"

/* The holder writes why it refuses, or kills this process. */
static int fs_upgrade_wait(int pipe)
{
	int32_t error = 0;
	ssize_t n;

	do
		n = read(pipe, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == sizeof(error) && error < 0 ? error : -EIO;
}

static int fs_upgrade_ask(const struct service *service)
{
	int pipe[2], r;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	r = service->ask_upgrade(pipe[1]);
	close(pipe[1]);
	if (r == 0)
		r = fs_upgrade_wait(pipe[0]);
	close(pipe[0]);
	return r;
}

static void fs_upgrade_run(void *arg)
{
	struct command_call *call = arg;

	command_reply(call, fs_upgrade_ask(call->service));
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
	if (!service->ask_upgrade)
		return -EOPNOTSUPP;
	return command_offload(call, &payer, fs_upgrade_run);
}
