/* SPDX-License-Identifier: MIT */
#include "base/limits_config.h"

#include <stddef.h>

#include "util.h"

/* Options can set any number; a sum of these does not wrap. */
#define MAX_COUNTED (UINT64_C(1) << 36)

/*
 * Each holds one descriptor. A system call in a thread of its own, or of a dma-buf, may
 * have borrowed one.
 */
static const enum resource limits_config_holders[] = {
	RES_CONNECTIONS, RES_UNADMITTED, RES_TICKETS, RES_CLOSES,
	RES_ENDED,       RES_OFFLOADS,   RES_IO,      RES_FILES,
};

static const struct {
	uint64_t per_uid, per_mount;
} limits_config_defaults[RES_COUNT] = {
	[RES_EXPORTS] = {16384, 262144},
	[RES_BYTES] = {UINT64_C(1) << 40, UINT64_C(1) << 42},
	[RES_ROOTS] = {4096, 65536},
	[RES_OPENS] = {65536, 524288},
	[RES_CONNECTIONS] = {128, 4096},
	[RES_TICKETS] = {64, 1024},
	[RES_CLOSES] = {4096, 32768},
	[RES_ENDED] = {1024, 16384},
	[RES_OFFLOADS] = {32, 4096},
	[RES_IO] = {64, 4096},
	[RES_CONTEXTS] = {2048, 16384},
	[RES_ASIDS] = {16384, 131072},
	[RES_SETS] = {1024, 16384},
	[RES_QUEUES] = {32, 2048},
	[RES_FILES] = {1024, 8192},
	[RES_MAPPINGS] = {262144, 2097152},
	[RES_FENCES] = {4096, 65536},
	[RES_MEMORY] = {UINT64_C(1) << 29, UINT64_C(1) << 46},
	[RES_PINNED] = {UINT64_C(1) << 38, UINT64_C(1) << 42},
};

void limits_config_default(struct limits_config *ret_config)
{
	for (size_t i = 0; i < RES_COUNT; i++) {
		ret_config->per_uid[i] = limits_config_defaults[i].per_uid;
		ret_config->per_mount[i] = limits_config_defaults[i].per_mount;
	}
}

/* Connections that are not admitted hold descriptors, too: a share of the others' room.
 */
void limits_config_derive(struct limits_config *config)
{
	uint64_t connections = config->per_mount[RES_CONNECTIONS];

	config->per_mount[RES_WAITING] = connections / 4;
	config->per_uid[RES_WAITING] = MAX(connections / 8, UINT64_C(1));
	config->per_mount[RES_UNADMITTED] = MAX(connections / 2, UINT64_C(1));
	config->per_uid[RES_UNADMITTED] = config->per_mount[RES_UNADMITTED];
}

static void limits_config_bound(struct limits_config *config, enum resource resource,
				uint64_t n)
{
	config->per_mount[resource] =
		MIN(config->per_mount[resource], MAX(n, UINT64_C(1)));
	config->per_uid[resource] =
		MIN(config->per_uid[resource], MAX(n / 4, UINT64_C(1)));
}

void limits_config_fit_buffers(struct limits_config *config, uint64_t n)
{
	uint64_t *per_mount = &config->per_mount[RES_EXPORTS];

	*per_mount = MIN(*per_mount, n);
}

uint64_t limits_config_descriptors(const struct limits_config *config)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits_config_holders); i++)
		sum += MIN(config->per_mount[limits_config_holders[i]], MAX_COUNTED);
	return sum;
}

/* In sixteenths: 6, 3 for connections that are not admitted, 1 and 4. */
void limits_config_fit_descriptors(struct limits_config *config, uint64_t n)
{
	if (limits_config_descriptors(config) <= n)
		return;
	limits_config_bound(config, RES_CONNECTIONS, n / 8 * 3);
	limits_config_bound(config, RES_TICKETS, n / 16);
	limits_config_bound(config, RES_FILES, n / 4);
	limits_config_derive(config);
}
