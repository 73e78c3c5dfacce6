/* SPDX-License-Identifier: MIT */
/*
 * test-lib-tickets.c - tickets of libdmabuffs that are lost with the service
 *
 * A ticket ends with the service that made it. If another one takes over, it does not
 * know the ticket, and the library asks for another one, a few times.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dmabuffs-accel.h>

#include "../support/make-memfd.h"
#include "broker.h"
#include "fake-device.h"

#define CONTROL   77 /* never used by a system call */
#define CONTEXT   78
#define CALLS     8
#define TICKETS   4 /* that a call asks for */
#define UNTOUCHED 0xabcdU

static struct fake_broker broker;
static int memfd = -1;

/* The commands of the client, on .control or the context. */
static struct {
	unsigned int calls;
	int errors[CALLS];
	bool killed[CALLS]; /* the service is, before the command */
	uint8_t tickets[CALLS][2];
	int fds[CALLS];
	uint32_t flags[CALLS];
} service;

/* The deposits and fetches. */
static ino_t deposits[CALLS];
static unsigned int lost_replies;

static void record(unsigned int n, uint32_t flags, int fd, uint8_t first, uint8_t second)
{
	service.flags[n] = flags;
	service.fds[n] = fd;
	service.tickets[n][0] = first;
	service.tickets[n][1] = second;
}

static void record_command(unsigned int n, unsigned long request, const void *arg)
{
	const struct dmabuffs_accel_import *import = arg;
	const struct dmabuffs_accel_sva *sva = arg;
	const struct dmabuffs_export *export = arg;

	if (request == DMABUFFS_IOC_EXPORT)
		record(n, export->flags, export->fd, export->ticket[0], 0);
	else if (request == DMABUFFS_ACCEL_IOC_BUFFER_IMPORT)
		record(n, import->flags, import->fd, import->ticket[0], 0);
	else if (request == DMABUFFS_ACCEL_IOC_ASID_SVA)
		record(n, sva->flags, sva->mem, sva->mem_ticket[0], sva->maps_ticket[0]);
}

static void reply_to_command(unsigned int n, unsigned long request, void *arg)
{
	if (request == DMABUFFS_IOC_EXPORT)
		memset(((struct dmabuffs_export *)arg)->uuid, 9, DMABUFFS_UUID_SIZE);
	else if (request == DMABUFFS_ACCEL_IOC_BUFFER_IMPORT)
		((struct dmabuffs_accel_import *)arg)->id = 5;
	else if (request == DMABUFFS_ACCEL_IOC_ASID_SVA)
		((struct dmabuffs_accel_sva *)arg)->id = 5;
	else if (request == DMABUFFS_ACCEL_IOC_OPEN)
		memset(((struct dmabuffs_accel_open *)arg)->ticket, (int)n + 1,
		       DMABUFFS_TICKET_SIZE);
}

static int command(int fd, unsigned long request, void *arg)
{
	unsigned int n = service.calls++;

	cr_assert(lt(u32, n, CALLS));
	cr_assert(eq(int, fd, request == DMABUFFS_IOC_EXPORT ? CONTROL : CONTEXT));
	record_command(n, request, arg);
	if (service.killed[n]) {
		fake_broker_kill(&broker);
		fake_broker_restart(&broker);
	}
	if (service.errors[n] == 0)
		reply_to_command(n, request, arg);
	return service.errors[n];
}

static ino_t inode(int fd)
{
	struct stat status;

	cr_assert(zero(int, fstat(fd, &status)));
	return status.st_ino;
}

/* Tickets are numbered from 1. */
static bool give_ticket(int connection, unsigned int number, int fd)
{
	struct dmabuffs_broker_reply reply = {.size = sizeof(reply)};
	unsigned int n = broker.requests - 1;

	cr_assert(lt(u32, n, CALLS));
	cr_assert(eq(u32, broker.op, DMABUFFS_BROKER_TICKET));
	deposits[n] = inode(fd);
	if (n < lost_replies)
		return false;
	memset(reply.ticket, (int)n + 1, sizeof(reply.ticket));
	fake_send(connection, &reply, sizeof(reply), -1, 0);
	return true;
}

static bool give_one_ticket(int connection, unsigned int number, int fd)
{
	return give_ticket(connection, number, fd) && number > 1;
}

static void start(void)
{
	fake_broker_start(&broker, give_ticket, false);
	broker.instance.control_fd = CONTROL;
	fake_device_command = command;
	service.errors[0] = -EREMOTE;
	memfd = new_memfd(0);
}

static void finish(void)
{
	fake_device_command = NULL;
	close(memfd);
	fake_broker_stop(&broker);
}

