/* SPDX-License-Identifier: MIT */
/*
 * contrast.h - in what the two classes of probes differ
 *
 * Probes of one class share bits with names that exist, those of the other with decoys:
 * random UUIDs that are no names. All else is alike, so a difference of their times tells
 * that the shared bits exist.
 */
#ifndef DMABUFFS_TIMING_CONTRAST_H
#define DMABUFFS_TIMING_CONTRAST_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_BITS 128

enum side { SIDE_LEADING, SIDE_TRAILING };

struct contrast {
	unsigned bits; /* shared with a name or a decoy, a multiple of 8; 0: the classes
			  are alike; UUID_BITS: probes are the names themselves */
	enum side side;
};

const char *contrast_side_name(const struct contrast *contrast);

/* True if probes of names are absent, as those of decoys always are. */
bool contrast_is_absent(const struct contrast *contrast);

/*
 * Whether a UUID can be a name, or a decoy. With 1,000 names each byte is the first one
 * of some name, and no decoy would differ in eight bits from all. So names have one half
 * of the bytes there, decoys the other. The halves have each hexadecimal digit equally
 * often at each place: what parses the text does not differ.
 */
bool contrast_admits(const struct contrast *contrast, const uint8_t uuid[16], bool name);

/* Replaces the shared bits of @probe by those of @model. */
void contrast_share(const struct contrast *contrast, const uint8_t model[16],
		    uint8_t probe[16]);

#endif
