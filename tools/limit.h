/* SPDX-License-Identifier: MIT */
/* limit.h - buffers that are larger than a limit, in words */
#ifndef DMABUFFS_LIMIT_H
#define DMABUFFS_LIMIT_H

#include "cli.h"

/*
 * Reports a buffer that does not fit even if nothing else is exported, with the limit.
 * CODE_OK: there is none that is known. The service refuses it in any case; this is for
 * the message.
 */
int limit_check(const struct cli *cli, struct dmabuffs *instance, const char *what,
		uint64_t bytes);

#endif
