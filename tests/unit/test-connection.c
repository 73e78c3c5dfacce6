/* SPDX-License-Identifier: MIT */
/* test-connection.c - replies of the broker, on a pair of sockets */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "broker/connection.h"
#include "broker-client.h"
#include "buffers/closer.h"
#include "fd_identity.h"
#include "fixture.h"
#include "stuck-socket.h"

static struct broker broker;
static struct tickets tickets;
static struct connection connection;
static int client;

static void init(void)
{
	int fds[2];

	fixture_init();
	client_init(&broker, &tickets);
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds)));
	client = fds[0];
	connection.fd = fds[1];
	connection.uid = UID_A;
	ticket_list_init(&connection.tickets, UID_A);
	fixture_limits.config.per_uid[RES_CLOSES] = 8;
}

static bool no_closes(void *data)
{
	return limits_used(&fixture_limits, RES_CLOSES) == 0;
}

static void finish(void)
{
	close(client);
	close(connection.fd);
	tickets_drop(&tickets, &connection.tickets);
	tickets_finish(&tickets);
	cr_assert(wait_until(no_closes, NULL));
	fixture_finish();
}

TestSuite(connection, .init = init, .fini = finish);

/* Receives the reply to the last request, with its descriptor in *ret_fd. */
static struct dmabuffs_broker_reply reply_of(int *ret_fd)
{
	static const uint8_t zeros[DMABUFFS_TICKET_SIZE];
	struct dmabuffs_broker_reply reply;

	cr_assert(zero(int, connection_serve(&broker, &connection)));
	cr_assert(zero(int, client_receive(client, &reply, ret_fd)));
	if (reply.error) {
		cr_assert(eq(int, *ret_fd, -1));
		cr_assert(zero(u32, reply.kind));
		cr_assert(zero(u32, reply.access));
		cr_assert(zero(u64, reply.bytes));
		cr_assert(zero(int, memcmp(reply.ticket, zeros, sizeof(zeros))));
	}
	return reply;
}

static int error_of(unsigned op, int fd)
{
	struct dmabuffs_broker_reply reply;
	int got;

	cr_assert(zero(int, client_request(client, op, fd)));
	reply = reply_of(&got);
	if (got >= 0)
		close(got);
	return reply.error;
}

static int error_of_bytes(const void *data, size_t size, int fd, size_t n_fds)
{
	int got;

	cr_assert(zero(int, client_send(client, data, size, fd, n_fds)));
	return reply_of(&got).error;
}

/* ---- messages ---------------------------------------------------------------------- */

Test(connection, nothing_sent)
{
	int flags = fcntl(connection.fd, F_GETFL);

	cr_assert(zero(int, flags &O_NONBLOCK), "the client's socket is blocking");
	cr_assert(zero(int, connection_serve(&broker, &connection)));
	cr_assert(zero(u64, limits_used(&fixture_limits, RES_CLOSES)));
}

Test(connection, its_end)
{
	close(client);
	cr_assert(eq(int, connection_serve(&broker, &connection), -EPIPE));
	client = -1;
}

Test(connection, an_empty_message)
{
	int memfd = new_memfd(1);

	cr_assert(zero(int, client_send(client, "", 0, -1, 0)));
	cr_assert(eq(int, connection_serve(&broker, &connection), -EPIPE));
	cr_assert(eq(int, error_of_bytes("", 0, memfd, 1), -EINVAL));
	close(memfd);
}

Test(connection, sizes)
{
	struct {
		struct dmabuffs_broker_request request;
		char tail[400];
	} message = {.request = {.op = DMABUFFS_BROKER_TICKET}};
	const size_t first = offsetof(struct dmabuffs_broker_request, ticket);
	const size_t size = sizeof(message.request);
	int memfd = new_memfd(1);

	for (size_t carried = 1; carried < first; carried++) {
		message.request.size = (uint32_t)carried;
		cr_assert(eq(int, error_of_bytes(&message, carried, memfd, 1), -EINVAL));
	}
	message.request.size = (uint32_t)first;
	cr_assert(zero(int, error_of_bytes(&message, first, memfd, 1)),
		  "the first version");
	message.request.size = (uint32_t)first - 1;
	cr_assert(eq(int, error_of_bytes(&message, size, memfd, 1), -EINVAL));
	message.request.size = (uint32_t)size + 1;
	cr_assert(eq(int, error_of_bytes(&message, size, memfd, 1), -EINVAL));
	cr_assert(zero(int, error_of_bytes(&message, size + 1, memfd, 1)), "a zero tail");
	message.tail[0] = 1;
	cr_assert(eq(int, error_of_bytes(&message, size + 1, memfd, 1), -E2BIG));
	message.tail[0] = 0;
	message.request.size = sizeof(message);
	/* The message exceeds the receive buffer, so its tail cannot be checked. */
	cr_assert(lt(int, error_of_bytes(&message, sizeof(message), memfd, 1), 0));
	close(memfd);
}