TestSuite(tickets, .init = start, .fini = finish);

/* The @n commands behind the first one. */
static void lose_tickets(unsigned int n)
{
	for (unsigned int i = 1; i <= n; i++) {
		service.killed[i] = n < TICKETS;
		service.errors[i] = -ENOENT;
	}
}

/* ---- of an export ------------------------------------------------------------------ */

static int export(void)
{
	dmabuffs_uuid uuid = {{1}};
	int r = dmabuffs_export(&broker.instance, memfd, NULL, &uuid);

	cr_assert(eq(u8, uuid.bytes[0], r < 0 ? 1 : 9));
	return r;
}

static void expect_deposits(unsigned int n)
{
	cr_assert(eq(u32, broker.requests, n));
	for (unsigned int i = 0; i < n; i++)
		cr_assert(eq(u64, deposits[i], inode(memfd)), "another descriptor");
}

static void expect_call_with_ticket(unsigned int n, uint8_t first, uint8_t second,
				    uint32_t flag)
{
	cr_assert(eq(u8, service.tickets[n][0], first));
	cr_assert(eq(u8, service.tickets[n][1], second));
	cr_assert(eq(u32, service.flags[n], flag));
	cr_assert(eq(int, service.fds[n], -1));
}

Test(tickets, of_an_export_that_is_not_lost)
{
	cr_assert(zero(int, export()));
	cr_assert(eq(u32, service.calls, 2));
	expect_deposits(1);
	expect_call_with_ticket(1, 1, 0, DMABUFFS_EXPORT_TICKET);
}

Test(tickets, of_an_export_with_the_service)
{
	service.killed[1] = true;
	service.errors[1] = -ENOENT;
	cr_assert(zero(int, export()));
	cr_assert(eq(u32, service.calls, 3));
	cr_assert(eq(u32, broker.connections, 2));
	expect_deposits(2);
	expect_call_with_ticket(2, 2, 0, DMABUFFS_EXPORT_TICKET);
}

Test(tickets, of_an_export_with_several_services)
{
	lose_tickets(TICKETS - 1);
	cr_assert(zero(int, export()));
	expect_deposits(TICKETS);
	expect_call_with_ticket(TICKETS, TICKETS, 0, DMABUFFS_EXPORT_TICKET);
}

Test(tickets, of_an_export_a_few_times_only)
{
	lose_tickets(TICKETS);
	cr_assert(eq(int, export(), -ENOENT));
	cr_assert(eq(u32, service.calls, 1 + TICKETS));
	expect_deposits(TICKETS);
}

/* A ticket that the service made just before it was killed ends with the connection. */
Test(tickets, of_an_export_before_the_reply)
{
	lost_replies = 2;
	cr_assert(zero(int, export()));
	cr_assert(eq(u32, service.calls, 2));
	expect_deposits(3);
	expect_call_with_ticket(1, 3, 0, DMABUFFS_EXPORT_TICKET);
}

Test(tickets, of_an_export_that_is_refused)
{
	service.errors[1] = -EDQUOT;
	cr_assert(eq(int, export(), -EDQUOT));
	cr_assert(eq(u32, service.calls, 2));
	expect_deposits(1);
}

/* ---- of a context ------------------------------------------------------------------ */

static int import(void)
{
	uint32_t id = UNTOUCHED;
	int r = dmabuffs_accel_import_buffer(&broker.instance, CONTEXT, memfd, &id);

	cr_assert(eq(u32, id, r < 0 ? UNTOUCHED : 5));
	return r;
}

Test(tickets, of_an_import_with_the_service)
{
	service.killed[1] = true;
	service.errors[1] = -ENOENT;
	cr_assert(zero(int, import()));
	cr_assert(eq(u32, service.calls, 3));
	expect_deposits(2);
	expect_call_with_ticket(2, 2, 0, DMABUFFS_ACCEL_TICKET);
}

Test(tickets, of_an_import_with_several_services)
{
	lose_tickets(TICKETS - 1);
	cr_assert(zero(int, import()));
	expect_deposits(TICKETS);
	expect_call_with_ticket(TICKETS, TICKETS, 0, DMABUFFS_ACCEL_TICKET);
}

Test(tickets, of_an_import_a_few_times_only)
{
	lose_tickets(TICKETS);
	cr_assert(eq(int, import(), -ENOENT));
	cr_assert(eq(u32, service.calls, 1 + TICKETS));
	expect_deposits(TICKETS);
}

