/* SPDX-License-Identifier: MIT */
/*
 * broker.c - one kept connection to the broker, for any number of threads and processes
 *
 * A thread that needs the broker takes the idle connection out of the slot, or connects
 * if the slot is empty. It puts the connection back when it is done, or closes it if
 * another thread was faster. A connection that ends is replaced in the same way: each
 * thread needs one of its own, and no thread waits for another.
 *
 * A connection must never serve two processes: their replies would mix, and one would get
 * the other's buffer. So a child of fork(2) closes the inherited connection unused. It
 * recognises itself by its pid and by the mark of same_process.h. A connection that
 * another thread was using at the fork stays open in the child until execve(2) or exit.
 */
#include <string.h>

#include <util.h>

#include "broker.h"
#include "same_process.h"

int broker_slot_init(struct dmabuffs *instance)
{
	atomic_init(&instance->idle, 0);
	return same_process_create(&instance->same_process, NULL);
}

/*
 * The mark is read before the slot is emptied and set after, so a thread that reads it as
 * set cannot find an inherited connection.
 */
static int broker_take_idle(struct dmabuffs *instance)
{
	bool forked = !atomic_load(instance->same_process);
	uint64_t word = atomic_exchange(&instance->idle, 0);
	int fd = (int)(word & UINT32_MAX) - 1;

	if (forked)
		atomic_store(instance->same_process, 1);
	if (fd >= 0 && (forked || (word >> 32) != (uint32_t)getpid())) {
		close_keep_errno(fd);
		fd = -1;
	}
	return fd;
}

void broker_slot_finish(struct dmabuffs *instance)
{
	close_keep_errno(broker_take_idle(instance));
	same_process_destroy(instance->same_process);
}

int broker_get(struct dmabuffs *instance, struct broker_connection *ret_connection)
{
	int fd = broker_take_idle(instance);
	bool kept = fd >= 0;

	if (!kept) {
		int r = broker_connect(instance->root_fd, &fd);

		if (r < 0)
			return r;
	}
	*ret_connection = (struct broker_connection){instance, fd, kept};
	return 0;
}

void broker_put(struct broker_connection *connection)
{
	uint64_t none = 0;
	uint64_t word;

	if (connection->fd < 0)
		return;
	word = (uint64_t)(uint32_t)getpid() << 32 | (uint32_t)(connection->fd + 1);
	if (!atomic_compare_exchange_strong(&connection->instance->idle, &none, word))
		close_keep_errno(connection->fd);
	connection->fd = -1;
}

/* Longer each time, and not equally long in processes that were refused together. */
static void broker_pause(unsigned int n)
{
	uint64_t bound_us = MIN(UINT64_C(1000) << MIN(n, 6U), UINT64_C(50000));
	uint64_t us = bound_us / 2 + now_ns() / 1000 % bound_us;
	struct timespec time = timespec_of_ns(us * 1000);

	(void)nanosleep(&time, NULL);
}

static bool broker_is_crowded(int r)
{
	return r == -EUSERS || r == -ETOOMANYREFS;
}

/* The attempts at one request. */
struct attempts {
	uint64_t start_ms;
	unsigned int made;
	unsigned int lost; /* the connection ended before the reply */
};

static bool broker_may_try_again(struct attempts *attempts, int r)
{
	if (r == -ECONNRESET)
		attempts->lost++;
	else if (!broker_is_crowded(r))
		return false;
	return attempts->lost < BROKER_LOST_MAX &&
	       now_ms() - attempts->start_ms <= BROKER_TIMEOUT_S * 1000;
}

/*
 * Another connection for a request that failed with @r. -ECONNRESET: this one has ended;
 * -EUSERS: the service refuses one more now, or -ETOOMANYREFS: so many requests of this
 * user wait that the kernel takes no further descriptor. All threads that lose their
 * connections with a service come here at once, so they wait for different times, and
 * use the idle one if another thread was faster. -errno: the request fails.
 */
static int broker_replace(struct broker_connection *connection, struct attempts *attempts,
			  int r)
{
	bool was_idle = connection->kept && r == -ECONNRESET;

	close_keep_errno(TAKE_FD(connection->fd));
	if (connection->bound || !broker_may_try_again(attempts, r))
		return r;
	if (!was_idle)
		broker_pause(attempts->made);
	attempts->made++;
	return broker_get(connection->instance, connection);
}

int broker_call(struct broker_connection *connection,
		const struct broker_question *question,
		struct dmabuffs_broker_reply *ret_reply, int *ret_fd)
{
	struct attempts attempts = {.start_ms = now_ms()};
	struct dmabuffs_broker_reply reply;

	for (;;) {
		int r = broker_message(connection->fd, question, &reply, ret_fd);

		if (r >= 0 && reply.error != -EUSERS)
			break;
		r = broker_replace(connection, &attempts, r < 0 ? r : reply.error);
		if (r < 0)
			return r;
	}
	connection->kept = false;
	connection->bound = true;
	if (reply.error < 0)
		return reply.error;
	*ret_reply = reply;
	return 0;
}

int broker_ask(struct dmabuffs *instance, const struct broker_question *question,
	       int *ret_fd)
{
	_cleanup_connection_ struct broker_connection connection = {.fd = -1};
	struct dmabuffs_broker_reply reply;
	int r = broker_get(instance, &connection);

	return r < 0 ? r : broker_call(&connection, question, &reply, ret_fd);
}

int broker_deposit(struct broker_connection *connection, int fd,
		   uint8_t ret_ticket[DMABUFFS_TICKET_SIZE])
{
	const struct broker_question question = {.op = DMABUFFS_BROKER_TICKET, .fd = fd};
	struct dmabuffs_broker_reply reply;
	int r = broker_call(connection, &question, &reply, NULL);

	if (r < 0)
		return r;
	memcpy(ret_ticket, reply.ticket, sizeof(reply.ticket));
	return 0;
}