Test(connection, fields)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request)};
	static const uint32_t unknown[] = {0, 5, 255, UINT32_MAX};
	int memfd = new_memfd(1);

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		cr_assert(eq(int, error_of(unknown[i], memfd), -ENOTTY));
	request.op = DMABUFFS_BROKER_TICKET;
	request.flags = 0x80000000;
	cr_assert(eq(int, error_of_bytes(&request, sizeof(request), memfd, 1),
		     -EOPNOTSUPP));
	request.flags = 0;
	request.reserved = 1;
	cr_assert(eq(int, error_of_bytes(&request, sizeof(request), memfd, 1), -EINVAL));
	request.reserved = 0;
	request.ticket[DMABUFFS_TICKET_SIZE - 1] = 1;
	cr_assert(eq(int, error_of_bytes(&request, sizeof(request), memfd, 1), -EINVAL));
	close(memfd);
}

/* ---- fetch ------------------------------------------------------------------------- */

static struct dmabuffs_broker_reply fetch(const uint8_t ticket[DMABUFFS_TICKET_SIZE],
					  int *ret_fd)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_FETCH};

	memcpy(request.ticket, ticket, sizeof(request.ticket));
	cr_assert(zero(int, client_send(client, &request, sizeof(request), -1, 0)));
	return reply_of(ret_fd);
}

Test(connection, fetch_serves_once)
{
	struct ticket_list elsewhere;
	struct dmabuffs_broker_reply reply;
	uint8_t ticket[DMABUFFS_TICKET_SIZE];
	int memfd = new_memfd(3 * 4096), got;
	unsigned before = count_fds();

	ticket_list_init(&elsewhere, UID_B);
	cr_assert(zero(int, tickets_add(&tickets, &elsewhere, dup(memfd), ticket)));
	reply = fetch(ticket, &got);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(u64, reply.bytes, 3 * 4096));
	cr_assert(eq(u32, reply.kind, DMABUFFS_KIND_MEMFD));
	cr_assert(eq(u32, reply.access, O_RDWR));
	cr_assert(ge(int, got, 0));
	close(got);
	cr_assert(eq(int, fetch(ticket, &got).error, -ENOENT));
	cr_assert(eq(uint, count_fds(), before));
	close(memfd);
}

Test(connection, fetch_takes_no_descriptor)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_FETCH};
	int memfd = new_memfd(1);

	cr_assert(eq(int, error_of_bytes(&request, sizeof(request), memfd, 1), -EINVAL));
	cr_assert(eq(int, error_of_bytes(&request, sizeof(request), -1, 0), -ENOENT));
	close(memfd);
}

/* ---- ready ------------------------------------------------------------------------- */

static int ask_ready(int fd, size_t n_fds)
{
	struct dmabuffs_broker_request request = {.size = sizeof(request),
						  .op = DMABUFFS_BROKER_READY};

	return error_of_bytes(&request, sizeof(request), fd, n_fds);
}

/* The connection is not idle then: the request that could not be sent follows. */
Test(connection, ready_has_no_effect)
{
	int memfd = new_memfd(1);

	cr_assert(zero(int, ask_ready(-1, 0)));
	cr_assert(not(connection.served));
	cr_assert(ne(u64, connection.since_ms, 0));
	cr_assert(eq(int, ask_ready(memfd, 1), -EINVAL));
	close(memfd);
}

Test(connection, ready_keeps_no_connection_busy)
{
	cr_assert(zero(int, ask_ready(-1, 0)));
	connection.since_ms = 1;
	cr_assert(zero(int, ask_ready(-1, 0)));
	cr_assert(connection.served);
	cr_assert(eq(u64, connection.since_ms, 1));
}

Test(connection, ready_takes_no_ticket)
{
	struct dmabuffs_broker_request request = {
		.size = sizeof(request), .op = DMABUFFS_BROKER_READY, .ticket = {1}};

	cr_assert(eq(int, error_of_bytes(&request, sizeof(request), -1, 0), -EINVAL));
}

Test(connection, numbers_of_descriptors)
{
	const struct dmabuffs_broker_request request = {.size = sizeof(request),
							.op = DMABUFFS_BROKER_TICKET};
	static const size_t numbers[] = {0, 2, 3, 253};
	int memfd = new_memfd(1);
	unsigned before = count_fds();

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		cr_assert(eq(int,
			     error_of_bytes(&request, sizeof(request), memfd, numbers[i]),
			     -EINVAL));
	cr_assert(wait_until(no_closes, NULL));
	cr_assert(eq(uint, count_fds(), before));
	close(memfd);
}

