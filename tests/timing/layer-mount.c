/* SPDX-License-Identifier: MIT */
/* layer-mount.c - stat(2) and open(2) on a mount of the service */
#include "layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <dmabuffs-ioctl.h>

#include "../support/make-memfd.h"
#include "../support/report.h"
#include "../support/server.h"

struct mounted {
	struct server daemon;
	int control; /* carries the names */
	int opened;  /* by the last look-up */
};

static void mounted_destroy(void *data)
{
	struct mounted *mounted = data;

	if (!mounted)
		return;
	close_keep_errno(mounted->control);
	server_stop(&mounted->daemon);
	free(mounted);
}

static int mounted_start(struct mounted *mounted, const struct plan *plan)
{
	char options[128];
	int r;

	/* The last eighth is kept for users who hold little. */
	(void)snprintf(options, sizeof(options),
		       "log=warning,max-exports=%zu,max-exports-per-uid=%zu",
		       plan->n_names * 3 / 2 + 64, plan->n_names * 3 / 2 + 64);
	r = server_start_daemon(&mounted->daemon, plan->dir, "instance", options);
	if (r < 0)
		return r;
	mounted->control =
		openat(mounted->daemon.root, DMABUFFS_CONTROL_NAME, O_RDWR | O_CLOEXEC);
	return mounted->control < 0 ? complain(-errno, "open .control") : 0;
}

static int mounted_withdraw(const struct mounted *mounted, const uint8_t name[16])
{
	struct dmabuffs_withdraw argument = {.size = sizeof(argument)};

	memcpy(argument.uuid, name, sizeof(argument.uuid));
	if (ioctl(mounted->control, DMABUFFS_IOC_WITHDRAW, &argument) < 0)
		return complain(-errno, "withdraw");
	return 0;
}

static int mounted_export(const struct mounted *mounted, int memfd, uint8_t ret_name[16])
{
	struct dmabuffs_export argument = {
		.size = sizeof(argument),
		.flags = DMABUFFS_EXPORT_ANOTHER,
		.fd = memfd,
	};

	if (ioctl(mounted->control, DMABUFFS_IOC_EXPORT, &argument) < 0)
		return complain(-errno, "export");
	memcpy(ret_name, argument.uuid, sizeof(argument.uuid));
	return 0;
}

/* The service chooses the names: exports until it has chosen one that is admitted. */
static int mounted_export_admitted(const struct mounted *mounted, int memfd,
				   const struct contrast *contrast, uint8_t ret_name[16])
{
	for (;;) {
		int r = mounted_export(mounted, memfd, ret_name);

		if (r < 0 || contrast_admits(contrast, ret_name, true))
			return r;
		r = mounted_withdraw(mounted, ret_name);
		if (r < 0)
			return r;
	}
}

/* All names are of one memfd, frozen before, as libdmabuffs does: it is faster. */
static int mounted_fill(const struct mounted *mounted, const struct plan *plan,
			uint8_t (*ret_names)[16])
{
	_cleanup_close_ int memfd = try_memfd(4096, F_SEAL_SEAL);
	int r = memfd < 0 ? memfd : 0;

	if (r == 0 && fchmod(memfd, 0700) < 0)
		r = -errno;
	for (size_t i = 0; r == 0 && i < plan->n_names; i++)
		r = mounted_export_admitted(mounted, memfd, &plan->contrast,
					    ret_names[i]);
	return r;
}

static int mounted_create(const struct plan *plan, uint8_t (*ret_names)[16],
			  void **ret_instance)
{
	struct mounted *mounted = malloc(sizeof(*mounted));
	int r;

	if (!mounted)
		return -ENOMEM;
	*mounted = (struct mounted){.daemon = SERVER_INIT, .control = -1, .opened = -1};
	*ret_instance = mounted;
	r = mounted_start(mounted, plan);
	return r < 0 ? r : mounted_fill(mounted, plan, ret_names);
}

static int mounted_stat(void *data, const struct probe *probe)
{
	const struct mounted *mounted = data;
	struct stat st;

	return fstatat(mounted->daemon.root, probe->text, &st, 0) < 0 ? -errno : 0;
}

static int mounted_open(void *data, const struct probe *probe)
{
	struct mounted *mounted = data;

	mounted->opened = openat(mounted->daemon.root, probe->text, O_RDONLY | O_CLOEXEC);
	return mounted->opened < 0 ? -errno : 0;
}

static void mounted_ignore(void *data)
{
}

static void mounted_close(void *data)
{
	struct mounted *mounted = data;

	close_keep_errno(mounted->opened);
}

const struct layer stat_layer = {
	.name = "stat",
	.create = mounted_create,
	.destroy = mounted_destroy,
	.look_up = mounted_stat,
	.settle = mounted_ignore,
};

const struct layer open_layer = {
	.name = "open",
	.create = mounted_create,
	.destroy = mounted_destroy,
	.look_up = mounted_open,
	.settle = mounted_close,
};
