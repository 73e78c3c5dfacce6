/* SPDX-License-Identifier: MIT */
#include "broker/admission.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "broker/connection.h"
#include "broker/peer.h"
#include "broker/person.h"
#include "broker/rights.h"
#include "buffers/closer.h"
#include "clock.h"
#include "util.h"

/* A client connects to send a request: until then it may be on its way to that. */
#define SILENT_MS      1000
#define SILENT_FULL_MS 100

/* Less than the 5 s that libdmabuffs waits for a reply. */
#define WAIT_MAX_MS 3000

/* In a turn, so that many waiting ones cost little: attempts to admit that may fail, and
 * those of one person that are refused because they waited too long. */
#define FAILURES_PER_TURN 8
#define REFUSED_PER_TURN  64

/* While none of the whole mount is idle, they are not looked through more often. */
#define LOOK_AGAIN_MS 10

static void admission_free(struct broker *broker, struct connection *connection)
{
	connection_close(broker, connection);
	person_put(&broker->persons, connection->person);
	free(connection);
}

void admission_drop(struct broker *broker, struct connection *connection)
{
	list_remove(&connection->by_use);
	list_remove(&connection->in_person);
	tickets_drop(broker->tickets, &connection->tickets);
	admission_free(broker, connection);
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
	BUSY,
};

/*
 * A request under way is a message that was not read, or a ticket that a command is about
 * to name. A request that is sent just as the connection is closed has had no effect.
 */
static enum idleness admission_idleness(struct broker *broker,
					const struct connection *connection)
{
	uint64_t silent_ms =
		connection->served ? UINT64_MAX : now_ms() - connection->since_ms;
	enum tickets_state tickets;

	if (connection->throttled)
		return IDLE_FULL;
	if (silent_ms < SILENT_FULL_MS)
		return BUSY;
	tickets = tickets_state(broker->tickets, &connection->tickets);
	if (tickets == TICKETS_FRESH || admission_has_unread(connection->fd))
		return BUSY;
	if (silent_ms < SILENT_MS)
		return IDLE_FULL;
	return tickets == TICKETS_STALE ? IDLE_STALE : IDLE;
}

/* The best to close so far. */
struct candidate {
	struct connection *connection;
	enum idleness idleness;
};

/* False: no other is better. */
static bool admission_consider(struct broker *broker, struct connection *connection,
			       struct candidate *best)
{
	enum idleness idleness = admission_idleness(broker, connection);

	if (idleness < best->idleness)
		*best = (struct candidate){connection, idleness};
	return best->idleness != IDLE;
}

/*
 * The least recently used one that @uid, which is of @person, pays for; NULL: none. They
 * are as many as one user may have.
 */
static struct connection *admission_find_of(struct broker *broker,
					    const struct person *person, uid_t uid)
{
	struct candidate best = {NULL, IDLE_FULL};
	struct connection *connection;

	list_for_each(connection, &person->connections, in_person)
		if (limits_pays_for(broker->limits, uid, connection->uid) &&
		    !admission_consider(broker, connection, &best))
			break;
	return best.connection;
}

/* The same of all users. */
static struct connection *admission_find_any(struct broker *broker)
{
	struct candidate best = {NULL, BUSY};
	struct connection *connection;

	if (now_ms() < broker->all_busy_until_ms)
		return NULL;
	list_for_each(connection, &broker->connections, by_use)
		if (!admission_consider(broker, connection, &best))
			break;
	if (!best.connection)
		best.connection =
			list_first(&broker->throttled, struct connection, by_use);
	if (!best.connection)
		broker->all_busy_until_ms = now_ms() + LOOK_AGAIN_MS;
	return best.connection;
}

static bool admission_close_one(struct broker *broker, struct connection *connection)
{
	if (!connection)
		return false;
	log_info("broker: too many connections, closed the oldest idle one of uid %u",
		 connection->uid);
	admission_drop(broker, connection);
	return true;
}

