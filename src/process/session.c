/* SPDX-License-Identifier: MIT */
#include "process/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "fs/fs.h"
#include "process/init.h"
#include "util.h"

_printf_(2, 0) static void session_log(enum fuse_log_level level, const char *format,
				       va_list args)
{
	log_message_v((int)level, format, args);
}

static struct fuse_session *session_create(struct service *service)
{
	const struct options *options = &service->options;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	char *list;

	if (asprintf(&list,
		     "fsname=%s,subtype=dmabuffs,default_permissions,allow_other,%s",
		     options->source, options->mount_flags) < 0)
		return NULL;
	fuse_set_log_func(session_log);
	if (fuse_opt_add_arg(&args, "dmabuffsd") == 0 &&
	    fuse_opt_add_arg(&args, "-o") == 0 && fuse_opt_add_arg(&args, list) == 0)
		session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), service);
	fuse_opt_free_args(&args);
	free(list);
	return session;
}

static int session_negotiate(struct service *service, uint32_t *ret_max_write)
{
	bool idmap = service->options.idmap;
	int r = init_negotiate(service->session, fuse_session_fd(service->session), idmap,
			       service->state.ledger, ret_max_write);

	if (r == 0)
		return 0;
	if (idmap && r == -EOPNOTSUPP)
		log_error("cannot mount with the option idmap: this kernel has no "
			  "idmapped FUSE mounts (Linux 6.12 has)");
	else
		log_error("cannot agree with the kernel on FUSE_INIT: %s", strerror(-r));
	fuse_session_unmount(service->session);
	session_destroy(service);
	return r;
}

static void session_init_loop(const struct service *service, int device,
			      uint32_t max_write, struct loop *ret_loop)
{
	struct ledger *ledger = service->state.ledger;

	loop_init(ret_loop, service->session, device, max_write);
	loop_set_ledger(ret_loop, ledger, !init_can_resend(ledger));
}

int session_mount(struct service *service, struct loop *ret_loop)
{
	uint32_t max_write;
	int r;

	service->session = session_create(service);
	if (!service->session)
		return -EINVAL;
	if (fuse_session_mount(service->session, service->options.mountpoint) < 0) {
		session_destroy(service);
		return -EIO;
	}
	r = session_negotiate(service, &max_write);
	if (r < 0)
		return r;
	session_init_loop(service, fuse_session_fd(service->session), max_write,
			  ret_loop);
	return 0;
}

/* libfuse takes the number of a descriptor in place of a mount point. */
static int session_attach(struct service *service, int device)
{
	char path[32];

	service->session = session_create(service);
	if (!service->session)
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", device);
	if (fuse_session_mount(service->session, path) == 0)
		return 0;
	session_destroy(service);
	return -EIO;
}

int session_continue(struct service *service, int device, struct loop *ret_loop)
{
	uint32_t max_write;
	int r = session_attach(service, device);

	if (r < 0)
		return r;
	r = init_replay(service->session, device, service->options.idmap,
			service->state.ledger, &max_write);
	if (r < 0) {
		session_destroy(service);
		return r;
	}
	session_init_loop(service, device, max_write, ret_loop);
	return 0;
}

void session_destroy(struct service *service)
{
	fuse_session_destroy(service->session);
	service->session = NULL;
}
