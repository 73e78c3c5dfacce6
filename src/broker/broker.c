/* SPDX-License-Identifier: MIT */
#include "broker/broker.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dmabuffs-broker.h>

#include "base/log.h"
#include "broker/connection.h"
#include "clock.h"
#include "util.h"

#define EVENTS_PER_TURN    64
#define ACCEPTS_PER_TURN   64
#define THROTTLED_RETRY_MS 100

/* ---- connections ------------------------------------------------------------------- */

static int broker_watch(const struct broker *broker, int op, int fd, void *data)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

	return epoll_ctl(broker->epoll, op, fd, &event) < 0 ? -errno : 0;
}

static void broker_drop(struct broker *broker, struct connection *connection)
{
	list_remove(&connection->by_use);
	tickets_drop(broker->tickets, &connection->tickets);
	close(connection->fd);
	limits_uncharge(broker->limits, connection->uid, RES_CONNECTIONS, 1);
	free(connection);
}

/* The least recently used connection of @uid, or of any user; false: there is none. */
static bool broker_drop_oldest(struct broker *broker, uid_t uid, bool of_any_user)
{
	struct connection *connection;

	list_for_each(connection, &broker->connections, by_use) {
		if (!of_any_user && connection->uid != uid)
			continue;
		log_info("broker: too many connections, closed the oldest of uid %u",
			 connection->uid);
		broker_drop(broker, connection);
		return true;
	}
	return false;
}

/* A user over its limit loses its own oldest connection, a full mount the oldest of all.
 */
static int broker_charge_connection(struct broker *broker, uid_t uid)
{
	int r = limits_charge(broker->limits, uid, RES_CONNECTIONS, 1);

	if (r != -EDQUOT && r != -ENOSPC)
		return r;
	if (!broker_drop_oldest(broker, uid, r == -ENOSPC))
		return r;
	return limits_charge(broker->limits, uid, RES_CONNECTIONS, 1);
}

static int broker_get_peer(int fd, struct ucred *ret_peer)
{
	socklen_t length = sizeof(*ret_peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &length) < 0 ? -errno
									      : 0;
}

static int broker_new_connection(struct broker *broker, int fd, const struct ucred *peer)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection || broker_watch(broker, EPOLL_CTL_ADD, fd, connection) < 0) {
		free(connection);
		return -ENOMEM;
	}
	connection->fd = fd;
	connection->uid = peer->uid;
	connection->pid = peer->pid;
	ticket_list_init(&connection->tickets, peer->uid);
	list_add_tail(&broker->connections, &connection->by_use);
	return 0;
}

/* On success @fd is taken over. */
static int broker_add_connection(struct broker *broker, int fd)
{
	struct ucred peer = {0};
	int r = broker_get_peer(fd, &peer);

	if (r == 0)
		r = broker_charge_connection(broker, peer.uid);
	if (r < 0)
		return r;
	r = broker_new_connection(broker, fd, &peer);
	if (r < 0)
		limits_uncharge(broker->limits, peer.uid, RES_CONNECTIONS, 1);
	return r;
}

static void broker_accept_some(struct broker *broker)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(broker->listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		int r;

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				broker_drop_oldest(broker, 0, true);
			return;
		}
		r = broker_add_connection(broker, fd);
		if (r < 0) {
			log_warning("broker: cannot accept a connection: %s",
				    strerror(-r));
			close(fd);
		}
	}
}

/* ---- throttling -------------------------------------------------------------------- */

static void broker_retry_later(struct broker *broker)
{
	if (!broker->any_throttled)
		broker->retry_at_ms = now_ms() + THROTTLED_RETRY_MS;
	broker->any_throttled = true;
}

static void broker_throttle(struct broker *broker, struct connection *connection)
{
	log_info("broker: uid %u throttled: its rejected descriptors are still closing",
		 connection->uid);
	connection->throttled = true;
	broker_retry_later(broker);
	/* Clearing the events would not do: epoll(7) reports EPOLLHUP in any case. */
	broker_watch(broker, EPOLL_CTL_DEL, connection->fd, connection);
}

static void broker_resume_all(struct broker *broker)
{
	struct connection *connection;

	broker->any_throttled = false;
	list_for_each(connection, &broker->connections, by_use) {
		if (!connection->throttled)
			continue;
		connection->throttled = broker_watch(broker, EPOLL_CTL_ADD,
						     connection->fd, connection) < 0;
		if (connection->throttled)
			broker_retry_later(broker);
	}
}

/* ---- the thread -------------------------------------------------------------------- */

static void broker_serve(struct broker *broker, struct connection *connection)
{
	int r = connection_serve(broker, connection);

	if (r == -EBUSY) {
		broker_throttle(broker, connection);
	} else if (r < 0) {
		broker_drop(broker, connection);
	} else {
		list_remove(&connection->by_use);
		list_add_tail(&broker->connections, &connection->by_use);
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
	if (listener_ready)
		broker_accept_some(broker);
	return true;
}

static bool broker_serve_turn(struct broker *broker)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int timeout = broker->any_throttled ? THROTTLED_RETRY_MS : -1;
	int n = epoll_wait(broker->epoll, events, EVENTS_PER_TURN, timeout);
	bool more;

	if (broker->any_throttled && now_ms() >= broker->retry_at_ms)
		broker_resume_all(broker);
	stall_guard_begin(&broker->guard);
	more = broker_serve_events(broker, events, n);
	stall_guard_end(&broker->guard);
	return more;
}

static void *broker_main(void *arg)
{
	struct broker *broker = arg;
	struct connection *connection, *after;
	int r = stall_guard_init(&broker->guard);

	if (r < 0)
		log_error("broker: cannot create a timer: %s", strerror(-r));
	while (r == 0 && broker_serve_turn(broker))
		;
	list_for_each_safe(connection, after, &broker->connections, by_use)
		broker_drop(broker, connection);
	if (r == 0)
		stall_guard_finish(&broker->guard);
	return NULL;
}

/* ---- start and stop ---------------------------------------------------------------- */

static int broker_bind_in(int fd, int dir)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir,
		 DMABUFFS_BROKER_NAME);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

static int broker_open_all(struct broker *broker, int dir)
{
	int r;

	list_init(&broker->connections);
	broker->listener =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	broker->epoll = epoll_create1(EPOLL_CLOEXEC);
	broker->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (broker->listener < 0 || broker->epoll < 0 || broker->stop < 0)
		return -errno;
	r = broker_bind_in(broker->listener, dir);
	if (r == 0)
		r = broker_watch(broker, EPOLL_CTL_ADD, broker->listener,
				 &broker->listener);
	if (r == 0)
		r = broker_watch(broker, EPOLL_CTL_ADD, broker->stop, &broker->stop);
	return r;
}

static void broker_close_all(struct broker *broker)
{
	close_keep_errno(broker->listener);
	close_keep_errno(broker->epoll);
	close_keep_errno(broker->stop);
}

int broker_start(struct broker *broker, int dir)
{
	int r = broker_open_all(broker, dir);

	if (r == 0)
		r = -pthread_create(&broker->thread, NULL, broker_main, broker);
	if (r < 0)
		broker_close_all(broker);
	return r;
}

void broker_stop(struct broker *broker)
{
	const uint64_t one = 1;

	if (write(broker->stop, &one, sizeof(one)) < 0)
		log_error("broker: cannot stop the thread: %m");
	pthread_join(broker->thread, NULL);
	broker_close_all(broker);
}