bool admission_make_room(struct broker *broker)
{
	return admission_close_one(broker, admission_find_any(broker));
}

/* ---- admitted, waiting or refused -------------------------------------------------- */

static int admission_charge_connection(struct broker *broker, uid_t uid)
{
	return limits_charge(broker->limits, uid, RES_CONNECTIONS, 1);
}

/* -EDQUOT, -ENOSPC: no room, nor a connection to close for it. */
static int admission_charge(struct broker *broker, const struct connection *connection)
{
	uid_t uid = connection->uid;
	int r = admission_charge_connection(broker, uid);
	struct connection *idle;

	if (r == -EDQUOT)
		idle = admission_find_of(
			broker, connection->person,
			limits_find_full(broker->limits, uid, RES_CONNECTIONS));
	else if (r == -ENOSPC)
		idle = admission_find_any(broker);
	else
		return r;
	return admission_close_one(broker, idle)
		       ? admission_charge_connection(broker, uid)
		       : r;
}

/* On success it is in no list yet. */
static int admission_admit(struct broker *broker, struct connection *connection)
{
	int r = admission_charge(broker, connection);

	if (r < 0)
		return r;
	r = connection_watch(broker, connection);
	if (r < 0) {
		limits_uncharge(broker->limits, connection->uid, RES_CONNECTIONS, 1);
		return r;
	}
	connection->admitted = true;
	connection->since_ms = now_ms();
	/* It may have connected while they were refused. */
	if (broker->can_refuse_rights)
		(void)rights_permit(connection->fd, true);
	limits_uncharge(broker->limits, connection->uid, RES_UNADMITTED, 1);
	return 0;
}

static void admission_enter(struct broker *broker, struct connection *connection)
{
	list_add_tail(&broker->connections, &connection->by_use);
	list_add_tail(&connection->person->connections, &connection->in_person);
}

void admission_used(struct broker *broker, struct connection *connection)
{
	list_remove(&connection->by_use);
	list_remove(&connection->in_person);
	admission_enter(broker, connection);
}

/* Those that wait hold a descriptor, too, so that they have a limit. */
static bool admission_wait(struct broker *broker, struct connection *connection)
{
	struct person *person = connection->person;

	if (limits_charge(broker->limits, connection->uid, RES_WAITING, 1) < 0)
		return false;
	if (list_is_empty(&person->waiting))
		list_add_tail(&broker->waiting, &person->in_waiting);
	list_add_tail(&person->waiting, &connection->in_person);
	return true;
}

static void admission_end_wait(struct broker *broker, struct connection *connection)
{
	list_remove(&connection->in_person);
	if (list_is_empty(&connection->person->waiting))
		list_remove(&connection->person->in_waiting);
	limits_uncharge(broker->limits, connection->uid, RES_WAITING, 1);
}

static void admission_refuse(struct broker *broker, struct connection *connection, int r)
{
	log_info("broker: refused a connection of uid %u: %s", connection->uid,
		 r == -EDQUOT ? "all of its user have a request under way"
			      : strerror(-r));
	connection_refuse(broker, connection, r == -EDQUOT || r == -ENOSPC ? -EUSERS : r);
	admission_free(broker, connection);
}

/* ---- new connections --------------------------------------------------------------- */

bool admission_prepare(struct broker *broker)
{
	if (!broker->spare)
		broker->spare = calloc(1, sizeof(*broker->spare));
	if (!broker->spare_closing)
		broker->spare_closing = closing_new(broker->limits, UID_UNKNOWN, 1);
	return broker->spare && broker->spare_closing;
}

/*
 * It is there, whatever its user holds, and only the user's closer may close it if it has
 * unread descriptors. So it counts from here on, above the user's limit if need be.
 */
