/* SPDX-License-Identifier: MIT */
#include "broker/admission.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "broker/connection.h"
#include "buffers/closer.h"
#include "clock.h"
#include "util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* A client connects to send a request: until then it may be on its way to that. */
#define SILENT_MS      1000
#define SILENT_FULL_MS 100

/* Less than the 5 s that libdmabuffs waits for a reply. */
#define WAIT_MAX_MS 3000

/* Attempts to admit that may fail in a turn, so that many waiting ones cost little. */
#define FAILURES_PER_TURN 8

void admission_drop(struct broker *broker, struct connection *connection)
{
	list_remove(&connection->by_use);
	tickets_drop(broker->tickets, &connection->tickets);
	connection_close(broker, connection);
	free(connection);
}

/* ---- which connection may be closed ------------------------------------------------ */

static bool admission_has_unread(int fd)
{
	int bytes = 0;

	return ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

/* Those above one in this list are closed first. */
enum idleness {
	IDLE,       /* has sent requests, or no request for long, and waits for nothing */
	IDLE_STALE, /* has a ticket that nobody names */
	IDLE_FULL,  /* of a full mount: no user keeps the others out, whatever it does */
	IDLE_COUNT,
};

/*
 * A request under way is a message that was not read, or a ticket that a command is about
 * to name. A request that is sent just as the connection is closed has had no effect.
 */
static bool admission_is_idle(struct broker *broker, const struct connection *connection,
			      enum idleness idleness)
{
	uint64_t silent_ms = idleness == IDLE_FULL ? SILENT_FULL_MS : SILENT_MS;
	enum tickets_state tickets;

	if (connection->throttled)
		return idleness == IDLE_FULL;
	if (!connection->served && now_ms() - connection->since_ms < silent_ms)
		return false;
	tickets = tickets_state(broker->tickets, &connection->tickets);
	return (tickets == TICKETS_NONE ||
		(tickets == TICKETS_STALE && idleness >= IDLE_STALE)) &&
	       !admission_has_unread(connection->fd);
}

/* The least recently used one that @uid pays for, or of any user; NULL: none. */
static struct connection *admission_find_idle(struct broker *broker, uid_t uid,
					      bool of_any_user, enum idleness idleness)
{
	struct connection *connection;

	list_for_each(connection, &broker->connections, by_use)
		if ((of_any_user ||
		     limits_pays_for(broker->limits, uid, connection->uid)) &&
		    admission_is_idle(broker, connection, idleness))
			return connection;
	return NULL;
}

static bool admission_close_one(struct broker *broker, uid_t uid, bool of_any_user)
{
	enum idleness end = of_any_user ? IDLE_COUNT : IDLE_FULL;
	struct connection *connection = NULL;

	for (enum idleness i = IDLE; i < end && !connection; i++)
		connection = admission_find_idle(broker, uid, of_any_user, i);
	if (!connection)
		return false;
	log_info("broker: too many connections, closed the oldest idle one of uid %u",
		 connection->uid);
	admission_drop(broker, connection);
	return true;
}

bool admission_make_room(struct broker *broker)
{
	return admission_close_one(broker, 0, true);
}

/* ---- admitted, waiting or refused -------------------------------------------------- */

/*
 * The number of a peer that has exited may be another process by now. A new one cannot
 * take it between here and the charge: all numbers would have to be used up first.
 */
static bool admission_peer_is_alive(int fd)
{
	socklen_t length = sizeof(int);
	int pidfd = -1;
	bool alive;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0)
		return errno == ENOPROTOOPT; /* before Linux 6.5 */
	alive = poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) == 0;
	close(pidfd);
	return alive;
}

static struct payer admission_payer(const struct connection *connection)
{
	bool alive = admission_peer_is_alive(connection->fd);

	return (struct payer){connection->uid, alive ? connection->pid : 0};
}

/* -EDQUOT, -ENOSPC: no room, nor a connection to close for it. */
static int admission_charge(struct broker *broker, const struct connection *connection)
{
	const struct payer payer = admission_payer(connection);
	struct limits *limits = broker->limits;
	int r = limits_charge_process(limits, &payer, RES_CONNECTIONS, 1);
	uid_t full = payer.uid;

	if (r != -EDQUOT && r != -ENOSPC)
		return r;
	if (r == -EDQUOT)
		full = limits_find_full(limits, &payer, RES_CONNECTIONS);
	if (!admission_close_one(broker, full, r == -ENOSPC))
		return r;
	return limits_charge_process(limits, &payer, RES_CONNECTIONS, 1);
}