/* One connection does not starve the others. */
Test(connection, a_turn_is_bounded)
{
	struct dmabuffs_broker_reply reply;
	int memfd = new_memfd(1), fd, n = 0;

	for (int i = 0; i < 10; i++)
		cr_assert(zero(int, client_request(client, 77, memfd)));
	cr_assert(zero(int, connection_serve(&broker, &connection)));
	fcntl(client, F_SETFL, O_NONBLOCK);
	while (client_receive(client, &reply, &fd) == 0)
		n++;
	cr_assert(gt(int, n, 0));
	cr_assert(lt(int, n, 10));
	cr_assert(zero(int, connection_serve(&broker, &connection)));
	while (client_receive(client, &reply, &fd) == 0)
		n++;
	cr_assert(eq(int, n, 10));
	close(memfd);
}

/* A client that does not read its replies is disconnected. */
Test(connection, a_slow_reader)
{
	int r = 0;

	log_set_level(LOG_ERR);
	fcntl(client, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 100000 && r == 0; i++) {
		client_send(client, "", 1, -1, 0);
		r = connection_serve(&broker, &connection);
	}
	cr_assert(eq(int, r, -EPIPE));
}

/* ---- exchange ---------------------------------------------------------------------- */

static void expect_exchange(int access)
{
	struct export *export;
	int name = client_open_name(&broker, access, &export), fd;
	struct dmabuffs_broker_reply reply;
	uint64_t dev, ino;

	cr_assert(zero(int, client_request(client, DMABUFFS_BROKER_EXCHANGE, name)));
	reply = reply_of(&fd);
	cr_assert(zero(int, reply.error));
	cr_assert(eq(u32, reply.kind, DMABUFFS_KIND_MEMFD));
	cr_assert(eq(u32, reply.access, access));
	cr_assert(eq(u64, reply.bytes, 4096));
	cr_assert(eq(int, fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), access));
	cr_assert(zero(int, fd_identity(fd, &dev, &ino)));
	cr_assert(eq(u64, dev, export->buffer.dev));
	cr_assert(eq(u64, ino, export->buffer.ino));
	close(fd);
	client_close_name(&broker, name, export);
}

Test(connection, exchange)
{
	unsigned before = count_fds();

	expect_exchange(O_RDONLY);
	expect_exchange(O_WRONLY);
	expect_exchange(O_RDWR);
	cr_assert(eq(uint, count_fds(), before));
}

Test(connection, exchange_after_the_name_ended)
{
	struct export *export;
	int name = client_open_name(&broker, O_RDWR, &export);

	cr_assert(table_unname(&fixture_table, export, DMABUFFS_ENDED_UNLINKED));
	cr_assert(zero(int, error_of(DMABUFFS_BROKER_EXCHANGE, name)),
		  "rejected an opened file");
	client_close_name(&broker, name, export);
}

Test(connection, exchange_of_what_was_revoked)
{
	struct export *export;
	int name = client_open_name(&broker, O_RDWR, &export);

	export->revoked = true;
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, name), -ESTALE));
	client_close_name(&broker, name, export);
}

Test(connection, exchange_without_an_open)
{
	struct export *export;
	int name = client_open_name(&broker, O_RDWR, &export);

	table_close(&fixture_table, export);
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, name), -EBADFD));
	cr_assert(table_open(&fixture_table, export));
	client_close_name(&broker, name, export);
}

Test(connection, exchange_of_strangers)
{
	struct export *export;
	int name = client_open_name(&broker, O_RDWR, &export), memfd = new_memfd(1), path;

	path = reopen(name, O_PATH);
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, path), -EBADFD));
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, memfd), -EBADFD));
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, client), -EBADFD));
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, STDERR_FILENO), -EBADFD));
	close(path);
	path = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(eq(int, error_of(DMABUFFS_BROKER_EXCHANGE, path), -EBADFD),
		  "no export");
	close(path);
	close(memfd);
	client_close_name(&broker, name, export);
}

/* ---- tickets ----------------------------------------------------------------------- */

static struct dmabuffs_broker_reply deposit(int fd)
{
	struct dmabuffs_broker_reply reply;
	int got;

	cr_assert(zero(int, client_request(client, DMABUFFS_BROKER_TICKET, fd)));
	reply = reply_of(&got);
	cr_assert(eq(int, got, -1));
	return reply;
}

