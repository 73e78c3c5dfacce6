/* SPDX-License-Identifier: MIT */
/* main.c - dmabuffsd: start, serve, end */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "broker/take.h"
#include "fs/service.h"
#include "process/confine.h"
#include "process/filter.h"
#include "process/helper.h"
#include "process/keeper.h"
#include "process/landlock.h"
#include "process/lifetime.h"
#include "process/mountpoint.h"
#include "process/parts.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "process/session.h"
#include "process/startup.h"
#include "config.h"
#include "standard_fds.h"
#include "util.h"

enum { EXIT_USAGE = 2 };

/* A thread that still executes a request is not waited for any longer. */
static int main_loop(struct loop *loop)
{
	int r = loop_run(loop);

	if (r == -ETIMEDOUT) {
		log_warning("exiting while a request does not return");
		keeper_abandon_threads();
	}
	return r;
}

/*
 * No thread has the root of the host then. The filter is for all threads; that which
 * shows life has given up the rest itself.
 */
static int main_confine(struct service *service, int mount_root)
{
	const struct options *options = &service->options;
	bool by_helper = options->isolate || !caller_can_name_threads();
	int r;

	/* For the times in lines of syslog(3): /etc/localtime is not in the new root. */
	tzset();
	take_setup(service->broker.mount_dev, by_helper);
	r = helper_start(by_helper);
	if (r == 0)
		r = confine(!options->foreground);
	/* It denies access to other processes, too, with which a service takes. */
	if (r == 0 && options->isolate)
		r = landlock_begin(mount_root);
	if (r == 0)
		r = keeper_show_life();
	if (r == 0)
		r = privileges_keep(options->isolate ? PRIVILEGES_ISOLATED
						     : PRIVILEGES_SERVICE);
	return r == 0 ? filter_begin() : r;
}

static int main_serve_mounted(struct service *service, struct loop *loop)
{
	struct startup startup = {.service = service, .loop = loop};
	int r = startup_prepare(&startup);

	/* The keeper does not know the number of this mount. */
	if (r < 0) {
		fuse_session_unmount(service->session);
		return r;
	}
	keeper_report_mounted(service->broker.mount_dev);
	r = main_confine(service, startup.tree);
	if (r == 0)
		r = parts_start(service);
	if (r == 0)
		r = startup_begin(&startup);
	if (r < 0)
		return r;
	r = main_loop(loop);
	/* The start may wait in bind(2) for a request that no thread will read. */
	if (r < 0)
		keeper_unmount(service->broker.mount_dev, loop->device);
	startup_end(&startup);
	parts_stop(service, startup.notifier_is_stuck);
	return startup.bound ? r : -EIO;
}

static int main_serve(struct service *service)
{
	struct loop loop;
	int r;

	privileges_raise_nofile();
	r = session_mount(service, &loop);
	if (r < 0)
		return r;
	r = main_serve_mounted(service, &loop);
	keeper_unmount(service->broker.mount_dev, fuse_session_fd(service->session));
	session_destroy(service);
	return r;
}

/* Returns in the child. */
static int main_fork(const struct options *options)
{
	int ready_fd = options->foreground ? options->ready_fd : ready_fork();

	if (!options->foreground && ready_fd < 0)
		return ready_fd;
	return keeper_fork(options, ready_fd);
}

/* What the starter left open could lead out of the root that the service will have. */
static void main_close_inherited(int ready_fd)
{
	if (ready_fd > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)ready_fd - 1, 0);
	close_range((unsigned)MAX(ready_fd, STDERR_FILENO) + 1, ~0U, 0);
}

static int main_run(struct service *service)
{
	const struct options *options = &service->options;
	int r;

	main_close_inherited(options->ready_fd);
	r = mountpoint_resolve(&service->options.mountpoint, options->mkdir);
	if (r == 0)
		r = mountpoint_clear(options->mountpoint);
	if (r == 0)
		r = main_fork(options);
	if (r < 0)
		return r;
	lifetime_block_signals();
	r = parts_init(service);
	if (r < 0)
		return r;
	r = main_serve(service);
	parts_finish(service);
	return r;
}

int main(int argc, char *argv[])
{
	static struct service service;
	int status, r;

	if (standard_fds_fill() < 0)
		return EXIT_FAILURE;
	r = options_parse(argc, argv, &service.options);
	status = r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
	if (r < 0) {
		fputs("Try dmabuffsd --help.\n", stderr);
	} else if (service.options.help) {
		options_print_usage();
	} else if (service.options.version) {
		printf("dmabuffsd %s, libfuse %s\n", PACKAGE_VERSION, fuse_pkgversion());
	} else {
		log_set_level(service.options.log_level);
		r = main_run(&service);
		if (r < 0)
			log_error("cannot serve: %s", strerror(-r));
		status = r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	options_finish(&service.options);
	return status;
}
