/* SPDX-License-Identifier: MIT */
#include "fs/restore.h"

#include <unistd.h>

static void restore_dropped(const struct bank_item *item, int fd, void *data)
{
	struct service *service = data;

	leaving_dropped(&service->table.leaving, item, fd);
}

static void restore_kept(const struct bank_item *item, int fd, void *data)
{
	close(fd);
}

const struct bank_ops restore_bank_ops = {
	.dropped = restore_dropped,
	.kept = restore_kept,
};

int restore(struct service *service)
{
	struct ledger_losses losses;

	return ledger_take_over(service->state.ledger, &losses);
}

void restore_finish(struct service *service)
{
}
