/* SPDX-License-Identifier: MIT */
#include "store/state.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "util.h"

/* Where a table has few places, fewer queues take them; those are turned more often. */
#define STATE_FEW_FDS    1024
#define STATE_FEW_QUEUES 2

static uint32_t state_n_queues(uint32_t usual)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < STATE_FEW_FDS
		       ? STATE_FEW_QUEUES
		       : usual;
}

int state_create(uint64_t n_exports, const struct bank_ops *ops, void *data,
		 struct state *ret_state)
{
	struct ledger_config config;
	struct state state = {0};
	int r;

	ledger_config_for((uint32_t)MIN(n_exports, UINT32_MAX), &config);
	config.n_queues = state_n_queues(config.n_queues);
	r = ledger_create(&config, &state.ledger);
	if (r == 0)
		r = bank_create(
			state_accel_slot(state.ledger, config.capacity[LEDGER_ACCEL]),
			config.n_queues, ops, data, &state.bank);
	if (r < 0)
		state_close(&state);
	else
		*ret_state = state;
	return r;
}

static int state_open_bank(const struct ledger *ledger, const int *fds, unsigned n,
			   const struct bank_ops *ops, void *data,
			   char ret_why[STATE_WHY_SIZE], struct bank **ret_bank)
{
	uint32_t n_queues = ledger->n_queues;

	if (n != n_queues) {
		(void)snprintf(ret_why, STATE_WHY_SIZE, "%u of %u queues", n, n_queues);
		return -EPROTO;
	}
	return bank_open(fds, n,
			 state_accel_slot(ledger, ledger->places[LEDGER_ACCEL].capacity),
			 ops, data, ret_why, ret_bank);
}

int state_open(const int *fds, unsigned n, const struct bank_ops *ops, void *data,
	       char ret_why[STATE_WHY_SIZE], struct state *ret_state)
{
	struct state state = {.inherited = true};
	int r;

	if (n == 0) {
		(void)snprintf(ret_why, STATE_WHY_SIZE, "no ledger");
		return -EPROTO;
	}
	r = ledger_open(fds[0], ret_why, &state.ledger);
	if (r < 0)
		return r;
	r = state_open_bank(state.ledger, fds + 1, n - 1, ops, data, ret_why,
			    &state.bank);
	if (r < 0) {
		/* It is the caller's still. */
		state.ledger->fd = -1;
		state_close(&state);
		return r;
	}
	*ret_state = state;
	return 0;
}

unsigned state_n_fds(const struct state *state)
{
	return 1 + state->ledger->n_queues;
}

int state_fd(const struct state *state, unsigned nth)
{
	return nth == 0 ? state->ledger->fd : bank_fd(state->bank, nth - 1);
}

void state_close(struct state *state)
{
	ledger_close(state->ledger);
	bank_close(state->bank);
	*state = (struct state){0};
}
