/* SPDX-License-Identifier: MIT */
/* main.c - dmabuffsd: start, serve, end */

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/log.h"
#include "broker/take.h"
#include "fs/service.h"
#include "process/confine.h"
#include "process/fdstore.h"
#include "process/filter.h"
#include "process/held.h"
#include "process/holder.h"
#include "process/helper.h"
#include "process/keeper.h"
#include "process/landlock.h"
#include "process/lifetime.h"
#include "process/mountpoint.h"
#include "process/notify.h"
#include "process/parts.h"
#include "process/predecessor.h"
#include "process/privileges.h"
#include "process/ready.h"
#include "process/session.h"
#include "process/startup.h"
#include "process/succession.h"
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
	struct helper_starting helper;
	int r;

	/* For the times in lines of syslog(3): /etc/localtime is not in the new root. */
	tzset();
	take_setup(service->broker.mount_dev, by_helper);
	r = helper_start(&helper);
	if (r == 0)
		r = confine(!options->foreground);
	if (r == 0)
		r = helper_await(&helper, by_helper);
	if (r == 0)
		r = privileges_take_uid();
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

/* Everything up to the first request. What fails in a successor leaves the mount as it
 * is. */
static int main_start(struct service *service, struct startup *startup)
{
	int r = main_confine(service, startup->tree);

	if (service->options.supervisor)
		service->upgrade = keeper_upgrade;
	if (r == 0)
		r = parts_start(service);
	if (r == 0 && service->state.inherited)
		r = succession_restore(service, startup->loop);
	return r == 0 ? startup_begin(startup) : r;
}

/* One that fails ends as it is: what it has not restored is the next one's. */
static _Noreturn void main_fail_again(int error)
{
	log_error("cannot take over: %s", strerror(-error));
	keeper_report_ended(error);
	_exit(EXIT_FAILURE);
}

static int main_serve_started(struct service *service, struct startup *startup)
{
	int r = main_loop(startup->loop);

	if (r < 0 && service->state.inherited)
		main_fail_again(r);
	/* The start may wait in bind(2) for a request that no thread will read. */
	if (r < 0)
		keeper_unmount();
	startup_end(startup);
	parts_stop(service, startup->notifier_is_stuck);
	r = startup->bound ? r : -EIO;
	keeper_unmount();
	session_destroy(service);
	return r;
}

/* ---- the first service of a mount -------------------------------------------------- */

static int main_serve_mounted(struct service *service, struct loop *loop)
{
	struct startup startup = {.service = service, .loop = loop};
	int r = startup_prepare(&startup);

	/* The holder does not know the number of this mount. */
	if (r < 0) {
		fuse_session_unmount(service->session);
		return r;
	}
	keeper_report_mounted(service->broker.mount_dev, loop->device, &service->state);
	r = main_start(service, &startup);
	if (r == 0)
		return main_serve_started(service, &startup);
	keeper_unmount();
	return r;
}

static int main_serve(struct service *service)
{
	struct loop loop;
	int r;

	privileges_raise_nofile();
	r = predecessor_become(service->state.ledger, 0);
	if (r == 0)
		r = session_mount(service, &loop);
	return r == 0 ? main_serve_mounted(service, &loop) : r;
}

/* Returns in the child. */
static int main_fork(const struct options *options, char **argv)
{
	int ready_fd = options->foreground ? options->ready_fd : ready_fork();

	if (!options->foreground && ready_fd < 0)
		return ready_fd;
	return holder_fork(options, argv, ready_fd);
}

static int main_run_first(struct service *service, char **argv)
{
	const struct options *options = &service->options;
	int r = mountpoint_resolve(&service->options.mountpoint, options->mkdir);

	if (r == 0)
		r = mountpoint_clear(options->mountpoint);
	if (r == 0)
		r = main_fork(options, argv);
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

/* ---- its successors ---------------------------------------------------------------- */

static int main_start_again(struct service *service, struct held *held,
			    struct startup *startup)
{
	int r = keeper_end_with_holder();

	if (r == 0)
		r = succession_open(service, held);
	if (r == 0)
		r = parts_init(service);
	if (r == 0)
		r = succession_negotiate(service, held, startup->loop);
	if (r == 0)
		r = succession_await(service);
	if (r == 0)
		r = startup_continue(startup, TAKE_FD(held->listener));
	return r == 0 ? main_start(service, startup) : r;
}

static int main_run_again(struct service *service, struct held *held)
{
	struct loop loop;
	struct startup startup = {.service = service, .loop = &loop};
	int r;

	/* Before Linux 6.14 it has the number of a descriptor as its name. */
	prctl(PR_SET_NAME, program_invocation_short_name);
	if (!service->options.foreground)
		log_use_syslog("dmabuffsd");
	keeper_attach(held, service->options.fdstore);
	lifetime_block_signals();
	privileges_raise_nofile();
	r = main_start_again(service, held, &startup);
	if (r < 0)
		main_fail_again(r);
	r = main_serve_started(service, &startup);
	parts_finish(service);
	return r;
}

/* systemd keeps descriptors also if a service ends before it serves. */
static int main_take(const struct options *options, struct held *ret_held)
{
	int r = held_take(options->ready_fd, ret_held);

	if (r != -ENOTCONN || !options->fdstore || ret_held->holder >= 0)
		return r;
	fdstore_drop(ret_held);
	held_close(ret_held);
	return 0;
}

static int main_run(struct service *service, char **argv)
{
	struct options *options = &service->options;
	struct held held;
	int r;

	options->fdstore &= options->supervisor && notify_is_possible();
	r = main_take(options, &held);
	if (r == 0 && options->fdstore && held.fuse >= 0 && held.holder < 0)
		holder_continue(options, argv, &held);
	if (r == 0)
		r = held.fuse < 0 ? main_run_first(service, argv)
				  : main_run_again(service, &held);
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
		r = main_run(&service, argv);
		if (r < 0)
			log_error("cannot serve: %s", strerror(-r));
		status = r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
		keeper_report_ended(status);
	}
	options_finish(&service.options);
	return status;
}
