/* SPDX-License-Identifier: MIT */
#include "fs/fs_ioctl.h"

#include "base/offload.h"
#include "base/request.h"
#include "fs/fs_user.h"
#include "names/caller.h"
#include "store/poison.h"
#include "sized.h"
#include "crash_point.h"
#include "util.h"

/* ---- the table of all commands ----------------------------------------------------- */

/* The kind of file that a command works on; .control is as the root directory. */
enum place { ON_NOTHING, ON_ROOT, ON_NAME, ON_DEVICES, ON_CONTEXT, ON_IDENTITY };

struct command {
	unsigned number; /* _IOC_NR() */
	enum place place;
	bool changes;      /* .control must be open for writing */
	size_t min_size;   /* of version 1 of the struct, fixed by the ABI */
	size_t known_size; /* of today's struct */
	int (*handler)(struct command_call *call);
};

/* X(function, command, member of the argument union, size of its version 1) */
#define CORE_CALLS(X)                                                                    \
	X(device_get_info, DEVICE_INFO, device_info, 272)                                \
	X(buffer_alloc, BUFFER_ALLOC, buffer_alloc, 24)                                  \
	X(buffer_free, BUFFER_FREE, object, 16)                                          \
	X(buffer_get_info, BUFFER_INFO, buffer_info, 24)                                 \
	X(asid_create, ASID_CREATE, asid_create, 16)                                     \
	X(asid_get_info, ASID_INFO, asid_info, 40)                                       \
	X(asid_map, ASID_MAP, asid_map, 40)                                              \
	X(asid_unmap, ASID_UNMAP, asid_unmap, 32)                                        \
	X(asid_copy, ASID_COPY, asid_copy, 40)                                           \
	X(set_create, SET_CREATE, set_create, 16)                                        \
	X(set_destroy, SET_DESTROY, object, 16)                                          \
	X(set_get_info, SET_INFO, set_info, 24)                                          \
	X(set_bind, SET_BIND, set_entry, 24)                                             \
	X(set_unbind, SET_UNBIND, set_entry, 24)                                         \
	X(set_lookup, SET_LOOKUP, set_entry, 24)                                         \
	X(set_next, SET_NEXT, set_entry, 24)                                             \
	X(queue_create, QUEUE_CREATE, queue_create, 24)                                  \
	X(queue_destroy, QUEUE_DESTROY, object, 16)                                      \
	X(queue_attach, QUEUE_ATTACH, queue_attach, 16)                                  \
	X(queue_detach, QUEUE_DETACH, queue_attach, 16)                                  \
	X(queue_reset, QUEUE_RESET, object, 16)                                          \
	X(queue_get_info, QUEUE_INFO, queue_info, 72)                                    \
	X(fence_create, FENCE_CREATE, fence, 24)                                         \
	X(fence_destroy, FENCE_DESTROY, object, 16)                                      \
	X(fence_signal, FENCE_SIGNAL, fence, 24)                                         \
	X(fence_query, FENCE_QUERY, fence, 24)

/* libaccel goes by the size, but call->arg has the member and no more, whatever came. */
#define ONCE(function, command, member, min)                                             \
	static int try_##function(struct command_call *call)                             \
	{                                                                                \
		uint32_t size = call->arg.member.size;                                   \
		int r;                                                                   \
                                                                                         \
		call->arg.member.size = sizeof(call->arg.member);                        \
		r = accel_##function(call->file->context, &call->arg.member);            \
		call->arg.member.size = size;                                            \
		return r;                                                                \
	}

