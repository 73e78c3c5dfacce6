/* SPDX-License-Identifier: MIT */
/* shapes.h - decodes bytes into the structs of ioctls that are mostly valid */
#ifndef DMABUFFS_FUZZ_SHAPES_H
#define DMABUFFS_FUZZ_SHAPES_H

#include <dmabuffs-accel-ioctl.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"

enum kind { BUFFER, ASID, SET, QUEUE, FENCE, KINDS };

#define IDS 4 /* remembered of each kind */

/* What commands made; requests name it. */
struct objects {
	uint32_t ids[KINDS][IDS]; /* the most recent ones */
	uint8_t n_ids[KINDS];
	uint8_t ticket[DMABUFFS_TICKET_SIZE]; /* the most recent one */
};

/* Mostly the number of an existing command. */
unsigned int shapes_read_command(struct reader *reader);

/* The size of its struct; 0: there is no such command. */
unsigned int shapes_size(unsigned int nr);

/* Reads a valid request without its size into zeroes, then corrupts it. */
void shapes_read(const struct objects *objects, struct reader *reader, uint8_t *body,
		 unsigned int nr);

/* From a reply: the id of what was made, or a ticket. */
void shapes_keep(struct objects *objects, unsigned int nr, const uint8_t *body);

void shapes_put_word(uint8_t *body, size_t offset, uint32_t word);

#endif
