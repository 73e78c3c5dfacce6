/* SPDX-License-Identifier: MIT */
/*
 * ledger_private.h - what the files of the ledger share
 *
 * ledger.c makes, maps and closes it, ledger_check.c computes and checks its layout,
 * ledger_record.c allocates, ledger_blob.c stores what has no fixed size, and
 * ledger_takeover.c checks what a predecessor left.
 */
#ifndef DMABUFFS_LEDGER_PRIVATE_H
#define DMABUFFS_LEDGER_PRIVATE_H

#include "store/ledger.h"

/* Fills in sizes, sections and offsets. 0; -EINVAL: a capacity is out of range. */
int ledger_lay_out(const struct ledger_config *config, struct ledger_header *header);

/* Is @fd a memfd that can be mapped for good? Its size; or -errno, as ledger_open(). */
int64_t ledger_check_file(int fd, char ret_why[LEDGER_WHY_SIZE]);

/* Checks a header that a predecessor wrote. 0 or -errno, as ledger_open(). */
int ledger_check_header(const struct ledger_header *header, uint64_t size,
			char ret_why[LEDGER_WHY_SIZE]);

/* Slots are in use as the caller claims them from here on. 0 or -ENOMEM. */
int ledger_reset_places(struct ledger *ledger, enum ledger_kind kind);

/* What a unique stands for, beside enum ledger_kind: the record that it made. */
enum {
	LEDGER_WHAT_ENDED = LEDGER_KINDS, /* the name that it removed */
};

uint32_t ledger_take_chunk(struct ledger *ledger);
void ledger_put_slot(struct ledger *ledger, enum ledger_kind kind, uint32_t slot);

/* The size of a blob, unless it is damaged; 0: no blob of this number can be. */
size_t ledger_blob_size(const struct ledger *ledger, uint32_t blob);

/*
 * For a takeover, which no other thread sees: marks the chunks of a blob, or of all blobs
 * of a record, as used. -EBADMSG: damaged, or used before; then none is marked.
 */
int ledger_claim_blob(struct ledger *ledger, uint32_t blob);
void ledger_unclaim_blob(struct ledger *ledger, uint32_t blob);
int ledger_claim_blobs(struct ledger *ledger, enum ledger_kind kind, uint32_t slot);

#endif
