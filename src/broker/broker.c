/* SPDX-License-Identifier: MIT */
#include "broker/broker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dmabuffs-broker.h>

#include "base/log.h"
#include "broker/admission.h"
#include "broker/connection.h"
#include "broker/rights.h"
#include "clock.h"
#include "util.h"

#define EVENTS_PER_TURN  64
#define ACCEPTS_PER_TURN 64
#define RETRY_MS         100
#define ACCEPT_RETRY_MS  20

/*
 * Short: connect(2) waits in its order, one for each thread, but in the backlog one
 * client can have all places, and new connections of others come after them.
 */
#define BACKLOG 128

/* ---- connections ------------------------------------------------------------------- */

/* Of descriptors of its own; the address says which. */
static int broker_watch(const struct broker *broker, int *fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};

	return epoll_ctl(broker->epoll, EPOLL_CTL_ADD, *fd, &event) < 0 ? -errno : 0;
}

/*
 * Those that wait stay in the backlog, so the listener stays ready: polled, it would keep
 * the thread busy. A descriptor of the connection that makes room is closed elsewhere,
 * and free a moment later.
 */
static void broker_accept_later(struct broker *broker, int error)
{
	if (error == EMFILE || error == ENFILE)
		(void)admission_make_room(broker);
	epoll_ctl(broker->epoll, EPOLL_CTL_DEL, broker->listener, NULL);
	broker->accept_at_ms = now_ms() + ACCEPT_RETRY_MS;
}

/* Where they cannot be refused, what is not admitted leaves descriptors to the rest. */
static bool broker_is_overrun(const struct broker *broker)
{
	return !broker->can_refuse_rights &&
	       limits_used(broker->limits, RES_UNADMITTED) >= broker->most_unadmitted;
}

static void broker_accept_some(struct broker *broker)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd;

		if (broker_is_overrun(broker) || !admission_prepare(broker))
			return broker_accept_later(broker, ENOMEM);
		fd = accept4(broker->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admission_take(broker, fd);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			broker_accept_later(broker, errno);
		return;
	}
}

static void broker_accept_again(struct broker *broker)
{
	broker->accept_at_ms = 0;
	if (broker_watch(broker, &broker->listener) < 0)
		broker->accept_at_ms = now_ms() + ACCEPT_RETRY_MS;
}

/*
 * A refused connection with unread descriptors is closed when those are, for which its
 * person decides how long that takes; the kernel limits what is in flight, but for each
 * uid. So where many are left, descriptors are taken from admitted connections only,
 * until half of them are closed. The messages of those in the backlog stay.
 */
static void broker_limit_rights(struct broker *broker)
{
	uint64_t n = limits_used(broker->limits, RES_UNADMITTED);
	uint64_t most = broker->limits->config.per_mount[RES_UNADMITTED];
	bool refuse = broker->refuses_rights ? n > most / 2 : n >= most;

	if (refuse == broker->refuses_rights || !broker->can_refuse_rights)
		return;
	if (!rights_permit(broker->listener, !refuse))
		return;
	broker->refuses_rights = refuse;
	if (refuse)
		log_warning("broker: %llu refused connections are not closed yet: "
			    "descriptors only from admitted ones",
			    (unsigned long long)n);
	else
		log_info("broker: takes descriptors from new connections again");
}

/* ---- throttling -------------------------------------------------------------------- */

static void broker_throttle(struct broker *broker, struct connection *connection)
{
	log_info("broker: uid %u throttled: its rejected descriptors are still closing",
		 connection->uid);
	if (list_is_empty(&broker->throttled))
		broker->retry_at_ms = now_ms() + RETRY_MS;
	connection->throttled = true;
	list_remove(&connection->by_use);
	list_add_tail(&broker->throttled, &connection->by_use);
	/* Clearing the events would not do: epoll(7) reports EPOLLHUP in any case. */
	connection_unwatch(broker, connection);
}

static void broker_resume_all(struct broker *broker)
{
	struct connection *connection, *after;

	broker->retry_at_ms = now_ms() + RETRY_MS;
	list_for_each_safe(connection, after, &broker->throttled, by_use) {
		if (connection_watch(broker, connection) < 0)
			continue;
		connection->throttled = false;
		admission_used(broker, connection);
	}
}

/* ---- the thread -------------------------------------------------------------------- */

