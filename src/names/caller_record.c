/* SPDX-License-Identifier: MIT */
#include "names/caller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECURITY_MAX 256 /* bytes of a label, as caller_read() takes */

int caller_store(struct caller *caller, struct ledger *ledger)
{
	struct ledger_caller *record;
	uint32_t slot;
	int r = 0;

	if (caller->record)
		return 0;
	slot = ledger_alloc(ledger, LEDGER_CALLER, 0);
	if (slot == LEDGER_NONE)
		return -ENOSPC;
	record = ledger_caller(ledger, slot);
	record->thread = caller->thread;
	record->pid = (uint32_t)caller->pid;
	memcpy(record->comm, caller->comm, sizeof(record->comm));
	memcpy(record->ns, caller->ns, sizeof(record->ns));
	if (caller->security)
		r = ledger_put_blob(ledger, caller->security, strlen(caller->security),
				    &record->security);
	if (r < 0) {
		ledger_free(ledger, LEDGER_CALLER, slot);
		return -ENOSPC;
	}
	ledger_set_state(record, LEDGER_LIVE);
	caller->ledger = ledger;
	caller->record = slot + 1;
	return 0;
}

static int caller_restore_security(struct ledger *ledger, uint32_t blob, char **ret_text)
{
	char text[SECURITY_MAX + 1];
	ssize_t size = ledger_read_blob(ledger, blob, text, SECURITY_MAX);

	if (size < 0)
		return -EBADMSG;
	if (size == 0)
		return 0;
	*ret_text = strndup(text, (size_t)size);
	return *ret_text ? 0 : -ENOMEM;
}

int caller_restore(struct ledger *ledger, uint32_t slot, struct caller **ret_caller)
{
	const struct ledger_caller *record = ledger_caller(ledger, slot);
	struct caller *caller = calloc(1, sizeof(*caller));
	int r;

	if (!caller)
		return -ENOMEM;
	caller->refs = 1;
	caller->thread = record->thread;
	caller->pid = (pid_t)record->pid;
	memcpy(caller->comm, record->comm, sizeof(caller->comm) - 1);
	memcpy(caller->ns, record->ns, sizeof(caller->ns));
	r = caller_restore_security(ledger, record->security, &caller->security);
	if (r < 0) {
		free(caller);
		return r;
	}
	caller->ledger = ledger;
	caller->record = slot + 1;
	*ret_caller = caller;
	return 0;
}
