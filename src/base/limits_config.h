/* SPDX-License-Identifier: MIT */
/*
 * limits_config.h - which resources have limits, and how high these are
 *
 * The defaults, what follows from them, and what the descriptors of the service permit.
 */
#ifndef DMABUFFS_LIMITS_CONFIG_H
#define DMABUFFS_LIMITS_CONFIG_H

#include <stdint.h>

enum resource {
	RES_EXPORTS,     /* names, and unlinked ones with an open file */
	RES_BYTES,       /* of their buffers */
	RES_ROOTS,       /* open root descriptions */
	RES_OPENS,       /* open files of names, see table_is_crowded() */
	RES_CONNECTIONS, /* to the broker */
	RES_TICKETS,     /* descriptors deposited and not taken yet, see tickets.h */
	RES_CLOSES,     /* descriptors of requests that are still closing, see closer.h */
	RES_ENDED,      /* ended names and connections that are, beside what they were
			   charged as: what is freed can be had again at once */
	RES_UNADMITTED, /* connections that wait, or are refused and not closed yet */
	RES_WAITING,    /* those of them that wait for room: a share of RES_CONNECTIONS */
	RES_OFFLOADS,   /* system calls whose duration a client controls, see offload.h */
	RES_IO,         /* reads and writes of a dma-buf under way, see dmabuf_io.h */
	/* What accelerator contexts hold, in the order of enum accel_resource. */
	RES_CONTEXTS,
	RES_ASIDS,
	RES_SETS,
	RES_QUEUES,
	RES_FILES, /* descriptors of buffers, queues and SVA ASIDs */
	RES_MAPPINGS,
	RES_FENCES,
	RES_MEMORY, /* bytes of device memory */
	RES_PINNED, /* bytes of memory imported by contexts */
	RES_COUNT
};

struct limits_config {
	uint64_t per_uid[RES_COUNT];
	uint64_t per_mount[RES_COUNT];
};

/* The defaults; mount options override some of them, see dmabuffsd(8). */
void limits_config_default(struct limits_config *ret_config);

/* Sets those that are shares of others. */
void limits_config_derive(struct limits_config *config);

/* Lowers the mount's limit of exports to the number of buffers that can be kept. */
void limits_config_fit_buffers(struct limits_config *config, uint64_t n);

/*
 * How many descriptors everything but exports holds at most; below 2^40. The descriptors
 * of one message, which count only once they have arrived, come on top.
 */
uint64_t limits_config_descriptors(const struct limits_config *config);

/*
 * If those are more than @n, lowers the limits of connections, tickets and device
 * descriptors, so that together they fit into 7/8 of @n, from 64 on, and one user cannot
 * hold all of them. The rest is for descriptors that are borrowed, or still closing: of
 * these no fewer are permitted, as close(2) mostly takes no time and a client that is
 * faster than the closer would be refused. Before the first client.
 */
void limits_config_fit_descriptors(struct limits_config *config, uint64_t n);

#endif
