/* SPDX-License-Identifier: MIT */
/* test-offload.c - system calls whose duration a client controls */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/offload.h"
#include "fixture.h"

#define PER_UID 8

static struct limits limits;
static _Atomic bool blocked;
static _Atomic unsigned n_done;
/*
 * Results of the calls. Static, since the calls may outlive the test function, which
 * returns before finish().
 */
static int results[PER_UID];

static void init(void)
{
	struct limits_config config;

	limits_config_default(&config);
	config.per_uid[RES_OFFLOADS] = PER_UID;
	limits_init(&limits, &config);
}

static bool is_idle(void *data)
{
	return limits_used(&limits, RES_OFFLOADS) == 0;
}

static void finish(void)
{
	blocked = false;
	cr_assert(wait_until(is_idle, NULL), "charges of calls are left");
	limits_finish(&limits);
}

TestSuite(offload, .init = init, .fini = finish);

static struct offload *reserve(uid_t uid)
{
	struct offload *offload = NULL;

	cr_assert(zero(int, offload_reserve(&limits, &(struct payer){uid}, &offload)));
	return offload;
}

static bool is_released(void *data)
{
	return !blocked;
}

static void work(void *arg)
{
	wait_until(is_released, NULL);
	*(int *)arg += 1;
	n_done++;
}

/* The service waits for only one second, which can be too short on a loaded machine. */
static bool all_have_returned(void *data)
{
	return offload_wait_all(&limits);
}

Test(offload, cancel)
{
	struct offload *offload = reserve(1);

	cr_assert(eq(u64, limits_used(&limits, RES_OFFLOADS), 1));
	offload_cancel(offload);
	cr_assert(is_idle(NULL));
	offload_cancel(NULL);
}

Test(offload, runs_elsewhere)
{
	results[0] = 41;
	blocked = true;
	cr_assert(zero(int, offload_start(reserve(1), work, &results[0])));
	cr_assert(eq(int, results[0], 41), "the call did not complete");
	cr_assert(eq(u64, limits_used(&limits, RES_OFFLOADS), 1));
	blocked = false;
	cr_assert(wait_until(all_have_returned, NULL));
	cr_assert(eq(int, results[0], 42));
}

Test(offload, is_limited)
{
	struct offload *untouched = (void *)1, *offload = untouched;

	blocked = true;
	for (int i = 0; i < PER_UID; i++)
		cr_assert(zero(int, offload_start(reserve(1), work, &results[i])));
	cr_assert(
		eq(int, offload_reserve(&limits, &(struct payer){1}, &offload), -EBUSY));
	cr_assert(eq(ptr, offload, untouched), "output written on failure");
	offload_cancel(reserve(2));
	blocked = false;
	cr_assert(wait_until(is_idle, NULL));
	offload_cancel(reserve(1));
	cr_assert(eq(uint, n_done, PER_UID));
}

Test(offload, the_end_is_not_held_up)
{
	cr_assert(offload_wait_all(&limits));
	blocked = true;
	cr_assert(zero(int, offload_start(reserve(1), work, &results[0])));
	cr_assert(not(offload_wait_all(&limits)));
}