static int admission_admit(struct broker *broker, struct connection *connection)
{
	int r = admission_charge(broker, connection);

	if (r < 0)
		return r;
	r = connection_watch(broker, connection);
	connection->admitted = r == 0;
	limits_uncharge(broker->limits, connection->uid,
			r == 0 ? RES_ENDED : RES_CONNECTIONS, 1);
	if (r == 0)
		list_add_tail(&broker->connections, &connection->by_use);
	return r;
}

/* Those that wait hold a descriptor, too: a share of what connections may use. */
static bool admission_may_wait(const struct broker *broker, uid_t uid)
{
	uint64_t room = broker->limits->config.per_mount[RES_CONNECTIONS] / 4;
	struct connection *connection;
	uint64_t n = 0, n_of_user = 0;

	list_for_each(connection, &broker->waiting, by_use) {
		n++;
		n_of_user += connection->uid == uid;
	}
	return n < room && n_of_user < MAX(room / 2, UINT64_C(1));
}

static void admission_refuse(struct broker *broker, struct connection *connection, int r)
{
	log_info("broker: refused a connection of uid %u: %s", connection->uid,
		 r == -EDQUOT ? "all of its user have a request under way"
			      : strerror(-r));
	connection_refuse(broker, connection, r == -EDQUOT || r == -ENOSPC ? -EUSERS : r);
	connection_close(broker, connection);
	free(connection);
}

/*
 * It is there, whatever its user holds, and only the user's closer may close it if it has
 * unread descriptors. So it counts from here on, above the user's limit if need be.
 */
static int admission_charge_new(struct broker *broker, struct connection *connection)
{
	const struct payer payer = admission_payer(connection);
	int r = limits_charge_process_anyway(broker->limits, &payer, RES_ENDED, 1);

	if (r < 0)
		return r;
	connection->closing = closing_new(broker->limits, connection->uid, 1);
	if (connection->closing)
		return 0;
	limits_uncharge(broker->limits, connection->uid, RES_ENDED, 1);
	return -ENOMEM;
}

static struct connection *admission_new(struct broker *broker, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);

	if (!connection || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		free(connection);
		return NULL;
	}
	connection->fd = fd;
	connection->uid = peer.uid;
	connection->pid = peer.pid;
	if (admission_charge_new(broker, connection) < 0) {
		free(connection);
		return NULL;
	}
	connection->since_ms = now_ms();
	ticket_list_init(&connection->tickets, peer.uid);
	return connection;
}

void admission_take(struct broker *broker, int fd)
{
	struct connection *connection = admission_new(broker, fd);
	int r;

	if (!connection) {
		log_warning("broker: cannot accept a connection: %m");
		close(fd);
		return;
	}
	r = admission_admit(broker, connection);
	if ((r == -EDQUOT || r == -ENOSPC) && admission_may_wait(broker, connection->uid))
		list_add_tail(&broker->waiting, &connection->by_use);
	else if (r < 0)
		admission_refuse(broker, connection, r);
}

/* Puts all that wait for its user's room behind the others, in their order. */
static void admission_postpone(struct broker *broker, struct connection *first)
{
	struct connection *connection, *after;

	list_add_tail(&broker->waiting, &first->by_use);
	list_for_each_safe(connection, after, &broker->waiting, by_use) {
		if (connection == first)
			return;
		if (connection->uid != first->uid)
			continue;
		list_remove(&connection->by_use);
		list_add_tail(&broker->waiting, &connection->by_use);
	}
}

static int admission_try_again(struct broker *broker, struct connection *connection)
{
	int r = admission_admit(broker, connection);

	if (r == 0)
		return 0;
	admission_postpone(broker, connection);
	if (now_ms() - connection->since_ms > WAIT_MAX_MS) {
		list_remove(&connection->by_use);
		admission_refuse(broker, connection, r);
	}
	return r;
}

/* Each user once who has no room, so that none is in the way of others. */
void admission_continue(struct broker *broker)
{
	unsigned failures = 0;
	uid_t first_failed = 0;

	while (!list_is_empty(&broker->waiting) && failures < FAILURES_PER_TURN) {
		struct connection *connection =
			container_of(broker->waiting.next, struct connection, by_use);
		uid_t uid = connection->uid;

		if (failures > 0 && uid == first_failed)
			return;
		list_remove(&connection->by_use);
		if (admission_try_again(broker, connection) < 0 && failures++ == 0)
			first_failed = uid;
	}
}

void admission_finish(struct broker *broker)
{
	struct connection *connection, *after;

	list_for_each_safe(connection, after, &broker->connections, by_use)
		admission_drop(broker, connection);
	list_for_each_safe(connection, after, &broker->waiting, by_use) {
		list_remove(&connection->by_use);
		connection_close(broker, connection);
		free(connection);
	}
}