static int bind_self(void)
{
	uint32_t id = UNTOUCHED;
	int r = dmabuffs_accel_bind_self(&broker.instance, CONTEXT, 0, 0, &id);

	cr_assert(eq(u32, id, r < 0 ? UNTOUCHED : 5));
	return r;
}

/* The pairs of deposits are of the same two files. */
static void expect_pairs(unsigned int first, unsigned int second)
{
	cr_assert(ne(u64, deposits[first], deposits[first + 1]));
	cr_assert(eq(u64, deposits[second], deposits[first]));
	cr_assert(eq(u64, deposits[second + 1], deposits[first + 1]));
}

Test(tickets, of_a_binding_with_the_service)
{
	service.killed[1] = true;
	service.errors[1] = -ENOENT;
	cr_assert(zero(int, bind_self()));
	cr_assert(eq(u32, service.calls, 3));
	cr_assert(eq(u32, broker.requests, 4));
	expect_pairs(0, 2);
	expect_call_with_ticket(2, 3, 4, DMABUFFS_ACCEL_TICKET);
}

/* The first ticket ends with the connection that the second one would need. */
Test(tickets, of_a_binding_between_the_two)
{
	broker.answer = give_one_ticket;
	cr_assert(zero(int, bind_self()));
	cr_assert(eq(u32, service.calls, 2));
	cr_assert(eq(u32, broker.requests, 3));
	cr_assert(eq(u32, broker.connections, 2));
	cr_assert(eq(u64, deposits[0], deposits[1]));
	expect_call_with_ticket(1, 2, 3, DMABUFFS_ACCEL_TICKET);
}

Test(tickets, of_a_binding_with_several_services)
{
	lose_tickets(TICKETS - 1);
	cr_assert(zero(int, bind_self()));
	cr_assert(eq(u32, broker.requests, 2 * TICKETS));
	expect_pairs(0, 2 * TICKETS - 2);
	expect_call_with_ticket(TICKETS, 2 * TICKETS - 1, 2 * TICKETS,
				DMABUFFS_ACCEL_TICKET);
}

Test(tickets, of_a_binding_a_few_times_only)
{
	lose_tickets(TICKETS);
	cr_assert(eq(int, bind_self(), -ENOENT));
	cr_assert(eq(u32, service.calls, 1 + TICKETS));
	cr_assert(eq(u32, broker.requests, 2 * TICKETS));
}

/* ---- to fetch ---------------------------------------------------------------------- */

/* The service has the tickets from here on. */
static uint8_t first_valid;

static bool give_fetched(int connection, unsigned int number, int fd)
{
	const struct dmabuffs_broker_reply unknown = {.size = sizeof(unknown),
						      .error = -ENOENT};

	cr_assert(eq(u32, broker.op, DMABUFFS_BROKER_FETCH));
	if (broker.requests <= lost_replies)
		return false;
	if (broker.ticket >= first_valid)
		return fake_answer_echo(connection, number, memfd);
	fake_send(connection, &unknown, sizeof(unknown), -1, 0);
	return true;
}

static int fetch(void)
{
	int fd = -7;
	int r = dmabuffs_accel_buffer_fd(&broker.instance, CONTEXT, 42, &fd);

	if (r < 0) {
		cr_assert(eq(int, fd, -7));
		return r;
	}
	cr_assert(eq(u64, inode(fd), inode(memfd)));
	close(fd);
	return 0;
}

static void start_fetch(void)
{
	start();
	service.errors[0] = 0;
	broker.answer = give_fetched;
}

TestSuite(fetch, .init = start_fetch, .fini = finish);

/* The service that did not read the request still has it. */
Test(fetch, again_before_it_was_executed)
{
	first_valid = 1;
	broker.unread = 1;
	cr_assert(zero(int, fetch()));
	cr_assert(eq(u32, service.calls, 1));
	cr_assert(eq(u32, broker.requests, 1));
}

Test(fetch, again_after_it_was_executed)
{
	first_valid = 2;
	lost_replies = 1;
	cr_assert(zero(int, fetch()));
	cr_assert(eq(u32, service.calls, 2));
	cr_assert(eq(u32, broker.requests, 3));
}

Test(fetch, by_the_last_ticket)
{
	first_valid = TICKETS;
	cr_assert(zero(int, fetch()));
	cr_assert(eq(u32, service.calls, TICKETS));
	cr_assert(eq(u32, broker.requests, TICKETS));
}

Test(fetch, by_a_few_tickets_only)
{
	first_valid = TICKETS + 1;
	cr_assert(eq(int, fetch(), -ENOENT));
	cr_assert(eq(u32, service.calls, TICKETS));
	cr_assert(eq(u32, broker.requests, TICKETS));
}