static int admission_charge_new(struct broker *broker, struct connection *connection)
{
	struct payer payer = {UID_UNKNOWN, 0};
	int r = peer_charge(broker->limits, connection->fd, &payer);

	connection->uid = payer.uid;
	connection->pid = payer.pid;
	connection->counted = r == 0;
	ticket_list_init(&connection->tickets, payer.uid);
	return r;
}

/* On failure it is to be refused, for which it has the spare closing. */
static int admission_begin(struct broker *broker, struct connection *connection)
{
	int r = admission_charge_new(broker, connection);

	if (r == 0)
		connection->closing = closing_new(broker->limits, connection->uid, 1);
	if (!connection->closing) {
		connection->closing = TAKE_PTR(broker->spare_closing);
		return r < 0 ? r : -ENOMEM;
	}
	connection->person = person_get(&broker->persons,
					limits_person(broker->limits, connection->uid));
	return connection->person ? 0 : -ENOMEM;
}

void admission_take(struct broker *broker, int fd)
{
	struct connection *connection = TAKE_PTR(broker->spare);
	int r;

	connection->fd = fd;
	connection->since_ms = now_ms();
	r = admission_begin(broker, connection);
	/* Those of the person that wait already come first. */
	if (r == 0)
		r = list_is_empty(&connection->person->waiting)
			    ? admission_admit(broker, connection)
			    : -EDQUOT;
	if (r == 0)
		admission_enter(broker, connection);
	else if ((r != -EDQUOT && r != -ENOSPC) || !admission_wait(broker, connection))
		admission_refuse(broker, connection, r);
}

/* ---- those that wait --------------------------------------------------------------- */

/* The person ends with its last connection. */
static void admission_refuse_late(struct broker *broker, struct person *person, int r)
{
	struct connection *connection, *after;
	int n = 0;

	list_for_each_safe(connection, after, &person->waiting, in_person) {
		if (now_ms() - connection->since_ms <= WAIT_MAX_MS ||
		    n++ == REFUSED_PER_TURN)
			return;
		admission_end_wait(broker, connection);
		admission_refuse(broker, connection, r);
	}
}

/* Tries the one of @person that waits for the longest time; then others have their turn.
 */
static int admission_try_one(struct broker *broker, struct person *person)
{
	struct connection *connection =
		list_first(&person->waiting, struct connection, in_person);
	int r = admission_admit(broker, connection);

	list_remove(&person->in_waiting);
	list_add_tail(&broker->waiting, &person->in_waiting);
	if (r < 0) {
		admission_refuse_late(broker, person, r);
	} else {
		admission_end_wait(broker, connection);
		admission_enter(broker, connection);
	}
	return r;
}

/* Each person once who has no room, so that none is in the way of others. */
void admission_continue(struct broker *broker)
{
	unsigned failures = 0;
	uid_t first_failed = 0;

	while (!list_is_empty(&broker->waiting) && failures < FAILURES_PER_TURN) {
		struct person *person =
			container_of(broker->waiting.next, struct person, in_waiting);
		uid_t uid = person->uid;

		if (failures > 0 && uid == first_failed)
			return;
		if (admission_try_one(broker, person) < 0 && failures++ == 0)
			first_failed = uid;
	}
}

/* ---- the end ----------------------------------------------------------------------- */

static void admission_end_waits(struct broker *broker)
{
	while (!list_is_empty(&broker->waiting)) {
		struct person *person =
			container_of(broker->waiting.next, struct person, in_waiting);
		struct connection *connection =
			list_first(&person->waiting, struct connection, in_person);

		admission_end_wait(broker, connection);
		admission_free(broker, connection);
	}
}

void admission_finish(struct broker *broker)
{
	struct connection *connection, *after;

	list_splice_tail(&broker->connections, &broker->throttled);
	list_for_each_safe(connection, after, &broker->connections, by_use)
		admission_drop(broker, connection);
	admission_end_waits(broker);
	free(TAKE_PTR(broker->spare));
	closing_end(TAKE_PTR(broker->spare_closing));
	htab_finish(&broker->persons);
}
