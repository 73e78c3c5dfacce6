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
#include "util.h"

#define EVENTS_PER_TURN  64
#define ACCEPTS_PER_TURN 64
#define PARKED_RETRY_MS  100

/* ---- the list, by last use --------------------------------------------------------- */

static void broker_list_remove(struct broker *broker, struct connection *connection)
{
	if (connection->older)
		connection->older->newer = connection->newer;
	else
		broker->oldest = connection->newer;
	if (connection->newer)
		connection->newer->older = connection->older;
	else
		broker->newest = connection->older;
	connection->older = connection->newer = NULL;
}

static void broker_list_append(struct broker *broker, struct connection *connection)
{
	connection->older = broker->newest;
	if (broker->newest)
		broker->newest->newer = connection;
	else
		broker->oldest = connection;
	broker->newest = connection;
}

/* ---- connections ------------------------------------------------------------------- */

static int broker_watch(struct broker *broker, int op, int fd, uint32_t events,
			void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return epoll_ctl(broker->epoll, op, fd, &event) < 0 ? -errno : 0;
}

static void broker_drop(struct broker *broker, struct connection *connection)
{
	broker_list_remove(broker, connection);
	tickets_drop(broker->tickets, &connection->tickets);
	close(connection->fd);
	limits_uncharge(broker->limits, connection->uid, RES_CONNECTIONS, 1);
	free(connection);
}

/* The least recently used one of this user, or of anybody. */
static bool broker_drop_oldest(struct broker *broker, uid_t uid, bool of_anybody)
{
	struct connection *connection = broker->oldest;

	while (connection && !of_anybody && connection->uid != uid)
		connection = connection->newer;
	if (!connection)
		return false;
	log_info("broker: too many connections, closed the oldest of uid %u",
		 connection->uid);
	broker_drop(broker, connection);
	return true;
}

/* A user over his limit loses his own oldest; only at the mount's limit any oldest. */
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

static int broker_admit(struct broker *broker, int fd)
{
	struct connection *connection;
	struct ucred peer = {0};
	int r = broker_get_peer(fd, &peer);

	if (r == 0)
		r = broker_charge_connection(broker, peer.uid);
	if (r < 0)
		return r;
	connection = calloc(1, sizeof(*connection));
	if (!connection ||
	    broker_watch(broker, EPOLL_CTL_ADD, fd, EPOLLIN, connection) < 0) {
		free(connection);
		limits_uncharge(broker->limits, peer.uid, RES_CONNECTIONS, 1);
		return -ENOMEM;
	}
	connection->fd = fd;
	connection->uid = peer.uid;
	connection->pid = peer.pid;
	connection->tickets.uid = peer.uid;
	broker_list_append(broker, connection);
	return 0;
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
		r = broker_admit(broker, fd);
		if (r < 0) {
			log_warning("broker: connection refused: %s", strerror(-r));
			close(fd);
		}
	}
}

/* ---- the thread -------------------------------------------------------------------- */

static uint64_t broker_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void broker_park(struct broker *broker, struct connection *connection)
{
	log_info("broker: uid %u must wait: its refused descriptors do not close",
		 connection->uid);
	connection->parked = true;
	if (!broker->any_parked)
		broker->unpark_at_ms = broker_now_ms() + PARKED_RETRY_MS;
	broker->any_parked = true;
	/* Not only without events: a hang-up is always told. */
	broker_watch(broker, EPOLL_CTL_DEL, connection->fd, 0, connection);
}

static void broker_unpark_all(struct broker *broker)
{
	struct connection *connection;

	broker->any_parked = false;
	for (connection = broker->oldest; connection; connection = connection->newer) {
		if (!connection->parked)
			continue;
		connection->parked = false;
		if (broker_watch(broker, EPOLL_CTL_ADD, connection->fd, EPOLLIN,
				 connection) < 0) {
			connection->parked = true;
			broker->any_parked = true;
			broker->unpark_at_ms = broker_now_ms() + PARKED_RETRY_MS;
		}
	}
}

static void broker_serve(struct broker *broker, struct connection *connection)
{
	int r = connection_serve(broker, connection);

	if (r == -EBUSY) {
		broker_park(broker, connection);
	} else if (r < 0) {
		broker_drop(broker, connection);
	} else {
		broker_list_remove(broker, connection);
		broker_list_append(broker, connection);
	}
}

/*
 * New connections are taken last: making room for one closes another, which a later
 * event of this turn may still name.
 */
static bool broker_serve_turn(struct broker *broker, const struct epoll_event *events,
			      int n)
{
	bool listener_ready = false;

	stall_guard_begin(&broker->guard);
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == &broker->stop) {
			stall_guard_end(&broker->guard);
			return false;
		}
		if (events[i].data.ptr == &broker->listener)
			listener_ready = true;
		else
			broker_serve(broker, events[i].data.ptr);
	}
	if (listener_ready)
		broker_accept_some(broker);
	stall_guard_end(&broker->guard);
	return true;
}

static void *broker_main(void *arg)
{
	struct broker *broker = arg;
	struct epoll_event events[EVENTS_PER_TURN];
	bool more = true;

	if (stall_guard_init(&broker->guard) < 0)
		log_error("broker: no timer, it cannot serve");
	else
		while (more) {
			int timeout = broker->any_parked ? PARKED_RETRY_MS : -1;
			int n = epoll_wait(broker->epoll, events, EVENTS_PER_TURN,
					   timeout);

			if (broker->any_parked && broker_now_ms() >= broker->unpark_at_ms)
				broker_unpark_all(broker);
			more = broker_serve_turn(broker, events, MAX(n, 0));
		}
	while (broker->oldest)
		broker_drop(broker, broker->oldest);
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

	broker->listener =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	broker->epoll = epoll_create1(EPOLL_CLOEXEC);
	broker->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (broker->listener < 0 || broker->epoll < 0 || broker->stop < 0)
		return -errno;
	r = broker_bind_in(broker->listener, dir);
	if (r == 0)
		r = broker_watch(broker, EPOLL_CTL_ADD, broker->listener, EPOLLIN,
				 &broker->listener);
	if (r == 0)
		r = broker_watch(broker, EPOLL_CTL_ADD, broker->stop, EPOLLIN,
				 &broker->stop);
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
		log_error("broker: cannot be stopped: %m");
	pthread_join(broker->thread, NULL);
	broker_close_all(broker);
}
