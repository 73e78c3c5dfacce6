/* SPDX-License-Identifier: MIT */
#include "process/startup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/helper.h"
#include "base/log.h"
#include "fs/restore.h"
#include "process/filter.h"
#include "process/keeper.h"
#include "process/mountpoint.h"
#include "process/ready.h"
#include "crash_point.h"
#include "util.h"

/* Called by the watch when the instance ends, while requests are still served. */
static void startup_before_end(void *data)
{
	struct startup *startup = data;

	/* Very many names can have ended just before. */
	notifier_drop(&startup->service->notifier);
	startup->notifier_is_stuck = !notifier_stop(&startup->service->notifier);
}

/* bind(2) makes a request, and the socket keeps its node. */
static int startup_bind_broker(struct startup *startup)
{
	struct service *service = startup->service;
	int r;

	service->binder = gettid();
	r = broker_start(&service->broker, startup->tree);
	service->binder = 0;
	close(startup->tree);
	return r;
}

static int startup_serve_broker(struct startup *startup)
{
	struct service *service = startup->service;
	int r = startup->listener < 0
			? startup_bind_broker(startup)
			: broker_continue(&service->broker, startup->listener);

	startup->bound = r == 0;
	if (r < 0)
		log_error("cannot start the broker: %s", strerror(-r));
	return r;
}

/*
 * Nobody else unmounts an instance that has not come to watch its mount. That of a
 * successor has names, and goes to the next one.
 */
static _Noreturn void startup_fail(const struct startup *startup, int error)
{
	if (!startup->service->state.inherited)
		keeper_unmount();
	keeper_report_ended(startup->service->state.inherited ? error : EXIT_FAILURE);
	_exit(EXIT_FAILURE);
}

/* Denies the system calls that only the start makes, before it reports readiness. */
static void startup_confine(const struct startup *startup)
{
	int r;

	if (startup->bound && !startup->service->options.foreground)
		ready_detach(startup->null);
	else
		close_keep_errno(startup->null);
	r = filter_serve();
	if (r == 0)
		return;
	log_error("cannot filter system calls: %s", strerror(-r));
	startup_fail(startup, r);
}

static void startup_report(const struct startup *startup)
{
	const struct service *service = startup->service;

	log_info("serving %s, up to %llu exports", service->options.mountpoint,
		 (unsigned long long)service->limits.config.per_mount[RES_EXPORTS]);
	CRASH_POINT("start-before-ready");
	keeper_report_ready(service->state.inherited ? -1 : service->broker.listener);
	CRASH_POINT("start-ready");
}

/*
 * The watch acts on signals and umount(2), and is started last: bind(2) must not lose the
 * loop that serves its request. Without a broker it ends an instance that begins.
 */
static void *startup_run(void *arg)
{
	struct startup *startup = arg;
	int r = startup_serve_broker(startup);

	if (startup->service->state.inherited) {
		if (r < 0)
			startup_fail(startup, r);
		restore_finish(startup->service);
	}
	r = lifetime_start(&startup->lifetime, !startup->bound);
	if (r < 0) {
		log_error("cannot watch the mount: %s", strerror(-r));
		startup_fail(startup, r);
	}
	startup_confine(startup);
	if (startup->bound)
		startup_report(startup);
	return NULL;
}

static int startup_open(struct startup *startup)
{
	startup->null = ready_null();
	startup->lifetime.mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return startup->lifetime.mountinfo < 0 ? -errno : 0;
}

int startup_prepare(struct startup *startup)
{
	struct service *service = startup->service;
	int r = startup_open(startup);

	startup->listener = -1;
	if (r == 0)
		r = mountpoint_clone(service->options.mountpoint,
				     &service->broker.mount_dev, &startup->tree);
	if (r == 0)
		service->state.ledger->header->mount_dev = service->broker.mount_dev;
	return r;
}

int startup_continue(struct startup *startup, int listener)
{
	struct service *service = startup->service;

	startup->tree = -1;
	startup->listener = listener;
	/* To see its end alone. */
	if (!service->broker.mount_dev)
		service->broker.mount_dev = service->state.ledger->header->mount_dev;
	service->broker_bound = true;
	return startup_open(startup);
}

int startup_begin(struct startup *startup)
{
	struct service *service = startup->service;

	startup->lifetime = (struct lifetime){
		.loop = startup->loop,
		.mountinfo = startup->lifetime.mountinfo,
		.mount_dev = service->broker.mount_dev,
		.helper = helper_control(),
		.before_end = startup_before_end,
		.data = startup,
	};
	return -pthread_create(&startup->thread, NULL, startup_run, startup);
}

void startup_end(struct startup *startup)
{
	pthread_join(startup->thread, NULL);
	if (startup->bound)
		broker_stop(&startup->service->broker);
	lifetime_stop(&startup->lifetime);
}