static void broker_serve(struct broker *broker, struct connection *connection)
{
	int r = connection_serve(broker, connection);

	if (r == -EBUSY) {
		broker_throttle(broker, connection);
	} else if (r < 0) {
		admission_drop(broker, connection);
	} else {
		admission_used(broker, connection);
	}
}

/*
 * New connections are accepted last: making room for one closes another, which a later
 * event of this turn may still refer to. False: broker_stop() was called.
 */
static bool broker_serve_events(struct broker *broker, const struct epoll_event *events,
				int n)
{
	bool listener_ready = false;

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &broker->stop)
			return false;
		if (events[i].data.ptr == &broker->listener)
			listener_ready = true;
		else
			broker_serve(broker, events[i].data.ptr);
	}
	if (!list_is_empty(&broker->waiting))
		admission_continue(broker);
	if (listener_ready)
		broker_accept_some(broker);
	broker_limit_rights(broker);
	return true;
}

static int broker_timeout(const struct broker *broker)
{
	if (broker->accept_at_ms)
		return ACCEPT_RETRY_MS;
	return list_is_empty(&broker->throttled) && list_is_empty(&broker->waiting) &&
			       !broker->refuses_rights
		       ? -1
		       : RETRY_MS;
}

static bool broker_serve_turn(struct broker *broker)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = epoll_wait(broker->epoll, events, EVENTS_PER_TURN,
			   broker_timeout(broker));
	bool more;

	if (broker->accept_at_ms && now_ms() >= broker->accept_at_ms)
		broker_accept_again(broker);
	if (!list_is_empty(&broker->throttled) && now_ms() >= broker->retry_at_ms)
		broker_resume_all(broker);
	stall_guard_begin(&broker->guard);
	more = broker_serve_events(broker, events, n);
	stall_guard_end(&broker->guard);
	return more;
}

static void *broker_main(void *arg)
{
	struct broker *broker = arg;
	int r = stall_guard_init(&broker->guard);

	if (r < 0)
		log_error("broker: cannot create a timer: %s", strerror(-r));
	while (r == 0 && broker_serve_turn(broker))
		;
	admission_finish(broker);
	if (r == 0)
		stall_guard_finish(&broker->guard);
	return NULL;
}

/* ---- start and stop ---------------------------------------------------------------- */

static uint64_t broker_most_unadmitted(const struct broker *broker)
{
	uint64_t most = broker->limits->config.per_mount[RES_UNADMITTED];
	struct rlimit limit = {0};

	getrlimit(RLIMIT_NOFILE, &limit);
	return MAX(most, (uint64_t)limit.rlim_cur / 4);
}

static int broker_bind_in(int listener, int dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir,
		 DMABUFFS_BROKER_NAME);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return listen(listener, BACKLOG) < 0 ? -errno : 0;
}

static int broker_open_all(struct broker *broker)
{
	int r;

	list_init(&broker->connections);
	list_init(&broker->throttled);
	list_init(&broker->waiting);
	broker->accept_at_ms = 0;
	broker->epoll = epoll_create1(EPOLL_CLOEXEC);
	broker->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (broker->epoll < 0 || broker->stop < 0)
		return -errno;
	broker->can_refuse_rights = rights_permit(broker->listener, true);
	broker->refuses_rights = false;
	broker->most_unadmitted = broker_most_unadmitted(broker);
	r = broker_watch(broker, &broker->listener);
	if (r == 0)
		r = broker_watch(broker, &broker->stop);
	return r;
}

static void broker_close_all(struct broker *broker)
{
	close_keep_errno(broker->epoll);
	close_keep_errno(broker->stop);
}

int broker_continue(struct broker *broker, int listener)
{
	int r;

	broker->listener = listener;
	r = broker_open_all(broker);
	if (r == 0)
		r = -pthread_create(&broker->thread, NULL, broker_main, broker);
	if (r < 0)
		broker_close_all(broker);
	return r;
}

int broker_start(struct broker *broker, int dir)
{
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = listener < 0 ? -errno : broker_bind_in(listener, dir);

	if (r == 0)
		r = broker_continue(broker, listener);
	if (r < 0)
		close_keep_errno(listener);
	return r;
}

void broker_stop(struct broker *broker)
{
	const uint64_t one = 1;

	if (write(broker->stop, &one, sizeof(one)) < 0)
		log_error("broker: cannot stop the thread: %m");
	pthread_join(broker->thread, NULL);
	broker_close_all(broker);
	close_keep_errno(broker->listener);
}