#define HANDLER(function, command, member, min)                                          \
	ONCE(function, command, member, min)                                             \
                                                                                         \
	static int do_##function(struct command_call *call)                              \
	{                                                                                \
		return device_room_call(call, try_##function, NULL);                     \
	}
CORE_CALLS(HANDLER)
/* -EBUSY: attached in the same context, which no release of another one ends. */
ONCE(asid_destroy, ASID_DESTROY, object, 16)

#define ROW(ioctl, on, min, member, function)                                            \
	((struct command){.number = _IOC_NR(ioctl),                                      \
			  .place = (on),                                                 \
			  .min_size = (min),                                             \
			  .known_size = sizeof(((struct command_call *)0)->arg.member),  \
			  .handler = (function)})
#define CHANGING_ROW(ioctl, min, member, function)                                       \
	((struct command){.number = _IOC_NR(ioctl),                                      \
			  .place = ON_ROOT,                                              \
			  .changes = true,                                               \
			  .min_size = (min),                                             \
			  .known_size = sizeof(((struct command_call *)0)->arg.member),  \
			  .handler = (function)})
#define CONTEXT_ROW(command, min, member, handler)                                       \
	ROW(DMABUFFS_ACCEL_IOC_##command, ON_CONTEXT, min, member, handler)
#define CORE_ROW(function, command, member, min)                                         \
	CONTEXT_ROW(command, min, member, do_##function),

static const struct command fs_ioctl_commands[] = {
	CHANGING_ROW(DMABUFFS_IOC_EXPORT, 120, export, fs_export),
	CHANGING_ROW(DMABUFFS_IOC_REVOKE, 24, revoke, fs_revoke),
	CHANGING_ROW(DMABUFFS_IOC_WITHDRAW, 24, withdraw, fs_withdraw),
	ROW(DMABUFFS_IOC_LIST, ON_ROOT, 4096, list, fs_list),
	ROW(DMABUFFS_IOC_ENTRIES, ON_ROOT, 16352, entries, fs_entries),
	ROW(DMABUFFS_IOC_ENDED, ON_ROOT, 32, ended, fs_ended),
	ROW(DMABUFFS_IOC_LIMITS, ON_ROOT, 72, limits, fs_limits),
	CHANGING_ROW(DMABUFFS_IOC_UPGRADE, 8, upgrade, fs_upgrade),
	ROW(DMABUFFS_IOC_TOKEN, ON_IDENTITY, 24, token, fs_token),
	CHANGING_ROW(DMABUFFS_IOC_IDENTIFY, 24, token, fs_identify),
	ROW(DMABUFFS_IOC_IDENTIFY, ON_CONTEXT, 24, token, fs_identify),
	ROW(DMABUFFS_IOC_INFO, ON_NAME, 176, info, fs_info),
	ROW(DMABUFFS_ACCEL_IOC_DEVICE_INFO, ON_DEVICES, 272, device_info, device_query),
	CONTEXT_ROW(BUFFER_IMPORT, 32, import, device_import_buffer),
	CONTEXT_ROW(BUFFER_REVOKE, 16, object, device_revoke_buffer),
	CONTEXT_ROW(OPEN, 32, open, device_open_for_fetch),
	CONTEXT_ROW(ASID_DESTROY, 16, object, try_asid_destroy),
	CONTEXT_ROW(ASID_SVA, 56, sva, device_bind_sva),
	CONTEXT_ROW(ASID_EXPORT, 96, asid_export, device_export_asid),
	CONTEXT_ROW(ASID_IMPORT, 32, import, device_import_asid),
	CONTEXT_ROW(QUEUE_SUBMIT, offsetof(struct accel_queue_submit, commands),
		    queue_submit, device_submit),
	CORE_CALLS(CORE_ROW)};

/* ---- for handlers ------------------------------------------------------------------ */

void command_reply(struct command_call *call, int result)
{
	/* First, or a client on a busy machine gets ahead of what it leaves to close. */
	close_keep_errno(call->pidfd);
	taken_end(&call->rest);
	if (result < 0)
		reply_error(call->req, result);
	else
		fuse_reply_ioctl(call->req, 0, &call->arg, call->reply_size);
	CRASH_POINT("command-replied");
	free(call);
}

int command_pidfd(struct command_call *call)
{
	if (call->pidfd < 0)
		call->pidfd = caller_open(call->ctx->pid);
	return call->pidfd;
}

int command_take(struct command_call *call, int fd, const uint8_t *ticket, unsigned kinds,
		 struct taken *ret_taken)
{
	struct service *service = call->service;
	struct taken_source source;
	struct payer payer;
	int r = user_payer(call->req, &payer);

	if (r < 0)
		return r;
	if (ticket)
		return taken_from_ticket(&service->tickets, &payer, ticket, ret_taken);
	source = (struct taken_source){take_is_by_helper() ? -1 : command_pidfd(call), fd,
				       kinds};
	return taken_from_caller(&service->limits, &payer, &source, ret_taken);
}

/* The call is freed when its work returns. */
static void command_work(void *arg)
{
	struct command_call *call = arg;
	struct ledger *ledger = call->service->state.ledger;

	request_set(call->unique);
	call->work(call);
	if (request_is_resent())
		poison_end(ledger, request_unique());
	request_set(0);
}

int command_offload(struct command_call *call, const struct payer *payer,
		    void (*work)(void *call))
{
	struct offload *offload;
	int r = offload_reserve(&call->service->limits, payer, &offload);

	call->work = work;
	if (r == 0)
		r = offload_start(offload, command_work, call);
	if (r < 0)
		return r;
	request_hand_over();
	return COMMAND_PENDING;
}

/* ---- dispatch ---------------------------------------------------------------------- */

static enum place fs_ioctl_place_of(uint64_t ino, bool is_directory)
{
	if (ino == INO_ROOT || ino == INO_CONTROL)
		return ON_ROOT;
	if (ino == INO_IDENTITY)
		return ON_IDENTITY;
	if (ino == INO_IDMAP)
		return ON_NOTHING;
	if (is_directory)
		return ON_DEVICES;
	return fs_is_accel(ino) ? ON_CONTEXT : ON_NAME;
}

static const struct command *fs_ioctl_find_command(unsigned int number, enum place place)
{
	if (_IOC_TYPE(number) != DMABUFFS_IOC_TYPE ||
	    _IOC_DIR(number) != (_IOC_READ | _IOC_WRITE))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(fs_ioctl_commands); i++)
		if (fs_ioctl_commands[i].number == _IOC_NR(number) &&
		    fs_ioctl_commands[i].place == place)
			return &fs_ioctl_commands[i];
	return NULL;
}

/* -EOWNERDEAD: a context that ended with a service that was killed. */
static int fs_ioctl_set_file(struct command_call *call, enum place place, uint64_t fh)
{
	if (place == ON_CONTEXT) {
		call->file = device_file_find(&call->service->devices, fh);
		if (!call->file)
			return -EOWNERDEAD;
		device_file_use(call->file);
	} else if (place == ON_IDENTITY) {
		call->handle = fh;
	} else {
		call->root_id = fh;
	}
	return 0;
}

static int fs_ioctl_execute(const struct command *command, struct command_call *call)
{
	int r;

	if (!request_is_resent() || command->place != ON_CONTEXT)
		return command->handler(call);
	r = device_again_begin(call, command->number);
	if (r != DEVICE_AGAIN)
		return r;
	return device_again_end(command->number, command->handler(call));
}

static void fs_ioctl_run_command(const struct command *command, struct command_call *call,
				 const void *in, size_t in_size)
{
	int r = sized_take(in, in_size, command->min_size, &call->arg,
			   command->known_size);

	if (r == 0)
		r = fs_ioctl_execute(command, call);
	if (r != COMMAND_PENDING)
		command_reply(call, r);
}

void fs_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int number, void *arg,
	      struct fuse_file_info *fi, unsigned int flags, const void *in,
	      size_t in_size, size_t out_size)
{
	enum place place = fs_ioctl_place_of(ino, flags & FUSE_IOCTL_DIR);
	const struct command *command = fs_ioctl_find_command(number, place);
	struct command_call *call = NULL;
	int r;

	if (command && command->changes && !fi->fh) {
		reply_error(req, -EBADF);
		return;
	}
	if (command)
		call = calloc(1,
			      offsetof(struct command_call, arg) + command->known_size);
	if (!call) {
		reply_error(req, command ? -ENOMEM : -ENOTTY);
		return;
	}
	call->req = req;
	call->service = service_of(req);
	call->ctx = fuse_req_ctx(req);
	call->ino = ino;
	call->unique = request_get();
	call->pidfd = -1;
	call->rest = TAKEN_NONE;
	call->reply_size = MIN(out_size, command->known_size);
	r = fs_ioctl_set_file(call, place, fi->fh);
	if (r < 0)
		command_reply(call, r);
	else
		fs_ioctl_run_command(command, call, in, in_size);
}