Test(connection, ticket)
{
	int memfd = new_memfd(123), fd;
	struct dmabuffs_broker_reply reply = deposit(memfd);
	uint64_t dev[2], ino[2];

	cr_assert(zero(int, reply.error));
	cr_assert(eq(u32, reply.kind, DMABUFFS_KIND_MEMFD));
	cr_assert(eq(u32, reply.access, O_RDWR));
	cr_assert(eq(u64, reply.bytes, 123));
	fd = tickets_take(&tickets, reply.ticket);
	cr_assert(zero(int, fd_identity(memfd, &dev[0], &ino[0])));
	cr_assert(zero(int, fd_identity(fd, &dev[1], &ino[1])));
	cr_assert(eq(u64, dev[0], dev[1]));
	cr_assert(eq(u64, ino[0], ino[1]));
	close(fd);
	close(memfd);
}

Test(connection, tickets_are_limited)
{
	int memfd = new_memfd(1);

	for (int i = 0; i < TICKETS_PER_CONNECTION; i++)
		cr_assert(zero(int, deposit(memfd).error));
	cr_assert(eq(int, deposit(memfd).error, -EDQUOT));
	close(memfd);
}

Test(connection, no_ticket_for_strangers)
{
	int memfd = new_memfd(1), path = reopen(memfd, O_PATH);

	cr_assert(eq(int, deposit(path).error, -EBADFD));
	cr_assert(eq(int, deposit(client).error, -EBADFD));
	cr_assert(eq(int, deposit(STDERR_FILENO).error, -EBADFD));
	cr_assert(zero(sz, tickets.by_number.n_nodes));
	close(path);
	close(memfd);
}

/* ---- its end ----------------------------------------------------------------------- */

static bool connection_is_closed(void *data)
{
	return !is_open(*(int *)data);
}

/* What the peer has sent is closed elsewhere, however much of its user is closing. */
static void expect_closed_elsewhere(bool admitted)
{
	enum resource charged = admitted ? RES_CONNECTIONS : RES_UNADMITTED;
	const struct payer payer = {UID_A, 0};
	int peer, stuck = stuck_socket(&peer);
	struct connection *ended = calloc(1, sizeof(*ended));
	int fd = connection.fd;

	cr_assert(zero(int, closer_start()));
	fixture_limits.config.per_uid[RES_ENDED] = 0;
	cr_assert(zero(
		int, limits_charge_process_anyway(&fixture_limits, &payer, charged, 1)));
	*ended = (struct connection){
		.fd = fd, .uid = UID_A, .admitted = admitted, .counted = !admitted};
	ended->closing = closing_new(&fixture_limits, UID_A, 1);
	cr_assert(zero(int, client_request(client, DMABUFFS_BROKER_TICKET, stuck)));
	close(stuck);
	connection_close(&broker, ended);
	free(ended);
	cr_assert(eq(u64, limits_used(&fixture_limits, charged), 1));
	close(peer);
	cr_assert(wait_until(connection_is_closed, &fd));
	cr_assert(closer_stop());
	cr_assert(zero(u64, limits_used(&fixture_limits, charged)));
	connection.fd = -1;
}

Test(connection, is_closed_elsewhere)
{
	expect_closed_elsewhere(true);
}

Test(connection, is_closed_elsewhere_if_it_was_not_admitted)
{
	expect_closed_elsewhere(false);
}

/* It holds no descriptor of the service, whatever of its user is closing. */
Test(connection, is_closed_at_once_if_nothing_is_unread)
{
	const struct payer payer = {UID_A, 0};
	int peer, fd = connection.fd;
	struct closing *stuck;

	cr_assert(zero(int, closer_start()));
	cr_assert(zero(int, closing_reserve(&fixture_limits, &payer, 1, &stuck)));
	closing_add(stuck, stuck_socket(&peer));
	closing_end(stuck);
	cr_assert(zero(int, limits_charge_process_anyway(&fixture_limits, &payer,
							 RES_UNADMITTED, 1)));
	connection.counted = true;
	connection.closing = closing_new(&fixture_limits, UID_A, 1);
	cr_assert(zero(int, client_send(client, "plain", 5, -1, 0)));
	connection_close(&broker, &connection);
	cr_assert(not(is_open(fd)));
	cr_assert(zero(u64, limits_used(&fixture_limits, RES_UNADMITTED)));
	close(peer);
	cr_assert(closer_stop());
	connection.fd = -1;
}

/* ---- limits ------------------------------------------------------------------------ */

/* A user whose rejected descriptors are still closing is not served. */
Test(connection, must_wait_for_refused_descriptors)
{
	struct closing *jobs[8];
	int memfd = new_memfd(1), fd;

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		cr_assert(zero(int,
			       closing_reserve(&fixture_limits, &(struct payer){UID_A, 0},
					       0, &jobs[i])));
	cr_assert(zero(int, client_request(client, DMABUFFS_BROKER_TICKET, memfd)));
	cr_assert(eq(int, connection_serve(&broker, &connection), -EBUSY));
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		closing_end(jobs[i]);
	cr_assert(zero(int, reply_of(&fd).error), "the message was lost");
	close(memfd);
}
