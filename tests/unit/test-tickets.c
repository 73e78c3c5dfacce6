/* SPDX-License-Identifier: MIT */
/* test-tickets.c - descriptors deposited for a later export */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "broker/tickets.h"
#include "fixture.h"

static struct limits limits;
static struct tickets tickets;
/* Two connections of different users. */
static struct ticket_list first, second;

static void init(void)
{
	struct limits_config config;

	cr_assert(ge(int, sodium_init(), 0));
	limits_config_default(&config);
	limits_init(&limits, &config);
	tickets_init(&tickets, &limits);
	ticket_list_init(&first, UID_A);
	ticket_list_init(&second, UID_B);
}

static void finish(void)
{
	tickets_drop(&tickets, &first);
	tickets_drop(&tickets, &second);
	cr_assert(zero(sz, tickets.by_number.n_nodes));
	tickets_finish(&tickets);
	cr_assert(zero(u64, limits_used(&limits, RES_TICKETS)));
	limits_finish(&limits);
}

TestSuite(tickets, .init = init, .fini = finish);

struct number {
	uint8_t bytes[DMABUFFS_TICKET_SIZE];
};

static int add(struct ticket_list *list, struct number *number)
{
	int fd = new_memfd(1);

	cr_assert(zero(int, tickets_add(&tickets, list, fd, number->bytes)));
	return fd;
}

Test(tickets, serve_once)
{
	struct number number;
	int fd = add(&first, &number);

	cr_assert(eq(uint, first.n, 1));
	cr_assert(eq(int, tickets_take(&tickets, number.bytes), fd));
	cr_assert(is_open(fd));
	cr_assert(eq(int, tickets_take(&tickets, number.bytes), -ENOENT));
	cr_assert(eq(uint, first.n, 0));
	cr_assert(list_is_empty(&first.tickets));
	close(fd);
}

Test(tickets, cannot_be_guessed_from_each_other)
{
	struct number number, other;
	int fd = add(&first, &number);

	for (size_t i = 0; i < sizeof(number.bytes); i++) {
		other = number;
		other.bytes[i] ^= 0x10;
		cr_assert(eq(int, tickets_take(&tickets, other.bytes), -ENOENT));
	}
	add(&first, &other);
	cr_assert(ne(int, memcmp(&number, &other, sizeof(number)), 0));
	cr_assert(is_open(fd));
}

Test(tickets, none_is_zero)
{
	cr_assert(eq(int, tickets_take(&tickets, (struct number){{0}}.bytes), -ENOENT));
}

Test(tickets, of_a_connection_are_limited)
{
	struct number numbers[TICKETS_PER_CONNECTION], refused = {{7}};
	int fd = new_memfd(1), taken;

	for (int i = 0; i < TICKETS_PER_CONNECTION; i++)
		add(&first, &numbers[i]);
	cr_assert(eq(int, tickets_add(&tickets, &first, fd, refused.bytes), -EDQUOT));
	cr_assert(is_open(fd), "the caller's descriptor was closed");
	cr_assert(eq(u8, refused.bytes[0], 7), "output written on failure");
	cr_assert(zero(int, tickets_add(&tickets, &second, fd, refused.bytes)));
	taken = tickets_take(&tickets, numbers[5].bytes);
	cr_assert(is_open(taken));
	cr_assert(zero(int, tickets_add(&tickets, &first, taken, refused.bytes)));
}

static void expect_refused(struct ticket_list *list, int error)
{
	uint8_t number[DMABUFFS_TICKET_SIZE];
	int fd = new_memfd(1);
	unsigned n = list->n;

	cr_assert(eq(int, tickets_add(&tickets, list, fd, number), error));
	cr_assert(is_open(fd));
	cr_assert(eq(uint, list->n, n));
	close(fd);
}

Test(tickets, of_a_user_are_limited)
{
	struct ticket_list third;
	struct number number;

	ticket_list_init(&third, UID_A);
	limits.config.per_uid[RES_TICKETS] = 2;
	add(&first, &number);
	add(&third, &number);
	expect_refused(&third, -EDQUOT);
	expect_refused(&first, -EDQUOT);
	close(tickets_take(&tickets, number.bytes));
	add(&first, &number);
	tickets_drop(&tickets, &third);
}

Test(tickets, of_the_mount_are_limited)
{
	struct number number;

	limits.config.per_mount[RES_TICKETS] = 1;
	add(&first, &number);
	expect_refused(&second, -ENOSPC);
	cr_assert(eq(u64, limits_used(&limits, RES_TICKETS), 1));
}

Test(tickets, end_with_their_connection)
{
	struct number numbers[3], other;
	int fds[3], others;

	for (int i = 0; i < 3; i++)
		fds[i] = add(&first, &numbers[i]);
	others = add(&second, &other);
	tickets_drop(&tickets, &first);
	for (int i = 0; i < 3; i++) {
		cr_assert(not(is_open(fds[i])));
		cr_assert(eq(int, tickets_take(&tickets, numbers[i].bytes), -ENOENT));
	}
	cr_assert(zero(uint, first.n));
	cr_assert(eq(int, tickets_take(&tickets, other.bytes), others));
	close(others);
	tickets_drop(&tickets, &first);
}

/* ---- threads ----------------------------------------------------------------------- */

#define THREADS 4
#define N       TICKETS_PER_CONNECTION

static struct number shared[N];
static _Atomic unsigned n_taken;

static void *take_all(void *data)
{
	for (int i = 0; i < N; i++) {
		int fd = tickets_take(&tickets, shared[i].bytes);

		if (fd >= 0) {
			close(fd);
			n_taken++;
		}
	}
	return NULL;
}

Test(tickets, are_taken_by_one_thread)
{
	pthread_t threads[THREADS];

	for (int round = 0; round < 20; round++) {
		n_taken = 0;
		for (int i = 0; i < N; i++)
			add(&first, &shared[i]);
		for (int i = 0; i < THREADS; i++)
			cr_assert(zero(
				int, pthread_create(&threads[i], NULL, take_all, NULL)));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		cr_assert(eq(uint, n_taken, N));
		cr_assert(zero(uint, first.n));
	}
}
