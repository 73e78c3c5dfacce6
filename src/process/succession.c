/* SPDX-License-Identifier: MIT */
#include "process/succession.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "fs/restore.h"
#include "fs/unreplied.h"
#include "process/init.h"
#include "process/keeper.h"
#include "process/predecessor.h"
#include "process/session.h"
#include "crash_point.h"
#include "util.h"

/* Longer ones are compared as far as the ledger has them. */
static int succession_compare_options(const struct service *service)
{
	const char *before = (const char *)service->state.ledger->header->options;

	if (strncmp(before, service->options.text, LEDGER_OPTIONS_MAX - 1) == 0)
		return 0;
	log_error("cannot take over: the options differ, before they were \"%.*s\"",
		  LEDGER_OPTIONS_MAX - 1, before);
	return -EPROTO;
}

int succession_open(struct service *service, struct held *held)
{
	char why[STATE_WHY_SIZE] = "";
	int r = state_open(held->state, held->n_state, &restore_bank_ops, service, why,
			   &service->state);

	if (r < 0) {
		log_error("cannot take over: ledger or bank: %s", why);
		return r;
	}
	held->n_state = 0;
	return succession_compare_options(service);
}

int succession_negotiate(struct service *service, struct held *held,
			 struct loop *ret_loop)
{
	return session_continue(service, TAKE_FD(held->fuse), ret_loop);
}

int succession_await(struct service *service)
{
	struct ledger *ledger = service->state.ledger;
	uint64_t *dev = &service->broker.mount_dev;
	uint64_t owner;
	int r = keeper_await_predecessor(&service->upgraded, dev);

	if (r == 0)
		r = predecessor_wait(ledger, &owner);
	if (r < 0)
		return r;
	CRASH_POINT("takeover-alone");
	/* Not of the ledger, which code in a service can write: it may be another
	 * mount's. */
	if (*dev)
		keeper_know_mount(*dev);
	return predecessor_become(ledger, owner);
}

int succession_restore(struct service *service, struct loop *loop)
{
	int r;

	CRASH_POINT("takeover-confined");
	r = restore(service);
	if (r < 0) {
		log_error("cannot take over: cannot rebuild from the ledger: %s",
			  strerror(-r));
		return r;
	}
	CRASH_POINT("takeover-restored");
	unreplied_finish(service, loop->device);
	CRASH_POINT("takeover-replied");
	r = pending_is_used(&loop->pending) ? pending_collect(&loop->pending)
					    : init_resend(loop->device);
	CRASH_POINT("takeover-resent");
	return r;
}
